// NewPrefix: a prefix that this process has just chosen, so that nothing can be below it.
//
// Whoever makes an array first looks whether there is one, of any format, and whether an older one
// has left chunks: five requests, each of which a remote store takes its time for. Here they are
// answered at once, until the first write; from then on it is a prefix store. That write, of the
// array's document, is answered before it is through, so that the chunks need not wait for it:
// Settle() tells what has become of it.
//
// Thread safety: that of KvStore; Settle() when the store's other calls have returned.
#ifndef COFFER_SRC_CHECKPOINT_NEW_PREFIX_H_
#define COFFER_SRC_CHECKPOINT_NEW_PREFIX_H_

#include <memory>
#include <string>

#include "coffer/base/status.h"
#include "coffer/kvstore/kvstore.h"

namespace coffer::inline v0 {

class NewPrefix {
 public:
  /// Requires a prefix that ends with "/" and that nobody else knows yet.
  NewPrefix(KvStorePtr base, std::string prefix);
  KvStorePtr store() const;
  /// Waits for the first write. Errors: its own; Aborted if it found something there.
  Status Settle() const;

 private:
  class Store;
  std::shared_ptr<Store> store_;
};

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_CHECKPOINT_NEW_PREFIX_H_
