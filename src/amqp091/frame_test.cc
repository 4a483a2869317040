// Promises of frame parsing and of content frames.
#include "amqp091/frame.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace polymq::amqp091 {
namespace {

std::string frame(int type, std::uint16_t channel, std::string_view payload, char end = kFrameEnd) {
  Buffer out;
  out.u8(static_cast<std::uint8_t>(type));
  out.u16(channel);
  out.long_string(payload);
  out.u8(static_cast<std::uint8_t>(end));
  return std::string(out.view());
}

FrameStatus status_of(std::string_view input, std::uint32_t frame_max = 4096) {
  Frame parsed;
  return parse_frame(input, frame_max, parsed);
}

std::string error_of(std::string_view input, std::uint32_t frame_max = 4096) {
  Frame parsed;
  const FrameStatus status = parse_frame(input, frame_max, parsed);
  return frame_error(status, parsed, input, frame_max);
}

TEST(Frame, IsFoundInPlaceWithItsTypeChannelAndSize) {
  const std::string input = frame(3, 513, "hello") + "the next";
  Frame parsed;
  ASSERT_EQ(parse_frame(input, 4096, parsed), FrameStatus::kFrame);
  EXPECT_EQ(parsed.type, FrameType::kBody);
  EXPECT_EQ(parsed.channel, 513);
  EXPECT_EQ(parsed.payload, "hello");
  EXPECT_EQ(parsed.payload.data(), input.data() + 7);
  EXPECT_EQ(parsed.size(), 13u);
}

TEST(Frame, EveryShorterInputNeedsMoreAndNothingPastItIsRead) {
  const std::string whole = frame(1, 1, "abcdef");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto exact = std::make_unique<char[]>(size);  // the sanitizer guards its end
    std::memcpy(exact.get(), whole.data(), size);
    EXPECT_EQ(status_of({exact.get(), size}), FrameStatus::kNeedMore) << size;
  }
  EXPECT_EQ(status_of(whole), FrameStatus::kFrame);
}

