// Which queue a URL, a path, a bare name or an ARN means, and the URLs and ARNs of queues.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sqs/protocol/request_view.h"

namespace polymq::sqs {

inline constexpr std::string_view kDefaultRegion = "us-east-1";
inline constexpr std::string_view kDefaultAccount = "000000000000";

/// Views into the text it was read from; empty where that does not tell.
struct QueueAddress {
  std::string_view region;
  std::string_view account;  // 12 digits, or however few were written
  std::string_view name;     // not empty; not checked to be a legal name
};

/// The value of a QueueUrl member: a URL of any host, a path, or a bare name. Of a path in none of
/// the known shapes only the last part counts: a proxy may have put something before it. The host
/// tells the region where it has one, nothing else.
std::optional<QueueAddress> parse_queue_url(std::string_view url);

/// A request's path: /ACCOUNT/NAME, /queue/NAME or /queue/REGION/ACCOUNT/NAME.
std::optional<QueueAddress> parse_queue_path(std::string_view path);

/// A request's path without that of `public_url`, which a proxy may pass on or cut off.
std::string_view below_base(std::string_view path, std::string_view public_url);

/// arn:PARTITION:sqs:REGION:ACCOUNT:NAME, all parts there.
std::optional<QueueAddress> parse_queue_arn(std::string_view arn);

/// "aws", "aws-cn", "aws-us-gov" and so on.
std::string_view partition_of(std::string_view region);
std::string queue_arn(const QueueAddress& queue);

/// Looks like us-east-1.
bool is_region(std::string_view text);
/// 12 digits.
bool is_account(std::string_view text);

/// What queue URLs of this request's answers begin with, without a slash at the end:
/// `public_url` when there is one, else scheme and Host as the client used them, so that it comes
/// back to where it was. `trusts_proxy`: X-Forwarded-Proto and X-Forwarded-Host count first.
std::string base_url(const RequestView& request, bool is_tls, std::string_view public_url,
                     bool trusts_proxy);
/// HOST or HOST:PORT of scheme://HOST:PORT/...; empty when it is no URL.
std::string_view authority_of(std::string_view url);
/// http:// or https://, an authority, and possibly a path; no query.
bool is_public_url(std::string_view url);
std::string queue_url(std::string_view base_url, std::string_view account, std::string_view name);

}  // namespace polymq::sqs
