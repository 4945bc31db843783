// Goal: what the file store promises beyond the suite: durability in the right order, errors of
// every system call told apart from absence, nothing outside its root, unique stamps, locks, no
// stalls. Method: file calls that fail, come short or wait on demand (tests/support/file_ops.h);
// the directory itself is looked at with std::filesystem.
#include "kvstore/file/file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <thread>

#include "tests/support/file_ops.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/kvstore/file_store_test.h"

namespace coffer {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

TEST_F(FileStoreTest, ReadingAMissingRootCreatesNothing) {
  const KvStorePtr store = Make();
  EXPECT_EQ(Get(*store, "a/k"), "(missing)");
  EXPECT_THAT(ListAll(*store).OrDie(), IsEmpty());
  EXPECT_TRUE(store->Write("a/k", std::nullopt).Get().ok());
  EXPECT_TRUE(store->DeleteRange({}).Get().ok());
  EXPECT_FALSE(fs::exists(dir_ / "up"));
}

TEST_F(FileStoreTest, SyncsFileThenRenamesThenSyncsEveryNewDirectory) {
  const KvStorePtr store = Make();
  EXPECT_TRUE(Put(*store, "a/b/k", "v").ok());
  std::vector<std::string> changes;
  for (const std::string& line : ops_.TakeLog()) {
    if (line.starts_with("Sync") || line.starts_with("Rename") || line.starts_with("MakeDir")) {
      changes.push_back(line);
    }
  }
  // What is there may have been made a moment ago. Above the root each step is synced at once; from
  // its own entry on, all before the write is acknowledged, side by side.
  const std::string there = "Sync d:" + fs::path(dir_.path()).parent_path().filename().string();
  const std::string top = "Sync d:" + fs::path(dir_.path()).filename().string();
  ASSERT_GE(changes.size(), 8u);
  EXPECT_THAT(std::vector(changes.begin(), changes.begin() + 8),
              ElementsAre(there, "MakeDirectory up", top, "MakeDirectory root", "MakeDirectory a",
                          "MakeDirectory b", "Sync k.__lock", "Rename k"));
  EXPECT_THAT(std::vector(changes.begin() + 8, changes.end()),
              ::testing::UnorderedElementsAre("Sync d:up", "Sync d:root", "Sync d:a", "Sync d:b"));
}

TEST_F(FileStoreTest, KnownDirectoriesAreNotSyncedAgain) {
  const KvStorePtr store = Make();
  EXPECT_TRUE(Put(*store, "a/b/k", "v").ok());
  ops_.TakeLog();
  EXPECT_TRUE(Put(*store, "a/b/l", "v").ok());
  EXPECT_EQ(ops_.Count("Sync d:b"), 1);
  EXPECT_EQ(ops_.Count("Sync d:a"), 0);
  EXPECT_EQ(ops_.Count("Sync d:root"), 0);
}

TEST_F(FileStoreTest, DirectoriesMadeByOthersAreSyncedOnce) {
  fs::create_directories(root_ + "/a");
  const KvStorePtr store = Make();
  EXPECT_TRUE(Put(*store, "a/k", "v").ok());
  EXPECT_EQ(ops_.Count("Sync d:up"), 1);
  EXPECT_EQ(ops_.Count("Sync d:root"), 1);
  EXPECT_EQ(ops_.Count("Sync d:a"), 1);
}

TEST_F(FileStoreTest, ARootIsSyncedOnceByAContext) {
  const auto syncs = [&](const std::string& path, const Context& context) {
    ops_.TakeLog();
    const KvStorePtr store = MakeFileStore(path, {}, context, ops_).OrDie();
    EXPECT_TRUE(Put(*store, "k", "v").ok());
    std::vector<std::string> lines;
    for (const std::string& line : ops_.TakeLog()) {
      if (line.starts_with("Sync d:") && line != "Sync d:" + fs::path(path).filename().string()) {
        lines.push_back(line);
      }
    }
    return lines;
  };
  const Context other = Context::Create({.threads = 1});
  fs::create_directories(root_);
  EXPECT_THAT(syncs(root_, context_), ElementsAre("Sync d:up"));
  EXPECT_THAT(syncs(root_, context_), IsEmpty());
  EXPECT_THAT(syncs(root_, other), ElementsAre("Sync d:up"));
  // One that was made as a root, or beneath one.
  EXPECT_THAT(syncs(root_ + "/a", context_), ElementsAre("Sync d:root"));
  EXPECT_THAT(syncs(root_ + "/a", context_), IsEmpty());
  EXPECT_TRUE(Put(*Make(), "b/k", "v").ok());
  EXPECT_THAT(syncs(root_ + "/b", context_), IsEmpty());
  // Not if it is another one of that name, nor if the sync failed.
  fs::rename(root_, root_ + "_old");
  fs::create_directories(root_);
  ops_.Fail("Sync", -EIO, 0, "d:up");
  EXPECT_EQ(Put(*Make(), "k", "v").code(), StatusCode::kUnavailable);
  EXPECT_THAT(syncs(root_, context_), ElementsAre("Sync d:up"));
  EXPECT_THAT(syncs(root_, context_), IsEmpty());
}

/// Another program puts another directory in a root's place, once its parent has been synced.
class ReplacesTheRoot final : public BentOps {
 public:
  explicit ReplacesTheRoot(std::string root) : root_(std::move(root)) {}
  int Sync(int file) override {
    const int error = BentOps::Sync(file);
    if (Count("Sync d:up") == 1 && !replaced_.exchange(true)) {
      fs::rename(root_, root_ + "_old");
      fs::create_directories(root_);
    }
    return error;
  }

