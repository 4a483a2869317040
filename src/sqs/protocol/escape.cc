// Runs of characters that need no escape are copied as they are, eight at a time looked through.
#include "sqs/protocol/escape.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace polymq::sqs {
namespace {

constexpr std::uint64_t kOnes = 0x0101010101010101u;
constexpr std::uint64_t kHighBits = 0x8080808080808080u;
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// Marks the octets of `word` that equal `octet`; may mark some above the first one, too.
constexpr std::uint64_t equal(std::uint64_t word, std::uint8_t octet) {
  const std::uint64_t zero = word ^ (kOnes * octet);
  return (zero - kOnes) & ~zero;
}

constexpr std::uint64_t below_space(std::uint64_t word) { return (word - kOnes * 0x20) & ~word; }

struct Json {
  static bool is_plain(std::uint64_t word) {
    return ((below_space(word) | equal(word, '"') | equal(word, '\\')) & kHighBits) == 0;
  }
  static bool is_plain(std::uint8_t octet) {
    return octet >= 0x20 && octet != '"' && octet != '\\';
  }
};

struct Xml {
  static bool is_plain(std::uint64_t word) {
    const std::uint64_t marked = below_space(word) | equal(word, '&') | equal(word, '<') |
                                 equal(word, '>') | equal(word, 0xEF);  // begins U+FFFE and U+FFFF
    return (marked & kHighBits) == 0;
  }
  static bool is_plain(std::uint8_t octet) {
    return octet >= 0x20 ? octet != '&' && octet != '<' && octet != '>' && octet != 0xEF
                         : octet == '\n' || octet == '\t';
  }
};

template <class Rules>
std::size_t plain_run(std::string_view text) {
  std::size_t at = 0;
  for (; text.size() - at >= 8; at += 8) {
    std::uint64_t word;
    std::memcpy(&word, text.data() + at, 8);
    if (!Rules::is_plain(word)) break;
  }
  while (at < text.size() && Rules::is_plain(static_cast<std::uint8_t>(text[at]))) ++at;
  return at;
}

void append_json_escape(Buffer& out, std::uint8_t octet) {
  constexpr std::string_view kHex = "0123456789abcdef";
  switch (octet) {
    case '"':
      return out.append("\\\"");
    case '\\':
      return out.append("\\\\");
    case '\n':
      return out.append("\\n");
    case '\r':
      return out.append("\\r");
    case '\t':
      return out.append("\\t");
    default: {
      const std::array<char, 6> escape{'\\', 'u', '0', '0', kHex[octet >> 4], kHex[octet & 15]};
      out.append({escape.data(), escape.size()});
    }
  }
}

/// Appends what stands for the beginning of `text` and returns how much of it that was.
std::size_t append_xml_escape(Buffer& out, std::string_view text) {
  switch (static_cast<std::uint8_t>(text.front())) {
    case '&':
      out.append("&amp;");
      return 1;
    case '<':
      out.append("&lt;");
      return 1;
    case '>':
      out.append("&gt;");
      return 1;
    case '\r':
      out.append("&#xD;");  // parsers make a raw one a line feed
      return 1;
    case 0xEF: {
      const std::string_view character = text.substr(0, 3);
      const bool forbidden = character == "\xEF\xBF\xBE" || character == "\xEF\xBF\xBF";
      out.append(forbidden ? kReplacement : character);
      return character.size();
    }
    default:
      out.append(kReplacement);
      return 1;
  }
}

}  // namespace

void append_json_string(Buffer& out, std::string_view text) {
  out.reserve(text.size() + 2);
  out.append("\"");
  while (true) {
    const std::size_t run = plain_run<Json>(text);
    out.append(text.substr(0, run));
    if (run == text.size()) break;
    append_json_escape(out, static_cast<std::uint8_t>(text[run]));
    text.remove_prefix(run + 1);
  }
  out.append("\"");
}

void append_xml_text(Buffer& out, std::string_view text) {
  while (true) {
    const std::size_t run = plain_run<Xml>(text);
    out.append(text.substr(0, run));
    if (run == text.size()) return;
    text.remove_prefix(run);
    text.remove_prefix(append_xml_escape(out, text));
  }
}

}  // namespace polymq::sqs
