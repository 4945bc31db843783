// Goal: the file stores' engine shares syncs without making an error look like a success or a
// thread work for others for ever, keeps commit threads free of foreign locks, and works without
// threads, or with fewer than it would like. Method: the engine alone, with file calls that wait at
// a gate; or a store over them. What ran where is told by thread ids. Nothing sleeps.
#include "kvstore/file/engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <set>
#include <system_error>
#include <thread>

#include "kvstore/file/file.h"
#include "kvstore/file/root.h"
#include "kvstore/file/write.h"
#include "tests/support/file_ops.h"
#include "tests/support/temp_dir.h"

namespace coffer {
namespace {

/// One directory that a thread has begun to sync, and that another waits for.
class SharedSync : public ::testing::Test {
 protected:
  struct Outcome {
    std::optional<int> error;
    std::thread::id thread;
  };
  void TearDown() override { engine_->Close(); }

  std::vector<ChangedDirectory> Directory() {
    auto file = std::make_shared<File>(ops_, SystemFileOps().OpenDirectory(dir_.path().c_str()));
    return {{std::move(file), "", {}}};
  }
  /// Both outcomes; the second asked while the first was at the gate, on a thread given back.
  std::thread::id SyncTwice(Outcome* first, Outcome* second) {
    const auto note = [](Outcome* outcome) {
      return [outcome](int error) { *outcome = {error, std::this_thread::get_id()}; };
    };
    ops_.sync_gate.Close();
    std::thread syncer([&] { engine_->Sync(ops_, Directory(), note(first)); });
    const std::thread::id id = syncer.get_id();
    ops_.WaitFor(line_, 1);
    engine_->Sync(ops_, Directory(), note(second));  // Only joins.
    EXPECT_FALSE(second->error.has_value());
    ops_.sync_gate.Open();
    syncer.join();
    engine_->Close();  // Finishes what was handed on.
    return id;
  }

  const TempDir dir_;
  BentOps ops_;
  const std::string line_ = "Sync d:" + std::filesystem::path(dir_.path()).filename().string();
  const std::shared_ptr<Engine> engine_ = std::make_shared<Engine>();
};

TEST_F(SharedSync, WhoAskedDuringAFailingRoundFailsWithIt) {
  ops_.Fail("Sync", -EIO);
  Outcome first;
  Outcome second;
  SyncTwice(&first, &second);
  EXPECT_EQ(first.error, -EIO);
  EXPECT_EQ(second.error, -EIO);
  EXPECT_EQ(ops_.Count(line_), 1);
}

TEST_F(SharedSync, ARoundForOthersRunsOnACommitThread) {
  Outcome first;
  Outcome second;
  const std::thread::id syncer = SyncTwice(&first, &second);
  EXPECT_EQ(first.error, 0);
  EXPECT_EQ(second.error, 0);
  EXPECT_EQ(ops_.Count(line_), 2);
  EXPECT_EQ(first.thread, syncer);
  EXPECT_NE(second.thread, syncer);
}

std::thread NoThread(const Task&) {
  throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again));
}

TEST(EngineWithoutThreads, WritesAreDoneByTheirCaller) {
  const TempDir dir;
  const auto engine = std::make_shared<Engine>(NoThread);
  const auto root = std::make_shared<const FileRoot>(
      dir / "root", FileStoreOptions(), SystemFileOps::Get(), engine, MakeThreadPool(1));
  for (const std::string text : {"one", "two"}) {
    const Future<WriteResult> writing =
        WriteFileValue(root, "a/k", BytesChain(Bytes::Copy(text)), {});
    ASSERT_TRUE(writing.ready());
    EXPECT_TRUE(writing.Get().ok());
  }
  engine->Close();
}

TEST(EngineWithoutThreads, QueuedTasksRunOneAfterTheOther) {
  const auto engine = std::make_shared<Engine>(NoThread);
  constexpr int kTasks = 100'000;
  int ran = 0;
  engine->Enter("k", [] {});  // Under way until Leave().
  for (int i = 0; i < kTasks; ++i) {
    engine->Enter("k", [&] {
      ++ran;
      engine->Leave("k");
    });
  }
  engine->Leave("k");
  EXPECT_EQ(ran, kTasks);
  engine->Close();
}

