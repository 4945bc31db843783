// AddBuiltinStores: the stores that coffer comes with. Declared here, where the table needs it, and
// defined in src/registry/stores.cc, the only file that sees every store: no include points up.
#ifndef COFFER_SRC_KVSTORE_BUILTIN_STORES_H_
#define COFFER_SRC_KVSTORE_BUILTIN_STORES_H_

#include "coffer/kvstore/store_table.h"

namespace coffer::inline v0 {

/// Adds every built-in store to an empty table.
void AddBuiltinStores(StoreTable& table);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_KVSTORE_BUILTIN_STORES_H_
