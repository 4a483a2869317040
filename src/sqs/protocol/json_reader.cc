// Requests of AWS JSON 1.0: Boost.JSON parses into the arena, members are views into that.
#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <new>

#include "sqs/base64.h"
#include "sqs/protocol/error_messages.h"
#include "sqs/protocol/reader.h"

namespace polymq::sqs {

/// A document may take this much more memory than its text; legal requests stay far below. Without
/// a limit, a body of nothing but brackets would take twenty times its size.
constexpr std::size_t document_limit(std::size_t body_size) { return 2 * body_size + 256 * 1024; }

/// The parser gathers a text with an escape in memory that it doubles: while it copies from the old
/// to the new, both together may be three times the text.
constexpr std::size_t parser_limit(std::size_t body_size) { return 3 * body_size + 256 * 1024; }

/// Lets documents lie in the arena: they are forgotten with it, never destroyed.
class ArenaResource final : public boost::json::memory_resource {
 public:
  ArenaResource(Arena& arena, std::size_t limit) : arena_(arena), left_(limit) {}

 private:
  void* do_allocate(std::size_t size, std::size_t alignment) override {
    if (size > left_) throw std::bad_alloc();
    left_ -= size;
    return arena_.allocate(size, alignment);
  }
  void do_deallocate(void*, std::size_t, std::size_t) override {}
  bool do_is_equal(const boost::json::memory_resource& other) const noexcept override {
    return this == &other;
  }
  Arena& arena_;
  std::size_t left_;
};

/// What the parser itself needs while it parses.
class LimitedHeap final : public boost::json::memory_resource {
 public:
  explicit LimitedHeap(std::size_t limit) : left_(limit) {}

 private:
  void* do_allocate(std::size_t size, std::size_t) override {
    if (size > left_) throw std::bad_alloc();
    left_ -= size;
    return ::operator new(size);
  }
  void do_deallocate(void* memory, std::size_t size, std::size_t) override {
    left_ += size;
    ::operator delete(memory);
  }
  bool do_is_equal(const boost::json::memory_resource& other) const noexcept override {
    return this == &other;
  }
  std::size_t left_;
};

}  // namespace polymq::sqs

template <>
struct boost::json::is_deallocate_trivial<polymq::sqs::ArenaResource> : std::true_type {};

