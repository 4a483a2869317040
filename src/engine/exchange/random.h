// The random exchanges: each message goes to one binding, drawn anew.
#pragma once

#include "engine/exchange/destinations.h"
#include "engine/exchange/matcher.h"

namespace polymq::engine {

/// x-random. A destination bound m times is drawn m times as often.
class RandomMatcher : public Matcher {
 public:
  void add(Destination destination, std::string_view, const Fields&) override {
    slots_.add(destination);
  }
  void remove(Destination destination, std::string_view, const Fields&) override {
    slots_.remove(destination);
  }
  void match(std::string_view, const MessageView&, std::uint64_t random,
             std::vector<Destination>& out) const override {
    if (!slots_.empty()) out.push_back(slots_[random % slots_.size()]);
  }
  bool by_key_alone() const override { return false; }

 private:
  DestinationSlots slots_;
};

/// x-local-random: draws among the queues of this node, so that an exchange bound to it gets
/// nothing.
class LocalRandomMatcher final : public RandomMatcher {
 public:
  void add(Destination destination, std::string_view key, const Fields& arguments) override {
    if (!destination.is_exchange) RandomMatcher::add(destination, key, arguments);
  }
  void remove(Destination destination, std::string_view key, const Fields& arguments) override {
    if (!destination.is_exchange) RandomMatcher::remove(destination, key, arguments);
  }
};

}  // namespace polymq::engine
