// Goal: a copy is the source's checkpoint, all of it or nothing, whatever fails, whoever else
// copies, and whatever becomes of the source meanwhile.
// It holds no more than it has reserved. Method: copies between memory stores with and without
// renames; every mutating operation failed in turn; copies racing for one place; sources changed at
// a chosen read; a store that counts what is under way against the budget.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "coffer/checkpoint/checkpoint.h"
#include "coffer/kvstore/adapters.h"
#include "coffer/kvstore/stores.h"
#include "src/base/mutex.h"
#include "tests/unit/array/forwarding_store.h"
#include "tests/unit/checkpoint/checkpoints.h"
#include "tests/unit/checkpoint/stores.h"
#include "tests/unit/checkpoint/trees.h"

namespace coffer {
namespace {

using checkpoint::Copy;
using coffer::testing::Difference;
using coffer::testing::ExpectStored;
using coffer::testing::KeysOf;
using coffer::testing::Lesser;
using coffer::testing::Sample;
using coffer::testing::SetValue;
using coffer::testing::Small;
using coffer::testing::StoreWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// That the tree is stored, and nothing at the place is damaged or belongs to nobody.
void ExpectSound(const KvStorePtr& store, const std::string& prefix, const Tree& tree) {
  ASSERT_NO_FATAL_FAILURE(ExpectStored(store, prefix, tree));
  EXPECT_EQ(checkpoint::Verify(store, prefix, {.deep = true}).OrDie().num_findings, 0);
}

TEST(Copy, CopiesTheCheckpointAndNothingElse) {
  for (const bool rename : {true, false}) {
    const KvStorePtr source = StoreWith(Small(1));
    const checkpoint::CheckpointInfo info = checkpoint::Info(source, "c/").OrDie();
    SetValue(*source, "c/data-0123456789abcdef/arrays/0/c.0", "debris");
    SetValue(*source, "c/notes.txt", "a user's");
    const auto destination = Lesser({.rename = rename});
    int64_t done = 0, all = 0;
    checkpoint::CopyOptions options;
    options.on_progress = [&](int64_t now, int64_t of) { done = now, all = of; };
    const Result<int64_t> bytes = Copy(source, "c/", destination, "d/", options);
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    const std::string marker = coffer::testing::ValueOf(*destination, "d/commit");
    EXPECT_EQ(*bytes + static_cast<int64_t>(marker.size()), info.stored_bytes);
    EXPECT_EQ(done, *bytes);
    EXPECT_EQ(all, *bytes);
    ExpectSound(destination, "d/", Small(1));
    EXPECT_EQ(checkpoint::Info(destination, "d/").OrDie().created_at, info.created_at);
    EXPECT_EQ(KeysOf(*destination).size(), KeysOf(*source).size() - 2);
  }
}

TEST(Copy, LargeValuesGoInPieces) {
  const Tree tree = Tree::Dict().Set("w", Sample(DataType::kUint8, {9 << 20}));
  const KvStorePtr source = MakeMemoryStore();
  checkpoint::Save(source, "c/", tree, {.codec = Uncompressed(), .chunk_bytes = MiB(32)}).OrDie();
  const Context context = Context::Create({.threads = 2, .budget_bytes = MiB(1)});
  checkpoint::CopyOptions options;
  options.context = context;
  const KvStorePtr destination = MakeMemoryStore();
  ASSERT_TRUE(Copy(source, "c/", destination, "", options).ok());
  ExpectSound(destination, "", tree);
}

/// A remote store whose streams hold a piece of the copy and `stream_bytes`. What is under way must
/// always be reserved.
class MeteredStore final : public coffer::testing::ForwardingStore {
 public:
  MeteredStore(KvStorePtr base, int64_t stream_bytes, const ByteBudget& budget)
      : ForwardingStore(std::move(base)), stream_bytes_(stream_bytes), budget_(budget) {}

  Future<WriteResult> Write(std::string key, std::optional<BytesChain> value,
                            WriteOptions options) override {
    const Holding holding(*this, value ? static_cast<int64_t>(value->size()) : 0);
    return ForwardingStore::Write(std::move(key), std::move(value), std::move(options));
  }
  Result<std::unique_ptr<KvWriter>> OpenWriter(std::string key, WriteOptions options) override {
    ++writers_;
    return std::make_unique<Writer>(*this, std::move(key), std::move(options));
  }
  Capabilities capabilities() const override {
    Capabilities can = ForwardingStore::capabilities();
    can.local = can.listable = can.atomic_rename = false;
    can.streaming_write = true;
    can.stream_bytes = stream_bytes_;
    can.request_concurrency = 16;
    return can;
  }
  int writers() const { return writers_; }