/// An engine whose threads are counted, and of which the kernel gives no more than `max`.
class EngineThreads : public ::testing::Test {
 protected:
  void TearDown() override {
    gate_.Open();
    engine_->Close();
  }
  std::thread StartThread(Task task) {
    if (started_ == max_) return NoThread(task);
    ++started_;
    return std::thread(std::move(task));
  }
  bool Post(Task task) { return engine_->TryPost(&task); }

  size_t max_ = SIZE_MAX;
  size_t started_ = 0;
  Gate gate_;
  const std::shared_ptr<Engine> engine_ =
      std::make_shared<Engine>([this](Task task) { return StartThread(std::move(task)); });
};

TEST_F(EngineThreads, AreStartedOneByOneForWhatWaits) {
  gate_.Close();
  EXPECT_EQ(started_, 0u);
  for (size_t i = 1; i <= 2 * Engine::kCommitThreads; ++i) {
    EXPECT_TRUE(Post([&] { gate_.Pass(); }));
    EXPECT_EQ(started_, std::min(i, Engine::kCommitThreads));
  }
  const auto late = std::chrono::steady_clock::now() + std::chrono::hours(1);
  for (size_t i = 1; i <= 2 * Engine::kQueuedThreads; ++i) {
    engine_->RunAt(late, [] {});
    EXPECT_EQ(started_, Engine::kCommitThreads + std::min(i, Engine::kQueuedThreads));
  }
}

TEST_F(EngineThreads, DoOneTaskAfterTheOther) {
  for (size_t i = 0; i < Engine::kCommitThreads; ++i) {
    Promise<void> done;
    EXPECT_TRUE(Post([done] { done.Set(Status()); }));
    EXPECT_TRUE(done.future().Get().ok());
  }
  // Not one: a thread may not yet have come back for more when the next task is posted.
  EXPECT_LT(started_, Engine::kCommitThreads);
}

TEST_F(EngineThreads, AreEachFreeForATask) {
  gate_.Close();
  for (size_t i = 1; i < Engine::kCommitThreads; ++i) {
    EXPECT_TRUE(Post([&] { gate_.Pass(); }));
  }
  Promise<void> commit;
  EXPECT_TRUE(Post([commit] { commit.Set(Status()); }));
  EXPECT_TRUE(commit.future().Get().ok());
  const auto now = std::chrono::steady_clock::now();
  engine_->RunAt(now + std::chrono::milliseconds(1), [&] { gate_.Pass(); });
  Promise<void> due;
  engine_->RunAt(now + std::chrono::milliseconds(2), [due] { due.Set(Status()); });
  EXPECT_TRUE(due.future().Get().ok());
}

TEST_F(EngineThreads, OfWhichTheKernelGivesFewDoEverything) {
  max_ = 1;
  gate_.Close();
  std::atomic<int> ran{0};
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(Post([&] {
      gate_.Pass();
      ++ran;
    }));
  }
  EXPECT_EQ(started_, 1u);
  max_ = 3;
  EXPECT_TRUE(Post([&] { ++ran; }));
  EXPECT_EQ(started_, 2u);
  gate_.Open();
  engine_->Close();
  EXPECT_EQ(ran, 11);
}

/// Notes which threads sync files, and which ask for locks.
class NotesThreads final : public BentOps {
 public:
  int Sync(int file) override {
    Note(&syncers);
    return BentOps::Sync(file);
  }
  int TryLock(int file) override {
    Note(&lockers);
    return BentOps::TryLock(file);
  }
  void Note(std::set<std::thread::id>* threads) {
    MutexLock lock(mutex);
    threads->insert(std::this_thread::get_id());
  }

  Mutex mutex;  // Guards both.
  std::set<std::thread::id> syncers;
  std::set<std::thread::id> lockers;
};

