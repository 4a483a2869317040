// The direct exchange.
#include "engine/exchange/direct.h"

namespace polymq::engine {

void DirectMatcher::add(Destination destination, std::string_view key, const Fields&) {
  auto it = keys_.find(key);
  if (it == keys_.end()) it = keys_.emplace(std::string(key), DestinationSet()).first;
  it->second.add(destination);
}

void DirectMatcher::remove(Destination destination, std::string_view key, const Fields&) {
  const auto it = keys_.find(key);
  it->second.remove(destination);
  if (it->second.empty()) keys_.erase(it);
}

void DirectMatcher::match(std::string_view key, const MessageView&, std::uint64_t,
                          std::vector<Destination>& out) const {
  const auto it = keys_.find(key);
  if (it != keys_.end()) it->second.append_to(out);
}

}  // namespace polymq::engine
