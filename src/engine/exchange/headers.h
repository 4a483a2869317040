// The headers exchange: a binding's arguments are conditions on a message's headers.
#pragma once

#include <boost/unordered/unordered_map.hpp>
#include <string>
#include <vector>

#include "base/string_map.h"
#include "engine/exchange/matcher.h"

namespace polymq::engine {

/// Bindings are compiled when added. A message is compared with each of them, but every header
/// that any of them names is looked up once a message at most.
class HeadersMatcher final : public Matcher {
 public:
  Result<void> check(std::string_view key, const Fields& arguments) const override;
  void add(Destination destination, std::string_view key, const Fields& arguments) override;
  void remove(Destination destination, std::string_view key, const Fields& arguments) override;
  void match(std::string_view key, const MessageView& message, std::uint64_t random,
             std::vector<Destination>& out) const override;
  bool by_key_alone() const override { return false; }

 private:
  struct Identity {
    Destination destination;
    std::string key;
    Fields arguments;
    bool operator==(const Identity&) const = default;
  };
  struct IdentityHash {
    std::size_t operator()(const Identity& identity) const;
  };
  struct Condition {
    std::uint32_t name;  // number of the header's name
    bool presence;       // any value will do
    Value value;
  };
  struct Compiled {
    Destination destination;
    bool any;  // one condition is enough
    std::vector<Condition> conditions;
    const Identity* identity;
  };
  struct Name {
    std::string text;
    std::uint32_t users = 0;  // conditions that ask for it
  };
  /// A header of the message that is being matched.
  struct Lookup {
    std::uint64_t message = 0;  // for which it was looked up
    bool found = false;
    Value value;
  };

  std::uint32_t use_name(const std::string& text);
  void release_name(std::uint32_t number);
  const Lookup& look_up(std::uint32_t name, const MessageView& message) const;
  bool satisfied(const Condition& condition, const MessageView& message) const;
  bool matches(const Compiled& binding, const MessageView& message) const;
  Compiled compile(const Identity& identity);

  std::vector<Compiled> bindings_;
  boost::unordered_map<Identity, std::uint32_t, IdentityHash> places_;  // keys do not move
  std::vector<Name> names_;
  StringMap<std::uint32_t> name_numbers_;
  std::vector<std::uint32_t> free_names_;

  // Scratch of match().
  mutable std::vector<Lookup> lookups_;
  mutable std::uint64_t message_number_ = 0;
};

}  // namespace polymq::engine
