// Goal: saving asks nothing of places that it has just chosen itself, and everything of them once
// something is there.
// Method: what a traced store is asked for each array of a save; the store of a new prefix by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <string>
#include <vector>

#include "coffer/checkpoint/checkpoint.h"
#include "coffer/kvstore/adapters.h"
#include "coffer/kvstore/stores.h"
#include "src/checkpoint/new_prefix.h"

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
  const KvStorePtr store = MakeNewPrefixStore(base, "p/");
  base->Write("p/other", Bytes::Copy("x")).Get().OrDie();
  EXPECT_EQ(store->Read("other", {}).Get().OrDie().state, ReadResult::State::kMissing);
  EXPECT_TRUE(ListAll(*store).OrDie().empty());
  EXPECT_EQ(store->Read("other", {.if_equal = Generation{"1"}}).Get().OrDie().state,
            ReadResult::State::kConditionNotMet);
  store->Write("a", Bytes::Copy("v"), {.if_equal = Generation::Missing()}).Get().OrDie();
  EXPECT_EQ(base->Read("p/a").Get().OrDie().value.text(), "v");
  EXPECT_EQ(store->Read("other", {}).Get().OrDie().value.text(), "x");
  EXPECT_EQ(ListAll(*store).OrDie().size(), 2u);
}

}  // namespace
}  // namespace coffer
