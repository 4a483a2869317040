// Password hashing with OpenSSL's digests.
#include "auth/password.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <stdexcept>
#include <utility>

namespace polymq::auth {
namespace {

constexpr std::size_t kSaltSize = 4;

std::size_t digest_size(HashAlgorithm algorithm) {
  return algorithm == HashAlgorithm::kSha256 ? 32 : 64;
}

unsigned char* octets(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
const unsigned char* octets(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

/// `salt` followed by the digest of salt and password.
std::string salt_and_digest(std::string_view salt, std::string_view password,
                            HashAlgorithm algorithm) {
  std::string input(salt);
  input += password;
  std::string out(salt);
  out.resize(kSaltSize + digest_size(algorithm));
  const EVP_MD* const digest = algorithm == HashAlgorithm::kSha256 ? EVP_sha256() : EVP_sha512();
  const int done =
      EVP_Digest(input.data(), input.size(), octets(out) + kSaltSize, nullptr, digest, nullptr);
  OPENSSL_cleanse(input.data(), input.size());
  if (done != 1) throw std::runtime_error("OpenSSL cannot compute a digest");
  return out;
}

}  // namespace

std::optional<HashAlgorithm> parse_hash_algorithm(std::string_view name) {
  constexpr std::string_view kRabbitPrefix = "rabbit_password_hashing_";
  if (name.starts_with(kRabbitPrefix)) name.remove_prefix(kRabbitPrefix.size());
  if (name == "sha256") return HashAlgorithm::kSha256;
  if (name == "sha512") return HashAlgorithm::kSha512;
  return std::nullopt;
}

std::string_view to_text(HashAlgorithm algorithm) {
  return algorithm == HashAlgorithm::kSha256 ? "sha256" : "sha512";
}

PasswordHash PasswordHash::make(std::string_view password, HashAlgorithm algorithm) {
  std::array<unsigned char, kSaltSize> salt{};
  if (RAND_bytes(salt.data(), salt.size()) != 1) {
    throw std::runtime_error("OpenSSL has no random numbers");
  }
  const std::string_view view(reinterpret_cast<const char*>(salt.data()), salt.size());
  return {algorithm, salt_and_digest(view, password, algorithm)};
}

Result<PasswordHash> PasswordHash::parse(std::string_view base64, HashAlgorithm algorithm) {
  const std::size_t size = kSaltSize + digest_size(algorithm);
  // Base64 of `size` octets, padding included; checked before EVP_DecodeBlock sees it, because
  // that is generous with white space and padding.
  const std::size_t length = (size + 2) / 3 * 4;
  const std::size_t padding = (3 - size % 3) % 3;
  const auto refused = [&] {
    return fail("is not the base64 of a " + std::string(to_text(algorithm)) +
                " hash with 4 octets of salt");
  };
  const std::string_view digits =
      base64.substr(0, base64.size() - std::min(padding, base64.size()));
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (base64.size() != length || digits.find_first_not_of(kDigits) != std::string_view::npos ||
      base64.substr(digits.size()).find_first_not_of('=') != std::string_view::npos) {
    return refused();
  }
  std::string salted(length / 4 * 3, '\0');
  if (EVP_DecodeBlock(octets(salted), octets(base64), static_cast<int>(base64.size())) < 0) {
    return refused();
  }
  salted.resize(size);
  return PasswordHash(algorithm, std::move(salted));
}

bool PasswordHash::verify(std::string_view password) const {
  const std::string given =
      salt_and_digest(std::string_view(salted_).substr(0, kSaltSize), password, algorithm_);
  return CRYPTO_memcmp(given.data(), salted_.data(), salted_.size()) == 0;
}

std::string PasswordHash::to_base64() const {
  std::string out((salted_.size() + 2) / 3 * 4 + 1, '\0');  // the encoder adds a NUL
  EVP_EncodeBlock(octets(out), octets(std::string_view(salted_)), static_cast<int>(salted_.size()));
  out.pop_back();
  return out;
}

}  // namespace polymq::auth
