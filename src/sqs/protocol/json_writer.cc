// Members as JSON.
#include <charconv>
#include <cstring>
#include <utility>

#include "sqs/base64.h"
#include "sqs/protocol/escape.h"
#include "sqs/protocol/value_writer.h"

namespace polymq::sqs {
namespace {

/// One object or list: knows whether a comma is due.
class Scope {
 public:
  Scope(Buffer& out, char open) : out_(out) { out_.u8(static_cast<std::uint8_t>(open)); }
  /// Names need no escape: they are the declaration's.
  void name(std::string_view name) {
    char* const begin = out_.reserve(name.size() + 4);
    char* to = begin;
    if (!std::exchange(first_, false)) *to++ = ',';
    *to++ = '"';
    std::memcpy(to, name.data(), name.size());
    to += name.size();
    *to++ = '"';
    *to++ = ':';
    out_.commit(static_cast<std::size_t>(to - begin));
  }
  void text(std::string_view called, std::string_view value) {
    name(called);
    append_json_string(out_, value);
  }
  /// The next element of a list, or a member whose name comes from outside.
  void comma() {
    if (!std::exchange(first_, false)) out_.u8(',');
  }
  void close(char bracket) { out_.u8(static_cast<std::uint8_t>(bracket)); }

 private:
  Buffer& out_;
  bool first_ = true;
};

void append_number(Buffer& out, std::int64_t number) {
  char* const begin = out.reserve(24);
  out.commit(static_cast<std::size_t>(std::to_chars(begin, begin + 24, number).ptr - begin));
}

void write_attribute_value(Buffer& out, const MessageAttribute& attribute) {
  Scope value(out, '{');
  if (attribute.string_value) value.text("StringValue", *attribute.string_value);
  if (attribute.binary_value) {
    value.name("BinaryValue");
    const std::size_t size = base64_size(attribute.binary_value->size(), Base64::kPadded);
    char* const to = out.reserve(size + 2);
    *to = '"';
    encode_base64(*attribute.binary_value, Base64::kPadded, to + 1);
    to[size + 1] = '"';
    out.commit(size + 2);
  }
  value.text("DataType", attribute.data_type);
  value.close('}');
}

void write_attributes(Buffer& out, MessageAttributes attributes, JsonNames names) {
  const bool as_list = names == JsonNames::kElements;
  Scope all(out, as_list ? '[' : '{');
  for (const MessageAttribute& attribute : attributes) {
    all.comma();
    if (!as_list) {
      append_json_string(out, attribute.name);
      out.u8(':');
      write_attribute_value(out, attribute);
      continue;
    }
    Scope one(out, '{');
    one.text("Name", attribute.name);
    one.name("Value");
    write_attribute_value(out, attribute);
    one.close('}');
  }
  all.close(as_list ? ']' : '}');
}

void write_map(Buffer& out, TextMap map, std::string_view key, JsonNames names) {
  const bool as_list = names == JsonNames::kElements;
  Scope all(out, as_list ? '[' : '{');
  for (const NamedText& entry : map) {
    all.comma();
    if (!as_list) {
      append_json_string(out, entry.name);
      out.u8(':');
      append_json_string(out, entry.value);
      continue;
    }
    Scope one(out, '{');
    one.text(key, entry.name);
    one.text("Value", entry.value);
    one.close('}');
  }
  all.close(as_list ? ']' : '}');
}

void write_list(Buffer& out, TextList list) {
  Scope all(out, '[');
  for (const std::string_view text : list) {
    all.comma();
    append_json_string(out, text);
  }
  all.close(']');
}

void write_structures(Buffer& out, const Field& field, Elements elements, JsonNames names) {
  Scope all(out, '[');
  const auto* at = static_cast<const char*>(elements.first);
  for (std::size_t i = 0; i < elements.count; ++i, at += field.structure->size) {
    all.comma();
    write_json(out, *field.structure, at, names);
  }
  all.close(']');
}

class MemberWriter {
 public:
  MemberWriter(Buffer& out, Scope& scope, const void* object, JsonNames names)
      : out_(out), scope_(scope), object_(object), names_(names) {}

  void write(const Field& field) {
    switch (field.kind) {
      case Kind::kText:
        return write_text(field);
      case Kind::kInteger:
        return write_integer(field);
      case Kind::kBoolean:
        name(field);
        return out_.append(field.in<bool>(object_) ? "true" : "false");
      case Kind::kTextList:
        return write_many(field, field.in<TextList>(object_),
                          [&](TextList list) { write_list(out_, list); });
      case Kind::kTextMap:
        return write_many(field, field.in<TextMap>(object_),
                          [&](TextMap map) { write_map(out_, map, field.map_key, names_); });
      case Kind::kMessageAttributes:
        return write_many(field, field.in<MessageAttributes>(object_),
                          [&](MessageAttributes all) { write_attributes(out_, all, names_); });
      case Kind::kStructures: {
        const Elements elements = field.elements(field.member(const_cast<void*>(object_)));
        if (elements.count == 0 && !field.is_required) return;
        name(field);
        return write_structures(out_, field, elements, names_);
      }
    }
  }

 private:
  void name(const Field& field) {
    scope_.name(names_ == JsonNames::kMembers ? field.name : field.query_name);
  }
  void write_text(const Field& field) {
    if (!field.is_optional) {
      name(field);
      append_json_string(out_, field.in<std::string_view>(object_));
    } else if (const auto& text = field.in<OptionalText>(object_)) {
      name(field);
      append_json_string(out_, *text);
    }
  }
  void write_integer(const Field& field) {
    if (!field.is_optional) {
      name(field);
      append_number(out_, field.in<std::int64_t>(object_));
    } else if (const auto& number = field.in<OptionalInteger>(object_)) {
      name(field);
      append_number(out_, *number);
    }
  }
  template <class Many, class Write>
  void write_many(const Field& field, Many many, Write write) {
    if (many.empty() && !field.is_required) return;
    name(field);
    write(many);
  }

  Buffer& out_;
  Scope& scope_;
  const void* object_;
  JsonNames names_;
};

}  // namespace

void write_json(Buffer& out, const Structure& structure, const void* object, JsonNames names) {
  Scope scope(out, '{');
  MemberWriter writer(out, scope, object, names);
  for (const Field& field : structure.fields) writer.write(field);
  scope.close('}');
}

}  // namespace polymq::sqs
