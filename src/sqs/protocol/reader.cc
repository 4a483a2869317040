// Checks of decoded requests that follow from the declaration alone.
#include "sqs/protocol/reader.h"

#include <fmt/format.h>

#include "sqs/protocol/error_messages.h"

namespace polymq::sqs {
namespace {

/// A list or map of texts without any is as good as none; that a batch is empty is told elsewhere.
bool is_absent(const Field& field, const void* object) {
  switch (field.kind) {
    case Kind::kText:
      return field.is_optional ? !field.in<OptionalText>(object).has_value()
                               : field.in<std::string_view>(object).data() == nullptr;
    case Kind::kInteger:
      return field.is_optional && !field.in<OptionalInteger>(object).has_value();
    case Kind::kBoolean:
      return false;
    case Kind::kTextList:
      return field.in<TextList>(object).empty();
    case Kind::kTextMap:
      return field.in<TextMap>(object).empty();
    case Kind::kMessageAttributes:
      return field.in<MessageAttributes>(object).data() == nullptr;
    case Kind::kStructures:
      return field.elements(field.member(const_cast<void*>(object))).first == nullptr;
  }
  return false;
}

/// The name of the first required member of an element that lacks one; empty when none does.
std::string missing_in_elements(const Field& field, const void* object) {
  const Elements elements = field.elements(field.member(const_cast<void*>(object)));
  const auto* at = static_cast<const char*>(elements.first);
  for (std::size_t i = 0; i < elements.count; ++i, at += field.structure->size) {
    for (const Field& inner : field.structure->fields) {
      if (inner.is_required && is_absent(inner, at)) {
        return fmt::format("{}.{}.{}", field.query_name, i + 1, inner.name);
      }
    }
  }
  return {};
}

}  // namespace

SqsResult<void> check_required(const Structure& structure, const void* request, bool is_form) {
  for (const Field& field : structure.fields) {
    const bool is_list = field.kind == Kind::kStructures;
    if (field.is_required && is_absent(field, request) && !(is_form && is_list)) {
      return tl::make_unexpected(missing_parameter(field.name));
    }
    if (!is_list) continue;
    const std::string missing = missing_in_elements(field, request);
    if (!missing.empty()) return tl::make_unexpected(missing_parameter(missing));
  }
  return {};
}

SqsResult<void> check_ranges(const Structure& structure, const void* request) {
  for (const Field& field : structure.fields) {
    if (field.kind != Kind::kInteger || !field.has_range()) continue;
    const OptionalInteger value = field.in<OptionalInteger>(request);
    if (value && (*value < field.min || *value > field.max)) {
      return tl::make_unexpected(out_of_range(field.name, *value, field.min, field.max));
    }
  }
  return {};
}

}  // namespace polymq::sqs
