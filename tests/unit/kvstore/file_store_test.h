// What tests of the file store share.
#ifndef COFFER_TESTS_UNIT_KVSTORE_FILE_STORE_TEST_H_
#define COFFER_TESTS_UNIT_KVSTORE_FILE_STORE_TEST_H_

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kvstore/file/file.h"
#include "tests/support/file_ops.h"
#include "tests/support/temp_dir.h"

namespace coffer {

/// A store in a directory of its own, over file calls that can be bent.
class FileStoreTest : public ::testing::Test {
 protected:
  KvStorePtr Make(FileStoreOptions options = {}) {
    return MakeFileStore(root_, options, context_, ops_).OrDie();
  }
  static std::string Get(KvStore& store, const std::string& key) {
    const Result<ReadResult> read = store.Read(key).Get();
    if (!read.ok()) return read.status().ToString();
    return read->state == ReadResult::State::kValue ? std::string(read->value.text()) : "(missing)";
  }
  static Status Put(KvStore& store, const std::string& key, std::string_view text) {
    return store.Write(key, Bytes::Copy(text)).Get().status();
  }
  /// Keys and sizes as the store lists them.
  static std::vector<std::pair<std::string, int64_t>> Listed(KvStore& store) {
    std::vector<std::pair<std::string, int64_t>> listed;
    for (const ListEntry& entry : ListAll(store).OrDie())
      listed.emplace_back(entry.key, entry.size);
    return listed;
  }
  /// Names of all files beneath the root.
  std::set<std::string> Files() const {
    std::set<std::string> names;
    if (!std::filesystem::exists(root_)) return names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root_)) {
      if (!entry.is_directory())
        names.insert(std::filesystem::relative(entry.path(), root_).string());
    }
    return names;
  }
  void Plant(const std::string& name, std::string_view text) const {
    std::filesystem::create_directories(std::filesystem::path(root_ + "/" + name).parent_path());
    std::ofstream(root_ + "/" + name) << text;
  }

  /// Whether links that stay beneath the root are followed: the plain POSIX twin refuses them all.
  bool FollowsLinks() {
    Plant("probe", "x");
    std::filesystem::create_symlink("probe", root_ + "/probe_link");
    const bool follows = Get(*Make(), "probe_link") == "x";
    std::filesystem::remove(root_ + "/probe");
    std::filesystem::remove(root_ + "/probe_link");
    return follows;
  }

  const TempDir dir_;
  const std::string root_ = dir_ / "up/root";
  BentOps ops_;  // Outlives the context, which waits for what is in flight.
  const Context context_ = Context::Create({.threads = 1});
  const std::string url_ = "file://" + root_ + "/";
};

}  // namespace coffer

#endif  // COFFER_TESTS_UNIT_KVSTORE_FILE_STORE_TEST_H_
