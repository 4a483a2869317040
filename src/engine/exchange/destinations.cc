// Destinations: adding, finding and swap-with-the-last removal.
#include "engine/exchange/destinations.h"

#include <algorithm>
#include <cassert>

namespace polymq::engine {

std::size_t DestinationSet::place(Destination destination) const {
  if (index_) {
    const auto it = index_->find(destination);
    return it == index_->end() ? kNowhere : it->second;
  }
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].destination == destination) return i;
  }
  return kNowhere;
}

void DestinationSet::add(Destination destination) {
  if (const std::size_t at = place(destination); at != kNowhere) {
    ++entries_[at].bindings;
    return;
  }
  entries_.push_back({destination, 1});
  if (index_) {
    index_->emplace(destination, static_cast<std::uint32_t>(entries_.size() - 1));
  } else if (entries_.size() > kMostUnindexed) {
    index_ = std::make_unique<Index>();
    for (std::uint32_t i = 0; i < entries_.size(); ++i) {
      index_->emplace(entries_[i].destination, i);
    }
  }
}

void DestinationSet::remove(Destination destination) {
  const std::size_t at = place(destination);
  assert(at != kNowhere);
  if (--entries_[at].bindings != 0) return;
  const Entry last = entries_.back();
  entries_[at] = last;
  entries_.pop_back();
  if (index_) {
    (*index_)[last.destination] = static_cast<std::uint32_t>(at);
    index_->erase(destination);
    if (entries_.size() < kMostUnindexed / 2) index_.reset();
  }
}

void DestinationSlots::add(Destination destination) {
  places_[destination].push_back(static_cast<std::uint32_t>(slots_.size()));
  slots_.push_back(destination);
}

void DestinationSlots::remove(Destination destination) {
  const auto of_removed = places_.find(destination);
  assert(of_removed != places_.end());
  const std::uint32_t free = of_removed->second.back();
  of_removed->second.pop_back();

  const auto last = static_cast<std::uint32_t>(slots_.size() - 1);
  if (free != last) {
    slots_[free] = slots_[last];
    Places& of_moved = places_.find(slots_[last])->second;
    *std::find(of_moved.begin(), of_moved.end(), last) = free;
  }
  slots_.pop_back();
  if (of_removed->second.empty()) places_.erase(of_removed);
}

}  // namespace polymq::engine
