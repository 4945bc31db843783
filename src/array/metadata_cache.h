// The metadata cache: documents as a driver reads them, remembered by store and key.
//
// A driver is handed a view of the store that answers its reads of whole values from what the
// context remembers, as far as the caller allows, and asks the store under the remembered
// generation otherwise. So every format has the cache without knowing of it; that nothing has a
// key is remembered, too, which is what detection asks for most.
#ifndef COFFER_SRC_ARRAY_METADATA_CACHE_H_
#define COFFER_SRC_ARRAY_METADATA_CACHE_H_

#include "coffer/array/driver.h"
#include "src/array/array_caches.h"

namespace coffer::inline v0 {

/// The view, for the node at the place.
KvStorePtr ViewOfDocuments(const Place& place, const OpenOptions& options);

/// driver.Open() through the view; what it gives refers to the store itself.
Result<StoredArrayPtr> OpenThroughCache(const ArrayDriver& driver, const Place& place,
                                        const OpenOptions& options);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_ARRAY_METADATA_CACHE_H_
