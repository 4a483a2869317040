// Salted password hashes in RabbitMQ's form.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace polymq::auth {

enum class HashAlgorithm : std::uint8_t { kSha256, kSha512 };

/// "sha256" or RabbitMQ's "rabbit_password_hashing_sha256"; the same with 512.
std::optional<HashAlgorithm> parse_hash_algorithm(std::string_view name);
std::string_view to_text(HashAlgorithm algorithm);

/// Four octets of salt and the digest of salt and password. Immutable; any thread.
class PasswordHash {
 public:
  /// Hashes with a fresh random salt.
  static PasswordHash make(std::string_view password,
                           HashAlgorithm algorithm = HashAlgorithm::kSha256);
  /// Reads what to_base64() writes, which is what RabbitMQ exports.
  static Result<PasswordHash> parse(std::string_view base64, HashAlgorithm algorithm);

  /// In time that does not depend on how much of the password is right. About a microsecond.
  bool verify(std::string_view password) const;
  std::string to_base64() const;
  HashAlgorithm algorithm() const { return algorithm_; }

 private:
  PasswordHash(HashAlgorithm algorithm, std::string salted)
      : algorithm_(algorithm), salted_(std::move(salted)) {}

  HashAlgorithm algorithm_;
  std::string salted_;  // salt, then digest
};

}  // namespace polymq::auth
