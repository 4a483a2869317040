// Beast parses; what it lets pass and RFC 9112 forbids, or what this server cannot do, is refused.
#include "http/request_reader.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

namespace polymq::http {
namespace {

namespace beast = boost::beast;
using beast::http::error;
using boost::system::error_code;

/// A body grows as it arrives: announcing a size reserves no more than this.
constexpr std::size_t kReservedUnseen = 64 * 1024;

/// As many as clients usually send.
constexpr std::size_t kUsualFields = 16;

constexpr Refusal kMalformed{400, "The request is not valid HTTP."};
constexpr Refusal kMalformedChunk{400, "The chunks of the request's body are not valid."};
constexpr Refusal kBodyTooLarge{413, "The request's body is too large."};

std::string_view to_std(beast::string_view text) { return {text.data(), text.size()}; }

Method method_of(beast::http::verb verb) {
  switch (verb) {
    case beast::http::verb::get:
      return Method::kGet;
    case beast::http::verb::head:
      return Method::kHead;
    case beast::http::verb::post:
      return Method::kPost;
    case beast::http::verb::put:
      return Method::kPut;
    case beast::http::verb::delete_:
      return Method::kDelete;
    case beast::http::verb::patch:
      return Method::kPatch;
    case beast::http::verb::options:
      return Method::kOptions;
    default:
      return Method::kOther;
  }
}

bool all_digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Is it "... HTTP/d.d", a version that is merely not ours?
bool names_a_version(std::string_view head) {
  const std::string_view line = head.substr(0, head.find("\r\n"));
  if (line.size() < 9) return false;
  const std::string_view version = line.substr(line.size() - 9);
  return version.starts_with(" HTTP/") && all_digits(version.substr(6, 1)) && version[7] == '.' &&
         all_digits(version.substr(8, 1));
}

}  // namespace

class RequestReader::Parser final : public beast::http::basic_parser<true> {
 public:
  explicit Parser(const Limits& limits) : limits_(limits) {
    header_limit(UINT32_MAX);  // the scanner's business
    body_limit(limits.max_body);
    eager(false);
  }

  std::optional<Refusal> read_head(std::string_view head);
  std::optional<Refusal> read_body(std::string_view input, std::size_t& used);
  bool expects_continue() const { return expects_continue_; }

  Request request;

 private:
  std::optional<Refusal> refuse(Refusal refusal, error_code& ec) {
    refusal_ = refusal;
    ec = error::bad_value;
    return refusal;
  }
  void split_target(std::string_view target, error_code& ec);
  std::optional<Refusal> check_head() const;
  bool chunk_head_complete(std::string_view input) const;

  /// Of what lies in the request's own copy of the head.
  Request::Piece piece(std::string_view text) const {
    if (text.empty()) return {};  // it may have no address
    return {static_cast<std::uint32_t>(text.data() - request.head_.data()),
            static_cast<std::uint32_t>(text.size())};
  }

  // --- basic_parser ---
  void on_request_impl(beast::http::verb verb, beast::string_view method, beast::string_view target,
                       int version, error_code& ec) override;
  void on_field_impl(beast::http::field name, beast::string_view name_text,
                     beast::string_view value, error_code& ec) override;
  void on_header_impl(error_code&) override { in_head_ = false; }
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) override {
    length_ = length.value_or(0);
  }
  std::size_t on_body_impl(beast::string_view bytes, error_code&) override {
    append(bytes);
    return bytes.size();
  }
  void on_chunk_header_impl(std::uint64_t size, beast::string_view, error_code&) override {
    chunk_left_ = size;
  }
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view bytes, error_code&) override {
    append(bytes);
    chunk_left_ -= bytes.size();
    return bytes.size();
  }
  void on_finish_impl(error_code&) override {}
  void on_response_impl(int, beast::string_view, int, error_code&) override {}

  void append(beast::string_view bytes) {
    if (request.body.empty() && length_ > bytes.size()) {
      request.body.reserve(std::max<std::size_t>(std::min(length_, kReservedUnseen), bytes.size()));
    }
    request.body.append(bytes.data(), bytes.size());
  }

  const Limits& limits_;
  std::optional<Refusal> refusal_;
  std::size_t length_ = 0;  // of the body, as announced
  std::uint64_t chunk_left_ = 0;
  std::uint32_t hosts_ = 0;
  bool in_head_ = true;
  bool host_in_target_ = false;
  bool expects_continue_ = false;
  bool has_length_ = false;
};

// --- the head -----------------------------------------------------------------------------------
std::optional<Refusal> RequestReader::Parser::read_head(std::string_view head) {
  request.head_ = head;
  request.fields_.reserve(kUsualFields);
  error_code ec;
  const std::string& own = request.head_;
  const std::size_t used = put(boost::asio::const_buffer(own.data(), own.size()), ec);
  if (refusal_) return refusal_;
  if (ec == error::body_limit) return kBodyTooLarge;
  if (ec == error::bad_version && names_a_version(head)) {
    return Refusal{505, "HTTP/1.0 and HTTP/1.1 are served here."};
  }
  if (ec || used != own.size()) return kMalformed;
  return check_head();
}

void RequestReader::Parser::on_request_impl(beast::http::verb verb, beast::string_view method,
                                            beast::string_view target, int version,
                                            error_code& ec) {
  request.method_ = method_of(verb);
  request.method_text_ = piece(to_std(method));
  request.http_1_0_ = version == 10;
  if (verb == beast::http::verb::connect) {
    refuse({501, "This server is no proxy."}, ec);
  } else if (target.size() > limits_.max_target) {
    refuse({414, "The request's target is too long."}, ec);
  } else {
    split_target(to_std(target), ec);
  }
}

