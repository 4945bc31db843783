// MakeNewPrefixStore: a prefix that this process has just chosen, so that nothing can be below it.
//
// Whoever makes an array first looks whether there is one, of any format, and whether an older one
// has left chunks: five requests, each of which a remote store takes its time for. Here they are
// answered at once, until the first write goes through; from then on it is a prefix store.
//
// Thread safety: that of KvStore.
#ifndef COFFER_SRC_CHECKPOINT_NEW_PREFIX_H_
#define COFFER_SRC_CHECKPOINT_NEW_PREFIX_H_

#include <string>

#include "coffer/kvstore/kvstore.h"

namespace coffer::inline v0 {

/// Requires a prefix that ends with "/" and that nobody else knows yet.
KvStorePtr MakeNewPrefixStore(KvStorePtr base, std::string prefix);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_CHECKPOINT_NEW_PREFIX_H_
