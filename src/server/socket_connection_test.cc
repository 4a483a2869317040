// Connections on real sockets, plain and over TLS, served by a shard's own thread: what is watched
// while a request waits for its answer, and how sockets end.
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
#include "server/testing/certificates.h"
#include "server/testing/tls_client.h"
#include "server/tls_stream.h"
#include "storage/memory_metadata.h"
#include "storage/memory_store.h"
#include "storage/testing/temporary_folder.h"

namespace polymq::server {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 10s;
constexpr std::string_view kWait = "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr std::string_view kNow = "GET /now HTTP/1.1\r\nHost: a\r\n\r\n";

/// Answers /now at once, /echo with what was sent; /wait and /patient when it is told to, and hears
/// of clients of /wait that go away.
class Service final : public http::Service {
 public:
  void handle(http::Request request, http::Exchange exchange) override {
    last_peer = exchange.peer();
    if (request.path() == "/now") return exchange.answer({.body = "now"});
    if (request.path() == "/echo") return exchange.answer({.body = std::move(request.body)});
    if (request.path() == "/wait") exchange.when_gone([this] { ++gone; });
    waiting.push_back(std::move(exchange));
    ++handled;
  }
  void shutting_down() override { answer_all(); }
  void answer_all() {
    for (http::Exchange& exchange : std::exchange(waiting, {})) exchange.answer({.body = "late"});
  }

  std::vector<http::Exchange> waiting;  // the shard's thread
  Peer last_peer;                       // so is this
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

bool eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

/// A client's end of a connection.
class Client {
 public:
  explicit Client(int fd) : fd_(fd) {}
  ~Client() { hang_up(); }

