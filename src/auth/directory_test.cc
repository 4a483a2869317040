// Who may do what.
#include "auth/directory.h"

#include <gtest/gtest.h>

namespace polymq::auth {
namespace {

std::optional<NamePattern> pattern(std::string_view text) {
  return permission_pattern(text).value();
}

Directory directory() {
  User app{.name = "app",
           .password = PasswordHash::make("secret"),
           .tags = {},
           .permissions =
               {{.vhost = "/",
                 .every_vhost = false,
                 .configure = pattern(""),
                 .write = pattern("^orders"),
                 .read = pattern("orders$|^$")},
                {.vhost = "shop", .every_vhost = false, .configure = {}, .write = {}, .read = {}}},
           .topic_permissions = {{.vhost = "/",
                                  .exchange = "amq.topic",
                                  .write = topic_pattern("^{username}\\.", "app", "/").value(),
                                  .read = std::nullopt}}};
  User root{.name = "root",
            .password = std::nullopt,
            .tags = {},
            .permissions = {{.vhost = "",
                             .every_vhost = true,
                             .configure = pattern(".*"),
                             .write = pattern(".*"),
                             .read = pattern(".*")},
                            {.vhost = "locked",
                             .every_vhost = false,
                             .configure = {},
                             .write = {},
                             .read = pattern(".*")}},
            .topic_permissions = {}};
  return Directory({std::move(app), std::move(root)}, {"app", "nobody"});
}

TEST(Directory, LogsInWithTheRightPasswordOnly) {
  const Directory users = directory();
  ASSERT_NE(users.authenticate("app", "secret"), nullptr);
  EXPECT_EQ(users.authenticate("app", "secret")->name, "app");
  EXPECT_EQ(users.authenticate("app", "Secret"), nullptr);
  EXPECT_EQ(users.authenticate("app", ""), nullptr);
  EXPECT_EQ(users.authenticate("nobody", "nobody"), nullptr);
}

TEST(Directory, AUserWithoutPasswordCannotLogInWithOne) {
  const Directory users = directory();
  EXPECT_EQ(users.authenticate("root", ""), nullptr);
  EXPECT_EQ(users.authenticate("root", "nobody"), nullptr);
}

TEST(Directory, PatternsDecideByAccessAndName) {
  const Directory users = directory();
  EXPECT_TRUE(users.allowed("app", "/", Access::kWrite, "orders.new"));
  EXPECT_FALSE(users.allowed("app", "/", Access::kWrite, "my.orders"));
  EXPECT_TRUE(users.allowed("app", "/", Access::kRead, "my.orders"));
  EXPECT_FALSE(users.allowed("app", "/", Access::kRead, "orders.new"));
}

TEST(Directory, AnEmptyPatternPermitsNothingNotEvenTheEmptyName) {
  const Directory users = directory();
  EXPECT_FALSE(users.allowed("app", "/", Access::kConfigure, "orders"));
  EXPECT_FALSE(users.allowed("app", "/", Access::kConfigure, ""));
}

TEST(Directory, AVhostIsOpenToWhomHasARowForIt) {
  const Directory users = directory();
  EXPECT_TRUE(users.vhost_allowed("app", "/"));
  EXPECT_TRUE(users.vhost_allowed("app", "shop"));
  EXPECT_FALSE(users.allowed("app", "shop", Access::kRead, "orders"));
  EXPECT_FALSE(users.vhost_allowed("app", "other"));
  EXPECT_FALSE(users.allowed("app", "other", Access::kRead, "orders"));
  EXPECT_FALSE(users.vhost_allowed("nobody", "/"));
}

TEST(Directory, ARowForEveryVhostYieldsToTheVhostsOwn) {
  const Directory users = directory();
  EXPECT_TRUE(users.allowed("root", "anything", Access::kWrite, "q"));
  EXPECT_TRUE(users.allowed("root", "locked", Access::kRead, "q"));
  EXPECT_FALSE(users.allowed("root", "locked", Access::kWrite, "q"));
}

TEST(Directory, TopicPermissionsBindOnlyWhereThereIsARow) {
  const Directory users = directory();
  EXPECT_TRUE(users.topic_allowed("app", "/", Access::kWrite, "amq.topic", "app.created"));
  EXPECT_FALSE(users.topic_allowed("app", "/", Access::kWrite, "amq.topic", "other.created"));
  EXPECT_FALSE(users.topic_allowed("app", "/", Access::kRead, "amq.topic", "app.created"));
  EXPECT_TRUE(users.topic_allowed("app", "/", Access::kWrite, "other.topic", "x"));
  EXPECT_TRUE(users.topic_allowed("app", "shop", Access::kWrite, "amq.topic", "x"));
  EXPECT_FALSE(users.topic_allowed("nobody", "/", Access::kWrite, "amq.topic", "x"));
}

TEST(Directory, TopicVariablesAreLiteral) {
  const auto compiled = topic_pattern("^{username}/{vhost}$", "a.b", "v*").value();
  EXPECT_TRUE(compiled->matches("a.b/v*"));
  EXPECT_FALSE(compiled->matches("axb/vv"));
}

TEST(Directory, LoopbackUsersAreThoseThatWereNamed) {
  const Directory users = directory();
  EXPECT_TRUE(users.loopback_only("app"));
  EXPECT_FALSE(users.loopback_only("root"));
}

TEST(Directory, WithoutConfigurationGuestMayDoEverythingEverywhere) {
  const Directory users(default_users(), {"guest"});
  ASSERT_NE(users.authenticate("guest", "guest"), nullptr);
  EXPECT_EQ(users.find("guest")->tags, std::vector<std::string>{"administrator"});
  EXPECT_TRUE(users.allowed("guest", "/", Access::kConfigure, "q"));
  EXPECT_TRUE(users.allowed("guest", "new", Access::kRead, ""));
  EXPECT_TRUE(users.loopback_only("guest"));
}

}  // namespace
}  // namespace polymq::auth