 private:
  const std::string root_;
  std::atomic<bool> replaced_ = false;  // Directories are synced side by side.
};

TEST_F(FileStoreTest, ARootThatIsReplacedAfterItsSyncIsNotTakenForDurable) {
  ReplacesTheRoot ops(root_);
  const Context context = Context::Create({.threads = 1});
  for (const int syncs : {1, 1, 0}) {
    ops.TakeLog();
    const KvStorePtr store = MakeFileStore(root_, {}, context, ops).OrDie();
    EXPECT_TRUE(Put(*store, "k", "v").ok());
    EXPECT_EQ(ops.Count("Sync d:up"), syncs);
  }
  EXPECT_THAT(Files(), ElementsAre("k"));
}

TEST_F(FileStoreTest, ARootBelowAnotherSaysNothingOfWhatLiesBetween) {
  fs::create_directories(root_ + "/b/c");  // By another program, without a sync.
  const KvStorePtr inner = MakeFileStore(root_ + "/b/c", {}, context_, ops_).OrDie();
  EXPECT_TRUE(Put(*inner, "k", "v").ok());
  const KvStorePtr outer = Make();
  ops_.TakeLog();
  EXPECT_TRUE(Put(*outer, "b/c/l", "v").ok());
  EXPECT_EQ(ops_.Count("Sync d:root"), 1);  // The entry "b".
  EXPECT_EQ(ops_.Count("Sync d:b"), 1);
  EXPECT_EQ(ops_.Count("Sync d:c"), 1);
}

TEST_F(FileStoreTest, AWriteMakesNoCallTooMany) {
  const KvStorePtr store = Make();
  for (const char* key : {"first", "second"}) EXPECT_TRUE(Put(*store, key, "v").ok());
  ops_.TakeLog();
  EXPECT_TRUE(Put(*store, "a/b/k", "v").ok());
  const std::vector<std::string> publishes = {
      "OpenAt k.__lock", "TryLock k.__lock", "Stat ",   "StatAt k.__lock", "StatAt k",
      "Write ",          "SetMtime ",        "Stat ",   "Sync k.__lock",   "StatPath b",
      "Stat ",           "StatAt k.__lock",  "Rename k"};
  const auto calls = [&](std::vector<std::string> before, const std::vector<std::string>& after) {
    before.insert(before.end(), publishes.begin(), publishes.end());
    before.insert(before.end(), after.begin(), after.end());
    return before;
  };
  const std::vector<std::string> syncs = {"Stat ",    "Stat ",    "Stat ",
                                          "Sync d:a", "Sync d:b", "Sync d:root"};
  std::vector<std::string> log = ops_.TakeLog();
  ASSERT_GE(log.size(), syncs.size());
  std::sort(log.end() - std::ssize(syncs), log.end());  // Side by side.
  EXPECT_EQ(log, calls({"OpenDirectory root", "OpenBeneath a/b", "OpenBeneath a", "MakeDirectory a",
                        "OpenBeneath a", "Stat ", "MakeDirectory b", "OpenBeneath a/b", "Stat "},
                       syncs));
  EXPECT_TRUE(Put(*store, "a/b/k", "v").ok());
  EXPECT_EQ(ops_.TakeLog(),
            calls({"OpenDirectory root", "OpenBeneath a/b", "Stat "}, {"Stat ", "Sync d:b"}));
}

TEST_F(FileStoreTest, WhoWaitsCommitsByItself) {
  const KvStorePtr store = Make();
  EXPECT_TRUE(Put(*store, "first", "v").ok());
  ops_.sync_gate.Close();  // For all threads but this one.
  const auto value = [] { return BytesChain(Bytes::Copy("v")); };
  const Future<WriteResult> waited = store->Write("a", value(), {.caller_waits = true});
  EXPECT_TRUE(waited.ready());
  const Future<WriteResult> left = store->Write("b", value());
  EXPECT_FALSE(left.ready());
  ops_.sync_gate.Open();
  EXPECT_TRUE(waited.Get().ok());
  EXPECT_TRUE(left.Get().ok());
}

TEST_F(FileStoreTest, RecreatedDirectoriesAreSyncedAgain) {
  const KvStorePtr store = Make();
  EXPECT_TRUE(Put(*store, "a/b/k", "v").ok());
  EXPECT_TRUE(store->DeleteRange(KeyRange::Prefix("a/")).Get().ok());
  EXPECT_FALSE(fs::exists(root_ + "/a"));
  ops_.TakeLog();
  EXPECT_TRUE(Put(*store, "a/b/k", "v").ok());
  EXPECT_EQ(ops_.Count("Sync d:root"), 1);
  EXPECT_EQ(ops_.Count("Sync d:a"), 1);
}

TEST_F(FileStoreTest, DirectoriesThatOthersRemovedAreSyncedAgain) {
  const KvStorePtr store = Make();
  EXPECT_TRUE(Put(*store, "a/b/k", "v").ok());
  fs::remove_all(root_ + "/a");
  ops_.TakeLog();
  EXPECT_TRUE(Put(*store, "a/b/k", "v").ok());
  EXPECT_EQ(ops_.Count("Sync d:root"), 1);
  EXPECT_EQ(ops_.Count("Sync d:a"), 1);
  // Another process makes them anew, too: their paths are known, but not they.
  fs::rename(root_ + "/a", root_ + "/old");
  fs::create_directories(root_ + "/a/b");
  ops_.TakeLog();
  EXPECT_TRUE(Put(*store, "a/b/k", "v").ok());
  EXPECT_EQ(ops_.Count("Sync d:root"), 1);
  EXPECT_EQ(ops_.Count("Sync d:a"), 1);
}

/// A file system that gives a new directory the inode of the last one with its path.
class ReusesInodes final : public BentOps {
 public:
  int Stat(int file, FileStat* stat) override {
    const int error = BentOps::Stat(file, stat);
    return error != 0 ? error
                      : Bend(fs::read_symlink("/proc/self/fd/" + std::to_string(file)), stat);
  }
  int StatPath(const char* path, FileStat* stat) override {
    const int error = BentOps::StatPath(path, stat);
    return error != 0 ? error : Bend(fs::canonical(path), stat);
  }

