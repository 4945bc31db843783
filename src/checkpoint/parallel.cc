#include "src/checkpoint/parallel.h"

#include <algorithm>

#include "src/array/background.h"

namespace coffer::inline v0 {

namespace {

/// The first error, which fires the token before later ones (mere echoes of it) are seen.
struct FirstError {
  Mutex mutex;
  Status status COFFER_GUARDED_BY(mutex);
  const CancelSource stop;

  void Note(const Status& error) {
    {
      MutexLock lock(mutex);
      if (status.ok()) status = error;
    }
    stop.Cancel();
  }
  Status Get() {
    MutexLock lock(mutex);
    return status;
  }
};

}  // namespace

Status ForEachLeaf(const Context& context, size_t count, int threads, const CancelToken& cancel,
                   const std::function<Status(size_t number, const CancelToken& cancel)>& work) {
  FirstError first;
  const uint64_t callback = cancel.OnCancel([&first] { first.stop.Cancel(); });
  const Status status = RunInBackground(
      context, threads, static_cast<int64_t>(count),
      [&](int64_t number) {
        const Status done = work(static_cast<size_t>(number), first.stop.token());
        if (!done.ok()) first.Note(done);
        return done;
      },
      cancel);
  cancel.RemoveCallback(callback);
  const Status error = first.Get();
  return error.ok() ? status : error;
}

int LeafThreads(const Context& context, const KvStore& store) {
  constexpr int kThreadsMax = 64;
  const int own = context.executor().concurrency() + 2;
  return std::min(kThreadsMax, std::max(own, store.capabilities().request_concurrency));
}

ProgressFunction ProgressSum::Part::function() {
  if (!sum_.heard_) return nullptr;
  return [this](int64_t done, int64_t all) {
    const double share = all > 0 ? static_cast<double>(done) / static_cast<double>(all) : 0.0;
    const auto now = static_cast<int64_t>(share * static_cast<double>(bytes_));
    const int64_t news = std::clamp(now, told_, bytes_) - told_;
    told_ += news;
    sum_.Add(news);
  };
}

void ProgressSum::Part::Finish() {
  sum_.Add(bytes_ - told_);
  told_ = bytes_;
}

}  // namespace coffer::inline v0
