// Retention: what a queue has kept for long enough goes, silently, whatever it is in the middle of.
#include <algorithm>

#include "engine/queue.h"
#include "engine/topology.h"

namespace polymq::engine {

WallMs Queue::since(const Slot& slot) const {
  const MessageExtension* extension = slot.message->extension();
  const bool is_new = settings().message_groups == MessageGroups::kExclusive;
  return extension == nullptr || extension->entered == 0 || is_new ? slot.enqueued
                                                                   : extension->entered;
}

WallMs Queue::retained_until(const Slot& slot) const {
  return TimeToLive{settings().retention_ms.value_or(-1)}.deadline(since(slot));
}

// In order of arrival, as far as one is that has been kept for long enough: so it costs a message
// nothing, and the queue one timer. Ready ones go from the head, as they expire; what a consumer
// holds, or is moving, when it comes back.
void Queue::end_retention() {
  if (!settings().retention_ms) return;
  std::vector<Position> returned;  // none of them
  for (std::size_t slice = kMostPerSlice; slice != 0; --slice) {
    const Position oldest = slots_.next(outlived_below_);
    if (oldest == slots_.end()) return;
    Slot& slot = *slots_.find(oldest);
    const WallMs until = retained_until(slot);
    if (until > host_.now().wall) return host_.arm_timer(*this, until);
    outlived_below_ = oldest + 1;
    const bool ends_by_itself = timed_ && timed_->find_leased(oldest) != nullptr;
    if (slot.state == State::kWaiting) {
      erase(oldest, slot);
    } else if (slot.state == State::kLeased && ends_by_itself) {
      end_lease(oldest, slot, Settle::kFail, returned);
    }
  }
  host_.arm_timer(*this, host_.now().wall);
}

void Queue::retain_anew() {
  outlived_below_ = 0;
  if (waits_) waits_->keep_for(TimeToLive{settings().retention_ms.value_or(-1)});
  host_.arm_timer(*this, host_.now().wall);
}

}  // namespace polymq::engine
