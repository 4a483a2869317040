// The modulus hash exchange: the routing key decides which binding, the same one as long as the
// bindings stay as they are.
#pragma once

#include "engine/exchange/destinations.h"
#include "engine/exchange/matcher.h"

namespace polymq::engine {

/// A destination bound m times gets m shares.
class ModulusHashMatcher final : public Matcher {
 public:
  void add(Destination destination, std::string_view, const Fields&) override {
    slots_.add(destination);
  }
  void remove(Destination destination, std::string_view, const Fields&) override {
    slots_.remove(destination);
  }
  void match(std::string_view key, const MessageView&, std::uint64_t,
             std::vector<Destination>& out) const override {
    if (!slots_.empty()) out.push_back(slots_[hash64(key) % slots_.size()]);
  }
  bool by_key_alone() const override { return true; }

 private:
  DestinationSlots slots_;
};

}  // namespace polymq::engine
