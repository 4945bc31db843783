// Goal: each lock mode keeps what it promises: lock files stand for their owners, what is created
// without locks is created once, temporaries of dead streams are used again. Method: files planted
// as a killed process leaves them; file calls that fail or are noted (tests/support/file_ops.h).
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/kvstore/file_store_test.h"

namespace coffer {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Locking = FileStoreOptions::Locking;

class FileModesTest : public FileStoreTest {
 protected:
  static std::string Create(KvStore& store, const std::string& key, std::string_view text) {
    const Result<WriteResult> written =
        store.Write(key, Bytes::Copy(text), {.if_equal = Generation::Missing()}).Get();
    if (!written.ok()) return written.status().ToString();
    return written->state == WriteResult::State::kWritten ? "written" : "not met";
  }
  std::string Only(const std::string& directory) const {
    const std::set<std::string> files = Files();
    EXPECT_EQ(files.size(), 1u);
    return files.empty() ? "" : files.begin()->substr(directory.size());
  }
};

TEST_F(FileModesTest, ALockFileStandsForItsOwner) {
  const KvStorePtr store =
      Make({.locking = Locking::kLockfile, .lock_timeout = std::chrono::milliseconds(20)});
  EXPECT_TRUE(store->capabilities().conditional_write);
  EXPECT_TRUE(Put(*store, "k", "old").ok());
  EXPECT_THAT(Files(), ElementsAre("k"));
  Plant("k.__lock", "");
  EXPECT_EQ(
      Put(*store, "k", "new").ToString(),
      "DeadlineExceeded: " + url_ +
          "k: the lock \"k.__lock\" stands in the way, waited 20 ms: another process has it, or "
          "one that died has left it");
  EXPECT_EQ(store->Write("k", std::nullopt).Get().status().code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(Get(*store, "k"), "old");
  // Nothing tells whether its owner lives: only the caller can say so.
  EXPECT_EQ(store->ClearDebris({}).Get().status().code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(store->ClearDebris({}, {.assume_no_writers = true}).Get().OrDie().size(), 1u);
  EXPECT_TRUE(Put(*store, "k", "new").ok());
  EXPECT_TRUE(store->Write("k", std::nullopt).Get().ok());
  EXPECT_THAT(Files(), IsEmpty());
  for (const std::string& line : ops_.TakeLog()) EXPECT_FALSE(line.starts_with("TryLock")) << line;
}

TEST_F(FileModesTest, AWriterWaitsForALockFileToGo) {
  const KvStorePtr store = Make({.locking = Locking::kLockfile});
  Plant("k.__lock", "");
  std::thread writer([&] { EXPECT_TRUE(Put(*store, "k", "v").ok()); });
  ops_.WaitFor("OpenAt k.__lock", 3);
  EXPECT_EQ(Get(*store, "k"), "(missing)");
  fs::remove(root_ + "/k.__lock");
  writer.join();
  EXPECT_EQ(Get(*store, "k"), "v");
}

TEST_F(FileModesTest, WhoWaitsForALockHoldsNoDescriptor) {
  const auto forever = std::chrono::milliseconds::max();  // No deadline overflows.
  const KvStorePtr store = Make({.locking = Locking::kLockfile, .lock_timeout = forever});
  const auto descriptors = [] {
    return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
  };
  EXPECT_TRUE(Put(*store, "d/k", "first").ok());
  const auto before = descriptors();
  std::vector<Future<WriteResult>> waiting;
  for (int i = 0; i < 50; ++i) {
    const std::string key = "d/" + std::to_string(i);
    Plant(key + ".__lock", "");
    waiting.push_back(store->Write(key, Bytes::Copy("v")));
  }
  ops_.WaitFor("OpenAt 49.__lock", 3);
  EXPECT_LT(descriptors(), before + 10);
  EXPECT_TRUE(Put(*store, "d/k", "second").ok());
  for (int i = 0; i < 50; ++i) fs::remove(root_ + "/d/" + std::to_string(i) + ".__lock");
  for (const Future<WriteResult>& write : waiting) EXPECT_TRUE(write.Get().ok());
}

TEST_F(FileModesTest, RangesAreDeletedBesideLockFilesOfOthers) {
  const KvStorePtr store = Make({.locking = Locking::kLockfile});
  EXPECT_TRUE(Put(*store, "a/k", "v").ok());
  Plant("a/l.__lock", "theirs");
  EXPECT_TRUE(store->DeleteRange(KeyRange::Prefix("a/")).Get().ok());
  EXPECT_THAT(Files(), ElementsAre("a/l.__lock"));
}

/// Another process creates the key just before our value is published.
class SomebodyIsQuicker final : public BentOps {
 public:
  explicit SomebodyIsQuicker(std::string path) : path_(std::move(path)) {}
  int SetMtime(int file, int64_t mtime_ns) override {
    std::ofstream(path_) << "theirs";
    return BentOps::SetMtime(file, mtime_ns);
  }

 private:
  const std::string path_;
};

TEST_F(FileModesTest, WithoutLocksOneCreates) {
  for (const bool links : {false, true}) {
    SomebodyIsQuicker ops(root_ + "/k");
    if (links) ops.FailForEver("RenameNew", -EINVAL);
    const Context context = Context::Create({.threads = 1});
    const KvStorePtr store =
        MakeFileStore(root_, {.locking = Locking::kNone}, context, ops).OrDie();
    EXPECT_FALSE(store->capabilities().conditional_write);
    EXPECT_TRUE(store->capabilities().conditional_create);
    EXPECT_EQ(Create(*store, "k", "ours"), "not met");
    EXPECT_EQ(Get(*store, "k"), "theirs");
    EXPECT_THAT(Files(), ElementsAre("k"));
    fs::remove(root_ + "/k");
  }
}

TEST_F(FileModesTest, WithoutLocksCreationLinksWhereRenamesReplace) {
  const KvStorePtr store = Make({.locking = Locking::kNone});
  ops_.Fail("RenameNew", -EINVAL);
  EXPECT_EQ(Create(*store, "k", "v"), "written");
  EXPECT_EQ(ops_.Count("Link k"), 1);
  EXPECT_EQ(Get(*store, "k"), "v");
  EXPECT_THAT(Files(), ElementsAre("k"));
  EXPECT_EQ(fs::hard_link_count(root_ + "/k"), 1u);
  ops_.Fail("RenameNew", -EINVAL);
  ops_.Fail("Link", -EPERM);
  EXPECT_EQ(
      Create(*store, "l", "v"),
      "FailedPrecondition: " + url_ +
          "l: this file system can neither rename without replacing nor link, so that nothing "
          "can be created without locks");
  EXPECT_THAT(Files(), ElementsAre("k"));
}

/// A network file system whose answer to the first call is lost: it was made again.
class LosesTheAnswerToLink final : public BentOps {
 public:
  int RenameNew(int, const char*, int, const char*) override { return -EINVAL; }
  int Link(int from_directory, const char* from, int to_directory, const char* to) override {
    const int error = BentOps::Link(from_directory, from, to_directory, to);
    return error == 0 ? -EEXIST : error;
  }
};

TEST_F(FileModesTest, WithoutLocksALinkWhoseAnswerIsLostIsACreation) {
  LosesTheAnswerToLink ops;
  const Context context = Context::Create({.threads = 1});
  const KvStorePtr store = MakeFileStore(root_, {.locking = Locking::kNone}, context, ops).OrDie();
  EXPECT_EQ(Create(*store, "k", "ours"), "written");
  EXPECT_EQ(Get(*store, "k"), "ours");
  EXPECT_THAT(Files(), ElementsAre("k"));
  EXPECT_EQ(fs::hard_link_count(root_ + "/k"), 1u);
  EXPECT_EQ(Create(*store, "k", "again"), "not met");
  EXPECT_EQ(Get(*store, "k"), "ours");
}

TEST_F(FileModesTest, TheRoomOfADeadWriterIsGivenBack) {
  const KvStorePtr store = Make();
  Plant("k.__lock", "");
  {
    const File root(ops_, ops_.OpenDirectory(root_.c_str()));
    const File lock(ops_, ops_.OpenAt(root.get(), "k.__lock", O_RDWR, 0));
    if (ops_.Preallocate(lock.get(), 0, MiB(8)) != 0)
      GTEST_SKIP() << "SKIPPED: no room can be asked for";
  }
  EXPECT_TRUE(Put(*store, "k", "tiny").ok());
  struct stat stat = {};
  ASSERT_EQ(::stat((root_ + "/k").c_str(), &stat), 0);
  EXPECT_EQ(stat.st_size, 4);
  EXPECT_LT(stat.st_blocks * 512, MiB(1));
}

TEST_F(FileModesTest, NamesTooLongForALockCanBeDeleted) {
  const KvStorePtr store = Make();
  const std::string longest(255, 'n');
  const std::string shortest(249, 'n');
  for (const std::string& name : {longest, shortest}) {
    Plant("a/" + name, "made by others");
    const Generation generation = store->Read("a/" + name).Get().OrDie().generation;
    const auto deletes = [&](const Generation& if_equal) {
      return store->Write("a/" + name, std::nullopt, {.if_equal = if_equal}).Get().OrDie().state;
    };
    EXPECT_EQ(deletes(Generation{"1.2.3.4"}), WriteResult::State::kConditionNotMet);
    EXPECT_EQ(deletes(generation), WriteResult::State::kWritten);
    EXPECT_FALSE(fs::exists(root_ + "/a/" + name));
    Plant("a/" + name, "made by others");
  }
  EXPECT_TRUE(store->DeleteRange(KeyRange::Prefix("a/")).Get().ok());
  EXPECT_FALSE(fs::exists(root_ + "/a"));
}

TEST_F(FileModesTest, WithoutLocksKeysAreMadeWhereKeysWere) {
  const KvStorePtr store = Make({.locking = Locking::kNone});
  EXPECT_TRUE(Put(*store, "a/b/k", "v").ok());
  EXPECT_EQ(Create(*store, "a", "v"),
            "FailedPrecondition: " + url_ +
                "a: there are keys that start with \"a/\"; this store cannot hold a value beside "
                "them");
  EXPECT_TRUE(store->Write("a/b/k", std::nullopt).Get().ok());
  EXPECT_EQ(Create(*store, "a", "v"), "written");
  EXPECT_EQ(Create(*store, "a", "w"), "not met");
  EXPECT_THAT(Files(), ElementsAre("a"));
}

/// What a process leaves that was killed between linking its value and removing the other name.
TEST_F(FileModesTest, ALinkWhoseWriterWasKilledIsACreationAndDebris) {
  ops_.FailForEver("RenameNew", -EINVAL);
  ops_.FailForEver("Remove", -EIO);
  EXPECT_EQ(Create(*Make({.locking = Locking::kNone}), "k", "v"), "written");
  ops_.Mend();
  const std::string debris = *Files().begin();
  EXPECT_THAT(Files(), ElementsAre(debris, "k"));
  EXPECT_EQ(fs::hard_link_count(root_ + "/k"), 2u);
  for (const auto locking : {Locking::kOs, Locking::kLockfile, Locking::kNone}) {
    const KvStorePtr store = Make({.locking = locking});
    EXPECT_EQ(ListAll(*store).OrDie().size(), 1u);
    EXPECT_EQ(Get(*store, "k"), "v");
    EXPECT_EQ(Create(*store, "k", "w"), "not met");
    EXPECT_EQ(Get(*store, "k"), "v");
  }
  const KvStorePtr store = Make();
  EXPECT_EQ(store->ClearDebris({}).Get().OrDie().size(), 1u);
  EXPECT_EQ(Get(*store, "k"), "v");
  EXPECT_TRUE(Put(*store, "k", "new").ok());
  EXPECT_THAT(Files(), ElementsAre("k"));
}

TEST_F(FileModesTest, AStreamTakesTheTemporaryOfADeadOneOver) {
  const KvStorePtr store = Make();
  std::string name;
  {
    const auto writer = store->OpenWriter("a/k").OrDie();
    name = Only("a/");
  }
  EXPECT_THAT(Files(), IsEmpty());
  Plant("a/" + name, "half of what a dead stream wrote");
  const auto first = store->OpenWriter("a/k").OrDie();
  EXPECT_EQ(Only("a/"), name);
  const auto second = store->OpenWriter("a/k").OrDie();  // The first lives.
  EXPECT_EQ(Files().size(), 2u);
  EXPECT_TRUE(first->Append(AsBytes("one")).ok());
  EXPECT_TRUE(second->Append(AsBytes("other")).ok());
  EXPECT_TRUE(second->Commit().Get().ok());
  EXPECT_EQ(Get(*store, "a/k"), "other");
  EXPECT_TRUE(first->Commit().Get().ok());
  EXPECT_EQ(Get(*store, "a/k"), "one");
  EXPECT_THAT(Files(), ElementsAre("a/k"));
}

TEST_F(FileModesTest, TemporariesThatNobodyGetsEndInAnError) {
  const KvStorePtr store = Make();
  ops_.FailForEver("TryLock", -EAGAIN);
  EXPECT_EQ(store->OpenWriter("k").status().ToString(),
            "Unavailable: " + url_ + "k: a thousand temporary files of this key are in use");
  ops_.Mend();
  EXPECT_EQ(store->ClearDebris({}).Get().OrDie().size(), 1000u);
}

TEST_F(FileModesTest, ARenameThatTookEffectAndFailedSparesTheNextLock) {
  class LosesTheAnswer final : public BentOps {
   public:
    int Rename(int from_directory, const char* from, int to_directory, const char* to) override {
      BentOps::Rename(from_directory, from, to_directory, to);
      const File next(*this, BentOps::OpenAt(from_directory, from, O_RDWR | O_CREAT, 0600));
      return -EIO;
    }
  } ops;
  const Context context = Context::Create({.threads = 1});
  const KvStorePtr store = MakeFileStore(root_, {}, context, ops).OrDie();
  EXPECT_EQ(Put(*store, "k", "v").code(), StatusCode::kUnavailable);
  EXPECT_THAT(Files(), ElementsAre("k", "k.__lock"));
}

/// The target gets a key just before the rename.
class TargetAppears final : public BentOps {
 public:
  explicit TargetAppears(std::string path) : path_(std::move(path)) {}
  int RenameDirectory(int from_directory, const char* from, int to_directory,
                      const char* to) override {
    fs::create_directories(path_);
    std::ofstream(path_ + "/theirs") << "theirs";
    return BentOps::RenameDirectory(from_directory, from, to_directory, to);
  }

 private:
  const std::string path_;
};

TEST_F(FileModesTest, ARenameNeverReplacesWhatAppearsMeanwhile) {
  TargetAppears ops(root_ + "/to");
  const Context context = Context::Create({.threads = 1});
  const KvStorePtr store = MakeFileStore(root_, {}, context, ops).OrDie();
  EXPECT_TRUE(Put(*store, "from/k", "ours").ok());
  EXPECT_EQ(store->RenamePrefix("from/", "to/").Get().code(), StatusCode::kAlreadyExists);
  ops.FailForEver("RenameNew", -EINVAL);  // A file system that knows no flags.
  EXPECT_EQ(store->RenamePrefix("from/", "to/").Get().code(), StatusCode::kAlreadyExists);
  EXPECT_THAT(Files(), ElementsAre("from/k", "to/theirs"));
}

TEST_F(FileModesTest, ARenameBesideAWriterInItsTargetIsAborted) {
  const KvStorePtr store = Make();
  EXPECT_TRUE(Put(*store, "from/k", "v").ok());
  auto writer = store->OpenWriter("to/k").OrDie();
  EXPECT_EQ(store->RenamePrefix("from/", "to/").Get().ToString(),
            "Aborted: " + url_ +
                "to/: cannot rename \"from/\" to this prefix while somebody writes there");
  writer = nullptr;
  EXPECT_TRUE(store->RenamePrefix("from/", "to/").Get().ok());
  EXPECT_THAT(Files(), ElementsAre("to/k"));
}

TEST_F(FileModesTest, DeletesTakeWhateverIsNoDirectory) {
  for (const auto locking : {Locking::kOs, Locking::kLockfile, Locking::kNone}) {
    const KvStorePtr store = Make({.locking = locking});
    fs::create_directories(root_ + "/a");
    ASSERT_EQ(mkfifo((root_ + "/a/fifo").c_str(), 0600), 0);
    fs::create_symlink("nowhere", root_ + "/a/link");
    EXPECT_EQ(store->Write("a/fifo", std::nullopt, {.if_equal = Generation{"1.2.3.4"}})
                  .Get()
                  .status()
                  .code(),
              StatusCode::kFailedPrecondition);
    EXPECT_TRUE(store->Write("a/fifo", std::nullopt).Get().ok());
    EXPECT_FALSE(fs::exists(root_ + "/a/fifo"));
    ASSERT_EQ(mkfifo((root_ + "/a/fifo").c_str(), 0600), 0);
    EXPECT_TRUE(Put(*store, "a/k", "v").ok());
    EXPECT_TRUE(store->DeleteRange(KeyRange::Prefix("a/")).Get().ok());
    EXPECT_FALSE(fs::exists(root_ + "/a"));
  }
}

}  // namespace
}  // namespace coffer
