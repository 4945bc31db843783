// Engine: what the file stores of one context share: commit threads, the queues of writers of one
// key, shared directory syncs, and unique stamps.
//
// A durable write spends its time in fsync, and fsyncs of several files run in parallel on the
// disk. So the writer's thread only hands the bytes to the kernel; a few commit threads do the
// rest.
//
// Thread safety: all methods from any thread.
#ifndef COFFER_KVSTORE_FILE_ENGINE_H_
#define COFFER_KVSTORE_FILE_ENGINE_H_

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

#include "coffer/async/executor.h"
#include "src/async/key_queue.h"
#include "src/base/mutex.h"
#include "src/base/platform_file.h"

namespace coffer::inline v0 {

/// A directory whose entries changed, and the path that becomes durable when it is synced.
struct ChangedDirectory {
  std::shared_ptr<File> file;
  std::string child;  ///< The path of the directory made in it; empty if none was.
};

class Engine : public std::enable_shared_from_this<Engine> {
 public:
  Engine();

  /// Runs `commit` on a commit thread and returns true; returns false if kPendingMax are waiting or
  /// running, or there are no threads any more: then the caller runs it.
  bool TryPost(Task* commit);
  /// Finishes everything posted and ends the threads. What is posted later runs on its caller.
  void Close();

  /// Runs `task` now if no other task of this path is under way, else queues it behind that one. A
  /// task ends with Leave(path), called on any thread, exactly once.
  void Enter(const std::string& path, Task task);
  void Leave(const std::string& path);

  /// Syncs the directories, sharing each fsync with all who wait for the same directory, then calls
  /// `done` on this thread or another that syncs.
  void Sync(FileOps& ops, std::vector<ChangedDirectory> directories,
            std::function<void(int error)> done);

  /// Directories whose own entry is known to be durable, by path.
  bool IsDurable(const std::string& path);
  /// The directory, and all that lie in it, may have been removed or renamed.
  void Forget(const std::string& path);

  /// A time that no other call in this process has returned: at least `at_least`, and a multiple of
  /// `granularity_ns`.
  static int64_t UniqueStamp(int64_t at_least, int64_t granularity_ns);

  static constexpr int kThreads = 4;
  static constexpr size_t kPendingMax = 64;

 private:
  using DirectoryId = std::pair<uint64_t, uint64_t>;
  struct SyncWaiter {
    std::string child;
    std::function<void(int error)> done;
  };
  struct DirectorySync {
    bool running = false;
    std::vector<SyncWaiter> waiting;
  };

  void Run();
  void PostAlways(Task task);
  void StartThreadsLocked() COFFER_REQUIRES(mutex_);
  bool HasThreads() const;
  void SyncOne(FileOps& ops, const ChangedDirectory& directory,
               std::function<void(int error)> done);

  const pid_t owner_;  // A forked child has none of the threads.

  Mutex mutex_;
  CondVar posted_;
  std::deque<Task> queue_ COFFER_GUARDED_BY(mutex_);
  size_t pending_ COFFER_GUARDED_BY(mutex_) = 0;  // Queued or running.
  bool closed_ COFFER_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_ COFFER_GUARDED_BY(mutex_);

  KeyQueue keys_;

  Mutex sync_mutex_;
  std::map<DirectoryId, DirectorySync> syncs_ COFFER_GUARDED_BY(sync_mutex_);
  std::unordered_set<std::string> durable_ COFFER_GUARDED_BY(sync_mutex_);
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
