// Goal: a Reader reads one checkpoint, whatever happens at its place, and its metadata once.
// Method: checkpoints replaced, deleted and saved anew between opening and restoring; a trace of
// the keys read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coffer/checkpoint/checkpoint.h"
#include "coffer/kvstore/adapters.h"
#include "coffer/kvstore/stores.h"
#include "src/base/mutex.h"
#include "tests/unit/checkpoint/checkpoints.h"
#include "tests/unit/checkpoint/stores.h"
#include "tests/unit/checkpoint/trees.h"

namespace coffer {
namespace {

using coffer::testing::Difference;
using coffer::testing::KeyEndingWith;
using coffer::testing::Remove;
using coffer::testing::Small;
using coffer::testing::StoreWith;
using ::testing::ElementsAre;
using ::testing::EndsWith;

checkpoint::RestoreOptions Only(std::string name) {
  checkpoint::RestoreOptions options;
  options.only = [name = std::move(name)](const TreePath& path) {
    return path == TreePath().Key(name);
  };
  return options;
}

TEST(Reader, RestoresPartByPart) {
  const KvStorePtr store = StoreWith(Small(1));
  const checkpoint::Reader reader = checkpoint::Reader::Open(store, "c/").OrDie();
  EXPECT_EQ(reader.Info().OrDie().leaves.size(), 3U);
  for (const std::string name : {"w", "b"}) {
    const Tree part = reader.Restore(Only(name)).OrDie();
    ASSERT_EQ(part.members().size(), 1U);
    EXPECT_EQ(Difference(*part.Find(name), *Small(1).Find(name)), "");
  }
  EXPECT_EQ(Difference(reader.Restore().OrDie(), Small(1)), "");
}

TEST(Reader, NeverMixesTwoCheckpoints) {
  const KvStorePtr store = StoreWith(Small(1));
  const checkpoint::Reader reader = checkpoint::Reader::Open(store, "c/").OrDie();
  const Tree first = reader.Restore(Only("w")).OrDie();
  checkpoint::Save(store, "c/", Small(7), {.overwrite = true}).OrDie();
  const Status replaced =
      AbortedError(store->Describe("c/") + ": replaced or deleted while it was read");
  EXPECT_EQ(reader.Restore(Only("b")).status(), replaced);
  EXPECT_EQ(reader.Restore().status(), replaced);
  // What needs no array is of the checkpoint that was opened.
  EXPECT_EQ(reader.Restore(Only("step")).OrDie().Find("step")->int_value(), 1);
  store->DeleteRange(KeyRange::Prefix("c/")).Get().OrDie();
  EXPECT_EQ(reader.Restore().status(), replaced);
  checkpoint::Save(store, "c/", Small(7)).OrDie();
  EXPECT_EQ(reader.Restore(Only("b")).status(), replaced);
  EXPECT_EQ(Difference(checkpoint::Restore(store, "c/").OrDie(), Small(7)), "");
}

TEST(Reader, WhatIsLostWhileTheMarkerStandsIsLost) {
  const KvStorePtr store = StoreWith(Small(1));
  const checkpoint::Reader reader = checkpoint::Reader::Open(store, "c/").OrDie();
  for (const std::string end : {"arrays/0/c.0.0", "arrays/0/zarr.json"}) {
    Remove(*store, KeyEndingWith(*store, end));
    EXPECT_EQ(reader.Restore().status().code(), StatusCode::kDataLoss) << end;
  }
}

TEST(Reader, ReadsTheMetadataOnce) {
  const KvStorePtr memory = StoreWith(Small(1));
  Mutex mutex;
  std::vector<std::string> documents;
  const KvStorePtr traced = MakeTraceStore(memory, [&](const TraceEvent& event) {
    MutexLock lock(mutex);
    if (event.key.find("/arrays/") == std::string::npos) documents.push_back(event.key);
  });
  const checkpoint::Reader reader = checkpoint::Reader::Open(traced, "c/").OrDie();
  ASSERT_TRUE(reader.Restore(Only("w")).ok());
  ASSERT_TRUE(reader.Restore(Only("b")).ok());
  ASSERT_TRUE(reader.Info(false).ok());
  EXPECT_THAT(documents, ElementsAre("c/commit", EndsWith("/checkpoint.json")));
}

TEST(Reader, NeedsACompleteCheckpoint) {
  const KvStorePtr store = MakeMemoryStore();
  EXPECT_EQ(checkpoint::Reader::Open(store, "c/").status(),
            NotFoundError(store->Describe("c/") + ": no checkpoint: nothing is there"));
  EXPECT_EQ(checkpoint::Reader::Open(store, "c").status(),
            InvalidArgumentError("the prefix \"c\" must be empty or end with \"/\""));
}

}  // namespace
}  // namespace coffer
