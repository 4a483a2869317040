// Recognizing queues' addresses, and writing them.
#include "sqs/queue_address.h"

#include <algorithm>
#include <array>

namespace polymq::sqs {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_small_letter(char c) { return c >= 'a' && c <= 'z'; }
bool is_letter_or_digit(char c) { return is_digit(c) || is_small_letter(to_lower(c)); }

std::string_view take_until(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return taken;
}

/// In URLs a short account or the word "queue" is accepted, too.
bool is_account_part(std::string_view text) {
  if (text == "queue") return true;
  return !text.empty() && text.size() <= 12 && std::all_of(text.begin(), text.end(), is_digit);
}

/// sqs.REGION.*, sqs-fips.REGION.*, REGION.*, and queue.amazonaws.com.
std::string_view region_of_host(std::string_view host) {
  if (host == "queue.amazonaws.com") return kDefaultRegion;
  std::string_view rest = host;
  const std::string_view first = take_until(rest, '.');
  if (is_region(first)) return first;
  if (first != "sqs" && first != "sqs-fips") return {};
  const std::string_view second = take_until(rest, '.');
  return is_region(second) ? second : std::string_view();
}

/// `path` begins with a slash.
std::optional<QueueAddress> parse_path(std::string_view path) {
  std::array<std::string_view, 4> parts;
  std::size_t count = 0;
  path.remove_prefix(1);
  if (path.ends_with('/')) path.remove_suffix(1);
  while (!path.empty()) {
    if (count == parts.size()) return std::nullopt;
    parts[count++] = take_until(path, '/');
    if (parts[count - 1].empty()) return std::nullopt;
  }
  if (count == 4 && parts[0] == "queue" && is_region(parts[1]) && is_account_part(parts[2])) {
    return QueueAddress{parts[1], parts[2], parts[3]};
  }
  if (count != 2 || !is_account_part(parts[0])) return std::nullopt;
  return QueueAddress{{}, parts[0] == "queue" ? std::string_view() : parts[0], parts[1]};
}

/// The same in what clients send as an address: of another path, such as one that a proxy has put
/// before it, only the last part counts.
std::optional<QueueAddress> parse_any_path(std::string_view path) {
  if (const auto address = parse_path(path)) return address;
  if (path.ends_with('/')) path.remove_suffix(1);
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return name.empty() ? std::nullopt : std::optional(QueueAddress{{}, {}, name});
}

/// What may stand in a Host header; anything else would be written into answers unseen.
bool is_authority(std::string_view text) {
  return !text.empty() && text.size() <= 255 && std::all_of(text.begin(), text.end(), [](char c) {
    return is_letter_or_digit(c) || c == '.' || c == '-' || c == '_' || c == ':' || c == '[' ||
           c == ']';
  });
}

}  // namespace

bool is_region(std::string_view text) {
  if (text.size() < 5 || text.size() > 32 || !is_small_letter(text.front())) return false;
  const bool legal = std::all_of(text.begin(), text.end(), [](char c) {
    return is_small_letter(c) || is_digit(c) || c == '-';
  });
  return legal && is_digit(text.back()) && std::count(text.begin(), text.end(), '-') >= 2;
}

bool is_account(std::string_view text) {
  return text.size() == 12 && std::all_of(text.begin(), text.end(), is_digit);
}

std::optional<QueueAddress> parse_queue_path(std::string_view path) {
  return path.starts_with('/') ? parse_path(path) : std::nullopt;
}

std::string_view below_base(std::string_view path, std::string_view public_url) {
  const std::size_t authority = public_url.find("://");
  if (authority == std::string_view::npos) return path;
  std::string_view base =
      public_url.substr(std::min(public_url.find('/', authority + 3), public_url.size()));
  while (base.ends_with('/')) base.remove_suffix(1);
  const bool is_below = path.starts_with(base) && path.substr(base.size()).starts_with('/');
  return is_below ? path.substr(base.size()) : path;
}

std::optional<QueueAddress> parse_queue_url(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) {
    if (url.starts_with('/')) return parse_any_path(url);
    if (url.empty() || url.find_first_of("/:?#") != std::string_view::npos) return std::nullopt;
    return QueueAddress{{}, {}, url};
  }
  url.remove_prefix(scheme + 3);
  const std::size_t slash = url.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  auto address = parse_any_path(url.substr(slash));
  if (address && address->region.empty()) {
    const std::string_view authority = url.substr(0, slash);
    address->region = region_of_host(authority.substr(0, authority.find(':')));
  }
  return address;
}

std::optional<QueueAddress> parse_queue_arn(std::string_view arn) {
  if (take_until(arn, ':') != "arn") return std::nullopt;
  if (!take_until(arn, ':').starts_with("aws")) return std::nullopt;
  if (take_until(arn, ':') != "sqs") return std::nullopt;
  QueueAddress address;
  address.region = take_until(arn, ':');
  address.account = take_until(arn, ':');
  address.name = arn;
  const bool is_whole = !address.region.empty() && is_account(address.account) && !arn.empty() &&
                        arn.find_first_of(":/") == std::string_view::npos;
  return is_whole ? std::optional(address) : std::nullopt;
}

std::string_view partition_of(std::string_view region) {
  if (region.starts_with("cn-")) return "aws-cn";
  if (region.starts_with("us-gov-")) return "aws-us-gov";
  if (region.starts_with("us-isob-")) return "aws-iso-b";
  if (region.starts_with("us-iso-")) return "aws-iso";
  return "aws";
}

std::string queue_arn(const QueueAddress& queue) {
  std::string arn("arn:");
  arn.append(partition_of(queue.region)).append(":sqs:").append(queue.region);
  arn.append(":").append(queue.account).append(":").append(queue.name);
  return arn;
}

std::string base_url(const RequestView& request, bool is_tls, std::string_view public_url,
                     bool trusts_proxy) {
  if (!public_url.empty()) {
    while (public_url.ends_with('/')) public_url.remove_suffix(1);
    return std::string(public_url);
  }
  std::string_view scheme = is_tls ? "https" : "http";
  std::string_view host = request.header("Host");
  if (trusts_proxy) {
    const std::string_view forwarded = request.header("X-Forwarded-Proto");
    if (forwarded == "http" || forwarded == "https") scheme = forwarded;
    const std::string_view forwarded_host = request.header("X-Forwarded-Host");
    if (is_authority(forwarded_host)) host = forwarded_host;
  }
  std::string url(scheme);
  return url.append("://").append(is_authority(host) ? host : "localhost");
}

std::string_view authority_of(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  url.remove_prefix(scheme + 3);
  return url.substr(0, url.find('/'));
}

bool is_public_url(std::string_view url) {
  if (!url.starts_with("http://") && !url.starts_with("https://")) return false;
  const bool is_plain = std::all_of(url.begin(), url.end(), [](char c) {
    return is_letter_or_digit(c) || std::string_view("-._~:/[]%").find(c) != std::string_view::npos;
  });
  return is_plain && is_authority(authority_of(url));
}

std::string queue_url(std::string_view base_url, std::string_view account, std::string_view name) {
  std::string url(base_url);
  return url.append("/").append(account).append("/").append(name);
}

}  // namespace polymq::sqs
