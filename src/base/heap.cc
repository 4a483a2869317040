// mimalloc, where it serves the process.
#include "base/heap.h"

// Not there in a sanitizer's build, which brings an allocator of its own: the C library's must be
// left alone then, because it was never set up.
extern "C" void mi_collect(bool force) __attribute__((weak));

namespace polymq {

void return_free_memory() {
  if (mi_collect != nullptr) mi_collect(true);
}

}  // namespace polymq
