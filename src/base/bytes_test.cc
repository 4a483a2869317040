// Promises of byte readers and buffers.
#include "base/bytes.h"

#include <gtest/gtest.h>

#include <string>

namespace polymq {
namespace {

TEST(ByteReader, NumbersAreBigEndian) {
  ByteReader reader(std::string_view("\x01\x02\x03\x04\x05\x06\x07\x08", 8));
  EXPECT_EQ(reader.u16(), 0x0102);
  EXPECT_EQ(reader.u32(), 0x03040506u);
  EXPECT_EQ(reader.u16(), 0x0708);
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(reader.left(), 0u);
}

TEST(ByteReader, ReadingPastTheEndFailsForGoodAndYieldsNothing) {
  ByteReader reader(
      std::string_view("\x05"
                       "ab",
                       3));
  EXPECT_EQ(reader.short_string(), "");
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.u8(), 0);
  EXPECT_FALSE(reader.ok());
}

TEST(Buffer, WhatIsAppendedIsConsumedInOrder) {
  Buffer buffer;
  std::string expected;
  for (int i = 0; i < 3000; ++i) {
    buffer.u32(static_cast<std::uint32_t>(i));
    if (i % 3 == 0) buffer.consume(4);
  }
  ByteReader reader(buffer.view());
  EXPECT_EQ(reader.u32(), 1000u);
  EXPECT_EQ(buffer.size(), 2000u * 4);
}

TEST(Buffer, ReleasedOwnsNoMemory) {
  Buffer buffer;
  buffer.append("abc");
  buffer.consume(3);
  buffer.release();
  EXPECT_EQ(buffer.capacity(), 0u);
  buffer.short_string("xyz");
  EXPECT_EQ(buffer.view(), std::string_view("\x03xyz"));
}

TEST(Buffer, AShortStringIsCutToWhatItsLengthOctetCanTell) {
  Buffer buffer;
  buffer.short_string(std::string(300, 'a'));
  EXPECT_EQ(buffer.size(), 256u);
}

}  // namespace
}  // namespace polymq
