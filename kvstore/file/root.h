// FileRoot: the directory that a file store stands in: names, the way to a key's directory, locks.
#ifndef COFFER_KVSTORE_FILE_ROOT_H_
#define COFFER_KVSTORE_FILE_ROOT_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coffer/async/executor.h"
#include "coffer/base/result.h"
#include "coffer/kvstore/kvstore.h"
#include "coffer/kvstore/stores.h"
#include "kvstore/file/engine.h"
#include "src/base/platform_file.h"

namespace coffer::inline v0 {

/// What ends the names of locks and of values that are still being written. TensorStore's, too.
inline constexpr std::string_view kLockSuffix = ".__lock";
/// What begins the names of those that are no key's lock.
inline constexpr std::string_view kTemporaryPrefix = ".coffer.";

bool IsHiddenName(std::string_view name);

/// The two parts of a path of segments: "a/b/c" is "c" in "a/b", "a" is "a" in "".
std::string_view ParentOf(std::string_view path);
std::string_view NameOf(std::string_view path);

/// Where the value of a key stands: its directory, opened, and its name in it.
struct KeyPlace {
  std::shared_ptr<File> directory;
  DirectoryId directory_id;
  std::string name;
  std::vector<ChangedDirectory> unsynced;  ///< New directories on the way; see Engine.
};

/// What all of a store's operations share. They keep it alive, so that the store may be destroyed
/// while they run.
class FileRoot {
 public:
  FileRoot(std::string path, FileStoreOptions options, FileOps& ops, std::shared_ptr<Engine> engine,
           std::shared_ptr<Executor> executor);

  FileOps& ops() const { return ops_; }
  Engine& engine() const { return *engine_; }
  const FileStoreOptions& options() const { return options_; }
  const std::shared_ptr<Executor>& executor() const { return executor_; }
  const std::string& path() const { return path_; }
  std::string PathOf(std::string_view key) const { return path_ + "/" + std::string(key); }
  std::string Describe(std::string_view key) const;

  /// `Describe(key): doing: text of error`.
  Status Error(int error, std::string_view key, std::string_view doing) const;
  /// The same for FileOps::OpenBeneath, which has errors of its own for links.
  Status ErrorBeneath(int error, std::string_view key, std::string_view doing) const;

  /// InvalidArgument, which names the rule, for a key that this store refuses.
  Status CheckKey(std::string_view key) const;
  /// The same for a key to be written, whose lock needs a name, too.
  Status CheckKeyToWrite(std::string_view key) const;

  /// The root; an invalid File if it does not exist.
  Result<File> Open() const;
  /// The directory with this path beneath the root; an invalid File if it does not exist.
  Result<File> OpenDirectory(const File& root, const std::string& path) const;
  /// The file that holds the key's value and its stat; an invalid File if there is none.
  Result<File> OpenValue(std::string_view key, FileStat* stat) const;

  /// The place of an existing directory: nullopt if it does not exist.
  Result<std::optional<KeyPlace>> FindPlace(std::string_view key) const;
  /// The same, creating the root and what lies between.
  Result<KeyPlace> MakePlace(std::string_view key) const;

  /// Which directory an open file is; `key` is for errors.
  Result<DirectoryId> IdOf(const File& directory, std::string_view key) const;
  /// Whether the key's path still leads to this place: its directory may have been renamed.
  Result<bool> IsPlaceOf(const KeyPlace& place, std::string_view key) const;
  /// The deepest directory on the way to `path` (one itself) that exists, also one above the root,
  /// and its path beneath the root; an invalid File if we may not read it.
  Result<File> OpenDeepest(std::string* path) const;
  /// FailedPrecondition, which names the prefix, if a symbolic link stands on the way to the
  /// directory `path`, or there.
  Status CheckNoLinks(const std::string& path, std::string_view prefix) const;

  /// Whether the name in the directory still leads to the open file.
  Result<bool> Leads(const KeyPlace& place, const std::string& name, const File& file,
                     std::string_view key) const;
  /// Removes the name if it leads to the open file. What fails is no error.
  void RemoveOurs(const KeyPlace& place, const std::string& name, const File& file) const;

  /// What became of an attempt to get a lock.
  struct Taken {
    enum class State {
      kOurs,
      kBusy,          ///< Somebody has it.
      kChangedHands,  ///< The file was published or removed just now: try again.
      kNoDirectory,
    };
    State state;
    File file;  ///< Open and empty, of kOurs.
  };
  /// Tries to take the lock with this name. Never waits.
  Result<Taken> TryTake(const KeyPlace& place, std::string_view key, const std::string& name) const;
  /// DeadlineExceeded, which names the key's lock.
  Status LockTimedOut(const KeyPlace& place, std::string_view key) const;
  static std::string LockName(std::string_view name) {
    return std::string(name) + std::string(kLockSuffix);
  }
  /// Whether a file of this name can have a lock: not one made by others whose name is so long that
  /// the lock's would be too long. Nobody can write it either.
  static bool CanLock(std::string_view name);
  /// An empty file beside the key for a value being written; locked, where there are locks, so that
  /// others see that its writer lives. An invalid File if the directory was removed meanwhile.
  Result<File> CreateTemporary(const KeyPlace& place, std::string_view key,
                               std::string* name) const;

  /// The generation of the key's value (Missing() if there is none), to be asked under the lock;
  /// `mtime_ns` receives its stamp. With `follow` that of the file a link leads to, which is what
  /// readers see; else a link is something unknown.
  Result<Generation> CurrentGeneration(const KeyPlace& place, std::string_view key, bool follow,
                                       int64_t* mtime_ns) const;
  /// Gives a finished file a stamp that no file at this key has had; returns its stat.
  Result<FileStat> Stamp(const File& file, std::string_view key, int64_t previous_mtime_ns) const;
  static Generation GenerationOf(const FileStat& stat);

 private:
  Result<File> OpenExisting(size_t* end) const;
  Result<int> OpenInRoot(const std::string& key, int flags) const;
  Status SyncParentOf(const File& existing, const std::string& path) const;
  Result<File> CreateRoot(KeyPlace* place) const;
  Result<File> MakeDirectoryBeneath(const File& root, const File& above, std::string_view key,
                                    const std::string& path, bool* made) const;
  Result<File> CreateDirectories(const std::shared_ptr<File>& root, std::string_view key,
                                 KeyPlace* place) const;

  const std::string
      path_;  // Absolute, without a slash at its end; empty for the file system's root.
  const FileStoreOptions options_;
  FileOps& ops_;
  const std::shared_ptr<Engine> engine_;
  const std::shared_ptr<Executor> executor_;
  mutable std::atomic<bool> root_durable_{false};
  mutable std::atomic<bool> links_seen_{false};  // By OpenInRoot().
  mutable std::atomic<size_t> granularity_{
      0};  // Of the file system's stamps: an index, see Stamp().
};

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_FILE_ROOT_H_
