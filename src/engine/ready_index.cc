// Ranges, runs and priority levels of ready messages.
#include "engine/ready_index.h"

#include <algorithm>
#include <cassert>

namespace polymq::engine {

void ReturnedRuns::pop() {
  std::pop_heap(heap_.begin(), heap_.end(), later);
  if (++heap_.back().next == heap_.back().positions.size()) {
    heap_.pop_back();
  } else {
    std::push_heap(heap_.begin(), heap_.end(), later);
  }
  if (heap_.empty()) heap_ = {};
}

void ReturnedRuns::add(std::vector<Position> sorted) {
  assert(!sorted.empty() && std::is_sorted(sorted.begin(), sorted.end()));
  // Messages rejected one by one in order extend a single run.
  if (heap_.size() == 1 && heap_.front().positions.back() < sorted.front()) {
    Run& run = heap_.front();
    if (run.next * 2 > run.positions.size()) {
      run.positions.erase(run.positions.begin(),
                          run.positions.begin() + static_cast<std::ptrdiff_t>(run.next));
      run.next = 0;
    }
    run.positions.insert(run.positions.end(), sorted.begin(), sorted.end());
    return;
  }
  if (heap_.size() == kMostRuns) join_small();
  heap_.push_back(Run{std::move(sorted), 0});
  std::push_heap(heap_.begin(), heap_.end(), later);
}

// Each position is in few of these: what was joined is large, and the next time others are small.
void ReturnedRuns::join_small() {
  const auto left = [](const Run& run) { return run.positions.size() - run.next; };
  const auto end = heap_.begin() + kJoined;
  std::nth_element(heap_.begin(), end, heap_.end(),
                   [&](const Run& a, const Run& b) { return left(a) < left(b); });
  Run joined;
  for (auto run = heap_.begin(); run != end; ++run) {
    const auto from = run->positions.begin() + static_cast<std::ptrdiff_t>(run->next);
    joined.positions.insert(joined.positions.end(), from, run->positions.end());
  }
  std::sort(joined.positions.begin(), joined.positions.end());
  heap_.erase(heap_.begin(), end);
  heap_.push_back(std::move(joined));
  std::make_heap(heap_.begin(), heap_.end(), later);
}

void RangeFifo::push(Position first, Position end) {
  if (!empty() && ranges_.back().end == first) {
    ranges_.back().end = end;
    return;
  }
  if (empty()) {
    ranges_.clear();
    head_ = 0;
  }
  ranges_.push_back({first, end});
}

std::size_t RangeFifo::find(Position position) const {
  const auto from = ranges_.begin() + static_cast<std::ptrdiff_t>(head_);
  const auto it = std::upper_bound(
      from, ranges_.end(), position,
      [](Position wanted, const PositionRange& range) { return wanted < range.end; });
  return static_cast<std::size_t>(it - ranges_.begin());
}

// The first ranges are counted, and the others are taken to be like them.
std::uint64_t RangeFifo::count_before(Position end) const {
  constexpr std::size_t kCounted = 64;
  std::uint64_t count = 0;
  std::size_t i = head_;
  for (; i < ranges_.size() && ranges_[i].first < end; ++i) {
    if (i - head_ == kCounted) return count * (find(end) - head_) / kCounted;
    count += std::min(ranges_[i].end, end) - ranges_[i].first;
  }
  return count;
}

void RangeFifo::pop() {
  if (++ranges_[head_].first != ranges_[head_].end) return;
  ++head_;
  if (empty() && ranges_.size() > 1) {
    ranges_ = {};
    head_ = 0;
  } else if (head_ >= 64 && head_ * 2 >= ranges_.size()) {
    ranges_.erase(ranges_.begin(), ranges_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
}

ReadyIndex::ReadyIndex(std::size_t levels) {
  if (levels > 1) more_ = std::make_unique<std::vector<Level>>(levels - 1);
}

std::size_t ReadyIndex::clamp(std::uint8_t priority) const {
  return more_ ? std::min<std::size_t>(priority, more_->size()) : 0;
}

std::size_t ReadyIndex::highest_below(std::size_t n) const {
  if (n == 0) return kNone;
  std::size_t word = (n - 1) / 64;
  std::uint64_t bits = filled_[word] & UINT64_MAX >> (63 - (n - 1) % 64);
  while (bits == 0) {
    if (word == 0) return kNone;
    bits = filled_[--word];
  }
  return word * 64 + 63 - static_cast<std::size_t>(__builtin_clzll(bits));
}

void ReadyIndex::push(Position first, Position end, std::uint8_t priority) {
  const std::size_t n = clamp(priority);
  level(n).fifo.push(first, end);
  filled_[n / 64] |= std::uint64_t{1} << (n % 64);
}

Position ReadyIndex::front() const {
  const Level& top = level(highest());
  return front_returned(top) ? top.returned.front() : top.fifo.front();
}

void ReadyIndex::pop() {
  const std::size_t n = highest();
  Level& top = level(n);
  if (front_returned(top)) {
    top.returned.pop();
  } else {
    top.fifo.pop();
  }
  if (top.empty()) filled_[n / 64] &= ~(std::uint64_t{1} << (n % 64));
}

void ReadyIndex::give_back(std::vector<Position> sorted, std::uint8_t priority) {
  const std::size_t n = clamp(priority);
  level(n).returned.add(std::move(sorted));
  filled_[n / 64] |= std::uint64_t{1} << (n % 64);
}

// --- what is not in memory ----------------------------------------------------------------------
void ReadyIndex::push_unread(Position first, Position end, std::uint8_t priority) {
  push(first, end, priority);
  PositionRange& unread = level(clamp(priority)).unread;
  if (unread.empty()) unread.first = first;
  unread.end = end;
}

bool ReadyIndex::front_may_be_unread() const {
  const Level& top = level(highest());
  if (top.fifo.empty() || !top.unread.covers(top.fifo.front())) return false;
  return top.returned.empty() || top.fifo.front() < top.returned.front();
}

std::uint64_t ReadyIndex::ahead_of_unread(std::uint64_t enough) const {
  std::uint64_t ahead = 0;
  for (std::size_t n = highest(); n != kNone && ahead <= enough; n = highest_below(n)) {
    const Level& of = level(n);
    if (!of.unread.empty()) return ahead + of.fifo.count_before(of.unread.first);
    ahead += of.fifo.count_before(storage::kLastPosition);
  }
  return ahead;
}

bool ReadyIndex::was_read(std::size_t n, Position first, Position below) {
  Level& of = level(n);
  if (of.unread.empty() || of.unread.first != first) return false;
  of.unread.first = std::min(below, of.unread.end);
  of.seen_below = std::max(of.seen_below, of.unread.first);
  if (!of.fifo.has_between(of.unread.first, of.unread.end)) of.unread = {};
  return true;
}

std::optional<Position> ReadyIndex::first_unread() const {
  std::optional<Position> lowest;
  for (std::size_t n = highest(); n != kNone; n = highest_below(n)) {
    const PositionRange& unread = level(n).unread;
    if (!unread.empty() && (!lowest || unread.first < *lowest)) lowest = unread.first;
  }
  return lowest;
}

bool ReadyIndex::is_unseen(Position position) const {
  for (std::size_t n = highest(); n != kNone; n = highest_below(n)) {
    const Level& of = level(n);
    const bool among = position >= of.seen_below && of.unread.covers(position);
    if (among && of.fifo.has_between(position, position + 1)) return true;
  }
  return false;
}

void ReadyIndex::let_go_of(Position position) {
  PositionRange& unread = first_.unread;
  if (unread.empty()) unread = {position, position};
  unread.first = std::min(unread.first, position);
  unread.end = std::max(unread.end, position + 1);
}

Position ReadyIndex::unread_from(Position from) const {
  Position found = storage::kLastPosition;
  first_.fifo.visit(std::max(from, first_.unread.first), first_.unread.end, [&](Position at) {
    found = at;
    return false;
  });
  return found;
}

void ReadyIndex::all_read() {
  for (std::size_t n = 0; n < levels(); ++n) {
    level(n).unread = {};
    level(n).seen_below = storage::kLastPosition;
  }
}

}  // namespace polymq::engine
