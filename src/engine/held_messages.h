// Messages that wait until they are due, in that order. Of many, those that are stored leave memory
// and are read back a little before.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "base/time.h"
#include "engine/ids.h"
#include "engine/message.h"
#include "storage/message_store.h"

namespace polymq::engine {

/// Shard: its exchange's home. No clock, no I/O: it is told the time, and says what to read. What
/// it holds is counted on the meter and freed with clear(). Invariants:
///  1. each message is in exactly one of staying_, near_ and far_;
///  2. near_ has no message for exactly those that are being read back, which reading_ names;
///  3. near_bytes_ is what all of near_ cost in memory, or will cost.
class HeldMessages {
 public:
  /// So long before it is due a message is read back.
  static constexpr WallMs kReadAheadMs = 1000;

  /// Those due together come as they arrived.
  struct Place {
    WallMs due;
    Position position;
    auto operator<=>(const Place&) const = default;
  };
  struct Held {
    Place place;
    Message* message;
  };

  explicit HeldMessages(MemoryMeter& meter) : meter_(meter) {}
  HeldMessages(const HeldMessages&) = delete;
  HeldMessages& operator=(const HeldMessages&) = delete;

  /// Takes over one reference of `message`, which the store was given if `stored`.
  void add(Place place, Message* message, bool stored);
  /// One that the store has from before a restart.
  void add_on_disk(const storage::MessageRecord& record);
  std::size_t size() const { return staying_.size() + near_.size() + far_.size(); }
  /// Frees at most `most` messages. True when there are more.
  bool clear(std::size_t most);

  /// The first message, if it is due and in memory: the caller's from now on.
  std::optional<Held> take_due(WallMs now);
  /// The store could not keep it.
  void withdraw(Position position);
  /// When there will be something to do: the first message is due, or others are to be read.
  /// kNever: not before something else happens.
  WallMs next_work(WallMs now) const;

  // --- memory ---
  /// Some are on disk only.
  bool paged_out() const { return !far_.empty() || !reading_.empty(); }
  /// Lets go of what is due last, beyond about `window` bytes of what is stored. What is stored
  /// below `readable` can be read back.
  void evict(std::uint64_t window, Position readable);
  /// Is there one to be read back by now?
  bool reads_by(WallMs now) const { return next_read() <= now; }
  /// What is to be read next, by position, if there is room for it in `window`; then loaded() is
  /// called before anything else is read.
  std::vector<storage::PositionRange> next_page(WallMs now, std::uint64_t window);
  using Damaged = std::function<void(Position first, const std::string& what)>;
  /// What was read. Says what could not be, and returns the positions of messages that are lost.
  std::vector<Position> loaded(const storage::ReadMessages& read, const Damaged& damaged);

 private:
  /// One that is stored, and in memory or on its way there.
  struct Near {
    Message* message;
    std::uint32_t bytes;
    bool was_read;  // it does not leave again
  };
  /// One that is on disk only. There may be very many.
  struct Far {
    Place place;
    std::uint32_t bytes;
  };
  static_assert(sizeof(Far) == 24);

  void add_far(Place place, std::uint32_t bytes);
  void pop_far();
  /// When the first one on disk is to be read; kNever without one, and while others are.
  WallMs next_read() const;
  /// The first one of those in memory and of those that are being read.
  const Place* first_near() const;
  bool far_is_first() const;

  MemoryMeter& meter_;
  std::vector<Held> staying_;   // what is not stored: a heap, the first one in front
  std::map<Place, Near> near_;  // little more than a window of them
  std::vector<Far> far_;        // a heap, the first one in front
  std::vector<Place> reading_;
  std::uint64_t near_bytes_ = 0;
  Position evicted_below_ = 0;  // what could leave there has left
};

}  // namespace polymq::engine
