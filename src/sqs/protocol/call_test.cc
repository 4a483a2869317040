// Promises of telling protocols and actions apart.
#include "sqs/protocol/call.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace polymq::sqs {
namespace {

struct Asked {
  std::vector<HeaderView> headers;
  RequestView view;
  Arena arena;
  Call call;

  Asked(std::string_view method, std::string_view path, std::string_view query,
        std::vector<HeaderView> with, std::string_view body)
      : headers(std::move(with)), view{method, path, query, headers, body} {}

  SqsResult<void> read(std::string_view public_url = {}) {
    return read_call(view, arena, call, public_url);
  }
};

const HeaderView kForm{"content-type", "application/x-www-form-urlencoded; charset=utf-8"};

TEST(Call, ATargetMeansJsonOnAnyPathAndOfAnyContentType) {
  for (const char* path : {"/", "/000000000000/q", "/elsewhere"}) {
    for (const char* type : {"application/x-amz-json-1.0", "application/x-amz-json-1.1", ""}) {
      Asked asked("POST", path, "",
                  {{"x-amz-target", "AmazonSQS.ListQueues"}, {"Content-Type", type}}, "{}");
      ASSERT_TRUE(asked.read().has_value());
      EXPECT_EQ(asked.call.format, AnswerFormat::kJson);
      EXPECT_EQ(asked.call.action->name, "ListQueues");
    }
  }
}

TEST(Call, AFormWithAnActionMeansQuery) {
  Asked asked("POST", "/", "", {kForm}, "Action=ListQueues&Version=2012-11-05");
  ASSERT_TRUE(asked.read().has_value());
  EXPECT_EQ(asked.call.format, AnswerFormat::kXml);
  EXPECT_EQ(asked.call.action->name, "ListQueues");
}

TEST(Call, AGetWithAnActionMeansQuery) {
  Asked asked("GET", "/", "Action=GetQueueUrl&QueueName=a%2Db", {}, "");
  ASSERT_TRUE(asked.read().has_value());
  const auto request = read_request<action::GetQueueUrl>(asked.call, asked.arena);
  ASSERT_TRUE(request.has_value());
  EXPECT_EQ(request->queue_name, "a-b");
}

TEST(Call, AFormCountsBeforeTheQueryString) {
  Asked asked("POST", "/", "Action=ListQueues&QueueName=query", {kForm},
              "Action=GetQueueUrl&QueueName=form");
  ASSERT_TRUE(asked.read().has_value());
  EXPECT_EQ(read_request<action::GetQueueUrl>(asked.call, asked.arena)->queue_name, "form");
}

TEST(Call, WhoeverAcceptsJsonGetsTheTreeAsJson) {
  Asked asked("GET", "/", "Action=ListQueues", {{"Accept", "application/json"}}, "");
  ASSERT_TRUE(asked.read().has_value());
  EXPECT_EQ(asked.call.format, AnswerFormat::kQueryJson);
}

TEST(Call, NoActionAtAllIsNotFound) {
  Asked query("GET", "/", "", {}, "");
  auto read = query.read();
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code, ErrorCode::kNoAction);
  EXPECT_EQ(query.call.format, AnswerFormat::kXml);

  Asked json("POST", "/", "", {{"Content-Type", "application/x-amz-json-1.0"}}, "{}");
  read = json.read();
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code, ErrorCode::kNoAction);
  EXPECT_EQ(json.call.format, AnswerFormat::kJson);
}

TEST(Call, AnUnknownActionIsInvalidInBothProtocols) {
  Asked json("POST", "/", "", {{"X-Amz-Target", "AmazonSQS.Frobnicate"}}, "{}");
  Asked other("POST", "/", "", {{"X-Amz-Target", "DynamoDB_20120810.ListTables"}}, "{}");
  Asked query("GET", "/", "Action=Frobnicate", {}, "");
  for (Asked* asked : {&json, &other, &query}) {
    const auto read = asked->read();
    ASSERT_FALSE(read.has_value());
    EXPECT_EQ(read.error().code, ErrorCode::kInvalidAction);
  }
  EXPECT_EQ(json.call.format, AnswerFormat::kJson);
  EXPECT_EQ(query.read().error().message, "The action Frobnicate is not valid for this endpoint.");
}

TEST(Call, AQueuesPathTakesActionsOnThatQueueOnly) {
  const auto code = [](const std::string& action) {
    const std::string query = "Action=" + action;
    Asked asked("GET", "/000000000000/q", query, {}, "");
    const auto read = asked.read();
    return read ? std::string("taken") : std::string(row_of(read.error().code).query_code);
  };
  for (const ActionInfo& action : all_actions()) {
    const bool fits = action.needs_queue() || action.name == "GetQueueUrl";
    EXPECT_EQ(code(std::string(action.name)), fits ? "taken" : "InvalidAction") << action.name;
  }
  EXPECT_EQ(code("Frobnicate"), "InvalidAction");
}

TEST(Call, ThePathNamesTheQueueUnlessAParameterDoes) {
  const auto queue_of = [](std::string_view path, std::string_view query) {
    Asked asked("GET", path, query, {}, "");
    EXPECT_TRUE(asked.read().has_value());
    const auto request = read_request<action::DeleteQueue>(asked.call, asked.arena);
    return request ? std::string(request->queue_url) : request.error().message;
  };
  EXPECT_EQ(queue_of("/000000000000/q", "Action=DeleteQueue"), "/000000000000/q");
  EXPECT_EQ(queue_of("/queue/us-east-1/000000000000/q", "Action=DeleteQueue"),
            "/queue/us-east-1/000000000000/q");
  EXPECT_EQ(queue_of("/000000000000/q", "Action=DeleteQueue&QueueUrl=other"), "other");
  EXPECT_EQ(queue_of("/", "Action=DeleteQueue"),
            "The request must contain the parameter QueueUrl.");
}

TEST(Call, AQueuesPathMayBeginWithThatOfThePublicUrl) {
  Asked asked("GET", "/base/000000000000/q", "Action=DeleteQueue", {}, "");
  ASSERT_TRUE(asked.read("https://queues.example.com/base/").has_value());
  const auto request = read_request<action::DeleteQueue>(asked.call, asked.arena);
  ASSERT_TRUE(request.has_value());
  EXPECT_EQ(request->queue_url, "/000000000000/q");
}

TEST(Call, JsonOnAQueuesPathNeedsNoQueueUrl) {
  Asked asked("POST", "/000000000000/q", "", {{"X-Amz-Target", "AmazonSQS.SendMessage"}},
              R"({"MessageBody":"x"})");
  ASSERT_TRUE(asked.read().has_value());
  const auto request = read_request<action::SendMessage>(asked.call, asked.arena);
  ASSERT_TRUE(request.has_value());
  EXPECT_EQ(request->queue_url, "/000000000000/q");
}

}  // namespace
}  // namespace polymq::sqs
