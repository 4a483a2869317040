// A sequence in blocks: to insert or to erase anywhere costs a block's length, not the sequence's.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <iterator>
#include <type_traits>
#include <vector>

namespace polymq {

/// Invariant: no block is empty. Every change makes iterators invalid.
template <class T>
class BlockList {
  static constexpr std::size_t kMost = 128;  // in a block

  struct Block {
    std::vector<T> items;
    std::size_t begin = 0;  // those before it are gone: the front is what mostly goes

    std::size_t size() const { return items.size() - begin; }
    auto at(std::size_t n) { return items.begin() + static_cast<std::ptrdiff_t>(begin + n); }
    auto at(std::size_t n) const { return items.begin() + static_cast<std::ptrdiff_t>(begin + n); }
    void erase(std::size_t from, std::size_t to) {
      if (from != 0) {
        items.erase(at(from), at(to));
      } else if (begin += to; begin > kMost / 2) {
        items.erase(items.begin(), at(0));
        begin = 0;
      }
    }
  };

  template <bool kConst>
  class Iterator {
    using Blocks = std::conditional_t<kConst, const std::deque<Block>, std::deque<Block>>;

   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using reference = std::conditional_t<kConst, const T&, T&>;
    using pointer = std::conditional_t<kConst, const T*, T*>;

    Iterator() = default;
    reference operator*() const { return *(*blocks_)[block_].at(item_); }
    pointer operator->() const { return &**this; }
    Iterator& operator++() {
      if (++item_ == (*blocks_)[block_].size()) {
        ++block_;
        item_ = 0;
      }
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++*this;
      return before;
    }
    bool operator==(const Iterator& other) const {
      return block_ == other.block_ && item_ == other.item_;
    }

   private:
    friend class BlockList;
    Iterator(Blocks& blocks, std::size_t block, std::size_t item)
        : blocks_(&blocks), block_(block), item_(item) {}
    Blocks* blocks_ = nullptr;
    std::size_t block_ = 0;
    std::size_t item_ = 0;
  };

 public:
  using iterator = Iterator<false>;
  using const_iterator = Iterator<true>;

  bool empty() const { return blocks_.empty(); }
  iterator begin() { return {blocks_, 0, 0}; }
  iterator end() { return {blocks_, blocks_.size(), 0}; }
  const_iterator begin() const { return {blocks_, 0, 0}; }
  const_iterator end() const { return {blocks_, blocks_.size(), 0}; }

  void push_back(const T& value) {
    if (blocks_.empty() || blocks_.back().size() >= kMost) blocks_.emplace_back();
    blocks_.back().items.push_back(value);
  }
  void insert(iterator before, const T& value) {
    if (before == end()) return push_back(value);
    if (blocks_[before.block_].size() >= kMost) split(before);
    Block& block = blocks_[before.block_];
    block.items.insert(block.at(before.item_), value);
  }
  void erase(iterator from, iterator to) {
    if (from == to) return;
    if (from.block_ == to.block_) {
      blocks_[from.block_].erase(from.item_, to.item_);
      return;
    }
    std::size_t first = from.block_;  // blocks that go as a whole
    if (from.item_ != 0) {
      blocks_[first].erase(from.item_, blocks_[first].size());
      ++first;
    }
    if (to.item_ != 0) blocks_[to.block_].erase(0, to.item_);
    blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(first),
                  blocks_.begin() + static_cast<std::ptrdiff_t>(to.block_));
  }

  /// The first one for which `before` does not hold; those for which it does come first.
  template <class Before>
  iterator partition_point(Before before) {
    const auto found = find(before);
    return {blocks_, found.block_, found.item_};
  }
  template <class Before>
  const_iterator partition_point(Before before) const {
    return find(before);
  }

 private:
  template <class Before>
  const_iterator find(Before before) const {
    const auto block = std::partition_point(
        blocks_.begin(), blocks_.end(), [&](const Block& one) { return before(one.items.back()); });
    if (block == blocks_.end()) return end();
    const auto item = std::partition_point(block->at(0), block->items.end(), before);
    return {blocks_, static_cast<std::size_t>(block - blocks_.begin()),
            static_cast<std::size_t>(item - block->at(0))};
  }
  // `at` stays where it was.
  void split(iterator& at) {
    Block& full = blocks_[at.block_];
    const std::size_t half = full.size() / 2;
    Block rest{{full.at(half), full.items.end()}, 0};
    full.items.erase(full.at(half), full.items.end());
    blocks_.insert(blocks_.begin() + static_cast<std::ptrdiff_t>(at.block_ + 1), std::move(rest));
    if (at.item_ < half) return;
    ++at.block_;
    at.item_ -= half;
  }

  std::deque<Block> blocks_;
};

}  // namespace polymq