 private:
  class Holding {
   public:
    Holding(MeteredStore& store, int64_t bytes) : store_(store), bytes_(bytes) {
      MutexLock lock(store_.mutex_);
      store_.held_ += bytes_;
      // The marker, which is no part of the copying, is not reserved.
      EXPECT_LE(store_.held_, store_.budget_.held_bytes() + KiB(4));
    }
    Holding(const Holding&) = delete;
    Holding& operator=(const Holding&) = delete;
    ~Holding() {
      MutexLock lock(store_.mutex_);
      store_.held_ -= bytes_;
    }

   private:
    MeteredStore& store_;
    const int64_t bytes_;
  };

  class Writer final : public KvWriter {
   public:
    Writer(MeteredStore& store, std::string key, WriteOptions options)
        : store_(store),
          key_(std::move(key)),
          options_(std::move(options)),
          holding_(store, MiB(4) + store.stream_bytes_) {}
    Status Append(std::span<const std::byte> bytes) override {
      EXPECT_LE(bytes.size(), static_cast<size_t>(MiB(4)));
      value_.Append(Bytes::Copy(bytes));
      return Status();
    }
    Future<WriteResult> Commit() override {
      return store_.ForwardingStore::Write(key_, std::move(value_), options_);
    }

   private:
    MeteredStore& store_;
    const std::string key_;
    const WriteOptions options_;
    const Holding holding_;
    BytesChain value_;
  };

