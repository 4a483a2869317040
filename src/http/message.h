// A request as a service gets it, and the response it gives.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace polymq::http {

enum class Method : std::uint8_t {
  kGet,
  kHead,
  kPost,
  kPut,
  kDelete,
  kPatch,
  kOptions,
  kOther,  // see method_text()
};

/// A complete request. Owns its bytes: it may be moved and kept; views into it hold while it is not
/// moved.
class Request {
 public:
  Request() = default;
  Request(Request&&) noexcept = default;
  Request& operator=(Request&&) noexcept = default;
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  Method method() const { return method_; }
  std::string_view method_text() const { return text(method_text_); }
  /// As the client wrote it, still percent-encoded; of an absolute URL only what follows the
  /// authority. "*" for OPTIONS of the server as a whole.
  std::string_view path() const { return text(path_); }
  /// What follows the first `?`, as the client wrote it.
  std::string_view query() const { return text(query_); }
  bool http_1_0() const { return http_1_0_; }

  /// Whom the client thinks it talks to: the authority of an absolute target, else the Host field.
  /// Empty in requests of HTTP/1.0 that do not say.
  std::string_view host() const { return text(host_); }
  /// The value of the first field of this name, whatever its case, without blanks around it.
  std::optional<std::string_view> header(std::string_view name) const;
  std::size_t header_count() const { return fields_.size(); }
  /// Name and value in the order of arrival.
  std::pair<std::string_view, std::string_view> header_at(std::size_t index) const {
    return {text(fields_[index].name), text(fields_[index].value)};
  }

  /// To be moved away by whoever wants to keep it.
  std::string body;

 private:
  friend class RequestReader;
  /// A piece of head_: views would not survive a move of a short string.
  struct Piece {
    std::uint32_t at = 0;
    std::uint32_t size = 0;
  };
  struct Field {
    Piece name;
    Piece value;
  };
  std::string_view text(Piece piece) const {
    return std::string_view(head_).substr(piece.at, piece.size);
  }

  std::string head_;
  std::vector<Field> fields_;
  Piece method_text_;
  Piece path_;
  Piece query_;
  Piece host_;
  Method method_ = Method::kOther;
  bool http_1_0_ = false;
};

/// What to answer. The connection adds Date, Content-Length, Connection and what CORS needs, and
/// leaves the body out where there must be none (HEAD, 204, 304).
struct Response {
  int status = 200;
  std::string content_type{};  // empty: none is sent
  std::string body{};
  std::string fields{};  // further header fields, encoded: see add()
  bool close = false;    // the connection ends with this answer

  /// Control characters in `value` become blanks: nobody's data makes a field of its own.
  Response& add(std::string_view name, std::string_view value);
};

/// `text` and a line end, as text/plain.
Response plain_text(int status, std::string_view text);

/// "Not Found"; of an unknown status "Unknown".
std::string_view reason_phrase(int status);

/// Names of header fields and the like: ASCII letters without regard to their case.
bool equal_ignoring_case(std::string_view a, std::string_view b);

}  // namespace polymq::http
