// Makes a Request of the octets of one: Boost.Beast's parser behind a narrow header.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "http/limits.h"
#include "http/message.h"

namespace polymq::http {

/// Why a request is not served. The connection cannot go on behind it.
struct Refusal {
  int status;
  std::string_view text;  // a literal
};

/// For one request. First the head, then pieces of the body until complete().
class RequestReader {
 public:
  explicit RequestReader(const Limits& limits);
  ~RequestReader();
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;

  /// `head`: as HeadScanner found it, whole.
  std::optional<Refusal> read_head(std::string_view head);
  /// Takes what it can of `input` and sets `used` to how much that was; the rest, which may be the
  /// next request's, is handed in again with more behind it.
  std::optional<Refusal> read_body(std::string_view input, std::size_t& used);

  // Behind read_head():
  bool complete() const;
  bool keeps_alive() const;
  bool expects_continue() const;
  const Request& request() const;
  /// When it is complete. The reader is used up.
  Request take();

 private:
  class Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace polymq::http
