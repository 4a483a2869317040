// Three places for what is held: it must stay in memory, it is there for now, or it is on disk
// only.
#include "engine/held_messages.h"

#include <algorithm>
#include <utility>

#include "engine/stored_message.h"

namespace polymq::engine {
namespace {

/// Of a heap, the first one in front.
constexpr auto kLater = [](const auto& a, const auto& b) { return a.place > b.place; };

/// As Message::footprint() will say of it.
std::uint32_t footprint(const storage::MessageRecord& record) {
  return static_cast<std::uint32_t>(sizeof(Message) + record.exchange.size() +
                                    record.routing_key.size() + record.properties.size() +
                                    record.body.size());
}

/// Of one window, what is read at once.
constexpr std::uint64_t page_of(std::uint64_t window) { return window / 4; }

}  // namespace

void HeldMessages::add(Place place, Message* message, bool stored) {
  if (stored) {
    const auto bytes = static_cast<std::uint32_t>(message->footprint());
    near_.emplace(place, Near{message, bytes, false});
    near_bytes_ += bytes;
    return;
  }
  staying_.push_back({place, message});
  std::push_heap(staying_.begin(), staying_.end(), kLater);
}

void HeldMessages::add_on_disk(const storage::MessageRecord& record) {
  add_far({record.enqueued, record.position}, footprint(record));
}

void HeldMessages::add_far(Place place, std::uint32_t bytes) {
  far_.push_back({place, bytes});
  std::push_heap(far_.begin(), far_.end(), kLater);
  meter_.bytes += sizeof(Far);
}

void HeldMessages::pop_far() {
  std::pop_heap(far_.begin(), far_.end(), kLater);
  far_.pop_back();
  meter_.bytes -= sizeof(Far);
  if (far_.empty()) std::vector<Far>().swap(far_);
}

bool HeldMessages::clear(std::size_t most) {
  for (; most != 0 && !staying_.empty(); --most) {
    staying_.back().message->release(meter_);
    staying_.pop_back();
  }
  for (; most != 0 && !near_.empty(); --most) {
    if (Message* message = near_.begin()->second.message) message->release(meter_);
    near_.erase(near_.begin());
  }
  meter_.bytes -= static_cast<std::int64_t>(far_.size() * sizeof(Far));
  far_.clear();
  return !staying_.empty() || !near_.empty();
}

// --- in order of due time -----------------------------------------------------------------------
const HeldMessages::Place* HeldMessages::first_near() const {
  const Place* stays = staying_.empty() ? nullptr : &staying_.front().place;
  const Place* near = near_.empty() ? nullptr : &near_.begin()->first;
  if (stays == nullptr || near == nullptr) return stays == nullptr ? near : stays;
  return std::min(stays, near, [](const Place* a, const Place* b) { return *a < *b; });
}

bool HeldMessages::far_is_first() const {
  const Place* near = first_near();
  return !far_.empty() && (near == nullptr || far_.front().place < *near);
}

std::optional<HeldMessages::Held> HeldMessages::take_due(WallMs now) {
  const Place* first = first_near();
  if (first == nullptr || first->due > now || far_is_first()) return std::nullopt;
  if (near_.empty() || first != &near_.begin()->first) {
    std::pop_heap(staying_.begin(), staying_.end(), kLater);
    const Held held = staying_.back();
    staying_.pop_back();
    return held;
  }
  const auto [place, near] = *near_.begin();
  if (near.message == nullptr) return std::nullopt;
  near_bytes_ -= near.bytes;
  near_.erase(near_.begin());
  return Held{place, near.message};
}

// What the store could not keep has not left memory.
void HeldMessages::withdraw(Position position) {
  const auto at = std::find_if(near_.begin(), near_.end(),
                               [&](const auto& near) { return near.first.position == position; });
  if (at == near_.end()) return;
  at->second.message->release(meter_);
  near_bytes_ -= at->second.bytes;
  near_.erase(at);
}

// What is late to be read waits for room: until those before it have gone.
WallMs HeldMessages::next_work(WallMs now) const {
  const WallMs read = next_read() > now ? next_read() : kNever;
  const Place* first = first_near();
  const bool there = first != nullptr && !far_is_first();
  const bool unread = there && !near_.empty() && first == &near_.begin()->first &&
                      near_.begin()->second.message == nullptr;
  return there && !unread ? std::min(first->due, read) : read;
}

// --- memory -------------------------------------------------------------------------------------
void HeldMessages::evict(std::uint64_t window, Position readable) {
  if (near_bytes_ <= window + page_of(window) || evicted_below_ >= readable) return;
  for (auto at = near_.end(); near_bytes_ > window;) {
    if (at == near_.begin()) {
      evicted_below_ = readable;
      return;
    }
    --at;
    const auto& [place, near] = *at;
    if (near.was_read || place.position >= readable) continue;
    add_far(place, near.bytes);
    near.message->release(meter_);
    near_bytes_ -= near.bytes;
    at = near_.erase(at);
  }
}

WallMs HeldMessages::next_read() const {
  if (far_.empty() || !reading_.empty()) return kNever;
  return far_.front().place.due - kReadAheadMs;
}

std::vector<storage::PositionRange> HeldMessages::next_page(WallMs now, std::uint64_t window) {
  const std::uint64_t page = page_of(window);
  const bool room = near_bytes_ <= window - page || far_is_first();
  if (!room || !reads_by(now)) return {};
  std::vector<Position> positions;
  for (std::uint64_t bytes = 0; !far_.empty();) {
    const auto [place, size] = far_.front();
    bytes += size;
    const bool enough = !reading_.empty() && bytes > page;
    if (enough || place.due - kReadAheadMs > now) break;
    reading_.push_back(place);
    positions.push_back(place.position);
    near_.emplace(place, Near{nullptr, size, true});
    near_bytes_ += size;
    pop_far();
  }
  std::sort(positions.begin(), positions.end());
  std::vector<storage::PositionRange> ranges;
  for (const Position position : positions) append(ranges, position);
  return ranges;
}

std::vector<Position> HeldMessages::loaded(const storage::ReadMessages& read,
                                           const Damaged& damaged) {
  for (const storage::MessageRecord& record : read.messages) {
    const auto at = near_.find({record.enqueued, record.position});
    if (at == near_.end()) continue;
    if (const auto message = from_record(record, meter_)) {
      at->second.message = *message;
    } else {
      damaged(record.position, message.error().text);
    }
  }
  for (const auto& damage : read.damages) damaged(damage.first, damage.what);
  std::vector<Position> lost;
  for (const Place& place : std::exchange(reading_, {})) {
    const auto at = near_.find(place);
    if (at->second.message != nullptr) continue;
    const std::uint32_t bytes = at->second.bytes;
    near_bytes_ -= bytes;
    near_.erase(at);
    if (place.position < read.next) {
      lost.push_back(place.position);
    } else {
      add_far(place, bytes);  // the page has ended before it
    }
  }
  return lost;
}

}  // namespace polymq::engine
