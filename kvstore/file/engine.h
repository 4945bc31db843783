// Engine: what the file stores of one context share: commit threads, the queues of writers of one
// key, shared directory syncs, and unique stamps.
//
// A durable write spends its time in fsync, and fsyncs of several files run in parallel on the
// disk. So the writer's thread only hands the bytes to the kernel; commit threads do the
// rest. A writer that had to queue behind another of its key, or finds another process's lock,
// begins (again) on a thread of its own kind: commit threads ask for no locks. No thread waits for
// a lock: who does not get it comes again later, so that a key that is stuck holds up no other.
//
// Thread safety: all methods from any thread.
#ifndef COFFER_KVSTORE_FILE_ENGINE_H_
#define COFFER_KVSTORE_FILE_ENGINE_H_

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "coffer/async/executor.h"
#include "src/async/key_queue.h"
#include "src/base/mutex.h"
#include "src/base/platform_file.h"

namespace coffer::inline v0 {

/// Device and inode: which directory it is, whatever its path. Not reused while it is open.
using DirectoryId = std::pair<uint64_t, uint64_t>;

/// A directory whose entries changed, and what becomes durable when it is synced.
struct ChangedDirectory {
  std::shared_ptr<File> file;
  std::string child;     ///< The path of the directory made in it; empty if none was.
  DirectoryId child_id;  ///< Of that directory.
};

class Engine : public std::enable_shared_from_this<Engine> {
 public:
  /// How a thread is started: std::thread's constructor, but for tests. Throws std::system_error
  /// where that does.
  using StartThread = std::function<std::thread(Task)>;

  explicit Engine(StartThread start_thread = [](Task task) {
    return std::thread(std::move(task));
  });

  /// Runs `commit` on a commit thread and returns true; returns false if kPendingMax are waiting or
  /// running, or there are no threads (any more): then the caller runs it.
  bool TryPost(Task* commit);
  /// Finishes everything posted and ends the threads. What is posted later runs on its caller.
  void Close();

  using TimePoint = std::chrono::steady_clock::time_point;
  /// Runs `task` at `when` or soon after, on a thread that may do what a commit thread must not:
  /// ask for a lock. Where there are no threads (any more): here, after waiting.
  void RunAt(TimePoint when, Task task);

  /// Runs `task` now if no other task of this path is under way, else queues it behind that one. A
  /// task ends with Leave(path), called on any thread, exactly once.
  void Enter(const std::string& path, Task task);
  void Leave(const std::string& path);

  /// Syncs the directories, sharing each fsync with all who wait for the same directory, then calls
  /// `done` on this thread or another that syncs. `ops` must outlive the engine's threads.
  void Sync(FileOps& ops, std::vector<ChangedDirectory> directories,
            std::function<void(int error)> done);

  /// Whether the directory with this path and identity is known to be durable: its own entry, and
  /// those of all above it.
  bool IsDurable(const std::string& path, const DirectoryId& id);
  /// Whether its own entry is, at least: all that is known of a root.
  bool IsEntryDurable(const std::string& path, const DirectoryId& id);
  void SetEntryDurable(const std::string& path, const DirectoryId& id);
  /// The directory, and all that lie in it, may have been removed or renamed.
  void Forget(const std::string& path);

  /// Shared by who publishes or removes a value, from looking where its directory is until it is
  /// done; held alone by who renames a directory.
  SharedMutex& renames() { return getpid() == owner_ ? renames_ : renames_of_child_; }

  /// Held while a root is made, one at a time: who comes second finds it durable.
  Mutex& creating_roots() { return creating_roots_; }

  /// A time that no other call in this process has returned: at least `at_least`, and a multiple of
  /// `granularity_ns`.
  static int64_t UniqueStamp(int64_t at_least, int64_t granularity_ns);

  static constexpr size_t kCommitThreads = 16;  // Of small files a disk takes many at once.
  static constexpr size_t kQueuedThreads = 2;
  static constexpr size_t kPendingMax = 64;

 private:
  /// Threads that take tasks off one queue, as many as ever had something to do at once. Guarded by
  /// mutex_.
  struct Lane {
    explicit Lane(size_t max) : threads_max(max) {}

    const size_t threads_max;
    CondVar posted;
    std::deque<Task> queue;
    std::multimap<TimePoint, Task> later;  // What is due joins the queue's end.
    size_t pending = 0;                    // Queued, for later, or running.
    std::vector<std::thread> threads;
  };
  struct SyncWaiter {
    std::shared_ptr<File> file;  // The directory, as this waiter has opened it.
    std::function<void(int error)> done;
  };
  struct DirectorySync {
    bool running = false;
    std::vector<SyncWaiter> waiting;
  };

  void Run(Lane& lane);
  Task Take(Lane& lane) COFFER_REQUIRES(mutex_);
  bool TakesOneMore(Lane& lane) COFFER_REQUIRES(mutex_);
  bool PostFirst(Task* task);
  static void RunHere(Task task);
  void SyncOne(FileOps& ops, const std::shared_ptr<File>& directory,
               std::function<void(int error)> done);
  void RunSyncs(FileOps& ops, const DirectoryId& id);
  void Remember(const std::vector<ChangedDirectory>& durable);

  const pid_t owner_;            // A forked child has none of the threads.
  std::atomic<int> syncing_{0};  // Operations in Sync().
  const StartThread start_thread_;

  Mutex mutex_;
  bool closed_ COFFER_GUARDED_BY(mutex_) = false;
  Lane commits_ COFFER_GUARDED_BY(mutex_){kCommitThreads};
  Lane queued_ COFFER_GUARDED_BY(mutex_){kQueuedThreads};

  KeyQueue keys_;
  Mutex creating_roots_;
  SharedMutex renames_;
  SharedMutex renames_of_child_;  // Threads of the parent may have held renames_ when it forked.

  Mutex sync_mutex_;
  std::map<DirectoryId, DirectorySync> syncs_ COFFER_GUARDED_BY(sync_mutex_);
  using KnownDirectories = std::map<std::string, DirectoryId, std::less<>>;
  static void Know(KnownDirectories& known, const std::string& path, const DirectoryId& id);
  static bool Knows(const KnownDirectories& known, const std::string& path, const DirectoryId& id);
  KnownDirectories durable_ COFFER_GUARDED_BY(sync_mutex_);
  KnownDirectories durable_entries_ COFFER_GUARDED_BY(sync_mutex_);  // But for those in durable_.
};

/// The engine of a context: ends with it, after what is in flight has resolved.
class ContextEngine {
 public:
  ContextEngine() : engine_(std::make_shared<Engine>()) {}
  ~ContextEngine() { engine_->Close(); }
  std::shared_ptr<Engine> engine() const { return engine_; }

 private:
  std::shared_ptr<Engine> engine_;
};

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_FILE_ENGINE_H_
