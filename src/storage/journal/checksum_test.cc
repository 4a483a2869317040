// Promises of the checksum: the standard's value, in any pieces, with or without the instruction.
#include "storage/journal/checksum.h"

#include <gtest/gtest.h>

#include <string>

namespace polymq::storage::journal {
namespace {

TEST(Checksum, IsCrc32c) {
  EXPECT_EQ(crc32c(""), 0u);
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);
}

TEST(Checksum, GoesOnWhereItEnded) {
  const std::string text = "any text that is longer than a few words of eight bytes";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    EXPECT_EQ(crc32c(text.substr(cut), crc32c(text.substr(0, cut))), crc32c(text));
  }
}

TEST(Checksum, IsTheSameByTable) {
  std::string text;
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(crc32c_by_table(text, 7), crc32c(text, 7)) << i;
    text += static_cast<char>(i * 37);
  }
}

}  // namespace
}  // namespace polymq::storage::journal
