// The headers exchange.
#include "engine/exchange/headers.h"

#include <algorithm>
#include <array>

#include "engine/exchange/destinations.h"
#include "engine/term_text.h"

namespace polymq::engine {
namespace {

constexpr std::string_view kMatch = "x-match";

struct Mode {
  std::string_view name;
  bool any;
  bool with_x;  // arguments whose names start with "x-" are conditions too
};
constexpr std::array kModes{
    Mode{"all", false, false},
    Mode{"any", true, false},
    Mode{"all-with-x", false, true},
    Mode{"any-with-x", true, true},
};

const Mode* find_mode(std::string_view name) {
  const auto* it = std::find_if(kModes.begin(), kModes.end(),
                                [&](const Mode& mode) { return mode.name == name; });
  return it == kModes.end() ? nullptr : it;
}

Mode mode_of(const Fields& arguments) {
  const Value* match = find(arguments, kMatch);
  if (match == nullptr || match->as_string() == nullptr) return kModes[0];
  const Mode* mode = find_mode(*match->as_string());
  return mode == nullptr ? kModes[0] : *mode;
}

bool is_condition(std::string_view name, const Mode& mode) {
  if (name == kMatch) return false;
  return mode.with_x || !name.starts_with("x-");
}

}  // namespace

std::size_t HeadersMatcher::IdentityHash::operator()(const Identity& identity) const {
  std::uint64_t hash = hash64(identity.key, DestinationHash()(identity.destination));
  for (const Field& field : identity.arguments) {
    hash = hash64(field.name, hash);
    if (const std::string* text = field.value.as_string()) hash = hash64(*text, hash);
    if (const std::int64_t* number = field.value.as_integer()) {
      hash = hash64(static_cast<std::uint64_t>(*number), hash);
    }
  }
  return hash;
}

Result<void> HeadersMatcher::check(std::string_view, const Fields& arguments) const {
  const Value* match = find(arguments, kMatch);
  if (match == nullptr) return {};
  if (match->as_string() == nullptr) {
    return fail("Invalid x-match field type " + std::string(type_name(match->type())) + " (value " +
                term_text(*match) + "); expected longstr");
  }
  if (find_mode(*match->as_string()) == nullptr) {
    return fail("Invalid x-match field value " + term_text(*match) +
                "; expected all, any, all-with-x, or any-with-x");
  }
  return {};
}

std::uint32_t HeadersMatcher::use_name(const std::string& text) {
  auto it = name_numbers_.find(text);
  if (it == name_numbers_.end()) {
    std::uint32_t number = static_cast<std::uint32_t>(names_.size());
    if (free_names_.empty()) {
      names_.emplace_back();
    } else {
      number = free_names_.back();
      free_names_.pop_back();
    }
    names_[number].text = text;
    it = name_numbers_.emplace(text, number).first;
  }
  ++names_[it->second].users;
  return it->second;
}

void HeadersMatcher::release_name(std::uint32_t number) {
  Name& name = names_[number];
  if (--name.users != 0) return;
  name_numbers_.erase(name_numbers_.find(name.text));
  name.text.clear();
  free_names_.push_back(number);
}

HeadersMatcher::Compiled HeadersMatcher::compile(const Identity& identity) {
  const Mode mode = mode_of(identity.arguments);
  Compiled compiled{identity.destination, mode.any, {}, &identity};
  for (const Field& argument : identity.arguments) {
    if (!is_condition(argument.name, mode)) continue;
    compiled.conditions.push_back(
        {use_name(argument.name), argument.value.type() == FieldType::kVoid, argument.value});
  }
  return compiled;
}

void HeadersMatcher::add(Destination destination, std::string_view key, const Fields& arguments) {
  const auto place = static_cast<std::uint32_t>(bindings_.size());
  const auto it = places_.emplace(Identity{destination, std::string(key), arguments}, place).first;
  bindings_.push_back(compile(it->first));
}

void HeadersMatcher::remove(Destination destination, std::string_view key,
                            const Fields& arguments) {
  const auto it = places_.find(Identity{destination, std::string(key), arguments});
  const std::uint32_t place = it->second;
  for (const Condition& condition : bindings_[place].conditions) release_name(condition.name);
  if (place + 1 != bindings_.size()) {
    bindings_[place] = std::move(bindings_.back());
    places_.find(*bindings_[place].identity)->second = place;
  }
  bindings_.pop_back();
  places_.erase(it);
}

const HeadersMatcher::Lookup& HeadersMatcher::look_up(std::uint32_t name,
                                                      const MessageView& message) const {
  Lookup& lookup = lookups_[name];
  if (lookup.message != message_number_) {
    lookup.message = message_number_;
    lookup.found = message.header(names_[name].text, lookup.value);
  }
  return lookup;
}

bool HeadersMatcher::satisfied(const Condition& condition, const MessageView& message) const {
  const Lookup& header = look_up(condition.name, message);
  return header.found && (condition.presence || same_content(condition.value, header.value));
}

bool HeadersMatcher::matches(const Compiled& binding, const MessageView& message) const {
  const auto holds = [&](const Condition& condition) { return satisfied(condition, message); };
  const auto& conditions = binding.conditions;
  return binding.any ? std::any_of(conditions.begin(), conditions.end(), holds)
                     : std::all_of(conditions.begin(), conditions.end(), holds);
}

void HeadersMatcher::match(std::string_view, const MessageView& message, std::uint64_t,
                           std::vector<Destination>& out) const {
  ++message_number_;
  lookups_.resize(names_.size());
  for (const Compiled& binding : bindings_) {
    if (matches(binding, message)) out.push_back(binding.destination);
  }
}

}  // namespace polymq::engine
