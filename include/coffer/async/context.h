// Context: the resources that operations share: threads, memory, tables of plugins, counters.
//
// A default context exists; programs that want their own limits make one:
//
//     Context context = Context::Create({.threads = 4, .budget_bytes = MiB(256)});
//     Array volume = Array::Open(url, {.context = context}).OrThrow();
//
// Two contexts share nothing. A Context is a handle: copies share. Resources whose types belong to
// upper layers (store, codec and driver tables, caches) are made on first use by Get<T>().
//
// Lifetime: every operation keeps a handle until its future has resolved, so a context ends only
// when nothing of it is in flight; dropping your handle never cuts work off. The end of a context
// runs what its own executor still has queued, and joins; the last handle may be dropped on one of
// its own workers, which then does this in the background. In a forked child Default() is a new
// context, and an older handle works if nothing was in flight when the process forked.
//
// Thread safety: all methods from any thread.
#ifndef COFFER_ASYNC_CONTEXT_H_
#define COFFER_ASYNC_CONTEXT_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "coffer/async/buffer.h"
#include "coffer/async/byte_budget.h"
#include "coffer/async/executor.h"
#include "coffer/async/observer.h"
#include "coffer/base/checked.h"
#include "coffer/base/export.h"

namespace coffer::inline v0 {

namespace internal {
/// Its address stands for T.
template <class T>
COFFER_EXPORT inline constexpr char kTypeKey = 0;
}  // namespace internal

struct ContextOptions {
  int threads = 0;                 ///< 0: the cgroup's cores. Ignored with `executor`.
  int64_t budget_bytes = MiB(64);  ///< Hard limit on bytes in flight. Requires > 0.
  int64_t cache_bytes = MiB(32);   ///< Limit of metadata and shard index caches together.
  int64_t chunk_cache_bytes = 0;   ///< Limit of decoded chunks that are kept; 0: none are.
  std::shared_ptr<Executor> executor = nullptr;  ///< The caller's own.
  std::shared_ptr<Observer> observer = nullptr;
  /// By which the caches tell how old an answer is; null: the steady clock. Called from any thread,
  /// at once from several; must not go back.
  std::function<std::chrono::steady_clock::time_point()> clock = nullptr;
};

class COFFER_EXPORT Context {
 public:
  /// The process's default context (made on first use; made anew in a forked child).
  static Context Default();
  static Context Create(const ContextOptions& options = {});

  Context() : Context(Default()) {}

  Executor& executor() const;
  std::shared_ptr<Executor> shared_executor() const;
  ByteBudget& budget() const;
  BufferPool& buffers() const;
  Stats& stats() const;
  Observer* observer() const;             ///< nullptr if none.
  const ContextOptions& options() const;  ///< `threads` as it came out.

  /// This context's T, made on first use by T(const ContextOptions&) if that exists, else T(). Two
  /// threads that come first together may both make one; one of these is dropped. It must not hold
  /// a Context of its own context: that would never end.
  template <class T>
  T& Get() const {
    void* resource = GetErased(&internal::kTypeKey<T>, [](const ContextOptions& options) {
      if constexpr (std::is_constructible_v<T, const ContextOptions&>) {
        return std::shared_ptr<void>(std::make_shared<T>(options));
      } else {
        return std::shared_ptr<void>(std::make_shared<T>());
      }
    });
    return *static_cast<T*>(resource);
  }

  friend bool operator==(const Context& a, const Context& b) { return a.state_ == b.state_; }

 private:
  struct State;
  explicit Context(std::shared_ptr<State> state) : state_(std::move(state)) {}
  using MakeResource = std::shared_ptr<void> (*)(const ContextOptions&);
  void* GetErased(const void* type, MakeResource make) const;
  std::shared_ptr<State> state_;
};

}  // namespace coffer::inline v0

#endif  // COFFER_ASYNC_CONTEXT_H_
