// Notifications as systemd receives them.
#include "server/service_notify.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <string>

namespace polymq::server {
namespace {

class ServiceNotify : public ::testing::Test {
 protected:
  void TearDown() override {
    ::unsetenv("NOTIFY_SOCKET");
    if (fd_ >= 0) ::close(fd_);
    if (!path_.empty() && path_[0] == '/') ::unlink(path_.c_str());
  }
  void listen(const std::string& path) {
    path_ = path;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (path[0] == '@') address.sun_path[0] = '\0';
    fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    ASSERT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address),
                     static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size())),
              0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  std::string received() const {
    std::array<char, 256> datagram{};
    const ssize_t size = ::recv(fd_, datagram.data(), datagram.size(), 0);
    return size < 0 ? "" : std::string(datagram.data(), static_cast<std::size_t>(size));
  }

  std::string path_;
  int fd_ = -1;
};

TEST_F(ServiceNotify, ReachesASocketByPath) {
  listen(::testing::TempDir() + "notify_" + std::to_string(::getpid()));
  EXPECT_TRUE(notify_service("READY=1"));
  EXPECT_EQ(received(), "READY=1");
}

TEST_F(ServiceNotify, ReachesAnAbstractSocket) {
  listen("@polymq_notify_test_" + std::to_string(::getpid()));
  EXPECT_TRUE(notify_service("STOPPING=1"));
  EXPECT_EQ(received(), "STOPPING=1");
}

TEST_F(ServiceNotify, WithoutSystemdThereIsNothingToTell) {
  ::unsetenv("NOTIFY_SOCKET");
  EXPECT_TRUE(notify_service("READY=1"));
}

TEST_F(ServiceNotify, ASocketThatIsNotThereIsAFailure) {
  ::setenv("NOTIFY_SOCKET", "/no/such/socket", 1);
  EXPECT_FALSE(notify_service("READY=1"));
  ::setenv("NOTIFY_SOCKET", "relative", 1);
  EXPECT_FALSE(notify_service("READY=1"));
}

}  // namespace
}  // namespace polymq::server
