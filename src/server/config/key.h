// How a configuration key is declared: one row has everything that parsing, validation, help and
// documentation need.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "base/result.h"
#include "server/config/config.h"

namespace polymq::server::config {

enum class Type : std::uint8_t {
  kBool,
  kInteger,
  kSize,
  kDuration,
  kString,
  kStrings,
  kWatermark,
  kDefinition,
};

/// Where a value is stored.
using Slot = std::variant<bool*, std::uint16_t*, std::uint32_t*, std::uint64_t*, std::int64_t*,
                          std::optional<std::int64_t>*, std::chrono::milliseconds*, std::string*,
                          std::vector<std::string>*, Watermark*, engine::Fields*>;

template <class Pointer>
struct MemberPointer;
template <class Class, class Member>
struct MemberPointer<Member Class::*> {
  using Owner = Class;
};

/// `at<&Config::amqp, &Config::Amqp::port>` finds the slot in a Config.
template <auto First, auto... Rest>
Slot at(void* owner) {
  auto& outer = *static_cast<typename MemberPointer<decltype(First)>::Owner*>(owner);
  return &((outer.*First).*....*Rest);
}

struct Key {
  std::string_view path;  // "amqp.port"; in an array of tables only the name, "pattern"
  Type type;
  Slot (*slot)(void* owner);
  std::string_view initial;  // the default, as one would write it on the command line
  std::string_view help;     // whole sentences
  // Bounds of integers, sizes (bytes) and durations (milliseconds).
  std::int64_t min = 0;
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
  // Of strings, or of each string in a list: the only ones allowed; or a check.
  std::span<const std::string_view> choices{};
  Result<void> (*check)(std::string_view) = nullptr;
  std::string_view option{};  // command-line option of `polymq server`
  bool reloads = false;       // takes effect on SIGHUP; the others at the next start
  bool required = false;      // in an array of tables
};

/// [[vhosts]] and the like.
struct ArrayTable {
  std::string_view path;
  std::span<const Key> keys;
  std::string_view help;
  bool reloads;                     // on SIGHUP, as Key::reloads
  void* (*append)(Config& config);  // the new element, owner of the keys' slots
  std::size_t (*size)(const Config& config);
  const void* (*element)(const Config& config, std::size_t index);
};

struct Section {
  std::string_view name;
  std::string_view help;
};

/// All keys outside arrays of tables, grouped by section in the order of sections().
std::span<const Key> keys();
std::span<const ArrayTable> array_tables();
std::span<const Section> sections();

const Key* find_key(std::string_view path);
/// The key's environment variable: "amqp.port" -> "POLYMQ_AMQP_PORT".
std::string environment_name(const Key& key);

}  // namespace polymq::server::config
