// Whatever allocator the program was linked with.
#include "base/heap.h"

#include <malloc.h>

// mimalloc's, when it serves the process; sanitizers bring allocators of their own.
extern "C" void mi_collect(bool force) __attribute__((weak));

namespace polymq {

void return_free_memory() {
  if (mi_collect != nullptr) {
    mi_collect(true);
  } else {
    ::malloc_trim(0);
  }
}

}  // namespace polymq
