// Promises of what is kept of a message's sender, and how the engine and other dialects see it.
#include "sqs/property_codec.h"

#include <gmock/gmock.h>

#include "sqs/sent_message.h"

namespace polymq::sqs {
namespace {

using engine::Value;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;

constexpr std::string_view kId = "01234567-89ab-4cde-8f01-23456789abcd";

constexpr std::string_view kDigest = "sixteen octets.!";

MessageAttribute text(std::string_view name, std::string_view type, std::string_view value) {
  return {.name = name, .data_type = type, .string_value = value};
}

std::string encoded(const SentMessage& message) {
  Buffer out;
  encode(out, message);
  return std::string(out.view());
}

Value header(const std::string& properties, std::string_view name) {
  Value value;
  return property_codec().header(properties, name, value) ? value : Value();
}

TEST(SentMessage, IsReadAsItWasWritten) {
  const std::array attributes{
      text("Color", "String.hue", "red"),
      MessageAttribute{
          .name = "Raw", .data_type = "Binary", .binary_value = std::string_view("\0\xff", 2)}};
  const std::string bytes = encoded({.id = kId,
                                     .body_digest = kDigest,
                                     .sender = "AIDA",
                                     .group = "g",
                                     .deduplication = "d",
                                     .trace = "Root=1",
                                     .attributes = attributes});
  Arena arena;
  SentMessage read;
  ASSERT_TRUE(decode(bytes, arena, read));
  EXPECT_EQ(read.id, kId);
  EXPECT_EQ(read.body_digest, kDigest);
  EXPECT_EQ(read.sender, "AIDA");
  EXPECT_EQ(read.group, "g");
  EXPECT_EQ(read.deduplication, "d");
  EXPECT_EQ(read.trace, "Root=1");
  ASSERT_EQ(read.attributes.size(), 2u);
  EXPECT_EQ(read.attributes[0].name, "Color");
  EXPECT_EQ(read.attributes[0].data_type, "String.hue");
  EXPECT_EQ(read.attributes[0].string_value, "red");
  EXPECT_EQ(read.attributes[1].binary_value, std::string_view("\0\xff", 2));
}

TEST(SentMessage, OfAnOlderProgramHasNoDigest) {
  std::string bytes = encoded({.id = kId, .sender = "AIDA", .group = "g"});
  bytes.front() = 1;
  bytes.erase(1 + kId.size(), 1);
  Arena arena;
  SentMessage read;
  ASSERT_TRUE(decode(bytes, arena, read));
  EXPECT_EQ(read.id, kId);
  EXPECT_EQ(read.body_digest, "");
  EXPECT_EQ(read.group, "g");
  EXPECT_EQ(property_codec().group(bytes), "g");
}

TEST(SentMessage, WithADigestOfAnotherSizeIsNone) {
  Arena arena;
  SentMessage read;
  EXPECT_FALSE(decode(encoded({.id = kId, .body_digest = "short"}), arena, read));
}

TEST(SentMessage, IsAskedForItsGroupAlone) {
  const std::array attributes{text("a", "String", "b")};
  const std::string bytes = encoded(
      {.id = kId, .sender = "AIDA", .group = "g", .deduplication = "d", .attributes = attributes});
  EXPECT_EQ(property_codec().group(bytes), "g");
  EXPECT_EQ(property_codec().group(encoded({.id = kId, .sender = "AIDA"})), "");
  EXPECT_EQ(property_codec().group({}), "");
}

TEST(SentMessage, ThatIsCutOrGoesOnIsNone) {
  const std::array attributes{text("a", "String", "b")};
  const std::string bytes = encoded({.id = kId, .sender = "s", .attributes = attributes});
  Arena arena;
  SentMessage read;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode(std::string_view(bytes).substr(0, size), arena, read)) << size;
  }
  EXPECT_FALSE(decode(bytes + "x", arena, read));
}

