// Promises of the engine's view of encoded properties: what it finds, and what it may change.
#include "amqp091/property_codec.h"

#include <gmock/gmock.h>

#include "amqp091/field_table.h"
#include "amqp091/properties.h"
#include "engine/testing/fake_properties.h"

namespace polymq::amqp091 {
namespace {

using engine::Field;
using engine::Value;
using testing::ElementsAre;
using testing::IsEmpty;

const engine::PropertyCodec& codec() {
  register_property_codec();
  return engine::codec_of(engine::Dialect::kAmqp091);
}

/// Everything that the engine may ask for.
std::string full() {
  const std::string headers =
      encode_table({{"a", Value::integer(1)}, {"b", Value::string("x")}, {"a", Value::integer(2)}});
  Properties properties;
  properties.content_type = "text/plain";
  properties.headers = FieldTable{headers};
  properties.delivery_mode = 2;
  properties.correlation_id = "correlation";
  properties.expiration = "1000";
  properties.message_id = "message";
  properties.timestamp = UINT64_MAX;
  properties.app_id = "app";
  return encode(properties);
}

std::string property(std::string_view properties, std::string_view name) {
  std::string value;
  return codec().property(properties, name, value) ? value : "absent";
}

TEST(PropertyCodec, FindsTheFirstHeaderOfAName) {
  Value value;
  ASSERT_TRUE(codec().header(full(), "a", value));
  EXPECT_EQ(value, Value::integer(1));
  ASSERT_TRUE(codec().header(full(), "b", value));
  EXPECT_EQ(value, Value::string("x"));
  EXPECT_FALSE(codec().header(full(), "c", value));
  EXPECT_FALSE(codec().header(kNoProperties, "a", value));
}

TEST(PropertyCodec, GivesPropertiesAsText) {
  EXPECT_EQ(property(full(), "message_id"), "message");
  EXPECT_EQ(property(full(), "correlation_id"), "correlation");
  EXPECT_EQ(property(full(), "expiration"), "1000");
  EXPECT_EQ(property(full(), "timestamp"), "18446744073709551615");
  EXPECT_EQ(property(full(), "app_id"), "absent") << "not among those that the engine knows";
  for (const std::string_view name : {"message_id", "correlation_id", "expiration", "timestamp"}) {
    EXPECT_EQ(property(kNoProperties, name), "absent");
  }
}

TEST(PropertyCodec, KeepsAnEmptyPropertyApartFromNone) {
  Properties properties;
  properties.message_id = "";
  EXPECT_EQ(property(encode(properties), "message_id"), "");
}

TEST(PropertyCodec, FindsAMessagesGroup) {
  const auto group = [](const engine::Fields& fields) {
    const std::string headers = encode_table(fields);
    Properties properties;
    properties.content_type = "text/plain";
    properties.headers = FieldTable{headers};
    const std::string bytes = encode(properties);
    return std::string(codec().group(bytes));
  };
  EXPECT_EQ(group({{"a", Value::integer(1)}, {"x-message-group", Value::string("g 1")}}), "g 1");
  EXPECT_EQ(group({{"a", Value::integer(1)}}), "");
  EXPECT_EQ(group({{"x-message-group", Value::integer(1)}}), "") << "it is no string";
  EXPECT_EQ(codec().group(encode(Properties{})), "");
}

TEST(PropertyCodec, GivesAllHeadersInOrder) {
  EXPECT_THAT(codec().headers(full()),
              ElementsAre(Field{"a", Value::integer(1)}, Field{"b", Value::string("x")},
                          Field{"a", Value::integer(2)}));
  EXPECT_THAT(codec().headers(kNoProperties), IsEmpty());
}

TEST(PropertyCodec, SetsAndRemovesHeadersAndLeavesTheRest) {
  const std::string amended =
      codec().amend(full(), {.set_headers = {{"a", Value::boolean(true)}, {"c", Value::integer(3)}},
                             .remove_headers = {"b", "unknown"}});
  EXPECT_THAT(codec().headers(amended),
              ElementsAre(Field{"a", Value::boolean(true)}, Field{"c", Value::integer(3)}));
  Properties before;
  Properties after;
  const std::string original = full();
  ASSERT_EQ(parse(original, before), PropertiesStatus::kOk);
  ASSERT_EQ(parse(amended, after), PropertiesStatus::kOk);
  before.headers.reset();
  after.headers.reset();
  EXPECT_EQ(after, before);
}

TEST(PropertyCodec, RemovesTheExpiration) {
  const std::string amended = codec().amend(full(), {.remove_expiration = true});
  EXPECT_EQ(property(amended, "expiration"), "absent");
  EXPECT_EQ(property(amended, "message_id"), "message");
  EXPECT_EQ(codec().headers(amended).size(), 3u);
}

TEST(PropertyCodec, WithoutHeadersLeftThereIsNoTable) {
  const std::string headers = encode_table({{"BCC", Value::array({})}});
  Properties properties;
  properties.headers = FieldTable{headers};
  EXPECT_EQ(codec().amend(encode(properties), {.remove_headers = {"BCC"}}), kNoProperties);
  EXPECT_EQ(codec().amend(kNoProperties, {}), kNoProperties);
}

TEST(PropertyCodec, AddsHeadersToAMessageWithNone) {
  const std::string amended =
      codec().amend(kNoProperties, {.set_headers = {{"x-death", Value::array({Value()})}}});
  EXPECT_THAT(codec().headers(amended), ElementsAre(Field{"x-death", Value::array({Value()})}));
}

// --- messages of other protocols ----------------------------------------------------------------
TEST(TranslatedProperties, SayWhatAnotherProtocolSaid) {
  engine::register_fake_codec();
  const std::string theirs = engine::encode_headers({{"a", Value::integer(1)}});
  engine::MemoryMeter meter;
  engine::Message* const message = engine::Message::create(
      {.properties = theirs, .dialect = engine::kFakeDialect, .priority = 3, .persistent = true},
      meter);
  const std::string bytes = translated_properties(*message);
  message->release(meter);
  Properties properties;
  ASSERT_EQ(parse(bytes, properties), PropertiesStatus::kOk);
  EXPECT_EQ(properties.delivery_mode, kPersistent);
  EXPECT_EQ(properties.priority, 3);
  EXPECT_EQ(properties.message_id, std::nullopt);
  EXPECT_THAT(codec().headers(bytes), ElementsAre(Field{"a", Value::integer(1)}));
}

TEST(TranslatedProperties, OfAMessageWithNothingAreNone) {
  engine::register_fake_codec();
  engine::MemoryMeter meter;
  engine::Message* const message =
      engine::Message::create({.dialect = engine::kFakeDialect}, meter);
  EXPECT_EQ(translated_properties(*message), kNoProperties);
  message->release(meter);
}

}  // namespace
}  // namespace polymq::amqp091
