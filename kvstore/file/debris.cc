// How a dead file is told from a living one, and removed (a lock or a temporary, root.h):
//   1. Open it and try its lock. Who has it lives, and so does the file.
//   2. The name must still lead to the locked file: its writer may have published it meanwhile, and
//      another made the next.
//   3. Remove it under the lock. A writer that has opened it and waits sees, as after every wait,
//      that the name leads elsewhere, and begins anew.
// Without locks nobody can tell; then the caller's word counts, or nothing is removed.
//
// Nothing is synced: what power loss brings back is dead still.
#include "kvstore/file/debris.h"

#include <cerrno>
#include <utility>

#include "kvstore/file/walk.h"

namespace coffer::inline v0 {

namespace {

enum class Life { kDead, kAlive, kError };

/// Whether nobody holds a hidden file; removes it then, if `remove`. `error` receives why it cannot
/// be told, as -errno.
Life TellLife(FileOps& ops, const File& directory, const char* name, bool remove, int* error) {
  const auto gone_or = [error](int failed) {
    *error = failed;
    return failed == -ENOENT ? Life::kAlive : Life::kError;  // Gone: its writer did that.
  };
  const int descriptor = ops.OpenAt(directory.get(), name, O_RDWR | O_NONBLOCK, 0);
  if (descriptor < 0) return gone_or(descriptor);
  const File file(ops, descriptor);
  FileStat ours;
  FileStat named;
  if (const int failed = ops.Stat(descriptor, &ours); failed != 0) return gone_or(failed);
  if (ours.kind != FileStat::Kind::kRegular) return Life::kAlive;  // No writer made it.
  const int locked = ops.TryLock(descriptor);
  if (locked == -EAGAIN) return Life::kAlive;
  if (locked != 0) return gone_or(locked);
  if (const int failed = ops.StatAt(directory.get(), name, &named); failed != 0) {
    return gone_or(failed);
  }
  if (!ours.IsSameFileAs(named)) return Life::kAlive;
  if (!remove) return Life::kDead;
  const int removed = ops.Remove(directory.get(), name);
  return removed == 0 ? Life::kDead : gone_or(removed);
}

bool IsTemporary(std::string_view name) { return name.starts_with(kTemporaryPrefix); }

}  // namespace

Result<std::vector<Debris>> ClearFileDebris(const FileRoot& root, KeyRange range,
                                            const ClearDebrisOptions& options) {
  const bool locks = root.options().locking == FileStoreOptions::Locking::kOs;
  std::vector<Debris> found;
  TreeWalk walk(root, std::move(range));
  for (;;) {
    COFFER_ASSIGN_OR_RETURN(const std::optional<TreeWalk::Entry> entry, walk.NextHidden());
    if (!entry) return found;
    if (entry->stat.kind != FileStat::Kind::kRegular) continue;  // No writer made it.
    const std::string name(NameOf(entry->path));
    Debris debris{entry->path, entry->stat.size,
                  IsTemporary(name) ? "a value that was never committed"
                                    : "the lock of a writer, perhaps with a part of its value"};
    if (locks) {
      int error = 0;
      const Life life =
          TellLife(root.ops(), walk.directory(), name.c_str(), !options.dry_run, &error);
      if (life == Life::kError) return root.Error(error, entry->path, "looking whether it is used");
      if (life == Life::kAlive) continue;
      debris.reason += "; nobody holds it";
    } else if (!options.assume_no_writers) {
      return FailedPreconditionError(
          root.Describe(entry->path) +
          ": nobody can tell whether its writer lives, since this store was opened without locks: "
          "clear it when no writer is at work, with assume_no_writers");
    } else {
      debris.reason += "; there are no writers";
      const int error =
          options.dry_run ? 0 : root.ops().Remove(walk.directory().get(), name.c_str());
      if (error == -ENOENT) continue;
      if (error != 0) return root.Error(error, entry->path, "deleting");
    }
    found.push_back(std::move(debris));
  }
}

void RemoveDeadFiles(const FileRoot& root, const File& directory) {
  if (root.options().locking != FileStoreOptions::Locking::kOs) return;
  OpenListing listing;
  if (listing.Open(root.ops(), directory.get()) != 0) return;
  std::string name;
  while (listing.Next(&name) == 1) {
    int error = 0;
    if (IsHiddenName(name)) TellLife(root.ops(), directory, name.c_str(), true, &error);
  }
}

}  // namespace coffer::inline v0
