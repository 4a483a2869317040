// Who answers which path.
#include "http/router.h"

#include <gtest/gtest.h>

#include "http/testing/client.h"

namespace polymq::http {
namespace {

class RouterTest : public testing::Test {
 protected:
  RouterTest()
      : site_{.service = router_, .limits = limits_, .cors = cors_, .admission = admission_} {
    router_.add(Method::kGet, "/health",
                [](Request, Exchange exchange) { exchange.answer(plain_text(200, "well")); });
    router_.add(Method::kPost, "/both", [](Request request, Exchange exchange) {
      exchange.answer(plain_text(200, "posted " + request.body));
    });
    router_.add(Method::kGet, "/both",
                [](Request, Exchange exchange) { exchange.answer(plain_text(200, "got")); });
  }
  ResponseReader::Read ask(std::string_view line) {
    shared_.site.emplace(site_);
    TestClient client(shared_);
    client.send(std::string(line) + " HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    return client.response(line.starts_with("HEAD")).value_or(ResponseReader::Read{});
  }

  Limits limits_;
  Cors cors_{{}};
  TestAdmission admission_;
  Router router_;
  Site site_;
  TestSite shared_;
};

TEST_F(RouterTest, APathHasItsHandlerForEachMethod) {
  EXPECT_EQ(ask("GET /health").body, "well\n");
  EXPECT_EQ(ask("GET /health?full=1").body, "well\n");
  EXPECT_EQ(ask("GET /both").body, "got\n");
  EXPECT_EQ(ask("POST /both").body, "posted \n");
  EXPECT_EQ(ask("HEAD /health").status, 200);
}

TEST_F(RouterTest, AnotherMethodIsToldWhichOnesThereAre) {
  const auto read = ask("DELETE /both");
  EXPECT_EQ(read.status, 405);
  EXPECT_EQ(read.header("Allow"), "POST, GET, HEAD");
}

TEST_F(RouterTest, OptionsAreThereOnEveryPath) {
  router_.otherwise([](Request, Exchange exchange) { exchange.answer({.status = 200}); });
  for (const char* path : {"/", "/health", "/x", "*"}) {
    EXPECT_EQ(ask("OPTIONS " + std::string(path)).status, 204) << path;
  }
  router_.add(Method::kOptions, "/own",
              [](Request, Exchange exchange) { exchange.answer(plain_text(200, "own")); });
  EXPECT_EQ(ask("OPTIONS /own").body, "own\n");
}

TEST_F(RouterTest, WhatIsNotThereIsNotFoundUnlessSomebodyElseAnswers) {
  EXPECT_EQ(ask("GET /").status, 404);
  EXPECT_EQ(ask("GET /health/").status, 404);
  EXPECT_EQ(ask("GET /Health").status, 404);
  router_.otherwise([](Request, Exchange exchange) { exchange.answer({.status = 204}); });
  EXPECT_EQ(ask("GET /x").status, 204);
  EXPECT_EQ(ask("PUT /health").status, 405);
}

}  // namespace
}  // namespace polymq::http
