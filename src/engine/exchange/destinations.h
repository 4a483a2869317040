// Collections of destinations from which one is removed as cheaply as it was added.
#pragma once

#include <boost/container/small_vector.hpp>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/exchange/matcher.h"
#include "engine/hash.h"

namespace polymq::engine {

struct DestinationHash {
  std::size_t operator()(const Destination& destination) const {
    return hash64(destination.id, destination.is_exchange ? 1 : 0);
  }
};

/// The destinations of bindings that match alike; one bound several times is listed once and stays
/// until each of its bindings is gone. Small while there are few, O(1) when there are many.
class DestinationSet {
 public:
  void add(Destination destination);
  /// It was added at least as often as removed.
  void remove(Destination destination);
  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }
  void append_to(std::vector<Destination>& out) const {
    for (const Entry& entry : entries_) out.push_back(entry.destination);
  }

 private:
  struct Entry {
    Destination destination;
    std::uint32_t bindings;
  };
  using Index = boost::unordered_flat_map<Destination, std::uint32_t, DestinationHash>;

  static constexpr std::size_t kMostUnindexed = 16;
  static constexpr std::size_t kNowhere = SIZE_MAX;
  std::size_t place(Destination destination) const;

  boost::container::small_vector<Entry, 1> entries_;
  std::unique_ptr<Index> index_;  // only when there are many
};

/// A numbered slot for each binding, so that one can be drawn: a destination bound m times has m
/// slots. The same adds and removes in the same order give the same numbering.
class DestinationSlots {
 public:
  void add(Destination destination);
  /// It has a slot. The last slot moves into the one that becomes free.
  void remove(Destination destination);
  bool empty() const { return slots_.empty(); }
  std::size_t size() const { return slots_.size(); }
  Destination operator[](std::size_t slot) const { return slots_[slot]; }

 private:
  using Places = boost::container::small_vector<std::uint32_t, 2>;
  std::vector<Destination> slots_;
  boost::unordered_flat_map<Destination, Places, DestinationHash> places_;
};

}  // namespace polymq::engine
