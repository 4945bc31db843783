#include "src/array/background.h"

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

#include "coffer/async/future.h"
#include "src/base/mutex.h"

namespace coffer::inline v0 {
namespace {

struct Shared {
  std::atomic<int64_t> next{0};
  std::atomic<bool> stopped{false};
  Mutex mutex;  // Guards status.
  Status status COFFER_GUARDED_BY(mutex);

  void Stop(const Status& reason) {
    MutexLock lock(mutex);
    if (!stopped.exchange(true)) status = reason;
  }
};

Status Guarded(const std::function<Status(int64_t)>& body, int64_t index) {
  try {
    return body(index);
  } catch (...) {
    return internal::StatusOfException();
  }
}

}  // namespace

int BackgroundThreads(const Context& context, int request_concurrency) {
  constexpr int kRemoteThreadsMax = 32;
  return std::max(context.executor().concurrency(),
                  std::min(request_concurrency, kRemoteThreadsMax));
}

Status RunInBackground(const Context& context, int threads, int64_t count,
                       const std::function<Status(int64_t)>& body, const CancelToken& cancel) {
  Shared shared;
  const auto take = [&] {
    while (!shared.stopped) {
      if (cancel.cancelled()) return shared.Stop(CancelledError("cancelled"));
      const int64_t index = shared.next++;
      if (index >= count) return;
      if (const Status status = Guarded(body, index); !status.ok()) shared.Stop(status);
    }
  };
  // A thread may be waiting for what only a worker can do, and the caller may be the only one: so
  // it waits for a future, not for the threads.
  const Promise<void> ended(context.shared_executor());
  std::atomic<int64_t> left{std::clamp<int64_t>(count, 0, std::max(threads, 1))};
  const auto leave = [&](int64_t leaving) {
    if (left.fetch_sub(leaving) == leaving) ended.Set(Status());
  };
  std::vector<std::thread> running;
  for (int64_t to_start = left; to_start > 0; --to_start) {
    try {
      running.emplace_back([&] {
        take();
        leave(1);
      });
    } catch (const std::system_error& error) {
      if (running.empty()) {
        shared.Stop(ResourceExhaustedError(std::string("cannot start a thread: ") + error.what()));
      }
      leave(to_start);
      break;
    }
  }
  if (!running.empty()) ended.future().Wait();
  for (std::thread& thread : running) thread.join();
  MutexLock lock(shared.mutex);
  return shared.status;
}

}  // namespace coffer::inline v0
