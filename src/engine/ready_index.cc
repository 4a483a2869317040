// Ranges, runs and priority levels of ready messages.
#include "engine/ready_index.h"

#include <algorithm>
#include <cassert>

namespace polymq::engine {

void ReturnedRuns::pop() {
  const auto later = [](const Run& a, const Run& b) {
    return a.positions[a.next] > b.positions[b.next];
  };
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
  heap_.push_back(Run{std::move(sorted), 0});
  std::push_heap(heap_.begin(), heap_.end(), [](const Run& a, const Run& b) {
    return a.positions[a.next] > b.positions[b.next];
  });
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

std::size_t ReadyIndex::highest() const {
  if (!more_) return 0;
  for (std::size_t word = 4; word-- > 0;) {
    if (filled_[word] != 0) {
      return word * 64 + 63 - static_cast<std::size_t>(__builtin_clzll(filled_[word]));
    }
  }
  return 0;
}

void ReadyIndex::push(Position first, Position end, std::uint8_t priority) {
  const std::size_t n = clamp(priority);
  level(n).fifo.push(first, end);
  filled_[n / 64] |= std::uint64_t{1} << (n % 64);
}

Position ReadyIndex::front() const {
  const Level& top = level(highest());
  if (top.returned.empty()) return top.fifo.front();
  if (top.fifo.empty()) return top.returned.front();
  return std::min(top.returned.front(), top.fifo.front());
}

void ReadyIndex::pop() {
  const std::size_t n = highest();
  Level& top = level(n);
  if (!top.returned.empty() && (top.fifo.empty() || top.returned.front() < top.fifo.front())) {
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

}  // namespace polymq::engine
