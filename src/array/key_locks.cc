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

void KeyLocks::Acquire(const std::string& name, Task then) {
  {
    MutexLock lock(mutex_);
    auto [entry, free] = waiting_.try_emplace(name);
    if (!free) {
      entry->second.push_back(std::move(then));
      return;
    }
  }
  then();
}

void KeyLocks::Release(const std::string& name) {
  Task next;
  {
    MutexLock lock(mutex_);
    auto entry = waiting_.find(name);
    if (entry->second.empty()) {
      waiting_.erase(entry);
      return;
    }
    next = std::move(entry->second.front());
    entry->second.pop_front();
  }
  next();
}

}  // namespace coffer::inline v0
