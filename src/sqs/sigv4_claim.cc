// Reading signatures from headers and query strings.
#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

#include "sqs/protocol/form.h"
#include "sqs/sigv4.h"

namespace polymq::sqs {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::int64_t kLongestValidSeconds = 604'800;

tl::unexpected<SqsError> incomplete(std::string_view message) {
  return refuse(ErrorCode::kIncompleteSignature, std::string(message));
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The digits of `text` from `at` on as a number; they were checked to be digits.
int digits(std::string_view text, std::size_t at, std::size_t count) {
  int value = 0;
  for (const char c : text.substr(at, count)) value = value * 10 + (c - '0');
  return value;
}

std::optional<WallMs> to_wall(int year, int month, int day, int hour, int minute, int second) {
  using namespace std::chrono;
  const year_month_day date{std::chrono::year(year),
                            std::chrono::month(static_cast<unsigned>(month)),
                            std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  const auto time = sys_days(date) + hours(hour) + minutes(minute) + seconds(second);
  return duration_cast<milliseconds>(time.time_since_epoch()).count();
}

/// 20260102T030405Z
std::optional<WallMs> parse_basic_time(std::string_view text) {
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return std::nullopt;
  for (std::size_t i = 0; i < 15; ++i) {
    if (i != 8 && !is_digit(text[i])) return std::nullopt;
  }
  return to_wall(digits(text, 0, 4), digits(text, 4, 2), digits(text, 6, 2), digits(text, 9, 2),
                 digits(text, 11, 2), digits(text, 13, 2));
}

/// `Fri, 02 Jan 2026 03:04:05 GMT` in the basic form; empty when it is nothing of the kind.
std::string_view basic_of_http_date(std::string_view text, Arena& arena) {
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  if (text.size() != 29 || text.substr(3, 2) != ", " || !text.ends_with(" GMT")) return {};
  const std::size_t month = kMonths.find(text.substr(8, 3));
  if (month == std::string_view::npos || month % 3 != 0) return {};
  const std::size_t number = month / 3 + 1;
  std::array<char, 16> basic{};
  const auto put = [&](std::size_t at, std::string_view piece) {
    std::copy(piece.begin(), piece.end(), basic.begin() + static_cast<std::ptrdiff_t>(at));
  };
  put(0, text.substr(12, 4));
  basic[4] = number >= 10 ? '1' : '0';
  basic[5] = static_cast<char>('0' + number % 10);
  put(6, text.substr(5, 2));
  basic[8] = 'T';
  put(9, text.substr(17, 2));
  put(11, text.substr(20, 2));
  put(13, text.substr(23, 2));
  basic[15] = 'Z';
  return arena.copy(view(basic));
}

std::string_view take_until(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return taken;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::optional<CredentialScope> parse_scope(std::string_view credential) {
  CredentialScope scope;
  scope.access_key = take_until(credential, '/');
  scope.text = credential;
  scope.date = take_until(credential, '/');
  scope.region = take_until(credential, '/');
  scope.service = take_until(credential, '/');
  const bool is_date =
      scope.date.size() == 8 && std::all_of(scope.date.begin(), scope.date.end(), is_digit);
  if (scope.access_key.empty() || !is_date || scope.region.empty() || scope.service.empty() ||
      credential != "aws4_request") {
    return std::nullopt;
  }
  return scope;
}

/// Name=value pieces of an Authorization header.
struct Authorization {
  std::string_view credential;
  std::string_view signed_headers;
  std::string_view signature;
};

Authorization split_authorization(std::string_view text) {
  Authorization found;
  while (!text.empty()) {
    std::string_view value = trimmed(take_until(text, ','));
    const std::string_view name = take_until(value, '=');
    if (name == "Credential") found.credential = value;
    if (name == "SignedHeaders") found.signed_headers = value;
    if (name == "Signature") found.signature = value;
  }
  return found;
}

SqsResult<void> check_claim(SignatureClaim& claim, std::string_view credential) {
  const auto scope = parse_scope(credential);
  if (!scope) {
    return incomplete(
        "Credential must have the form <access-key>/<date>/<region>/<service>/"
        "aws4_request.");
  }
  claim.scope = *scope;
  if (claim.signed_headers.empty()) return incomplete("SignedHeaders must not be empty.");
  if (claim.signature.size() != 64 ||
      claim.signature.find_first_not_of("0123456789abcdef") != std::string_view::npos) {
    return incomplete("Signature must be 64 hexadecimal digits in lower case.");
  }
  const auto time = parse_basic_time(claim.time);
  if (!time) {
    return incomplete(
        "Date must be in ISO-8601 'basic format': give X-Amz-Date as "
        "YYYYMMDDTHHMMSSZ.");
  }
  claim.signed_at = *time;
  return {};
}

SqsResult<SignatureClaim> read_header(const RequestView& request, std::string_view header,
                                      Arena& arena) {
  header.remove_prefix(kAlgorithm.size());
  const Authorization authorization = split_authorization(header);
  SignatureClaim claim;
  claim.signed_headers = authorization.signed_headers;
  claim.signature = authorization.signature;
  claim.session_token = request.header("X-Amz-Security-Token");
  claim.time = request.header("X-Amz-Date");
  if (claim.time.empty()) {
    const std::string_view date = request.header("Date");
    claim.time = parse_basic_time(date) ? date : basic_of_http_date(date, arena);
  }
  if (auto checked = check_claim(claim, authorization.credential); !checked) {
    return tl::make_unexpected(std::move(checked.error()));
  }
  return claim;
}

SqsResult<SignatureClaim> read_query(std::span<const Parameter> query) {
  const auto value = [&](std::string_view name) {
    const Parameter* const found = find_parameter(query, name);
    return found == nullptr ? std::string_view() : found->value;
  };
  if (value("X-Amz-Algorithm") != kAlgorithm) {
    return incomplete("X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\".");
  }
  SignatureClaim claim;
  claim.is_presigned = true;
  claim.signed_headers = value("X-Amz-SignedHeaders");
  claim.signature = value("X-Amz-Signature");
  claim.session_token = value("X-Amz-Security-Token");
  claim.time = value("X-Amz-Date");
  const std::string_view expires = value("X-Amz-Expires");
  const char* const end = expires.data() + expires.size();
  const auto [stop, error] = std::from_chars(expires.data(), end, claim.valid_seconds);
  if (error != std::errc{} || stop != end || claim.valid_seconds < 1 ||
      claim.valid_seconds > kLongestValidSeconds) {
    return incomplete("X-Amz-Expires must be a number of seconds up to a week.");
  }
  if (auto checked = check_claim(claim, value("X-Amz-Credential")); !checked) {
    return tl::make_unexpected(std::move(checked.error()));
  }
  return claim;
}

}  // namespace

SqsResult<SignatureClaim> read_signature(const RequestView& request, Arena& arena) {
  const std::string_view header = request.header("Authorization");
  if (header.starts_with(kAlgorithm)) return read_header(request, header, arena);
  if (!header.empty()) {
    return incomplete("Authorization must be of the kind AWS4-HMAC-SHA256.");
  }
  auto query = parse_form(request.query, arena);
  if (!query) return tl::make_unexpected(std::move(query.error()));
  for (const std::string_view name : {"X-Amz-Algorithm", "X-Amz-Signature", "X-Amz-Credential"}) {
    if (find_parameter(*query, name) != nullptr) return read_query(*query);
  }
  return refuse(ErrorCode::kMissingAuthenticationToken);
}

std::optional<CredentialScope> read_credentials(const RequestView& request, Arena& arena) {
  std::string_view header = request.header("Authorization");
  if (header.starts_with(kAlgorithm)) {
    header.remove_prefix(kAlgorithm.size());
    return parse_scope(split_authorization(header).credential);
  }
  if (request.query.find("X-Amz-Credential=") == std::string_view::npos) return std::nullopt;
  const auto query = parse_form(request.query, arena);
  if (!query) return std::nullopt;
  const Parameter* const found = find_parameter(*query, "X-Amz-Credential");
  return found == nullptr ? std::nullopt : parse_scope(found->value);
}

std::string_view account_of(std::string_view access_key, std::string_view otherwise) {
  const bool is_account =
      access_key.size() == 12 && std::all_of(access_key.begin(), access_key.end(), is_digit);
  return is_account ? access_key : otherwise;
}

}  // namespace polymq::sqs
