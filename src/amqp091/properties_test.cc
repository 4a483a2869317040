// Promises of basic properties.
#include "amqp091/properties.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>

namespace polymq::amqp091 {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kHeaders = "\x01kI\0\0\0\x01"sv;

Properties everything() {
  Properties all;
  all.content_type = "text/plain";
  all.content_encoding = "gzip";
  all.headers = FieldTable{kHeaders};
  all.delivery_mode = 2;
  all.priority = 9;
  all.correlation_id = "correlation";
  all.reply_to = "reply";
  all.expiration = "60000";
  all.message_id = "message";
  all.timestamp = 0x0102030405060708u;
  all.type = "type";
  all.user_id = "guest";
  all.app_id = "app";
  all.cluster_id = "";
  return all;
}

TEST(Properties, AllOfThemComeBack) {
  const std::string bytes = encode(everything());
  EXPECT_EQ(bytes.substr(0, 2), "\xFF\xFC"sv);
  Properties parsed;
  ASSERT_EQ(parse(bytes, parsed), PropertiesStatus::kOk);
  EXPECT_EQ(parsed, everything());
}

TEST(Properties, EachAloneHasItsFlag) {
  const auto check = [](auto Properties::* member, int bit) {
    Properties one;
    one.*member = everything().*member;
    const std::string bytes = encode(one);
    EXPECT_EQ(load_big_endian<std::uint16_t>(bytes.data()), 1 << bit);
    Properties parsed;
    EXPECT_EQ(parse(bytes, parsed), PropertiesStatus::kOk);
    EXPECT_EQ(parsed, one);
    HotProperties hot;
    EXPECT_EQ(scan(bytes, hot), PropertiesStatus::kOk);
  };
  check(&Properties::content_type, 15);
  check(&Properties::content_encoding, 14);
  check(&Properties::headers, 13);
  check(&Properties::delivery_mode, 12);
  check(&Properties::priority, 11);
  check(&Properties::correlation_id, 10);
  check(&Properties::reply_to, 9);
  check(&Properties::expiration, 8);
  check(&Properties::message_id, 7);
  check(&Properties::timestamp, 6);
  check(&Properties::type, 5);
  check(&Properties::user_id, 4);
  check(&Properties::app_id, 3);
  check(&Properties::cluster_id, 2);
}

TEST(Properties, EveryCutAndEveryExcessIsRefused) {
  const std::string whole = encode(everything());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto block = std::make_unique<char[]>(size);  // the sanitizer guards its end
    std::memcpy(block.get(), whole.data(), size);
    Properties parsed;
    EXPECT_EQ(parse({block.get(), size}, parsed), PropertiesStatus::kBadLength) << size;
    HotProperties hot;
    EXPECT_EQ(scan({block.get(), size}, hot), PropertiesStatus::kBadLength) << size;
  }
  Properties parsed;
  EXPECT_EQ(parse(whole + 'x', parsed), PropertiesStatus::kBadLength);
  EXPECT_EQ(parse("\0\x01"sv, parsed), PropertiesStatus::kBadLength);
  HotProperties hot;
  EXPECT_EQ(scan("\x10\0"sv, hot), PropertiesStatus::kBadLength);
  EXPECT_EQ(scan("\0\0x"sv, hot), PropertiesStatus::kBadLength);
}

TEST(Properties, HeadersThatCannotBeDecodedAreToldApart) {
  Properties bad;
  bad.headers = FieldTable{"\x01k?"sv};
  Properties parsed;
  EXPECT_EQ(parse(encode(bad), parsed), PropertiesStatus::kBadTable);
  HotProperties hot;
  EXPECT_EQ(scan(encode(bad), hot), PropertiesStatus::kBadTable);
}

TEST(Properties, AScanFindsWhatTheBrokerNeeds) {
  const std::string bytes = encode(everything());
  HotProperties hot;
  ASSERT_EQ(scan(bytes, hot), PropertiesStatus::kOk);
  EXPECT_TRUE(hot.persistent());
  EXPECT_EQ(hot.priority, 9);
  EXPECT_EQ(hot.expiration, "60000");
  EXPECT_EQ(hot.reply_to, "reply");
  EXPECT_EQ(hot.user_id, "guest");
  EXPECT_EQ(hot.headers.bytes, kHeaders);
}

TEST(Properties, AScanOfTheUsualOnesNeedsNoWalk) {
  HotProperties none;
  ASSERT_EQ(scan(kNoProperties, none), PropertiesStatus::kOk);
  EXPECT_FALSE(none.persistent());
  HotProperties mode;
  ASSERT_EQ(scan("\x10\0\x02"sv, mode), PropertiesStatus::kOk);
  EXPECT_TRUE(mode.persistent());
  HotProperties transient;
  ASSERT_EQ(scan("\x10\0\x01"sv, transient), PropertiesStatus::kOk);
  EXPECT_FALSE(transient.persistent());
}

TEST(Properties, AnEmptyPropertyIsNotAnAbsentOne) {
  Properties empty;
  empty.expiration = "";
  const std::string bytes = encode(empty);
  HotProperties hot;
  ASSERT_EQ(scan(bytes, hot), PropertiesStatus::kOk);
  EXPECT_TRUE(HotProperties::present(hot.expiration));
  EXPECT_FALSE(HotProperties::present(hot.reply_to));
  EXPECT_EQ(expiration(bytes), "");
}

TEST(Properties, SingleOnesAreFound) {
  const std::string bytes = encode(everything());
  EXPECT_EQ(correlation_id(bytes), "correlation");
  EXPECT_EQ(message_id(bytes), "message");
  EXPECT_EQ(timestamp(bytes), 0x0102030405060708u);
  EXPECT_EQ(expiration(bytes), "60000");
  EXPECT_EQ(headers(bytes).bytes, kHeaders);
  EXPECT_EQ(correlation_id(kNoProperties), std::nullopt);
  EXPECT_EQ(timestamp(kNoProperties), std::nullopt);
  EXPECT_EQ(headers(kNoProperties).bytes, "");
}

TEST(Properties, ACopyDiffersOnlyInWhatWasChanged) {
  const std::string bytes = encode(everything());
  EXPECT_EQ(with_changes(bytes, {}), bytes);

  Properties expected = everything();
  expected.headers = FieldTable{"\x01zV"sv};
  expected.expiration = std::nullopt;
  expected.reply_to = "amq.rabbitmq.reply-to.x";
  const std::string changed = with_changes(
      bytes, {.headers = expected.headers, .drop_expiration = true, .reply_to = expected.reply_to});
  EXPECT_EQ(changed, encode(expected));
}

TEST(Properties, ACopyMayGainOrLoseItsHeaders) {
  const std::string gained = with_changes(kNoProperties, {.headers = FieldTable{kHeaders}});
  EXPECT_EQ(headers(gained).bytes, kHeaders);
  EXPECT_EQ(with_changes(gained, {.headers = FieldTable{}}), kNoProperties);
}

}  // namespace
}  // namespace polymq::amqp091
