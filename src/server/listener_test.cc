// Listening on addresses and sockets, and who is said to have come.
#include "server/listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>

namespace polymq::server {
namespace {

class ListenerTest : public testing::Test {
 protected:
  ListenerTest() {
    options_ = {.backlog = 128, .tcp_nodelay = false, .keepalive = false};
    path_ = testing::TempDir() + "listener_" + std::to_string(::getpid());
  }
  ~ListenerTest() override {
    for (const auto& [fd, peer] : accepted_) ::close(fd);
    for (const int fd : clients_) ::close(fd);
    ::unlink(path_.c_str());
  }
  Listener make() {
    return Listener(io_, options_,
                    [this](int fd, SocketPeer peer) { accepted_.emplace_back(fd, peer); });
  }
  static std::string opened(Listener& listener, const Endpoint& endpoint) {
    const auto result = listener.open(endpoint);
    return result ? "" : result.error().text;
  }
  /// Lets the listener accept until `count` are there.
  void wait_for(std::size_t count) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (accepted_.size() < count && std::chrono::steady_clock::now() < end) {
      io_.run_one_for(std::chrono::milliseconds(100));
    }
    ASSERT_EQ(accepted_.size(), count);
  }

  static sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }
  /// A port that nobody uses at the moment.
  static std::uint16_t free_port() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), size), 0);
    EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
    ::close(fd);
    return ntohs(address.sin_port);
  }
  template <class Address>
  bool connect(const Address& address, int family) {
    clients_.push_back(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    return ::connect(clients_.back(), reinterpret_cast<const sockaddr*>(&address),
                     sizeof address) == 0;
  }
  bool connect(std::uint16_t port) { return connect(loopback(port), AF_INET); }
  bool connect_unix() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    return connect(address, AF_UNIX);
  }
  static int option(int fd, int level, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    EXPECT_EQ(::getsockopt(fd, level, name, &value, &size), 0);
    return value;
  }

  boost::asio::io_context io_;
  Listener::Options options_;
  std::string path_;
  std::vector<std::pair<int, SocketPeer>> accepted_;
  std::vector<int> clients_;
};

TEST_F(ListenerTest, TellsWhoCameAndFromWhere) {
  const std::uint16_t port = free_port();
  Listener listener = make();
  ASSERT_EQ(opened(listener, {.address = "127.0.0.1", .port = port}), "");
  ASSERT_TRUE(connect(port));
  wait_for(1);
  sockaddr_in theirs{};
  socklen_t size = sizeof theirs;
  ::getsockname(clients_[0], reinterpret_cast<sockaddr*>(&theirs), &size);
  const SocketPeer& peer = accepted_[0].second;
  EXPECT_EQ(peer.peer.name, "127.0.0.1:" + std::to_string(ntohs(theirs.sin_port)) +
                                " -> 127.0.0.1:" + std::to_string(port));
  EXPECT_TRUE(peer.peer.loopback);
  EXPECT_EQ(peer.peer.address(), "127.0.0.1");
  EXPECT_EQ(peer.ip[10], 0xff) << "IPv4 is mapped into IPv6";
  EXPECT_EQ(peer.ip[12], 127);
  listener.close();
}

TEST_F(ListenerTest, SocketsAreSetUpAsConfigured) {
  for (const bool on : {false, true}) {
    options_.tcp_nodelay = options_.keepalive = on;
    const std::uint16_t port = free_port();
    Listener listener = make();
    ASSERT_EQ(opened(listener, {.address = "127.0.0.1", .port = port}), "");
    ASSERT_TRUE(connect(port));
    wait_for(on ? 2 : 1);
    const int fd = accepted_.back().first;
    EXPECT_EQ(option(fd, IPPROTO_TCP, TCP_NODELAY) != 0, on);
    EXPECT_EQ(option(fd, SOL_SOCKET, SO_KEEPALIVE) != 0, on);
    EXPECT_TRUE(::fcntl(fd, F_GETFL) & O_NONBLOCK);
    EXPECT_TRUE(::fcntl(fd, F_GETFD) & FD_CLOEXEC);
    listener.close();
  }
}

