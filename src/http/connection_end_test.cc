// How connections end: clients that go away, slow ones, idle ones, the server's shutdown.
#include <gtest/gtest.h>

#include "http/connection.h"
#include "http/testing/client.h"

namespace polymq::http {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

class ConnectionEndTest : public testing::Test {
 protected:
  TestService& service() { return shared_.service; }
  void answer_all() {
    auto waiting = std::exchange(service().waiting, {});
    for (auto& one : waiting) one.exchange.answer({.body = "answer"});
  }

  TestSite shared_;
};

// --- clients that go away -----------------------------------------------------------------------
TEST_F(ConnectionEndTest, AServiceHearsAtOnceOfAClientThatBreaksOff) {
  TestClient client(shared_);
  client.send(kGet);
  client.break_off();
  EXPECT_EQ(service().gone, 1);
  EXPECT_FALSE(service().waiting[0].exchange.waiting());
  EXPECT_TRUE(client.forgotten());
  answer_all();  // to nobody
  EXPECT_EQ(service().gone, 1);
}

TEST_F(ConnectionEndTest, AClientThatClosesItsSideHasGoneForAServiceThatAsks) {
  TestClient client(shared_);
  client.send(kGet);
  client.end();
  EXPECT_EQ(service().gone, 1);
  EXPECT_TRUE(client.closed());
}

TEST_F(ConnectionEndTest, WhatIsPipelinedDoesNotHideThatAClientHasGone) {
  TestClient client(shared_);
  client.send(std::string(kGet) + std::string(kGet));
  client.end();
  EXPECT_EQ(service().gone, 0);
  client.pass(250ms);
  EXPECT_EQ(service().gone, 1);
  EXPECT_TRUE(client.closed());
  EXPECT_EQ(service().handled, 1);
}

TEST_F(ConnectionEndTest, AClientThatClosesItsSideIsAnsweredWhenTheServiceDoesNotAsk) {
  service().watches = false;
  TestClient client(shared_);
  client.send(kGet);
  client.end();
  EXPECT_FALSE(client.closed());
  client.pass(1h);
  EXPECT_FALSE(client.closed());
  answer_all();
  client.run();
  EXPECT_EQ(client.response()->body, "answer");
  EXPECT_TRUE(client.closed());
}

TEST_F(ConnectionEndTest, SoAreTheRequestsThatItHadPipelined) {
  service().watches = false;
  TestClient client(shared_);
  client.send(std::string(kGet) + std::string(kGet) + "GET / HT");
  client.end();
  for (int i = 0; i < 2; ++i) {
    answer_all();
    client.run();
    EXPECT_EQ(client.status(), 200);
  }
  EXPECT_EQ(service().handled, 2);
  EXPECT_TRUE(client.closed()) << "the rest will never be a request";
}

TEST_F(ConnectionEndTest, AServiceMayAskLaterWhetherTheClientIsThere) {
  service().watches = false;
  TestClient client(shared_);
  client.send(kGet);
  client.end();
  int gone = 0;
  service().waiting[0].exchange.when_gone([&] { ++gone; });
  EXPECT_EQ(gone, 1) << "it had closed its side before";
  client.run();
  EXPECT_TRUE(client.closed());
  service().waiting[0].exchange.when_gone([&] { ++gone; });
  EXPECT_EQ(gone, 2) << "whoever asks behind that is told, too";
}

TEST_F(ConnectionEndTest, ThatAClientClosesIsKnownBeforeItIsHeardOf) {
  TestClient client(shared_);
  client.send(kGet);
  EXPECT_TRUE(service().waiting[0].exchange.waiting_now());
  client.closes_unheard = true;
  EXPECT_TRUE(service().waiting[0].exchange.waiting());
  EXPECT_FALSE(service().waiting[0].exchange.waiting_now());
  EXPECT_EQ(service().gone, 0);
  answer_all();  // is not forbidden
}

TEST_F(ConnectionEndTest, AnAnswerGivenInTimeIsNotTakenBack) {
  TestClient client(shared_);
  client.send(kGet);
  answer_all();
  client.run();
  client.break_off();
  EXPECT_EQ(service().gone, 0);
}

TEST_F(ConnectionEndTest, AnExchangeMayOutliveItsConnection) {
  {
    TestClient client(shared_);
    client.send(kGet);
  }
  EXPECT_EQ(service().gone, 1);
  service().waiting[0].exchange.answer({});
  service().waiting.clear();
}

TEST_F(ConnectionEndTest, AClientThatEndsWithinARequestIsForgotten) {
  for (const char* bytes :
       {"", "GET / HT", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe"}) {
    TestClient client(shared_);
    client.send(bytes);
    client.end();
    EXPECT_TRUE(client.closed()) << bytes;
  }
  EXPECT_EQ(service().handled, 0);
  EXPECT_EQ(shared_.get().arriving, 0u);
}

TEST_F(ConnectionEndTest, WhoEndsEarlyStillGetsWhatItHasNotRead) {
  service().immediate = [](const Request&) { return Response{.body = std::string(100'000, 'x')}; };
  TestClient client(shared_);
  client.reads = false;
  client.send(std::string(kGet) + std::string(kGet) + std::string(kGet) + std::string(kGet));
  client.end();
  client.pass(1s);
  EXPECT_FALSE(client.closed());
  client.reads = true;
  client.output_ready();
  client.run();
  for (int i = 0; i < 4; ++i) EXPECT_EQ(client.status(), 200);
  EXPECT_TRUE(client.closed());
}

// --- time ---------------------------------------------------------------------------------------
TEST_F(ConnectionEndTest, ASlowHeaderIsRefused) {
  TestClient client(shared_);
  client.send("GET / HT");
  client.pass(10s);
  client.send("TP/1.1\r\n");
  client.pass(9s);
  EXPECT_EQ(client.status(), 0);
  client.pass(2s);
  EXPECT_EQ(client.status(), 408) << "each octet does not begin the time anew";
  EXPECT_TRUE(client.output_shut());
}

TEST_F(ConnectionEndTest, ASlowBodyIsRefused) {
  TestClient client(shared_);
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n");
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(client.status(), 0);
    client.send("x");
    client.pass(10s);
  }
  client.pass(1s);
  EXPECT_EQ(client.status(), 408);
  EXPECT_EQ(shared_.get().arriving, 0u);
}

TEST_F(ConnectionEndTest, AnIdleConnectionIsClosedWithoutAWord) {
  service().immediate = [](const Request&) { return Response{}; };
  TestClient silent(shared_);
  TestClient client(shared_);
  client.pass(100s);
  client.send(kGet);
  EXPECT_EQ(client.status(), 200);
  client.pass(100s);
  silent.pass(0s);
  EXPECT_TRUE(silent.closed());
  EXPECT_EQ(silent.responses.unread(), "");
  EXPECT_FALSE(client.closed());
  client.send("\r\n");  // no request
  client.pass(21s);
  EXPECT_TRUE(client.closed());
  EXPECT_EQ(client.responses.unread(), "");
}

TEST_F(ConnectionEndTest, WhoTakesNothingOfItsAnswerIsClosed) {
  service().immediate = [](const Request&) { return Response{.body = "x"}; };
  TestClient client(shared_);
  client.reads = false;
  client.pass(100s);
  client.send(kGet);
  client.pass(59s);
  EXPECT_FALSE(client.closed());
  client.pass(2s);
  client.pass(1ms);
  EXPECT_TRUE(client.closed());
}

// --- the server ends ----------------------------------------------------------------------------
TEST_F(ConnectionEndTest, AtShutdownIdleConnectionsCloseAtOnce) {
  TestClient idle(shared_);
  TestClient within(shared_);
  within.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe");
  for (TestClient* client : {&idle, &within}) {
    client->connection().force_close("shutdown");
    client->run();
    EXPECT_TRUE(client->closed());
    EXPECT_EQ(client->responses.unread(), "");
  }
}

TEST_F(ConnectionEndTest, AtShutdownTheRequestUnderWayIsAnswered) {
  TestClient client(shared_);
  client.send(std::string(kGet) + std::string(kGet));
  client.connection().force_close("shutdown");
  client.run();
  EXPECT_FALSE(client.closed());
  answer_all();
  client.run();
  const auto read = client.response();
  EXPECT_EQ(read->body, "answer");
  EXPECT_EQ(read->header("Connection"), "close");
  EXPECT_TRUE(client.output_shut());
  EXPECT_EQ(service().handled, 1) << "nothing new is begun";
  client.connection().force_close("shutdown");
  client.run();
  EXPECT_TRUE(client.closed());
}

}  // namespace
}  // namespace polymq::http
