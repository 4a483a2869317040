// The fanout exchange: everything bound gets everything.
#pragma once

#include "engine/exchange/destinations.h"
#include "engine/exchange/matcher.h"

namespace polymq::engine {

class FanoutMatcher final : public Matcher {
 public:
  void add(Destination destination, std::string_view, const Fields&) override {
    all_.add(destination);
  }
  void remove(Destination destination, std::string_view, const Fields&) override {
    all_.remove(destination);
  }
  void match(std::string_view, const MessageView&, std::uint64_t,
             std::vector<Destination>& out) const override {
    all_.append_to(out);
  }
  bool by_key_alone() const override { return true; }

 private:
  DestinationSet all_;
};

}  // namespace polymq::engine
