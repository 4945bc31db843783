// Counted: a store in memory that counts what it is asked, for tests of what is not asked.
#ifndef COFFER_TESTS_UNIT_ARRAY_TRACED_H_
#define COFFER_TESTS_UNIT_ARRAY_TRACED_H_

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "coffer/kvstore/adapters.h"
#include "tests/unit/array/model.h"

namespace coffer::inline v0::testing {

/// A store and the operations that reach it.
struct Traced {
  explicit Traced(KvStorePtr base = NewStore())
      : store(MakeTraceStore(std::move(base), [kept = log](const TraceEvent& event) {
          const std::lock_guard lock(kept->mutex);
          kept->events.push_back(event);
        })) {}

  /// What was asked since the last call: "Read zarr.json 0", operation, key and bytes moved.
  std::vector<std::string> Take() const {
    const std::lock_guard lock(log->mutex);
    std::vector<std::string> lines;
    for (const TraceEvent& event : std::exchange(log->events, {})) {
      lines.push_back(std::string(KvOperationName(event.operation)) + " " + event.key + " " +
                      std::to_string(event.bytes));
    }
    return lines;
  }

  struct Log {
    std::mutex mutex;  // Guards events.
    std::vector<TraceEvent> events;
  };
  std::shared_ptr<Log> log = std::make_shared<Log>();
  KvStorePtr store;
};

/// A clock that stands still until it is told.
struct Clock {
  using Time = std::chrono::steady_clock::time_point;
  std::shared_ptr<std::atomic<int64_t>> seconds = std::make_shared<std::atomic<int64_t>>(1000);
  std::function<Time()> function() const {
    return [now = seconds] { return Time(std::chrono::seconds(*now)); };
  }
  void Advance(int64_t by) const { *seconds += by; }
};

}  // namespace coffer::inline v0::testing

#endif  // COFFER_TESTS_UNIT_ARRAY_TRACED_H_
