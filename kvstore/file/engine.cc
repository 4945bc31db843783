// How the pieces keep out of each other's way:
//  * Nothing waits for a commit thread: a writer that finds the queue full commits by itself, and a
//    writer of a busy key leaves a task behind. So a commit thread can always make progress.
//  * A directory is synced by whoever asks first; those who ask meanwhile are served by the next
//    round of the same thread, all by one fsync.
//  * No callback runs under a lock.
#include "kvstore/file/engine.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>

namespace coffer::inline v0 {

namespace {

constexpr size_t kDurableMax = 65'536;  // Paths remembered; more, and we start anew.

}  // namespace

Engine::Engine() : owner_(getpid()) {}

bool Engine::HasThreads() const { return getpid() == owner_; }

void Engine::StartThreadsLocked() {
  if (!threads_.empty()) return;
  for (int i = 0; i < kThreads; ++i) {
    threads_.emplace_back([self = shared_from_this()] { self->Run(); });
  }
}

bool Engine::TryPost(Task* commit) {
  if (!HasThreads()) return false;
  MutexLock lock(mutex_);
  if (closed_ || pending_ >= kPendingMax) return false;
  StartThreadsLocked();
  ++pending_;
  queue_.push_back(std::move(*commit));
  posted_.NotifyOne();
  return true;
}

void Engine::PostAlways(Task task) {
  {
    MutexLock lock(mutex_);
    if (!closed_ && HasThreads()) {
      StartThreadsLocked();
      ++pending_;
      queue_.push_back(std::move(task));
      posted_.NotifyOne();
      return;
    }
  }
  task();
}

void Engine::Run() {
  for (;;) {
    Task task;
    {
      MutexLock lock(mutex_);
      while (queue_.empty() && !closed_) posted_.Wait(mutex_);
      if (queue_.empty()) return;
      task = std::move(queue_.front());
      queue_.pop_front();
    }
    task();
    task = nullptr;  // What it holds is freed before it stops counting.
    MutexLock lock(mutex_);
    --pending_;
  }
}

void Engine::Close() {
  std::vector<std::thread> threads;
  {
    MutexLock lock(mutex_);
    closed_ = true;
    threads.swap(threads_);
    posted_.NotifyAll();
  }
  for (std::thread& thread : threads) {
    // The last handle of a context may be dropped by a callback on one of our own threads.
    if (HasThreads() && thread.get_id() != std::this_thread::get_id()) {
      thread.join();
    } else {
      thread.detach();
    }
  }
}

void Engine::Enter(const std::string& path, Task task) { keys_.Enter(path, std::move(task)); }

void Engine::Leave(const std::string& path) {
  if (Task next = keys_.Leave(path); next != nullptr) PostAlways(std::move(next));
}

void Engine::Sync(FileOps& ops, std::vector<ChangedDirectory> directories,
                  std::function<void(int error)> done) {
  struct Join {
    std::atomic<size_t> left;
    std::atomic<int> error{0};
    std::function<void(int error)> done;
  };
  auto join = std::make_shared<Join>();
  join->left = directories.size();
  join->done = std::move(done);
  if (directories.empty()) return join->done(0);
  for (const ChangedDirectory& directory : directories) {
    SyncOne(ops, directory, [join](int error) {
      if (error != 0) join->error = error;
      if (join->left.fetch_sub(1) == 1) join->done(join->error);
    });
  }
}

void Engine::SyncOne(FileOps& ops, const ChangedDirectory& directory,
                     std::function<void(int error)> done) {
  FileStat stat;
  if (const int error = ops.Stat(directory.file->get(), &stat); error != 0) return done(error);
  const DirectoryId id(stat.device, stat.inode);  // Not reused while the directory is open.
  MutexLock lock(sync_mutex_);
  // References into a std::map stay valid; only the thread that runs the rounds erases the entry.
  DirectorySync& sync = syncs_[id];
  sync.waiting.push_back({directory.child, std::move(done)});
  if (sync.running) return;
  sync.running = true;
  while (!sync.waiting.empty()) {
    std::vector<SyncWaiter> round = std::exchange(sync.waiting, {});
    lock.Unlock();
    const int error = ops.Sync(directory.file->get());
    lock.Lock();
    for (const SyncWaiter& waiter : round) {
      if (error != 0 || waiter.child.empty()) continue;
      if (durable_.size() >= kDurableMax) durable_.clear();
      durable_.insert(waiter.child);
    }
    lock.Unlock();
    for (const SyncWaiter& waiter : round) waiter.done(error);
    lock.Lock();
  }
  syncs_.erase(id);
}

bool Engine::IsDurable(const std::string& path) {
  MutexLock lock(sync_mutex_);
  return durable_.contains(path);
}

void Engine::Forget(const std::string& path) {
  MutexLock lock(sync_mutex_);
  std::erase_if(durable_, [&path](const std::string& known) {
    return known.starts_with(path) && (known.size() == path.size() || known[path.size()] == '/');
  });
}

int64_t Engine::UniqueStamp(int64_t at_least, int64_t granularity_ns) {
  static std::atomic<int64_t> last{0};
  int64_t before = last.load();
  int64_t stamp = 0;
  do {
    stamp = std::max(at_least, before + 1);
    if (const int64_t rest = stamp % granularity_ns; rest > 0) stamp += granularity_ns - rest;
  } while (!last.compare_exchange_weak(before, stamp));
  return stamp;
}

}  // namespace coffer::inline v0