namespace polymq::sqs {
namespace {

namespace json = boost::json;

std::string_view text_of(const json::string& text) { return {text.data(), text.size()}; }

SqsError unexpected_type(std::string_view member, std::string_view wanted) {
  std::string text("The member ");
  text.append(member).append(" is not ").append(wanted).append(".");
  return {ErrorCode::kSerialization, std::move(text)};
}

tl::unexpected<SqsError> wrong_type(const Field& field, std::string_view wanted) {
  return tl::make_unexpected(unexpected_type(field.name, wanted));
}

/// Null and absent are the same.
const json::value* find(const json::object& object, std::string_view name) {
  const json::value* const found = object.if_contains({name.data(), name.size()});
  return found == nullptr || found->is_null() ? nullptr : found;
}

SqsResult<void> read_text(const json::value& value, const Field& field, void* object) {
  const json::string* const text = value.if_string();
  if (text == nullptr) return wrong_type(field, "a string");
  if (field.is_optional) {
    field.in<OptionalText>(object) = text_of(*text);
  } else {
    field.in<std::string_view>(object) = text_of(*text);
  }
  return {};
}

SqsResult<void> read_integer(const json::value& value, const Field& field, void* object) {
  std::int64_t number = 0;
  if (const std::int64_t* const integer = value.if_int64()) {
    number = *integer;
  } else if (const json::string* const text = value.if_string()) {
    const char* const end = text->data() + text->size();
    const auto [stop, error] = std::from_chars(text->data(), end, number);
    if (error != std::errc{} || stop != end) return wrong_type(field, "an integer");
  } else {
    return wrong_type(field, "an integer");
  }
  field.in<OptionalInteger>(object) = number;
  return {};
}

SqsResult<void> read_list(const json::value& value, const Field& field, void* object,
                          Arena& arena) {
  const json::array* const array = value.if_array();
  if (array == nullptr) return wrong_type(field, "a list");
  const auto list = arena.array<std::string_view>(array->size());
  for (std::size_t i = 0; i < list.size(); ++i) {
    const json::string* const text = (*array)[i].if_string();
    if (text == nullptr) return wrong_type(field, "a list of strings");
    list[i] = text_of(*text);
  }
  field.in<TextList>(object) = list;
  return {};
}

SqsResult<void> read_map(const json::value& value, const Field& field, void* object, Arena& arena) {
  const json::object* const map = value.if_object();
  if (map == nullptr) return wrong_type(field, "an object");
  const auto entries = arena.array<NamedText>(map->size());
  std::size_t count = 0;
  for (const json::key_value_pair& pair : *map) {
    if (pair.value().is_null()) continue;
    const json::string* const text = pair.value().if_string();
    if (text == nullptr) return wrong_type(field, "an object of strings");
    entries[count++] = {{pair.key_c_str(), pair.key().size()}, text_of(*text)};
  }
  field.in<TextMap>(object) = entries.first(count);
  return {};
}

SqsResult<void> read_attribute_text(const json::object& object, std::string_view name,
                                    OptionalText& to) {
  const json::value* const value = find(object, name);
  if (value == nullptr) return {};
  const json::string* const text = value->if_string();
  if (text == nullptr) return tl::make_unexpected(unexpected_type(name, "a string"));
  to = text_of(*text);
  return {};
}

/// An empty list is as good as none.
bool has_values(const json::object& object, std::string_view name) {
  const json::value* const list = find(object, name);
  if (list == nullptr) return false;
  const json::array* const array = list->if_array();
  return array == nullptr || !array->empty();
}

SqsResult<void> read_attribute(const json::object& object, MessageAttribute& attribute,
                               Arena& arena) {
  OptionalText data_type;
  OptionalText base64;
  auto read = read_attribute_text(object, "DataType", data_type);
  if (read) read = read_attribute_text(object, "StringValue", attribute.string_value);
  if (read) read = read_attribute_text(object, "BinaryValue", base64);
  if (!read) return read;
  attribute.data_type = data_type.value_or(std::string_view());
  attribute.has_list_values =
      has_values(object, "StringListValues") || has_values(object, "BinaryListValues");
  if (!base64) return {};
  char* const bytes = arena.text(base64->size());
  const std::size_t size = decode_base64(*base64, Base64::kPadded, bytes);
  if (size == kNotBase64) return tl::make_unexpected(unexpected_type("BinaryValue", "base64"));
  attribute.binary_value = std::string_view(bytes, size);
  return {};
}

SqsResult<void> read_attributes(const json::value& value, const Field& field, void* object,
                                Arena& arena) {
  const json::object* const map = value.if_object();
  if (map == nullptr) return wrong_type(field, "an object");
  const auto attributes = arena.array<MessageAttribute>(map->size());
  std::size_t count = 0;
  for (const json::key_value_pair& pair : *map) {
    if (pair.value().is_null()) continue;
    const json::object* const one = pair.value().if_object();
    if (one == nullptr) return wrong_type(field, "an object of objects");
    MessageAttribute& attribute = attributes[count++];
    attribute.name = {pair.key_c_str(), pair.key().size()};
    if (auto read = read_attribute(*one, attribute, arena); !read) return read;
  }
  field.in<MessageAttributes>(object) = attributes.first(count);
  return {};
}

SqsResult<void> read_object(const json::object& from, const Structure& structure, void* object,
                            Arena& arena);

SqsResult<void> read_structures(const json::value& value, const Field& field, void* object,
                                Arena& arena) {
  const json::array* const array = value.if_array();
  if (array == nullptr) return wrong_type(field, "a list");
  void* const first = field.structure->create(arena, array->size());
  auto* at = static_cast<char*>(first);
  for (const json::value& element : *array) {
    const json::object* const one = element.if_object();
    if (one == nullptr) return wrong_type(field, "a list of objects");
    if (auto read = read_object(*one, *field.structure, at, arena); !read) return read;
    at += field.structure->size;
  }
  field.assign(field.member(object), {first, array->size()});
  return {};
}

SqsResult<void> read_member(const json::value& value, const Field& field, void* object,
                            Arena& arena) {
  switch (field.kind) {
    case Kind::kText:
      return read_text(value, field, object);
    case Kind::kInteger:
      return read_integer(value, field, object);
    case Kind::kTextList:
      return read_list(value, field, object, arena);
    case Kind::kTextMap:
      return read_map(value, field, object, arena);
    case Kind::kMessageAttributes:
      return read_attributes(value, field, object, arena);
    case Kind::kStructures:
      return read_structures(value, field, object, arena);
    case Kind::kBoolean:
      break;  // in answers only
  }
  return {};
}

// Objects have few of the members that they may have.
SqsResult<void> read_object(const json::object& from, const Structure& structure, void* object,
                            Arena& arena) {
  for (const json::key_value_pair& member : from) {
    if (member.value().is_null()) continue;  // as if it were absent
    const std::string_view name(member.key_c_str(), member.key().size());
    const auto field = std::find_if(structure.fields.begin(), structure.fields.end(),
                                    [&](const Field& one) { return one.name == name; });
    if (field == structure.fields.end()) continue;
    if (auto read = read_member(member.value(), *field, object, arena); !read) return read;
  }
  return {};
}

}  // namespace

SqsResult<void> read_json(std::string_view body, const Structure& structure, void* request,
                          Arena& arena) try {
  if (body.empty()) return {};
  LimitedHeap heap(parser_limit(body.size()));
  std::array<unsigned char, 4096> stack;
  json::parser parser(&heap, json::parse_options(), stack.data(), stack.size());
  // Both lie in the arena like what they hold: nothing is walked through to destroy it.
  parser.reset(new (arena.allocate(sizeof(ArenaResource), alignof(ArenaResource)))
                   ArenaResource(arena, document_limit(body.size())));
  json::error_code error;
  parser.write({body.data(), body.size()}, error);
  if (error) {
    return refuse(ErrorCode::kSerialization, "The request's body is not JSON: " + error.message());
  }
  const auto* const document =
      new (arena.allocate(sizeof(json::value), alignof(json::value))) json::value(parser.release());
  const json::object* const object = document->if_object();
  if (object == nullptr) {
    return refuse(ErrorCode::kSerialization, "The request's body is not a JSON object.");
  }
  return read_object(*object, structure, request, arena);
} catch (const std::bad_alloc&) {
  return refuse(ErrorCode::kSerialization, "The request's body has too many members.");
}

}  // namespace polymq::sqs
