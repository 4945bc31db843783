// What stands behind Future<T> and Promise<T>; not for use by name.
//
// A FutureState<T> is one allocation, counted by itself. FutureCore is the part that does not
// depend on T: readiness, waiting, callbacks, cancellation. Callbacks are a list of nodes; a node
// of Then() is also the task that it submits, so a step of a chain costs two allocations in all.
#ifndef COFFER_ASYNC_INTERNAL_FUTURE_STATE_H_
#define COFFER_ASYNC_INTERNAL_FUTURE_STATE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "coffer/async/cancel.h"
#include "coffer/async/executor.h"
#include "coffer/base/export.h"
#include "coffer/base/result.h"

namespace coffer::inline v0 {

template <class T>
class Future;
template <class T>
class Promise;

namespace internal {

class FutureCore;

/// A counted reference to a state.
template <class S>
class Ref {
 public:
  Ref() = default;
  Ref(std::nullptr_t) {}  // NOLINT: implicit
  /// Takes over the count that the caller holds.
  static Ref Adopt(S* state) { return Ref(state); }
  static Ref Share(S* state) {
    state->AddRef();
    return Ref(state);
  }
  Ref(const Ref& other) : state_(other.state_) {
    if (state_ != nullptr) state_->AddRef();
  }
  Ref(Ref&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~Ref() {
    if (state_ != nullptr) state_->DropRef();
  }
  /// The same as a reference to a base.
  template <class Base>
  Ref<Base> As() const& {
    return Ref<Base>::Share(state_);
  }
  template <class Base>
  Ref<Base> As() && {
    return Ref<Base>::Adopt(std::exchange(state_, nullptr));
  }
  S* operator->() const { return state_; }
  S& operator*() const { return *state_; }
  friend bool operator==(const Ref& a, std::nullptr_t) { return a.state_ == nullptr; }

 private:
  explicit Ref(S* state) : state_(state) {}
  S* state_ = nullptr;
};

/// One thing to do when a future is ready. A node deletes itself.
class COFFER_EXPORT FutureCallback {
 public:
  virtual ~FutureCallback();
  /// Called once, under no lock. Takes over *this.
  virtual void Ready(Ref<FutureCore> core) = 0;

  // Set by FutureCore.
  FutureCallback* next = nullptr;
  Ref<FutureCore> core;
};

class COFFER_EXPORT FutureCore {
 public:
  struct AlreadyReady {};
  explicit FutureCore(std::shared_ptr<Executor> executor);
  explicit FutureCore(AlreadyReady);
  FutureCore(const FutureCore&) = delete;
  FutureCore& operator=(const FutureCore&) = delete;

  void AddRef() { refs_.fetch_add(1, std::memory_order_relaxed); }
  void DropRef() {
    if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }
  /// Nobody else can see this state.
  bool unique() const { return refs_.load(std::memory_order_acquire) == 1; }

  void AddPromise() { promises_.fetch_add(1, std::memory_order_relaxed); }
  void DropPromise() {
    if (promises_.fetch_sub(1, std::memory_order_acq_rel) == 1 && !claimed_.load()) Break();
  }

  bool ready() const { return ready_.load(std::memory_order_acquire); }
  bool Wait(Deadline deadline);
  /// Takes the node over; runs it here and now if ready.
  static void AddCallback(Ref<FutureCore> core, FutureCallback* callback);

  const std::shared_ptr<Executor>& executor() const { return executor_; }
  void Cancel();
  CancelToken cancel_token();
  /// Before anyone else sees *this: continues `other`, and so shares its token.
  void ShareCancel(FutureCore& other);

 protected:
  virtual ~FutureCore();
  /// Resolves with Internal.
  virtual void Break() = 0;
  /// True for the first caller, who then stores the result and calls Publish().
  bool Claim() { return !claimed_.exchange(true); }
  void Publish();

 private:
  struct Sync;
  bool HelpUntil(Executor& executor, Deadline deadline);

  std::atomic<int64_t> refs_{1};
  std::atomic<int64_t> promises_{0};
  std::atomic<bool> claimed_{false};
  std::atomic<bool> ready_{false};
  const std::shared_ptr<Executor> executor_;  // May be null.
  const std::unique_ptr<Sync> sync_;          // Null if ready from the start.
};

/// The given executor, or the default context's.
COFFER_EXPORT std::shared_ptr<Executor> OrDefault(const std::shared_ptr<Executor>& executor);
/// An owner of the executor if a shared_ptr owns it, else a mere pointer to it.
COFFER_EXPORT std::shared_ptr<Executor> Share(Executor& executor);
/// In a catch clause: the Status of what was thrown.
COFFER_EXPORT Status StatusOfException();
COFFER_EXPORT Status BrokenPromise();
/// Cancel() of a future continues with `inner` until the returned id is forgotten.
COFFER_EXPORT uint64_t ForwardCancel(const CancelToken& token, Ref<FutureCore> inner);

template <class T>
struct ResultOfT {
  using type = Result<T>;
};
template <>
struct ResultOfT<void> {
  using type = Status;
};
template <class T>
using ResultOf = typename ResultOfT<T>::type;

template <class T>
class FutureState final : public FutureCore {
 public:
  explicit FutureState(std::shared_ptr<Executor> executor) : FutureCore(std::move(executor)) {}
  FutureState(AlreadyReady ready, ResultOf<T> result)
      : FutureCore(ready), result_(std::move(result)) {}

