// Of single places in a queue's line whose messages are not in memory: what became of them.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>

#include "engine/ids.h"
#include "engine/message.h"

namespace polymq::engine {

/// Shard: its queue's home. Most places need no entry: those of a stretch of messages on disk are
/// known together, and a message that has gone is passed over when its place surfaces.
class VacantPlaces {
 public:
  explicit VacantPlaces(MemoryMeter& meter) : meter_(meter) {}
  ~VacantPlaces() { clear(); }
  VacantPlaces(const VacantPlaces&) = delete;
  VacantPlaces& operator=(const VacantPlaces&) = delete;

  bool contains(Position position) const { return !places_.empty() && places_.contains(position); }
  /// Its message is ready, and to be read back.
  bool on_disk(Position position) const {
    return count_on_disk_ != 0 && places_.contains(position) && places_.at(position).on_disk;
  }
  std::uint64_t count_on_disk() const { return count_on_disk_; }
  /// Of these messages' bodies.
  std::uint64_t bytes_on_disk() const { return bytes_on_disk_; }

  /// It has no entry. `bytes`: of its message's body.
  void add_on_disk(Position position, std::uint32_t bytes) {
    add(position, {bytes, true});
    ++count_on_disk_;
    bytes_on_disk_ += bytes;
  }
  /// It has no entry, and is in a stretch on disk; nothing is to be read there.
  void add_gone(Position position) { add(position, {0, false}); }
  /// Returns the size of its message's body; 0 without one, or without an entry.
  std::uint32_t erase(Position position) {
    if (places_.empty()) return 0;
    const auto at = places_.find(position);
    if (at == places_.end()) return 0;
    const Place place = at->second;
    if (place.on_disk) --count_on_disk_;
    bytes_on_disk_ -= place.bytes;
    places_.erase(at);
    meter_.bytes -= kCost;
    if (places_.empty()) places_ = {};  // it never shrinks by itself
    return place.bytes;
  }
  void clear() {
    meter_.bytes -= static_cast<std::int64_t>(places_.size()) * kCost;
    places_ = {};
    count_on_disk_ = 0;
    bytes_on_disk_ = 0;
  }

 private:
  struct Place {
    std::uint32_t bytes;
    bool on_disk;
  };
  /// The map is up to half empty.
  static constexpr std::int64_t kCost = 2 * (sizeof(Position) + sizeof(Place));

  void add(Position position, Place place) {
    places_.emplace(position, place);
    meter_.bytes += kCost;
  }

  MemoryMeter& meter_;
  boost::unordered_flat_map<Position, Place> places_;
  std::uint64_t count_on_disk_ = 0;
  std::uint64_t bytes_on_disk_ = 0;
};

}  // namespace polymq::engine
