// TLS on socket pairs: records cut anyhow, sockets that are full, strangers, certificates of
// clients, and how connections end.
#include "server/tls_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "server/testing/certificates.h"
#include "server/testing/tls_client.h"
#include "storage/testing/temporary_folder.h"

namespace polymq::server {
namespace {

using testing::Authority;
using ::testing::HasSubstr;
using testing::Identity;
using testing::TlsClient;

class TlsStreamTest : public ::testing::Test {
 protected:
  TlsStreamTest() {
    settings_.certificate =
        testing::write_certificate(path("server.pem"), server_.certificate.get());
    settings_.key = testing::write_key(path("server.key"), server_);
    settings_.ca = testing::write_certificate(path("ca.pem"), authority_.certificate());
    settings_.client_certificates = "none";
    settings_.lowest_version = "1.2";
    options_.authority = authority_.certificate();
  }
  ~TlsStreamTest() override { hang_up(); }

  std::string path(const std::string& name) const {
    return std::string(folder_.path()) + "/" + name;
  }
  void hang_up() {
    for (int& end : ends_) {
      if (end >= 0) ::close(std::exchange(end, -1));
    }
  }
  /// A socket with a stream on one end and a client on the other.
  void connect(std::string_view application = {}) {
    hang_up();
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends_.data()),
              0);
    if (!context_) {
      auto loaded = TlsContext::load(settings_);
      ASSERT_TRUE(loaded) << loaded.error().text;
      context_ = *std::move(loaded);
    }
    stream_ = std::make_unique<TlsStream>(*context_, ends_[0], application);
    client_ = std::make_unique<TlsClient>(ends_[1], options_);
  }
  /// Both go on with the handshake until neither can. What the last receive() said.
  ssize_t shake_hands() {
    ssize_t got = -1;
    for (int i = 0; i < 5; ++i) {
      client_->shake_hands();
      got = receive();
      if (got >= 0 || errno != EAGAIN) break;
    }
    return got;
  }
  void open() {
    connect();
    shake_hands();
    ASSERT_TRUE(stream_->is_open()) << stream_->failure();
  }
  ssize_t receive(std::size_t space = 64 * 1024) {
    std::string buffer(space, '\0');
    const ssize_t got = stream_->receive(buffer.data(), buffer.size());
    const int error = errno;
    if (got > 0) received_.append(buffer.data(), static_cast<std::size_t>(got));
    errno = error;
    return got;
  }
  static std::string noise(std::size_t size) {
    std::mt19937 random(4711);
    std::string text(size, '\0');
    for (char& c : text) c = static_cast<char>(random());
    return text;
  }

  const storage::testing::TemporaryFolder folder_;
  const Authority authority_{"authority"};
  const Identity server_ = authority_.issue("server");
  Config::Tls settings_;
  TlsClient::Options options_;
  std::shared_ptr<const TlsContext> context_;
  std::array<int, 2> ends_{-1, -1};
  std::unique_ptr<TlsStream> stream_;
  std::unique_ptr<TlsClient> client_;
  std::string received_;
};

TEST_F(TlsStreamTest, TheHandshakeIsDoneOnTheWay) {
  connect();
  EXPECT_FALSE(stream_->is_open());
  EXPECT_EQ(receive(), -1);
  EXPECT_EQ(errno, EAGAIN);
  shake_hands();
  ASSERT_TRUE(stream_->is_open());
  EXPECT_EQ(stream_->version(), "TLSv1.3");
  EXPECT_TRUE(stream_->cipher().starts_with("TLS_"));
  EXPECT_EQ(stream_->client_name(), "");
  client_->write("hello");
  EXPECT_EQ(receive(), 5);
  EXPECT_EQ(received_, "hello");
  EXPECT_EQ(stream_->send("there"), 5);
  EXPECT_EQ(client_->read(), "there");
}

TEST_F(TlsStreamTest, AllThatIsCompleteIsHandedOverAtOnce) {
  open();
  std::string all;
  for (int i = 0; i < 50; ++i) {
    client_->write(std::to_string(i));
    all += std::to_string(i);
  }
  EXPECT_EQ(receive(), static_cast<ssize_t>(all.size()));
  EXPECT_EQ(received_, all);
}

TEST_F(TlsStreamTest, WhatComesWithTheLastOctetsOfTheHandshakeIsHandedOver) {
  connect();
  while (!client_->shake_hands()) receive();
  client_->write("at once");
  EXPECT_EQ(receive(), 7);
  EXPECT_TRUE(stream_->is_open());
}

