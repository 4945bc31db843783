// A listing names whatever is no directory and no lock, so that nobody takes it for absent: of a
// FIFO, a link to a directory or a link out of the root it says no size, and reading tells why. A
// link that leads nowhere is nothing, as it is for readers. A folded listing looks into a directory
// no further than to the first key: one without any is no folder.
//
// DeleteRange:
//   1. Every key of the range is deleted under its lock, as a single delete is, but its directory
//      is not synced each time.
//   2. When the last of them is done, directories that lie in the range as a whole are removed from
//      the leaves up where they are empty. A writer that comes meanwhile makes them again. Locks
//      and temporaries whose writers have died (nobody holds their locks) go with them.
//   3. Every directory that was looked into and still exists is synced, and in place of one that is
//      gone the deepest that is left: what is absent may have been removed by another process that
//      was killed before it synced.
//
// No prefix is deleted or renamed through a symbolic link: what lies behind it has other keys, too.
#include "kvstore/file/tree.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <set>
#include <utility>

#include "coffer/kvstore/answer.h"
#include "kvstore/file/debris.h"
#include "kvstore/file/walk.h"
#include "kvstore/file/write.h"
#include "src/base/mutex.h"

namespace coffer::inline v0 {

namespace {

class TreeListing final : public KvListing {
 public:
  TreeListing(std::shared_ptr<const FileRoot> root, ListOptions options)
      : root_(std::move(root)),
        page_size_(std::max<size_t>(options.page_size, 1)),
        folds_(options.fold && KeyRange::Prefix(options.range.begin) == options.range),
        walk_(*root_, std::move(options.range)) {}

  Future<std::vector<ListEntry>> Next() override {
    return Future<std::vector<ListEntry>>::Ready(Page());
  }

 private:
  Result<std::vector<ListEntry>> Page() {
    std::vector<ListEntry> page;
    while (page.size() < page_size_) {
      COFFER_ASSIGN_OR_RETURN(std::optional<TreeWalk::Entry> entry, walk_.Next());
      if (!entry) break;
      if (entry->stat.kind == FileStat::Kind::kDirectory) {
        if (!folds_) continue;
        walk_.LeaveOut();
        const std::string folder = entry->path + "/";
        COFFER_ASSIGN_OR_RETURN(const bool shows_key, ShowsKey(folder));
        if (shows_key) page.push_back({folder});
        continue;
      }
      const bool is_link = entry->stat.kind == FileStat::Kind::kSymlink;
      COFFER_ASSIGN_OR_RETURN(const bool key, IsKey(*entry));
      if (!key) continue;
      const bool regular = entry->stat.kind == FileStat::Kind::kRegular;
      page.push_back({std::move(entry->path), regular ? entry->stat.size : -1, is_link});
    }
    return page;
  }

  /// Looks no further than to the first.
  Result<bool> ShowsKey(const std::string& prefix) {
    TreeWalk walk(*root_, KeyRange::Prefix(prefix));
    for (;;) {
      COFFER_ASSIGN_OR_RETURN(std::optional<TreeWalk::Entry> entry, walk.Next());
      if (!entry) return false;
      COFFER_ASSIGN_OR_RETURN(const bool key, IsKey(*entry));
      if (key) return true;
    }
  }

  /// Gives a link the stat of what it leads to.
  Result<bool> IsKey(TreeWalk::Entry& entry) {
    if (entry.stat.kind == FileStat::Kind::kSymlink) return FollowLink(entry);
    return entry.stat.kind != FileStat::Kind::kDirectory;
  }

  /// Gives a link the stat of what it leads to, if that lies in the root; false if that is nothing.
  Result<bool> FollowLink(TreeWalk::Entry& link) {
    const Result<File> file = root_->OpenValue(link.path, &link.stat);
    if (file.ok()) return link.stat.kind != FileStat::Kind::kSymlink;
    if (file.status().code() == StatusCode::kFailedPrecondition) return true;
    return file.status();
  }