TEST(Frame, APayloadMayBeEightMoreThanLegalButNotNine) {
  EXPECT_EQ(status_of(frame(3, 1, std::string(4096, 'x'))), FrameStatus::kFrame);
  EXPECT_EQ(status_of(frame(3, 1, std::string(4097, 'x'))), FrameStatus::kTooLarge);
  EXPECT_EQ(status_of(frame(3, 1, std::string(200'000, 'x')), 0), FrameStatus::kFrame);
}

TEST(Frame, TooLargeIsToldFromTheHeaderAlone) {
  const std::string header = frame(1, 0, std::string(5000, 'x')).substr(0, 7);
  EXPECT_EQ(status_of(header), FrameStatus::kTooLarge);
  EXPECT_EQ(error_of(header), "type 1, all octets = <<>>: {frame_too_large,5000,4088}");
}

TEST(Frame, AWrongEndOctetIsShownWithThePayload) {
  const std::string input = frame(1, 0, std::string_view("\0\x14\0\x0A\0", 5), 'A');
  EXPECT_EQ(status_of(input), FrameStatus::kBadEnd);
  EXPECT_EQ(error_of(input), "type 1, all octets = <<0,20,0,10,0>>: {invalid_frame_end_marker,65}");
}

TEST(Frame, UnknownTypesAndImpossiblePayloadsAreUnknownFrames) {
  EXPECT_EQ(error_of(frame(7, 0, "abc")), "type 7, all octets = <<\"abc\">>: unknown_frame");
  EXPECT_EQ(status_of(frame(8, 0, "abc")), FrameStatus::kUnknownFrame);
  EXPECT_EQ(status_of(frame(1, 0, "abc")), FrameStatus::kUnknownFrame);
  EXPECT_EQ(status_of(frame(2, 1, std::string(11, '\0'))), FrameStatus::kUnknownFrame);
  EXPECT_EQ(status_of(frame(2, 1, std::string(12, '\0'))), FrameStatus::kFrame);
  for (int type = 0; type < 256; ++type) {
    const bool known = type == 1 || type == 2 || type == 3 || type == 8;
    const std::string payload = type == 8 ? "" : std::string(14, '\0');
    EXPECT_EQ(status_of(frame(type, type == 8 ? 0 : 1, payload)),
              known ? FrameStatus::kFrame : FrameStatus::kUnknownFrame);
  }
}

TEST(Frame, ContentOnChannelZeroAndHeartbeatsElsewhereAreUnexpected) {
  EXPECT_EQ(status_of(frame(2, 0, std::string(14, '\0'))), FrameStatus::kUnexpectedFrame);
  EXPECT_EQ(status_of(frame(3, 0, "x")), FrameStatus::kUnexpectedFrame);
  EXPECT_EQ(error_of(frame(8, 3, "")), "type 8, all octets = <<>>");
  EXPECT_EQ(status_of(kHeartbeatFrame), FrameStatus::kFrame);
}

TEST(Frame, QuotesAndLineEndsAreShownEscaped) {
  EXPECT_EQ(error_of(frame(9, 1, "a\"b\\c\nd")),
            "type 9, all octets = <<\"a\\\"b\\\\c\\nd\">>: unknown_frame");
}

TEST(Frame, TheAnnouncedSizeIsKnownFromTheHeader) {
  const std::string whole = frame(1, 1, "abcdef");
  EXPECT_EQ(announced_size(std::string_view(whole).substr(0, 6)), 0u);
  EXPECT_EQ(announced_size(std::string_view(whole).substr(0, 7)), whole.size());
}

std::vector<std::string> payloads(std::string_view input, std::uint32_t frame_max) {
  std::vector<std::string> found;
  Frame parsed;
  while (parse_frame(input, frame_max, parsed) == FrameStatus::kFrame) {
    EXPECT_LE(parsed.size(), frame_max);
    found.emplace_back(parsed.payload);
    input.remove_prefix(parsed.size());
  }
  EXPECT_TRUE(input.empty());
  return found;
}

TEST(Content, AHeaderFrameTellsClassSizeAndProperties) {
  Buffer out;
  encode_content(out, 5, std::string_view("\x10\0\x02", 3), "body", 4096);
  Frame parsed;
  ASSERT_EQ(parse_frame(out.view(), 4096, parsed), FrameStatus::kFrame);
  EXPECT_EQ(parsed.type, FrameType::kHeader);
  EXPECT_EQ(parsed.channel, 5);
  const ContentHeader header = parse_content_header(parsed.payload);
  EXPECT_EQ(header.class_id, 60);
  EXPECT_EQ(header.weight, 0);
  EXPECT_EQ(header.body_size, 4u);
  EXPECT_EQ(header.properties, std::string_view("\x10\0\x02", 3));
}

TEST(Content, AnEmptyBodyHasNoBodyFrame) {
  Buffer out;
  encode_content(out, 1, std::string_view("\0\0", 2), "", 4096);
  EXPECT_EQ(payloads(out.view(), 4096).size(), 1u);
}

TEST(Content, BodiesAreSplitAtFrameMaxAndContentSizeSaysHowLongTheyGet) {
  for (const std::size_t size : {1u, 4087u, 4088u, 4089u, 8176u, 8177u, 20'000u}) {
    std::string body(size, '\0');
    for (std::size_t i = 0; i < size; ++i) body[i] = static_cast<char>(i * 31);
    Buffer out;
    encode_content(out, 1, std::string_view("\0\0", 2), body, 4096);
    EXPECT_EQ(out.size(), content_size(2, size, 4096));
    const auto parts = payloads(out.view(), 4096);
    ASSERT_EQ(parts.size(), 1 + (size + 4087) / 4088);
    std::string joined;
    for (std::size_t i = 1; i < parts.size(); ++i) joined += parts[i];
    EXPECT_EQ(joined, body);
  }
}

TEST(Content, WithoutALimitABodyIsOneFrame) {
  Buffer out;
  encode_content(out, 1, std::string_view("\0\0", 2), std::string(300'000, 'x'), 0);
  EXPECT_EQ(out.size(), content_size(2, 300'000, 0));
  EXPECT_EQ(payloads(out.view(), 400'000).size(), 2u);
}

}  // namespace
}  // namespace polymq::amqp091
