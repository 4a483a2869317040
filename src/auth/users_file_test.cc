// What a users file may say, and how its mistakes are told.
#include "auth/users_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace polymq::auth {
namespace {

using ::testing::HasSubstr;

std::string problem(std::string_view toml) {
  const auto users = parse_users(toml, "users.toml");
  return users ? "" : users.error().text;
}

TEST(UsersFile, ReadsUsersWithPermissionsAndLimits) {
  const auto users = parse_users(R"(
[[users]]
name = "app"
password = "secret"
tags = ["management", "policymaker"]
permissions = [{vhost = "/", write = ".*", read = "^orders"}]
topic_permissions = [{vhost = "/", exchange = "amq.topic", write = "^{username}"}]
max_connections = 10

[[users]]
name = "imported"
password_hash = "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR"
hashing_algorithm = "rabbit_password_hashing_sha256"
[[users.permissions]]
vhost = "*"
read = ".*"
)",
                                 "users.toml");
  ASSERT_TRUE(users) << users.error().text;
  const Directory directory(*users, {});
  ASSERT_NE(directory.authenticate("app", "secret"), nullptr);
  EXPECT_EQ(directory.find("app")->tags.size(), 2u);
  EXPECT_EQ(directory.find("app")->max_connections, 10);
  EXPECT_EQ(directory.find("app")->max_channels, -1);
  EXPECT_TRUE(directory.allowed("app", "/", Access::kWrite, "x"));
  EXPECT_FALSE(directory.allowed("app", "/", Access::kConfigure, "x"));
  EXPECT_TRUE(directory.topic_allowed("app", "/", Access::kWrite, "amq.topic", "app.1"));
  EXPECT_FALSE(directory.topic_allowed("app", "/", Access::kRead, "amq.topic", "app.1"));
  EXPECT_NE(directory.authenticate("imported", "test12"), nullptr);
  EXPECT_TRUE(directory.allowed("imported", "any", Access::kRead, "x"));
}

TEST(UsersFile, AnEmptyFileHasNoUsers) {
  EXPECT_TRUE(parse_users("", "users.toml").value().empty());
}

TEST(UsersFile, MistakesNameTheirLine) {
  EXPECT_EQ(problem("[[users]]\nname = \"a\"\npass_word = \"x\"\n"),
            "users.toml:3: pass_word: unknown key; did you mean 'password'?");
  EXPECT_EQ(problem("[[user]]\nname = \"a\"\n"),
            "users.toml:1: user: unknown key; did you mean 'users'?");
  EXPECT_EQ(problem("[[users]]\npassword = \"x\"\n"), "users.toml:1: needs 'name'");
  EXPECT_EQ(problem("users = 1\n"), "users.toml:1: users: expected a list of tables");
  EXPECT_EQ(problem("[[users]]\nname = 1\n"), "users.toml:2: name: expected a string");
  EXPECT_EQ(problem("[[users]]\nname = \"a\"\nmax_channels = -2\n"),
            "users.toml:3: max_channels: must be -1 (unlimited), 0 or more");
  EXPECT_EQ(problem("[[users]]\nname = \"a\"\ntags = [1]\n"),
            "users.toml:3: tags: expected a list of strings");
  EXPECT_EQ(problem("[[users]]\nname = \"a\"\n[[users]]\nname = \"a\"\n"),
            "users.toml:4: user 'a' is there twice");
  EXPECT_THAT(problem("[[users]]\nname = \"a\"\npassword = \"a\"\npassword_hash = \"b\"\n"),
              HasSubstr("exclude each other"));
  EXPECT_THAT(problem("[[users]]\nname = \"a\"\npassword_hash = \"b\"\n"),
              HasSubstr("password_hash: is not the base64"));
  EXPECT_THAT(problem("[[users]]\nname = \"a\"\nhashing_algorithm = \"md5\"\n"),
              HasSubstr("'md5' is neither sha256 nor sha512"));
  EXPECT_THAT(problem("[[users]]\nname = \"a\"\npermissions = [{vhost = \"/\", read = \"(\"}]\n"),
              HasSubstr("users.toml:3: read: '(' is not a valid pattern"));
  EXPECT_THAT(problem("[[users\n"), HasSubstr("users.toml:1: "));
}

TEST(UsersFile, WithoutAFileThereIsGuest) {
  const auto directory = load_directory("", {"guest"});
  ASSERT_TRUE(directory);
  EXPECT_NE((*directory)->authenticate("guest", "guest"), nullptr);
  EXPECT_TRUE((*directory)->loopback_only("guest"));
}

TEST(UsersFile, IsReadFromDisk) {
  const std::string path = ::testing::TempDir() + "users_" + std::to_string(::getpid()) + ".toml";
  std::ofstream(path) << "[[users]]\nname = \"a\"\npassword = \"b\"\n";
  const auto directory = load_directory(path, {});
  ::unlink(path.c_str());
  ASSERT_TRUE(directory) << directory.error().text;
  EXPECT_NE((*directory)->authenticate("a", "b"), nullptr);
  EXPECT_EQ((*directory)->find("guest"), nullptr);
}

TEST(UsersFile, AMissingFileIsOneClearLine) {
  const auto directory = load_directory("/no/such/users.toml", {});
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().text,
            "/no/such/users.toml: cannot read the users file: No such file or directory");
}

}  // namespace
}  // namespace polymq::auth
