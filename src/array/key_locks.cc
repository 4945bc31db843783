#include "src/array/key_locks.h"

#include <atomic>
#include <cstdint>

namespace coffer::inline v0 {

KeyLock& KeyLock::operator=(KeyLock&& other) noexcept {
  std::swap(locks_, other.locks_);
  std::swap(name_, other.name_);
  return *this;
}

KeyLock::~KeyLock() {
  if (locks_ != nullptr) locks_->Release(name_);
}

namespace {

/// Whoever comes first resolves it: the key, or who cancels.
struct Waiter {
  explicit Waiter(const std::shared_ptr<Executor>& executor) : promise(executor) {}

  const Promise<void> promise;
  std::atomic<bool> resolved{false};
  uint64_t cancel_id = 0;
};

}  // namespace

Future<void> KeyLocks::Acquire(const std::string& name, const std::shared_ptr<Executor>& executor,
                               const CancelToken& cancel) {
  const auto waiter = std::make_shared<Waiter>(executor);
  waiter->cancel_id = cancel.OnCancel([waiter] {
    if (!waiter->resolved.exchange(true)) waiter->promise.Set(CancelledError("cancelled"));
  });
  queue_.Enter(name, [this, name, executor, cancel, waiter] {
    if (waiter->resolved.exchange(true)) {
      // On the executor, so that a thousand who gave up do not release in one another.
      executor->Submit([this, name] { Release(name); });
      return;
    }
    cancel.RemoveCallback(waiter->cancel_id);
    waiter->promise.Set(Status());
  });
  return waiter->promise.future();
}

void KeyLocks::Release(const std::string& name) {
  if (const Task next = queue_.Leave(name); next != nullptr) next();
}

}  // namespace coffer::inline v0
