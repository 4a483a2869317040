// Conversion between what sources say and typed slots.
#include "server/config/value.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <limits>
#include <utility>

#include "base/suggest.h"
#include "base/units.h"

namespace polymq::server::config {
namespace {

template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};

constexpr std::int64_t kUnbounded = std::numeric_limits<std::int64_t>::max();

std::string type_of(const Given& given) {
  return std::visit(
      Overloaded{
          [](const Text& value) { return "'" + value.text + "'"; },
          [](bool) { return std::string("a boolean"); },
          [](std::int64_t value) { return "the number " + std::to_string(value); },
          [](double) { return std::string("a number with a fraction"); },
          [](const std::string& value) { return "the string " + quote(value); },
          [](const std::vector<std::string>&) { return std::string("a list of strings"); },
          [](const engine::Fields&) { return std::string("a table"); },
          [](const Unusable& value) { return std::string(value.type); },
      },
      given);
}

tl::unexpected<Error> wrong_type(const Key& key, const Given& given) {
  return fail("expected " + describe_type(key) + ", got " + type_of(given));
}

/// The text of a source that has only text, or of a string in the file.
const std::string* text_of(const Given& given) {
  if (const auto* text = std::get_if<Text>(&given)) return &text->text;
  return std::get_if<std::string>(&given);
}

std::string format_bound(const Key& key, std::int64_t bound) {
  if (key.type == Type::kSize || key.type == Type::kWatermark) {
    return format_size(static_cast<std::uint64_t>(bound));
  }
  if (key.type == Type::kDuration) return format_duration(std::chrono::milliseconds{bound});
  return std::to_string(bound);
}

std::string format_bounds(const Key& key) {
  if (key.max == kUnbounded) return "of at least " + format_bound(key, key.min);
  return "from " + format_bound(key, key.min) + " to " + format_bound(key, key.max);
}

/// Stores a number in whatever integer slot the key has. The key's bounds fit the slot.
void store_number(const Slot& slot, std::int64_t number) {
  std::visit(Overloaded{
                 [&](std::uint16_t* to) { *to = static_cast<std::uint16_t>(number); },
                 [&](std::uint32_t* to) { *to = static_cast<std::uint32_t>(number); },
                 [&](std::uint64_t* to) { *to = static_cast<std::uint64_t>(number); },
                 [&](std::int64_t* to) { *to = number; },
                 [&](std::optional<std::int64_t>* to) { *to = number; },
                 [&](std::chrono::milliseconds* to) { *to = std::chrono::milliseconds{number}; },
                 [](auto*) { std::abort(); },
             },
             slot);
}

std::int64_t load_number(const Slot& slot) {
  return std::visit(
      Overloaded{
          [](const std::chrono::milliseconds* from) -> std::int64_t { return from->count(); },
          [](const std::optional<std::int64_t>* from) { return from->value_or(0); },
          [](const bool*) -> std::int64_t { std::abort(); },
          [](const auto* from) -> std::int64_t {
            if constexpr (std::is_integral_v<std::remove_cvref_t<decltype(*from)>>) {
              return static_cast<std::int64_t>(*from);
            } else {
              std::abort();
            }
          },
      },
      slot);
}

Result<void> assign_number(const Key& key, const Slot& slot, std::int64_t number,
                           const Given& given) {
  if (number < key.min || number > key.max) return wrong_type(key, given);
  store_number(slot, number);
  return {};
}

Result<void> assign_bool(const Key& key, bool* slot, const Given& given) {
  if (const auto* value = std::get_if<bool>(&given)) {
    *slot = *value;
    return {};
  }
  const auto* text = std::get_if<Text>(&given);
  if (text == nullptr || (text->text != "true" && text->text != "false")) {
    return wrong_type(key, given);
  }
  *slot = text->text == "true";
  return {};
}

Result<void> assign_integer(const Key& key, const Slot& slot, const Given& given) {
  if (const auto* number = std::get_if<std::int64_t>(&given)) {
    return assign_number(key, slot, *number, given);
  }
  const auto* text = std::get_if<Text>(&given);
  if (text == nullptr) return wrong_type(key, given);
  std::int64_t number = 0;
  const char* const end = text->text.data() + text->text.size();
  const auto [stop, error] = std::from_chars(text->text.data(), end, number);
  if (error != std::errc{} || stop != end) return wrong_type(key, given);
  return assign_number(key, slot, number, given);
}

Result<void> assign_size(const Key& key, const Slot& slot, const Given& given) {
  if (const auto* number = std::get_if<std::int64_t>(&given)) {
    return assign_number(key, slot, *number, given);
  }
  const std::string* text = text_of(given);
  if (text == nullptr) return wrong_type(key, given);
  const auto size = parse_size(*text);
  if (!size) return tl::make_unexpected(size.error());
  if (*size > static_cast<std::uint64_t>(kUnbounded)) return wrong_type(key, given);
  return assign_number(key, slot, static_cast<std::int64_t>(*size), given);
}

Result<void> assign_duration(const Key& key, const Slot& slot, const Given& given) {
  if (const auto* number = std::get_if<std::int64_t>(&given)) {
    if (*number != 0)
      return fail("a duration needs a unit, as in \"" + std::to_string(*number) + "s\"");
    return assign_number(key, slot, 0, given);
  }
  const std::string* text = text_of(given);
  if (text == nullptr) return wrong_type(key, given);
  const auto duration = parse_duration(*text);
  if (!duration) return tl::make_unexpected(duration.error());
  return assign_number(key, slot, duration->count(), given);
}

Result<void> check_string(const Key& key, const std::string& text) {
  if (!key.choices.empty()) {
    if (std::find(key.choices.begin(), key.choices.end(), text) != key.choices.end()) return {};
    std::string allowed;
    for (const std::string_view choice : key.choices) {
      if (!choice.empty()) allowed += (allowed.empty() ? "" : ", ") + std::string(choice);
    }
    return fail(quote(text) + " is not one of " + allowed + did_you_mean(text, key.choices));
  }
  return key.check == nullptr ? Result<void>{} : key.check(text);
}

Result<void> assign_string(const Key& key, std::string* slot, const Given& given) {
  const std::string* text = text_of(given);
  if (text == nullptr) return wrong_type(key, given);
  if (auto checked = check_string(key, *text); !checked) return checked;
  *slot = *text;
  return {};
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    std::string_view part = text.substr(0, comma);
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    if (!part.empty()) parts.emplace_back(part);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return parts;
}

Result<void> assign_strings(const Key& key, std::vector<std::string>* slot, const Given& given) {
  std::vector<std::string> values;
  if (const auto* list = std::get_if<std::vector<std::string>>(&given)) {
    values = *list;
  } else if (const auto* text = std::get_if<Text>(&given)) {
    values = split(text->text);
  } else {
    return wrong_type(key, given);
  }
  for (const std::string& value : values) {
    if (auto checked = check_string(key, value); !checked) return checked;
  }
  *slot = std::move(values);
  return {};
}

Result<void> assign_watermark(const Key& key, Watermark* slot, const Given& given) {
  if (const auto* real = std::get_if<double>(&given)) {
    if (!(*real > 0 && *real <= 1)) return wrong_type(key, given);
    *slot = {.fraction = *real, .bytes = 0};
    return {};
  }
  std::uint64_t bytes = 0;
  if (const auto* number = std::get_if<std::int64_t>(&given)) {
    if (*number < 0) return wrong_type(key, given);
    bytes = static_cast<std::uint64_t>(*number);
  } else if (const std::string* text = text_of(given)) {
    if (const auto fraction = parse_fraction(*text)) {
      *slot = {.fraction = *fraction, .bytes = 0};
      return {};
    }
    const auto size = parse_size(*text);
    if (!size) return wrong_type(key, given);
    bytes = *size;
  } else {
    return wrong_type(key, given);
  }
  if (bytes < static_cast<std::uint64_t>(key.min)) return wrong_type(key, given);
  *slot = {.fraction = 0, .bytes = bytes};
  return {};
}

Result<void> assign_definition(const Key& key, engine::Fields* slot, const Given& given) {
  const auto* fields = std::get_if<engine::Fields>(&given);
  if (fields == nullptr) return wrong_type(key, given);
  *slot = *fields;
  return {};
}

std::string to_toml(const engine::Value& value) {
  if (const bool* boolean = value.as_bool()) return *boolean ? "true" : "false";
  if (const std::int64_t* integer = value.as_integer()) return std::to_string(*integer);
  if (const std::string* text = value.as_string()) return quote(*text);
  if (const double* real = std::get_if<double>(&value.payload())) {
    std::array<char, 64> digits{};
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), *real);
    std::string text(digits.data(), end);
    return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
  }
  if (const auto* array = value.as_array()) {
    std::string text;
    for (const engine::Value& element : *array)
      text += (text.empty() ? "" : ", ") + to_toml(element);
    return "[" + text + "]";
  }
  if (const engine::Fields* table = value.as_table()) return config::to_toml(*table);
  return "\"\"";
}

}  // namespace