  const int64_t stream_bytes_;
  const ByteBudget& budget_;
  std::atomic<int> writers_{0};
  Mutex mutex_;
  int64_t held_ COFFER_GUARDED_BY(mutex_) = 0;
};

/// Four values of nine mebibytes, four of five.
KvStorePtr StoreWithLargeValues(Tree* tree) {
  *tree = Tree::Dict();
  for (int i = 0; i < 8; ++i) {
    tree->Set("w" + std::to_string(i), Sample(DataType::kUint8, {(i < 4 ? 9 : 5) << 20}));
  }
  KvStorePtr store = MakeMemoryStore();
  checkpoint::Save(store, "c/", *tree, {.codec = Uncompressed(), .chunk_bytes = MiB(32)}).OrDie();
  return store;
}

TEST(Copy, ReservesWhatAWriterHoldsAndOpensNoneWhereTheWholeValueIsLess) {
  Tree tree;
  const KvStorePtr source = StoreWithLargeValues(&tree);
  for (const int64_t budget : {MiB(1), MiB(16), MiB(64)}) {
    for (const auto& [stream_bytes, writers] :
         {std::pair(MiB(0), 8), std::pair(MiB(2), 4), std::pair(MiB(48), 0)}) {
      checkpoint::CopyOptions options;
      options.context = Context::Create({.threads = 2, .budget_bytes = budget});
      const KvStorePtr base = MakeMemoryStore();
      const auto destination =
          std::make_shared<MeteredStore>(base, stream_bytes, options.context.budget());
      ASSERT_TRUE(Copy(source, "c/", destination, "d/", options).ok());
      ExpectSound(base, "d/", tree);
      EXPECT_EQ(destination->writers(), writers);
    }
  }
}

TEST(Copy, NoFailureOfAStreamIsOverlooked) {
  Tree tree;
  const KvStorePtr source = StoreWithLargeValues(&tree);
  checkpoint::CopyOptions options;
  options.context = Context::Create({.threads = 2});
  for (const KvOperation operation : {KvOperation::kOpenWriter, KvOperation::kCommit}) {
    const KvStorePtr base = MakeMemoryStore();
    const auto destination =
        MakeFaultStore(std::make_shared<MeteredStore>(base, MiB(2), options.context.budget()));
    destination->Inject({.operation = operation, .skip = 3});
    EXPECT_FALSE(Copy(source, "c/", destination, "d/", options).ok());
    EXPECT_EQ(destination->injected(), 1);
    EXPECT_FALSE(checkpoint::IsCheckpoint(base, "d/").OrDie());
  }
}

TEST(Copy, NeverReplacesAnything) {
  const KvStorePtr source = StoreWith(Small(1));
  const KvStorePtr destination = MakeMemoryStore();
  checkpoint::Save(destination, "c/", Small(2)).OrDie();
  EXPECT_EQ(Copy(source, "c/", destination, "c/").status(),
            AlreadyExistsError(destination->Describe("c/") + ": a checkpoint is there already"));
  EXPECT_EQ(Copy(source, "c/", source, "c/").status().code(), StatusCode::kAlreadyExists);
  SetValue(*destination, "a/zarr.json", "{}");
  EXPECT_EQ(Copy(source, "c/", destination, "a/").status().code(), StatusCode::kAlreadyExists);
  ExpectSound(destination, "c/", Small(2));
}

TEST(Copy, OfManyCopiesToOnePlaceOneWins) {
  constexpr uint32_t kCopies = 4;
  for (const bool rename : {true, false}) {
    const auto destination = Lesser({.rename = rename});
    std::vector<KvStorePtr> sources;
    for (uint32_t i = 0; i < kCopies; ++i) sources.push_back(StoreWith(Small(10 * i)));
    for (int round = 0; round < 10; ++round) {
      const std::string prefix = "d" + std::to_string(round) + "/";
      std::vector<Status> outcomes(kCopies);
      std::vector<std::thread> copies;
      for (uint32_t i = 0; i < kCopies; ++i) {
        copies.emplace_back(
            [&, i] { outcomes[i] = Copy(sources[i], "c/", destination, prefix).status(); });
      }
      for (std::thread& copy : copies) copy.join();
      int winners = 0;
      for (uint32_t i = 0; i < kCopies; ++i) {
        if (outcomes[i].ok()) {
          ++winners;
          ExpectSound(destination, prefix, Small(10 * i));
        } else {
          EXPECT_EQ(outcomes[i].code(), StatusCode::kAlreadyExists) << outcomes[i];
        }
      }
      EXPECT_EQ(winners, 1);
    }
  }
}

/// The second copy runs as a whole after the first has looked at the destination.
TEST(Copy, TheOneThatPublishesSecondLosesAndLeavesNothing) {
  for (const bool rename : {true, false}) {
    const KvStorePtr one = StoreWith(Small(1));
    const KvStorePtr two = StoreWith(Small(2));
    const auto destination = Lesser({.rename = rename});
    std::atomic<bool> raced{false};
    const KvStorePtr racing = MakeTraceStore(one, [&](const TraceEvent& event) {
      if (event.operation != KvOperation::kList || raced.exchange(true)) return;
      EXPECT_TRUE(Copy(two, "c/", destination, "d/").ok());
    });
    EXPECT_EQ(Copy(racing, "c/", destination, "d/").status(),
              AlreadyExistsError(destination->Describe("d/") + ": another save came first"));
    EXPECT_TRUE(raced);
    ExpectSound(destination, "d/", Small(2));
    EXPECT_EQ(KeysOf(*destination).size(), KeysOf(*two).size());
  }
}

TEST(Copy, ASourceReplacedMeanwhileIsAborted) {
  const KvStorePtr source = StoreWith(Small(1));
  // Before the keys are listed, so that they may all be gone, and none is missed while copying.
  std::atomic<bool> replaced{false};
  const KvStorePtr changing = MakeTraceStore(source, [&](const TraceEvent& event) {
    if (!event.key.ends_with("checkpoint.json") || event.operation != KvOperation::kRead) return;
    if (replaced.exchange(true)) return;
    checkpoint::Save(source, "c/", Small(2), {.overwrite = true}).OrDie();
  });
  const KvStorePtr destination = MakeMemoryStore();
  EXPECT_FALSE(Copy(changing, "c/", destination, "d/").ok());
  EXPECT_TRUE(replaced);
  EXPECT_THAT(KeysOf(*destination), IsEmpty());
  // The data may stand when it is listed, and go while the last key is copied.
  const auto keeping = MakeFaultStore(source);
  keeping->Inject({.operation = KvOperation::kDeleteRange, .times = 1});
  replaced = false;
  const KvStorePtr late = MakeTraceStore(keeping, [&](const TraceEvent& event) {
    if (event.operation != KvOperation::kList || replaced.exchange(true)) return;
    checkpoint::Save(keeping, "c/", Small(3), {.overwrite = true}).OrDie();
  });
  const Status status = Copy(late, "c/", destination, "d/").status();
  EXPECT_EQ(status.code(), StatusCode::kAborted) << status;
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("c/commit: replaced or deleted while it was copied"));
  EXPECT_THAT(KeysOf(*destination), IsEmpty());
}

TEST(Copy, NeedsACompleteSource) {
  const KvStorePtr source = MakeMemoryStore();
  const KvStorePtr destination = MakeMemoryStore();
  EXPECT_EQ(Copy(source, "c/", destination, "c/").status().code(), StatusCode::kNotFound);
  checkpoint::Save(source, "c/", Small(1)).OrDie();
  SetValue(*source, coffer::testing::KeyEndingWith(*source, "checkpoint.json"), "{}");
  EXPECT_EQ(Copy(source, "c/", destination, "c/").status().code(), StatusCode::kDataLoss);
  EXPECT_THAT(KeysOf(*destination), IsEmpty());
}

TEST(Copy, EveryFailureIsAllOrNothingAndNoObstacle) {
  const KvStorePtr source = StoreWith(Small(1));
  for (const bool rename : {true, false}) {
    for (const bool after : {false, true}) {
      for (int64_t n = 0;; ++n) {
        ASSERT_LT(n, 100);
        const auto destination = Lesser({.rename = rename});
        destination->FailFrom(n, after);
        const Status status = Copy(source, "c/", destination, "d/").status();
        const bool nothing_failed = status.ok() && destination->mutations() <= n;
        destination->FailFrom(-1);
        const bool there = checkpoint::IsCheckpoint(destination, "d/").OrDie();
        EXPECT_TRUE(there || !status.ok()) << n;
        if (there) {
          ExpectSound(destination, "d/", Small(1));
        } else {  // What a killed copy leaves.
          ASSERT_TRUE(Copy(source, "c/", destination, "d/").ok()) << n;
          EXPECT_EQ(Difference(checkpoint::Restore(destination, "d/").OrDie(), Small(1)), "");
        }
        if (nothing_failed) break;
      }
    }
  }
}

// One operation fails, and all others go well: it must be the copy's failure, too.
TEST(Copy, NoSingleFailureIsOverlooked) {
  const auto source = MakeFaultStore(StoreWith(Small(1)));
  for (const bool writes : {false, true}) {
    for (const KvOperation operation :
         {KvOperation::kRead, KvOperation::kReadInto, KvOperation::kList, KvOperation::kWrite,
          KvOperation::kOpenWriter, KvOperation::kCommit, KvOperation::kRenamePrefix}) {
      for (int64_t skip = 0;; ++skip) {
        ASSERT_LT(skip, 100);
        const auto destination = MakeFaultStore(Lesser({}));
        const auto& failing = writes ? destination : source;
        const int64_t before = failing->injected();
        failing->Inject({.operation = operation, .skip = skip});
        const Status status = Copy(source, "c/", destination, "d/").status();
        const bool failed = failing->injected() > before;
        failing->Clear();
        EXPECT_EQ(status.ok(), !failed) << writes << " " << skip << " " << status;
        if (status.ok()) ExpectSound(destination, "d/", Small(1));
        if (!failed) break;
      }
    }
  }
}

// As where all requests of a context are cancelled.
TEST(Copy, IsNotCalledCancelledIfItMayBePublished) {
  const KvStorePtr source = StoreWith(Small(1));
  for (const bool done : {true, false}) {
    const auto destination = MakeFaultStore(Lesser({.rename = false, .local = false}));
    destination->Inject({.operation = KvOperation::kWrite,
                         .key_prefix = "d/commit",
                         .times = -1,
                         .status = CancelledError("on its way"),
                         .after = done});
    const Status status = Copy(source, "c/", destination, "d/").status();
    EXPECT_EQ(status.code(), StatusCode::kUnavailable) << status;
    EXPECT_THAT(
        std::string(status.message()),
        HasSubstr("what became of its marker is not known: memory:///d/commit: on its way"));
    destination->Clear();
    if (done) ExpectSound(destination, "d/", Small(1));
  }
}

TEST(Copy, WhatCannotBeDeletedIsNamed) {
  const KvStorePtr source = StoreWith(Small(1));
  for (const bool stays : {false, true}) {
    const auto destination = MakeFaultStore(Lesser({.rename = false}));
    destination->Inject(
        {.operation = KvOperation::kWrite, .skip = 1, .status = CancelledError("on its way")});
    if (stays) destination->Inject({.operation = KvOperation::kDeleteRange});
    const Status status = Copy(source, "c/", destination, "d/").status();
    EXPECT_EQ(status.code(), StatusCode::kCancelled) << status;
    const bool named =
        status.message().find("; debris stays at memory:///d/data-") != std::string_view::npos;
    EXPECT_EQ(named, stays) << status;
    EXPECT_EQ(KeysOf(*destination).empty(), !stays);
  }
}

TEST(Copy, CancelledLeavesNothing) {
  const KvStorePtr source = StoreWith(Small(1));
  const KvStorePtr destination = MakeMemoryStore();
  CancelSource cancel;
  checkpoint::CopyOptions options;
  options.cancel = cancel.token();
  options.on_progress = [&](int64_t, int64_t) { cancel.Cancel(); };
  EXPECT_EQ(Copy(source, "c/", destination, "d/", options).status().code(), StatusCode::kCancelled);
  EXPECT_THAT(KeysOf(*destination), IsEmpty());
}

}  // namespace
}  // namespace coffer
