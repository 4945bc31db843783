// Goal: what others take from under a writer never makes it publish something else: a lock that
// TensorStore's DeleteRange removes, a directory that is renamed while it waits or syncs. It begins
// anew, or says Aborted. Method: other programs are played in the middle of file calls
// (tests/support/file_ops.h), or while a gate keeps fsync waiting; renames come from a second
// context, which is to the first as another process.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <utility>

#include "tests/unit/kvstore/file_store_test.h"

namespace coffer {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Locking = FileStoreOptions::Locking;

/// Calls what the test has put in its place, once, just after or before a call.
class Interrupted final : public BentOps {
 public:
  std::function<void()> before_mtime;
  std::function<void()> before_lock;
  std::function<void()> before_rename;
  std::function<void()> before_looking;  // Under a lock, where its directory is.
  bool always = false;

  int SetMtime(int file, int64_t mtime_ns) override {
    Call(before_mtime);
    return BentOps::SetMtime(file, mtime_ns);
  }
  int TryLock(int file) override {
    Call(before_lock);
    const int error = BentOps::TryLock(file);
    if (error == 0) locked_ = true;
    return error;
  }
  int StatPath(const char* path, FileStat* stat) override {
    if (locked_) Call(before_looking);
    return BentOps::StatPath(path, stat);
  }
  int Rename(int from_directory, const char* from, int to_directory, const char* to) override {
    Call(before_rename);
    return BentOps::Rename(from_directory, from, to_directory, to);
  }

 private:
  void Call(std::function<void()>& what) {
    if (what == nullptr) return;
    const std::function<void()> now = always ? what : std::exchange(what, nullptr);
    now();
  }
  std::atomic<bool> locked_{false};
};

class FileLostTest : public FileStoreTest {
 protected:
  KvStorePtr MakeOver(BentOps& ops, FileStoreOptions options = {}) {
    return MakeFileStore(root_, options, bent_context_, ops).OrDie();
  }
  /// The same directory as another process has opened it.
  KvStorePtr Other() { return MakeFileStore(root_, {}, other_context_).OrDie(); }
  /// A lock as another process holds it.
  static File Hold(const std::string& path) {
    SystemFileOps& system = SystemFileOps::Get();
    const File directory(system, system.OpenDirectory(fs::path(path).parent_path().c_str()));
    File lock(system, system.OpenAt(directory.get(), fs::path(path).filename().c_str(),
                                    O_RDWR | O_CREAT, 0600));
    EXPECT_EQ(system.TryLock(lock.get()), 0);
    return lock;
  }
  static std::string Outcome(const Future<WriteResult>& writing) {
    const Result<WriteResult> written = writing.Get();
    if (!written.ok()) return written.status().ToString();
    return written->state == WriteResult::State::kWritten ? "written" : "not met";
  }