// origin-form, absolute-form or asterisk-form (RFC 9112, 3.2).
void RequestReader::Parser::split_target(std::string_view target, error_code& ec) {
  const std::string_view whole = target;
  if (const std::size_t scheme = target.find("://");
      !target.starts_with('/') && scheme != std::string_view::npos &&
      (equal_ignoring_case(target.substr(0, scheme), "http") ||
       equal_ignoring_case(target.substr(0, scheme), "https"))) {
    const std::size_t begin = scheme + 3;
    const std::size_t end = std::min(target.find_first_of("/?", begin), target.size());
    request.host_ = piece(target.substr(begin, end - begin));
    host_in_target_ = true;
    target.remove_prefix(end);
  } else if (!target.starts_with('/') && !(target == "*" && request.method_ == Method::kOptions)) {
    refuse({400, "The request's target is neither a path nor a URL."}, ec);
    return;
  }
  if (target.find('#') != std::string_view::npos) {
    refuse({400, "The request's target has a fragment."}, ec);
    return;
  }
  const std::size_t mark = std::min(target.find('?'), target.size());
  request.path_ = piece(target.substr(0, mark));
  request.query_ = piece(target.substr(std::min(mark + 1, target.size())));
  // http://host without a slash means the root: the second one of the two before the authority.
  if (request.path_.size == 0) request.path_ = piece(whole.substr(whole.find("//") + 1, 1));
}

void RequestReader::Parser::on_field_impl(beast::http::field name, beast::string_view name_text,
                                          beast::string_view value_text, error_code& ec) {
  if (!in_head_) return;  // trailers say nothing that is used here
  const std::string_view value = to_std(value_text);
  request.fields_.push_back({piece(to_std(name_text)), piece(value)});
  switch (name) {
    case beast::http::field::host:
      ++hosts_;
      if (!host_in_target_) request.host_ = piece(value);
      break;
    case beast::http::field::content_length:
      // Two of them, or a list: whoever is in between may have understood something else.
      if (has_length_ || !all_digits(value)) {
        refuse({400, "Content-Length is not one number."}, ec);
      }
      has_length_ = true;
      break;
    case beast::http::field::transfer_encoding:
      if (!equal_ignoring_case(value, "chunked")) {
        refuse({501, "Transfer codings other than chunked are not served."}, ec);
      } else if (request.http_1_0_) {
        refuse({400, "HTTP/1.0 has no transfer codings."}, ec);
      }
      break;
    case beast::http::field::expect:
      if (!equal_ignoring_case(value, "100-continue")) {
        refuse({417, "Expectations other than 100-continue are not met."}, ec);
      }
      expects_continue_ = !request.http_1_0_;
      break;
    default:
      break;
  }
}

std::optional<Refusal> RequestReader::Parser::check_head() const {
  if (hosts_ > 1 || (hosts_ == 0 && !request.http_1_0_)) {
    return Refusal{400, "The request does not have one Host field."};
  }
  const bool brings_body = request.method_ == Method::kPost || request.method_ == Method::kPut ||
                           request.method_ == Method::kPatch;
  if (request.http_1_0_ && brings_body && !has_length_) {
    return Refusal{411, "HTTP/1.0 requests with a body need a Content-Length."};
  }
  return std::nullopt;
}

// --- the body -----------------------------------------------------------------------------------
std::optional<Refusal> RequestReader::Parser::read_body(std::string_view input, std::size_t& used) {
  used = 0;
  while (!is_done() && used < input.size()) {
    const std::string_view rest = input.substr(used);
    const bool between_chunks = chunked() && chunk_left_ == 0;
    if (between_chunks && !chunk_head_complete(rest)) {
      if (rest.size() > limits_.max_header) return kMalformedChunk;
      return std::nullopt;
    }
    error_code ec;
    const std::size_t taken = put(boost::asio::const_buffer(rest.data(), rest.size()), ec);
    if (ec == error::body_limit) return kBodyTooLarge;
    if (ec || (between_chunks && taken > limits_.max_header)) return kMalformedChunk;
    used += taken;
  }
  return std::nullopt;
}

// The line of a chunk's size, behind the end of the chunk before; with the last one, which is
// empty, its trailers too: Beast cannot take those in pieces.
bool RequestReader::Parser::chunk_head_complete(std::string_view input) const {
  input = input.substr(0, limits_.max_header + 1);
  const std::size_t begin = request.body.empty() ? 0 : 2;
  const std::size_t end = input.find("\r\n", begin);
  if (end == std::string_view::npos) return false;
  const std::string_view line = input.substr(begin, end - begin);
  const std::string_view size = line.substr(0, line.find_first_of("; \t"));
  const bool last = !size.empty() && size.find_first_not_of('0') == std::string_view::npos;
  return !last || input.find("\r\n\r\n", end) != std::string_view::npos;
}

// --- the narrow side ----------------------------------------------------------------------------
RequestReader::RequestReader(const Limits& limits) : parser_(std::make_unique<Parser>(limits)) {}
RequestReader::~RequestReader() = default;

std::optional<Refusal> RequestReader::read_head(std::string_view head) {
  return parser_->read_head(head);
}
std::optional<Refusal> RequestReader::read_body(std::string_view input, std::size_t& used) {
  return parser_->read_body(input, used);
}
bool RequestReader::complete() const { return parser_->is_done(); }
bool RequestReader::keeps_alive() const { return parser_->keep_alive(); }
bool RequestReader::expects_continue() const { return parser_->expects_continue(); }
const Request& RequestReader::request() const { return parser_->request; }
Request RequestReader::take() { return std::move(parser_->request); }

}  // namespace polymq::http
