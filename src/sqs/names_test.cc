// Promises of names, ids, labels and the shape of batches.
#include "sqs/names.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sqs/protocol/actions.h"

namespace polymq::sqs {
namespace {

bool accepts(std::string_view name, bool is_fifo) {
  return check_queue_name(name, is_fifo).has_value();
}

TEST(QueueName, HasUpToEightyOfItsCharacters) {
  EXPECT_TRUE(accepts("a", false));
  EXPECT_TRUE(accepts("aZ0-_", false));
  EXPECT_TRUE(accepts(std::string(80, 'x'), false));
  for (const std::string& name :
       {std::string(), std::string(81, 'x'), std::string("a b"), std::string("a.b"),
        std::string("a/b"), std::string("\xC3\xA9"), std::string("a\0", 2)}) {
    EXPECT_FALSE(accepts(name, false)) << name;
  }
}

TEST(QueueName, EndsInFifoExactlyWhenTheQueueIs) {
  EXPECT_TRUE(accepts("a.fifo", true));
  EXPECT_FALSE(accepts("a.fifo", false));
  EXPECT_FALSE(accepts("a", true));
  EXPECT_FALSE(accepts(".fifo", true));
  EXPECT_FALSE(accepts("a.fifo.fifo", true));
  EXPECT_TRUE(accepts(std::string(75, 'x') + ".fifo", true));
  EXPECT_FALSE(accepts(std::string(76, 'x') + ".fifo", true)) << "the suffix counts";
  EXPECT_TRUE(is_queue_name("a.fifo"));
  EXPECT_TRUE(is_queue_name("a"));
}

TEST(QueueName, IsRefusedInTheWordsClientsKnow) {
  const auto refused = check_queue_name("a b", false);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidParameterValue);
  EXPECT_EQ(refused.error().message,
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length");
}

TEST(Label, IsAnId) {
  EXPECT_TRUE(check_label("a-b_C9").has_value());
  EXPECT_FALSE(check_label("").has_value());
  EXPECT_FALSE(check_label("a.b").has_value());
  EXPECT_FALSE(check_label(std::string(81, 'x')).has_value());
}

TEST(Token, HasLettersDigitsAndPunctuation) {
  std::string all;
  for (char c = '!'; c <= '~'; ++c) all += c;
  EXPECT_TRUE(check_token("MessageGroupId", all).has_value());
  EXPECT_TRUE(check_token("MessageGroupId", std::string(128, 'x')).has_value());
  for (const std::string& token : {std::string(), std::string(129, 'x'), std::string("a b"),
                                   std::string("\x7F"), std::string("\xC3\xA9")}) {
    const auto checked = check_token("MessageGroupId", token);
    ASSERT_FALSE(checked.has_value()) << token;
    EXPECT_NE(checked.error().message.find("MessageGroupId"), std::string::npos);
  }
}

TEST(Tag, HasLimitsInCharacters) {
  std::string wide;
  for (int i = 0; i < 128; ++i) wide += "\xC3\xA9";
  EXPECT_TRUE(check_tag(wide, wide + wide).has_value());
  EXPECT_FALSE(check_tag(wide + "x", "").has_value());
  EXPECT_FALSE(check_tag("k", wide + wide + "x").has_value());
  EXPECT_FALSE(check_tag("", "v").has_value());
  EXPECT_FALSE(check_tag("AWS:k", "v").has_value());
}

using Batch = action::DeleteMessageBatch;

SqsResult<void> check(const std::vector<std::string>& ids) {
  std::vector<Batch::Entry> entries;
  for (const std::string& id : ids) entries.push_back({.id = id});
  return check_batch(Batch::Request{.queue_url = "q", .entries = entries});
}

void expect_error(const SqsResult<void>& result, ErrorCode code, std::string_view message) {
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, code);
  if (!message.empty()) EXPECT_EQ(result.error().message, message);
}

TEST(Batch, HasOneToTenEntries) {
  const std::vector<std::string> ten{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10"};
  EXPECT_TRUE(check(ten).has_value());
  std::vector<std::string> eleven = ten;
  eleven.emplace_back("11");
  expect_error(check(eleven), ErrorCode::kTooManyEntriesInBatchRequest,
               "Maximum number of entries per request are 10. You have sent 11.");
  expect_error(check({}), ErrorCode::kEmptyBatchRequest,
               "There should be at least one DeleteMessageBatchRequestEntry in the request.");
}

TEST(Batch, HasDistinctAndLegalIds) {
  expect_error(check({"a", "b", "a"}), ErrorCode::kBatchEntryIdsNotDistinct, "Id a repeated.");
  for (const std::string& id : {std::string(), std::string("a b"), std::string("a.b"),
                                std::string(81, 'x'), std::string("\xC3\xA9")}) {
    expect_error(check({"a", id}), ErrorCode::kInvalidBatchEntryId, {});
  }
  EXPECT_TRUE(check({std::string(80, 'x'), "-_aZ9"}).has_value());
}

}  // namespace
}  // namespace polymq::sqs
