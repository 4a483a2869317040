// Promises of secrets that a node keeps.
#include "server/secret_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "storage/testing/temporary_folder.h"

namespace polymq::server {
namespace {

TEST(SecretFile, IsMadeOnceAndForItsOwnerOnly) {
  const storage::testing::TemporaryFolder folder;
  const std::string path = folder.path();
  const auto first = own_secret(path, "key");
  ASSERT_TRUE(first) << first.error().text;
  EXPECT_EQ(first->size(), 32u);
  EXPECT_EQ(own_secret(path, "key").value(), *first);
  EXPECT_NE(own_secret(path, "other").value(), *first);
  struct stat status{};
  ASSERT_EQ(::stat((path + "/key").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST(SecretFile, IsMadeThoughAnEarlierStartDiedMakingIt) {
  const storage::testing::TemporaryFolder folder;
  const std::string path = folder.path();
  std::ofstream(path + "/key.new") << "half";
  const auto made = own_secret(path, "key");
  ASSERT_TRUE(made) << made.error().text;
  EXPECT_EQ(own_secret(path, "key").value(), *made);
}

TEST(SecretFile, WithoutAFolderItIsANewOneEachTime) {
  EXPECT_NE(own_secret("", "key").value(), own_secret("", "key").value());
}

TEST(SecretFile, ThatCannotBeKeptIsAnError) {
  EXPECT_FALSE(own_secret("/nonexistent/folder", "key"));
}

}  // namespace
}  // namespace polymq::server
