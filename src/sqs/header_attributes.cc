// Which header is which attribute.
#include "sqs/header_attributes.h"

#include <algorithm>
#include <string>

#include "sqs/message_checks.h"
#include "sqs/text.h"

namespace polymq::sqs {
namespace {

/// False: it has no equal.
bool set_value(const engine::Value& value, Arena& arena, MessageAttribute& attribute) {
  if (value.as_integer() != nullptr || value.type() == engine::FieldType::kDouble) {
    const std::string number = engine::to_text(value);
    attribute.data_type = "Number";
    attribute.string_value = arena.copy(number);
    return is_attribute_number(number);
  }
  const auto* text = std::get_if<std::string>(&value.payload());
  if (text == nullptr || text->empty()) return false;
  const bool is_text = is_message_text(*text);
  attribute.data_type = is_text ? "String" : "Binary";
  (is_text ? attribute.string_value : attribute.binary_value) = arena.copy(*text);
  return true;
}

}  // namespace

void add_headers(const engine::Fields& headers, Arena& arena,
                 std::vector<MessageAttribute>& attributes) {
  for (const engine::Field& header : headers) {
    if (attributes.size() >= kMostMessageAttributes) return;
    if (!is_message_text(header.name) || !check_attribute_name(header.name)) continue;
    const bool is_there =
        std::any_of(attributes.begin(), attributes.end(),
                    [&](const MessageAttribute& known) { return known.name == header.name; });
    MessageAttribute attribute{.name = arena.copy(header.name)};
    if (is_there || !set_value(header.value, arena, attribute)) continue;
    attributes.push_back(attribute);
  }
}

}  // namespace polymq::sqs
