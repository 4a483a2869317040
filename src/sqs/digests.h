// The digests that SDKs check messages with, and SHA-256.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "sqs/protocol/shape.h"

struct evp_md_st;
struct evp_md_ctx_st;
struct evp_mac_ctx_st;

namespace polymq::sqs {

using Md5Hex = std::array<char, 32>;
using Md5Bytes = std::array<char, 16>;
using Sha256Hex = std::array<char, 64>;
using Sha256Bytes = std::array<char, 32>;

template <std::size_t kSize>
std::string_view view(const std::array<char, kSize>& text) {
  return {text.data(), text.size()};
}

/// OpenSSL's digests, looked up once. One a thread: each call uses the same context again.
class Digests {
 public:
  /// Throws std::runtime_error when OpenSSL is configured without MD5 or SHA-256.
  Digests();

  /// MD5OfMessageBody and MD5OfBody, in lower case like all here.
  Md5Hex md5(std::string_view bytes);
  /// MD5OfMessageAttributes and MD5OfMessageSystemAttributes: over the attributes in the order of
  /// their names, of each the name, the type, 1 for text and 2 for bytes, and the value, each with
  /// its length in four octets. SQS gives none for no attributes: ask for at least one.
  Md5Hex md5_of_attributes(MessageAttributes attributes);

  Sha256Hex sha256(std::string_view bytes);

 private:
  struct Free {
    void operator()(evp_md_st* digest) const;
    void operator()(evp_md_ctx_st* context) const;
  };
  using Algorithm = std::unique_ptr<evp_md_st, Free>;
  using Context = std::unique_ptr<evp_md_ctx_st, Free>;

  Algorithm md5_;
  Algorithm sha256_;
  Context md5_context_;
  Context sha256_context_;
};

struct FreeMac {
  void operator()(evp_mac_ctx_st* context) const;
};
using MacContext = std::unique_ptr<evp_mac_ctx_st, FreeMac>;

/// HMAC-SHA256 with one key, again and again. One a thread.
class HmacSha256 {
 public:
  explicit HmacSha256(std::string_view key);
  Sha256Bytes sign(std::string_view bytes);
  /// Goes on with another key.
  void set_key(std::string_view key);

 private:
  MacContext context_;
};

/// SipHash-2-4 with one key, again and again: 16 octets that only who has the key can make, for a
/// third of what an HMAC takes. One a thread.
class SipHash {
 public:
  using Tag = std::array<char, 16>;
  /// Of a key of any length its SHA-256 counts.
  explicit SipHash(std::string_view key);
  Tag sign(std::string_view bytes);

 private:
  MacContext context_;
  std::array<char, 16> key_;
};

/// Takes as long whatever the texts have in common.
bool same_in_constant_time(std::string_view a, std::string_view b);

void write_hex(std::span<const unsigned char> bytes, char* out);
/// What a digest in hexadecimal stands for, and back; `bytes` are sizeof(Md5Bytes).
Md5Bytes to_bytes(const Md5Hex& hex);
Md5Hex to_hex(std::string_view bytes);

}  // namespace polymq::sqs
