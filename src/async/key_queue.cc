#include "src/async/key_queue.h"

#include <utility>

namespace coffer::inline v0 {

void KeyQueue::Enter(const std::string& name, Task task) {
  {
    MutexLock lock(mutex_);
    auto [entry, free] = waiting_.try_emplace(name);
    if (!free) {
      entry->second.push_back(std::move(task));
      return;
    }
  }
  task();
}

Task KeyQueue::Leave(const std::string& name) {
  MutexLock lock(mutex_);
  const auto entry = waiting_.find(name);
  if (entry->second.empty()) {
    waiting_.erase(entry);
    return nullptr;
  }
  Task next = std::move(entry->second.front());
  entry->second.pop_front();
  return next;
}

}  // namespace coffer::inline v0
