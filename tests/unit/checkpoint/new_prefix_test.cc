// Goal: saving asks nothing of places that it has just chosen itself, and everything of them once
// something is there.
// Method: what a traced store is asked for each array of a save; the store of a new prefix by hand,
// on stores that are slow, have something there, or fail.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <string>
#include <vector>

#include "coffer/checkpoint/checkpoint.h"
#include "coffer/kvstore/adapters.h"
#include "coffer/kvstore/stores.h"
#include "src/checkpoint/new_prefix.h"
#include "tests/unit/array/gate_store.h"

namespace coffer {
namespace {

TEST(NewPrefix, SavingAnArrayIsItsDocumentAndItsChunks) {
  std::mutex mutex;  // Guards asked.
  std::vector<std::string> asked;
  const KvStorePtr store = MakeTraceStore(MakeMemoryStore(), [&](const TraceEvent& event) {
    const size_t at = event.key.find("/arrays/");
    if (at == std::string::npos) return;
    const std::lock_guard lock(mutex);
    asked.push_back(std::string(KvOperationName(event.operation)) + event.key.substr(at));
  });
  const std::vector<float> values(100, 2.5F);
  const Tree tree = Tree::Dict().Set("w", Tree(Ref(values.data(), {10, 10})));
  checkpoint::Save(store, "run/1/", tree).OrDie();
  EXPECT_THAT(asked,
              ::testing::UnorderedElementsAre("Write/arrays/0/zarr.json", "Write/arrays/0/c.0.0"));
}

TEST(NewPrefix, IsAnOrdinaryPrefixOnceSomethingIsThere) {
  const KvStorePtr base = MakeMemoryStore();
  const NewPrefix place(base, "p/");
  const KvStorePtr store = place.store();
  base->Write("p/other", Bytes::Copy("x")).Get().OrDie();
  EXPECT_EQ(store->Read("other", {}).Get().OrDie().state, ReadResult::State::kMissing);
  EXPECT_TRUE(ListAll(*store).OrDie().empty());
  EXPECT_EQ(store->Read("other", {.if_equal = Generation{"1"}}).Get().OrDie().state,
            ReadResult::State::kConditionNotMet);
  EXPECT_TRUE(place.Settle().ok());
  store->Write("a", Bytes::Copy("v"), {.if_equal = Generation::Missing()}).Get().OrDie();
  EXPECT_TRUE(place.Settle().ok());
  EXPECT_EQ(base->Read("p/a").Get().OrDie().value.text(), "v");
  EXPECT_EQ(store->Read("other", {}).Get().OrDie().value.text(), "x");
  EXPECT_EQ(ListAll(*store).OrDie().size(), 2u);
}

TEST(NewPrefix, ChunksDoNotWaitForTheDocument) {
  const KvStorePtr base = MakeMemoryStore();
  const auto gate = std::make_shared<testing::GatePolicy>();
  const NewPrefix place(testing::MakeGateStore(base, gate), "p/");
  gate->Close("p/zarr.json");
  const WriteOptions if_missing{.if_equal = Generation::Missing()};
  const auto document = place.store()->Write("zarr.json", Bytes::Copy("d"), if_missing);
  ASSERT_TRUE(document.ready());
  EXPECT_EQ(document.Get()->state, WriteResult::State::kWritten);
  place.store()->Write("c.0", Bytes::Copy("c")).Get().OrDie();
  EXPECT_EQ(base->Read("p/c.0").Get().OrDie().value.text(), "c");
  EXPECT_EQ(base->Read("p/zarr.json").Get().OrDie().state, ReadResult::State::kMissing);
  gate->Open();
  EXPECT_TRUE(place.Settle().ok());
  EXPECT_EQ(base->Read("p/zarr.json").Get().OrDie().value.text(), "d");
}

TEST(NewPrefix, TellsThatTheDocumentWasNotWritten) {
  const KvStorePtr base = MakeMemoryStore();
  base->Write("p/zarr.json", Bytes::Copy("another's")).Get().OrDie();
  const NewPrefix place(base, "p/");
  place.store()
      ->Write("zarr.json", Bytes::Copy("d"), {.if_equal = Generation::Missing()})
      .Get()
      .OrDie();
  EXPECT_EQ(place.Settle().ToString(),
            "Aborted: " + base->Describe("p/zarr.json") + ": somebody else has written it");
  EXPECT_EQ(base->Read("p/zarr.json").Get().OrDie().value.text(), "another's");
}

TEST(NewPrefix, ASaveWhoseDocumentFailsFails) {
  const KvStorePtr base = MakeMemoryStore();
  const std::shared_ptr<FaultStore> store = MakeFaultStore(base);
  store->Inject({.operation = KvOperation::kWrite});  // The first.
  const std::vector<float> values(100, 2.5F);
  const Tree tree = Tree::Dict().Set("w", Tree(Ref(values.data(), {10, 10})));
  EXPECT_EQ(checkpoint::Save(store, "run/1/", tree).code(), StatusCode::kUnavailable);
  EXPECT_TRUE(ListAll(*base).OrDie().empty());
}

}  // namespace
}  // namespace coffer
