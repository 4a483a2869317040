// Promises of attributes kept as a queue's arguments.
#include "sqs/stored_queue.h"

#include <gmock/gmock.h>

namespace polymq::sqs {
namespace {

using engine::Fields;
using engine::Value;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

StoredQueue with(std::vector<NamedText> attributes) {
  return {.settings = QueueSettings::create(attributes).value(),
          .tags = {{"a", "1"}, {"b", "2"}},
          .created_s = 100,
          .changed_s = 200};
}

TEST(StoredQueue, ComesBackAsItWas) {
  const StoredQueue queue = with({{"VisibilityTimeout", "7"}, {"DelaySeconds", "3"}});
  const StoredQueue read = from_arguments(to_arguments(queue));
  EXPECT_EQ(read.settings.number(QueueAttribute::kVisibilityTimeout), 7);
  EXPECT_EQ(read.settings.number(QueueAttribute::kDelaySeconds), 3);
  EXPECT_FALSE(read.settings.is_set(QueueAttribute::kMaximumMessageSize));
  EXPECT_THAT(read.tags, ElementsAre(Pair("a", "1"), Pair("b", "2")));
  EXPECT_EQ(read.created_s, 100);
  EXPECT_EQ(read.changed_s, 200);
}

TEST(StoredQueue, TellsTheEngineWhatItIsToDo) {
  const Fields arguments = to_arguments(
      with({{"DelaySeconds", "3"},
            {"MessageRetentionPeriod", "60"},
            {"RedrivePolicy", R"({"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead",)"
                              R"("maxReceiveCount":4})"}}));
  EXPECT_EQ(*engine::find(arguments, "x-message-delay"), Value::integer(3000));
  EXPECT_EQ(*engine::find(arguments, "x-message-retention"), Value::integer(60'000));
  EXPECT_EQ(*engine::find(arguments, "x-receive-limit"), Value::integer(4));
  EXPECT_EQ(*engine::find(arguments, "x-dead-letter-exchange"), Value::string(""));
  EXPECT_EQ(*engine::find(arguments, "x-dead-letter-routing-key"), Value::string("dead"));
  const Fields plain = to_arguments(with({}));
  EXPECT_EQ(*engine::find(plain, "x-message-retention"), Value::integer(345'600'000));
  EXPECT_EQ(engine::find(plain, "x-message-delay"), nullptr);
  EXPECT_EQ(engine::find(plain, "x-receive-limit"), nullptr);
}

TEST(StoredQueue, OfFifoTellsTheEngineOfGroupsAndDuplicates) {
  const Fields fifo = to_arguments(with({{"FifoQueue", "true"}}));
  EXPECT_EQ(*engine::find(fifo, "x-message-groups"), Value::string("exclusive"));
  EXPECT_EQ(*engine::find(fifo, "x-deduplication-window"), Value::integer(300'000));
  EXPECT_EQ(engine::find(fifo, "x-deduplication-scope"), nullptr);
  const Fields by_group =
      to_arguments(with({{"FifoQueue", "true"}, {"DeduplicationScope", "messageGroup"}}));
  EXPECT_EQ(*engine::find(by_group, "x-deduplication-scope"), Value::string("group"));
  EXPECT_THAT(difference(by_group, fifo).clear,
              UnorderedElementsAre("x-deduplication-scope", "x-sqs-attribute-DeduplicationScope"));
  EXPECT_TRUE(from_arguments(fifo).settings.is_fifo());
}

TEST(StoredQueue, OfStandardTypeIsFair) {
  const Fields standard = to_arguments(with({}));
  EXPECT_EQ(*engine::find(standard, "x-message-groups"), Value::string("fair"));
  EXPECT_FALSE(from_arguments(standard).settings.is_fifo());
  EXPECT_FALSE(from_arguments({{"x-message-groups", Value::string("fair")}}).settings.is_fifo());
}

// What an AMQP client has declared is compared with its next declaration, and does what it says.
TEST(StoredQueue, OfAQueueThatWasDeclaredOtherwiseChangesOnlyWhatIsAskedFor) {
  const Fields declared{{"x-max-priority", Value::integer(5)},
                        {"x-message-retention", Value::integer(120'000)},
                        {"x-message-delay", Value::integer(1'000'000)},
                        {"x-receive-limit", Value::integer(3)},
                        {"x-dead-letter-exchange", Value::string("graves")}};
  const StoredQueue before = from_arguments(declared);
  StoredQueue tagged = before;
  tagged.tags = {{"a", "1"}};
  const ArgumentChange change = difference(to_arguments(before), to_arguments(tagged));
  ASSERT_THAT(change.set, testing::SizeIs(1));
  EXPECT_EQ(change.set.front().name, "x-sqs-tag-a");
  EXPECT_THAT(change.clear, IsEmpty());
  EXPECT_EQ(before.settings.number(QueueAttribute::kMessageRetentionPeriod), 120);
}

TEST(StoredQueue, IllegalValuesOfOthersHideNoneOfTheRest) {
  const StoredQueue read =
      from_arguments({{"x-message-groups", Value::string("exclusive")},
                      {"x-message-delay", Value::integer(1'000'000)},
                      {"x-sqs-attribute-VisibilityTimeout", Value::string("abc")},
                      {"x-sqs-attribute-MaximumMessageSize", Value::string("2048")}});
  EXPECT_TRUE(read.settings.is_fifo());
  EXPECT_EQ(read.settings.number(QueueAttribute::kMaximumMessageSize), 2048);
  EXPECT_EQ(read.settings.number(QueueAttribute::kVisibilityTimeout), 30);
}

TEST(StoredQueue, OfGroupsThatWasDeclaredOtherwiseIsFifo) {
  const StoredQueue read = from_arguments({{"x-message-groups", Value::string("exclusive")},
                                           {"x-deduplication-scope", Value::string("group")}});
  EXPECT_TRUE(read.settings.is_fifo());
  EXPECT_EQ(read.settings.text(QueueAttribute::kDeduplicationScope), "messageGroup");
  EXPECT_FALSE(from_arguments({{"x-max-length", Value::integer(5)}}).settings.is_fifo());
}

TEST(StoredQueue, OfAQueueThatWasDeclaredOtherwiseHasDefaults) {
  const StoredQueue read = from_arguments(
      {{"x-max-length", Value::integer(5)}, {"x-message-delay", Value::integer(2000)}});
  EXPECT_EQ(read.settings.number(QueueAttribute::kVisibilityTimeout), 30);
  EXPECT_EQ(read.settings.number(QueueAttribute::kDelaySeconds), 2);
  EXPECT_THAT(read.tags, IsEmpty());
}

TEST(StoredQueue, ADifferenceLeavesWhatIsNotItsOwn) {
  Fields before = to_arguments(with({{"DelaySeconds", "3"}, {"VisibilityTimeout", "7"}}));
  before.push_back({"x-max-length", Value::integer(5)});
  StoredQueue after = with({{"VisibilityTimeout", "8"}});
  after.tags = {{"a", "1"}};
  const ArgumentChange change = difference(before, to_arguments(after));
  EXPECT_THAT(change.clear, UnorderedElementsAre("x-sqs-attribute-DelaySeconds", "x-sqs-tag-b",
                                                 "x-message-delay"));
  EXPECT_THAT(change.set,
              ElementsAre(engine::Field{"x-sqs-attribute-VisibilityTimeout", Value::string("8")}));
}

}  // namespace
}  // namespace polymq::sqs
