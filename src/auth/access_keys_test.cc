// What a file of access keys may say, who may read it, and what new keys are like.
#include "auth/access_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

namespace polymq::auth {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr std::string_view kTwo = R"([[keys]]
id = "PMQONE"
secret = "first"
user = "shop"
[[keys]]
id = "PMQTWO"
secret = "second"
user = "partner"
account = "111122223333"
)";

std::string problem(std::string_view toml) {
  const auto keys = parse_access_keys(toml, "keys.toml");
  return keys ? "" : keys.error().text;
}

TEST(AccessKeys, AreFoundById) {
  const AccessKeys keys(parse_access_keys(kTwo, "keys.toml").value());
  ASSERT_NE(keys.find("PMQTWO"), nullptr);
  EXPECT_EQ(keys.find("PMQTWO")->secret, "second");
  EXPECT_EQ(keys.find("PMQTWO")->user, "partner");
  EXPECT_EQ(keys.find("PMQTWO")->account, "111122223333");
  EXPECT_EQ(keys.find("PMQONE")->account, "");
  EXPECT_EQ(keys.find("PMQ"), nullptr);
  EXPECT_EQ(AccessKeys().find("PMQONE"), nullptr);
}

TEST(AccessKeys, MistakesAreToldWithTheirLinesAndWithoutTheSecret) {
  EXPECT_THAT(problem("[[keys]]\nid = \"A\"\nsecret = \"hidden\"\n"),
              AllOf(HasSubstr("keys.toml:1: needs 'user'"), Not(HasSubstr("hidden"))));
  EXPECT_THAT(problem("[[keys]]\nid = \"A/B\"\nsecret = \"s\"\nuser = \"u\"\n"),
              HasSubstr("keys.toml:2: id: must be"));
  EXPECT_THAT(problem("[[keys]]\nid = \"A\"\nsecret = \"s\"\nuser = \"u\"\naccount = \"12\"\n"),
              HasSubstr("keys.toml:5: account: must be 12 digits"));
  EXPECT_THAT(problem("[[keys]]\nid = \"A\"\nsecret = 5\nuser = \"u\"\n"),
              HasSubstr("keys.toml:3: secret: expected a string"));
  EXPECT_THAT(problem("[[keys]]\nid = \"A\"\nsecret = \"s\"\nuser = \"u\"\nsercet = \"s\"\n"),
              HasSubstr("keys.toml:5: sercet: unknown key; did you mean 'secret'?"));
  const std::string twice = std::string(kTwo) + std::string(kTwo);
  EXPECT_THAT(problem(twice), HasSubstr("keys.toml:11: key 'PMQONE' is there twice"));
  EXPECT_THAT(problem("keys = 1"), HasSubstr("expected a list of tables"));
  EXPECT_THAT(problem("["), StartsWith("keys.toml:1: "));
}

TEST(AccessKeys, AFileThatOthersCanUseIsRefused) {
  const std::string file = ::testing::TempDir() + "keys_" + std::to_string(::getpid());
  std::ofstream(file) << kTwo;
  for (const mode_t mode : {0640, 0604, 0620, 0602, 0610, 0644}) {
    ::chmod(file.c_str(), mode);
    const auto keys = load_access_keys(file);
    ASSERT_FALSE(keys) << mode;
    EXPECT_THAT(keys.error().text, AllOf(HasSubstr("chmod 600"), HasSubstr(file)));
  }
  for (const mode_t mode : {0600, 0400}) {
    ::chmod(file.c_str(), mode);
    const auto keys = load_access_keys(file);
    ASSERT_TRUE(keys) << keys.error().text;
    EXPECT_EQ((*keys)->all().size(), 2u);
  }
  ::unlink(file.c_str());
  EXPECT_THAT(load_access_keys(file).error().text, HasSubstr("No such file"));
  EXPECT_FALSE(load_access_keys(::testing::TempDir())) << "a folder";
}

TEST(AccessKeys, NewOnesDifferAndCanBeReadBack) {
  const auto one = make_access_key("a \"user\"");
  const auto two = make_access_key("b");
  ASSERT_TRUE(one && two);
  EXPECT_NE(one->id, two->id);
  EXPECT_NE(one->secret, two->secret);
  EXPECT_EQ(one->id.size(), 20u);
  EXPECT_EQ(one->secret.size(), 40u);
  const auto read = parse_access_keys(to_toml(*one) + to_toml(*two), "keys.toml");
  ASSERT_TRUE(read) << read.error().text;
  EXPECT_EQ(read->at(0).secret, one->secret);
  EXPECT_EQ(read->at(0).user, "a \"user\"");
  EXPECT_EQ(read->at(1).id, two->id);
}

}  // namespace
}  // namespace polymq::auth
