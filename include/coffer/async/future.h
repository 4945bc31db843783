// Future<T>, Promise<T>: a result that is being worked out.
//
// Eager: the work has begun when you hold the future. It resolves exactly once, and only when no
// thread can touch the caller's memory any more, also after Cancel().
//
//     Future<void> reading = volume.ReadAsync(box, Ref(out));
//     reading.Wait(std::chrono::steady_clock::now() + 2s);   // only waits; false if not ready
//     reading.Cancel();                                      // only asks
//     Status status = reading.Get();                         // waits for the outcome
//
// ResultOf<T> is Result<T>, or Status for Future<void>. Dropping a future detaches the work; the
// work goes on. Get() on an executor thread runs other queued tasks while it waits, so it cannot
// deadlock the pool. A promise dropped unset resolves its future with Internal.
//
// Thread safety: all methods from any thread.
#ifndef COFFER_ASYNC_FUTURE_H_
#define COFFER_ASYNC_FUTURE_H_

#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "coffer/async/cancel.h"
#include "coffer/async/executor.h"
#include "coffer/base/result.h"

namespace coffer::inline v0 {

using Deadline = std::chrono::steady_clock::time_point;

template <class T>
using ResultOf = std::conditional_t<std::is_void_v<T>, Status,
                                    Result<std::conditional_t<std::is_void_v<T>, int, T>>>;

template <class T>
class Promise;

template <class T>
class Future;

/* CONTRACT SKETCH (the async helper completes this):

template <class T>
class [[nodiscard]] Future {
 public:
  using ValueType = T;
  Future();                                            // invalid; valid() is false
  static Future Ready(ResultOf<T> result);             // already resolved; cheap
  bool valid() const; bool ready() const;
  bool Wait(Deadline deadline) const; void Wait() const;   // helps on worker threads
  const ResultOf<T>& Get() const&;  ResultOf<T> Get() &&;  // waits
  void Cancel() const;                                 // asks; see Promise::cancel_token
  // Runs f(ResultOf<T>) -> U | Result<U> | Status | Future<U> on the executor of the promise (the
  // executor given for a ready future); returns Future<U>. Never grows the stack. Exceptions and
  // bad_alloc out of f become a Status (Internal / ResourceExhausted).
  template <class F> auto Then(F f) const;
  template <class F> auto Then(Executor& executor, F f) const;
  // Low level, for engine code: runs callback(const ResultOf<T>&) on the completing thread, or here
  // and now if ready. Must be short and must not block.
  void OnReady(std::function<void(const ResultOf<T>&)> callback) const;
};

template <class T>
class Promise {   // copyable handle
 public:
  explicit Promise(std::shared_ptr<Executor> executor = nullptr);  // where Then() continues
  Future<T> future() const;
  bool Set(ResultOf<T> result) const;                  // false if it was resolved already
  CancelToken cancel_token() const;                    // fires when a future's Cancel() is called
};
*/

}  // namespace coffer::inline v0

#endif  // COFFER_ASYNC_FUTURE_H_