 private:
  static int Bend(const fs::path& path, FileStat* stat) {
    if (stat->kind == FileStat::Kind::kDirectory) {
      stat->inode = std::hash<std::string>()(path.string());
    }
    return 0;
  }
};

TEST(FileStore, DirectoriesMadeAnewUnderTheOldInodeAreSyncedAgain) {
  const TempDir dir;
  ReusesInodes ops;
  const Context context = Context::Create({.threads = 1});
  const KvStorePtr store = MakeFileStore(dir / "root", {}, context, ops).OrDie();
  const auto write = [&] {
    ops.TakeLog();
    EXPECT_TRUE(store->Write("a/b/k", Bytes::Copy("v")).Get().ok());
    return std::pair(ops.Count("Sync d:root"), ops.Count("Sync d:a"));
  };
  EXPECT_EQ(write(), std::pair(1, 1));
  EXPECT_EQ(write(), std::pair(0, 0));
  fs::remove_all(dir / "root/a");
  EXPECT_EQ(write(), std::pair(1, 1));
  EXPECT_TRUE(store->DeleteRange(KeyRange::Prefix("a/b/")).Get().ok());
  EXPECT_EQ(write(), std::pair(0, 1));
}

TEST_F(FileStoreTest, WhatLiesAboveIsSyncedUntilItHasSucceeded) {
  const KvStorePtr store = Make();
  EXPECT_TRUE(Put(*store, "first", "v").ok());
  ops_.Fail("Sync", -EIO, 0, "d:root");
  EXPECT_EQ(Put(*store, "a/b/k", "v").code(), StatusCode::kUnavailable);
  ops_.TakeLog();
  EXPECT_TRUE(Put(*store, "a/b/l", "v").ok());
  EXPECT_EQ(ops_.Count("Sync d:root"), 1);
}

TEST_F(FileStoreTest, DeletesAreDurable) {
  const KvStorePtr store = Make();
  EXPECT_TRUE(Put(*store, "a/k", "v").ok());
  EXPECT_TRUE(Put(*store, "a/l", "v").ok());
  ops_.TakeLog();
  EXPECT_TRUE(store->Write("a/k", std::nullopt).Get().ok());
  EXPECT_EQ(ops_.Count("Sync d:a"), 1);
  ops_.TakeLog();
  EXPECT_TRUE(store->DeleteRange(KeyRange::Prefix("a/")).Get().ok());
  EXPECT_EQ(ops_.Count("RemoveDirectory a"), 1);
  EXPECT_EQ(ops_.Count("Sync d:root"), 1);
}

TEST_F(FileStoreTest, DeletesOfWhatIsGoneSyncWhatIsLeft) {
  const KvStorePtr store = Make();
  EXPECT_TRUE(Put(*store, "a/b/k", "v").ok());
  const auto syncs = [&](const Status& status) {
    EXPECT_TRUE(status.ok()) << status;
    std::vector<std::string> lines;
    for (const std::string& line : ops_.TakeLog()) {
      if (line.starts_with("Sync")) lines.push_back(line);
    }
    return lines;
  };
  const auto remove = [&](const std::string& key) {
    ops_.TakeLog();
    return syncs(store->Write(key, std::nullopt).Get().status());
  };
  const auto remove_range = [&](const std::string& prefix) {
    ops_.TakeLog();
    return syncs(store->DeleteRange(KeyRange::Prefix(prefix)).Get());
  };
  // Whoever removed it may have been killed before it synced.
  EXPECT_THAT(remove("a/b/gone"), ElementsAre("Sync d:b"));
  EXPECT_THAT(remove("a/c/d/gone"), ElementsAre("Sync d:a"));
  EXPECT_THAT(remove("c/d/gone"), ElementsAre("Sync d:root"));
  EXPECT_THAT(remove_range("a/b/gone"), ElementsAre("Sync d:b"));
  EXPECT_THAT(remove_range("a/c/d/"), ElementsAre("Sync d:a"));
  EXPECT_THAT(remove_range("c/"), ElementsAre("Sync d:root"));
  // The range ends before the key: its directories were looked into.
  ops_.TakeLog();
  EXPECT_THAT(syncs(store->DeleteRange({"a/a", "a/b/c"}).Get()),
              UnorderedElementsAre("Sync d:root", "Sync d:a", "Sync d:b"));
  fs::remove_all(root_);
  EXPECT_THAT(remove("a/b/k"), ElementsAre("Sync d:up"));
  EXPECT_THAT(remove_range("a/"), ElementsAre("Sync d:up"));
  ops_.Fail("Sync", -EIO);
  EXPECT_EQ(store->Write("a/b/k", std::nullopt).Get().status().code(), StatusCode::kUnavailable);
  ops_.Fail("Sync", -EIO);
  EXPECT_EQ(store->DeleteRange(KeyRange::Prefix("a/")).Get().code(), StatusCode::kUnavailable);
  // What lies above and may not be read is not ours.
  ops_.Fail("OpenDirectory", -EACCES, 0, "up");
  EXPECT_THAT(remove("a/b/k"), IsEmpty());
}

TEST_F(FileStoreTest, RenamesAreDurableInBothParents) {
  const KvStorePtr store = Make();
  EXPECT_TRUE(Put(*store, "x/tmp/k", "v").ok());
  ops_.TakeLog();
  EXPECT_TRUE(store->RenamePrefix("x/tmp/", "y/z/").Get().ok());
  EXPECT_EQ(ops_.Count("Sync d:root"), 1);  // "y" is new in it.
  EXPECT_EQ(ops_.Count("Sync d:x"), 1);
  EXPECT_EQ(ops_.Count("Sync d:y"), 1);
}

TEST_F(FileStoreTest, UnsyncedStoresNeverSync) {
  const KvStorePtr store = Make({.sync = false});
  EXPECT_TRUE(Put(*store, "a/b/k", "v").ok());
  EXPECT_TRUE(store->DeleteRange({}).Get().ok());
  for (const std::string& line : ops_.TakeLog()) EXPECT_FALSE(line.starts_with("Sync")) << line;
}

TEST_F(FileStoreTest, ShortWritesAndReadsAreContinued) {
  const KvStorePtr store = Make();
  ops_.write_max = 3;
  ops_.read_max = 5;
  BytesChain chain(Bytes::Copy("one two "));
  chain.Append(Bytes::Copy("three four"));
  EXPECT_TRUE(store->Write("k", chain).Get().ok());
  EXPECT_EQ(Get(*store, "k"), "one two three four");
}

TEST_F(FileStoreTest, AFullDiskLeavesTheOldValueAndNoDebris) {
  const KvStorePtr store = Make();
  EXPECT_TRUE(Put(*store, "k", "old").ok());
  ops_.write_max = 3;
  ops_.Fail("Write", -ENOSPC, 1);
  EXPECT_EQ(Put(*store, "k", "new value").ToString(),
            "ResourceExhausted: " + url_ + "k: writing: No space left on device");
  EXPECT_EQ(Get(*store, "k"), "old");
  EXPECT_THAT(Files(), ElementsAre("k"));
}

TEST_F(FileStoreTest, WhatCannotBeSyncedIsNotPublished) {
  const KvStorePtr store = Make();
  EXPECT_TRUE(Put(*store, "k", "old").ok());
  ops_.Fail("Sync", -EIO, 0, "k.__lock");
  EXPECT_EQ(Put(*store, "k", "new").ToString(),
            "Unavailable: " + url_ + "k: syncing: Input/output error");
  EXPECT_EQ(Get(*store, "k"), "old");
  EXPECT_THAT(Files(), ElementsAre("k"));
}

TEST_F(FileStoreTest, WhatMayNotBeDurableIsNotAcknowledged) {
  const KvStorePtr store = Make();
  EXPECT_TRUE(Put(*store, "a/k", "old").ok());
  ops_.Fail("Sync", -EIO, 0, "d:a");
  EXPECT_EQ(Put(*store, "a/k", "new").ToString(),
            "Unavailable: " + url_ + "a/k: syncing the directory: Input/output error");
  ops_.Fail("Rename", -EIO);
  EXPECT_EQ(Put(*store, "a/k", "new").ToString(),
            "Unavailable: " + url_ + "a/k: renaming: Input/output error");
}

TEST_F(FileStoreTest, FailingIsNotMissing) {
  const KvStorePtr store = Make();
  EXPECT_TRUE(Put(*store, "k", "value").ok());
  ops_.Fail("OpenWithoutLinks", -EIO, 0, "k");
  EXPECT_EQ(Get(*store, "k"), "Unavailable: " + url_ + "k: opening: Input/output error");
  ops_.Fail("OpenWithoutLinks", -EACCES, 0, "k");
  EXPECT_EQ(Get(*store, "k"), "PermissionDenied: " + url_ + "k: opening: Permission denied");
  ops_.Fail("ReadAt", -EIO);
  EXPECT_EQ(Get(*store, "k"), "Unavailable: " + url_ + "k: reading: Input/output error");
  ops_.Fail("ReadAt", BentOps::kEndOfFile);
  EXPECT_EQ(Get(*store, "k"),
            "Unavailable: " + url_ + "k: ends at byte 0 of 5: it was truncated while it was read");
  ops_.Fail("NextEntry", -EIO);
  EXPECT_EQ(ListAll(*store).status().ToString(),
            "Unavailable: " + url_ + ": listing: Input/output error");
  ops_.Fail("StatAt", -EIO, 0, "k");
  EXPECT_EQ(store->Write("k", std::nullopt).Get().status().ToString(),
            "Unavailable: " + url_ + "k: stat: Input/output error");
  EXPECT_EQ(Get(*store, "k"), "value");
}

TEST_F(FileStoreTest, ALinkThatCannotBeOpenedFailsTheListing) {
  const KvStorePtr store = Make();
  EXPECT_TRUE(Put(*store, "k", "value").ok());
  fs::create_symlink("k", root_ + "/link");
  EXPECT_EQ(ListAll(*store).OrDie().size(), 2u);
  ops_.Fail("OpenBeneath", -EMFILE, 0, "link");
  EXPECT_EQ(ListAll(*store).status().ToString(),
            "ResourceExhausted: " + url_ + "link: opening: Too many open files");
}

TEST_F(FileStoreTest, ALinkToADirectoryIsListedAndNotFollowed) {
  const KvStorePtr store = Make();
  EXPECT_TRUE(Put(*store, "d/k", "value").ok());
  fs::create_directory_symlink("d", root_ + "/link");
  fs::create_directory_symlink("..", root_ + "/d/up");
  fs::create_symlink("d/k", root_ + "/value");
  EXPECT_THAT(Listed(*store), ElementsAre(Pair("d/k", 5), Pair("d/up", -1), Pair("link", -1),
                                          Pair("value", FollowsLinks() ? 5 : -1)));
}

/// Just before we get the lock its owner publishes, and another writer makes the next lock file.
class LockChangesHands final : public BentOps {
 public:
  explicit LockChangesHands(std::string root) : root_(std::move(root)) {}
  int TryLock(int file) override {
    if (!changed_.exchange(true)) {
      std::ofstream(root_ + "/k.__lock") << "theirs";
      fs::rename(root_ + "/k.__lock", root_ + "/k");
      std::ofstream(root_ + "/k.__lock") << "debris";
    }
    return BentOps::TryLock(file);
  }

