// ZipArchive: one archive in a store, and what is known of it.
//
// The directory is read once and kept with the generation of the archive that it is of. Whoever
// goes by it reads the archive under that generation: what is put together is of one version.
//
// A base store that is local is read on the calling thread, and `then` has been called when the
// method returns. Else the methods return at once; `then` runs as a task of the context's executor,
// or here and now where the answer is known. No thread waits for another.
//
// Thread safety: all methods from any thread.
#ifndef COFFER_KVSTORE_ZIP_ARCHIVE_H_
#define COFFER_KVSTORE_ZIP_ARCHIVE_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

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
  /// FailedPrecondition if the store does not tell generation and size; the store's.
  void Open(const ZipVersionPtr& stale, ThenOpened then);
  /// Whether the archive still is of this version.
  void Verify(const ZipVersionPtr& version, std::function<void(const Result<bool>&)> then);
  /// The newest version: Open() and Verify().
  void OpenNewest(ThenOpened then) { OpenNewest(nullptr, kZipAttempts, std::move(then)); }

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

  void OpenNewest(const ZipVersionPtr& stale, int attempts, ThenOpened then);
  void ReadTail(const std::shared_ptr<Load>& load);
  void ReadSmall(const std::shared_ptr<Load>& load);
  void FindDirectory(const std::shared_ptr<Load>& load, const ReadResult& tail);
  void Parse(const std::shared_ptr<Load>& load, Bytes bytes);
  void Finish(const std::shared_ptr<Load>& load, const Result<ZipVersionPtr>& loaded);

  const KvStorePtr base_;
  const std::string key_;
  const Context context_;

  Mutex mutex_;
  ZipVersionPtr known_ COFFER_GUARDED_BY(mutex_);
  bool loading_ COFFER_GUARDED_BY(mutex_) = false;  // For all who come, unless the store is local.
  std::vector<ThenOpened> waiting_ COFFER_GUARDED_BY(mutex_);  // For what is loading.
};

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_ZIP_ARCHIVE_H_
