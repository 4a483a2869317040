// Which ids were seen lately: a bounded memory of hashes, oldest forgotten first.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>

#include "base/time.h"
#include "engine/ids.h"

namespace polymq::engine {

/// The 128-bit hash of (scope, id). A scope is a group or whatever else ids are unique within.
struct DeduplicationKey {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  static DeduplicationKey of(std::string_view scope, std::string_view id);
  bool operator==(const DeduplicationKey&) const = default;
};

/// The message that came first under a key.
struct Original {
  MessageId id = {};
  Position position = 0;  // in its queue; 0: nobody asks for it
  bool operator==(const Original&) const = default;
};

struct DeduplicationLimits {
  std::size_t entries;                 // at least 1; kAny: only time limits
  std::optional<std::int64_t> ttl_ms;  // nullopt: only the number of entries limits
  static constexpr std::size_t kAny = SIZE_MAX;
};

/// Shard: one per queue or exchange. No clock: time is handed in. O(1) amortized. An entry takes
/// about 125 bytes of memory.
class DeduplicationWindow {
 public:
  explicit DeduplicationWindow(DeduplicationLimits limits) : limits_(limits) {}

  enum class Seen : std::uint8_t { kFresh, kDuplicate };
  /// Remembers `key` if it is fresh. A duplicate changes nothing, so it does not prolong its
  /// original's time.
  /// `own_ttl_ms`: instead of the rule's.
  Seen insert(DeduplicationKey key, WallMs now,
              std::optional<std::int64_t> own_ttl_ms = std::nullopt, const Original& original = {});
  struct Known {
    std::uint64_t number;
    Original original;
  };
  /// Nothing: it is not remembered.
  std::optional<Known> find(DeduplicationKey key) const;
  /// Forgets those whose time is up, without waiting for the next insert, and gives back memory.
  /// Returns when there is more to forget, which may be now: it does a slice of the work. kNever:
  /// nothing is remembered.
  WallMs expire(WallMs now);
  /// The original did not come to be after all, or has gone for good. Returns its entry's number,
  /// 0 without one.
  std::uint64_t forget(DeduplicationKey key, Position position = 0);

  // --- for those who keep entries elsewhere, too: they are numbered in the order they came ---
  std::uint64_t last_number() const { return last_number_; }
  /// All with a lower one are forgotten.
  std::uint64_t oldest_number() const {
    return order_.empty() ? last_number_ + 1 : order_.front().number;
  }
  /// Before anything else: the number of the next entry.
  void number_from(std::uint64_t next) { last_number_ = next - 1; }
  /// In order of their numbers, before the first insert.
  void restore(DeduplicationKey key, WallMs expiry, std::uint64_t number,
               const Original& original = {});

  /// When a key inserted now would be forgotten; kNever without a time limit.
  WallMs expiry(WallMs now, std::optional<std::int64_t> own_ttl_ms = std::nullopt) const {
    const std::optional<std::int64_t> ttl_ms = own_ttl_ms ? own_ttl_ms : limits_.ttl_ms;
    return ttl_ms ? now + *ttl_ms : kNever;
  }
  /// Entries remembered, of which some may have expired since the last insert.
  std::size_t size() const { return entries_.size(); }
  /// What the order of forgetting takes; at most about twice size().
  std::size_t place_count() const { return order_.size(); }
  /// Roughly what it occupies.
  std::size_t bytes() const;

 private:
  struct Hash {
    std::size_t operator()(const DeduplicationKey& key) const { return key.low; }
  };
  struct Entry {
    WallMs expiry;
    std::uint64_t number;  // tells an entry from an earlier one of the same key
    Original original;
  };
  struct Place {
    DeduplicationKey key;
    std::uint64_t number;
  };
  static constexpr std::size_t kFewPlaces = 16;
  bool is_current(const Place& place) const;
  void drop_surplus();
  void drop_expired(WallMs now, std::size_t most = SIZE_MAX);
  void compact();

  const DeduplicationLimits limits_;
  std::uint64_t last_number_ = 0;
  boost::unordered_flat_map<DeduplicationKey, Entry, Hash> entries_;
  std::deque<Place> order_;  // oldest first; places of forgotten entries are skipped
};

}  // namespace polymq::engine
