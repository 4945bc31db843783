// Goal: what dead writers left in a file store is found, told and removed, and what living ones
// hold is left alone. Method: files planted as a killed writer leaves them, locks held by open
// files of the test (as foreign as another process's), file calls that fail on demand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <vector>

#include "coffer/kvstore/adapters.h"
#include "tests/unit/kvstore/file_store_test.h"

namespace coffer {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr const char* kTemporary = ".coffer.0123456789abcdef.__lock";

class FileDebrisTest : public FileStoreTest {
 protected:
  /// "name size: reason", or the status of an error.
  static std::vector<std::string> Clear(KvStore& store, KeyRange range = {},
                                        ClearDebrisOptions options = {}) {
    const Result<std::vector<Debris>> found = store.ClearDebris(std::move(range), options).Get();
    if (!found.ok()) return {found.status().ToString()};
    std::vector<std::string> lines;
    for (const Debris& debris : *found) {
      lines.push_back(debris.name + " " + std::to_string(debris.size) + ": " + debris.reason);
    }
    return lines;
  }
  /// A lock file, held as by another process until the File is destroyed.
  File Hold(const std::string& name) {
    Plant(name, "");
    SystemFileOps& system = SystemFileOps::Get();
    const fs::path path = root_ + "/" + name;
    const File directory(system, system.OpenDirectory(path.parent_path().c_str()));
    File file(system, system.OpenAt(directory.get(), path.filename().c_str(), O_RDWR, 0));
    EXPECT_EQ(system.TryLock(file.get()), 0);
    return file;
  }
};

TEST_F(FileDebrisTest, IsToldAndThenRemoved) {
  const KvStorePtr store = Make();
  EXPECT_TRUE(Put(*store, "a/k", "value").ok());
  Plant("a/k.__lock", "half a val");
  Plant("a/b/" + std::string(kTemporary), "half a stream");
  const std::vector<std::string> all = {
      "a/k.__lock 10: the lock of a writer, perhaps with a part of its value; nobody holds it",
      "a/b/" + std::string(kTemporary) + " 13: a value that was never committed; nobody holds it"};
  EXPECT_THAT(Clear(*store, {}, {.dry_run = true}), UnorderedElementsAre(all[0], all[1]));
  EXPECT_EQ(Files().size(), 3u);
  EXPECT_THAT(Clear(*store), UnorderedElementsAre(all[0], all[1]));
  EXPECT_THAT(Files(), ElementsAre("a/k"));
  EXPECT_THAT(Clear(*store), IsEmpty());
}

TEST_F(FileDebrisTest, OfLivingWritersIsLeftAlone) {
  const KvStorePtr store = Make();
  const auto writer = store->OpenWriter("a/k").OrDie();
  EXPECT_TRUE(writer->Append(AsBytes("value")).ok());
  const File foreign = Hold("a/l.__lock");
  for (const bool sure : {false, true}) {
    EXPECT_THAT(Clear(*store, {}, {.assume_no_writers = sure}), IsEmpty());
  }
  EXPECT_EQ(Files().size(), 2u);
  EXPECT_TRUE(writer->Commit().Get().ok());
  EXPECT_EQ(Get(*store, "a/k"), "value");
}

TEST_F(FileDebrisTest, OnlyThatOfTheRangeIsRemoved) {
  const KvStorePtr store = Make();
  for (const std::string name : {"a/k.__lock", "a/l.__lock", "ab.__lock", "b/k.__lock"}) {
    Plant(name, "");
  }
  // A lock belongs where its key does: "a/k.__lock" is no key of ["a/k.", ...), "a/k" no more.
  EXPECT_THAT(Clear(*store, {"a/k.", "a/l"}), IsEmpty());
  EXPECT_EQ(Clear(*store, {"a/k", "a/l"}).size(), 1u);
  EXPECT_THAT(Files(), ElementsAre("a/l.__lock", "ab.__lock", "b/k.__lock"));
  EXPECT_EQ(Clear(*store, KeyRange::Prefix("a/")).size(), 1u);
  EXPECT_THAT(Files(), ElementsAre("ab.__lock", "b/k.__lock"));
  EXPECT_THAT(Clear(*store, KeyRange::Prefix("a/../b/")), IsEmpty());
  EXPECT_EQ(Clear(*store, KeyRange::Prefix("a")).size(), 1u);
  EXPECT_THAT(Files(), ElementsAre("b/k.__lock"));
}

TEST_F(FileDebrisTest, APrefixStoreNamesItAsItsOwn) {
  const KvStorePtr store = Make();
  Plant("a/k.__lock", "");
  Plant("b/k.__lock", "");
  const KvStorePtr part = MakePrefixStore(store, "a/");
  EXPECT_THAT(Clear(*part, {}, {.dry_run = true}),
              ElementsAre("k.__lock 0: the lock of a writer, perhaps with a part of its value; "
                          "nobody holds it"));
  EXPECT_EQ(Clear(*part).size(), 1u);
  EXPECT_THAT(Files(), ElementsAre("b/k.__lock"));
}

TEST_F(FileDebrisTest, WhatNoWriterMakesIsNoDebris) {
  fs::create_directories(root_ + "/d.__lock");
  ASSERT_EQ(mkfifo((root_ + "/fifo.__lock").c_str(), 0600), 0);
  fs::create_symlink("nowhere", root_ + "/link.__lock");
  EXPECT_THAT(Clear(*Make()), IsEmpty());
  EXPECT_TRUE(fs::exists(root_ + "/fifo.__lock"));
  EXPECT_TRUE(fs::is_symlink(root_ + "/link.__lock"));
}

/// Just before we get a dead writer's lock its next owner publishes, and another writer makes the
/// next lock file.
class LockIsPublished final : public BentOps {
 public:
  explicit LockIsPublished(std::string root) : root_(std::move(root)) {}
  int TryLock(int file) override {
    fs::rename(root_ + "/k.__lock", root_ + "/k");
    std::ofstream(root_ + "/k.__lock") << "next";
    return BentOps::TryLock(file);
  }

