// Promises between queues and their dead-letter queues.
#include "sqs/redrive.h"

#include <gmock/gmock.h>

#include <map>

#include "sqs/redrive_policy.h"

namespace polymq::sqs {
namespace {

using testing::HasSubstr;

QueueSettings with(std::vector<NamedText> attributes) {
  return QueueSettings::create(attributes).value();
}

std::string redrive_to(std::string_view name) {
  return R"({"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:111122223333:)" + std::string(name) +
         R"(","maxReceiveCount":3})";
}

/// What is wrong with `source` having the queue `dead`, which has these attributes.
std::string refusal(std::vector<NamedText> dead, std::string_view source = "orders") {
  const std::map<std::string, QueueSettings, std::less<>> queues{{"dead", with(std::move(dead))}};
  const std::string policy = redrive_to("dead");
  const auto checked =
      check_redrive(source, with({{"RedrivePolicy", policy}}), [&](std::string_view name) {
        const auto found = queues.find(name);
        return found == queues.end() ? nullptr : &found->second;
      });
  return checked ? "" : checked.error().message;
}

TEST(Redrive, GoesByTheNameInTheArn) {
  EXPECT_EQ(dead_letter_queue_of(with({{"RedrivePolicy", redrive_to("dead")}})), "dead");
  EXPECT_EQ(dead_letter_queue_of(with({})), std::nullopt);
}

TEST(Redrive, NeedsAQueueOfTheSameType) {
  EXPECT_EQ(refusal({}), "");
  EXPECT_THAT(refusal({{"FifoQueue", "true"}}), HasSubstr("same type"));
  const std::string policy = redrive_to("none");
  const auto checked =
      check_redrive("orders", with({{"RedrivePolicy", policy}}), [](auto) { return nullptr; });
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, ErrorCode::kInvalidParameterValue);
  EXPECT_THAT(checked.error().message, HasSubstr("for parameter RedrivePolicy is invalid. Reason: "
                                                 "Dead letter target does not exist."));
}

TEST(Redrive, TheDeadLetterQueueDecidesWhoMayUseIt) {
  EXPECT_EQ(refusal({{"RedriveAllowPolicy", R"({"redrivePermission":"allowAll"})"}}), "");
  EXPECT_THAT(refusal({{"RedriveAllowPolicy", R"({"redrivePermission":"denyAll"})"}}),
              HasSubstr("RedriveAllowPolicy"));
  constexpr std::string_view kByQueue =
      R"({"redrivePermission":"byQueue","sourceQueueArns":)"
      R"(["arn:aws:sqs:us-east-1:000000000000:orders","arn:aws:sqs:us-east-1:000000000000:b"]})";
  EXPECT_EQ(refusal({{"RedriveAllowPolicy", kByQueue}}), "");
  EXPECT_EQ(refusal({{"RedriveAllowPolicy", kByQueue}}, "b"), "");
  EXPECT_THAT(refusal({{"RedriveAllowPolicy", kByQueue}}, "order"), HasSubstr("does not allow"));
}

TEST(Redrive, ConcernsNobodyWithoutAPolicy) {
  EXPECT_TRUE(check_redrive("orders", with({}), [](auto) { return nullptr; }));
}

}  // namespace
}  // namespace polymq::sqs
