// Protocol errors as values: a reply code, an explanation, and the method at fault
// (docs/features.md: Errors).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "amqp091/method.h"
#include "base/result.h"
#include "engine/error.h"

namespace polymq::amqp091 {

enum class ReplyCode : std::uint16_t {
  kSuccess = 200,
  kNoRoute = 312,
  kConnectionForced = 320,
  kAccessRefused = 403,
  kNotFound = 404,
  kResourceLocked = 405,
  kPreconditionFailed = 406,
  kFrameError = 501,
  kSyntaxError = 502,
  kCommandInvalid = 503,
  kChannelError = 504,
  kUnexpectedFrame = 505,
  kResourceError = 506,
  kNotAllowed = 530,
  kNotImplemented = 540,
  kInternalError = 541,
};

/// "PRECONDITION_FAILED" and so on.
std::string_view code_name(ReplyCode code);

/// Soft codes close the channel, hard ones the connection.
constexpr bool is_hard(ReplyCode code) {
  return code == ReplyCode::kConnectionForced || static_cast<std::uint16_t>(code) >= 500;
}

struct ProtocolError {
  ReplyCode code;
  std::string explanation;
  MethodId method{};  // 0/0: the one being handled, unless no method is at fault
  bool no_method = false;
  /// `NAME - explanation`, or the name alone.
  std::string text() const;
  /// The same as a short string holds it: what is too long ends in `...`.
  std::string reply_text() const;
};

template <class T>
using ProtocolResult = Result<T, ProtocolError>;

inline tl::unexpected<ProtocolError> protocol_error(ReplyCode code, std::string explanation) {
  return tl::make_unexpected(ProtocolError{code, std::move(explanation)});
}

ProtocolError to_protocol(engine::EngineError error);

}  // namespace polymq::amqp091
