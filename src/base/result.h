// A value or the reason why there is none: how every room reports what may fail.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace polymq {

/// A failure that is only ever told to a person. Rooms whose callers must tell failures apart
/// define an error type of their own and use Result<T, ThatError>.
struct Error {
  std::string text;
};

/// Errors are values; exceptions are for the exceptional and never cross a message's path.
template <class T, class E = Error>
using Result = tl::expected<T, E>;

/// `return fail("no such file");`
inline tl::unexpected<Error> fail(std::string text) {
  return tl::make_unexpected(Error{std::move(text)});
}

}  // namespace polymq