  const std::shared_ptr<const FileRoot> root_;
  const size_t page_size_;
  const bool folds_;
  TreeWalk walk_;
};

/// Removes directories, given parents before children, where they are empty. Adds to `changed` the
/// paths of the directories that lost one.
Status RemoveEmptied(const FileRoot& root, const std::vector<std::string>& paths,
                     std::set<std::string>* changed) {
  COFFER_ASSIGN_OR_RETURN(const File top, root.Open());
  if (!top.valid()) return Status();
  for (auto path = paths.rbegin(); path != paths.rend(); ++path) {
    COFFER_ASSIGN_OR_RETURN(const File directory, root.OpenDirectory(top, *path));
    if (!directory.valid()) continue;
    COFFER_ASSIGN_OR_RETURN(const File parent,
                            root.OpenDirectory(top, std::string(ParentOf(*path))));
    if (!parent.valid()) continue;
    // Forgotten before it goes: a writer that makes it anew must sync its parent again.
    root.engine().Forget(root.PathOf(*path));
    const std::string name(NameOf(*path));
    int error = root.ops().RemoveDirectory(parent.get(), name.c_str());
    if (error == -ENOTEMPTY || error == -EEXIST) {
      RemoveDeadFiles(root, directory);
      error = root.ops().RemoveDirectory(parent.get(), name.c_str());
    }
    if (error == -ENOTEMPTY || error == -EEXIST || error == -ENOENT || error == -EBUSY) continue;
    if (error != 0) return root.Error(error, *path, "removing the directory");
    changed->erase(*path);
    changed->insert(std::string(ParentOf(*path)));
  }
  return Status();
}

/// Syncs the directories, or what is left above them.
Status SyncAll(const FileRoot& root, const std::set<std::string>& changed) {
  if (!root.options().sync || changed.empty()) return Status();
  std::set<std::string> synced;
  for (std::string path : changed) {
    COFFER_ASSIGN_OR_RETURN(const File directory, root.OpenDeepest(&path));
    if (!directory.valid() || !synced.insert(path).second) continue;
    if (const int error = root.ops().Sync(directory.get()); error != 0) {
      return root.Error(error, path, "syncing the directory");
    }
  }
  return Status();
}

/// A DeleteRange under way: its single deletes may end on other threads.
struct RangeDeletion {
  explicit RangeDeletion(std::shared_ptr<const FileRoot> file_root)
      : root(std::move(file_root)), promise(root->executor()) {}

  const std::shared_ptr<const FileRoot> root;
  const Promise<void> promise;
  std::vector<std::string> emptied;  // Directories wholly in the range, parents first.
  std::set<std::string> changed;     // Directories that lost keys, by us or by others.
  std::atomic<size_t> left{1};       // Deletes under way, and the walk.
  Mutex mutex;
  Status outcome COFFER_GUARDED_BY(mutex);  // The first error.

