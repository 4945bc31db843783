// Goal: ListFolder finds keys and folders directly below a prefix, and reads hardly more of a
// listing than those. Method: a store that counts what it lists, in small pages and an odd order,
// and folds or does not; the file store's calls, counted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "coffer/kvstore/kvstore.h"
#include "coffer/kvstore/stores.h"
#include "tests/unit/kvstore/file_store_test.h"

namespace coffer {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// Counts what it is asked for; gives pages of ten, in the keys' order or the opposite one.
class SmallPages : public KvStore {
 public:
  SmallPages(KvStorePtr base, bool reversed, bool folds)
      : base_(std::move(base)), reversed_(reversed), folds_(folds) {}
  int64_t listed() const { return listed_; }

  Future<ReadResult> Read(std::string key, ReadOptions options) override {
    return base_->Read(std::move(key), std::move(options));
  }
  Future<WriteResult> Write(std::string key, std::optional<BytesChain> value,
                            WriteOptions options) override {
    return base_->Write(std::move(key), std::move(value), std::move(options));
  }
  Result<std::unique_ptr<KvListing>> List(ListOptions options) override {
    options.fold = options.fold && folds_;
    COFFER_ASSIGN_OR_RETURN(std::vector<ListEntry> keys, ListAll(*base_, options));
    if (reversed_) std::reverse(keys.begin(), keys.end());
    return std::unique_ptr<KvListing>(std::make_unique<Pages>(*this, std::move(keys)));
  }
  Capabilities capabilities() const override { return {.fold_listing = folds_}; }
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
  const bool folds_;
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
  for (const auto& [reversed, folds] : {std::pair(false, false), {true, false}, {true, true}}) {
    SmallPages store(memory, reversed, folds);
    const FolderEntries run = ListFolder(store, "run/").OrDie();
    EXPECT_THAT(run.folders,
                ElementsAre("run/1/", "run/10/", "run/2/", "run/3/", "run/4!/", "run/4/"));
    EXPECT_LT(store.listed(), folds ? 38 : 200);
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

/// Says that it folds, and does not: as an adapter that makes the options anew.
class ForgetsToFold final : public SmallPages {
 public:
  explicit ForgetsToFold(KvStorePtr base) : SmallPages(std::move(base), false, false) {}
  Capabilities capabilities() const override { return {.fold_listing = true}; }
};

TEST(ListFolderTest, IsRightOverAnAdapterThatForgetsToFold) {
  const KvStorePtr memory = MakeMemoryStore();
  for (const char* key : {"a/1", "a/2/x", "b", "c/x"}) {
    memory->Write(key, BytesChain(Bytes::Copy("x"))).Get().OrDie();
  }
  ForgetsToFold store(memory);
  const FolderEntries entries = ListFolder(store, "").OrDie();
  EXPECT_THAT(entries.folders, ElementsAre("a/", "c/"));
  ASSERT_EQ(entries.keys.size(), 1u);
  EXPECT_EQ(entries.keys[0].key, "b");
  EXPECT_EQ(entries.keys[0].size, 1);
}

class FileFolderTest : public FileStoreTest {
 protected:
  using Names = std::vector<std::string>;

  int Calls(const std::string& call) {
    const std::vector<std::string> log = ops_.TakeLog();
    return static_cast<int>(std::count_if(log.begin(), log.end(), [&](const std::string& line) {
      return line.starts_with(call + " ");
    }));
  }
  static Names Folders(KvStore& store, const std::string& prefix) {
    const Result<FolderEntries> entries = ListFolder(store, prefix);
    return entries.ok() ? entries->folders : Names{entries.status().ToString()};
  }
};

TEST_F(FileFolderTest, AFolderIsNotWalked) {
  constexpr int kArrays = 100;
  for (int array = 0; array < kArrays; ++array) {
    const std::string name = "group/" + std::to_string(array);
    for (int file = 0; file < 20; ++file) Plant(name + "/c/" + std::to_string(file), "x");
    Plant(name + "/zarr.json", "x");
  }
  const KvStorePtr store = Make();
  EXPECT_EQ(Folders(*store, "group/").size(), size_t{kArrays});
  // The folder itself, then its document; and perhaps, as the directory has them, "c" before.
  EXPECT_LE(Calls("StatAt"), 3 * kArrays);
  EXPECT_THAT(Folders(*store, ""), ElementsAre("group/"));
  EXPECT_LE(Calls("StatAt"), 1 + kArrays + 3);
  EXPECT_EQ(ops_.open_files(), 0);
}

TEST_F(FileFolderTest, AFolderIsWhatHoldsAKey) {
  for (const char* empty : {"d/empty", "d/deep/empty/empty", "d/locks/x", "d/nowhere/x"}) {
    std::filesystem::create_directories(root_ + "/" + empty);
  }
  Plant("d/locks/k.__lock", "");
  Plant("d/hidden.__lock/k", "x");
  // Where links are refused one that leads nowhere cannot be told from others.
  if (FollowsLinks()) std::filesystem::create_symlink("nothing", root_ + "/d/nowhere/x/link");
  const KvStorePtr store = Make();
  EXPECT_THAT(Folders(*store, "d/"), IsEmpty());
  EXPECT_THAT(Folders(*store, ""), IsEmpty());
  Plant("d/deep/k", "x");
  Plant("d/late/empty/x/y/k", "x");
  std::filesystem::create_directories(root_ + "/d/late/also/z");
  std::filesystem::create_directories(root_ + "/d/linked");
  std::filesystem::create_symlink("..", root_ + "/d/linked/up");
  EXPECT_THAT(Folders(*store, "d/"), ElementsAre("d/deep/", "d/late/", "d/linked/"));
  EXPECT_THAT(Folders(*store, ""), ElementsAre("d/"));
}

TEST_F(FileFolderTest, ADirectoryThatCannotBeReadIsAnError) {
  Plant("d/x/k", "x");
  const KvStorePtr store = Make();
  ops_.Fail("OpenListing", -EACCES, 1);
  EXPECT_THAT(Folders(*store, "d/"),
              ElementsAre("PermissionDenied: " + url_ + "d/x: listing: Permission denied"));
}

}  // namespace
}  // namespace coffer
