// What the file store does with whole parts of its tree: list, delete, rename.
#ifndef COFFER_KVSTORE_FILE_TREE_H_
#define COFFER_KVSTORE_FILE_TREE_H_

#include <memory>
#include <string>

#include "coffer/async/future.h"
#include "coffer/kvstore/kvstore.h"
#include "kvstore/file/root.h"

namespace coffer::inline v0 {

/// KvStore::List.
std::unique_ptr<KvListing> ListFileTree(std::shared_ptr<const FileRoot> root, ListOptions options);

/// KvStore::DeleteRange.
Future<void> DeleteFileRange(std::shared_ptr<const FileRoot> root, KeyRange range);

/// KvStore::RenamePrefix.
Status RenameFilePrefix(const FileRoot& root, const std::string& from, const std::string& to);

/// Removes the directory with this path, and those in it, as far as they hold nothing but the
/// debris of writers that crashed. What is left is no error.
Status RemoveEmptyDirectories(const FileRoot& root, const std::string& path);

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_FILE_TREE_H_
