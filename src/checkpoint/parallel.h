// Work on many leaves at once: plain blocking code on a few threads of our own (the arrays'
// blocking calls do the waiting), whose first error also cancels what the others are at; and the
// sum of what they report as progress.
#ifndef COFFER_SRC_CHECKPOINT_PARALLEL_H_
#define COFFER_SRC_CHECKPOINT_PARALLEL_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>

#include "coffer/array/options.h"
#include "coffer/async/cancel.h"
#include "coffer/async/context.h"
#include "coffer/base/status.h"
#include "coffer/kvstore/kvstore.h"
#include "src/async/progress.h"
#include "src/base/mutex.h"

namespace coffer::inline v0 {

/// Calls work(0) ... work(count - 1), each once, with a token that the caller's cancellation and
/// the first error fire. Returns that error.
Status ForEachLeaf(const Context& context, size_t count, int threads, const CancelToken& cancel,
                   const std::function<Status(size_t number, const CancelToken& cancel)>& work);

/// How many threads suit a store: those of the executor and two that wait, more where only many
/// requests in flight hide the latency.
int LeafThreads(const Context& context, const KvStore& store);

/// Adds up the progress of parts.
class ProgressSum : public Progress {
 public:
  ProgressSum(const ProgressFunction& on_progress, int64_t all_bytes)
      : Progress(on_progress, all_bytes), heard_(on_progress != nullptr) {}

  /// For a part of `bytes` bytes: scales what its own operation counts; null if nobody listens. Use
  /// from one operation, then call Finish.
  class Part {
   public:
    Part(ProgressSum& sum, int64_t bytes) : sum_(sum), bytes_(bytes) {}
    ProgressFunction function();
    /// The part is done, whatever was told of it.
    void Finish();

   private:
    ProgressSum& sum_;
    const int64_t bytes_;
    int64_t told_ = 0;
  };

 private:
  const bool heard_;
};

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_CHECKPOINT_PARALLEL_H_
