// Messages of a queue that wait until they are due, by that time. Of many, those that are due last
// are on disk only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/time.h"
#include "engine/ids.h"
#include "engine/message.h"
#include "engine/time_to_live.h"

namespace polymq::engine {

/// Shard: its queue's home. No clock: it is told the time.
class WaitingMessages {
 public:
  /// One that is on disk only. There may be very many.
  struct OnDisk {
    WallMs due;
    WallMs since;  // it is kept from then on, as long as its queue keeps messages
    Position position;
    std::uint32_t bytes;  // of its body
    std::uint8_t priority;
  };

  /// `kept`: for so long, whether they are due or not.
  WaitingMessages(MemoryMeter& meter, TimeToLive kept) : meter_(meter), kept_(kept) {}
  ~WaitingMessages() { meter_.bytes -= cost_on_disk(); }
  WaitingMessages(const WaitingMessages&) = delete;
  WaitingMessages& operator=(const WaitingMessages&) = delete;

  std::uint64_t size() const { return in_memory_ + on_disk_.size(); }
  std::uint64_t on_disk() const { return on_disk_.size(); }
  /// When there will be something to do; kNever.
  WallMs next() const;

  // --- in memory ---
  /// `cost`: of the message, in bytes; 0 if it cannot leave.
  void add(Position position, WallMs due, std::uint64_t cost);
  /// One of that cost does not wait any more, or is on disk from now on.
  void remove(std::uint64_t cost) {
    --in_memory_;
    bytes_ -= cost;
    stuck_ = std::min(stuck_, bytes_);
  }
  /// The first one, if it is due: to be removed, if it was not removed before.
  std::optional<Position> take_due(WallMs now);
  template <class Visit>
  void for_each(Visit visit) const {
    for (const Near& wait : near_) visit(wait.position);
  }
  /// `due_of` says what is due when; nullopt: as before.
  template <class DueOf>
  void change(DueOf due_of);

  // --- on disk ---
  void add(OnDisk wait);
  /// The first one that is due, or was kept for long enough.
  std::optional<OnDisk> take_due_on_disk(WallMs now);
  void keep_for(TimeToLive kept);
  /// Their positions, in order.
  std::vector<Position> positions_on_disk() const;
  /// Offers those in memory that are due last to leave, if they are much more than `window`, until
  /// they are not more: of those below `readable`. `leave` gives back what it has removed: nullopt,
  /// and it stays.
  template <class Leave>
  void let_go(std::uint64_t window, Position readable, Leave leave);

 private:
  struct Near {
    WallMs due;
    Position position;
    auto operator<=>(const Near&) const = default;
  };
  WallMs leaves_at(const OnDisk& wait) const {
    return std::min(wait.due, kept_.deadline(wait.since));
  }
  auto later_on_disk() const {
    return [this](const OnDisk& a, const OnDisk& b) {
      return std::pair(leaves_at(a), a.position) > std::pair(leaves_at(b), b.position);
    };
  }
  std::int64_t cost_on_disk() const {
    return static_cast<std::int64_t>(on_disk_.size() * sizeof(OnDisk));
  }

  MemoryMeter& meter_;
  TimeToLive kept_;
  std::vector<Near> near_;       // a heap, the first one in front; removed ones until they surface
  std::vector<OnDisk> on_disk_;  // a heap, the first one in front
  std::uint64_t in_memory_ = 0;
  std::uint64_t bytes_ = 0;  // of those
  std::uint64_t stuck_ = 0;  // roughly, what of that cannot leave
  Position again_from_ = 0;  // when it is readable below, more can leave than the last time
};

template <class DueOf>
void WaitingMessages::change(DueOf due_of) {
  for (Near& wait : near_) wait.due = due_of(wait.position).value_or(wait.due);
  std::make_heap(near_.begin(), near_.end(), std::greater());
}

template <class Leave>
void WaitingMessages::let_go(std::uint64_t window, Position readable, Leave leave) {
  // Looking through those that stay must not cost more with each that comes.
  const bool many = bytes_ > std::max(window, stuck_ + stuck_ / 2) + window / 4;
  if (!many || readable < again_from_) return;
  again_from_ = 0;
  constexpr Position kNone = 0;
  std::sort(near_.begin(), near_.end());  // which is a heap, too
  for (auto last = near_.rbegin(); last != near_.rend() && bytes_ > window; ++last) {
    if (last->position >= readable) {
      again_from_ = std::max(again_from_, last->position + 1);
    } else if (const std::optional<OnDisk> left = leave(last->position, last->due)) {
      add(*left);
      last->position = kNone;
    }
  }
  std::erase_if(near_, [](const Near& wait) { return wait.position == kNone; });
  stuck_ = again_from_ == 0 ? bytes_ : 0;
}

}  // namespace polymq::engine
