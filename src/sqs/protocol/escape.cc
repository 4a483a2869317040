// Runs of characters that need no escape are copied as they are, a block at a time looked through.
#include "sqs/protocol/escape.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace polymq::sqs {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

struct Json {
  static bool is_plain(std::uint8_t octet) {
    return octet >= 0x20 && octet != '"' && octet != '\\';
  }
};

struct Xml {
  static bool is_plain(std::uint8_t octet) {
    const bool legal = octet >= 0x20 || octet == '\n' || octet == '\t';
    return legal && octet != '&' && octet != '<' && octet != '>' &&
           octet != 0xEF;  // begins U+FFFE and U+FFFF
  }
};

/// Without a way out in the middle, so that the compiler looks at all octets at once.
constexpr std::size_t kBlock = 16;
template <class Rules>
bool is_plain_block(const char* octets) {
  std::uint8_t special = 0;
  for (std::size_t i = 0; i < kBlock; ++i) {
    special |= static_cast<std::uint8_t>(!Rules::is_plain(static_cast<std::uint8_t>(octets[i])));
  }
  return special == 0;
}

template <class Rules>
std::size_t plain_run(std::string_view text) {
  std::size_t at = 0;
  while (text.size() - at >= kBlock && is_plain_block<Rules>(text.data() + at)) at += kBlock;
  // The last few, with some of those before them.
  const bool has_tail = text.size() >= kBlock && text.size() - at < kBlock;
  if (has_tail && is_plain_block<Rules>(text.data() + text.size() - kBlock)) return text.size();
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
  std::size_t run = plain_run<Json>(text);
  if (run == text.size()) {
    char* const to = out.reserve(run + 2);
    *to = '"';
    std::copy_n(text.data(), run, to + 1);
    to[run + 1] = '"';
    return out.commit(run + 2);
  }
  out.append("\"");
  for (;; run = plain_run<Json>(text)) {
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
