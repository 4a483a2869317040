// Which pages may use the server, and what their browsers are told.
#include "http/cors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/request_reader.h"

namespace polymq::http {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Request request(std::string_view head) {
  static const Limits limits;
  RequestReader reader(limits);
  EXPECT_FALSE(reader.read_head(head)) << head;
  return reader.take();
}

TEST(Cors, PagesOfThisMachineAreLocal) {
  for (const char* origin :
       {"http://localhost", "https://LocalHost:3000", "http://app.localhost:8080",
        "http://127.0.0.1", "http://127.1.2.3:9", "https://[::1]:443", "http://[::1]"}) {
    EXPECT_TRUE(is_local_origin(origin)) << origin;
  }
}

TEST(Cors, WhatOnlyLooksLocalIsNot) {
  for (const char* origin :
       {"", "null", "localhost", "http://", "http://localhost.example.com",
        "http://127.0.0.1.example.com", "http://127.0.0.1.2", "http://notlocalhost",
        "http://.localhost", "http://localhost:80@example.com", "http://localhost:x",
        "http://example.com", "file://localhost", "http://[::2]", "http://128.0.0.1"}) {
    EXPECT_FALSE(is_local_origin(origin)) << origin;
  }
}

TEST(Cors, AllowsWhatIsConfigured) {
  const Cors by_default{{}};
  EXPECT_TRUE(by_default.allows("http://localhost:5173"));
  EXPECT_FALSE(by_default.allows("https://example.com"));
  EXPECT_FALSE(by_default.allows("null"));
  const Cors listed({.origins = {"https://example.com", "null"}});
  EXPECT_TRUE(listed.allows("https://Example.com"));
  EXPECT_FALSE(listed.allows("https://example.com:444"));
  EXPECT_FALSE(listed.allows("http://localhost"));
  EXPECT_TRUE(listed.allows("null"));
  EXPECT_TRUE(Cors({.origins = {"*"}}).allows("http://anybody.example"));
  EXPECT_FALSE(Cors({.origins = {}}).allows("http://localhost"));
}

TEST(Cors, ChecksWhatIsConfigured) {
  for (const char* good : {"*", "null", "localhost", "https://a.example", "http://[::1]:80"}) {
    EXPECT_TRUE(check_origin(good)) << good;
  }
  for (const char* bad : {"", "example.com", "ftp://a", "http://", "http://a/", "http://a:x",
                          "http://u@a", "http://a b"}) {
    EXPECT_FALSE(check_origin(bad)) << bad;
  }
}

TEST(Cors, APreflightIsAnsweredWithWhatItAsksFor) {
  const auto response =
      Cors::preflight(request("OPTIONS /x HTTP/1.1\r\nHost: a\r\n"
                              "Access-Control-Request-Method: POST\r\n"
                              "Access-Control-Request-Headers: x-amz-target\r\n"
                              "Access-Control-Request-Private-Network: true\r\n"
                              "\r\n"));
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 204);
  EXPECT_THAT(response->fields, HasSubstr("Access-Control-Allow-Methods: GET, HEAD, POST"));
  EXPECT_THAT(response->fields, HasSubstr("Access-Control-Allow-Headers: x-amz-target\r\n"));
  EXPECT_THAT(response->fields, HasSubstr("Access-Control-Allow-Private-Network: true\r\n"));
  EXPECT_THAT(response->fields, HasSubstr("Access-Control-Max-Age: "));
}

TEST(Cors, OtherRequestsAreNoPreflights) {
  EXPECT_FALSE(Cors::preflight(request("OPTIONS /x HTTP/1.1\r\nHost: a\r\n\r\n")));
  EXPECT_FALSE(
      Cors::preflight(request("GET /x HTTP/1.1\r\nHost: a\r\n"
                              "Access-Control-Request-Method: POST\r\n\r\n")));
}

TEST(Cors, AnswersSayWhoMayReadThem) {
  Response response;
  Cors({.exposed_fields = "x-amzn-requestid"}).add_fields("http://localhost:1", response);
  EXPECT_THAT(response.fields, HasSubstr("Access-Control-Allow-Origin: http://localhost:1\r\n"));
  EXPECT_THAT(response.fields, HasSubstr("Vary: Origin\r\n"));
  EXPECT_THAT(response.fields, HasSubstr("Access-Control-Expose-Headers: x-amzn-requestid\r\n"));
  Response nothing_exposed;
  Cors({}).add_fields("http://localhost", nothing_exposed);
  EXPECT_THAT(nothing_exposed.fields, Not(HasSubstr("Expose")));
}

}  // namespace
}  // namespace polymq::http