TEST(Engine, QueuedWritersNeverAskForALockOnACommitThread) {
  const TempDir dir;
  NotesThreads ops;
  const Context context = Context::Create({.threads = 1});
  const KvStorePtr store = MakeFileStore(dir / "root", {}, context, ops).OrDie();
  EXPECT_TRUE(store->Write("first", Bytes::Copy("v")).Get().ok());
  ops.sync_gate.Close();
  std::vector<Future<WriteResult>> writes;
  for (size_t i = 0; i < Engine::kCommitThreads; ++i) {
    const std::string key = "k" + std::to_string(i);
    writes.push_back(store->Write(key, Bytes::Copy("v")));
    ops.WaitFor("Sync " + key + ".__lock", 1);  // Each on a thread of its own.
  }
  for (int i = 0; i < 8; ++i) writes.push_back(store->Write("k0", Bytes::Copy("w")));
  ops.sync_gate.Open();
  for (const Future<WriteResult>& write : writes) EXPECT_TRUE(write.Get().ok());
  const MutexLock lock(ops.mutex);
  ops.syncers.erase(std::this_thread::get_id());
  EXPECT_GE(ops.syncers.size(), Engine::kCommitThreads);
  for (const std::thread::id& locker : ops.lockers) EXPECT_FALSE(ops.syncers.contains(locker));
}

TEST(Engine, KeysThatAreStuckHoldUpNoOthers) {
  const TempDir dir;
  BentOps ops;
  const Context context = Context::Create({.threads = 1});
  const FileStoreOptions options = {.locking = FileStoreOptions::Locking::kLockfile,
                                    .lock_timeout = std::chrono::seconds(20)};
  const KvStorePtr store = MakeFileStore(dir / "root", options, context, ops).OrDie();
  EXPECT_TRUE(store->Write("first", Bytes::Copy("v")).Get().ok());
  std::vector<Future<WriteResult>> stuck;
  const std::vector<std::string> keys = {"w", "x", "y", "z"};  // More than threads that begin.
  ASSERT_GT(keys.size(), Engine::kQueuedThreads);
  for (const std::string& key : keys) {
    std::ofstream(dir / ("root/" + key + ".__lock")) << "";
    for (int i = 0; i < 3; ++i) {
      stuck.push_back(store->Write(key, Bytes::Copy("v")));
      ASSERT_FALSE(stuck.back().ready());  // Nor does it hold its caller up.
    }
    ops.WaitFor("OpenAt " + key + ".__lock", 2);
  }
  std::vector<Future<WriteResult>> free;
  for (int i = 0; i < 5; ++i) free.push_back(store->Write("free", Bytes::Copy("v")));
  const auto soon = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  for (const Future<WriteResult>& write : free) {
    ASSERT_TRUE(write.Wait(soon));
    EXPECT_TRUE(write.Get().ok());
  }
  for (const Future<WriteResult>& write : stuck) EXPECT_FALSE(write.ready());
  for (const std::string& key : keys) std::filesystem::remove(dir / ("root/" + key + ".__lock"));
  for (const Future<WriteResult>& write : stuck) EXPECT_TRUE(write.Get().ok());
}

TEST(Engine, WhatIsForLaterRunsWhenItIsDueAndBeforeTheEnd) {
  const auto engine = std::make_shared<Engine>();
  const auto now = std::chrono::steady_clock::now();
  std::atomic<int> ran{0};
  Promise<void> late;
  engine->RunAt(now + std::chrono::milliseconds(20), [&] {
    EXPECT_GE(std::chrono::steady_clock::now(), now + std::chrono::milliseconds(20));
    EXPECT_EQ(++ran, 2);
    late.Set(Status());
  });
  engine->RunAt(now, [&] { EXPECT_EQ(++ran, 1); });
  EXPECT_TRUE(late.future().Get().ok());
  engine->RunAt(now + std::chrono::hours(1), [&] { ++ran; });
  engine->Close();  // Does not wait for an hour.
  EXPECT_EQ(ran, 3);
}

TEST(Engine, OneContextMakesItsRootWhileAnotherWaitsForTheDisk) {
  const TempDir dir;
  BentOps slow;
  BentOps quick;
  slow.sync_gate.Close();
  const Context contexts[] = {Context::Create({.threads = 1}), Context::Create({.threads = 1})};
  std::thread waits([&] {
    const KvStorePtr store = MakeFileStore(dir / "one/root", {}, contexts[0], slow).OrDie();
    EXPECT_TRUE(store->Write("k", Bytes::Copy("v")).Get().ok());
  });
  slow.WaitFor("Sync d:" + std::filesystem::path(dir.path()).parent_path().filename().string(), 1);
  const KvStorePtr store = MakeFileStore(dir / "two/root", {}, contexts[1], quick).OrDie();
  EXPECT_TRUE(store->Write("k", Bytes::Copy("v")).Get().ok());
  slow.sync_gate.Open();
  waits.join();
}

}  // namespace
}  // namespace coffer
