// TreeWalk: what lies in the part of a file store's tree that may hold keys of a range.
#ifndef COFFER_KVSTORE_FILE_WALK_H_
#define COFFER_KVSTORE_FILE_WALK_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coffer/base/result.h"
#include "coffer/kvstore/kvstore.h"
#include "kvstore/file/root.h"
#include "src/base/platform_file.h"

namespace coffer::inline v0 {

/// One directory being read. Closes itself.
class OpenListing {
 public:
  OpenListing() = default;
  ~OpenListing() { Close(); }
  OpenListing(const OpenListing&) = delete;
  OpenListing& operator=(const OpenListing&) = delete;

  int Open(FileOps& ops, int directory) {
    ops_ = &ops;
    int error = 0;
    listing_ = ops.OpenListing(directory, &error);
    return error;
  }
  void Close() {
    if (listing_ != nullptr) ops_->CloseListing(std::exchange(listing_, nullptr));
  }
  bool is_open() const { return listing_ != nullptr; }

  /// The next name but "." and ".."; 1, 0 at the end, or -errno.
  int Next(std::string* name) {
    for (;;) {
      const dirent* entry = nullptr;
      const int found = ops_->NextEntry(listing_, &entry);
      if (found != 1) return found;
      *name = entry->d_name;
      if (*name != "." && *name != "..") return 1;
    }
  }

 private:
  FileOps* ops_ = nullptr;
  DIR* listing_ = nullptr;
};

/// Walks the part of the tree that may hold keys of a range.
class TreeWalk {
 public:
  struct Entry {
    std::string path;
    FileStat stat;
  };

  TreeWalk(const FileRoot& root, KeyRange range);

  /// The next entry that is not a lock: a directory is given, and visited later if it may hold keys
  /// of the range. nullopt at the end.
  Result<std::optional<Entry>> Next() { return Next(false); }
  /// The next lock or temporary instead, whose name without its suffix lies in the range.
  Result<std::optional<Entry>> NextHidden() { return Next(true); }

  /// The directory that Next() has just given is not visited.
  void LeaveOut() { pending_.pop_back(); }

  const KeyRange& range() const { return range_; }
  /// Where the last entry lies, until the next is asked for.
  const File& directory() const { return directory_; }

 private:
  Result<std::optional<Entry>> Next(bool hidden);
  Result<bool> OpenNext();
  bool MayHoldKeys(const std::string& path) const {
    const KeyRange inside = KeyRange::Prefix(path + "/");
    return (range_.end.empty() || inside.begin < range_.end) && range_.begin < inside.end;
  }

  const FileRoot& root_;
  const KeyRange range_;
  std::vector<std::string> pending_;  // Directories to visit.
  std::string path_;                  // Of the open one.
  File directory_;
  OpenListing listing_;
};

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_FILE_WALK_H_
