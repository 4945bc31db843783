// The memory store's entry for the table of stores. Its functions are in coffer/kvstore/stores.h.
#ifndef COFFER_KVSTORE_MEMORY_MEMORY_H_
#define COFFER_KVSTORE_MEMORY_MEMORY_H_

#include "coffer/kvstore/store_table.h"

namespace coffer::inline v0 {

/// "memory://name[/prefix]" and {"driver": "memory", "path": "name[/prefix]"}: named stores that
/// live as long as their context.
StoreDriver MemoryStoreDriver();

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_MEMORY_MEMORY_H_
