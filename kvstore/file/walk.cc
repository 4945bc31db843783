// Without recursion: directories that are still to be visited are a list of paths, one of them is
// open. Symbolic links to directories are not followed, so a walk ends and stays in the tree.
#include "kvstore/file/walk.h"

#include <cerrno>

namespace coffer::inline v0 {

TreeWalk::TreeWalk(const FileRoot& root, KeyRange range) : root_(root), range_(std::move(range)) {
  // All keys of a prefix lie beneath its last slash. Where no key can lie there is nothing to
  // visit, and the kernel must not be asked: it would take "a//" and "a/./" for "a".
  const bool prefix = KeyRange::Prefix(range_.begin) == range_;
  std::string top(prefix ? ParentOf(range_.begin) : std::string_view());
  if (top.empty() || root.CheckKey(top).ok()) pending_.push_back(std::move(top));
}

/// False if there is nothing left to open.
Result<bool> TreeWalk::OpenNext() {
  while (!pending_.empty()) {
    path_ = std::move(pending_.back());
    pending_.pop_back();
    COFFER_ASSIGN_OR_RETURN(const File root, root_.Open());
    if (!root.valid()) return false;
    COFFER_ASSIGN_OR_RETURN(directory_, root_.OpenDirectory(root, path_));
    if (!directory_.valid()) continue;
    const int error = listing_.Open(root_.ops(), directory_.get());
    if (error == -ENOENT) continue;
    if (error != 0) return root_.Error(error, path_, "listing");
    return true;
  }
  return false;
}

Result<std::optional<TreeWalk::Entry>> TreeWalk::Next(bool hidden) {
  for (;;) {
    if (!listing_.is_open()) {
      COFFER_ASSIGN_OR_RETURN(const bool opened, OpenNext());
      if (!opened) return std::optional<Entry>();
    }
    std::string name;
    const int found = listing_.Next(&name);
    if (found < 0) return root_.Error(found, path_, "listing");
    if (found == 0) {
      listing_.Close();
      continue;
    }
    const bool is_hidden = IsHiddenName(name);
    if (is_hidden && !hidden) continue;
    Entry entry;
    entry.path = path_.empty() ? name : path_ + "/" + name;
    const int error = root_.ops().StatAt(directory_.get(), name.c_str(), &entry.stat);
    if (error == -ENOENT) continue;
    if (error != 0) return root_.Error(error, entry.path, "stat");
    if (entry.stat.kind == FileStat::Kind::kDirectory) {
      if (is_hidden || !MayHoldKeys(entry.path)) continue;
      pending_.push_back(entry.path);
      if (hidden) continue;
    } else {
      std::string_view key(entry.path);
      if (is_hidden) key.remove_suffix(kLockSuffix.size());
      if (is_hidden != hidden || !range_.Contains(key)) continue;
    }
    return std::optional<Entry>(std::move(entry));
  }
}

}  // namespace coffer::inline v0
