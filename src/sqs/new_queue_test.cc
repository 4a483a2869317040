// Promises of new queues: nothing gets in that CreateQueue would refuse.
#include "sqs/new_queue.h"

#include <gmock/gmock.h>

namespace polymq::sqs {
namespace {

using testing::Pair;
using testing::UnorderedElementsAre;

std::string refusal(std::string_view name, std::vector<NamedText> attributes,
                    std::vector<NamedText> tags = {}) {
  const auto queue = describe_queue(name, attributes, tags, 0);
  return queue ? "" : std::string(row_of(queue.error().code).query_code);
}

TEST(NewQueue, HasItsAttributesTagsAndTime) {
  const std::vector<std::pair<std::string, std::string>> attributes{{"DelaySeconds", "3"}};
  const std::vector<std::pair<std::string, std::string>> tags{{"a", "1"}, {"b", ""}};
  const auto queue = describe_queue("q", views_of(attributes), views_of(tags), 77);
  ASSERT_TRUE(queue);
  EXPECT_EQ(queue->settings.number(QueueAttribute::kDelaySeconds), 3);
  EXPECT_THAT(queue->tags, UnorderedElementsAre(Pair("a", "1"), Pair("b", "")));
  EXPECT_EQ(queue->created_s, 77);
  EXPECT_EQ(queue->changed_s, 77);
}

TEST(NewQueue, IsCheckedInEveryRespect) {
  EXPECT_EQ(refusal("q", {}), "");
  EXPECT_EQ(refusal("not legal", {}), "InvalidParameterValue");
  EXPECT_EQ(refusal("q.fifo", {}), "InvalidParameterValue");
  EXPECT_EQ(refusal("q", {{"FifoQueue", "true"}}), "InvalidParameterValue");
  EXPECT_EQ(refusal("q.fifo", {{"FifoQueue", "true"}}), "");
  EXPECT_EQ(refusal("q", {{"DelaySeconds", "901"}}), "InvalidAttributeValue");
  EXPECT_EQ(refusal("q", {{"Nonsense", "1"}}), "InvalidAttributeName");
  EXPECT_EQ(refusal("q", {}, {{"aws:a", "1"}}), "InvalidParameterValue");
}

TEST(NewQueue, LaterTagsReplaceThoseOfTheSameKey) {
  StoredQueue queue;
  queue.tags = {{"a", "1"}, {"b", "2"}};
  const std::vector<NamedText> more{{"b", "3"}, {"c", "4"}};
  ASSERT_TRUE(add_tags(more, queue));
  EXPECT_THAT(queue.tags, UnorderedElementsAre(Pair("a", "1"), Pair("b", "3"), Pair("c", "4")));
}

TEST(Tags, AreAtMostFifty) {
  StoredQueue queue;
  const auto add = [&](int first, int last) {
    std::vector<std::pair<std::string, std::string>> tags;
    for (int n = first; n <= last; ++n) tags.emplace_back("tag" + std::to_string(n), "");
    return add_tags(views_of(tags), queue).has_value();
  };
  EXPECT_TRUE(add(1, 30));
  EXPECT_TRUE(add(11, 50)) << "some are there already";
  EXPECT_FALSE(add(51, 51));
}

TEST(Tags, OfWhichThereAreTooManyAreNotEvenLookedAt) {
  std::vector<NamedText> tags(50, {"a", ""});
  tags.push_back({"aws:reserved", ""});
  StoredQueue queue;
  const auto added = add_tags(tags, queue);
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().message, "A queue has at most 50 tags.");
  EXPECT_THAT(queue.tags, testing::IsEmpty());
}

}  // namespace
}  // namespace polymq::sqs