  bool Set(ResultOf<T> result) {
    if (!Claim()) return false;
    result_.emplace(std::move(result));
    Publish();
    return true;
  }
  /// Requires ready().
  ResultOf<T>& result() { return *result_; }

 private:
  void Break() override { Set(BrokenPromise()); }
  std::optional<ResultOf<T>> result_;
};

template <class T>
using StatePtr = Ref<FutureState<T>>;

template <class T>
StatePtr<T> MakePending(std::shared_ptr<Executor> executor) {
  return StatePtr<T>::Adopt(new FutureState<T>(std::move(executor)));
}
template <class T>
StatePtr<T> MakeReady(ResultOf<T> result) {
  return StatePtr<T>::Adopt(new FutureState<T>(FutureCore::AlreadyReady(), std::move(result)));
}

/// The result, moved out if nobody else can look at it.
template <class T>
ResultOf<T> TakeResult(FutureState<T>& state) {
  // Result<T> is always declared copyable, so T itself has to be asked.
  if constexpr (std::is_void_v<T> || std::is_copy_constructible_v<T>) {
    if (!state.unique()) return state.result();
  }
  return std::move(state.result());
}

// What f returned, as a value type and as a result.
template <class R>
struct ThenTraits {
  using Value = R;
};
template <>
struct ThenTraits<Status> {
  using Value = void;
};
template <class U>
struct ThenTraits<Result<U>> {
  using Value = U;
};
template <class U>
struct ThenTraits<Future<U>> {
  using Value = U;
};

template <class R>
inline constexpr bool kIsFuture = false;
template <class U>
inline constexpr bool kIsFuture<Future<U>> = true;

template <class T, class F>
using ThenReturn = std::remove_cvref_t<std::invoke_result_t<F&, ResultOf<T>&&>>;
template <class T, class F>
using ThenValue = typename ThenTraits<ThenReturn<T, F>>::Value;

template <class T, class F>
class PlainCallback final : public FutureCallback {
 public:
  explicit PlainCallback(F f) : f_(std::move(f)) {}
  void Ready(Ref<FutureCore> source) override {
    const std::unique_ptr<PlainCallback> self(this);
    f_(std::as_const(static_cast<FutureState<T>&>(*source).result()));
  }

 private:
  F f_;
};

/// Resolves an outer promise as the inner future that stands for it was.
template <class U>
class ForwardCallback final : public FutureCallback {
 public:
  ForwardCallback(Promise<U> promise, CancelToken token, uint64_t id)
      : promise_(std::move(promise)), token_(std::move(token)), id_(id) {}
  void Ready(Ref<FutureCore> source) override {
    const std::unique_ptr<ForwardCallback> self(this);
    ForgetCallback(token_, id_);
    promise_.Set(TakeResult(static_cast<FutureState<U>&>(*source)));
  }

 private:
  Promise<U> promise_;
  CancelToken token_;
  uint64_t id_;
};

/// A step of Then(): waits for its source, then is the task that runs f.
template <class T, class F>
class ThenCallback final : public FutureCallback {
 public:
  using R = ThenReturn<T, F>;
  using U = ThenValue<T, F>;

  ThenCallback(F f, Promise<U> promise) : f_(std::move(f)), promise_(std::move(promise)) {}

  void Ready(Ref<FutureCore> source) override {
    source_ = std::move(source);
    // Held here: the task may end, and with it the last other owner, before Submit() has returned.
    const std::shared_ptr<Executor> executor = OrDefault(promise_.state_->executor());
    executor->Submit([this] { std::unique_ptr<ThenCallback>(this)->Run(); });
  }

 private:
  // What f captured and the source are gone by the time the promise is set.
  void Run() {
    if constexpr (kIsFuture<R>) {
      std::optional<R> inner;
      const Status status = Guard([&] { inner.emplace(Call()); });
      if (!status.ok()) {
        promise_.Set(status);
      } else if (!inner->valid()) {
        promise_.Set(BrokenPromise());
      } else {
        Forward(std::move(inner->state_));
      }
    } else {
      ResultOf<U> result = BrokenPromise();
      const Status status = Guard([&] {
        if constexpr (std::is_void_v<R>) {
          Call();
          result = Status();
        } else {
          result = Call();
        }
      });
      promise_.Set(status.ok() ? std::move(result) : ResultOf<U>(status));
    }
  }

  R Call() {
    FutureState<T>& source = static_cast<FutureState<T>&>(*source_);
    if constexpr (std::is_void_v<T> || std::is_copy_constructible_v<T>) {
      if constexpr (std::is_invocable_v<F&, const ResultOf<T>&>) {
        if (!source.unique()) return (*f_)(std::as_const(source.result()));
      } else {
        if (!source.unique()) return (*f_)(ResultOf<T>(source.result()));
      }
    }
    return (*f_)(std::move(source.result()));
  }

  template <class Body>
  Status Guard(Body body) {
    Status status;
    try {
      body();
    } catch (...) {
      status = StatusOfException();
    }
    f_.reset();
    source_ = nullptr;
    return status;
  }

  void Forward(StatePtr<U> inner) {
    const CancelToken token = promise_.cancel_token();
    const uint64_t id = ForwardCancel(token, inner.template As<FutureCore>());
    FutureCore::AddCallback(std::move(inner).template As<FutureCore>(),
                            new ForwardCallback<U>(std::move(promise_), token, id));
  }

  std::optional<F> f_;
  Promise<U> promise_;
  Ref<FutureCore> source_;
};

}  // namespace internal
}  // namespace coffer::inline v0

#endif  // COFFER_ASYNC_INTERNAL_FUTURE_STATE_H_
