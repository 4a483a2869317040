// Promises of messages on their way to the store and back: nothing of them is lost, and what is no
// message is refused.
#include "engine/stored_message.h"

#include <gmock/gmock.h>

namespace polymq::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class StoredMessageTest : public testing::Test {
 protected:
  ~StoredMessageTest() override {
    for (Message* message : made_) message->release(meter_);
    EXPECT_EQ(meter_.bytes, 0) << "all that was counted was freed";
  }
  Message* make(const MessageParts& parts, std::string_view body = "") {
    MessageParts sized = parts;
    sized.body_size = body.size();
    Message* message = Message::create(sized, meter_);
    body.copy(message->body_space(), body.size());
    made_.push_back(message);
    return message;
  }
  Message* back(const storage::MessageRecord& record) {
    const auto message = from_record(record, meter_);
    EXPECT_TRUE(message) << message.error().text;
    if (message) made_.push_back(*message);
    return message ? *message : nullptr;
  }
  std::string refusal(const storage::MessageRecord& record) {
    const std::int64_t before = meter_.bytes;
    const auto message = from_record(record, meter_);
    EXPECT_EQ(meter_.bytes, before) << "what is refused costs nothing";
    return message ? "" : message.error().text;
  }
  /// A message with everything that only few have.
  Message* special() {
    Message* message = make({.routing_key = "first", .persistent = true}, "body");
    MessageExtension& extension = message->make_extension();
    extension.ttl = {60'000};
    extension.more_keys = {"cc", "", std::string("b\0cc", 4)};
    extension.visible_keys = 2;
    extension.deaths = {{.queue = "q\xff",
                         .reason = DeathReason::kDeliveryLimit,
                         .first = false,
                         .count = UINT64_MAX,
                         .time_s = -5,
                         .exchange = "",
                         .routing_keys = {"a", "b"},
                         .original_expiration = std::nullopt},
                        {.queue = "",
                         .reason = DeathReason::kRejected,
                         .first = true,
                         .count = 1,
                         .time_s = 1'700'000'000,
                         .exchange = "x",
                         .routing_keys = {},
                         .original_expiration = "100"}};
    message->count_extension(meter_);
    return message;
  }

  MemoryMeter meter_;

 private:
  std::vector<Message*> made_;
};

TEST_F(StoredMessageTest, APlainOneComesBackAsItWas) {
  const Message* message = make({.exchange = "an exchange",
                                 .routing_key = "a.key",
                                 .properties = std::string_view("en\0coded", 8),
                                 .dialect = Dialect::kAmqp091,
                                 .priority = 200,
                                 .persistent = true},
                                std::string_view("bo\0dy\xff", 6));
  const storage::MessageRecord record = to_record(*message, 7, 42, 1'000);
  EXPECT_EQ(record.queue, 7u);
  EXPECT_EQ(record.position, 42u);
  EXPECT_EQ(record.enqueued, 1'000);
  EXPECT_EQ(record.ttl_ms, -1);
  EXPECT_THAT(record.extension, IsEmpty());
  const Message* read = back(record);
  ASSERT_NE(read, nullptr);
  EXPECT_EQ(read->exchange(), message->exchange());
  EXPECT_EQ(read->routing_key(), message->routing_key());
  EXPECT_EQ(read->properties(), message->properties());
  EXPECT_EQ(read->body(), message->body());
  EXPECT_EQ(read->dialect(), message->dialect());
  EXPECT_EQ(read->priority(), message->priority());
  EXPECT_TRUE(read->persistent());
  EXPECT_EQ(read->references(), 1u);
  EXPECT_EQ(read->extension(), nullptr) << "no memory for what it does not have";
}

TEST_F(StoredMessageTest, AnEmptyOneIsAMessage) {
  const Message* read = back(to_record(*make({.persistent = true}), 7, 1, 0));
  ASSERT_NE(read, nullptr);
  EXPECT_EQ(read->body(), "");
  EXPECT_EQ(read->routing_key(), "");
  EXPECT_EQ(read->priority(), std::nullopt);
}

TEST_F(StoredMessageTest, KeysAndDeathsComeBack) {
  const Message* message = special();
  const storage::MessageRecord record = to_record(*message, 7, 42, 1'000);
  EXPECT_EQ(record.ttl_ms, 60'000);
  const Message* read = back(record);
  ASSERT_NE(read, nullptr);
  ASSERT_NE(read->extension(), nullptr);
  EXPECT_EQ(read->ttl(), TimeToLive{60'000});
  EXPECT_EQ(read->extension()->more_keys, message->extension()->more_keys);
  EXPECT_EQ(read->extension()->visible_keys, 2u);
  EXPECT_EQ(read->extension()->deaths, message->extension()->deaths);
  EXPECT_EQ(read->body(), "body");
}

TEST_F(StoredMessageTest, ATimeToLiveAloneComesBackEvenIfItIsZero) {
  for (const std::int64_t ms : {std::int64_t{0}, kLongestTimeToLiveMs}) {
    Message* message = make({.persistent = true});
    message->make_extension().ttl = {ms};
    const storage::MessageRecord record = to_record(*message, 7, 1, 0);
    EXPECT_THAT(record.extension, IsEmpty());
    const Message* read = back(record);
    ASSERT_NE(read, nullptr);
    EXPECT_EQ(read->ttl(), TimeToLive{ms});
    EXPECT_THAT(read->extension()->more_keys, IsEmpty());
  }
}

TEST_F(StoredMessageTest, MemoryIsCountedAlikeOnTheWayBack) {
  const std::int64_t before = meter_.bytes;
  const Message* message = special();
  const std::int64_t first = meter_.bytes - before;
  back(to_record(*message, 7, 1, 0));
  EXPECT_EQ(meter_.bytes - before, 2 * first);
}

TEST_F(StoredMessageTest, AnUnknownDialectIsRefused) {
  storage::MessageRecord record = to_record(*make({.persistent = true}), 7, 1, 0);
  record.dialect = static_cast<std::uint8_t>(Dialect::kCount);
  EXPECT_THAT(refusal(record), HasSubstr("dialect"));
  record.dialect = UINT8_MAX;
  EXPECT_THAT(refusal(record), HasSubstr("dialect"));
}

TEST_F(StoredMessageTest, AnExtensionThatIsCutOffOrGoesOnIsRefused) {
  storage::MessageRecord record = to_record(*special(), 7, 1, 0);
  const std::string whole = record.extension;
  for (std::size_t size = 1; size < whole.size(); ++size) {
    record.extension = whole.substr(0, size);
    EXPECT_THAT(refusal(record), HasSubstr("cannot be decoded")) << "cut at " << size;
  }
  record.extension = whole + '\0';
  EXPECT_THAT(refusal(record), HasSubstr("cannot be decoded"));
}

TEST_F(StoredMessageTest, AnExtensionOfGarbageIsRefused) {
  storage::MessageRecord record = to_record(*make({.persistent = true}), 7, 1, 0);
  record.extension = std::string(100, '\xff');
  EXPECT_THAT(refusal(record), HasSubstr("cannot be decoded")) << "four billion keys";
  // No further keys, yet one that may be shown; no deaths.
  record.extension = std::string("\0\0\0\0\0\0\0\1\0\0\0\0", 12);
  EXPECT_THAT(refusal(record), HasSubstr("cannot be decoded"));
  // A death for a reason that there is not.
  record.extension = std::string("\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\x7f\0", 18);
  EXPECT_THAT(refusal(record), HasSubstr("cannot be decoded"));
}

}  // namespace
}  // namespace polymq::engine
