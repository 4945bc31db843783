// The zip adapter's entry for the table of stores. MakeZipStore is in coffer/kvstore/adapters.h.
#ifndef COFFER_KVSTORE_ZIP_ZIP_H_
#define COFFER_KVSTORE_ZIP_ZIP_H_

#include "coffer/kvstore/store_table.h"

namespace coffer::inline v0 {

/// "BASE|zip:PREFIX" and {"driver": "zip", "base": BASE, "path": "PREFIX"}, where BASE names a key
/// of a store, as OpenKvStoreKey takes it.
StoreDriver ZipStoreDriver();

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_ZIP_ZIP_H_
