// Canonical requests and their signatures.
#include "sqs/sigv4.h"

#include <algorithm>
#include <vector>

#include "sqs/protocol/form.h"

namespace polymq::sqs {
namespace {

constexpr std::size_t kMostSignedHeaders = 100;
constexpr std::string_view kSignatureParameter = "X-Amz-Signature";

tl::unexpected<SqsError> mismatch(std::string message = {}) {
  return refuse(ErrorCode::kSignatureDoesNotMatch, std::move(message));
}

bool is_unreserved(char c) {
  const char small = to_lower(c);
  return (small >= 'a' && small <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

void append_encoded(std::string& out, std::string_view text, bool keeps_slashes) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (const char c : text) {
    if (is_unreserved(c) || (keeps_slashes && c == '/')) {
      out += c;
      continue;
    }
    const auto octet = static_cast<unsigned char>(c);
    out += '%';
    out += kHex[octet >> 4];
    out += kHex[octet & 15];
  }
}

std::string_view take_until(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return taken;
}

/// Without empty parts and dots; what is left is encoded once more than it came.
void append_path(std::string& out, std::string_view path) {
  std::vector<std::string_view> parts;
  const bool ends_with_slash = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
  while (!path.empty()) {
    const std::string_view part = take_until(path, '/');
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(part);
    } else if (!parts.empty()) {
      parts.pop_back();
    }
  }
  for (const std::string_view part : parts) {
    out += '/';
    append_encoded(out, part, true);
  }
  if (parts.empty() || ends_with_slash) out += '/';
}

int hex_value(char c) {
  const char small = to_lower(c);
  if (c >= '0' && c <= '9') return c - '0';
  return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

/// A plus stays one: in what is signed a blank is %20.
std::string encoded_again(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_escape = text[i] == '%' && text.size() - i > 2 && hex_value(text[i + 1]) >= 0 &&
                           hex_value(text[i + 2]) >= 0;
    if (is_escape) {
      decoded += static_cast<char>(hex_value(text[i + 1]) << 4 | hex_value(text[i + 2]));
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  std::string encoded;
  append_encoded(encoded, decoded, false);
  return encoded;
}

void append_query(std::string& out, std::string_view query) {
  std::vector<std::pair<std::string, std::string>> parameters;
  while (!query.empty()) {
    std::string_view value = take_until(query, '&');
    if (value.empty()) continue;
    const std::string name = encoded_again(take_until(value, '='));
    if (name != kSignatureParameter) parameters.emplace_back(name, encoded_again(value));
  }
  std::sort(parameters.begin(), parameters.end());
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (i != 0) out += '&';
    out.append(parameters[i].first).append("=").append(parameters[i].second);
  }
}

/// Without blanks at both ends, runs of them inside as one.
void append_value(std::string& out, std::string_view value) {
  bool is_first = true;
  while (!value.empty()) {
    const std::size_t end = std::min(value.find_first_of(" \t"), value.size());
    if (end != 0) {
      if (!is_first) out += ' ';
      out.append(value.substr(0, end));
      is_first = false;
    }
    value.remove_prefix(std::min(end + 1, value.size()));
  }
}

bool append_header(std::string& out, const RequestView& request, std::string_view name,
                   std::string_view host) {
  out.append(name).append(":");
  bool is_there = false;
  if (name == "host" && !host.empty()) {
    append_value(out, host);
    is_there = true;
  } else {
    for (const HeaderView& header : request.headers) {
      if (!same_letters(header.name, name)) continue;
      if (is_there) out += ',';
      append_value(out, header.value);
      is_there = true;
    }
  }
  out += '\n';
  return is_there;
}

bool is_signed(std::string_view signed_headers, std::string_view name) {
  while (!signed_headers.empty()) {
    if (take_until(signed_headers, ';') == name) return true;
  }
  return false;
}

/// What would change the request's meaning must be under the signature.
SqsResult<void> check_signed(const RequestView& request, std::string_view signed_headers) {
  for (const std::string_view name :
       {"host", "x-amz-target", "x-amz-date", "x-amz-security-token"}) {
    const bool matters = name == "host" || !request.header(name).empty();
    if (matters && !is_signed(signed_headers, name)) {
      return mismatch("'" + std::string(name) + "' must be a 'SignedHeader'.");
    }
  }
  return {};
}

SqsResult<void> check_time(const SignatureClaim& claim, const SignatureRules& rules, WallMs now) {
  const std::int64_t skew = rules.skew_seconds * 1000;
  const std::string time(claim.time);
  if (claim.signed_at > now + skew) {
    return mismatch("Signature not yet current: " + time + " is still later than the clock here.");
  }
  if (claim.is_presigned) {
    if (claim.signed_at + claim.valid_seconds * 1000 < now) {
      return refuse(ErrorCode::kRequestExpired);
    }
  } else if (claim.signed_at + skew < now) {
    return mismatch("Signature expired: " + time + " is now earlier than the clock here.");
  }
  return {};
}

SqsResult<void> check_scope(const SignatureClaim& claim, const SignatureRules& rules) {
  if (claim.scope.date != claim.time.substr(0, 8)) {
    return mismatch("Date in Credential scope does not match YYYYMMDD from " +
                    std::string(claim.time) + ".");
  }
  if (claim.scope.service != rules.service) {
    return mismatch("Credential should be scoped to correct service: '" +
                    std::string(rules.service) + "'.");
  }
  return {};
}

}  // namespace

SqsResult<std::string> canonical_request(const RequestView& request, const SignatureClaim& claim,
                                         std::string_view host, std::string_view payload_hash,
                                         Arena& arena) {
  const auto count = static_cast<std::size_t>(
      std::count(claim.signed_headers.begin(), claim.signed_headers.end(), ';'));
  // The same bounds as for reading them, before any work is done.
  if (count >= kMostSignedHeaders) {
    return refuse(ErrorCode::kIncompleteSignature, "There are too many SignedHeaders.");
  }
  if (auto query = parse_form(request.query, arena); !query) {
    return tl::make_unexpected(std::move(query.error()));
  }
  std::string canonical(request.method);
  canonical += '\n';
  append_path(canonical, request.path);
  canonical += '\n';
  append_query(canonical, request.query);
  canonical += '\n';
  std::string_view names = claim.signed_headers;
  while (!names.empty()) {
    const std::string_view name = take_until(names, ';');
    if (!append_header(canonical, request, name, host)) {
      return mismatch("The signed header '" + std::string(name) + "' is missing.");
    }
  }
  canonical += '\n';
  canonical.append(claim.signed_headers).append("\n").append(payload_hash);
  return canonical;
}

Sha256Hex SignatureVerifier::sign(std::string_view canonical, const SignatureClaim& claim,
                                  std::string_view secret) {
  std::string to_sign("AWS4-HMAC-SHA256\n");
  to_sign.append(claim.time).append("\n").append(claim.scope.text).append("\n");
  const Sha256Hex hash = digests_.sha256(canonical);
  to_sign.append(view(hash));

  hmac_.set_key(std::string("AWS4").append(secret));
  Sha256Bytes key{};
  for (const std::string_view step :
       {claim.scope.date, claim.scope.region, claim.scope.service, std::string_view("aws4_request"),
        std::string_view(to_sign)}) {
    key = hmac_.sign(step);
    hmac_.set_key(view(key));
  }
  Sha256Hex signature;
  write_hex({reinterpret_cast<const unsigned char*>(key.data()), key.size()}, signature.data());
  return signature;
}

SqsResult<void> SignatureVerifier::check_signature(const RequestView& request,
                                                   const SignatureClaim& claim,
                                                   const AccessKey& key,
                                                   const SignatureRules& rules, Arena& arena) {
  const Sha256Hex body_hash = digests_.sha256(request.body);
  std::string_view payload_hash = view(body_hash);
  const std::string_view stated = request.header("X-Amz-Content-Sha256");
  if (stated == "UNSIGNED-PAYLOAD") {
    payload_hash = stated;
  } else if (!stated.empty() && stated != payload_hash) {
    return mismatch(stated.starts_with("STREAMING-")
                        ? "Chunked signatures are not supported."
                        : "X-Amz-Content-Sha256 is not the hash of the body.");
  }
  bool matches = false;
  const auto try_host = [&](std::string_view host) -> SqsResult<void> {
    const auto canonical = canonical_request(request, claim, host, payload_hash, arena);
    if (!canonical) return tl::make_unexpected(canonical.error());
    matches = same_in_constant_time(view(sign(*canonical, claim, key.secret)), claim.signature);
    return {};
  };
  if (auto tried = try_host({}); !tried) return tried;
  for (const std::string_view host : rules.other_hosts) {
    if (matches) break;
    if (auto tried = try_host(host); !tried) return tried;
  }
  return matches ? SqsResult<void>() : mismatch();
}

SqsResult<CredentialScope> SignatureVerifier::verify(const RequestView& request,
                                                     const AccessKeys& keys,
                                                     const SignatureRules& rules, WallMs now,
                                                     Arena& arena) {
  const auto claim = read_signature(request, arena);
  if (!claim) return tl::make_unexpected(claim.error());
  const auto key = keys(claim->scope.access_key);
  if (!key) return refuse(ErrorCode::kInvalidClientTokenId);
  if (!key->session_token.empty() &&
      !same_in_constant_time(key->session_token, claim->session_token)) {
    return refuse(ErrorCode::kInvalidClientTokenId);
  }
  auto checked = check_scope(*claim, rules);
  if (checked) checked = check_time(*claim, rules, now);
  if (checked) checked = check_signed(request, claim->signed_headers);
  if (checked) checked = check_signature(request, *claim, *key, rules, arena);
  if (!checked) return tl::make_unexpected(std::move(checked.error()));
  return claim->scope;
}

}  // namespace polymq::sqs
