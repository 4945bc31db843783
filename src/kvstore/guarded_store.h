// The guard before what a table's functions, which users write, open and are.
//
// Exceptions do not leave a function of this library, and nothing in it expects a null. A store
// that somebody registered is held to that by a guard, through which every call goes: what it
// throws, and a null in place of a future, a writer or a listing, becomes an Internal error that
// names key, store driver and operation. Stores that are built in need none.
#ifndef COFFER_SRC_KVSTORE_GUARDED_STORE_H_
#define COFFER_SRC_KVSTORE_GUARDED_STORE_H_

#include <string>

#include "coffer/base/result.h"
#include "coffer/kvstore/kvstore.h"

namespace coffer::inline v0 {

/// `base` behind a guard. `driver` is what it was registered as. Errors: Internal, if it cannot
/// even say what it is capable of.
Result<KvStorePtr> GuardStore(KvStorePtr base, const std::string& driver);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_KVSTORE_GUARDED_STORE_H_
