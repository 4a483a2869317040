// Blocks of an arena: few, growing, found again in reverse order.
#include "sqs/protocol/arena.h"

#include <algorithm>
#include <new>

namespace polymq::sqs {
namespace {

constexpr std::size_t kFirstBlock = 16 * 1024;
/// A block up to this size survives reset().
constexpr std::size_t kKeptBlock = 64 * 1024;

}  // namespace

void* Arena::allocate_in_new_block(std::size_t size) {
  const std::size_t room = std::max({size, kFirstBlock, 2 * capacity_});
  auto* const block = static_cast<Block*>(::operator new(sizeof(Block) + room));
  *block = {block_, room};
  block_ = block;
  capacity_ = room;
  held_ += room;
  used_ = size;
  return bytes(block);
}

void Arena::reset() {
  used_ = 0;
  if (block_ != nullptr && (block_->before != nullptr || capacity_ > kKeptBlock)) release();
}

void Arena::release() {
  while (block_ != nullptr) {
    Block* const before = block_->before;
    ::operator delete(block_);
    block_ = before;
  }
  used_ = capacity_ = held_ = 0;
}

}  // namespace polymq::sqs
