// Hashes as RabbitMQ writes them.
#include "auth/password.h"

#include <gtest/gtest.h>

namespace polymq::auth {
namespace {

// From RabbitMQ's documentation of password hashing: salt 908DC60A, password test12.
constexpr std::string_view kDocumented = "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR";

TEST(PasswordHash, VerifiesAHashThatRabbitMqMade) {
  const auto hash = PasswordHash::parse(kDocumented, HashAlgorithm::kSha256);
  ASSERT_TRUE(hash);
  EXPECT_TRUE(hash->verify("test12"));
  EXPECT_FALSE(hash->verify("test13"));
  EXPECT_FALSE(hash->verify(""));
  EXPECT_EQ(hash->to_base64(), kDocumented);
}

TEST(PasswordHash, RoundTripsWithBothAlgorithms) {
  for (const HashAlgorithm algorithm : {HashAlgorithm::kSha256, HashAlgorithm::kSha512}) {
    const PasswordHash made = PasswordHash::make("secret", algorithm);
    const auto read = PasswordHash::parse(made.to_base64(), algorithm);
    ASSERT_TRUE(read);
    EXPECT_TRUE(read->verify("secret"));
    EXPECT_FALSE(read->verify("Secret"));
  }
}

TEST(PasswordHash, TheSamePasswordHashesDifferentlyEachTime) {
  EXPECT_NE(PasswordHash::make("x").to_base64(), PasswordHash::make("x").to_base64());
}

TEST(PasswordHash, RefusesWhatIsNoHash) {
  std::string broken(kDocumented);
  broken[3] = '*';
  for (const std::string& text :
       {std::string(), std::string("secret"), broken, std::string(kDocumented.substr(4)),
        std::string(kDocumented) + "AAAA", std::string(48, '='), std::string(48, ' ')}) {
    EXPECT_FALSE(PasswordHash::parse(text, HashAlgorithm::kSha256)) << text;
  }
  EXPECT_FALSE(PasswordHash::parse(kDocumented, HashAlgorithm::kSha512));
}

TEST(PasswordHash, AlgorithmsHaveRabbitMqsNamesToo) {
  EXPECT_EQ(parse_hash_algorithm("sha512"), HashAlgorithm::kSha512);
  EXPECT_EQ(parse_hash_algorithm("rabbit_password_hashing_sha256"), HashAlgorithm::kSha256);
  EXPECT_EQ(parse_hash_algorithm("rabbit_password_hashing_md5"), std::nullopt);
}

}  // namespace
}  // namespace polymq::auth