 private:
  const std::string root_;
  std::atomic<bool> changed_{false};
};

TEST_F(FileStoreTest, AFileThatIsNoLongerTheLockIsNotWrittenInto) {
  LockChangesHands ops(root_);
  LockChangesHands again(root_);
  const Context context = Context::Create({.threads = 1});
  const KvStorePtr store = MakeFileStore(root_, {}, context, ops).OrDie();
  EXPECT_EQ(store->Write("k", Bytes::Copy("ours"), {.if_equal = Generation::Missing()})
                .Get()
                .OrDie()
                .state,
            WriteResult::State::kConditionNotMet);
  EXPECT_EQ(Get(*store, "k"), "theirs");
  const KvStorePtr other = MakeFileStore(root_, {}, context, again).OrDie();
  EXPECT_TRUE(Put(*other, "k", "ours").ok());
  EXPECT_EQ(Get(*other, "k"), "ours");
  EXPECT_THAT(Files(), ElementsAre("k"));
}

/// A network file system, which tells of a failed write when the file is closed.
class TellsOnClose final : public BentOps {
 public:
  int Flush(int file) override { return fail.exchange(false) ? -EIO : BentOps::Flush(file); }
  std::atomic<bool> fail{false};
};

TEST(FileStore, WhatCloseWouldReportIsNotPublished) {
  const TempDir dir;
  TellsOnClose ops;
  const Context context = Context::Create({.threads = 1});
  const KvStorePtr store = MakeFileStore(dir / "root", {.sync = false}, context, ops).OrDie();
  EXPECT_TRUE(store->Write("k", Bytes::Copy("old")).Get().ok());
  ops.fail = true;
  EXPECT_EQ(store->Write("k", Bytes::Copy("new")).Get().status().ToString(),
            "Unavailable: " + store->Describe("k") + ": closing: Input/output error");
  EXPECT_EQ(store->Read("k").Get().OrDie().value.text(), "old");
}

TEST_F(FileStoreTest, AnotherFileSystemIsNoSymbolicLink) {
  const KvStorePtr store = Make();
  ops_.Fail("Rename", -EXDEV);
  EXPECT_EQ(Put(*store, "k", "v").ToString(),
            "FailedPrecondition: " + url_ + "k: renaming: Invalid cross-device link");
}

TEST_F(FileStoreTest, AStreamDoesNotFollowItsDirectory) {
  for (const auto locking : {FileStoreOptions::Locking::kOs, FileStoreOptions::Locking::kNone}) {
    const KvStorePtr store = Make({.locking = locking});
    EXPECT_TRUE(Put(*store, "a/first", "v").ok());
    auto writer = store->OpenWriter("a/k").OrDie();
    EXPECT_TRUE(writer->Append(AsBytes("value")).ok());
    EXPECT_TRUE(store->RenamePrefix("a/", "z/").Get().ok());
    EXPECT_EQ(writer->Commit().Get().status().ToString(),
              "Aborted: " + url_ + "a/k: its directory was renamed while the value was written");
    EXPECT_THAT(Files(), ElementsAre("z/first"));
    // Also if there is another by now.
    writer = store->OpenWriter("z/k").OrDie();
    EXPECT_TRUE(store->RenamePrefix("z/", "y/").Get().ok());
    EXPECT_TRUE(Put(*store, "z/other", "v").ok());
    EXPECT_EQ(writer->Commit().Get().status().code(), StatusCode::kAborted);
    EXPECT_THAT(Files(), ElementsAre("y/first", "z/other"));
    EXPECT_TRUE(store->DeleteRange({}).Get().ok());
  }
}

TEST_F(FileStoreTest, AFailedWriterPublishesNothing) {
  const KvStorePtr store = Make();
  auto writer = store->OpenWriter("k").OrDie();
  EXPECT_TRUE(writer->Append(AsBytes("one")).ok());
  ops_.Fail("Write", -ENOSPC);
  EXPECT_EQ(writer->Append(AsBytes("two")).code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(writer->Commit().Get().status().ToString(),
            "FailedPrecondition: " + url_ + "k: the writer is used up");
  EXPECT_THAT(Files(), IsEmpty());
}

TEST_F(FileStoreTest, StampsAreUniqueWhenTheClockStandsStill) {
  const KvStorePtr store = Make({.sync = false});
  ops_.clock_ns = 1'700'000'000'000'000'000;
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(seen.insert(store->Write("k", Bytes::Copy("v")).Get()->generation.value).second);
    if (i % 3 == 0) {
      EXPECT_TRUE(store->Write("k", std::nullopt).Get().ok());
    }
  }
}

TEST_F(FileStoreTest, StampsAreUniqueWhereTheFileSystemRoundsThem) {
  const KvStorePtr store = Make({.sync = false});
  ops_.mtime_granularity_ns = 1'000'000'000;
  std::set<int64_t> seen;
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(Put(*store, "k", "v").ok());
    EXPECT_TRUE(seen.insert(fs::last_write_time(root_ + "/k").time_since_epoch().count()).second);
  }
}

