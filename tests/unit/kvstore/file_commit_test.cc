// Goal: a durable write does not hold its caller up: the bytes are free when Write() returns, fsync
// and rename happen on commit threads, of which no more than a bounded number is behind.
// Method: a gate keeps fsync waiting on every thread but this one; what has happened by then is
// seen in the futures and in the log of calls. Nothing sleeps.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <iterator>
#include <optional>
#include <thread>

#include "kvstore/file/engine.h"
#include "kvstore/file/file.h"
#include "tests/support/file_ops.h"
#include "tests/support/temp_dir.h"

namespace coffer {
namespace {

class FileCommitTest : public ::testing::Test {
 protected:
  void SetUp() override {
    store_ = MakeFileStore(dir_ / "root", {}, *context_, ops_).OrDie();
    store_->Write("first", Bytes::Copy("v")).Get().OrDie();  // The root is there and durable.
    ops_.TakeLog();
    ops_.sync_gate.Close();
  }
  void TearDown() override { ops_.sync_gate.Open(); }
  std::string Get(const std::string& key) const {
    const ReadResult read = store_->Read(key).Get().OrDie();
    return read.state == ReadResult::State::kValue ? std::string(read.value.text()) : "(missing)";
  }

  const TempDir dir_;
  BentOps ops_;
  std::optional<Context> context_ = Context::Create({.threads = 1});
  KvStorePtr store_;
};

TEST_F(FileCommitTest, BytesAreFreeBeforeTheValueIsDurable) {
  std::string mine = "mine";
  const Future<WriteResult> writing = store_->Write("k", Bytes::Unowned(AsBytes(mine)));
  mine = "junk";
  ops_.WaitFor("Sync k.__lock", 1);
  EXPECT_FALSE(writing.ready());
  EXPECT_EQ(Get("k"), "(missing)");
  ops_.sync_gate.Open();
  EXPECT_TRUE(writing.Get().ok());
  EXPECT_EQ(Get("k"), "mine");
}

TEST_F(FileCommitTest, WritersOfOneKeyQueueWithoutBlocking) {
  std::vector<Future<WriteResult>> writes;
  for (int i = 0; i < 10; ++i) writes.push_back(store_->Write("k", Bytes::Copy(std::to_string(i))));
  for (const Future<WriteResult>& write : writes) EXPECT_FALSE(write.ready());
  ops_.sync_gate.Open();
  for (const Future<WriteResult>& write : writes) EXPECT_TRUE(write.Get().ok());
  EXPECT_EQ(Get("k"), "9");
}

TEST_F(FileCommitTest, PendingCommitsAreBounded) {
  std::vector<Future<WriteResult>> writes;
  for (size_t i = 0; i < Engine::kPendingMax + 3; ++i) {
    writes.push_back(store_->Write("d" + std::to_string(i) + "/k", Bytes::Copy("v")));
  }
  // The last three were committed by this thread, which the gate lets pass.
  size_t ready = 0;
  for (const Future<WriteResult>& write : writes) ready += write.ready() ? 1 : 0;
  EXPECT_EQ(ready, 3u);
  EXPECT_TRUE(writes.back().ready());
  ops_.sync_gate.Open();
  for (const Future<WriteResult>& write : writes) EXPECT_TRUE(write.Get().ok());
}

TEST_F(FileCommitTest, RenamesOfOneDirectoryShareItsSync) {
  ops_.sync_gate.Open();
  std::vector<Future<WriteResult>> writes;
  writes.push_back(store_->Write("k0", Bytes::Copy("v")));
  EXPECT_TRUE(writes[0].Get().ok());
  ops_.TakeLog();
  ops_.directory_gate.Close();
  for (int i = 1; i <= 10; ++i) {
    writes.push_back(store_->Write("k" + std::to_string(i), Bytes::Copy("v")));
  }
  for (int i = 1; i <= 10; ++i) ops_.WaitFor("Rename k" + std::to_string(i), 1);
  ops_.directory_gate.Open();
  for (const Future<WriteResult>& write : writes) EXPECT_TRUE(write.Get().ok());
  // One for the first; the others came while it ran, or at worst a moment after.
  EXPECT_GE(ops_.Count("Sync d:root"), 1);
  EXPECT_LE(ops_.Count("Sync d:root"), 5);
}

TEST_F(FileCommitTest, PendingWritesOutliveStoreAndContextHandles) {
  const Future<WriteResult> writing = store_->Write("k", Bytes::Copy("v"));
  ops_.WaitFor("Sync k.__lock", 1);
  store_.reset();
  EXPECT_FALSE(writing.ready());
  std::thread opener([this] {
    ops_.WaitFor("Sync k.__lock", 1);
    ops_.sync_gate.Open();
  });
  context_.reset();  // Waits for what is in flight.
  EXPECT_TRUE(writing.ready());
  opener.join();
  EXPECT_TRUE(writing.Get().ok());
}

TEST(FileCommit, TheLastContextHandleMayGoOnACommitThread) {
  // That thread cannot be waited for: what it uses, the calls, is never destroyed.
  static BentOps& ops = *new BentOps();
  const TempDir dir;
  ops.sync_gate.Close();
  auto last = std::make_shared<std::optional<Context>>(Context::Create({.threads = 1}));
  KvStorePtr store = MakeFileStore(dir / "root", {}, **last, ops).OrDie();
  Promise<void> dropped;
  store->Write("k", Bytes::Copy("v")).OnReady([last, dropped](const Result<WriteResult>& result) {
    last->reset();
    dropped.Set(result.status());
  });
  store.reset();
  ops.sync_gate.Open();
  EXPECT_TRUE(dropped.future().Get().ok());
}

TEST_F(FileCommitTest, CancelledWhileQueuedIsNotWritten) {
  const Future<WriteResult> first = store_->Write("k", Bytes::Copy("first"));
  const Future<WriteResult> second = store_->Write("k", Bytes::Copy("second"));
  const CancelSource source;
  const Future<WriteResult> third =
      store_->Write("k", Bytes::Copy("third"), {.cancel = source.token()});
  auto writer = store_->OpenWriter("k").OrDie();
  EXPECT_TRUE(writer->Append(AsBytes("stream")).ok());
  const Future<WriteResult> fourth = writer->Commit();
  second.Cancel();
  source.Cancel();
  fourth.Cancel();
  for (const Future<WriteResult>& queued : {second, third, fourth}) {
    ASSERT_TRUE(queued.ready());  // Though the first is not.
    EXPECT_EQ(queued.Get().status().ToString(), "Cancelled: " + store_->Describe("k") + ": write");
  }
  EXPECT_FALSE(first.ready());
  ops_.sync_gate.Open();
  EXPECT_TRUE(first.Get().ok());
  EXPECT_TRUE(store_->Write("k", Bytes::Copy("last")).Get().ok());  // Whose turn comes after all.
  EXPECT_EQ(Get("k"), "last");
  EXPECT_EQ(ops_.Count("Rename k"), 2);
  const auto files = std::filesystem::directory_iterator(dir_ / "root");
  EXPECT_EQ(std::distance(begin(files), end(files)), 2);  // "first", "k": no temporary.
}

TEST(FileCommit, TheTimeToWaitForALockCountsFromTheCall) {
  /// When the first has published, another process takes the lock.
  class TakesTheLock final : public BentOps {
   public:
    int Rename(int from_directory, const char* from, int to_directory, const char* to) override {
      const int error = BentOps::Rename(from_directory, from, to_directory, to);
      close(openat(from_directory, from, O_RDWR | O_CREAT | O_EXCL, 0600));
      return error;
    }
  } ops;
  const TempDir dir;
  const Context context = Context::Create({.threads = 1});
  const FileStoreOptions options = {.locking = FileStoreOptions::Locking::kLockfile,
                                    .lock_timeout = std::chrono::milliseconds(30)};
  const KvStorePtr store = MakeFileStore(dir / "root", options, context, ops).OrDie();
  ops.sync_gate.Close();
  const Future<WriteResult> first = store->Write("d/k", Bytes::Copy("first"));
  ops.WaitFor("Sync k.__lock", 1);
  const Future<WriteResult> second = store->Write("d/k", Bytes::Copy("second"));
  const auto called = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() < called + options.lock_timeout) {
    std::this_thread::yield();
  }
  ops.sync_gate.Open();
  EXPECT_TRUE(first.Get().ok());
  EXPECT_EQ(second.Get().status().ToString(),
            "DeadlineExceeded: " + store->Describe("d/k") +
                ": the lock \"k.__lock\" stands in the way, waited 30 ms: another process has it, "
                "or one that died has left it");
  EXPECT_EQ(ops.Count("OpenAt k.__lock"), 2);  // One look each.
}

TEST(Engine, StampsAreUniqueAndMultiples) {
  const int64_t first = Engine::UniqueStamp(1'000, 1);
  EXPECT_GT(Engine::UniqueStamp(1'000, 1), first);
  const int64_t coarse = Engine::UniqueStamp(first + 1, 1'000'000'000);
  EXPECT_EQ(coarse % 1'000'000'000, 0);
  EXPECT_EQ(Engine::UniqueStamp(0, 1'000'000'000), coarse + 1'000'000'000);
  EXPECT_EQ(Engine::UniqueStamp(coarse + 5'000'000'007, 1), coarse + 5'000'000'007);
}

}  // namespace
}  // namespace coffer
