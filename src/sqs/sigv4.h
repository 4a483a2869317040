// AWS Signature Version 4: reading what a request claims about its sender, and verifying it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/time.h"
#include "sqs/digests.h"
#include "sqs/protocol/arena.h"
#include "sqs/protocol/error.h"
#include "sqs/protocol/request_view.h"

namespace polymq::sqs {

/// `Credential=ACCESS-KEY/20260102/us-east-1/sqs/aws4_request`. Views into request or arena.
struct CredentialScope {
  std::string_view access_key;
  std::string_view date;
  std::string_view region;
  std::string_view service;
  std::string_view text;  // from the date on
};

/// What a request says about its signature, nothing of it verified.
struct SignatureClaim {
  CredentialScope scope;
  std::string_view signed_headers;  // names in lower case with semicolons between
  std::string_view signature;       // 64 hexadecimal digits
  std::string_view time;            // as the string to sign has it: 20260102T030405Z
  WallMs signed_at = 0;
  std::int64_t valid_seconds = 0;  // presigned only
  std::string_view session_token;
  bool is_presigned = false;
};

/// From the Authorization header, or else from the query string.
/// Errors: kMissingAuthenticationToken, kIncompleteSignature.
SqsResult<SignatureClaim> read_signature(const RequestView& request, Arena& arena);

/// Who a request says it is from, for servers that believe it: access key and region, from whatever
/// is well-formed of the above. Nothing when there is nothing.
std::optional<CredentialScope> read_credentials(const RequestView& request, Arena& arena);

/// The account that an access key of 12 digits names, else `otherwise`.
std::string_view account_of(std::string_view access_key, std::string_view otherwise);

/// `host` stands in for the Host header when it is not empty; `payload_hash` is the last line.
/// Error: kSignatureDoesNotMatch when a signed header is missing.
SqsResult<std::string> canonical_request(const RequestView& request, const SignatureClaim& claim,
                                         std::string_view host, std::string_view payload_hash,
                                         Arena& arena);

struct AccessKey {
  std::string_view secret;
  std::string_view session_token;  // empty: any is accepted
};
/// Nothing when there is no such key. The views hold until verify() returns.
using AccessKeys = std::function<std::optional<AccessKey>(std::string_view access_key)>;

struct SignatureRules {
  std::int64_t skew_seconds = 900;  // between the client's clock and ours
  std::string_view service = "sqs";
  /// Names under which clients reach us through proxies that change the Host header.
  std::span<const std::string_view> other_hosts{};
};

/// Verifies signatures. One a thread: keeps the contexts of digests.
class SignatureVerifier {
 public:
  /// The scope of who signed the request. Host, and X-Amz-Target, X-Amz-Date and
  /// X-Amz-Security-Token where there are, must be signed; of the others only what was is looked
  /// at. Errors: those of read_signature, kInvalidClientTokenId, kSignatureDoesNotMatch,
  /// kRequestExpired.
  SqsResult<CredentialScope> verify(const RequestView& request, const AccessKeys& keys,
                                    const SignatureRules& rules, WallMs now, Arena& arena);

  /// The signature that belongs to a canonical request.
  Sha256Hex sign(std::string_view canonical, const SignatureClaim& claim, std::string_view secret);

 private:
  SqsResult<void> check_signature(const RequestView& request, const SignatureClaim& claim,
                                  const AccessKey& key, const SignatureRules& rules, Arena& arena);

  Digests digests_;
  HmacSha256 hmac_{""};
};

}  // namespace polymq::sqs
