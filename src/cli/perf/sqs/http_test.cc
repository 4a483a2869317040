// Promises about answers that come in pieces and JSON that is laid out as servers like.
#include "cli/perf/sqs/http.h"

#include <gtest/gtest.h>

#include <string>

namespace polymq::perf {
namespace {

const std::string kAnswer = "HTTP/1.1 200 OK\r\nDate: now\r\ncontent-length:5\r\nX: y\r\n\r\nhello";

TEST(HttpAnswer, IsWholeWithItsLastByteOnly) {
  for (std::size_t size = 0; size < kAnswer.size(); ++size) {
    const auto answer = parse_answer(std::string_view(kAnswer).substr(0, size));
    ASSERT_TRUE(answer) << size;
    EXPECT_EQ(answer->size, 0u) << size;
  }
  const std::string more = kAnswer + "HTTP";
  const auto answer = parse_answer(more);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "hello");
  EXPECT_EQ(answer->size, kAnswer.size());
}

TEST(HttpAnswer, WhatCannotBeReadIsRefused) {
  for (const char* text : {"AMQP\r\n\r\n", "HTTP/1.1 abc\r\nContent-Length: 1\r\n\r\n",
                           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                           "HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n"}) {
    EXPECT_FALSE(parse_answer(text)) << text;
  }
  EXPECT_FALSE(parse_answer(std::string(100'000, 'x')));
}

TEST(HttpRequest, SaysHowLongItIs) {
  const std::string request = sqs_request({"here", 1}, "ListQueues", "{}");
  EXPECT_TRUE(request.ends_with("\r\nContent-Length: 2\r\n\r\n{}")) << request;
  EXPECT_NE(request.find("\r\nHost: here:1\r\n"), std::string::npos);
  EXPECT_NE(request.find("\r\nX-Amz-Target: AmazonSQS.ListQueues\r\n"), std::string::npos);
}

TEST(JsonText, IsFoundByItsName) {
  const std::string_view json =
      R"({"BodyX":"no","MD5OfBody":"no","a":"Body","Body" : "one","b":7,"Body":"t\"w\\o"})";
  std::size_t at = 0;
  EXPECT_EQ(next_json_text(json, "Body", at), "one");
  EXPECT_EQ(next_json_text(json, "Body", at), R"(t\"w\\o)");
  EXPECT_EQ(next_json_text(json, "Body", at), "");
  EXPECT_EQ(at, std::string_view::npos);
  at = 0;
  EXPECT_EQ(next_json_text(R"({"Body":"torn)", "Body", at), "");
}

}  // namespace
}  // namespace polymq::perf