TEST_F(TlsStreamTest, RecordsMayArriveInAnyPiecesAndIntoAnyRoom) {
  open();
  const std::string all = noise(1 << 20);
  std::mt19937 random(1);
  for (std::size_t at = 0; at < all.size() || client_->has_unsent();) {
    const std::size_t size = std::min<std::size_t>(all.size() - at, 1 + random() % 40000);
    const std::size_t pushed = 1 + random() % 30000;
    if (size != 0) client_->write(std::string_view(all).substr(at, size), pushed);
    if (size == 0) client_->push(pushed);
    at += size;
    const ssize_t got = receive(TlsStream::kLargestRecord + 1 + random() % 50000);
    ASSERT_TRUE(got > 0 || errno == EAGAIN) << stream_->failure();
  }
  while (receive() > 0) {
  }
  EXPECT_TRUE(received_ == all);
}

TEST_F(TlsStreamTest, AFullSocketIsWaitedForAndWhatItTookIsCountedOnce) {
  open();
  const std::string all = noise(3 << 20);
  std::size_t sent = 0;
  int waits = 0;
  std::string arrived;
  while (sent < all.size()) {
    const ssize_t size = stream_->send(std::string_view(all).substr(sent));
    if (size > 0) {
      sent += static_cast<std::size_t>(size);
      continue;
    }
    ASSERT_EQ(errno, EAGAIN);
    ASSERT_TRUE(stream_->is_blocked());
    ++waits;
    arrived += client_->read();
    EXPECT_GE(arrived.size(), sent) << "what counts as sent is on the socket";
  }
  arrived += client_->read();
  EXPECT_GT(waits, 1);
  EXPECT_TRUE(arrived == all);
}

TEST_F(TlsStreamTest, AHandshakeWaitsForRoomInTheSocketToo) {
  connect();
  const std::size_t filled = testing::fill(ends_[0]);
  client_->shake_hands_sending();
  EXPECT_EQ(receive(), -1);
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_TRUE(stream_->is_blocked());
  EXPECT_FALSE(stream_->flush());
  testing::drain(ends_[1], filled);
  EXPECT_TRUE(stream_->flush());
  shake_hands();
  EXPECT_TRUE(stream_->is_open()) << stream_->failure();
}

TEST_F(TlsStreamTest, OctetsThatWereReceivedBeforeCountFirst) {
  connect();
  client_->shake_hands();
  std::array<char, 4096> hello;
  const ssize_t size = ::recv(ends_[0], hello.data(), 100, 0);
  ASSERT_EQ(size, 100);
  stream_->begin_with({hello.data(), 100});
  EXPECT_EQ(receive(), -1);
  shake_hands();
  EXPECT_TRUE(stream_->is_open()) << stream_->failure();
}

TEST_F(TlsStreamTest, TheEndThatTheClientTellsComesBehindItsLastOctets) {
  open();
  client_->write("last");
  client_->close();
  EXPECT_EQ(receive(), 4);
  EXPECT_TRUE(stream_->has_ended());
  EXPECT_EQ(receive(), 0);
  EXPECT_EQ(stream_->send("answer"), 6) << "it may be reading";
  EXPECT_EQ(client_->read(), "answer");
}

TEST_F(TlsStreamTest, ASocketThatIsClosedWithoutAWordIsAnEndToo) {
  open();
  ::shutdown(ends_[1], SHUT_WR);
  EXPECT_EQ(receive(), 0);
}

TEST_F(TlsStreamTest, TheClientIsToldThatNothingFollows) {
  open();
  ASSERT_EQ(stream_->send("bye"), 3);
  stream_->close();
  stream_->close();
  EXPECT_EQ(client_->read(), "bye");
  EXPECT_TRUE(client_->has_ended());
  EXPECT_FALSE(client_->is_broken());
}

TEST_F(TlsStreamTest, StrangersAreNamed) {
  for (const auto& [input, name] : std::vector<std::pair<std::string, std::string>>{
           {std::string("AMQP\0\0\x09\x01", 8), "AMQP without TLS"},
           {"GET / HTTP/1.1\r\n\r\n", "HTTP without TLS"},
           {"\n", "not TLS"},
           {"\x80\x2e\x01", "not TLS"}}) {
    connect();
    ASSERT_GT(::send(ends_[1], input.data(), input.size(), 0), 0);
    EXPECT_EQ(receive(), -1);
    EXPECT_EQ(errno, EPROTO);
    EXPECT_EQ(stream_->failure(), name);
    EXPECT_FALSE(stream_->is_open());
  }
}

TEST_F(TlsStreamTest, ARecordThatWasChangedEndsTheConnection) {
  open();
  client_->write("secret", 0);
  char* octets = nullptr;
  BIO_get_mem_data(SSL_get_wbio(client_->ssl()), &octets);
  octets[10] = static_cast<char>(octets[10] ^ 1);
  client_->push();
  EXPECT_EQ(receive(), -1);
  EXPECT_EQ(errno, EPROTO);
  EXPECT_THAT(stream_->failure(), HasSubstr("bad record mac"));
  client_->read();
  EXPECT_TRUE(client_->is_broken()) << "the client is told by an alert";
}

