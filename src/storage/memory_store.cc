// Anchors MemoryStore in this room's library.
#include "storage/memory_store.h"
