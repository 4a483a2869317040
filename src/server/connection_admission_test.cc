// Who is let in: limits of the node, its vhosts and users, and users that change.
#include "server/connection_admission.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace polymq::server {
namespace {

std::shared_ptr<const auth::Directory> users(std::vector<auth::User> list) {
  return std::make_shared<const auth::Directory>(std::move(list), std::vector<std::string>{});
}
auth::User user(const std::string& name, std::int64_t connections = -1,
                std::int64_t channels = -1) {
  auth::User made;
  made.name = name;
  made.max_connections = connections;
  made.max_channels = channels;
  return made;
}

class ConnectionAdmissionTest : public testing::Test {
 protected:
  Config config_;
  ConnectionAdmission admission_{config_, users({user("ann"), user("bob", 1, 2), user("eve", 0)})};
};

TEST_F(ConnectionAdmissionTest, WithoutLimitsAllAreLetIn) {
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(admission_.enter("ann", "/"), "");
}

TEST_F(ConnectionAdmissionTest, AFullNodeLetsNobodyInUntilSomebodyLeaves) {
  config_.server.max_connections = 2;
  EXPECT_EQ(admission_.enter("ann", "/"), "");
  EXPECT_EQ(admission_.enter("bob", "/"), "");
  EXPECT_EQ(admission_.enter("ann", "other"),
            "connection refused: node connection limit (2) is reached");
  admission_.leave("bob", "/");
  EXPECT_EQ(admission_.enter("ann", "other"), "");
}

TEST_F(ConnectionAdmissionTest, ConnectionsOverHttpCountForTheNodeAndForNobodyElse) {
  config_.server.max_connections = 3;
  EXPECT_EQ(admission_.enter("bob", "/"), "");
  EXPECT_TRUE(admission_.enter());
  EXPECT_TRUE(admission_.enter());
  EXPECT_FALSE(admission_.enter());
  EXPECT_EQ(admission_.enter("ann", "/"),
            "connection refused: node connection limit (3) is reached");
  admission_.leave();
  EXPECT_EQ(admission_.enter("ann", "/"), "");
  EXPECT_FALSE(admission_.enter());
}

TEST_F(ConnectionAdmissionTest, AVhostHasItsOwnLimitOrThatOfAll) {
  config_.limits.vhost_max_connections = 1;
  config_.vhosts.push_back({"large", "", 2, {}});
  config_.vhosts.push_back({"closed", "", 0, {}});
  EXPECT_EQ(admission_.enter("ann", "/"), "");
  EXPECT_EQ(admission_.enter("ann", "/"),
            "access to vhost '/' refused for user 'ann': connection limit (1) is reached");
  EXPECT_EQ(admission_.enter("ann", "large"), "");
  EXPECT_EQ(admission_.enter("ann", "large"), "");
  EXPECT_EQ(admission_.enter("ann", "large"),
            "access to vhost 'large' refused for user 'ann': connection limit (2) is reached");
  EXPECT_EQ(admission_.enter("ann", "closed"),
            "access to vhost 'closed' refused for user 'ann': connection limit (0) is reached");
  admission_.leave("ann", "/");
  EXPECT_EQ(admission_.enter("ann", "/"), "");
}

TEST_F(ConnectionAdmissionTest, AUsersConnectionsCountOverAllVhosts) {
  EXPECT_EQ(admission_.enter("bob", "/"), "");
  EXPECT_EQ(admission_.enter("bob", "other"),
            "connection refused for user 'bob': user connection limit (1) is reached");
  EXPECT_EQ(admission_.enter("eve", "/"),
            "connection refused for user 'eve': user connection limit (0) is reached");
  admission_.leave("bob", "/");
  EXPECT_EQ(admission_.enter("bob", "other"), "");
}

TEST_F(ConnectionAdmissionTest, WhoWasRefusedDoesNotCount) {
  config_.limits.vhost_max_connections = 2;
  config_.server.max_connections = 2;
  EXPECT_EQ(admission_.enter("bob", "/"), "");
  for (int i = 0; i < 5; ++i) EXPECT_NE(admission_.enter("bob", "/"), "");
  EXPECT_EQ(admission_.enter("ann", "/"), "");
}

TEST_F(ConnectionAdmissionTest, AUsersChannelsCountOverAllConnections) {
  EXPECT_EQ(admission_.open_channel("bob"), "");
  EXPECT_EQ(admission_.open_channel("bob"), "");
  EXPECT_EQ(admission_.open_channel("bob"),
            "number of channels opened for user 'bob' has reached the maximum allowed user limit "
            "of 2");
  EXPECT_EQ(admission_.open_channel("ann"), "");
  admission_.close_channel("bob");
  EXPECT_EQ(admission_.open_channel("bob"), "");
}

TEST_F(ConnectionAdmissionTest, NewUsersBringNewLimitsAndEndNobodysStay) {
  EXPECT_EQ(admission_.enter("bob", "/"), "");
  const std::uint64_t version = admission_.directory_version();
  const auto old = admission_.directory();
  admission_.replace(users({user("bob", 2)}));
  EXPECT_NE(admission_.directory_version(), version) << "verdicts are asked for again";
  EXPECT_NE(old->find("ann"), nullptr) << "whoever holds the old ones may go on reading";
  EXPECT_EQ(admission_.directory()->find("ann"), nullptr);
  EXPECT_EQ(admission_.enter("bob", "/"), "");
  EXPECT_NE(admission_.enter("bob", "/"), "") << "those from before count";
  admission_.replace(users({}));
  admission_.leave("bob", "/");
  admission_.leave("bob", "/");
  EXPECT_EQ(admission_.enter("bob", "/"), "") << "a user that is gone has no limit";
}

TEST_F(ConnectionAdmissionTest, ThreadsTogetherNeverExceedALimit) {
  config_.server.max_connections = 10;
  std::atomic<int> admitted = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int j = 0; j < 100; ++j) {
          if (admission_.enter("ann", "/").empty()) ++admitted;
        }
      });
    }
  }
  EXPECT_EQ(admitted, 10);
}

}  // namespace
}  // namespace polymq::server
