#include "src/array/key_locks.h"

namespace coffer::inline v0 {

KeyLock& KeyLock::operator=(KeyLock&& other) noexcept {
  std::swap(locks_, other.locks_);
  std::swap(name_, other.name_);
  return *this;
}

KeyLock::~KeyLock() {
  if (locks_ != nullptr) locks_->Release(name_);
}

Future<void> KeyLocks::Acquire(const std::string& name, std::shared_ptr<Executor> executor) {
  const Promise<void> promise(std::move(executor));
  queue_.Enter(name, [promise] { promise.Set(Status()); });
  return promise.future();
}

void KeyLocks::Release(const std::string& name) {
  if (const Task next = queue_.Leave(name); next != nullptr) next();
}

}  // namespace coffer::inline v0
