// Promises of the codec: every method round-trips, and nothing malformed gets through.
#include "amqp091/codec.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>

namespace polymq::amqp091 {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kTable =
    "\x01k"
    "I\0\0\0\x2A"
    "\x01z"
    "V"sv;

/// Different from field to field, so that swapped ones show.
struct Filler {
  int turn = 0;
  void operator()(bool& field) { field = ++turn % 2 == 1; }
  void operator()(std::string_view& field) { field = "abcdefghijklmnop"sv.substr(0, ++turn % 16); }
  void operator()(LongString& field) {
    field.bytes = "\xFF\0long string"sv.substr(0, 3 + ++turn % 8);
  }
  void operator()(FieldTable& field) { field.bytes = kTable; }
  template <class T>
  void operator()(T& field) {
    field = static_cast<T>(0x0102030405060708u * ++turn);
  }
};

template <class M>
M filled(int turn = 0) {
  M method;
  Filler fill{turn};
  std::apply([&](auto... member) { (fill(method.*member), ...); }, M::kFields);
  return method;
}

/// The arguments in a block of just their size, so that the sanitizer guards both ends.
struct Exact {
  explicit Exact(std::string_view bytes) : block(new char[bytes.size()]), size(bytes.size()) {
    if (size != 0) std::memcpy(block.get(), bytes.data(), size);
  }
  std::string_view view() const { return {block.get(), size}; }
  std::unique_ptr<char[]> block;
  std::size_t size;
};

template <class M>
std::string arguments_of(const M& method) {
  Buffer out;
  encode_method(out, 7, method);
  EXPECT_EQ(out.size(), method_frame_size(method));
  Frame frame;
  EXPECT_EQ(parse_frame(out.view(), 0, frame), FrameStatus::kFrame);
  EXPECT_EQ(frame.type, FrameType::kMethod);
  EXPECT_EQ(frame.channel, 7);
  EXPECT_EQ(frame.size(), out.size());
  EXPECT_EQ(load_big_endian<std::uint32_t>(frame.payload.data()), M::kId.packed());
  return std::string(frame.payload.substr(4));
}

template <class M>
class EveryMethod : public ::testing::Test {};
template <class... M>
::testing::Types<M...> as_types(std::tuple<M...>*);
using AllMethods = decltype(as_types(static_cast<method::All*>(nullptr)));
TYPED_TEST_SUITE(EveryMethod, AllMethods);

TYPED_TEST(EveryMethod, ComesBackAsItWasSent) {
  for (int turn = 0; turn < 16; ++turn) {
    const auto sent = filled<TypeParam>(turn);
    const Exact arguments(arguments_of(sent));
    TypeParam received = filled<TypeParam>(turn + 1);  // so that a field left alone shows
    ASSERT_EQ(decode(arguments.view(), received), DecodeStatus::kOk);
    EXPECT_EQ(received, sent);
  }
}

TYPED_TEST(EveryMethod, IsRefusedWhenCutAnywhereOrTooLong) {
  const std::string whole = arguments_of(filled<TypeParam>());
  TypeParam received;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Exact cut(whole.substr(0, size));
    EXPECT_EQ(decode(cut.view(), received), DecodeStatus::kBadLength) << size;
  }
  const Exact longer(whole + 'x');
  EXPECT_EQ(decode(longer.view(), received), DecodeStatus::kBadLength);
}

TYPED_TEST(EveryMethod, IsDispatchedToItsOwnType) {
  const auto sent = filled<TypeParam>(3);
  const std::string arguments = arguments_of(sent);
  int calls = 0;
  const auto status = dispatch(TypeParam::kId, arguments, [&]<class M>(const M& method) {
    ++calls;
    EXPECT_EQ(M::kName, TypeParam::kName);
    if constexpr (std::is_same_v<M, TypeParam>) EXPECT_EQ(method, sent);
  });
  EXPECT_EQ(status, DecodeStatus::kOk);
  EXPECT_EQ(calls, 1);
}

