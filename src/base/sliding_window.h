// A map from ever-growing numbers to small values, for things that are numbered as they come and
// leave roughly in that order: message positions, leases, delivery tags.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace polymq {

/// Values live in segments of kSegment numbers. A segment is freed when the last value in it is
/// erased, so that one old value left behind pins 1 KB or so, not everything that came after it.
/// Invariants:
///  1. numbers are handed out by push() in sequence and never reused;
///  2. segments_[i] holds the numbers [(first_segment_ + i) * kSegment, ... + kSegment);
///  3. segments_ starts with a segment that is in use or held, or is empty.
/// Cost: O(1) each; an empty window owns no memory besides itself.
template <class T>
class SlidingWindow {
 public:
  static constexpr std::uint64_t kSegment = 64;

  /// The first number will be `first`.
  explicit SlidingWindow(std::uint64_t first = 0) : end_(first), first_segment_(first / kSegment) {}

  /// The number that the next push() hands out.
  std::uint64_t end() const { return end_; }
  /// How many values are present.
  std::uint64_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  std::uint64_t push(T value) {
    const std::uint64_t number = end_++;
    Segment& segment = segment_for_push(number);
    segment.values[number % kSegment] = std::move(value);
    segment.present |= bit(number);
    ++size_;
    return number;
  }

  /// Hands out the next number for something that needs no value.
  std::uint64_t skip() { return end_++; }
  /// The next number will be `number`, which is not below end().
  void skip_to(std::uint64_t number) { end_ = number; }

  /// Gives a number below end() a value: one that has none now.
  void put(std::uint64_t number, T value) {
    Segment& segment = segment_for_put(number / kSegment);
    segment.values[number % kSegment] = std::move(value);
    segment.present |= bit(number);
    ++size_;
  }
  /// Numbers from here on may be put: no need to make room for them each time.
  void hold(std::uint64_t from) { held_segment_ = from / kSegment; }
  void hold_none() { held_segment_ = UINT64_MAX; }

  /// The value of that number, or null when it was never pushed or was erased.
  T* find(std::uint64_t number) {
    Segment* segment = segment_of(number);
    if (segment == nullptr || (segment->present & bit(number)) == 0) return nullptr;
    return &segment->values[number % kSegment];
  }
  const T* find(std::uint64_t number) const {
    return const_cast<SlidingWindow*>(this)->find(number);
  }

  /// Forgets a value that is present.
  void erase(std::uint64_t number) {
    Segment* segment = segment_of(number);
    segment->present &= ~bit(number);
    --size_;
    if (segment->present == 0 && number / kSegment != end_ / kSegment) drop(number / kSegment);
  }

  /// The smallest number >= `from` that is present, or end().
  std::uint64_t next(std::uint64_t from) const {
    if (from < first_segment_ * kSegment) from = first_segment_ * kSegment;
    while (from < end_) {
      const std::uint64_t index = from / kSegment - first_segment_;
      if (index >= count_) return end_;
      const Segment* segment = at(index).get();
      if (segment != nullptr) {
        const std::uint64_t later = segment->present >> (from % kSegment);
        if (later != 0) return from + static_cast<std::uint64_t>(__builtin_ctzll(later));
      }
      from = (from / kSegment + 1) * kSegment;
    }
    return end_;
  }
  /// The smallest number present, or end().
  std::uint64_t front() const { return next(first_segment_ * kSegment); }
  /// The greatest number below `below` that is present, or end().
  std::uint64_t previous(std::uint64_t below) const {
    below = std::min(below, (first_segment_ + count_) * kSegment);
    while (below > first_segment_ * kSegment) {
      const std::uint64_t start = (below - 1) / kSegment * kSegment;
      const Segment* segment = at(start / kSegment - first_segment_).get();
      const std::uint64_t earlier =
          segment == nullptr ? 0 : segment->present & UINT64_MAX >> (start + kSegment - below);
      if (earlier != 0) return start + 63 - static_cast<std::uint64_t>(__builtin_clzll(earlier));
      below = start;
    }
    return end_;
  }

 private:
  struct Segment {
    std::uint64_t present = 0;
    std::array<T, kSegment> values;
  };
  static std::uint64_t bit(std::uint64_t number) { return std::uint64_t{1} << (number % kSegment); }

  // segments_ is a ring of a power of two; count_ of its places are used, from head_ on.
  std::unique_ptr<Segment>& at(std::uint64_t index) {
    return segments_[(head_ + index) & (segments_.size() - 1)];
  }
  const std::unique_ptr<Segment>& at(std::uint64_t index) const {
    return segments_[(head_ + index) & (segments_.size() - 1)];
  }
  Segment* segment_of(std::uint64_t number) {
    const std::uint64_t index = number / kSegment - first_segment_;
    return number < end_ && index < count_ ? at(index).get() : nullptr;
  }
  Segment& segment_for_push(std::uint64_t number) {
    const std::uint64_t segment = number / kSegment;
    if (count_ != 0 && segment - first_segment_ >= count_) {
      // Skipped numbers may have left the last segment with nothing in it.
      const std::unique_ptr<Segment>& last = at(count_ - 1);
      if (last && last->present == 0) drop(first_segment_ + count_ - 1);
    }
    if (count_ == 0) first_segment_ = segment;
    const std::uint64_t index = segment - first_segment_;
    while (count_ <= index) {  // numbers that were skipped may leave places without a segment
      if (count_ == segments_.size()) enlarge();
      at(count_++).reset();
    }
    if (!at(index)) at(index) = spare_ ? std::move(spare_) : std::make_unique<Segment>();
    return *at(index);
  }
  Segment& segment_for_put(std::uint64_t segment) {
    if (count_ == 0) first_segment_ = segment;
    for (; first_segment_ > segment; --first_segment_) {  // room in front
      if (count_ == segments_.size()) enlarge();
      head_ = (head_ - 1) & (segments_.size() - 1);
      ++count_;
      at(0).reset();
    }
    const std::uint64_t index = segment - first_segment_;
    while (count_ <= index) {
      if (count_ == segments_.size()) enlarge();
      at(count_++).reset();
    }
    if (!at(index)) at(index) = spare_ ? std::move(spare_) : std::make_unique<Segment>();
    return *at(index);
  }
  void drop(std::uint64_t segment) {
    std::unique_ptr<Segment>& place = at(segment - first_segment_);
    // Keeping one segment makes a steady flow free of allocations.
    if (!spare_) spare_ = std::move(place);
    place.reset();
    while (count_ > 0 && !at(0) && first_segment_ < held_segment_) {
      head_ = (head_ + 1) & (segments_.size() - 1);
      ++first_segment_;
      --count_;
    }
    if (count_ == 0) {
      std::vector<std::unique_ptr<Segment>>().swap(segments_);
      spare_.reset();
      head_ = 0;
    }
  }
  void enlarge() {
    std::vector<std::unique_ptr<Segment>> bigger(segments_.empty() ? 2 : segments_.size() * 2);
    for (std::uint64_t i = 0; i < count_; ++i) bigger[i] = std::move(at(i));
    segments_ = std::move(bigger);
    head_ = 0;
  }

  std::vector<std::unique_ptr<Segment>> segments_;
  std::unique_ptr<Segment> spare_;
  std::uint64_t head_ = 0;
  std::uint64_t count_ = 0;
  std::uint64_t end_;
  std::uint64_t first_segment_;
  std::uint64_t size_ = 0;
  std::uint64_t held_segment_ = UINT64_MAX;
};

}  // namespace polymq
