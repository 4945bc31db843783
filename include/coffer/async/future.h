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
// deadlock the pool; since such a task may block in turn, the stack grows with the depth of that.
//
// The other side holds a Promise and resolves it once, from any thread:
//
//     Promise<int64_t> promise(context.shared_executor());
//     Future<int64_t> size = promise.future();
//     StartRequest([promise](int64_t bytes) { promise.Set(bytes); });
//     Future<std::string> text = size.Then(
//         [](const Result<int64_t>& bytes) -> Result<std::string> {
//           if (!bytes.ok()) return bytes.status();
//           return std::to_string(*bytes);
//         });
//
// A promise dropped unset resolves its future with Internal.
//
// Cancelling: all futures of a chain made by Then() share one token, so Cancel() on any of them
// asks the work that has yet to be done, whichever step that is. Steps not yet begun still run,
// since they are handed the outcome (Cancelled, most often) of the step before.
//
// Thread safety: all methods from any thread.
#ifndef COFFER_ASYNC_FUTURE_H_
#define COFFER_ASYNC_FUTURE_H_

#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "coffer/async/cancel.h"
#include "coffer/async/executor.h"
#include "coffer/async/internal/future_state.h"
#include "coffer/base/export.h"
#include "coffer/base/result.h"

namespace coffer::inline v0 {

template <class T>
using ResultOf = internal::ResultOf<T>;

template <class T>
class Promise;

template <class T>
class [[nodiscard]] Future {
 public:
  using ValueType = T;

  Future() = default;  ///< Invalid: only valid(), destruction and assignment are allowed.

  /// Resolved already; one allocation.
  static Future Ready(ResultOf<T> result) {
    return Future(internal::MakeReady<T>(std::move(result)));
  }

  bool valid() const { return state_ != nullptr; }
  bool ready() const { return state_->ready(); }

  /// Waits until the future is ready, helping on worker threads.
  void Wait() const { state_->Wait(Deadline::max()); }
  /// The same, at most until the deadline (a task that it helps with may take longer). Returns
  /// ready(); the work goes on either way.
  bool Wait(Deadline deadline) const { return state_->Wait(deadline); }

  /// Waits; the result stays with the future.
  const ResultOf<T>& Get() const& {
    Wait();
    return state_->result();
  }
  /// Waits; takes the result along. Copies it if others hold this future, unless it cannot be
  /// copied: then they find it moved from.
  ResultOf<T> Get() && {
    Wait();
    return internal::TakeResult(*state_);
  }

  /// Asks the work to stop. The future still resolves, with Cancelled or with its result.
  void Cancel() const { state_->Cancel(); }

  /// Calls f(ResultOf<T>) when ready, always as a task of an executor: the promise's, or the given
  /// one, which must then outlive the chain unless a shared_ptr owns it. (A ready future and a
  /// promise without an executor have the default context's.) `f` may take the result by value or
  /// by reference and return
  ///     U, Result<U>, or Future<U>  for a Future<U>,
  ///     void, Status, or Future<void>  for a Future<void>.
  /// What it throws becomes Internal, std::bad_alloc ResourceExhausted. Chains of any length need
  /// no stack, neither while they resolve nor when they are destroyed.
  template <class F>
  auto Then(F f) const {
    return ThenOn(state_->executor(), std::move(f));
  }
  template <class F>
  auto Then(Executor& executor, F f) const {
    return ThenOn(internal::Share(executor), std::move(f));
  }

  /// For engine code: calls callback(const ResultOf<T>&) on the thread that resolves the future, or
  /// here and now if it is ready. It must be short and must not block or throw. A callback that
  /// resolves another future returns before that one's callbacks run (on the same thread).
  template <class F>
  void OnReady(F callback) const {
    AddCallback(new internal::PlainCallback<T, F>(std::move(callback)));
  }

 private:
  friend class Promise<T>;
  template <class U>
  friend class Future;
  template <class U, class F>
  friend class internal::ThenCallback;

  explicit Future(internal::StatePtr<T> state) : state_(std::move(state)) {}

  template <class F>
  auto ThenOn(std::shared_ptr<Executor> executor, F f) const {
    using U = internal::ThenValue<T, F>;
    Promise<U> promise(std::move(executor));
    promise.state_->ShareCancel(*state_);
    Future<U> future = promise.future();
    AddCallback(new internal::ThenCallback<T, F>(std::move(f), std::move(promise)));
    return future;
  }
  void AddCallback(internal::FutureCallback* callback) const {
    internal::FutureCore::AddCallback(state_.template As<internal::FutureCore>(), callback);
  }

  internal::StatePtr<T> state_;
};

/// The writing end. A handle: copies share, and the last one dropped unset breaks the promise.
template <class T>
class Promise {
 public:
  /// Then() continues on `executor`; without one, on the default context's.
  explicit Promise(std::shared_ptr<Executor> executor = nullptr)
      : state_(internal::MakePending<T>(std::move(executor))) {
    state_->AddPromise();
  }
  Promise(const Promise& other) : state_(other.state_) {
    if (state_ != nullptr) state_->AddPromise();
  }
  Promise(Promise&& other) noexcept = default;
  Promise& operator=(Promise other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~Promise() {
    if (state_ != nullptr) state_->DropPromise();
  }

  Future<T> future() const { return Future<T>(state_); }
  /// Resolves the future; false if it was resolved already. A thread that waits for the future may
  /// destroy this very handle as soon as it is ready.
  bool Set(ResultOf<T> result) const {
    const internal::StatePtr<T> state = state_;
    return state->Set(std::move(result));
  }
  /// Fires when someone calls Cancel() on the future or on one that continues it.
  CancelToken cancel_token() const { return state_->cancel_token(); }

 private:
  friend class Future<T>;
  template <class U>
  friend class Future;
  template <class U, class F>
  friend class internal::ThenCallback;

  internal::StatePtr<T> state_;
};

/// Runs f() as a task of the executor; the future of what it returns, as for Future::Then.
template <class F>
auto Spawn(std::shared_ptr<Executor> executor, F f) {
  return Future<void>::Ready(Status()).Then(
      *executor, [f = std::move(f)](const Status&) mutable { return f(); });
}

}  // namespace coffer::inline v0

#endif  // COFFER_ASYNC_FUTURE_H_
