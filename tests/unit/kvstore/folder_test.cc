// Goal: ListFolder finds keys and folders directly below a prefix, and reads hardly more of a
// listing than those. Method: a store that counts what it lists, in small pages and an odd order.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "coffer/kvstore/kvstore.h"
#include "coffer/kvstore/stores.h"

namespace coffer {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// Counts what it is asked for; gives pages of ten, in the keys' order or the opposite one.
class SmallPages : public KvStore {
 public:
  SmallPages(KvStorePtr base, bool reversed) : base_(std::move(base)), reversed_(reversed) {}
  int64_t listed() const { return listed_; }

  Future<ReadResult> Read(std::string key, ReadOptions options) override {
    return base_->Read(std::move(key), std::move(options));
  }
  Future<WriteResult> Write(std::string key, std::optional<BytesChain> value,
                            WriteOptions options) override {
    return base_->Write(std::move(key), std::move(value), std::move(options));
  }
  Result<std::unique_ptr<KvListing>> List(ListOptions options) override {
    COFFER_ASSIGN_OR_RETURN(std::vector<ListEntry> keys, ListAll(*base_, options));
    if (reversed_) std::reverse(keys.begin(), keys.end());
    return std::unique_ptr<KvListing>(std::make_unique<Pages>(*this, std::move(keys)));
  }
  Capabilities capabilities() const override { return base_->capabilities(); }
  std::string Describe(std::string_view key) const override { return base_->Describe(key); }

 private:
  struct Pages : KvListing {
    Pages(SmallPages& owner, std::vector<ListEntry> all) : store(owner), keys(std::move(all)) {}
    Future<std::vector<ListEntry>> Next() override {
      std::vector<ListEntry> page;
      while (page.size() < 10 && at < keys.size()) page.push_back(keys[at++]);
      store.listed_ += std::ssize(page);
      return Future<std::vector<ListEntry>>::Ready(std::move(page));
    }
    SmallPages& store;
    std::vector<ListEntry> keys;
    size_t at = 0;
  };
  KvStorePtr base_;
  const bool reversed_;
  int64_t listed_ = 0;
};

TEST(ListFolderTest, NamesFoldersWithoutListingWhatTheyHold) {
  const KvStorePtr memory = MakeMemoryStore();
  auto put = [&](const std::string& key) {
    memory->Write(key, BytesChain(Bytes::Copy("x"))).Get().OrDie();
  };
  for (int step : {1, 2, 10}) {
    for (int key = 0; key < 500; ++key)
      put("run/" + std::to_string(step) + "/" + std::to_string(key));
  }
  for (int key = 0; key < 30; ++key) put("run/log" + std::to_string(key));
  for (const char* key : {"run/3/x", "run/4/x", "run/4!/x", "other/7/x", "run", "run/5"}) put(key);
  for (const bool reversed : {false, true}) {
    SmallPages store(memory, reversed);
    const FolderEntries run = ListFolder(store, "run/").OrDie();
    EXPECT_THAT(run.folders,
                ElementsAre("run/1/", "run/10/", "run/2/", "run/3/", "run/4!/", "run/4/"));
    EXPECT_LT(store.listed(), 200);
    ASSERT_EQ(run.keys.size(), 31u);
    EXPECT_EQ(run.keys.front().key, "run/5");
    EXPECT_EQ(run.keys.front().size, 1);
    EXPECT_EQ(run.keys.back().key, "run/log9");
    const FolderEntries all = ListFolder(store, "").OrDie();
    EXPECT_THAT(all.folders, ElementsAre("other/", "run/"));
    ASSERT_EQ(all.keys.size(), 1u);
    EXPECT_EQ(all.keys.front().key, "run");
    EXPECT_THAT(ListFolder(store, "none/").OrDie().folders, IsEmpty());
  }
}

}  // namespace
}  // namespace coffer