TEST_F(ListenerTest, WithoutAnAddressBothFamiliesAreServed) {
  const std::uint16_t port = free_port();
  Listener listener = make();
  ASSERT_EQ(opened(listener, {.address = "", .port = port}), "");
  ASSERT_TRUE(connect(port));
  wait_for(1);
  EXPECT_TRUE(accepted_[0].second.peer.name.starts_with("127.0.0.1:")) << "not as mapped";
  EXPECT_TRUE(accepted_[0].second.peer.loopback);
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(port);
  six.sin6_addr = in6addr_loopback;
  if (connect(six, AF_INET6)) {  // a machine may have no IPv6
    wait_for(2);
    EXPECT_TRUE(accepted_[1].second.peer.name.starts_with("[::1]:"));
    EXPECT_TRUE(accepted_[1].second.peer.loopback);
  }
  listener.close();
}

TEST_F(ListenerTest, ManyWhoComeAtOnceAreAllServed) {
  options_.backlog = 512;
  const std::uint16_t port = free_port();
  Listener listener = make();
  ASSERT_EQ(opened(listener, {.address = "127.0.0.1", .port = port}), "");
  for (int i = 0; i < 150; ++i) ASSERT_TRUE(connect(port));
  wait_for(150);
  listener.close();
}

TEST_F(ListenerTest, AnAddressInUseIsNamedInTheError) {
  const std::uint16_t port = free_port();
  Listener first = make();
  Listener second = make();
  ASSERT_EQ(opened(first, {.address = "127.0.0.1", .port = port}), "");
  EXPECT_EQ(opened(second, {.address = "127.0.0.1", .port = port}),
            "cannot listen on 127.0.0.1:" + std::to_string(port) + ": Address already in use");
  first.close();
  EXPECT_FALSE(connect(port));
  EXPECT_EQ(opened(second, {.address = "127.0.0.1", .port = port}), "");
  EXPECT_TRUE(connect(port));
  second.close();
}

TEST_F(ListenerTest, APeerOfAUnixSocketIsLocalAndTheFileGoesWithTheListener) {
  Listener listener = make();
  ASSERT_EQ(opened(listener, {.address = path_, .is_unix = true}), "");
  ASSERT_TRUE(connect_unix());
  wait_for(1);
  EXPECT_TRUE(accepted_[0].second.peer.loopback);
  EXPECT_TRUE(accepted_[0].second.peer.name.starts_with("unix socket"));
  listener.close();
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(ListenerTest, ASocketFileOfADeadServerIsReplacedAndOneOfALivingIsNot) {
  {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    const int dead = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_EQ(::bind(dead, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ::close(dead);
  }
  Listener living = make();
  ASSERT_EQ(opened(living, {.address = path_, .is_unix = true}), "");
  Listener second = make();
  EXPECT_NE(opened(second, {.address = path_, .is_unix = true}), "");
  EXPECT_TRUE(connect_unix());
  wait_for(2);  // the second listener had a look, too
  living.close();
}

TEST_F(ListenerTest, AFileThatIsNoSocketIsLeftAlone) {
  std::ofstream(path_) << "precious";
  Listener listener = make();
  EXPECT_NE(opened(listener, {.address = path_, .is_unix = true}), "");
  EXPECT_TRUE(std::filesystem::is_regular_file(path_));
}

TEST(PeerBehindProxy, IsWhomTheHeaderNamesAndElseTheProxy) {
  const Peer proxy{"proxy", true};
  ProxyHeader header;
  EXPECT_EQ(peer_behind_proxy(proxy, header).name, "proxy");
  EXPECT_TRUE(peer_behind_proxy(proxy, header).loopback);
  header.source = ProxyAddress{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 7}, 5000};
  EXPECT_EQ(peer_behind_proxy(proxy, header).name, "192.0.2.7:5000");
  EXPECT_FALSE(peer_behind_proxy(proxy, header).loopback)
      << "a proxy on this machine does not make everybody local";
  header.destination = ProxyAddress{{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 5672};
  EXPECT_EQ(peer_behind_proxy(proxy, header).name, "192.0.2.7:5000 -> [2001:db8::1]:5672");
  EXPECT_EQ(peer_behind_proxy(proxy, header).address(), "192.0.2.7");
  header.source = ProxyAddress{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 1};
  EXPECT_TRUE(peer_behind_proxy(proxy, header).loopback);
}

}  // namespace
}  // namespace polymq::server
