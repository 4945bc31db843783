// How the pieces keep out of each other's way:
//  * Nothing waits for a commit thread, and a commit thread waits for nothing but the disk: a
//    writer that finds the queue full commits by itself; a writer of a busy key leaves a task
//    behind, which a thread of the other lane begins, since it asks for a lock; one that does not
//    get it leaves a task for later there.
//  * A directory is synced by whoever asks first; those who ask meanwhile are served by the next
//    round, all by one fsync. A round is handed on to a commit thread, so that nobody syncs for
//    others without end. An error is for all who asked before it was known: the kernel tells it
//    once, and a second fsync would say that all is well.
//  * An operation's directories are synced side by side if no other operation's are: else the disk
//    has enough to do, and so have the processors.
//  * A directory counts as durable once every fsync of the operation that found it new succeeded.
//    So what lies above a durable directory is durable, too. Who makes a directory forgets it
//    first.
//  * A thread is started when a task comes and no thread is idle for it, up to a lane's maximum: a
//    program that writes one value after the other has few. If the kernel refuses another,
//    those that are there do.
//  * Where there are no threads (the engine is closed, the process forked, or the kernel refuses to
//    start one), the caller does the work, one task after the other and never one in the other.
//  * No callback runs under a lock.
#include "kvstore/file/engine.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <iterator>
#include <system_error>

