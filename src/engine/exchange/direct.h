// The direct exchange: binding key and routing key are the same.
#pragma once

#include "base/string_map.h"
#include "engine/exchange/destinations.h"
#include "engine/exchange/matcher.h"

namespace polymq::engine {

/// O(1) at any number of keys.
class DirectMatcher final : public Matcher {
 public:
  void add(Destination destination, std::string_view key, const Fields& arguments) override;
  void remove(Destination destination, std::string_view key, const Fields& arguments) override;
  void match(std::string_view key, const MessageView& message, std::uint64_t random,
             std::vector<Destination>& out) const override;
  bool by_key_alone() const override { return true; }

 private:
  StringMap<DestinationSet> keys_;
};

}  // namespace polymq::engine
