// Requests of the Query protocol: numbered names become lists, maps and entries.
#include <algorithm>
#include <charconv>

#include "sqs/base64.h"
#include "sqs/protocol/error_messages.h"
#include "sqs/protocol/reader.h"

namespace polymq::sqs {
namespace {

using Form = std::span<const Parameter>;

/// `rest` of a name after `element`: empty, or what follows the dot; false when it is another name.
bool follows(std::string_view name, std::string_view element, std::string_view& rest) {
  if (!name.starts_with(element)) return false;
  rest = name.substr(element.size());
  if (rest.empty()) return true;
  if (rest.front() != '.') return false;
  rest.remove_prefix(1);
  return true;
}

/// Takes the number off the front; very old clients leave it out and mean 1. A number that no
/// list can have makes 0.
std::uint32_t take_number(std::string_view& rest) {
  if (rest.empty() || rest.front() < '0' || rest.front() > '9') return 1;
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  if (error != std::errc{} || (!rest.empty() && rest.front() != '.')) return 0;
  if (!rest.empty()) rest.remove_prefix(1);
  return number;
}

/// Parameters of `element`, by number, with what follows the number as their names. An empty list
/// is written as the bare name with nothing behind it.
Form numbered(Form form, std::string_view element, Arena& arena) {
  std::string_view rest;
  const auto count = static_cast<std::size_t>(std::count_if(
      form.begin(), form.end(),
      [&](const Parameter& parameter) { return follows(parameter.name, element, rest); }));
  if (count == 0) return {};
  const std::span<Parameter> found = arena.array<Parameter>(count);
  std::size_t used = 0;
  for (const Parameter& parameter : form) {
    if (!follows(parameter.name, element, rest)) continue;
    if (parameter.name == element && parameter.value.empty()) continue;
    const std::uint32_t number = take_number(rest);
    if (number != 0) found[used++] = {rest, parameter.value, number};
  }
  const std::span<Parameter> kept = found.first(used);
  const auto by_number = [](const Parameter& a, const Parameter& b) { return a.number < b.number; };
  if (!std::is_sorted(kept.begin(), kept.end(), by_number)) {
    std::sort(kept.begin(), kept.end(), by_number);
  }
  return kept;
}

/// Cuts the parameters of the first number off the front.
Form take_group(Form& sorted) {
  std::size_t size = 1;
  while (size < sorted.size() && sorted[size].number == sorted.front().number) ++size;
  const Form group = sorted.first(size);
  sorted = sorted.subspan(size);
  return group;
}

std::size_t count_groups(Form sorted) {
  std::size_t count = 0;
  for (; !sorted.empty(); ++count) take_group(sorted);
  return count;
}

std::string_view value_of(Form group, std::string_view name) {
  const Parameter* const found = find_parameter(group, name);
  return found != nullptr ? found->value : std::string_view("");
}

TextList read_list(Form sorted, Arena& arena) {
  if (sorted.empty()) return {};
  const auto list = arena.array<std::string_view>(count_groups(sorted));
  for (std::string_view& text : list) text = value_of(take_group(sorted), "");
  return list;
}

TextMap read_map(Form sorted, std::string_view key, Arena& arena) {
  if (sorted.empty()) return {};
  const auto map = arena.array<NamedText>(count_groups(sorted));
  for (NamedText& entry : map) {
    const Form group = take_group(sorted);
    entry = {value_of(group, key), value_of(group, "Value")};
  }
  return map;
}

SqsResult<void> read_attribute(Form group, MessageAttribute& attribute, Arena& arena) {
  attribute.name = value_of(group, "Name");
  for (const Parameter& parameter : group) {
    if (parameter.name == "Value.DataType") {
      attribute.data_type = parameter.value;
    } else if (parameter.name == "Value.StringValue") {
      attribute.string_value = parameter.value;
    } else if (parameter.name == "Value.BinaryValue") {
      char* const bytes = arena.text(parameter.value.size());
      const std::size_t size = decode_base64(parameter.value, Base64::kPadded, bytes);
      if (size == kNotBase64) {
        return tl::make_unexpected(
            invalid_parameter("BinaryValue", parameter.value, "Must be base64."));
      }
      attribute.binary_value = std::string_view(bytes, size);
    } else if (parameter.name.starts_with("Value.StringListValue") ||
               parameter.name.starts_with("Value.BinaryListValue")) {
      attribute.has_list_values = true;
    }
  }
  return {};
}

SqsResult<void> read_attributes(Form sorted, MessageAttributes& to, Arena& arena) {
  if (sorted.empty()) return {};
  const auto attributes = arena.array<MessageAttribute>(count_groups(sorted));
  for (MessageAttribute& attribute : attributes) {
    if (auto read = read_attribute(take_group(sorted), attribute, arena); !read) return read;
  }
  to = attributes;
  return {};
}

SqsResult<void> read_structures(Form sorted, const Field& field, void* object, Arena& arena) {
  if (sorted.empty()) return {};
  const std::size_t count = count_groups(sorted);
  void* const first = field.structure->create(arena, count);
  auto* at = static_cast<char*>(first);
  for (; !sorted.empty(); at += field.structure->size) {
    if (auto read = read_form(take_group(sorted), *field.structure, at, arena); !read) return read;
  }
  field.assign(field.member(object), {first, count});
  return {};
}

SqsResult<void> read_scalar(Form form, const Field& field, void* object) {
  const Parameter* const found = find_parameter(form, field.query_name);
  if (found == nullptr) return {};
  if (field.kind == Kind::kText) {
    if (field.is_optional) {
      field.in<OptionalText>(object) = found->value;
    } else {
      field.in<std::string_view>(object) = found->value;
    }
    return {};
  }
  const char* const end = found->value.data() + found->value.size();
  std::int64_t number = 0;
  const auto [stop, error] = std::from_chars(found->value.data(), end, number);
  if (error != std::errc{} || stop != end) {
    return tl::make_unexpected(invalid_parameter(field.name, found->value, "Must be an integer."));
  }
  field.in<OptionalInteger>(object) = number;
  return {};
}

}  // namespace

SqsResult<void> read_form(Form form, const Structure& structure, void* request, Arena& arena) {
  for (const Field& field : structure.fields) {
    SqsResult<void> read;
    switch (field.kind) {
      case Kind::kText:
      case Kind::kInteger:
        read = read_scalar(form, field, request);
        break;
      case Kind::kTextList:
        field.in<TextList>(request) = read_list(numbered(form, field.query_name, arena), arena);
        break;
      case Kind::kTextMap:
        field.in<TextMap>(request) =
            read_map(numbered(form, field.query_name, arena), field.map_key, arena);
        break;
      case Kind::kMessageAttributes:
        read = read_attributes(numbered(form, field.query_name, arena),
                               field.in<MessageAttributes>(request), arena);
        break;
      case Kind::kStructures:
        read = read_structures(numbered(form, field.query_name, arena), field, request, arena);
        break;
      case Kind::kBoolean:
        break;  // in answers only
    }
    if (!read) return read;
  }
  return {};
}

}  // namespace polymq::sqs