TEST_F(TlsStreamTest, ACertificateThatIsRequiredMustBeThereAndFromAnAuthorityOfOurs) {
  settings_.client_certificates = "required";
  connect();
  shake_hands();
  EXPECT_FALSE(stream_->is_open());
  EXPECT_EQ(stream_->failure(), "peer did not return a certificate");

  const Identity stranger = Authority("another").issue("mallory");
  options_.own = &stranger;
  connect();
  shake_hands();
  EXPECT_FALSE(stream_->is_open());
  EXPECT_THAT(stream_->failure(), HasSubstr("certificate verify failed: "));
  client_->read();
  EXPECT_TRUE(client_->is_broken());

  const Identity known = authority_.issue("J\u00f6rg");
  options_.own = &known;
  open();
  EXPECT_EQ(stream_->client_name(), "J\u00f6rg");
}

TEST_F(TlsStreamTest, ACertificateThatIsOptionalMayBeMissingButNotBad) {
  settings_.client_certificates = "optional";
  open();
  EXPECT_EQ(stream_->client_name(), "");
  const Identity late = authority_.issue("late", -2 * Authority::kDay, -Authority::kDay);
  options_.own = &late;
  connect();
  shake_hands();
  EXPECT_THAT(stream_->failure(), HasSubstr("certificate has expired"));
}

TEST_F(TlsStreamTest, AClientThatOffersApplicationsMustOfferOurs) {
  options_.application = "http/1.1";
  connect("http/1.1");
  shake_hands();
  EXPECT_TRUE(stream_->is_open());
  const unsigned char* chosen = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(client_->ssl(), &chosen, &size);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(chosen), size), "http/1.1");

  connect();  // a protocol without a name of that kind takes no notice
  shake_hands();
  EXPECT_TRUE(stream_->is_open());

  options_.application = "h2";
  connect("http/1.1");
  shake_hands();
  EXPECT_FALSE(stream_->is_open());
  EXPECT_THAT(stream_->failure(), HasSubstr("no application protocol"));
}

TEST_F(TlsStreamTest, ASessionIsTakenUpAgainWithItsCertificate) {
  settings_.client_certificates = "required";
  const Identity known = authority_.issue("worker");
  options_.own = &known;
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    options_.highest_version = version;
    options_.session = nullptr;
    open();
    client_->read();  // tickets
    client_->close();
    const std::unique_ptr<SSL_SESSION, void (*)(SSL_SESSION*)> session(
        SSL_get1_session(client_->ssl()), SSL_SESSION_free);
    options_.session = session.get();
    open();
    EXPECT_TRUE(SSL_session_reused(client_->ssl()));
    EXPECT_EQ(stream_->client_name(), "worker");
  }
}

TEST_F(TlsStreamTest, VersionsBelowTheLowestAreRefused) {
  settings_.lowest_version = "1.3";
  options_.highest_version = TLS1_2_VERSION;
  connect();
  shake_hands();
  EXPECT_FALSE(stream_->is_open());
  EXPECT_EQ(stream_->failure(), "unsupported protocol");
}

TEST_F(TlsStreamTest, OnlyTheConfiguredCiphersAreUsed) {
  settings_.ciphers = {"ECDHE-ECDSA-AES128-GCM-SHA256"};
  open();
  EXPECT_EQ(stream_->cipher(), "ECDHE-ECDSA-AES128-GCM-SHA256");
  EXPECT_EQ(stream_->version(), "TLSv1.2");
  settings_.ciphers = {"TLS_AES_128_GCM_SHA256"};
  context_.reset();
  open();
  EXPECT_EQ(stream_->cipher(), "TLS_AES_128_GCM_SHA256");
  options_.highest_version = TLS1_2_VERSION;
  connect();
  shake_hands();
  EXPECT_FALSE(stream_->is_open());
}

TEST_F(TlsStreamTest, AClientThatOnlyMakesItAnswerGetsNoMemoryForThat) {
  open();
  const std::string all(1 << 20, 'x');
  while (stream_->send(all) > 0) {
  }
  ASSERT_EQ(errno, EAGAIN);
  ssize_t got = -1;
  for (int i = 0; i < 20'000; ++i) {
    client_->request_new_keys();
    got = receive();
    if (got != -1 || errno != EAGAIN) break;
  }
  EXPECT_EQ(got, -1);
  EXPECT_EQ(errno, EPROTO);
}

}  // namespace
}  // namespace polymq::server
