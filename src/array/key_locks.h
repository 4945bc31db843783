// KeyLocks: one writer at a time for each key that is read, modified and written back, in this
// process. Who must wait leaves a continuation; no thread blocks.
//
// Order of acquisition: the key first, then bytes of the budget. Who holds bytes never waits for a
// key, or the two could deadlock: a write inside a task that holds bytes takes no key.
#ifndef COFFER_SRC_ARRAY_KEY_LOCKS_H_
#define COFFER_SRC_ARRAY_KEY_LOCKS_H_

#include <memory>
#include <string>
#include <utility>

#include "coffer/async/cancel.h"
#include "coffer/async/future.h"
#include "src/async/key_queue.h"

namespace coffer::inline v0 {

class KeyLocks;

/// Holds a key until destroyed.
class KeyLock {
 public:
  KeyLock() = default;
  KeyLock(KeyLocks* locks, std::string name) : locks_(locks), name_(std::move(name)) {}
  KeyLock(KeyLock&& other) noexcept
      : locks_(std::exchange(other.locks_, nullptr)), name_(std::move(other.name_)) {}
  KeyLock& operator=(KeyLock&& other) noexcept;
  ~KeyLock();

 private:
  KeyLocks* locks_ = nullptr;
  std::string name_;
};

class KeyLocks {
 public:
  /// OK once the caller has the key, of which it then makes a KeyLock; Cancelled if that comes
  /// first.
  Future<void> Acquire(const std::string& name, const std::shared_ptr<Executor>& executor,
                       const CancelToken& cancel);

 private:
  friend class KeyLock;
  void Release(const std::string& name);

  KeyQueue queue_;
};

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_ARRAY_KEY_LOCKS_H_