  void Done(const Status& status) {
    {
      MutexLock lock(mutex);
      if (outcome.ok()) outcome = status;
    }
    if (left.fetch_sub(1) != 1) return;
    Status cleared = RemoveEmptied(*root, emptied, &changed);
    const Status synced = SyncAll(*root, changed);
    MutexLock lock(mutex);
    for (const Status& next : {cleared, synced}) {
      if (outcome.ok()) outcome = next;
    }
    const Status result = outcome;
    lock.Unlock();
    promise.Set(result);
  }
};

Status WalkAndDelete(const std::shared_ptr<RangeDeletion>& deletion, KeyRange range) {
  TreeWalk walk(*deletion->root, std::move(range));
  for (;;) {
    COFFER_ASSIGN_OR_RETURN(const std::optional<TreeWalk::Entry> entry, walk.Next());
    if (!entry) return Status();
    if (entry->stat.kind == FileStat::Kind::kDirectory) {
      const KeyRange inside = KeyRange::Prefix(entry->path + "/");
      const bool whole = walk.range().begin <= inside.begin &&
                         (walk.range().end.empty() || inside.end <= walk.range().end);
      if (whole) deletion->emptied.push_back(entry->path);
      deletion->changed.insert(entry->path);
      continue;
    }
    ++deletion->left;
    DeleteFileValueUnsynced(deletion->root, entry->path)
        .OnReady(
            [deletion](const Result<WriteResult>& result) { deletion->Done(result.status()); });
  }
}

}  // namespace

std::unique_ptr<KvListing> ListFileTree(std::shared_ptr<const FileRoot> root, ListOptions options) {
  return std::make_unique<TreeListing>(std::move(root), std::move(options));
}

Future<void> DeleteFileRange(std::shared_ptr<const FileRoot> root, KeyRange range) {
  auto deletion = std::make_shared<RangeDeletion>(std::move(root));
  // All keys of a prefix lie beneath its last slash.
  const bool prefix = KeyRange::Prefix(range.begin) == range;
  std::string top(prefix ? ParentOf(range.begin) : std::string_view());
  if (top.empty() || deletion->root->CheckKey(top).ok()) {
    const Status status = deletion->root->CheckNoLinks(top, range.begin);
    if (!status.ok()) return Future<void>::Ready(status);
    deletion->changed.insert(top);
    // "a/" itself is no key, but the directory "a" lies in the range of its prefix, too.
    if (!top.empty() && range.begin.ends_with('/')) deletion->emptied.push_back(std::move(top));
  }
  const Status walked = WalkAndDelete(deletion, std::move(range));
  Future<void> future = deletion->promise.future();
  deletion->Done(walked);
  return future;
}

Status RemoveEmptyDirectories(const FileRoot& root, const std::string& path) {
  std::vector<std::string> directories = {path};
  TreeWalk walk(root, KeyRange::Prefix(path + "/"));
  for (;;) {
    COFFER_ASSIGN_OR_RETURN(const std::optional<TreeWalk::Entry> entry, walk.Next());
    if (!entry) break;
    if (entry->stat.kind != FileStat::Kind::kDirectory) return Status();  // A value: not empty.
    directories.push_back(entry->path);
  }
  std::set<std::string> changed;  // The caller syncs the one that is left.
  return RemoveEmptied(root, directories, &changed);
}

namespace {

constexpr int kRenamesMax = 100;  // Against others that rename what lies above.

/// Whether anything but directories lies beneath the prefix.
Result<bool> HoldsKeys(const FileRoot& root, const std::string& prefix) {
  TreeWalk walk(root, KeyRange::Prefix(prefix));
  for (;;) {
    COFFER_ASSIGN_OR_RETURN(const std::optional<TreeWalk::Entry> entry, walk.Next());
    if (!entry) return false;
    if (entry->stat.kind != FileStat::Kind::kDirectory) return true;
  }
}

/// The error of a rename whose target is there: keys, or only the lock of a writer.
Status InTheWay(const FileRoot& root, const std::string& from, const std::string& to,
                const KeyPlace& target, int error) {
  const std::string cannot = root.Describe(to) + ": cannot rename \"" + from + "\" to this prefix";
  FileStat stat;
  const int found = root.ops().StatAt(target.directory->get(), target.name.c_str(), &stat);
  bool taken = error == -ENOTDIR || (found == 0 && stat.kind != FileStat::Kind::kDirectory);
  if (!taken) {
    COFFER_ASSIGN_OR_RETURN(taken, HoldsKeys(root, to));
  }
  if (taken) return AlreadyExistsError(cannot + ", it has keys");
  return AbortedError(cannot + " while somebody writes there");
}

/// One attempt; false if a directory above was renamed meanwhile.
Result<bool> TryRename(const FileRoot& root, const std::string& from, const std::string& to,
                       std::vector<ChangedDirectory>* changed) {
  const std::string source = from.substr(0, from.size() - 1);
  const std::string target = to.substr(0, to.size() - 1);
  COFFER_RETURN_IF_ERROR(root.CheckNoLinks(source, from));
  // A link that is the target itself is in the way, as a value would be.
  COFFER_RETURN_IF_ERROR(root.CheckNoLinks(std::string(ParentOf(target)), to));
  const std::string doing = "renaming \"" + from + "\" to \"" + to + "\"";
  COFFER_ASSIGN_OR_RETURN(const std::optional<KeyPlace> old_place, root.FindPlace(source));
  FileStat stat;
  const int found =
      old_place ? root.ops().StatAt(old_place->directory->get(), old_place->name.c_str(), &stat)
                : -ENOENT;
  if (found != 0 && found != -ENOENT) return root.Error(found, from, doing);
  bool holds_keys = found == 0 && stat.kind == FileStat::Kind::kDirectory;
  if (holds_keys) {
    COFFER_ASSIGN_OR_RETURN(holds_keys, HoldsKeys(root, from));
  }
  if (!holds_keys) {
    return NotFoundError(root.Describe(from) + ": no key has this prefix, nothing to rename");
  }
  COFFER_ASSIGN_OR_RETURN(KeyPlace new_place, root.MakePlace(target));
  if (!new_place.directory->valid()) {
    return AbortedError(root.Describe(to) + ": its directory was removed");
  }
  const ExclusiveLock lock(root.engine().renames());
  COFFER_ASSIGN_OR_RETURN(const bool from_here, root.IsPlaceOf(*old_place, source));
  COFFER_ASSIGN_OR_RETURN(const bool to_here, root.IsPlaceOf(new_place, target));
  if (!from_here || !to_here) return false;
  root.engine().Forget(root.PathOf(source));
  const auto rename = [&] {
    return root.ops().RenameDirectory(old_place->directory->get(), old_place->name.c_str(),
                                      new_place.directory->get(), new_place.name.c_str());
  };
  int error = rename();
  if (error == -EEXIST || error == -ENOTEMPTY) {
    COFFER_RETURN_IF_ERROR(RemoveEmptyDirectories(root, target));
    error = rename();
  }
  if (error == -EEXIST || error == -ENOTEMPTY || error == -ENOTDIR) {
    return InTheWay(root, from, to, new_place, error);
  }
  if (error != 0) return root.Error(error, from, doing);
  *changed = std::move(new_place.unsynced);
  changed->push_back({new_place.directory, "", {}});
  changed->push_back({old_place->directory, "", {}});
  return true;
}

}  // namespace

Status RenameFilePrefix(const FileRoot& root, const std::string& from, const std::string& to) {
  COFFER_RETURN_IF_ERROR(CheckRename(from, to).Annotate(root.Describe(from)));
  COFFER_RETURN_IF_ERROR(root.CheckKey(from.substr(0, from.size() - 1)));
  COFFER_RETURN_IF_ERROR(root.CheckKey(to.substr(0, to.size() - 1)));
  std::vector<ChangedDirectory> changed;
  bool renamed = false;
  for (int attempt = 0; !renamed; ++attempt) {
    if (attempt == kRenamesMax) {
      return AbortedError(root.Describe(from) +
                          ": a directory above it or its target was renamed again and again");
    }
    COFFER_ASSIGN_OR_RETURN(renamed, TryRename(root, from, to, &changed));
  }
  if (!root.options().sync) return Status();
  for (const ChangedDirectory& directory : changed) {
    if (const int failed = root.ops().Sync(directory.file->get()); failed != 0) {
      return root.Error(failed, to, "syncing the directory");
    }
  }
  return Status();
}

}  // namespace coffer::inline v0
