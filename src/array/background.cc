#include "src/array/background.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

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
  } catch (const std::bad_alloc&) {
    return ResourceExhaustedError("out of memory");
  } catch (const std::exception& error) {
    return InternalError(std::string("exception: ") + error.what());
  }
}

}  // namespace

Status RunInBackground(int threads, int64_t count, const std::function<Status(int64_t)>& body,
                       const CancelToken& cancel) {
  Shared shared;
  auto work = [&] {
    while (!shared.stopped) {
      if (cancel.cancelled()) return shared.Stop(CancelledError("cancelled"));
      const int64_t index = shared.next++;
      if (index >= count) return;
      if (const Status status = Guarded(body, index); !status.ok()) shared.Stop(status);
    }
  };
  std::vector<std::thread> running;
  const int64_t wanted = std::clamp<int64_t>(count, 0, std::max(threads, 1));
  for (int64_t i = 0; i < wanted; ++i) {
    try {
      running.emplace_back(work);
    } catch (const std::system_error& error) {
      if (running.empty()) {
        shared.Stop(ResourceExhaustedError(std::string("cannot start a thread: ") + error.what()));
      }
      break;
    }
  }
  for (std::thread& thread : running) thread.join();
  MutexLock lock(shared.mutex);
  return shared.status;
}

}  // namespace coffer::inline v0