  Interrupted bent_;
  const Context bent_context_ = Context::Create({.threads = 1});
  const Context other_context_ = Context::Create({.threads = 1});
  const std::string lock_ = root_ + "/d/k.__lock";
};

TEST_F(FileLostTest, WhatAnotherHasHalfWrittenIsNotPublished) {
  const KvStorePtr store = MakeOver(bent_);
  for (const bool conditional : {false, true}) {
    EXPECT_TRUE(Put(*store, "d/k", "old").ok());
    const Generation old = store->Read("d/k").Get().OrDie().generation;
    File theirs;
    bent_.before_mtime = [&] {
      fs::remove(lock_);  // TensorStore's DeleteRange.
      theirs = Hold(lock_);
      std::ofstream(lock_) << "half of anoth";
      bent_.before_lock = [&] {
        EXPECT_EQ(Get(*store, "d/k"), "old");
        std::ofstream(lock_) << "theirs, whole";
        fs::rename(lock_, root_ + "/d/k");
        theirs = File();
      };
    };
    const Future<WriteResult> writing = store->Write(
        "d/k", Bytes::Copy("ours"), {.if_equal = conditional ? old : Generation::Unknown()});
    EXPECT_EQ(Outcome(writing), conditional ? "not met" : "written");
    EXPECT_EQ(Get(*store, "d/k"), conditional ? "theirs, whole" : "ours");
    EXPECT_THAT(Files(), ElementsAre("d/k"));
  }
}

TEST_F(FileLostTest, TheBytesAreTakenFromWhatWasWrittenFirst) {
  for (const auto locking : {Locking::kOs, Locking::kLockfile, Locking::kNone}) {
    const KvStorePtr store = Make({.locking = locking});
    EXPECT_TRUE(Put(*store, "d/k", "old").ok());
    std::string value;
    for (int i = 0; value.size() < 3'000'000; ++i) value += std::to_string(i) + ",";
    const std::string expected = value;
    ops_.sync_gate.Close();
    const Future<WriteResult> writing = store->Write("d/k", Bytes::Unowned(AsBytes(value)));
    std::fill(value.begin(), value.end(), '-');  // The bytes are ours again.
    for (const auto& entry : fs::directory_iterator(root_ + "/d")) {
      if (entry.path().string().ends_with(".__lock")) fs::remove(entry.path());
    }
    ops_.sync_gate.Open();
    EXPECT_EQ(Outcome(writing), "written");
    EXPECT_EQ(Get(*store, "d/k"), expected);
    EXPECT_THAT(Files(), ElementsAre("d/k"));
    EXPECT_TRUE(store->DeleteRange({}).Get().ok());
  }
}

TEST_F(FileLostTest, WhoIsRobbedEachTimeIsAborted) {
  const KvStorePtr store = MakeOver(bent_);
  EXPECT_TRUE(Put(*store, "d/k", "old").ok());
  bent_.always = true;
  int times = 0;
  bent_.before_mtime = [&] {
    fs::remove(lock_);
    ++times;
  };
  EXPECT_EQ(Put(*store, "d/k", "new").ToString(),
            "Aborted: " + url_ +
                "d/k: the lock \"k.__lock\" was removed 10 times while it was held: another "
                "program removes locks that are in use");
  EXPECT_EQ(times, 10);
  EXPECT_EQ(Get(*store, "d/k"), "old");
  EXPECT_THAT(Files(), ElementsAre("d/k"));
  bent_.before_mtime = nullptr;
  EXPECT_TRUE(Put(*store, "d/k", "new").ok());
}

TEST_F(FileLostTest, ALockThatGoesAtTheLastInstantIsNoMissingKey) {
  const KvStorePtr store = MakeOver(bent_);
  bent_.before_rename = [&] { fs::remove(lock_); };
  EXPECT_TRUE(Put(*store, "d/k", "v").ok());
  EXPECT_EQ(Get(*store, "d/k"), "v");
  EXPECT_EQ(bent_.Count("Rename k"), 2);
  // A network file system makes a call again whose answer was lost, and finds nothing to rename.
  bent_.TakeLog();
  bent_.before_rename = [&] { fs::rename(lock_, root_ + "/d/k"); };
  EXPECT_TRUE(Put(*store, "d/k", "w").ok());
  EXPECT_EQ(Get(*store, "d/k"), "w");
  EXPECT_EQ(bent_.Count("Rename k"), 1);
  EXPECT_THAT(Files(), ElementsAre("d/k"));
}

TEST_F(FileLostTest, ADeleteThatIsRobbedLooksAgain) {
  for (const bool conditional : {false, true}) {
    Interrupted ops;
    const KvStorePtr store = MakeOver(ops);
    EXPECT_TRUE(Put(*Other(), "d/k", "old").ok());
    const Generation old = store->Read("d/k").Get().OrDie().generation;
    ops.before_looking = [&] {
      fs::remove(lock_);
      EXPECT_TRUE(Put(*Other(), "d/k", "theirs").ok());
    };
    const Future<WriteResult> deleting =
        store->Write("d/k", std::nullopt, {.if_equal = conditional ? old : Generation::Unknown()});
    EXPECT_EQ(Outcome(deleting), conditional ? "not met" : "written");
    EXPECT_EQ(Get(*store, "d/k"), conditional ? "theirs" : "(missing)");
    EXPECT_EQ(ops.Count("OpenAt k.__lock"), 2);
    EXPECT_TRUE(store->DeleteRange({}).Get().ok());
  }
}

TEST_F(FileLostTest, AStreamTakesItsLockAnew) {
  const KvStorePtr store = MakeOver(bent_);
  auto writer = store->OpenWriter("d/k").OrDie();
  EXPECT_TRUE(writer->Append(AsBytes("streamed")).ok());
  File theirs;
  bent_.before_mtime = [&] {
    fs::remove(lock_);
    theirs = Hold(lock_);
    bent_.before_lock = [&] {
      EXPECT_EQ(Get(*store, "d/k"), "(missing)");
      theirs = File();
    };
  };
  EXPECT_EQ(Outcome(writer->Commit()), "written");
  EXPECT_EQ(Get(*store, "d/k"), "streamed");
  EXPECT_THAT(Files(), ElementsAre("d/k"));
}

TEST_F(FileLostTest, AStreamWhoseFileIsRemovedIsAborted) {
  for (const auto locking : {Locking::kOs, Locking::kNone}) {
    const KvStorePtr store = Make({.locking = locking});
    EXPECT_TRUE(Put(*store, "d/k", "old").ok());
    auto writer = store->OpenWriter("d/k").OrDie();
    EXPECT_TRUE(writer->Append(AsBytes("streamed")).ok());
    ASSERT_EQ(Files().size(), 2u);
    const std::string name = fs::path(*Files().begin()).filename().string();
    fs::remove(root_ + "/d/" + name);
    std::ofstream(root_ + "/d/" + name) << "half of the next stream";
    EXPECT_EQ(Outcome(writer->Commit()),
              "Aborted: " + url_ + "d/k: the file \"" + name +
                  "\" that the value was streamed into was removed by another program");
    EXPECT_EQ(Get(*store, "d/k"), "old");
    EXPECT_THAT(Files(), ElementsAre("d/" + name, "d/k"));
    // Given up, it leaves the next one's alone, too.
    fs::remove(root_ + "/d/" + name);
    {
      const auto next = store->OpenWriter("d/k").OrDie();
      const std::string ours = fs::path(*Files().begin()).filename().string();
      fs::remove(root_ + "/d/" + ours);
      std::ofstream(root_ + "/d/" + ours) << "half of the next stream";
    }
    EXPECT_EQ(Files().size(), 2u);
    EXPECT_TRUE(store->ClearDebris({}, {.assume_no_writers = true}).Get().ok());
  }
}

TEST_F(FileLostTest, AWriterThatWaitedWritesItsOwnKey) {
  for (const bool deletes : {false, true}) {
    const KvStorePtr store = Make();
    EXPECT_TRUE(Put(*store, "d/k", "0").ok());
    File theirs = Hold(lock_);
    ops_.TakeLog();
    const Future<WriteResult> waiting =
        deletes ? store->Write("d/k", std::nullopt) : store->Write("d/k", Bytes::Copy("for d/k"));
    ops_.WaitFor("OpenAt k.__lock", 1);
    EXPECT_TRUE(Other()->RenamePrefix("d/", "e/").Get().ok());
    fs::remove(root_ + "/e/k.__lock");
    theirs = File();
    EXPECT_TRUE(Put(*Other(), "e/k", "for e/k").ok());
    EXPECT_EQ(Outcome(waiting), "written");
    EXPECT_EQ(Get(*store, "e/k"), "for e/k");
    EXPECT_EQ(Get(*store, "d/k"), deletes ? "(missing)" : "for d/k");
    EXPECT_TRUE(store->DeleteRange({}).Get().ok());
  }
}

TEST_F(FileLostTest, AWriterThatSyncsDoesNotFollowItsDirectory) {
  const KvStorePtr store = Make();
  EXPECT_TRUE(Put(*store, "d/k", "0").ok());
  ops_.sync_gate.Close();
  ops_.TakeLog();
  const Future<WriteResult> writing = store->Write("d/k", Bytes::Copy("for d/k"));
  ops_.WaitFor("Sync k.__lock", 1);
  EXPECT_TRUE(Other()->RenamePrefix("d/", "e/").Get().ok());
  ops_.sync_gate.Open();
  EXPECT_EQ(Outcome(writing), "written");
  EXPECT_EQ(Get(*store, "e/k"), "0");
  EXPECT_EQ(Get(*store, "d/k"), "for d/k");
  EXPECT_THAT(Files(), ElementsAre("d/k", "e/k"));
}

TEST_F(FileLostTest, ConditionsAreAskedOfTheKeyThatIsMeant) {
  const KvStorePtr store = MakeOver(bent_);
  EXPECT_TRUE(Put(*store, "d/k", "0").ok());
  bent_.before_lock = [&] { fs::rename(root_ + "/d", root_ + "/e"); };
  EXPECT_EQ(
      Outcome(store->Write("d/k", Bytes::Copy("created"), {.if_equal = Generation::Missing()})),
      "written");
  EXPECT_EQ(Get(*store, "d/k"), "created");
  EXPECT_EQ(Get(*store, "e/k"), "0");
  const Generation created = store->Read("d/k").Get().OrDie().generation;
  bent_.before_lock = [&] {
    fs::rename(root_ + "/d", root_ + "/f");
    fs::rename(root_ + "/e", root_ + "/d");
  };
  EXPECT_EQ(Outcome(store->Write("d/k", std::nullopt, {.if_equal = created})), "not met");
  EXPECT_EQ(Get(*store, "d/k"), "0");
  EXPECT_EQ(Get(*store, "f/k"), "created");
  EXPECT_THAT(Files(), ElementsAre("d/k", "f/k"));
}

TEST_F(FileLostTest, NoDirectoryIsRenamedWhileAValueIsPublished) {
  const KvStorePtr store = MakeOver(bent_);
  EXPECT_TRUE(Put(*store, "d/k", "0").ok());
  std::thread renamer;
  bent_.TakeLog();
  bent_.before_rename = [&] {
    renamer = std::thread([&] { EXPECT_TRUE(store->RenamePrefix("d/", "e/").Get().ok()); });
    bent_.WaitFor("NextEntry ", 1);  // It looks whether there are keys.
    for (int i = 0; i < 100'000 && bent_.Count("RenameDirectory e") == 0; ++i) {
      std::this_thread::yield();
    }
    EXPECT_EQ(bent_.Count("RenameDirectory e"), 0);
  };
  EXPECT_TRUE(Put(*store, "d/k", "new").ok());
  renamer.join();
  EXPECT_EQ(Get(*store, "e/k"), "new");
  EXPECT_THAT(Files(), ElementsAre("e/k"));
}

TEST_F(FileLostTest, ADirectoryThatIsMovedAndLinkedTakesItsWritersAlong) {
  const KvStorePtr store = Make();
  EXPECT_TRUE(Put(*store, "d/k", "0").ok());
  ops_.sync_gate.Close();
  ops_.TakeLog();
  const Future<WriteResult> writing = store->Write("d/k", Bytes::Copy("new"));
  ops_.WaitFor("Sync k.__lock", 1);
  fs::rename(root_ + "/d", dir_ / "outside");
  fs::create_symlink(dir_ / "outside", root_ + "/d");
  ops_.sync_gate.Open();
  EXPECT_EQ(Outcome(writing), "written");  // As if it had come just before.
  std::string text;
  std::ifstream(dir_ / "outside/k") >> text;
  EXPECT_EQ(text, "new");
  EXPECT_FALSE(fs::exists(dir_ / "outside/k.__lock"));
  EXPECT_THAT(Put(*store, "d/k", "later").ToString(),
              ::testing::HasSubstr("a symbolic link leads out of the store's root"));
  // Another directory behind the link is another place.
  fs::remove(root_ + "/d");
  EXPECT_TRUE(Put(*store, "d/k", "1").ok());
  fs::remove(dir_ / "outside/k");
  ops_.sync_gate.Close();
  ops_.TakeLog();
  const Future<WriteResult> refused = store->Write("d/k", Bytes::Copy("new"));
  ops_.WaitFor("Sync k.__lock", 1);
  fs::rename(root_ + "/d", root_ + "/e");
  fs::create_symlink(dir_ / "outside", root_ + "/d");
  ops_.sync_gate.Open();
  EXPECT_THAT(Outcome(refused),
              ::testing::HasSubstr("a symbolic link leads out of the store's root"));
  EXPECT_TRUE(fs::is_empty(dir_ / "outside"));
  EXPECT_EQ(Get(*store, "e/k"), "1");
}

TEST_F(FileLostTest, APathThatIsTooLongForTheKernelIsWalkedInTwoParts) {
  const std::string root = root_ + "/" + std::string(200, 'r');
  const KvStorePtr store = MakeFileStore(root, {}, bent_context_, bent_).OrDie();
  const KvStorePtr other = MakeFileStore(root, {}, other_context_).OrDie();
  std::string deep;
  while (deep.size() < 3900) deep += std::string(99, 'd') + "/";
  EXPECT_TRUE(Put(*store, deep + "k", "old").ok());
  bent_.before_mtime = [&] {
    EXPECT_TRUE(other->RenamePrefix(deep.substr(0, 100), "e/").Get().ok());
  };
  EXPECT_EQ(Put(*store, deep + "k", "new"), Status());
  EXPECT_EQ(Get(*store, "e/" + deep.substr(100) + "k"), "old");
  EXPECT_EQ(Get(*store, deep + "k"), "new");
  EXPECT_TRUE(store->DeleteRange({}).Get().ok());
}

/// What lies above is renamed while a rename looks for its places.
class RenamesAbove final : public BentOps {
 public:
  explicit RenamesAbove(std::string root) : root_(std::move(root)) {}
  DIR* OpenListing(int directory, int* error) override {
    if (!std::exchange(done_, true)) {
      fs::rename(root_ + "/up", root_ + "/away");
      fs::create_directories(root_ + "/up/d");
      std::ofstream(root_ + "/up/d/k") << "new";
    }
    return BentOps::OpenListing(directory, error);
  }

 private:
  const std::string root_;
  bool done_ = false;
};

TEST_F(FileLostTest, ARenameDoesNotFollowWhatLiesAbove) {
  Plant("up/d/k", "old");
  RenamesAbove ops(root_);
  const Context context = Context::Create({.threads = 1});
  const KvStorePtr store = MakeFileStore(root_, {}, context, ops).OrDie();
  EXPECT_TRUE(store->RenamePrefix("up/d/", "to/").Get().ok());
  EXPECT_EQ(Get(*store, "to/k"), "new");
  EXPECT_EQ(Get(*store, "away/d/k"), "old");
  EXPECT_THAT(Files(), ElementsAre("away/d/k", "to/k"));
}

}  // namespace
}  // namespace coffer
