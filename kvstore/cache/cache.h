// The cache adapter's entry for the table of stores. Its function is in coffer/kvstore/adapters.h.
#ifndef COFFER_KVSTORE_CACHE_CACHE_H_
#define COFFER_KVSTORE_CACHE_CACHE_H_

#include "coffer/kvstore/store_table.h"

namespace coffer::inline v0 {

/// {"driver": "cache", "base": <spec or URL>, "limit_bytes": N, "fresh_for_ms": N,
/// "value_max_bytes": N}. It has no URL.
StoreDriver CacheStoreDriver();

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_CACHE_CACHE_H_
