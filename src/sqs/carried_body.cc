// To base64 and back.
#include "sqs/carried_body.h"

#include <algorithm>

#include "sqs/base64.h"
#include "sqs/text.h"

namespace polymq::sqs {
namespace {

constexpr std::string_view kBase64 = "base64";

bool must_be_carried(std::string_view body) { return body.empty() || !is_message_text(body); }

bool is_mark(const MessageAttribute& attribute) {
  return attribute.name == kEncodingAttribute && attribute.string_value == kBase64;
}

}  // namespace

std::string_view carried_body(std::string_view body, Arena& arena,
                              std::vector<MessageAttribute>& attributes) {
  if (!must_be_carried(body)) return body;
  const std::size_t size = base64_size(body.size(), Base64::kPadded);
  char* const text = arena.text(size);
  encode_base64(body, Base64::kPadded, text);
  attributes.push_back(
      {.name = kEncodingAttribute, .data_type = "String", .string_value = kBase64});
  return {text, size};
}

SentBody sent_body(std::string_view body, std::span<const MessageAttribute> attributes,
                   Arena& arena) {
  const SentBody as_it_is{body, attributes};
  if (std::none_of(attributes.begin(), attributes.end(), is_mark)) return as_it_is;
  char* const bytes = arena.text(body.size());
  const std::size_t size = decode_base64(body, Base64::kPadded, bytes);
  if (size == kNotBase64 || !must_be_carried({bytes, size})) return as_it_is;
  const std::span<MessageAttribute> others = arena.array<MessageAttribute>(attributes.size());
  const auto end =
      std::remove_copy_if(attributes.begin(), attributes.end(), others.begin(), is_mark);
  return {{bytes, size}, others.first(static_cast<std::size_t>(end - others.begin()))};
}

}  // namespace polymq::sqs
