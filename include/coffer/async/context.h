// Context: the resources that operations share: threads, memory, tables of plugins, counters.
//
// A default context exists; programs that want their own limits make one:
//
//     Context context = Context::Create({.threads = 4, .budget_bytes = MiB(256)});
//     Array volume = Array::Open(url, {.context = context}).OrThrow();
//
// Two contexts share nothing. A Context is a handle: copies share. Resources whose types belong to
// upper layers (store, codec and driver tables, caches) are made on first use by Get<T>().
// Destroying the last handle waits until what is in flight has resolved.
//
// Thread safety: all methods from any thread.
#ifndef COFFER_ASYNC_CONTEXT_H_
#define COFFER_ASYNC_CONTEXT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <typeindex>

#include "coffer/async/buffer.h"
#include "coffer/async/byte_budget.h"
#include "coffer/async/executor.h"
#include "coffer/async/observer.h"
#include "coffer/base/checked.h"
#include "coffer/base/export.h"

namespace coffer::inline v0 {

struct ContextOptions {
  int threads = 0;                 ///< 0: the cgroup's cores. Ignored with `executor`.
  int64_t budget_bytes = MiB(64);  ///< Hard limit on bytes in flight. Requires > 0.
  int64_t cache_bytes = MiB(32);   ///< Limit of metadata and shard index caches together.
  std::shared_ptr<Executor> executor = nullptr;  ///< The caller's own.
  std::shared_ptr<Observer> observer = nullptr;
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
  Observer* observer() const;  ///< nullptr if none.
  const ContextOptions& options() const;

  /// This context's T, made on first use by T(const ContextOptions&) if that exists, else T().
  template <class T>
  T& Get() const {
    void* resource = GetErased(typeid(T), [](const ContextOptions& options) {
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
  void* GetErased(std::type_index type,
                  std::function<std::shared_ptr<void>(const ContextOptions&)> make) const;
  std::shared_ptr<State> state_;
};

}  // namespace coffer::inline v0

#endif  // COFFER_ASYNC_CONTEXT_H_