TEST(Dispatch, UnknownAndUndecodableMethodsReachNobody) {
  int calls = 0;
  const auto count = [&](const auto&) { ++calls; };
  EXPECT_EQ(dispatch({60, 41}, "", count), DecodeStatus::kUnknownMethod);
  EXPECT_EQ(dispatch({0, 0}, "", count), DecodeStatus::kUnknownMethod);
  EXPECT_EQ(dispatch({60, 80}, "short", count), DecodeStatus::kBadLength);
  EXPECT_EQ(calls, 0);
}

TEST(Dispatch, MethodsOfTheOtherDirectionAreUnknownThere) {
  const auto ignore = [](const auto&) {};
  EXPECT_EQ(dispatch<method::ToServer>({60, 11}, "", ignore), DecodeStatus::kUnknownMethod);
  EXPECT_EQ(dispatch<method::ToClient>({60, 11}, "", ignore), DecodeStatus::kOk);
}

TEST(Codec, QueueDeclareLooksAsOnTheWire) {
  Buffer out;
  encode_method(out, 1, method::QueueDeclare{.queue = "q", .durable = true, .nowait = true});
  EXPECT_EQ(out.view(),
            "\x01\0\x01\0\0\0\x0D"
            "\0\x32\0\x0A"
            "\0\0"
            "\x01q"
            "\x12"
            "\0\0\0\0"
            "\xCE"sv);
}

TEST(Codec, BasicDeliverLooksAsOnTheWire) {
  Buffer out;
  encode_method(out, 258,
                method::BasicDeliver{.consumer_tag = "t",
                                     .delivery_tag = 3,
                                     .redelivered = true,
                                     .exchange = "",
                                     .routing_key = "k"});
  EXPECT_EQ(out.view(),
            "\x01\x01\x02\0\0\0\x12"
            "\0\x3C\0\x3C"
            "\x01t"
            "\0\0\0\0\0\0\0\x03"
            "\x01"
            "\0"
            "\x01k"
            "\xCE"sv);
}

TEST(Codec, AShortStringThatIsNotUtf8IsToldApart) {
  method::QueueDelete received;
  EXPECT_EQ(decode("\0\0\x02\xC3\x28\0"sv, received), DecodeStatus::kBadUtf8);
  EXPECT_EQ(decode("\0\0\x02\xC3\xA4\0"sv, received), DecodeStatus::kOk);
  EXPECT_EQ(received.queue, "\xC3\xA4");
}

TEST(Codec, ATableWithAnUnknownLetterIsToldApart) {
  method::QueueUnbind received;
  EXPECT_EQ(decode("\0\0\0\0\0"
                   "\0\0\0\x03"
                   "\x01k?"sv,
                   received),
            DecodeStatus::kBadTable);
  EXPECT_EQ(decode("\0\0\0\0\0"
                   "\0\0\0\x03"
                   "\x01kV"sv,
                   received),
            DecodeStatus::kOk);
}

TEST(Codec, ALengthThatReachesPastTheEndIsRefused) {
  method::ConnectionSecure received;
  EXPECT_EQ(decode("\xFF\xFF\xFF\xFF"
                   "abc"sv,
                   received),
            DecodeStatus::kBadLength);
  method::BasicPublish publish;
  EXPECT_EQ(decode("\0\0\xFF"
                   "abcdef\0\0"sv,
                   publish),
            DecodeStatus::kBadLength);
}

TEST(Codec, LongerShortStringsAreCut) {
  const std::string name(300, 'n');
  method::ConnectionBlocked received;
  const std::string arguments = arguments_of(method::ConnectionBlocked{.reason = name});
  ASSERT_EQ(decode(arguments, received), DecodeStatus::kOk);
  EXPECT_EQ(received.reason, name.substr(0, 255));
}

}  // namespace
}  // namespace polymq::amqp091
