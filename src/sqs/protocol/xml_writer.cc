// Members as XML: lists and maps are flattened, each element beside the others.
#include <algorithm>
#include <charconv>

#include "sqs/base64.h"
#include "sqs/protocol/escape.h"
#include "sqs/protocol/value_writer.h"

namespace polymq::sqs {
namespace {

/// `before`, the name and a closing bracket, in one go.
void write_tag(Buffer& out, std::string_view before, std::string_view name) {
  char* to = out.reserve(before.size() + name.size() + 1);
  to = std::copy(before.begin(), before.end(), to);
  to = std::copy(name.begin(), name.end(), to);
  *to = '>';
  out.commit(before.size() + name.size() + 1);
}

void open(Buffer& out, std::string_view name) { write_tag(out, "<", name); }
void close(Buffer& out, std::string_view name) { write_tag(out, "</", name); }

void write_text(Buffer& out, std::string_view name, std::string_view text) {
  open(out, name);
  append_xml_text(out, text);
  close(out, name);
}

void write_number(Buffer& out, std::string_view name, std::int64_t number) {
  open(out, name);
  char* const begin = out.reserve(24);
  out.commit(static_cast<std::size_t>(std::to_chars(begin, begin + 24, number).ptr - begin));
  close(out, name);
}

void write_attribute(Buffer& out, std::string_view element, const MessageAttribute& attribute) {
  open(out, element);
  write_text(out, "Name", attribute.name);
  out.append("<Value>");
  if (attribute.string_value) write_text(out, "StringValue", *attribute.string_value);
  if (attribute.binary_value) {
    out.append("<BinaryValue>");
    const std::size_t size = base64_size(attribute.binary_value->size(), Base64::kPadded);
    encode_base64(*attribute.binary_value, Base64::kPadded, out.reserve(size));
    out.commit(size);
    out.append("</BinaryValue>");
  }
  write_text(out, "DataType", attribute.data_type);
  out.append("</Value>");
  close(out, element);
}

void write_structures(Buffer& out, const Field& field, const void* object) {
  const Elements elements = field.elements(field.member(const_cast<void*>(object)));
  const auto* at = static_cast<const char*>(elements.first);
  for (std::size_t i = 0; i < elements.count; ++i, at += field.structure->size) {
    open(out, field.query_name);
    write_xml(out, *field.structure, at);
    close(out, field.query_name);
  }
}

void write_scalar(Buffer& out, const Field& field, const void* object) {
  const std::string_view name = field.query_name;
  if (field.kind == Kind::kBoolean) {
    write_text(out, name, field.in<bool>(object) ? "true" : "false");
  } else if (field.kind == Kind::kText) {
    const OptionalText text =
        field.is_optional ? field.in<OptionalText>(object) : field.in<std::string_view>(object);
    if (text) write_text(out, name, *text);
  } else {
    const OptionalInteger number =
        field.is_optional ? field.in<OptionalInteger>(object) : field.in<std::int64_t>(object);
    if (number) write_number(out, name, *number);
  }
}

}  // namespace

void write_xml(Buffer& out, const Structure& structure, const void* object) {
  for (const Field& field : structure.fields) {
    switch (field.kind) {
      case Kind::kTextList:
        for (const std::string_view text : field.in<TextList>(object)) {
          write_text(out, field.query_name, text);
        }
        break;
      case Kind::kTextMap:
        for (const NamedText& entry : field.in<TextMap>(object)) {
          open(out, field.query_name);
          write_text(out, field.map_key, entry.name);
          write_text(out, "Value", entry.value);
          close(out, field.query_name);
        }
        break;
      case Kind::kMessageAttributes:
        for (const MessageAttribute& attribute : field.in<MessageAttributes>(object)) {
          write_attribute(out, field.query_name, attribute);
        }
        break;
      case Kind::kStructures:
        write_structures(out, field, object);
        break;
      case Kind::kText:
      case Kind::kInteger:
      case Kind::kBoolean:
        write_scalar(out, field, object);
        break;
    }
  }
}

}  // namespace polymq::sqs