Result<void> assign(const Key& key, void* owner, const Given& given) {
  const Slot slot = key.slot(owner);
  switch (key.type) {
    case Type::kBool:
      return assign_bool(key, std::get<bool*>(slot), given);
    case Type::kInteger:
      return assign_integer(key, slot, given);
    case Type::kSize:
      return assign_size(key, slot, given);
    case Type::kDuration:
      return assign_duration(key, slot, given);
    case Type::kString:
      return assign_string(key, std::get<std::string*>(slot), given);
    case Type::kStrings:
      return assign_strings(key, std::get<std::vector<std::string>*>(slot), given);
    case Type::kWatermark:
      return assign_watermark(key, std::get<Watermark*>(slot), given);
    case Type::kDefinition:
      return assign_definition(key, std::get<engine::Fields*>(slot), given);
  }
  std::abort();
}

void assign_default(const Key& key, void* owner) {
  if (key.required || key.type == Type::kDefinition) return;
  if (std::holds_alternative<std::optional<std::int64_t>*>(key.slot(owner))) return;
  // A wrong default is a mistake in the declaration; a test looks at each.
  if (!assign(key, owner, Text{std::string(key.initial)})) std::abort();
}

std::string quote(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out = "\"";
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (octet < 0x20 || octet == 0x7F) {
      out += "\\u00";
      out += kDigits[octet >> 4];
      out += kDigits[octet & 15];
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string to_toml(const engine::Fields& fields) {
  std::string text;
  for (const engine::Field& field : fields) {
    const bool bare = !field.name.empty() &&
                      field.name.find_first_not_of(
                          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") ==
                          std::string::npos;
    text += text.empty() ? "" : ", ";
    text += (bare ? field.name : quote(field.name)) + " = " + to_toml(field.value);
  }
  return "{" + text + "}";
}

std::string to_toml(const Key& key, const void* owner) {
  // Slots are also written through; here the owner is only read.
  const Slot slot = key.slot(const_cast<void*>(owner));
  switch (key.type) {
    case Type::kBool:
      return *std::get<bool*>(slot) ? "true" : "false";
    case Type::kInteger: {
      const auto* optional = std::get_if<std::optional<std::int64_t>*>(&slot);
      if (optional != nullptr && !(*optional)->has_value()) return "";
      return std::to_string(load_number(slot));
    }
    case Type::kSize:
      return quote(format_size(static_cast<std::uint64_t>(load_number(slot))));
    case Type::kDuration:
      return quote(format_duration(std::chrono::milliseconds{load_number(slot)}));
    case Type::kString:
      return quote(*std::get<std::string*>(slot));
    case Type::kStrings: {
      std::string text;
      for (const std::string& value : *std::get<std::vector<std::string>*>(slot)) {
        text += (text.empty() ? "" : ", ") + quote(value);
      }
      return "[" + text + "]";
    }
    case Type::kWatermark: {
      const Watermark& value = *std::get<Watermark*>(slot);
      return value.bytes != 0 ? quote(format_size(value.bytes))
                              : to_toml(engine::Value::real(value.fraction));
    }
    case Type::kDefinition:
      return to_toml(*std::get<engine::Fields*>(slot));
  }
  std::abort();
}

std::string to_toml(const ArrayTable& table, const Config& config) {
  std::string text;
  for (std::size_t i = 0; i < table.size(config); ++i) {
    text += "[[" + std::string(table.path) + "]]\n";
    const void* const owner = table.element(config, i);
    for (const Key& key : table.keys) {
      const std::string value = to_toml(key, owner);
      if (!value.empty()) text += std::string(key.path) + " = " + value + "\n";
    }
  }
  return text;
}

std::string describe_type(const Key& key) {
  switch (key.type) {
    case Type::kBool:
      return "true or false";
    case Type::kInteger:
      return "a whole number " + format_bounds(key);
    case Type::kSize:
      return "a size " + format_bounds(key);
    case Type::kDuration:
      return "a duration " + format_bounds(key);
    case Type::kString:
      return "a string";
    case Type::kStrings:
      return "a list of strings";
    case Type::kWatermark:
      return "a fraction between 0 and 1 or a size of at least " + format_bound(key, key.min);
    case Type::kDefinition:
      return "a table";
  }
  std::abort();
}

}  // namespace polymq::server::config
