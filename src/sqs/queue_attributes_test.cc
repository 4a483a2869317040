// Promises of queue attributes: range, default, type of queue and access of each.
#include "sqs/queue_attributes.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "sqs/redrive_policy.h"

namespace polymq::sqs {
namespace {

using enum QueueAttribute;
using Attributes = std::vector<NamedText>;

constexpr NamedText kFifo{"FifoQueue", "true"};
constexpr std::string_view kRedrive =
    R"({"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:d","maxReceiveCount":"3"})";

QueueSettings made(const Attributes& attributes) {
  auto settings = QueueSettings::create(attributes);
  EXPECT_TRUE(settings.has_value()) << (settings ? "" : settings.error().message);
  return settings.value_or(QueueSettings());
}

/// "" when the attributes can be set on a new queue, else the error's query code.
std::string refusal(const Attributes& attributes) {
  const auto settings = QueueSettings::create(attributes);
  return settings ? "" : std::string(row_of(settings.error().code).query_code);
}

TEST(QueueAttributes, AreFoundByTheirNames) {
  for (const QueueAttributeRow& row : all_queue_attributes()) {
    EXPECT_EQ(find_queue_attribute(row.name), &row);
  }
  EXPECT_EQ(find_queue_attribute("All"), nullptr);
  EXPECT_EQ(find_queue_attribute("delayseconds"), nullptr);
}

TEST(QueueAttributes, HaveTheirDefaults) {
  const QueueSettings settings;
  EXPECT_EQ(settings.number(kDelaySeconds), 0);
  EXPECT_EQ(settings.number(kMaximumMessageSize), 1'048'576);
  EXPECT_EQ(settings.number(kMessageRetentionPeriod), 345'600);
  EXPECT_EQ(settings.number(kReceiveMessageWaitTimeSeconds), 0);
  EXPECT_EQ(settings.number(kVisibilityTimeout), 30);
  EXPECT_TRUE(settings.flag(kSqsManagedSseEnabled));
  EXPECT_FALSE(settings.is_fifo());
  EXPECT_EQ(settings.text(kPolicy), "");
  const QueueSettings fifo = made({kFifo});
  EXPECT_EQ(fifo.text(kDeduplicationScope), "queue");
  EXPECT_EQ(fifo.text(kFifoThroughputLimit), "perQueue");
  EXPECT_FALSE(fifo.flag(kContentBasedDeduplication));
}

TEST(QueueAttributes, ThatAreNumbersHaveARange) {
  int numbers = 0;
  for (const QueueAttributeRow& row : all_queue_attributes()) {
    if (row.kind != AttributeKind::kNumber) continue;
    ++numbers;
    for (const std::int64_t value : {row.min, row.max}) {
      const std::string text = std::to_string(value);
      EXPECT_EQ(made({{row.name, text}}).number(row.id), value) << row.name;
    }
    for (const std::string& text :
         {std::to_string(row.min - 1), std::to_string(row.max + 1), std::string(), std::string("x"),
          std::string("1.5"), std::to_string(row.min) + " "}) {
      const Attributes attributes{{row.name, text}};
      const auto refused = QueueSettings::create(attributes);
      ASSERT_FALSE(refused.has_value()) << row.name << text;
      EXPECT_EQ(refused.error().code, ErrorCode::kInvalidAttributeValue);
      EXPECT_EQ(refused.error().message,
                "Invalid value for the parameter " + std::string(row.name) + ".");
    }
  }
  EXPECT_EQ(numbers, 6);
}

TEST(QueueAttributes, ThatAreTrueOrFalseAreSoInAnyCase) {
  EXPECT_EQ(made({{"SqsManagedSseEnabled", "False"}}).text(kSqsManagedSseEnabled), "false");
  EXPECT_EQ(made({kFifo, {"ContentBasedDeduplication", "TRUE"}}).text(kContentBasedDeduplication),
            "true");
  EXPECT_TRUE(made({{"FifoQueue", "True"}}).is_fifo());
  EXPECT_EQ(refusal({{"SqsManagedSseEnabled", "yes"}}), "InvalidAttributeValue");
  EXPECT_EQ(refusal({{"FifoQueue", "yes"}}), "InvalidAttributeValue");
}

TEST(QueueAttributes, OfFifoQueuesAreUnknownToOthers) {
  EXPECT_EQ(refusal({{"ContentBasedDeduplication", "true"}}), "InvalidAttributeName");
  EXPECT_EQ(QueueSettings::create(Attributes{{"FifoQueue", "false"}}).error().message,
            "Unknown Attribute FifoQueue.");
  EXPECT_EQ(QueueSettings::create(Attributes{{"DeduplicationScope", "queue"}}).error().message,
            "You can specify the DeduplicationScope only when FifoQueue is set to true.");
  EXPECT_EQ(refusal({{"FifoThroughputLimit", "perQueue"}}), "InvalidAttributeName");
  EXPECT_EQ(refusal({{"ContentBasedDeduplication", "true"}, kFifo}), "") << "in any order";
}

TEST(QueueAttributes, OfHighThroughputBelongTogether) {
  EXPECT_EQ(refusal({kFifo, {"FifoThroughputLimit", "perMessageGroupId"}}),
            "InvalidAttributeValue");
  EXPECT_EQ(refusal({kFifo,
                     {"FifoThroughputLimit", "perMessageGroupId"},
                     {"DeduplicationScope", "messageGroup"}}),
            "");
  EXPECT_EQ(refusal({kFifo, {"DeduplicationScope", "messageGroup"}}), "");
  EXPECT_EQ(refusal({kFifo, {"DeduplicationScope", "group"}}), "InvalidAttributeValue");
}

TEST(QueueAttributes, ThatTheBrokerTellsCannotBeSet) {
  for (const QueueAttributeRow& row : all_queue_attributes()) {
    if (!row.is_settable()) {
      EXPECT_EQ(refusal({{row.name, "1"}}), "InvalidAttributeName") << row.name;
    }
  }
  EXPECT_EQ(refusal({{"Stranger", "1"}}), "InvalidAttributeName");
}

TEST(QueueAttributes, KeepTheTextOfPolicies) {
  EXPECT_EQ(made({{"RedrivePolicy", kRedrive}}).text(kRedrivePolicy), kRedrive);
  EXPECT_EQ(made({{"Policy", " {\"a\": 1}"}}).text(kPolicy), " {\"a\": 1}");
  EXPECT_EQ(refusal({{"Policy", "[]"}}), "InvalidAttributeValue");
  EXPECT_EQ(refusal({{"RedrivePolicy", "{"}}), "InvalidParameterValue");
  EXPECT_EQ(refusal({{"RedriveAllowPolicy", "{}"}}), "InvalidParameterValue");
}

TEST(QueueAttributes, OfTextAreClearedByNone) {
  const QueueSettings before =
      made({{"RedrivePolicy", kRedrive}, {"Policy", "{}"}, {"KmsMasterKeyId", "k"}});
  const auto after =
      before.changed(Attributes{{"RedrivePolicy", ""}, {"Policy", ""}, {"KmsMasterKeyId", ""}});
  ASSERT_TRUE(after.has_value());
  for (const QueueAttribute attribute : {kRedrivePolicy, kPolicy, kKmsMasterKeyId}) {
    EXPECT_TRUE(before.is_reported(attribute));
    EXPECT_FALSE(after->is_reported(attribute));
  }
}

TEST(QueueSettings, AKeysNameIsNotTooLong) {
  EXPECT_EQ(refusal({{"KmsMasterKeyId", std::string(2048, 'k')}}), "");
  EXPECT_EQ(refusal({{"KmsMasterKeyId", std::string(2049, 'k')}}), "InvalidAttributeValue");
}

TEST(QueueAttributes, KnowOneKindOfEncryptionAtATime) {
  EXPECT_EQ(refusal({{"KmsMasterKeyId", "k"}, {"SqsManagedSseEnabled", "true"}}),
            "InvalidAttributeName");
  const QueueSettings with_key = made({{"KmsMasterKeyId", "k"}});
  EXPECT_FALSE(with_key.flag(kSqsManagedSseEnabled));
  const auto managed = with_key.changed(Attributes{{"SqsManagedSseEnabled", "true"}});
  EXPECT_EQ(managed->text(kKmsMasterKeyId), "");
  EXPECT_TRUE(managed->flag(kSqsManagedSseEnabled));
}

TEST(QueueAttributes, DoNotChangeTheTypeOfAQueue) {
  const QueueSettings fifo = made({kFifo});
  const auto refused = fifo.changed(Attributes{{"FifoQueue", "false"}});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidAttributeValue);
  EXPECT_NE(refused.error().message.find("Modifying queue type is not supported."),
            std::string::npos);
  EXPECT_TRUE(fifo.changed(Attributes{kFifo}).has_value());
  EXPECT_EQ(QueueSettings().changed(Attributes{kFifo}).error().message,
            "Unknown Attribute FifoQueue.");
}

TEST(QueueAttributes, ThatAreRefusedChangeNothing) {
  const QueueSettings settings;
  EXPECT_FALSE(settings.changed(Attributes{{"DelaySeconds", "5"}, {"Stranger", "1"}}).has_value());
  EXPECT_EQ(settings.number(kDelaySeconds), 0);
}

TEST(QueueAttributes, AreComparedOnlyWhereTheyWereAsked) {
  const QueueSettings existing = made({{"DelaySeconds", "5"}, {"VisibilityTimeout", "40"}});
  EXPECT_EQ(existing.first_difference(made({})), "");
  EXPECT_EQ(existing.first_difference(made({{"DelaySeconds", "05"}})), "");
  EXPECT_EQ(existing.first_difference(made({{"MaximumMessageSize", "1048576"}})), "");
  EXPECT_EQ(existing.first_difference(made({{"VisibilityTimeout", "41"}})), "VisibilityTimeout");
}

std::set<std::string_view> selected(const std::vector<std::string_view>& names,
                                    const QueueSettings& settings) {
  const auto set = select_queue_attributes(names, settings);
  EXPECT_TRUE(set.has_value());
  std::set<std::string_view> found;
  for (const QueueAttributeRow& row : all_queue_attributes()) {
    if (set->has(row.id)) found.insert(row.name);
  }
  return found;
}

TEST(QueueAttributes, AreToldByNameOrAllThatApply) {
  EXPECT_TRUE(selected({}, made({})).empty());
  EXPECT_EQ(selected({"QueueArn", "Policy", "FifoQueue"}, made({})),
            (std::set<std::string_view>{"QueueArn"}));
  EXPECT_EQ(selected({"All"}, made({})),
            (std::set<std::string_view>{
                "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed",
                "ApproximateNumberOfMessagesNotVisible", "CreatedTimestamp", "DelaySeconds",
                "LastModifiedTimestamp", "MaximumMessageSize", "MessageRetentionPeriod", "QueueArn",
                "ReceiveMessageWaitTimeSeconds", "SqsManagedSseEnabled", "VisibilityTimeout"}));
  const auto fifo = selected({"All"}, made({kFifo, {"KmsMasterKeyId", "k"}, {"Policy", "{}"}}));
  for (const char* name : {"FifoQueue", "ContentBasedDeduplication", "DeduplicationScope",
                           "FifoThroughputLimit", "KmsDataKeyReusePeriodSeconds", "Policy"}) {
    EXPECT_TRUE(fifo.contains(name)) << name;
  }
  const std::vector<std::string_view> stranger{"All", "Stranger"};
  EXPECT_EQ(select_queue_attributes(stranger, made({})).error().message,
            "Unknown Attribute Stranger.");
}

std::string why(std::string_view policy) {
  const auto parsed = parse_redrive_policy(policy);
  return parsed ? "" : parsed.error().message;
}

TEST(RedrivePolicy, TakesTheCountAsNumberAndAsText) {
  for (const char* count : {"1", "1000", "\"1\"", "\"1000\""}) {
    const auto policy = parse_redrive_policy(
        R"({"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:d","maxReceiveCount":)" +
        std::string(count) + "}");
    ASSERT_TRUE(policy.has_value()) << count;
    EXPECT_EQ(policy->dead_letter_target_arn, "arn:aws:sqs:us-east-1:000000000000:d");
    EXPECT_TRUE(policy->max_receive_count == 1 || policy->max_receive_count == 1000);
  }
}

TEST(RedrivePolicy, IsRefusedWithItsTextAndTheReason) {
  const std::string arn = R"("deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:d")";
  EXPECT_EQ(why("nonsense"),
            "Value nonsense for parameter RedrivePolicy is invalid. Reason: Redrive policy is not "
            "a valid JSON map.");
  EXPECT_NE(why("{\"maxReceiveCount\":1}").find("deadLetterTargetArn"), std::string::npos);
  EXPECT_NE(why("{" + arn + "}").find("maxReceiveCount"), std::string::npos);
  for (const char* count : {"0", "1001", "\"x\"", "1.5", "true", "null", "\"\""}) {
    EXPECT_NE(why("{" + arn + ",\"maxReceiveCount\":" + count + "}").find("from 1 to 1000"),
              std::string::npos)
        << count;
  }
  EXPECT_NE(why(R"({"deadLetterTargetArn":"d","maxReceiveCount":1})").find("Invalid value for"),
            std::string::npos);
}

TEST(RedriveAllowPolicy, SaysWhoMayUseTheQueue) {
  EXPECT_TRUE(parse_redrive_allow_policy(R"({"redrivePermission":"allowAll"})")->allows("x"));
  EXPECT_FALSE(parse_redrive_allow_policy(R"({"redrivePermission":"denyAll"})")->allows("x"));
  const auto by_queue =
      parse_redrive_allow_policy(R"({"redrivePermission":"byQueue","sourceQueueArns":)"
                                 R"(["arn:aws:sqs:us-east-1:000000000000:a"]})");
  ASSERT_TRUE(by_queue.has_value());
  EXPECT_TRUE(by_queue->allows("a"));
  EXPECT_FALSE(by_queue->allows("b"));
}

TEST(RedriveAllowPolicy, IsRefusedWhenItsPartsDoNotFit) {
  std::string eleven;
  for (int i = 0; i < 11; ++i) {
    eleven += (i == 0 ? "" : ",") + std::string(R"("arn:aws:sqs:us-east-1:000000000000:a")");
  }
  for (const std::string& policy :
       {std::string("nonsense"), std::string("{}"), std::string(R"({"redrivePermission":"some"})"),
        std::string(R"({"redrivePermission":7})"),
        std::string(R"({"redrivePermission":"byQueue"})"),
        std::string(R"({"redrivePermission":"byQueue","sourceQueueArns":[]})"),
        std::string(R"({"redrivePermission":"byQueue","sourceQueueArns":["a"]})"),
        std::string(R"({"redrivePermission":"byQueue","sourceQueueArns":"a"})"),
        R"({"redrivePermission":"byQueue","sourceQueueArns":[)" + eleven + "]}",
        std::string(R"({"redrivePermission":"denyAll","sourceQueueArns":["a"]})")}) {
    const auto parsed = parse_redrive_allow_policy(policy);
    ASSERT_FALSE(parsed.has_value()) << policy;
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalidParameterValue);
  }
}

}  // namespace
}  // namespace polymq::sqs