 private:
  const std::string root_;
};

TEST_F(FileDebrisTest, ALockThatHasChangedHandsStays) {
  Plant("k.__lock", "value");
  LockIsPublished ops(root_);
  const Context context = Context::Create({.threads = 1});
  const KvStorePtr store = MakeFileStore(root_, {}, context, ops).OrDie();
  EXPECT_THAT(Clear(*store), IsEmpty());
  EXPECT_THAT(Files(), ElementsAre("k", "k.__lock"));
}

TEST_F(FileDebrisTest, WithoutLocksOnlyTheCallerCanTell) {
  const KvStorePtr store = Make({.locking = FileStoreOptions::Locking::kNone});
  EXPECT_THAT(Clear(*store), IsEmpty());
  Plant("a/" + std::string(kTemporary), "half");
  EXPECT_THAT(Clear(*store),
              ElementsAre("FailedPrecondition: " + url_ + "a/" + kTemporary +
                          ": nobody can tell whether its writer lives, since this store was opened "
                          "without locks: clear it when no writer is at work, with "
                          "assume_no_writers"));
  const std::string told =
      "a/" + std::string(kTemporary) + " 4: a value that was never committed; there are no writers";
  EXPECT_THAT(Clear(*store, {}, {.dry_run = true, .assume_no_writers = true}), ElementsAre(told));
  EXPECT_EQ(Files().size(), 1u);
  EXPECT_THAT(Clear(*store, {}, {.assume_no_writers = true}), ElementsAre(told));
  EXPECT_THAT(Files(), IsEmpty());
}

TEST_F(FileDebrisTest, WhatCannotBeLookedAtIsAnError) {
  const KvStorePtr store = Make();
  Plant("k.__lock", "");
  const std::string doing = url_ + "k.__lock: looking whether it is used: ";
  for (const std::string call : {"OpenAt", "TryLock", "Remove"}) {
    ops_.Fail(call, -EACCES, 0, "k.__lock");
    EXPECT_THAT(Clear(*store), ElementsAre("PermissionDenied: " + doing + "Permission denied"))
        << call;
  }
  ops_.Fail("StatAt", -EIO, 1, "k.__lock");  // The first is the walk's.
  EXPECT_THAT(Clear(*store), ElementsAre("Unavailable: " + doing + "Input/output error"));
  ops_.Fail("StatAt", -ENOENT, 1, "k.__lock");  // Its writer was quicker.
  EXPECT_THAT(Clear(*store), IsEmpty());
  EXPECT_EQ(Clear(*store).size(), 1u);
}

}  // namespace
}  // namespace coffer
