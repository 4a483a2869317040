// Connections on real sockets, served by a shard's own thread: what is watched while a request
// waits for its answer, and how sockets end.
#include "server/socket_connection.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <future>
#include <string>
#include <thread>

#include "server/protocols.h"
#include "server/shard_runtime.h"
#include "storage/memory_metadata.h"
#include "storage/memory_store.h"

namespace polymq::server {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 10s;
constexpr std::string_view kWait = "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr std::string_view kNow = "GET /now HTTP/1.1\r\nHost: a\r\n\r\n";

/// Answers /now at once; /wait and /patient when it is told to, and hears of clients of /wait that
/// go away.
class Service final : public http::Service {
 public:
  void handle(http::Request request, http::Exchange exchange) override {
    if (request.path() == "/now") return exchange.answer({.body = "now"});
    if (request.path() == "/wait") exchange.when_gone([this] { ++gone; });
    waiting.push_back(std::move(exchange));
    ++handled;
  }
  void shutting_down() override { answer_all(); }
  void answer_all() {
    for (http::Exchange& exchange : std::exchange(waiting, {})) exchange.answer({.body = "late"});
  }

  std::vector<http::Exchange> waiting;  // the shard's thread
  std::atomic<int> handled = 0;
  std::atomic<int> gone = 0;
};

class Admission final : public http::Admission {
 public:
  bool enter() override {
    ++inside;
    return true;
  }
  void leave() override { --inside; }
  std::atomic<int> inside = 0;
};

class SocketConnectionTest : public testing::Test {
 protected:
  SocketConnectionTest()
      : protocol_({}, {}, admission_), shard_({.index = 0, .count = 1, .limits = {}}) {
    auto service = std::make_unique<Service>();
    service_ = service.get();
    protocol_.add_shard(std::move(service));
    shard_.connect({&shard_});
    shard_.open(store_, metadata_);
    shard_.start();
  }
  ~SocketConnectionTest() override {
    for (const int fd : clients_) ::close(fd);
    shard_.stop();
    shard_.join();
  }

  /// A client's end of a new connection.
  int connect() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    clients_.push_back(ends[0]);
    shard_.expect_connection();
    on_shard([&] {
      SocketConnection::Socket socket(shard_.io());
      socket.assign(boost::asio::generic::stream_protocol(AF_UNSPEC, 0), ends[1]);
      shard_.add(std::make_unique<SocketConnection>(shard_, std::move(socket), Peer{"client", true},
                                                    protocol_, false));
    });
    return ends[0];
  }
  void on_shard(const std::function<void()>& task) {
    std::promise<void> done;
    shard_.post([&] {
      task();
      done.set_value();
    });
    done.get_future().get();
  }
  static void send(int fd, std::string_view bytes) {
    ASSERT_EQ(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  void hang_up(int fd) {
    std::erase(clients_, fd);
    ::close(fd);
  }
  static bool eventually(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(1ms);
    }
    return true;
  }
  /// What comes until `bodies` has come or the stream ends; "<end>" then.
  static std::string hear(int fd, std::string_view last) {
    std::string heard;
    pollfd ready{.fd = fd, .events = POLLIN, .revents = 0};
    while (!heard.ends_with(last) && ::poll(&ready, 1, 10'000) == 1) {
      char bytes[65536];
      const ssize_t got = ::recv(fd, bytes, sizeof bytes, 0);
      if (got <= 0) return heard + "<end>";
      heard.append(bytes, static_cast<std::size_t>(got));
    }
    return heard;
  }

  storage::MemoryStore store_;
  storage::MemoryMetadata metadata_;
  Admission admission_;
  HttpProtocol protocol_;
  ShardRuntime shard_;
  Service* service_;
  std::vector<int> clients_;
};

TEST_F(SocketConnectionTest, AnAnswerThatComesLaterIsWritten) {
  const int client = connect();
  send(client, kWait);
  ASSERT_TRUE(eventually([&] { return service_->handled == 1; }));
  on_shard([&] { service_->answer_all(); });
  EXPECT_TRUE(hear(client, "late").ends_with("late"));
  send(client, kNow);
  EXPECT_TRUE(hear(client, "now").ends_with("now")) << "and the connection goes on";
}

TEST_F(SocketConnectionTest, AClientThatHangsUpIsNoticedWhileItsRequestWaits) {
  const int client = connect();
  send(client, kWait);
  ASSERT_TRUE(eventually([&] { return service_->handled == 1; }));
  hang_up(client);
  EXPECT_TRUE(eventually([&] { return service_->gone == 1 && admission_.inside == 0; }));
  on_shard([&] { service_->answer_all(); });
}

TEST_F(SocketConnectionTest, AClosedHalfIsNoticedToo) {
  const int client = connect();
  send(client, kWait);
  ASSERT_TRUE(eventually([&] { return service_->handled == 1; }));
  ::shutdown(client, SHUT_WR);
  EXPECT_TRUE(eventually([&] { return service_->gone == 1; }));
  EXPECT_EQ(hear(client, "x"), "<end>");
}

TEST_F(SocketConnectionTest, SoItIsBehindRequestsThatNobodyReads) {
  const int client = connect();
  send(client, std::string(kWait) + std::string(kNow));
  ASSERT_TRUE(eventually([&] { return service_->handled == 1; }));
  hang_up(client);
  EXPECT_TRUE(eventually([&] { return service_->gone == 1; }));
}

TEST_F(SocketConnectionTest, AClosedHalfIsStillAnsweredWhenTheServiceDoesNotAsk) {
  const int client = connect();
  send(client, "GET /patient HTTP/1.1\r\nHost: a\r\n\r\n" + std::string(kNow));
  ::shutdown(client, SHUT_WR);
  ASSERT_TRUE(eventually([&] { return service_->handled == 1; }));
  std::this_thread::sleep_for(300ms);  // more than a tick: nobody gives it up
  on_shard([&] { service_->answer_all(); });
  const std::string heard = hear(client, "<never>");
  EXPECT_NE(heard.find("late"), std::string::npos);
  EXPECT_TRUE(heard.ends_with("now<end>")) << heard;
}

TEST_F(SocketConnectionTest, AtShutdownTheRequestUnderWayIsAnswered) {
  const int waits = connect();
  const int idle = connect();
  send(waits, kWait);
  ASSERT_TRUE(eventually([&] { return service_->handled == 1; }));
  on_shard([&] {
    shard_.for_each_connection([](SocketConnection& each) { each.force_close("shutdown"); });
  });
  EXPECT_EQ(hear(idle, "x"), "<end>");
  on_shard([&] { protocol_.shutting_down(shard_); });
  EXPECT_TRUE(hear(waits, "<never>").ends_with("late<end>"));
  hang_up(waits);
  EXPECT_TRUE(eventually([&] { return shard_.load() == 0; }));
}

}  // namespace
}  // namespace polymq::server
