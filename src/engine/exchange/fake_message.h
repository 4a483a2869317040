// For tests and benches: a message's headers and properties from lists, and matches as sorted ids.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "engine/exchange/matcher.h"

namespace polymq::engine {

class FakeMessage final : public MessageView {
 public:
  FakeMessage() = default;
  explicit FakeMessage(Fields headers) : headers_(std::move(headers)) {}

  FakeMessage& set_property(const std::string& name, std::string value) {
    properties_[name] = std::move(value);
    return *this;
  }
  bool header(std::string_view name, Value& value) const override {
    ++lookups;
    const Value* found = find(headers_, name);
    value = found == nullptr ? Value() : *found;
    return found != nullptr;
  }
  bool property(std::string_view name, std::string& value) const override {
    const auto it = properties_.find(std::string(name));
    if (it == properties_.end()) return false;
    value = it->second;
    return true;
  }
  mutable int lookups = 0;

 private:
  Fields headers_;
  std::map<std::string, std::string> properties_;
};

inline Destination queue(std::uint64_t id) { return {id, false}; }

/// The ids of what matches, sorted.
inline std::vector<std::uint64_t> matched(const Matcher& matcher, std::string_view key,
                                          const MessageView& message = FakeMessage(),
                                          std::uint64_t random = 0) {
  std::vector<Destination> out;
  matcher.match(key, message, random, out);
  std::vector<std::uint64_t> ids;
  for (const Destination& destination : out) ids.push_back(destination.id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

}  // namespace polymq::engine
