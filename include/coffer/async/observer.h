// Observer, Stats: what a context did.
//
// Stats are counters that every context keeps (the command line prints them for --stats). An
// Observer additionally hears of each finished operation and each log line.
//
// Thread safety: counters are atomic; an Observer's methods may be called from any thread at once
// and must not call back into coffer.
#ifndef COFFER_ASYNC_OBSERVER_H_
#define COFFER_ASYNC_OBSERVER_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string_view>

#include "coffer/base/export.h"
#include "coffer/base/status.h"

namespace coffer::inline v0 {

struct Stats {
  std::atomic<int64_t> read_requests{0};   ///< Requests to stores.
  std::atomic<int64_t> write_requests{0};  ///< Writes and deletes.
  std::atomic<int64_t> bytes_read{0};
  std::atomic<int64_t> bytes_written{0};
  std::atomic<int64_t> chunks_decoded{0};
  std::atomic<int64_t> chunks_encoded{0};
};

class COFFER_EXPORT Observer {
 public:
  virtual ~Observer();
  /// One operation ended, e.g. "array.read" on "file:///data/brain.zarr".
  virtual void OnSpan(std::string_view operation, std::string_view subject,
                      std::chrono::nanoseconds duration, const Status& outcome) = 0;
  /// Something worth a line that is no error of a call (a retry, debris found).
  virtual void OnLog(std::string_view line) = 0;
};

}  // namespace coffer::inline v0

#endif  // COFFER_ASYNC_OBSERVER_H_
