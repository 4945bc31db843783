// Progress: counts what is done, and tells the user.
//
// Thread safety: Add() from any thread. The callback is never called twice at the same time: of
// threads that come meanwhile, the one that is calling tells for all. It runs under no lock, so it
// may do what it likes, read and write included, if whoever calls Add() holds no bytes of the
// budget.
#ifndef COFFER_SRC_ASYNC_PROGRESS_H_
#define COFFER_SRC_ASYNC_PROGRESS_H_

#include <cstdint>
#include <functional>
#include <utility>

#include "src/base/mutex.h"

namespace coffer::inline v0 {

class Progress {
 public:
  using Function = std::function<void(int64_t done, int64_t all)>;

  Progress(Function function, int64_t all) : function_(std::move(function)), all_(all) {}

  /// Counts, at most up to all, and tells. What the callback throws comes out here; it is not
  /// called again.
  void Add(int64_t amount);

 private:
  const Function function_;  // May be null.
  const int64_t all_;
  Mutex mutex_;  // Guards what follows.
  int64_t done_ COFFER_GUARDED_BY(mutex_) = 0;
  int64_t told_ COFFER_GUARDED_BY(mutex_) = 0;
  bool telling_ COFFER_GUARDED_BY(mutex_) = false;
};

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_ASYNC_PROGRESS_H_
