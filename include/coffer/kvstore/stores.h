// The stores that hold values themselves, by function instead of by URL.
//
//     KvStorePtr scratch = MakeMemoryStore();
//     KvStorePtr disk = MakeFileStore("/data/volume", {.sync = false}).OrThrow();
//
// Thread safety: that of KvStore.
#ifndef COFFER_KVSTORE_STORES_H_
#define COFFER_KVSTORE_STORES_H_

#include <chrono>
#include <string>
#include <string_view>

#include "coffer/async/context.h"
#include "coffer/base/export.h"
#include "coffer/base/result.h"
#include "coffer/kvstore/kvstore.h"

namespace coffer::inline v0 {

/// A new, empty store in memory that nobody else can open. Its values live as long as it does.
COFFER_EXPORT KvStorePtr MakeMemoryStore(const Context& context = Context::Default());

/// The store "memory://name" of this context: empty at first, shared by all who open the name, kept
/// as long as the context.
COFFER_EXPORT KvStorePtr MakeMemoryStore(std::string_view name, const Context& context);

struct COFFER_EXPORT FileStoreOptions {
  /// Acknowledged writes survive power loss. false: they survive the program only, and are faster.
  bool sync = true;
  enum class Locking {
    kOs,        ///< OFD locks: conditions are exact, also against other processes.
    kLockfile,  ///< For file systems without locks: who creates the lock file has the lock. As
                ///< exact, if every writer does so; but a killed writer's lock stands in the way of
                ///< its key until ClearDebris() with assume_no_writers, or a hand, removes it.
    kNone,      ///< Writes stay atomic, and of many that create a key one does; but two processes
                ///< that replace or delete one value under a condition may both win, and one of
                ///< them is lost.
  };
  Locking locking = Locking::kOs;
  /// How long a writer waits, counted from the call, for another process that holds a key's lock.
  std::chrono::milliseconds lock_timeout = std::chrono::seconds(60);
  /// Streams (OpenWriter) of more than 4 MiB pass the page cache by (O_DIRECT) where the file
  /// system can, and hold 4 MiB each. They leave what others have cached where it is, and take less
  /// processor time, but on most disks longer (docs/performance.md).
  bool direct_streams = false;
};

/// The directory `path` as a store; made by the first write. A relative path is taken from the
/// current directory of now. Errors: InvalidArgument (an empty path, or one with a NUL).
COFFER_EXPORT Result<KvStorePtr> MakeFileStore(std::string_view path,
                                               const FileStoreOptions& options = {},
                                               const Context& context = Context::Default());

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_STORES_H_
