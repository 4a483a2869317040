// Promises of base64: RFC 4648's examples, and one text for each byte string.
#include "sqs/base64.h"

#include <gtest/gtest.h>

#include <string>

namespace polymq::sqs {
namespace {

std::string encoded(std::string_view bytes, Base64 form = Base64::kPadded) {
  std::string text(base64_size(bytes.size(), form), '\0');
  encode_base64(bytes, form, text.data());
  return text;
}

std::string decoded(std::string_view text, Base64 form = Base64::kPadded) {
  std::string bytes(text.size(), '\0');
  const std::size_t size = decode_base64(text, form, bytes.data());
  if (size == kNotBase64) return "refused";
  bytes.resize(size);
  return bytes;
}

TEST(Base64, EncodesTheExamplesOfItsSpecification) {
  EXPECT_EQ(encoded(""), "");
  EXPECT_EQ(encoded("M"), "TQ==");
  EXPECT_EQ(encoded("Ma"), "TWE=");
  EXPECT_EQ(encoded("foo"), "Zm9v");
  EXPECT_EQ(encoded("foob"), "Zm9vYg==");
  EXPECT_EQ(encoded("\xFB\xFF\xFE"), "+//+");
  EXPECT_EQ(encoded("\xFB\xFF\xFE", Base64::kUrlSafe), "-__-");
  EXPECT_EQ(encoded("f", Base64::kUrlSafe), "Zg");
}

TEST(Base64, DecodesWhatItEncodes) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    for (const Base64 form : {Base64::kPadded, Base64::kUrlSafe}) {
      EXPECT_EQ(decoded(encoded(bytes, form), form), bytes);
    }
    bytes += static_cast<char>(i * 7);
  }
}

TEST(Base64, RefusesWhatItWouldNotWrite) {
  for (const char* text :
       {"Z", "Zg=", "Zh==", "Zm9=", "Zm 9v", "Zm9v\n", "Zg==Zg==", "-__-", "="}) {
    EXPECT_EQ(decoded(text), "refused") << text;
  }
  EXPECT_EQ(decoded("+//+", Base64::kUrlSafe), "refused");
  EXPECT_EQ(decoded("Zg==", Base64::kUrlSafe), "refused");
}

TEST(Base64, ForgivesMissingPadding) { EXPECT_EQ(decoded("TWE"), "Ma"); }

}  // namespace
}  // namespace polymq::sqs
