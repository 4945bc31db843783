// Mutex, MutexLock, CondVar, SharedMutex: the standard ones, annotated for clang's -Wthread-safety.
//
// Every mutex says what it guards, and clang checks it:
//
//     mutable Mutex mutex_;
//     std::deque<Task> queue_ COFFER_GUARDED_BY(mutex_);
//     void StartLocked() COFFER_REQUIRES(mutex_);
//     ...
//     MutexLock lock(mutex_);
//     while (queue_.empty()) ready_.Wait(mutex_);  // no predicate: clang is blind to lambdas
//
// Thread safety: all methods from any thread.
#ifndef COFFER_SRC_BASE_MUTEX_H_
#define COFFER_SRC_BASE_MUTEX_H_

#include <chrono>
#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define COFFER_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define COFFER_THREAD_ANNOTATION(x)
#endif

#define COFFER_CAPABILITY(name) COFFER_THREAD_ANNOTATION(capability(name))
#define COFFER_SCOPED_CAPABILITY COFFER_THREAD_ANNOTATION(scoped_lockable)
#define COFFER_GUARDED_BY(x) COFFER_THREAD_ANNOTATION(guarded_by(x))
#define COFFER_PT_GUARDED_BY(x) COFFER_THREAD_ANNOTATION(pt_guarded_by(x))
#define COFFER_REQUIRES(...) COFFER_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#define COFFER_EXCLUDES(...) COFFER_THREAD_ANNOTATION(locks_excluded(__VA_ARGS__))
#define COFFER_ACQUIRE(...) COFFER_THREAD_ANNOTATION(acquire_capability(__VA_ARGS__))
#define COFFER_RELEASE(...) COFFER_THREAD_ANNOTATION(release_capability(__VA_ARGS__))
#define COFFER_TRY_ACQUIRE(...) COFFER_THREAD_ANNOTATION(try_acquire_capability(__VA_ARGS__))
#define COFFER_NO_THREAD_SAFETY_ANALYSIS COFFER_THREAD_ANNOTATION(no_thread_safety_analysis)

namespace coffer::inline v0 {

class COFFER_CAPABILITY("mutex") Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() COFFER_ACQUIRE() { mutex_.lock(); }
  void Unlock() COFFER_RELEASE() { mutex_.unlock(); }
  bool TryLock() COFFER_TRY_ACQUIRE(true) { return mutex_.try_lock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

/// Holds a mutex for a scope; may let go of it in between.
class COFFER_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) COFFER_ACQUIRE(mutex) : mutex_(mutex) { mutex_.Lock(); }
  ~MutexLock() COFFER_RELEASE() {
    if (held_) mutex_.Unlock();
  }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

  void Unlock() COFFER_RELEASE() {
    held_ = false;
    mutex_.Unlock();
  }
  void Lock() COFFER_ACQUIRE() {
    mutex_.Lock();
    held_ = true;
  }

 private:
  Mutex& mutex_;
  bool held_ = true;
};

class CondVar {
 public:
  CondVar() = default;
  CondVar(const CondVar&) = delete;
  CondVar& operator=(const CondVar&) = delete;

  void Wait(Mutex& mutex) COFFER_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }
  /// False if the deadline has passed.
  bool WaitUntil(Mutex& mutex, std::chrono::steady_clock::time_point deadline)
      COFFER_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    const bool in_time = condition_.wait_until(lock, deadline) == std::cv_status::no_timeout;
    lock.release();
    return in_time;
  }
  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

/// Many share it, or one has it alone. Who waits to have it alone comes before those who come to
/// share it later (glibc's std::shared_mutex would let it starve).
class COFFER_CAPABILITY("shared mutex") SharedMutex {
 public:
  SharedMutex() = default;
  SharedMutex(const SharedMutex&) = delete;
  SharedMutex& operator=(const SharedMutex&) = delete;

  void LockShared() COFFER_THREAD_ANNOTATION(acquire_shared_capability()) {
    MutexLock lock(mutex_);
    while (alone_) changed_.Wait(mutex_);
    ++sharing_;
  }
  void UnlockShared() COFFER_THREAD_ANNOTATION(release_shared_capability()) {
    MutexLock lock(mutex_);
    if (--sharing_ == 0) changed_.NotifyAll();
  }
  void Lock() COFFER_ACQUIRE() {
    MutexLock lock(mutex_);
    while (alone_) changed_.Wait(mutex_);
    alone_ = true;
    while (sharing_ > 0) changed_.Wait(mutex_);
  }
  void Unlock() COFFER_RELEASE() {
    MutexLock lock(mutex_);
    alone_ = false;
    changed_.NotifyAll();
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int sharing_ COFFER_GUARDED_BY(mutex_) = 0;
  bool alone_ COFFER_GUARDED_BY(mutex_) = false;  // Somebody has it alone, or waits for that.
};

/// Shares a mutex for a scope.
class COFFER_SCOPED_CAPABILITY SharedLock {
 public:
  explicit SharedLock(SharedMutex& mutex) COFFER_THREAD_ANNOTATION(acquire_shared_capability(mutex))
      : mutex_(mutex) {
    mutex_.LockShared();
  }
  ~SharedLock() COFFER_RELEASE() { mutex_.UnlockShared(); }
  SharedLock(const SharedLock&) = delete;
  SharedLock& operator=(const SharedLock&) = delete;

 private:
  SharedMutex& mutex_;
};

/// Has a shared mutex alone for a scope.
class COFFER_SCOPED_CAPABILITY ExclusiveLock {
 public:
  explicit ExclusiveLock(SharedMutex& mutex) COFFER_ACQUIRE(mutex) : mutex_(mutex) {
    mutex_.Lock();
  }
  ~ExclusiveLock() COFFER_RELEASE() { mutex_.Unlock(); }
  ExclusiveLock(const ExclusiveLock&) = delete;
  ExclusiveLock& operator=(const ExclusiveLock&) = delete;

 private:
  SharedMutex& mutex_;
};

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_BASE_MUTEX_H_