  void begin_tls(const testing::TlsClient::Options& options) {
    tls_ = std::make_unique<testing::TlsClient>(fd_, options);
    tls_->shake_hands_sending();
  }
  void finish_tls() {
    ASSERT_TRUE(eventually([&] { return tls_->shake_hands(); }));
  }
  void send(std::string_view bytes) {
    if (tls_) tls_->write(bytes);
    while (tls_ ? tls_->has_unsent() : !bytes.empty()) {
      pollfd room{.fd = fd_, .events = POLLOUT, .revents = 0};
      ASSERT_EQ(::poll(&room, 1, 10'000), 1);
      if (tls_) {
        tls_->push();
        continue;
      }
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      ASSERT_GT(sent, 0);
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  void drain(std::size_t filled) { testing::drain(fd_, filled); }
  /// Nothing more comes from it, and it says so.
  void end() {
    if (tls_) tls_->close();
    ::shutdown(fd_, SHUT_WR);
  }
  void hang_up() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  /// What comes until `last` has come or the stream ends; "<end>" then, "<cut>" if that was not
  /// announced as TLS has it.
  std::string hear(std::string_view last) {
    std::string heard;
    pollfd ready{.fd = fd_, .events = POLLIN, .revents = 0};
    while (!heard.ends_with(last) && ::poll(&ready, 1, 10'000) == 1) {
      if (tls_) {
        heard += tls_->read();
        if (tls_->has_ended()) return heard + "<end>";
        if (tls_->is_cut()) return heard + "<cut>";
        continue;
      }
      char bytes[65536];
      const ssize_t got = ::recv(fd_, bytes, sizeof bytes, 0);
      if (got <= 0) return heard + "<end>";
      heard.append(bytes, static_cast<std::size_t>(got));
    }
    return heard;
  }
  testing::TlsClient* tls() { return tls_.get(); }

 private:
  int fd_;
  std::unique_ptr<testing::TlsClient> tls_;
};

class SocketConnectionTest : public ::testing::TestWithParam<bool> {
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
    clients_.clear();
    shard_.stop();
    shard_.join();
  }

  static bool over_tls() { return GetParam(); }
  std::shared_ptr<const TlsContext> make_context() const {
    const testing::Identity identity = authority_.issue("server");
    const std::string path = folder_.path();
    return TlsContext::load({.certificate = testing::write_certificate(path + "/cert",
                                                                       identity.certificate.get()),
                             .key = testing::write_key(path + "/key", identity),
                             .ca = {},
                             .client_certificates = "none",
                             .lowest_version = "1.2",
                             .ciphers = {}})
        .value();
  }
  /// One that has not said anything yet, which TLS is spoken with or not.
  Client& accept(bool tls, bool proxied = false, std::size_t* filled = nullptr) {
    if (tls && !context_) context_ = make_context();
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    clients_.push_back(std::make_unique<Client>(ends[0]));
    if (filled != nullptr) *filled = testing::fill(ends[1]);
    shard_.expect_connection();
    on_shard([&] {
      SocketConnection::Socket socket(shard_.io());
      socket.assign(boost::asio::generic::stream_protocol(AF_UNSPEC, 0), ends[1]);
      std::unique_ptr<TlsStream> stream;
      if (tls) stream = std::make_unique<TlsStream>(*context_, ends[1], protocol_.alpn());
      shard_.add(std::make_unique<SocketConnection>(shard_, std::move(socket), Peer{"client", true},
                                                    protocol_, proxied, std::move(stream)));
    });
    return *clients_.back();
  }
  Client& connect() {
    Client& client = accept(over_tls());
    if (over_tls()) {
      client.begin_tls({.authority = authority_.certificate()});
      client.finish_tls();
    }
    return client;
  }
  void on_shard(const std::function<void()>& task) {
    std::promise<void> done;
    shard_.post([&] {
      task();
      done.set_value();
    });
    done.get_future().get();
  }

  const storage::testing::TemporaryFolder folder_;
  const testing::Authority authority_{"authority"};
  std::shared_ptr<const TlsContext> context_;
  storage::MemoryStore store_;
  storage::MemoryMetadata metadata_;
  Admission admission_;
  HttpProtocol protocol_;
  ShardRuntime shard_;
  Service* service_;
  std::vector<std::unique_ptr<Client>> clients_;
};

INSTANTIATE_TEST_SUITE_P(Connections, SocketConnectionTest, ::testing::Bool(),
                         [](const auto& each) { return each.param ? "Tls" : "Plain"; });

TEST_P(SocketConnectionTest, AnAnswerThatComesLaterIsWritten) {
  Client& client = connect();
  client.send(kWait);
  ASSERT_TRUE(eventually([&] { return service_->handled == 1; }));
  on_shard([&] { service_->answer_all(); });
  EXPECT_TRUE(client.hear("late").ends_with("late"));
  client.send(kNow);
  EXPECT_TRUE(client.hear("now").ends_with("now")) << "and the connection goes on";
}

TEST_P(SocketConnectionTest, AClientThatHangsUpIsNoticedWhileItsRequestWaits) {
  Client& client = connect();
  client.send(kWait);
  ASSERT_TRUE(eventually([&] { return service_->handled == 1; }));
  client.hang_up();
  EXPECT_TRUE(eventually([&] { return service_->gone == 1 && admission_.inside == 0; }));
  on_shard([&] { service_->answer_all(); });
}

TEST_P(SocketConnectionTest, AClosedHalfIsNoticedToo) {
  Client& client = connect();
  client.send(kWait);
  ASSERT_TRUE(eventually([&] { return service_->handled == 1; }));
  client.end();
  EXPECT_TRUE(eventually([&] { return service_->gone == 1; }));
  EXPECT_EQ(client.hear("x"), "<end>");
}

TEST_P(SocketConnectionTest, SoItIsBehindRequestsThatNobodyReads) {
  Client& client = connect();
  client.send(std::string(kWait) + std::string(kNow));
  ASSERT_TRUE(eventually([&] { return service_->handled == 1; }));
  client.hang_up();
  EXPECT_TRUE(eventually([&] { return service_->gone == 1; }));
}

TEST_P(SocketConnectionTest, AClosedHalfIsStillAnsweredWhenTheServiceDoesNotAsk) {
  Client& client = connect();
  client.send("GET /patient HTTP/1.1\r\nHost: a\r\n\r\n" + std::string(kNow));
  client.end();
  ASSERT_TRUE(eventually([&] { return service_->handled == 1; }));
  std::this_thread::sleep_for(300ms);  // more than a tick: nobody gives it up
  on_shard([&] { service_->answer_all(); });
  const std::string heard = client.hear("<never>");
  EXPECT_NE(heard.find("late"), std::string::npos);
  EXPECT_TRUE(heard.ends_with("now<end>")) << heard;
}

TEST_P(SocketConnectionTest, AtShutdownTheRequestUnderWayIsAnswered) {
  Client& waits = connect();
  Client& idle = connect();
  waits.send(kWait);
  ASSERT_TRUE(eventually([&] { return service_->handled == 1; }));
  on_shard([&] {
    shard_.for_each_connection([](SocketConnection& each) { each.force_close("shutdown"); });
  });
  EXPECT_EQ(idle.hear("x"), "<end>");
  on_shard([&] { protocol_.shutting_down(shard_); });
  EXPECT_TRUE(waits.hear("<never>").ends_with("late<end>"));
  waits.hang_up();
  EXPECT_TRUE(eventually([&] { return shard_.load() == 0; }));
}

TEST_P(SocketConnectionTest, MoreThanSocketsHoldGoesInAndOut) {
  Client& client = connect();
  const std::string body(5u << 20, 'b');
  for (int i = 0; i < 2; ++i) {
    client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) +
                "\r\n\r\n" + body + std::string(kNow));
    const std::string heard = client.hear("now");
    EXPECT_TRUE(heard.find("\r\n\r\n" + body + "HTTP/1.1 200") != heard.npos);
  }
}

class TlsConnectionTest : public SocketConnectionTest {};
INSTANTIATE_TEST_SUITE_P(Connections, TlsConnectionTest, ::testing::Values(true));

TEST_P(TlsConnectionTest, AClientThatDoesNotFinishTheHandshakeIsClosedInTime) {
  Client& silent = accept(true);
  Client& slow = accept(true);
  slow.send("\x16\x03\x01");
  const auto tick_after = [&](std::chrono::milliseconds time) {
    on_shard([&] {
      const MonotonicMs later = shard_.shard().now().monotonic + time.count();
      shard_.for_each_connection([&](SocketConnection& each) { each.tick(later); });
    });
  };
  tick_after(protocol_.patience() / 2);
  EXPECT_EQ(shard_.load(), 2u);
  tick_after(protocol_.patience() + 1s);
  EXPECT_EQ(silent.hear("x"), "<end>");
  EXPECT_EQ(slow.hear("x"), "<end>");
  EXPECT_EQ(admission_.inside, 0) << "they never were connections of the protocol's";
}

TEST_P(TlsConnectionTest, AHandshakeGoesOnWhenThereIsRoomInTheSocket) {
  std::size_t filled = 0;
  Client& client = accept(true, false, &filled);
  client.begin_tls({.authority = authority_.certificate()});
  on_shard([] {});
  on_shard([] {});  // by now the hello has been read
  client.drain(filled);
  client.finish_tls();
  client.send(kNow);
  EXPECT_TRUE(client.hear("now").ends_with("now"));
}

TEST_P(TlsConnectionTest, AClientThatSpeaksPlainIsClosedAtOnce) {
  Client& client = accept(true);
  client.send(kNow);
  EXPECT_EQ(client.hear("x"), "<end>");
}

TEST_P(TlsConnectionTest, AProxysHeaderComesInPlainAheadOfTheHandshake) {
  Client& client = accept(true, true);
  client.send("PROXY TCP4 203.0.113.7 ");
  on_shard([&] {  // which so reads the rest together with what is behind it
    client.send("192.0.2.1 4711 80\r\n");
    client.begin_tls({.authority = authority_.certificate()});
  });
  client.finish_tls();
  client.send(kNow);
  EXPECT_TRUE(client.hear("now").ends_with("now"));
  on_shard([&] { EXPECT_TRUE(service_->last_peer.name.starts_with("203.0.113.7:4711")); });
}

TEST_P(TlsConnectionTest, ARequestWithTheEndRightBehindItIsAnswered) {
  Client& client = connect();
  client.tls()->write(kNow, 0);
  client.tls()->close();
  EXPECT_TRUE(client.hear("<never>").ends_with("now<end>")) << "though the socket is open";
}

TEST_P(TlsConnectionTest, AnEndBehindRequestsThatNobodyReadsIsNoticed) {
  Client& client = connect();
  client.tls()->write(std::string(kWait) + std::string(kNow), 0);
  client.tls()->close();
  EXPECT_TRUE(eventually([&] { return service_->gone == 1; })) << "though the socket is open";
}

TEST_P(TlsConnectionTest, TheServiceIsToldThatItIsTls) {
  Client& client = connect();
  client.send(kNow);
  client.hear("now");
  on_shard([&] { EXPECT_TRUE(service_->last_peer.tls.starts_with("TLSv1.3 TLS_")); });
}

}  // namespace
}  // namespace polymq::server
