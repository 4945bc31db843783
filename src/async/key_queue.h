// KeyQueue: one task at a time for each name. Who must wait leaves a continuation; no thread
// blocks.
//
// Thread safety: all methods from any thread.
#ifndef COFFER_SRC_ASYNC_KEY_QUEUE_H_
#define COFFER_SRC_ASYNC_KEY_QUEUE_H_

#include <deque>
#include <string>
#include <unordered_map>

#include "coffer/async/executor.h"
#include "src/base/mutex.h"

namespace coffer::inline v0 {

class KeyQueue {
 public:
  /// Runs `task` here and now if the name is free, else keeps it for Leave(). Either way the name
  /// is the task's until Leave() is called for it, exactly once, on any thread.
  void Enter(const std::string& name, Task task);
  /// Frees the name, or hands it to the next task, which the caller must run; null if none waits.
  [[nodiscard]] Task Leave(const std::string& name);

 private:
  Mutex mutex_;  // Guards the queues of names that are taken.
  std::unordered_map<std::string, std::deque<Task>> waiting_ COFFER_GUARDED_BY(mutex_);
};

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_ASYNC_KEY_QUEUE_H_
