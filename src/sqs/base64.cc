// Base64, three bytes at a time.
#include "sqs/base64.h"

#include <array>

namespace polymq::sqs {
namespace {

constexpr std::string_view kUsual =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrl =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::uint8_t kBad = 0xFF;

constexpr std::array<std::uint8_t, 256> values_of(std::string_view digits) {
  std::array<std::uint8_t, 256> values{};
  values.fill(kBad);
  for (std::size_t i = 0; i < digits.size(); ++i) {
    values[static_cast<std::uint8_t>(digits[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}

constexpr auto kUsualValues = values_of(kUsual);
constexpr auto kUrlValues = values_of(kUrl);

std::uint32_t octet(char c) { return static_cast<std::uint8_t>(c); }

}  // namespace

void encode_base64(std::string_view bytes, Base64 form, char* out) {
  const char* const digits = (form == Base64::kPadded ? kUsual : kUrl).data();
  const auto digit = [&](std::uint32_t group, int shift) { return digits[group >> shift & 63]; };
  std::size_t at = 0;
  for (; at + 3 <= bytes.size(); at += 3, out += 4) {
    const std::uint32_t group =
        octet(bytes[at]) << 16 | octet(bytes[at + 1]) << 8 | octet(bytes[at + 2]);
    out[0] = digit(group, 18);
    out[1] = digit(group, 12);
    out[2] = digit(group, 6);
    out[3] = digit(group, 0);
  }
  bytes.remove_prefix(at);
  if (bytes.empty()) return;
  const std::uint32_t group =
      octet(bytes[0]) << 16 | (bytes.size() == 2 ? octet(bytes[1]) << 8 : 0u);
  *out++ = digit(group, 18);
  *out++ = digit(group, 12);
  if (bytes.size() == 2) *out++ = digit(group, 6);
  if (form == Base64::kUrlSafe) return;
  *out++ = '=';
  if (bytes.size() == 1) *out++ = '=';
}

std::size_t decode_base64(std::string_view text, Base64 form, char* out) {
  if (form == Base64::kPadded && text.size() % 4 == 0) {
    for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  }
  const auto& values = form == Base64::kPadded ? kUsualValues : kUrlValues;
  char* const begin = out;
  std::uint32_t bad = 0;
  const auto value = [&](char c) {
    const std::uint32_t found = values[static_cast<std::uint8_t>(c)];
    bad |= found;
    return found;
  };
  std::size_t at = 0;
  for (; at + 4 <= text.size(); at += 4, out += 3) {
    const std::uint32_t group = value(text[at]) << 18 | value(text[at + 1]) << 12 |
                                value(text[at + 2]) << 6 | value(text[at + 3]);
    out[0] = static_cast<char>(group >> 16);
    out[1] = static_cast<char>(group >> 8);
    out[2] = static_cast<char>(group);
  }
  text.remove_prefix(at);
  if (text.size() == 1) return kNotBase64;
  std::uint32_t group = 0;
  for (const char c : text) group = group << 6 | value(c);
  bad &= kBad & ~63u;
  if (text.size() == 2) {
    *out++ = static_cast<char>(group >> 4);
    bad |= group & 0xF;
  } else if (text.size() == 3) {
    *out++ = static_cast<char>(group >> 10);
    *out++ = static_cast<char>(group >> 2);
    bad |= group & 0x3;
  }
  return bad != 0 ? kNotBase64 : static_cast<std::size_t>(out - begin);
}

}  // namespace polymq::sqs