TEST_F(FileStoreTest, StampsGrowAlongAKeyEvenIfTheClockGoesBack) {
  const KvStorePtr store = Make({.sync = false});
  EXPECT_TRUE(Put(*store, "k", "v").ok());
  // As if another process had written it tomorrow.
  const auto tomorrow = fs::file_time_type::clock::now() + std::chrono::hours(24);
  fs::last_write_time(root_ + "/k", tomorrow);
  EXPECT_TRUE(Put(*store, "k", "w").ok());
  EXPECT_GT(fs::last_write_time(root_ + "/k"), tomorrow);
}

TEST_F(FileStoreTest, WaitsForTheLockOfAnotherProcess) {
  const KvStorePtr store = Make({.lock_timeout = std::chrono::milliseconds(40)});
  EXPECT_TRUE(Put(*store, "k", "old").ok());
  Plant("k.__lock", "half of a val");
  {
    // A lock belongs to the open file, so this one is as foreign as another process's.
    const File other(ops_, SystemFileOps().OpenDirectory(root_.c_str()));
    const File lock(ops_, SystemFileOps().OpenAt(other.get(), "k.__lock", O_RDWR, 0));
    ASSERT_EQ(ops_.TryLock(lock.get()), 0);
    EXPECT_EQ(Put(*store, "k", "new").ToString(),
              "DeadlineExceeded: " + url_ +
                  "k: another process holds the lock \"k.__lock\", waited 40 ms");
    EXPECT_EQ(store->Write("k", std::nullopt).Get().status().code(), StatusCode::kDeadlineExceeded);
    EXPECT_TRUE(Put(*store, "other", "v").ok());
    EXPECT_EQ(Get(*store, "k"), "old");
  }
  EXPECT_TRUE(Put(*store, "k", "new").ok());
  EXPECT_EQ(Get(*store, "k"), "new");
}

