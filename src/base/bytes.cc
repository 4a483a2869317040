// Growth of buffers, out of line because it is rare.
#include "base/bytes.h"

#include <algorithm>

namespace polymq {

void Buffer::grow(std::size_t size) {
  const std::size_t used = end_ - begin_;
  // Moving to the front is enough when at least half of the block is free again.
  if (capacity_ >= 2 * used && capacity_ - used >= size) {
    std::memmove(block_.get(), block_.get() + begin_, used);
  } else {
    const std::size_t wanted = std::max<std::size_t>(std::bit_ceil(used + size), 512);
    auto bigger = std::make_unique_for_overwrite<char[]>(wanted);
    if (used != 0) std::memcpy(bigger.get(), block_.get() + begin_, used);
    block_ = std::move(bigger);
    capacity_ = wanted;
  }
  begin_ = 0;
  end_ = used;
}

}  // namespace polymq
