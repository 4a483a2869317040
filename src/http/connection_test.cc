// Requests and answers on a connection: framing, order, rules of HTTP/1.0 and 1.1.
#include "http/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/testing/client.h"

namespace polymq::http {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

std::string get(std::string_view path, std::string_view fields = "") {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: here\r\n" + std::string(fields) + "\r\n";
}
std::string post(std::string_view body, std::string_view fields = "") {
  return "POST /q HTTP/1.1\r\nHost: here\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n" + std::string(fields) + "\r\n" + std::string(body);
}

class ConnectionTest : public testing::Test {
 protected:
  /// Requests are answered at once, with what they said.
  void echo() {
    shared_.service.immediate = [](const Request& request) {
      return Response{.content_type = "text/plain",
                      .body = std::string(request.method_text()) + " " +
                              std::string(request.path()) + " " + request.body};
    };
  }
  void answer(std::size_t which, std::string body) {
    auto& waiting = shared_.service.waiting;
    Exchange exchange = std::move(waiting[which].exchange);
    waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(which));
    exchange.answer({.body = std::move(body)});
  }

  TestSite shared_;
};

TEST_F(ConnectionTest, AnAnswerHasWhatAClientNeedsAndNothingElse) {
  echo();
  TestClient client(shared_);
  client.send(get("/a"));
  const auto read = client.response();
  ASSERT_TRUE(read);
  EXPECT_EQ(read->head,
            "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "Content-Type: text/plain\r\nContent-Length: 7\r\n");
  EXPECT_EQ(read->body, "GET /a ");
  EXPECT_FALSE(client.closed());
}

TEST_F(ConnectionTest, RequestsMayComeInAnyPieces) {
  echo();
  const std::string all = "\r\n" + get("/1") + post("one") + "\r\n\r\n" +
                          "POST /c HTTP/1.1\r\nhost: here\r\nTransfer-Encoding: chunked\r\n\r\n"
                          "3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nA: b\r\n\r\n" +
                          get("/last");
  for (std::size_t piece = 1; piece <= all.size(); ++piece) {
    TestClient client(shared_);
    for (std::size_t at = 0; at < all.size(); at += piece) client.send(all.substr(at, piece));
    for (const char* body : {"GET /1 ", "POST /q one", "POST /c abcdefg", "GET /last "}) {
      const auto read = client.response();
      ASSERT_TRUE(read) << piece;
      EXPECT_EQ(read->body, body) << piece;
    }
    EXPECT_EQ(client.responses.unread(), "");
    EXPECT_EQ(client.responses.error(), "");
  }
}

TEST_F(ConnectionTest, PipelinedRequestsAreHandledOneAfterTheOther) {
  TestClient client(shared_);
  client.send(get("/1") + get("/2") + get("/3"));
  ASSERT_EQ(shared_.service.handled, 1);
  EXPECT_FALSE(client.connection().wants_input()) << "what is pipelined waits outside";
  EXPECT_EQ(client.status(), 0);
  answer(0, "first");
  client.run();
  ASSERT_EQ(shared_.service.handled, 2);
  EXPECT_EQ(client.response()->body, "first");
  EXPECT_EQ(shared_.service.waiting[0].request.path(), "/2");
  answer(0, "second");
  client.run();
  answer(0, "third");
  client.run();
  EXPECT_EQ(client.response()->body, "second");
  EXPECT_EQ(client.response()->body, "third");
  EXPECT_TRUE(client.connection().wants_input());
}

TEST_F(ConnectionTest, AnAnswerMayComeLater) {
  TestClient client(shared_);
  client.send(post("body"));
  EXPECT_TRUE(client.connection().wants_input()) << "the socket is watched meanwhile";
  client.pass(1h);
  EXPECT_FALSE(client.closed()) << "a service takes the time it needs";
  EXPECT_EQ(shared_.service.waiting[0].request.body, "body");
  EXPECT_EQ(shared_.service.waiting[0].exchange.peer().name, "127.0.0.1:40000");
  answer(0, "late");
  client.run();
  EXPECT_EQ(client.response()->body, "late");
}

TEST_F(ConnectionTest, TheSecondAnswerOfAnExchangeIsNone) {
  TestClient client(shared_);
  client.send(get("/"));
  Exchange exchange = std::move(shared_.service.waiting[0].exchange);
  EXPECT_TRUE(exchange.waiting());
  exchange.answer({.body = "1"});
  EXPECT_FALSE(exchange.waiting());
  exchange.answer({.body = "2"});
  client.run();
  EXPECT_EQ(client.response()->body, "1");
  EXPECT_EQ(client.responses.unread(), "");
}

TEST_F(ConnectionTest, AServiceThatForgetsARequestGives500) {
  TestClient client(shared_);
  client.send(get("/"));
  shared_.service.waiting.clear();
  client.run();
  EXPECT_EQ(client.status(), 500);
  EXPECT_EQ(shared_.service.gone, 0);
  client.send(get("/"));
  EXPECT_EQ(shared_.service.handled, 2) << "the connection goes on";
}

// --- rules of the protocol ----------------------------------------------------------------------
TEST_F(ConnectionTest, ClosesWhenTheClientSaysSo) {
  echo();
  TestClient client(shared_);
  client.send(get("/", "Connection: close\r\n") + get("/ignored"));
  const auto read = client.response();
  EXPECT_EQ(read->header("Connection"), "close");
  EXPECT_TRUE(client.output_shut());
  EXPECT_EQ(shared_.service.handled, 1);
  client.end();
  EXPECT_TRUE(client.closed());
}

TEST_F(ConnectionTest, OldClientsStayOnlyWhenTheyAsk) {
  echo();
  TestClient stays(shared_);
  stays.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(stays.response()->header("Connection"), "keep-alive");
  EXPECT_FALSE(stays.output_shut());
  TestClient goes(shared_);
  goes.send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(goes.response()->header("Connection"), "close");
  EXPECT_TRUE(goes.output_shut());
}

TEST_F(ConnectionTest, AServiceMayCloseToo) {
  shared_.service.immediate = [](const Request&) { return Response{.close = true}; };
  TestClient client(shared_);
  client.send(get("/"));
  EXPECT_EQ(client.response()->header("Connection"), "close");
  EXPECT_TRUE(client.output_shut());
}

TEST_F(ConnectionTest, WhoeverDoesNotCloseIsClosedAfterAWhile) {
  echo();
  TestClient client(shared_);
  client.send(get("/", "Connection: close\r\n"));
  client.pass(1s);
  EXPECT_FALSE(client.closed());
  client.send("anything");
  client.pass(2s);
  EXPECT_TRUE(client.closed());
  EXPECT_TRUE(client.forgotten());
}

TEST_F(ConnectionTest, ABodyIsAskedForWhenTheClientWaitsForThat) {
  echo();
  TestClient client(shared_);
  const std::string all = post("body", "Expect: 100-continue\r\n");
  client.send(all.substr(0, all.size() - 4));
  EXPECT_EQ(client.status(), 100);
  client.send("body");
  EXPECT_EQ(client.response()->body, "POST /q body");
  client.send(all);
  EXPECT_EQ(client.status(), 200) << "it came without being asked for";
}

TEST_F(ConnectionTest, ARefusedBodyIsNotAskedFor) {
  shared_.limits.max_body = 3;
  TestClient client(shared_);
  client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  EXPECT_EQ(client.status(), 413);
  EXPECT_TRUE(client.output_shut());
  EXPECT_EQ(shared_.service.handled, 0);
}

TEST_F(ConnectionTest, HeadHasTheLengthAndNotTheBody) {
  echo();
  TestClient client(shared_);
  client.send("HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n" + get("/y"));
  const auto read = client.response(true);
  EXPECT_EQ(read->header("Content-Length"), "8");
  EXPECT_EQ(client.response()->body, "GET /y ");
}

TEST_F(ConnectionTest, SomeAnswersHaveNoBodyWhateverTheServiceSays) {
  for (const int status : {204, 304}) {
    shared_.service.immediate = [status](const Request&) {
      return Response{.status = status, .body = "none"};
    };
    TestClient client(shared_);
    client.send(get("/"));
    EXPECT_EQ(client.status(), status);
    EXPECT_EQ(client.responses.unread(), "");
    EXPECT_EQ(client.responses.error(), "");
  }
}

TEST_F(ConnectionTest, FieldsOfTheServiceArePassedOn) {
  shared_.service.immediate = [](const Request&) {
    Response response{.status = 201};
    response.add("X-One", "1").add("X-Two", "2");
    return response;
  };
  TestClient client(shared_);
  client.send(get("/"));
  const auto read = client.response();
  EXPECT_EQ(read->header("X-One"), "1");
  EXPECT_EQ(read->header("X-Two"), "2");
  EXPECT_EQ(read->header("Content-Length"), "0");
}

TEST_F(ConnectionTest, ALargeAnswerArrivesWhole) {
  const std::string large(5'000'000, 'x');
  shared_.service.immediate = [&](const Request&) { return Response{.body = large}; };
  TestClient client(shared_);
  client.send(get("/", "Connection: close\r\n"));
  EXPECT_EQ(client.response()->body.size(), large.size());
}

// --- memory -------------------------------------------------------------------------------------
TEST_F(ConnectionTest, AnIdleConnectionHoldsNoBuffer) {
  echo();
  TestClient client(shared_);
  client.send(post(std::string(100'000, 'x')));
  EXPECT_EQ(client.status(), 200);
  EXPECT_EQ(client.connection().output().capacity(), 0u);
  EXPECT_EQ(client.held(), 0u);
  EXPECT_EQ(shared_.get().arriving, 0u);
}

TEST_F(ConnectionTest, WhoDoesNotReadItsAnswersIsAskedNoMore) {
  shared_.limits.max_output = 10'000;
  shared_.service.immediate = [](const Request&) {
    return Response{.body = std::string(6000, 'x')};
  };
  TestClient client(shared_);
  client.reads = false;
  for (int i = 0; i < 10; ++i) client.send(get("/"));
  EXPECT_EQ(shared_.service.handled, 2);
  EXPECT_FALSE(client.connection().wants_input());
  client.reads = true;
  client.output_ready();
  client.run();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(client.status(), 200) << i;
}

TEST_F(ConnectionTest, BodiesThatArriveAreBoundedTogether) {
  shared_.limits.max_arriving = 1000;
  echo();
  TestClient one(shared_);
  TestClient two(shared_);
  const std::string all = post(std::string(800, 'x'));
  one.send(all.substr(0, all.size() - 200));
  EXPECT_EQ(shared_.get().arriving, 600u);
  two.send(all.substr(0, all.size() - 200));
  EXPECT_EQ(two.status(), 503);
  EXPECT_TRUE(two.output_shut());
  EXPECT_EQ(shared_.get().arriving, 600u);
  one.send(all.substr(all.size() - 200));
  EXPECT_EQ(one.status(), 200);
  EXPECT_EQ(shared_.get().arriving, 0u);
  one.send(all.substr(0, all.size() - 1));
  one.break_off();
  EXPECT_EQ(shared_.get().arriving, 0u);
}

// --- refusals -----------------------------------------------------------------------------------
TEST_F(ConnectionTest, EveryRefusalSaysWhyAndEndsTheConnection) {
  shared_.limits.max_target = 1000;
  shared_.limits.max_header = 2000;
  shared_.limits.max_header_fields = 10;
  shared_.limits.max_body = 100;
  std::string many = "GET / HTTP/1.1\r\n";
  for (int i = 0; i < 11; ++i) many += "A: b\r\n";
  const std::pair<std::string, int> cases[] = {
      {"\x16\x03\x01", 400},
      {"GET / HTTP/1.1\n", 400},
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {get("/", "Content-Length: x\r\n"), 400},
      {get("/" + std::string(1000, 'a')), 414},
      {get("/" + std::string(2000, 'a')), 414},
      {get("/", "A: " + std::string(2000, 'a') + "\r\n"), 431},
      {many, 431},
      {"POST / HTTP/1.0\r\n\r\n", 411},
      {post(std::string(101, 'x')), 413},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n", 413},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400},
      {get("/", "Expect: x\r\n"), 417},
      {get("/", "Transfer-Encoding: gzip\r\n"), 501},
      {"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 501},
      {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
  };
  for (const auto& [bytes, status] : cases) {
    for (const bool slowly : {false, true}) {
      TestClient client(shared_);
      slowly ? client.send_one_by_one(bytes) : client.send(bytes);
      const auto read = client.response();
      ASSERT_TRUE(read) << bytes;
      EXPECT_EQ(read->status, status) << bytes;
      EXPECT_EQ(read->header("Connection"), "close");
      EXPECT_GT(read->body.size(), 10u);
      EXPECT_TRUE(client.output_shut());
      client.send(get("/ignored"));
      EXPECT_EQ(client.responses.unread(), "");
      EXPECT_EQ(client.held(), 0u) << "what still comes is thrown away";
    }
  }
  EXPECT_EQ(shared_.service.handled, 0);
}

TEST_F(ConnectionTest, BlankLinesBetweenRequestsAreForgiven) {
  echo();
  TestClient client(shared_);
  client.send_one_by_one("\r\n\r\n" + get("/") + "\r\n");
  EXPECT_EQ(client.status(), 200);
  client.send("\r");
  client.send("\n" + get("/"));
  EXPECT_EQ(client.status(), 200);
  client.send("\r");
  client.send("\rGET");
  EXPECT_EQ(client.status(), 400);
}

// --- web pages ----------------------------------------------------------------------------------
TEST_F(ConnectionTest, APageOfThisMachineMayAskAndReadTheAnswer) {
  echo();
  TestClient client(shared_);
  client.send(
      "OPTIONS /q HTTP/1.1\r\nHost: a\r\nOrigin: http://localhost:3000\r\n"
      "Access-Control-Request-Method: POST\r\n\r\n");
  auto read = client.response();
  EXPECT_EQ(read->status, 204);
  EXPECT_EQ(read->header("Access-Control-Allow-Origin"), "http://localhost:3000");
  EXPECT_EQ(shared_.service.handled, 0) << "no service is needed for that";
  client.send(post("x", "Origin: http://localhost:3000\r\n"));
  read = client.response();
  EXPECT_EQ(read->body, "POST /q x");
  EXPECT_EQ(read->header("Access-Control-Allow-Origin"), "http://localhost:3000");
  EXPECT_EQ(read->header("Access-Control-Expose-Headers"), "x-request-id");
  client.send(get("/"));
  EXPECT_THAT(client.response()->head, Not(HasSubstr("Access-Control")));
}

TEST_F(ConnectionTest, APageFromElsewhereIsRefused) {
  echo();
  TestClient client(shared_);
  client.send(post("x", "Origin: https://example.com\r\n"));
  const auto read = client.response();
  EXPECT_EQ(read->status, 403);
  EXPECT_FALSE(read->header("Access-Control-Allow-Origin"));
  EXPECT_EQ(shared_.service.handled, 0);
}

TEST_F(ConnectionTest, WhatABrowserAsksForOnAnotherSitesPageIsRefused) {
  echo();
  TestClient client(shared_);
  client.send("GET /q HTTP/1.1\r\nHost: a\r\nSec-Fetch-Site: cross-site\r\n\r\n");
  EXPECT_EQ(client.response()->status, 403);
  EXPECT_EQ(shared_.service.handled, 0);
  TestClient other(shared_);
  other.send("GET /q HTTP/1.1\r\nHost: a\r\nSec-Fetch-Site: same-origin\r\n\r\n");
  EXPECT_EQ(other.response()->status, 200);
}

TEST_F(ConnectionTest, OptionsFromOtherClientsIsTheServices) {
  echo();
  TestClient client(shared_);
  client.send("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(client.response()->body, "OPTIONS * ");
}

// --- admission ----------------------------------------------------------------------------------
TEST_F(ConnectionTest, OneTooManyIsToldSo) {
  echo();
  shared_.admission.most = 1;
  TestClient first(shared_);
  TestClient second(shared_);
  second.send(get("/"));
  EXPECT_EQ(second.status(), 503);
  EXPECT_TRUE(second.output_shut());
  first.send(get("/"));
  EXPECT_EQ(first.status(), 200);
  first.break_off();
  EXPECT_EQ(shared_.admission.inside, 0);
  TestClient third(shared_);
  third.send(get("/"));
  EXPECT_EQ(third.status(), 200);
}

}  // namespace
}  // namespace polymq::http
