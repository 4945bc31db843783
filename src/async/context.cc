// 1. A State owns the resources; handles share it. Operations hold a handle until their future has
//    resolved, so when the last handle goes nothing is in flight.
// 2. Its end runs in an order: first the executor, which runs what is still queued and joins (on
//    one of its own workers: in the background), then what upper layers put in, then memory.
// 3. The default context is made outside the lock and published under it; of two threads that race
//    the later drops its own, which has not started a thread yet.
// 4. A forked child forgets the default context without destroying it: its locks may be held by
//    threads that the child does not have.
#include "coffer/async/context.h"

#include <pthread.h>

#include <map>
#include <utility>
#include <vector>

#include "src/base/mutex.h"

namespace coffer::inline v0 {

struct Context::State {
  explicit State(const ContextOptions& chosen)
      : options(chosen),
        executor(chosen.executor != nullptr ? chosen.executor : MakeThreadPool(chosen.threads)),
        buffers(chosen.budget_bytes),
        budget(chosen.budget_bytes, executor.get()) {
    options.threads = executor->concurrency();
  }
  ~State() { executor.reset(); }

  ContextOptions options;
  Stats stats;
  std::shared_ptr<Executor> executor;
  BufferPool buffers;
  ByteBudget budget;
  Mutex mutex;
  std::map<const void*, std::shared_ptr<void>> resources COFFER_GUARDED_BY(mutex);
};

namespace {

// Held across fork(), so that the child finds it whole.
struct DefaultContext {
  Mutex mutex;
  std::shared_ptr<void> state COFFER_GUARDED_BY(mutex);  // A Context::State.
  std::vector<std::shared_ptr<void>> abandoned COFFER_GUARDED_BY(mutex);

  static DefaultContext& Instance() {
    // Never destroyed: threads may outlive statics.
    static DefaultContext* const instance = new DefaultContext;
    return *instance;
  }
  static void BeforeFork() COFFER_NO_THREAD_SAFETY_ANALYSIS { Instance().mutex.Lock(); }
  static void AfterForkInParent() COFFER_NO_THREAD_SAFETY_ANALYSIS { Instance().mutex.Unlock(); }
  static void AfterForkInChild() COFFER_NO_THREAD_SAFETY_ANALYSIS {
    DefaultContext& self = Instance();
    if (self.state != nullptr) self.abandoned.push_back(std::move(self.state));
    self.mutex.Unlock();
  }
};
// From the start on: no fork comes while it is half made.
[[maybe_unused]] const int kForkHandlers =
    pthread_atfork(DefaultContext::BeforeFork, DefaultContext::AfterForkInParent,
                   DefaultContext::AfterForkInChild);

}  // namespace

Context Context::Default() {
  DefaultContext& held = DefaultContext::Instance();
  {
    MutexLock lock(held.mutex);
    if (held.state != nullptr) return Context(std::static_pointer_cast<State>(held.state));
  }
  std::shared_ptr<void> made = std::make_shared<State>(ContextOptions());
  MutexLock lock(held.mutex);
  if (held.state == nullptr) held.state.swap(made);
  return Context(std::static_pointer_cast<State>(held.state));
}

Context Context::Create(const ContextOptions& options) {
  return Context(std::make_shared<State>(options));
}

Executor& Context::executor() const { return *state_->executor; }
std::shared_ptr<Executor> Context::shared_executor() const { return state_->executor; }
ByteBudget& Context::budget() const { return state_->budget; }
BufferPool& Context::buffers() const { return state_->buffers; }
Stats& Context::stats() const { return state_->stats; }
Observer* Context::observer() const { return state_->options.observer.get(); }
const ContextOptions& Context::options() const { return state_->options; }

void* Context::GetErased(const void* type, MakeResource make) const {
  {
    MutexLock lock(state_->mutex);
    if (const auto at = state_->resources.find(type); at != state_->resources.end()) {
      return at->second.get();
    }
  }
  // Without the lock: its constructor may ask this context for another resource.
  std::shared_ptr<void> made = make(state_->options);
  MutexLock lock(state_->mutex);
  return state_->resources.try_emplace(type, std::move(made)).first->second.get();
}

}  // namespace coffer::inline v0