TEST_F(FileStoreTest, CancellingEndsTheWaitForALock) {
  const KvStorePtr store = Make();
  EXPECT_TRUE(Put(*store, "k", "old").ok());
  Plant("k.__lock", "");
  const File other(ops_, SystemFileOps().OpenDirectory(root_.c_str()));
  const File lock(ops_, SystemFileOps().OpenAt(other.get(), "k.__lock", O_RDWR, 0));
  ASSERT_EQ(ops_.TryLock(lock.get()), 0);
  ops_.TakeLog();
  const CancelSource source;
  std::thread first([&] {
    const Status status =
        store->Write("k", Bytes::Copy("1"), {.cancel = source.token()}).Get().status();
    EXPECT_EQ(status.ToString(), "Cancelled: " + url_ + "k: waiting for the lock");
  });
  ops_.WaitFor("OpenAt k.__lock", 1);
  const Future<WriteResult> second = store->Write("k", Bytes::Copy("2"));  // Behind the first.
  source.Cancel();
  first.join();
  ops_.TakeLog();
  ops_.WaitFor("OpenAt k.__lock", 1);  // Now the second waits.
  second.Cancel();
  EXPECT_EQ(second.Get().status().ToString(), "Cancelled: " + url_ + "k: waiting for the lock");
  EXPECT_EQ(Get(*store, "k"), "old");
}