namespace coffer::inline v0 {

namespace {

constexpr size_t kDurableMax = 65'536;  // Paths remembered; more, and we start anew.

}  // namespace

Engine::Engine(StartThread start_thread)
    : owner_(getpid()), start_thread_(std::move(start_thread)) {}

/// Counts a task that is to be put into a lane's queue, and starts a thread if none would be idle
/// for it; false if there are none at all.
bool Engine::TakesOneMore(Lane& lane) {
  if (closed_ || getpid() != owner_) return false;
  // Threads that run nothing are idle, and each task that is queued or for later needs one.
  if (lane.threads.size() < std::min(lane.pending + 1, lane.threads_max)) {
    try {
      lane.threads.reserve(lane.threads_max);
      lane.threads.push_back(
          start_thread_([self = shared_from_this(), &lane] { self->Run(lane); }));
    } catch (const std::system_error&) {  // As many as the kernel gives.
    }
  }
  if (lane.threads.empty()) return false;
  ++lane.pending;
  return true;
}

bool Engine::TryPost(Task* commit) {
  MutexLock lock(mutex_);
  if (commits_.pending >= kPendingMax || !TakesOneMore(commits_)) return false;
  commits_.queue.push_back(std::move(*commit));
  commits_.posted.NotifyOne();
  return true;
}

/// Before all commits that wait, and however many these are.
bool Engine::PostFirst(Task* task) {
  MutexLock lock(mutex_);
  if (!TakesOneMore(commits_)) return false;
  commits_.queue.push_front(std::move(*task));
  commits_.posted.NotifyOne();
  return true;
}

/// The next task, waiting for one; null if the engine is closed and none is left.
Task Engine::Take(Lane& lane) {
  for (;;) {
    const TimePoint now = std::chrono::steady_clock::now();
    while (!lane.later.empty() && (closed_ || lane.later.begin()->first <= now)) {
      lane.queue.push_back(std::move(lane.later.begin()->second));
      lane.later.erase(lane.later.begin());
    }
    if (!lane.queue.empty()) break;
    if (closed_) return nullptr;
    if (lane.later.empty()) {
      lane.posted.Wait(mutex_);
    } else {
      lane.posted.WaitUntil(mutex_, lane.later.begin()->first);
    }
  }
  Task task = std::move(lane.queue.front());
  lane.queue.pop_front();
  // Another thread looks after what is left, and after what comes due, while this one works.
  if (!lane.queue.empty() || !lane.later.empty()) lane.posted.NotifyOne();
  return task;
}

void Engine::Run(Lane& lane) {
  for (;;) {
    Task task;
    {
      MutexLock lock(mutex_);
      task = Take(lane);
    }
    if (task == nullptr) return;
    task();
    task = nullptr;  // What it holds is freed before it stops counting.
    MutexLock lock(mutex_);
    --lane.pending;
  }
}

/// On this thread: now, or after the task that posts it. A chain of tasks does not grow the stack.
void Engine::RunHere(Task task) {
  thread_local std::deque<Task>* queue = nullptr;
  if (queue != nullptr) {
    queue->push_back(std::move(task));
    return;
  }
  std::deque<Task> own;
  own.push_back(std::move(task));
  queue = &own;
  struct Reset {
    ~Reset() { queue = nullptr; }
  } const reset;
  while (!own.empty()) {
    Task next = std::move(own.front());
    own.pop_front();
    next();
  }
}

void Engine::Close() {
  std::vector<std::thread> threads;
  {
    MutexLock lock(mutex_);
    closed_ = true;
    for (Lane* lane : {&commits_, &queued_}) {
      std::move(lane->threads.begin(), lane->threads.end(), std::back_inserter(threads));
      lane->threads.clear();
      lane->posted.NotifyAll();
    }
  }
  for (std::thread& thread : threads) {
    // The last handle of a context may be dropped by a callback on one of our own threads.
    if (getpid() == owner_ && thread.get_id() != std::this_thread::get_id()) {
      thread.join();
    } else {
      thread.detach();
    }
  }
}

void Engine::Enter(const std::string& path, Task task) { keys_.Enter(path, std::move(task)); }

void Engine::Leave(const std::string& path) {
  Task next = keys_.Leave(path);
  if (next != nullptr) RunAt(TimePoint::min(), std::move(next));
}

void Engine::RunAt(TimePoint when, Task task) {
  {
    MutexLock lock(mutex_);
    if (TakesOneMore(queued_)) {
      queued_.later.emplace(when, std::move(task));
      queued_.posted.NotifyOne();
      return;
    }
  }
  if (when > TimePoint::min()) std::this_thread::sleep_until(when);
  RunHere(std::move(task));
}

void Engine::Sync(FileOps& ops, std::vector<ChangedDirectory> directories,
                  std::function<void(int error)> done) {
  struct Join {
    std::vector<ChangedDirectory> directories;
    std::atomic<size_t> left;
    std::atomic<int> error{0};
    std::function<void(int error)> done;
  };
  if (directories.empty()) return done(0);
  auto join = std::make_shared<Join>();
  join->left = directories.size();
  join->directories = std::move(directories);
  join->done = std::move(done);
  const bool alone = syncing_.fetch_add(1) == 0;
  for (size_t i = join->directories.size(); i-- > 0;) {
    Task sync = [self = shared_from_this(), &ops, join, i] {
      self->SyncOne(ops, join->directories[i].file, [self, join](int error) {
        if (error != 0) join->error = error;
        if (join->left.fetch_sub(1) != 1) return;
        if (join->error == 0) self->Remember(join->directories);
        join->directories.clear();  // Closed before the answer: nothing is open after it.
        --self->syncing_;
        join->done(join->error);
      });
    };
    if (!alone || i == 0 || !TryPost(&sync)) sync();
  }
}

void Engine::SyncOne(FileOps& ops, const std::shared_ptr<File>& directory,
                     std::function<void(int error)> done) {
  FileStat stat;
  if (const int error = ops.Stat(directory->get(), &stat); error != 0) return done(error);
  const DirectoryId id(stat.device, stat.inode);
  {
    MutexLock lock(sync_mutex_);
    DirectorySync& sync = syncs_[id];
    sync.waiting.push_back({directory, std::move(done)});
    if (std::exchange(sync.running, true)) return;
  }
  RunSyncs(ops, id);
}

/// One round, and the others unless another thread takes them.
void Engine::RunSyncs(FileOps& ops, const DirectoryId& id) {
  for (;;) {
    std::vector<SyncWaiter> round;
    {
      MutexLock lock(sync_mutex_);
      round = std::exchange(syncs_[id].waiting, {});
    }
    const int error = ops.Sync(round.front().file->get());
    bool more = false;
    {
      MutexLock lock(sync_mutex_);
      const auto sync = syncs_.find(id);
      std::vector<SyncWaiter>& late = sync->second.waiting;
      if (error != 0) {
        std::move(late.begin(), late.end(), std::back_inserter(round));
        late.clear();
      }
      more = !late.empty();
      if (!more) syncs_.erase(sync);
    }
    Task next = [self = shared_from_this(), &ops, id] { self->RunSyncs(ops, id); };
    const bool handed_on = more && PostFirst(&next);
    for (SyncWaiter& waiter : round) waiter.file.reset();
    for (const SyncWaiter& waiter : round) waiter.done(error);
    if (!more || handed_on) return;
  }
}

void Engine::Know(KnownDirectories& known, const std::string& path, const DirectoryId& id) {
  if (known.size() >= kDurableMax) known.clear();
  known.insert_or_assign(path, id);
}

bool Engine::Knows(const KnownDirectories& known, const std::string& path, const DirectoryId& id) {
  const auto found = known.find(path);
  return found != known.end() && found->second == id;
}

void Engine::Remember(const std::vector<ChangedDirectory>& durable) {
  MutexLock lock(sync_mutex_);
  for (const ChangedDirectory& directory : durable) {
    if (!directory.child.empty()) Know(durable_, directory.child, directory.child_id);
  }
}

bool Engine::IsDurable(const std::string& path, const DirectoryId& id) {
  MutexLock lock(sync_mutex_);
  return Knows(durable_, path, id);
}

bool Engine::IsEntryDurable(const std::string& path, const DirectoryId& id) {
  MutexLock lock(sync_mutex_);
  return Knows(durable_entries_, path, id) || Knows(durable_, path, id);
}

void Engine::SetEntryDurable(const std::string& path, const DirectoryId& id) {
  MutexLock lock(sync_mutex_);
  Know(durable_entries_, path, id);
}

void Engine::Forget(const std::string& path) {
  MutexLock lock(sync_mutex_);
  for (KnownDirectories* known : {&durable_, &durable_entries_}) {
    known->erase(path);
    known->erase(known->lower_bound(path + '/'), known->lower_bound(path + '0'));
  }
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
