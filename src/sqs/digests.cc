// Digests with OpenSSL 3: algorithms are fetched once, since that costs more than a small digest.
#include "sqs/digests.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/sha.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace polymq::sqs {
namespace {

void check(bool is_done) {
  if (!is_done) throw std::runtime_error("OpenSSL cannot compute a digest");
}

const unsigned char* octets(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

template <std::size_t kHexSize>
std::array<char, kHexSize> digest(evp_md_ctx_st* context, evp_md_st* algorithm,
                                  std::string_view bytes) {
  std::array<unsigned char, kHexSize / 2> raw;
  check(EVP_DigestInit_ex2(context, algorithm, nullptr) == 1 &&
        EVP_DigestUpdate(context, bytes.data(), bytes.size()) == 1 &&
        EVP_DigestFinal_ex(context, raw.data(), nullptr) == 1);
  std::array<char, kHexSize> hex;
  write_hex(raw, hex.data());
  return hex;
}

void add(evp_md_ctx_st* context, std::string_view bytes) {
  check(EVP_DigestUpdate(context, bytes.data(), bytes.size()) == 1);
}

void add_with_length(evp_md_ctx_st* context, std::string_view bytes) {
  std::array<char, 4> length;
  store_big_endian(length.data(), static_cast<std::uint32_t>(bytes.size()));
  add(context, view(length));
  add(context, bytes);
}

/// What the digest of a few attributes is over fits here; it is then added in one piece.
class Collected {
 public:
  explicit Collected(evp_md_ctx_st* context) : context_(context) {}
  void add_with_length(std::string_view bytes) {
    if (bytes.size() + 4 > room_.size()) {
      flush();
      return sqs::add_with_length(context_, bytes);
    }
    if (bytes.size() + 4 > room_.size() - used_) flush();
    store_big_endian(room_.data() + used_, static_cast<std::uint32_t>(bytes.size()));
    std::copy(bytes.begin(), bytes.end(), room_.data() + used_ + 4);
    used_ += bytes.size() + 4;
  }
  void add_octet(char octet) {
    if (used_ == room_.size()) flush();
    room_[used_++] = octet;
  }
  void flush() {
    add(context_, {room_.data(), used_});
    used_ = 0;
  }

 private:
  evp_md_ctx_st* context_;
  std::size_t used_ = 0;
  std::array<char, 1024> room_;
};

MacContext new_mac(const char* name) {
  EVP_MAC* const algorithm = EVP_MAC_fetch(nullptr, name, nullptr);
  if (algorithm == nullptr) throw std::runtime_error(std::string("OpenSSL has no ") + name);
  MacContext context(EVP_MAC_CTX_new(algorithm));
  EVP_MAC_free(algorithm);  // the context holds it
  check(context != nullptr);
  return context;
}

}  // namespace

void write_hex(std::span<const unsigned char> bytes, char* out) {
  constexpr std::string_view kHex = "0123456789abcdef";
  for (const unsigned char byte : bytes) {
    *out++ = kHex[byte >> 4];
    *out++ = kHex[byte & 15];
  }
}

Md5Bytes to_bytes(const Md5Hex& hex) {
  const auto value = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  Md5Bytes bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<char>(value(hex[2 * i]) << 4 | value(hex[2 * i + 1]));
  }
  return bytes;
}

Md5Hex to_hex(std::string_view bytes) {
  Md5Hex hex;
  write_hex({octets(bytes), hex.size() / 2}, hex.data());
  return hex;
}

bool same_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void Digests::Free::operator()(evp_md_st* digest) const { EVP_MD_free(digest); }
void Digests::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Digests::Digests()
    : md5_(EVP_MD_fetch(nullptr, "MD5", nullptr)),
      sha256_(EVP_MD_fetch(nullptr, "SHA256", nullptr)),
      md5_context_(EVP_MD_CTX_new()),
      sha256_context_(EVP_MD_CTX_new()) {
  if (!md5_ || !sha256_ || !md5_context_ || !sha256_context_) {
    throw std::runtime_error("OpenSSL has no MD5 or no SHA-256");
  }
}

Md5Hex Digests::md5(std::string_view bytes) {
  return digest<32>(md5_context_.get(), md5_.get(), bytes);
}

Sha256Hex Digests::sha256(std::string_view bytes) {
  return digest<64>(sha256_context_.get(), sha256_.get(), bytes);
}

Md5Hex Digests::md5_of_attributes(MessageAttributes attributes) {
  std::array<const MessageAttribute*, 10> few;
  std::vector<const MessageAttribute*> many;
  std::span<const MessageAttribute*> sorted = few;
  if (attributes.size() > few.size()) {
    many.resize(attributes.size());
    sorted = many;
  }
  sorted = sorted.first(attributes.size());
  std::transform(attributes.begin(), attributes.end(), sorted.begin(),
                 [](const MessageAttribute& attribute) { return &attribute; });
  std::sort(sorted.begin(), sorted.end(),
            [](const MessageAttribute* a, const MessageAttribute* b) { return a->name < b->name; });

  evp_md_ctx_st* const context = md5_context_.get();
  check(EVP_DigestInit_ex2(context, md5_.get(), nullptr) == 1);
  Collected collected(context);
  for (const MessageAttribute* const attribute : sorted) {
    collected.add_with_length(attribute->name);
    collected.add_with_length(attribute->data_type);
    collected.add_octet(attribute->binary_value ? 2 : 1);
    collected.add_with_length(attribute->binary_value ? *attribute->binary_value
                                                      : attribute->string_value.value_or(""));
  }
  collected.flush();
  std::array<unsigned char, 16> raw;
  check(EVP_DigestFinal_ex(context, raw.data(), nullptr) == 1);
  Md5Hex hex;
  write_hex(raw, hex.data());
  return hex;
}

void FreeMac::operator()(evp_mac_ctx_st* context) const { EVP_MAC_CTX_free(context); }

HmacSha256::HmacSha256(std::string_view key) : context_(new_mac("HMAC")) { set_key(key); }

void HmacSha256::set_key(std::string_view key) {
  std::array<char, 7> name{"SHA256"};
  const std::array parameters{
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name.data(), 0),
      OSSL_PARAM_construct_end()};
  // An empty key is one, too; a null one would mean the key before.
  const unsigned char* const bytes = key.empty() ? octets("") : octets(key);
  check(EVP_MAC_init(context_.get(), bytes, key.size(), parameters.data()) == 1);
}

Sha256Bytes HmacSha256::sign(std::string_view bytes) {
  Sha256Bytes signature;
  std::size_t size = 0;
  check(EVP_MAC_init(context_.get(), nullptr, 0, nullptr) == 1 &&
        EVP_MAC_update(context_.get(), octets(bytes), bytes.size()) == 1 &&
        EVP_MAC_final(context_.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                      signature.size()) == 1);
  return signature;
}

SipHash::SipHash(std::string_view key) : context_(new_mac("SIPHASH")) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256(octets(key), key.size(), digest.data());
  std::copy_n(digest.begin(), key_.size(), key_.begin());
}

SipHash::Tag SipHash::sign(std::string_view bytes) {
  Tag tag;
  std::size_t size = 0;
  check(EVP_MAC_init(context_.get(), octets(view(key_)), key_.size(), nullptr) == 1 &&
        EVP_MAC_update(context_.get(), octets(bytes), bytes.size()) == 1 &&
        EVP_MAC_final(context_.get(), reinterpret_cast<unsigned char*>(tag.data()), &size,
                      tag.size()) == 1);
  return tag;
}

}  // namespace polymq::sqs