TEST_F(FileStoreTest, DebrisIsInvisibleAndCleared) {
  Plant("a/k.__lock", "what a crashed writer left, longer than the value");
  Plant("a/.coffer.0123456789abcdef.__lock", "half a stream");
  const KvStorePtr store = Make();
  EXPECT_THAT(ListAll(*store).OrDie(), IsEmpty());
  EXPECT_EQ(Get(*store, "a/k"), "(missing)");
  EXPECT_TRUE(Put(*store, "a/k", "value").ok());
  EXPECT_EQ(Get(*store, "a/k"), "value");
  EXPECT_THAT(Files(), ElementsAre("a/.coffer.0123456789abcdef.__lock", "a/k"));
  EXPECT_TRUE(store->DeleteRange(KeyRange::Prefix("a/")).Get().ok());
  EXPECT_FALSE(fs::exists(root_ + "/a"));
}

TEST_F(FileStoreTest, DeleteRangeSparesTheTemporaryOfALivingWriter) {
  const KvStorePtr store = Make();
  auto writer = store->OpenWriter("a/k").OrDie();
  EXPECT_TRUE(writer->Append(AsBytes("value")).ok());
  EXPECT_TRUE(store->DeleteRange({}).Get().ok());
  EXPECT_TRUE(writer->Commit().Get().ok());
  EXPECT_EQ(Get(*store, "a/k"), "value");
  EXPECT_THAT(Files(), ElementsAre("a/k"));
}

