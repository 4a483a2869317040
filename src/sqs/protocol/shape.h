// The vocabulary that actions are declared in: what a member of a request or answer is called in
// each protocol, of which kind it is, and where in its struct it lies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

#include "sqs/protocol/arena.h"

namespace polymq::sqs {

/// In a decoded request a view without an address (data() is null) is a member that was absent.
using TextList = std::span<const std::string_view>;

struct NamedText {
  std::string_view name;
  std::string_view value;
};
using TextMap = std::span<const NamedText>;

/// As sent or to be returned; binary values are the bytes themselves, not their base64.
struct MessageAttribute {
  std::string_view name{};
  std::string_view data_type{};
  std::optional<std::string_view> string_value{};
  std::optional<std::string_view> binary_value{};
  bool has_list_values = false;  // sent with list values, which SQS refuses
};
using MessageAttributes = std::span<const MessageAttribute>;

using OptionalText = std::optional<std::string_view>;
using OptionalInteger = std::optional<std::int64_t>;

enum class Kind : std::uint8_t {
  kText,
  kInteger,
  kBoolean,
  kTextList,
  kTextMap,
  kMessageAttributes,
  kStructures,
};

struct Structure;

/// Where the elements of a list of structures are.
struct Elements {
  const void* first = nullptr;
  std::size_t count = 0;
};

/// A member. Made by field<>() and the functions that refine it.
struct Field {
  std::string_view name;        // in JSON
  std::string_view query_name;  // in forms and XML; of one element where it is a list or a map
  Kind kind = Kind::kText;
  bool is_optional = false;  // the struct's member is a std::optional
  bool is_required = false;
  std::int64_t min = INT64_MIN;
  std::int64_t max = INT64_MAX;
  std::string_view map_key = "Name";        // what a map's key is called in forms and XML
  const Structure* structure = nullptr;     // of each element of kStructures
  void* (*member)(void* object) = nullptr;  // address of the member in its struct
  void (*assign)(void* list, Elements elements) = nullptr;  // kStructures only
  Elements (*elements)(const void* list) = nullptr;         // kStructures only

  constexpr Field required() const {
    Field copy = *this;
    copy.is_required = true;
    return copy;
  }
  constexpr Field range(std::int64_t from, std::int64_t to) const {
    Field copy = *this;
    copy.min = from;
    copy.max = to;
    return copy;
  }
  constexpr Field query(std::string_view element) const {
    Field copy = *this;
    copy.query_name = element;
    return copy;
  }
  constexpr Field key(std::string_view called) const {
    Field copy = *this;
    copy.map_key = called;
    return copy;
  }
  constexpr bool has_range() const { return min != INT64_MIN || max != INT64_MAX; }

  template <class T>
  T& in(void* object) const {
    return *static_cast<T*>(member(object));
  }
  template <class T>
  const T& in(const void* object) const {
    return *static_cast<const T*>(member(const_cast<void*>(object)));
  }
};

/// A struct's members, in the order in which answers are written.
struct Structure {
  std::span<const Field> fields;
  std::size_t size = 0;
  /// Default-made ones, one after the other.
  void* (*create)(Arena& arena, std::size_t count) = nullptr;
};

namespace detail {

template <class T>
constexpr Kind kind_of() {
  using Plain = std::remove_cv_t<T>;
  if constexpr (std::is_same_v<Plain, std::string_view> || std::is_same_v<Plain, OptionalText>) {
    return Kind::kText;
  } else if constexpr (std::is_same_v<Plain, std::int64_t> ||
                       std::is_same_v<Plain, OptionalInteger>) {
    return Kind::kInteger;
  } else if constexpr (std::is_same_v<Plain, bool>) {
    return Kind::kBoolean;
  } else if constexpr (std::is_same_v<Plain, TextList>) {
    return Kind::kTextList;
  } else if constexpr (std::is_same_v<Plain, TextMap>) {
    return Kind::kTextMap;
  } else if constexpr (std::is_same_v<Plain, MessageAttributes>) {
    return Kind::kMessageAttributes;
  } else {
    return Kind::kStructures;
  }
}

template <class T>
void* create(Arena& arena, std::size_t count) {
  return arena.array<T>(count).data();
}

template <auto kMember>
struct MemberOf;
template <class Object, class Type, Type Object::* kMember>
struct MemberOf<kMember> {
  using type = Type;
  // Plain functions: their bodies are compiled where Object is complete.
  static void* address(void* object) { return &(static_cast<Object*>(object)->*kMember); }
  static void assign(void* list, Elements elements) {
    using Element = typename Type::element_type;
    *static_cast<Type*>(list) = Type(static_cast<Element*>(elements.first), elements.count);
  }
  static Elements elements(const void* list) {
    const auto& typed = *static_cast<const Type*>(list);
    return {typed.data(), typed.size()};
  }
};

}  // namespace detail

/// The structure of T, which declares its members as `static constexpr ... kFields`.
template <class T>
inline constexpr Structure kStructureOf{T::kFields, sizeof(T), &detail::create<T>};

/// `field<&Request::queue_url>("QueueUrl").required()`; the member's type decides the kind.
template <auto kMember>
constexpr Field field(std::string_view name) {
  using Member = detail::MemberOf<kMember>;
  using Type = typename Member::type;
  Field made;
  made.name = made.query_name = name;
  made.kind = detail::kind_of<Type>();
  made.is_optional = std::is_same_v<Type, OptionalText> || std::is_same_v<Type, OptionalInteger>;
  made.member = &Member::address;
  if constexpr (detail::kind_of<Type>() == Kind::kStructures) {
    made.structure = &kStructureOf<typename Type::value_type>;
    made.assign = &Member::assign;
    made.elements = &Member::elements;
  }
  return made;
}

}  // namespace polymq::sqs