TEST(PropertyCodec, ShowsAttributesAsHeaders) {
  const std::array attributes{
      text("s", "String", "text"),
      text("n", "Number", "-42"),
      text("f", "Number", "2.5"),
      text("big", "Number", "1e400"),
      text("odd", "Number", "007"),
      MessageAttribute{
          .name = "b", .data_type = "Binary", .binary_value = std::string_view("\0x", 2)}};
  const std::string bytes = encoded({.id = kId, .attributes = attributes});
  EXPECT_EQ(header(bytes, "s"), Value::string("text"));
  EXPECT_EQ(header(bytes, "n"), Value::integer(-42));
  EXPECT_EQ(header(bytes, "f"), Value::real(2.5));
  EXPECT_EQ(header(bytes, "big"), Value::string("1e400"));
  EXPECT_EQ(header(bytes, "odd"), Value::string("007")) << "an integer would lose the zeros";
  EXPECT_EQ(header(bytes, "b"), Value::binary(std::string("\0x", 2)));
  EXPECT_EQ(header(bytes, "none"), Value());
  EXPECT_EQ(property_codec().headers(bytes).size(), 6u);
  std::string id;
  EXPECT_TRUE(property_codec().property(bytes, "message_id", id));
  EXPECT_EQ(id, kId);
  EXPECT_FALSE(property_codec().property(bytes, "expiration", id));
}

TEST(PropertyCodec, KeepsWhatTheBrokerAddsBesideTheAttributes) {
  const std::array attributes{text("keep", "String", "1"), text("go", "String", "2")};
  const std::string bytes = encoded({.id = kId, .sender = "s", .attributes = attributes});
  const Value deaths = Value::array({Value::table({{"queue", Value::string("q")}})});
  const std::string amended = property_codec().amend(
      bytes, {.set_headers = {{"x-death", deaths}}, .remove_headers = {"go"}});
  EXPECT_EQ(header(amended, "x-death"), deaths);
  EXPECT_EQ(header(amended, "keep"), Value::string("1"));
  EXPECT_EQ(header(amended, "go"), Value());
  const std::string again = property_codec().amend(
      amended, {.set_headers = {{"x-death", Value::integer(1)}, {"keep", Value::integer(2)}}});
  EXPECT_EQ(header(again, "x-death"), Value::integer(1));
  EXPECT_EQ(header(again, "keep"), Value::integer(2));
  EXPECT_THAT(property_codec().headers(again), ElementsAre(Field(&engine::Field::name, "x-death"),
                                                           Field(&engine::Field::name, "keep")));
  Arena arena;
  SentMessage read;
  ASSERT_TRUE(decode(again, arena, read));
  EXPECT_THAT(read.attributes, IsEmpty());
  EXPECT_EQ(read.sender, "s");
}

TEST(PropertyCodec, ShowsGroupAndDeduplicationIdAsHeaders) {
  const std::array attributes{text("x-message-group", "String", "not this"),
                              text("a", "String", "1")};
  const std::string bytes =
      encoded({.id = kId, .group = "g", .deduplication = "d", .attributes = attributes});
  EXPECT_EQ(header(bytes, kGroupHeader), Value::string("g"));
  EXPECT_EQ(header(bytes, kDeduplicationHeader), Value::string("d"));
  const std::string plain = encoded({.id = kId});
  EXPECT_EQ(header(plain, kGroupHeader), Value());
  EXPECT_EQ(header(plain, kDeduplicationHeader), Value());
  EXPECT_THAT(property_codec().headers(plain), IsEmpty());
  EXPECT_THAT(property_codec().headers(bytes),
              ElementsAre(Field(&engine::Field::name, kGroupHeader),
                          Field(&engine::Field::name, kDeduplicationHeader),
                          Field(&engine::Field::name, "a")));
}

TEST(PropertyCodec, TellsTheIdAsANumber) {
  const std::string bytes = encoded({.id = kId});
  EXPECT_EQ(property_codec().id(bytes),
            (engine::MessageId{0x0123456789ab4cde, 0x8f0123456789abcd}));
  EXPECT_EQ(property_codec().id("nonsense"), engine::MessageId());
}

TEST(PropertyCodec, AChangedDeduplicationIdIsNoHeaderBeside) {
  const std::string bytes = encoded({.id = kId, .group = "g", .deduplication = "d"});
  const std::string amended = property_codec().amend(
      bytes, {.set_headers = {{std::string(kDeduplicationHeader), Value::string("new")}}});
  Arena arena;
  SentMessage read;
  ASSERT_TRUE(decode(amended, arena, read));
  EXPECT_EQ(read.deduplication, "new");
  EXPECT_EQ(read.group, "g");
  EXPECT_EQ(read.headers, "");
  const std::string cleared =
      property_codec().amend(amended, {.remove_headers = {std::string(kGroupHeader)}});
  ASSERT_TRUE(decode(cleared, arena, read));
  EXPECT_EQ(read.group, "");
  EXPECT_EQ(read.deduplication, "new");
}

}  // namespace
}  // namespace polymq::sqs
