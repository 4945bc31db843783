// ZipArchive: one archive in a store, and what is known of it.
//
// The directory is read once and kept with the generation of the archive that it is of. Whoever
// goes by it reads the archive under that generation: what is put together is of one version.
//
// A base store that is local is read on the calling thread, and `then` has been called when the
// method returns. Else the methods return at once; `then` runs as a task of the context's executor,
// or here and now where the answer is known. No thread waits for another. Who cancels while a
// directory is read for several is told at once, on the cancelling thread, and the others get it;
// the reading ends when the last of them has cancelled.
//
// Thread safety: all methods from any thread.
#ifndef COFFER_KVSTORE_ZIP_ARCHIVE_H_
#define COFFER_KVSTORE_ZIP_ARCHIVE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "coffer/async/cancel.h"
#include "coffer/async/context.h"
#include "coffer/kvstore/kvstore.h"
#include "kvstore/zip/directory.h"
#include "src/base/mutex.h"

namespace coffer::inline v0 {

/// How often something is begun anew because the archive was replaced meanwhile.
inline constexpr int kZipAttempts = 20;

/// One version of an archive.
struct ZipVersion {
  ZipDirectoryPtr directory;
  Generation generation;
};
using ZipVersionPtr = std::shared_ptr<const ZipVersion>;

/// Either ends what a caller waits for.
struct ZipCancel {
  CancelToken given = {};   ///< The caller's own.
  CancelToken future = {};  ///< Of the future that he has got.

  bool cancelled() const { return given.cancelled() || future.cancelled(); }
};

class ZipArchive : public std::enable_shared_from_this<ZipArchive> {
 public:
  /// A version, and whether the archive was read for it after the call: then it is the newest.
  struct Opened {
    ZipVersionPtr version;
    bool fresh = false;
  };
  using ThenOpened = std::function<void(const Result<Opened>&)>;

  ZipArchive(KvStorePtr base, std::string key, Context context)
      : base_(std::move(base)), key_(std::move(key)), context_(std::move(context)) {}

  /// The known version, unless it is `stale`; else the archive is read. Errors: NotFound if there
  /// is no archive; those of ZipDirectory; Aborted if it was replaced every time;
  /// FailedPrecondition if the store does not tell generation and size; Cancelled; the store's.
  void Open(const ZipVersionPtr& stale, const ZipCancel& cancel, ThenOpened then);
  /// Whether the archive still is of this version.
  void Verify(const ZipVersionPtr& version, const ZipCancel& cancel,
              std::function<void(const Result<bool>&)> then);
  /// The newest version: Open() and Verify().
  void OpenNewest(const ZipCancel& cancel, ThenOpened then) {
    OpenNewest(nullptr, kZipAttempts, cancel, std::move(then));
  }

  KvStore& base() const { return *base_; }
  const std::string& key() const { return key_; }
  const Context& context() const { return context_; }
  /// Of the archive.
  std::string Describe() const { return base_->Describe(key_); }
  /// Aborted, by this name.
  Status ReplacedTooOften() const;

  /// Calls f(result) when the future has it.
  template <class T, class F>
  void When(const Future<T>& future, F f) const {
    if (future.ready()) return f(future.Get());
    static_cast<void>(future.Then(context_.executor(),
                                  [f = std::move(f)](const Result<T>& result) { f(result); }));
  }

 private:
  struct Load;
  struct Waiter {
    ThenOpened then;
    ZipCancel cancel;
    uint64_t given_id = 0;  // Of the callbacks.
    uint64_t future_id = 0;

    void Tell(const Result<Opened>& opened) const;
  };
  using Waiters = std::map<uint64_t, Waiter>;  // By a number of each.

  void OpenNewest(const ZipVersionPtr& stale, int attempts, const ZipCancel& cancel,
                  ThenOpened then);
  void OpenShared(const ZipVersionPtr& stale, const ZipCancel& cancel, ThenOpened then);
  void Leave(uint64_t number);
  void ReadTail(const std::shared_ptr<Load>& load);
  void ReadSmall(const std::shared_ptr<Load>& load);
  void FindDirectory(const std::shared_ptr<Load>& load, const ReadResult& tail);
  void Parse(const std::shared_ptr<Load>& load, Bytes bytes);
  void Finish(const std::shared_ptr<Load>& load, const Result<ZipVersionPtr>& loaded);

  const KvStorePtr base_;
  const std::string key_;
  const Context context_;

  std::atomic<uint64_t> next_waiter_{0};
  Mutex mutex_;  // Guards what follows.
  ZipVersionPtr known_ COFFER_GUARDED_BY(mutex_);
  // For all who come, unless the store is local.
  std::shared_ptr<Load> loading_ COFFER_GUARDED_BY(mutex_);
  Waiters first_ COFFER_GUARDED_BY(mutex_);    // Who were there when it began.
  Waiters waiting_ COFFER_GUARDED_BY(mutex_);  // Who came later.
};

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_ZIP_ARCHIVE_H_