TEST_F(FileStoreTest, LinksDoNotLeadOutOfTheRoot) {
  fs::create_directories(dir_ / "outside/d");
  std::ofstream(dir_ / "outside/secret") << "secret";
  fs::create_directories(root_);
  fs::create_symlink("../../outside/secret", root_ + "/relative");
  fs::create_symlink(dir_ / "outside/secret", root_ + "/absolute");
  fs::create_directory_symlink("../../outside", root_ + "/dir");
  const KvStorePtr store = Make();
  for (const std::string key : {"relative", "absolute", "dir/secret"}) {
    EXPECT_EQ(Get(*store, key),
              "FailedPrecondition: " + url_ + key +
                  ": opening: a symbolic link leads out of the store's root, or in "
                  "a circle, or cannot be followed here");
  }
  fs::create_symlink("circle", root_ + "/circle");
  EXPECT_EQ(Get(*store, "circle"), "FailedPrecondition: " + url_ +
                                       "circle: opening: a symbolic link leads out of the store's "
                                       "root, or in a circle, or cannot be followed here");
  fs::remove(root_ + "/circle");
  EXPECT_EQ(Put(*store, "dir/new", "v").code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(Put(*store, "dir/d/new", "v").code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(store->Write("dir/secret", std::nullopt).Get().status().code(),
            StatusCode::kFailedPrecondition);
  // Named, so that nobody takes them for absent.
  EXPECT_THAT(Listed(*store),
              ElementsAre(Pair("absolute", -1), Pair("dir", -1), Pair("relative", -1)));
  EXPECT_TRUE(Put(*store, "absolute", "mine").ok());  // Replaces the link, not what it leads to.
  EXPECT_EQ(Get(*store, "absolute"), "mine");
  EXPECT_TRUE(store->DeleteRange({}).Get().ok());
  EXPECT_TRUE(fs::exists(dir_ / "outside/secret"));
  EXPECT_EQ(fs::file_size(dir_ / "outside/secret"), 6u);
}

TEST_F(FileStoreTest, NoPrefixIsDeletedOrRenamedThroughALink) {
  const bool follows = FollowsLinks();
  const KvStorePtr store = Make();
  EXPECT_TRUE(Put(*store, "data/d/k", "precious").ok());
  EXPECT_TRUE(Put(*store, "from/k", "v").ok());
  fs::create_directory_symlink("data", root_ + "/link");
  fs::create_directory_symlink("../data/d", root_ + "/from/inner");
  const auto refused = [&](const std::string& prefix, const std::string& link) {
    return "FailedPrecondition: " + url_ + prefix + ": \"" + link +
           "\" is a symbolic link; a prefix is neither deleted nor renamed through one";
  };
  const auto range = [&](const std::string& prefix) {
    return store->DeleteRange(KeyRange::Prefix(prefix)).Get().ToString();
  };
  EXPECT_EQ(range("link/"), refused("link/", "link"));
  EXPECT_EQ(range("link/d/"), refused("link/d/", "link"));
  EXPECT_EQ(range("link/d/k"), refused("link/d/k", "link"));
  EXPECT_EQ(range("from/inner/"), refused("from/inner/", "from/inner"));
  EXPECT_EQ(store->RenamePrefix("link/", "to/").Get().ToString(), refused("link/", "link"));
  EXPECT_EQ(store->RenamePrefix("link/d/", "to/").Get().ToString(), refused("link/d/", "link"));
  EXPECT_EQ(
      store->RenamePrefix("from/", "link/").Get().ToString(),
      "AlreadyExists: " + url_ + "link/: cannot rename \"from/\" to this prefix, it has keys");
  EXPECT_EQ(store->RenamePrefix("from/", "link/to/").Get().ToString(), refused("link/to/", "link"));
  EXPECT_EQ(Get(*store, "data/d/k"), "precious");
  EXPECT_EQ(Get(*store, "from/k"), "v");
  if (follows) {  // Reading and listing go through it.
    EXPECT_EQ(Get(*store, "link/d/k"), "precious");
    const std::vector<ListEntry> listed =
        ListAll(*store, {.range = KeyRange::Prefix("link/")}).OrDie();
    ASSERT_EQ(listed.size(), 1u);
    EXPECT_EQ(listed[0].key, "link/d/k");
  }
  // A link that lies in the prefix goes as a link; what it leads to stays.
  EXPECT_EQ(range("from/"), "OK");
  EXPECT_EQ(range("link"), "OK");
  EXPECT_THAT(Files(), ElementsAre("data/d/k"));
}

TEST_F(FileStoreTest, TimesThatNanosecondsCannotCountAreTakenAsTheLast) {
  const KvStorePtr store = Make();
  Plant("k", "of the year 2400");
  const timespec times[2] = {{13'569'465'600, 0}, {13'569'465'600, 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, (root_ + "/k").c_str(), times, 0), 0);
  struct stat raw = {};
  ASSERT_EQ(stat((root_ + "/k").c_str(), &raw), 0);
  if (raw.st_mtim.tv_sec != times[1].tv_sec)
    GTEST_SKIP() << "SKIPPED: the file system has no such times";
  const Generation generation = store->Read("k").Get().OrDie().generation;
  EXPECT_THAT(generation.value, HasSubstr(".9223372035000000000."));
  const WriteResult written =
      store->Write("k", Bytes::Copy("new"), {.if_equal = generation}).Get().OrDie();
  EXPECT_EQ(written.state, WriteResult::State::kWritten);
  // Its stamp is no bar for those that come later.
  EXPECT_TRUE(Put(*store, "other", "v").ok());
  ASSERT_EQ(stat((root_ + "/other").c_str(), &raw), 0);
  EXPECT_LT(raw.st_mtim.tv_sec, 7'258'118'400);
}

TEST_F(FileStoreTest, OddFilesAreCleanErrors) {
  const bool follows = FollowsLinks();
  fs::create_directories(root_ + "/directory");
  ASSERT_EQ(mkfifo((root_ + "/fifo").c_str(), 0600), 0);
  fs::create_symlink("nowhere", root_ + "/dangling");
  const KvStorePtr store = Make();
  EXPECT_EQ(Put(*store, "dangling/below", "v").ToString(),
            "FailedPrecondition: " + url_ +
                (follows ? "dangling/below: \"dangling\" is a symbolic link that leads nowhere"
                         : "dangling: opening the directory: a symbolic link leads out of the "
                           "store's root, or in a circle, or cannot be followed here"));
  EXPECT_EQ(Get(*store, "fifo"),
            "FailedPrecondition: " + url_ + "fifo: opening: not a regular file");
  EXPECT_EQ(Get(*store, "directory"), "(missing)");
  EXPECT_EQ(Get(*store, "fifo/below"), "(missing)");
  EXPECT_EQ(Put(*store, "fifo/below", "v").code(), StatusCode::kFailedPrecondition);
  std::vector<std::pair<std::string, int64_t>> listed = {{"fifo", -1}};
  if (!follows) listed.insert(listed.begin(), {"dangling", -1});  // An error for readers there.
  EXPECT_EQ(Listed(*store), listed);
  // A root that is a file.
  const KvStorePtr on_file = MakeFileStore(root_ + "/fifo", {}, context_, ops_).OrDie();
  EXPECT_EQ(Get(*on_file, "k"),
            "FailedPrecondition: " + url_ + "fifo/: opening the root: Not a directory");
  EXPECT_EQ(Put(*on_file, "k", "v").code(), StatusCode::kFailedPrecondition);
}

TEST_F(FileStoreTest, RefusalsNameKeyAndRule) {
  const KvStorePtr store = Make();
  EXPECT_EQ(Put(*store, "a/../b", "v").ToString(),
            "InvalidArgument: " + url_ + ": key \"a/../b\": no segment is \".\" or \"..\"");
  EXPECT_EQ(Put(*store, "k.__lock", "v").ToString(),
            "InvalidArgument: " + url_ +
                ": key \"k.__lock\": no segment ends with \".__lock\", the name of locks");
  const std::string most(248, 's');
  EXPECT_TRUE(Put(*store, most, "v").ok());
  EXPECT_EQ(Get(*store, most), "v");
  EXPECT_EQ(Put(*store, most + "s", "v").ToString(),
            "InvalidArgument: " + url_ + ": key \"" + std::string(100, 's') +
                "...\": the last segment of a key to be written has at most 248 bytes: its lock "
                "adds \".__lock\"");
}

TEST_F(FileStoreTest, FilesAreNeverWritableForEverybody) {
  const mode_t before = umask(0);
  const KvStorePtr store = Make();
  EXPECT_TRUE(Put(*store, "a/k", "v").ok());
  umask(before);
  for (const std::string name : {"", "/a", "/a/k"}) {
    const fs::perms perms = fs::status(root_ + name).permissions();
    EXPECT_EQ(perms & fs::perms::others_write, fs::perms::none) << name;
  }
}

}  // namespace
}  // namespace coffer
