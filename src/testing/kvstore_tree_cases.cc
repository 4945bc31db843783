// Many keys at once: listing, deleting and renaming.
#include <algorithm>
#include <set>

#include "src/testing/kvstore_cases.h"

namespace coffer::inline v0::testing {

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// The keys of a prefix as a folded listing shows them, by one that is not.
std::vector<std::string> Folded(const KvSubject& s, const std::string& prefix) {
  std::set<std::string> folded;
  for (const std::string& key : s.Keys(KeyRange::Prefix(prefix))) {
    const size_t slash = key.find('/', prefix.size());
    folded.insert(slash == std::string::npos ? key : key.substr(0, slash + 1));
  }
  return {folded.begin(), folded.end()};
}

/// The same as the store folds, in small pages.
void ExpectFolds(const KvSubject& s, const std::string& prefix, size_t page_size) {
  auto listing =
      s->List({.range = KeyRange::Prefix(prefix), .page_size = page_size, .fold = true}).OrDie();
  std::vector<std::string> listed;
  for (;;) {
    const std::vector<ListEntry> page = listing->Next().Get().OrDie();
    if (page.empty()) break;
    EXPECT_LE(page.size(), page_size);
    for (const ListEntry& entry : page) {
      listed.push_back(entry.key);
      if (entry.key.find('/', prefix.size()) == std::string::npos) continue;
      EXPECT_EQ(entry.size, -1) << entry.key;
      EXPECT_FALSE(entry.is_link) << entry.key;
    }
  }
  std::sort(listed.begin(), listed.end());
  EXPECT_EQ(listed, Folded(s, prefix)) << "prefix \"" << prefix << "\", pages of " << page_size;
}

constexpr KvCase kCases[] = {
    {"ListOfAnEmptyStore",
     [](const KvSubject& s) {
       EXPECT_THAT(s.Keys(), IsEmpty());
       EXPECT_THAT(s.Keys(KeyRange::Prefix("a/")), IsEmpty());
     }},
    {"ListGivesKeysAndSizes",
     [](const KvSubject& s) {
       s.Put("zarr.json", "12345");
       s.Put("c/0/0", "");
       const std::vector<ListEntry> entries = ListAll(*s.store).OrDie();
       ASSERT_EQ(entries.size(), 2u);
       EXPECT_EQ(entries[0].key, "c/0/0");
       EXPECT_TRUE(entries[0].size == 0 || entries[0].size == -1);
       EXPECT_EQ(entries[1].key, "zarr.json");
       EXPECT_TRUE(entries[1].size == 5 || entries[1].size == -1);
     }},
    {"ListByPrefix",
     [](const KvSubject& s) {
       for (const char* key : {"a/b/1", "a/b/2", "a/bc", "a/c/1", "ab", "b"}) s.Put(key, "v");
       EXPECT_THAT(s.Keys(KeyRange::Prefix("a/b/")), ElementsAre("a/b/1", "a/b/2"));
       EXPECT_THAT(s.Keys(KeyRange::Prefix("a/b")), ElementsAre("a/b/1", "a/b/2", "a/bc"));
       EXPECT_THAT(s.Keys(KeyRange::Prefix("a")),
                   ElementsAre("a/b/1", "a/b/2", "a/bc", "a/c/1", "ab"));
       EXPECT_THAT(s.Keys(KeyRange::Prefix("b/")), IsEmpty());
       EXPECT_THAT(s.Keys(KeyRange::Prefix("")).size(), 6u);
     }},
    {"ListByRange",
     [](const KvSubject& s) {
       for (const char* key : {"a/1", "a/2", "a/3/x", "a0", "b/1", "c"}) s.Put(key, "v");
       EXPECT_THAT(s.Keys({"a/2", "b/1"}), ElementsAre("a/2", "a/3/x", "a0"));
       EXPECT_THAT(s.Keys({"a/3/x", ""}), ElementsAre("a/3/x", "a0", "b/1", "c"));
       EXPECT_THAT(s.Keys({"", "a/2"}), ElementsAre("a/1"));
       EXPECT_THAT(s.Keys({"a/30", "a/31"}), IsEmpty());
       EXPECT_THAT(s.Keys({"b", "a"}), IsEmpty());
     }},
    {"ListInPages",
     [](const KvSubject& s) {
       std::set<std::string> keys;
       for (int i = 0; i < 23; ++i) {
         keys.insert("d" + std::to_string(i % 3) + "/k" + std::to_string(i));
       }
       for (const std::string& key : keys) s.Put(key, "v");
       auto listing = s->List({.page_size = 5}).OrDie();
       std::set<std::string> listed;
       for (;;) {
         const std::vector<ListEntry> page = listing->Next().Get().OrDie();
         if (page.empty()) break;
         EXPECT_LE(page.size(), 5u);
         for (const ListEntry& entry : page) {
           EXPECT_TRUE(listed.insert(entry.key).second) << entry.key << " came twice";
         }
       }
       EXPECT_EQ(listed, keys);
       EXPECT_TRUE(listing->Next().Get().OrDie().empty());
     }},
    {"ListOfDeepKeys",
     [](const KvSubject& s) {
       std::string deep = "x";
       for (int i = 0; i < 100; ++i) deep += "/x";
       s.Put(deep, "v");
       EXPECT_THAT(s.Keys(), ElementsAre(deep));
       EXPECT_THAT(s.Keys(KeyRange::Prefix("x/x/x/")), ElementsAre(deep));
     }},
    {"ListFolded",
     [](const KvSubject& s) {
       for (const char* key : {"a-", "a-/x", "a/b", "a/b-", "a/c/d/e/f", "a/c/d/g", "a/c0", "a0",
                               "ab/c", "deep/1/2/3/4/5", "gone/x/y", "gone/z", "z"}) {
         if (key == std::string("a-") && !s.writer->capabilities().key_beside_prefix) continue;
         s.Put(key, "v");
       }
       for (const char* key : {"gone/x/y", "gone/z"}) {
         EXPECT_EQ(s.Write(key, std::nullopt), "written");
       }
       for (const std::string prefix : {"", "a/", "a/c/", "a/c/d/", "deep/", "gone/", "none/", "z/",
                                        "a", "a/c", "dee", "deep", "gone", "a//"}) {
         if (s->capabilities().fold_listing) {
           for (const size_t page_size : {1, 2, 1000}) ExpectFolds(s, prefix, page_size);
         }
         if (!prefix.empty() && !prefix.ends_with('/')) continue;
         const FolderEntries folder = ListFolder(*s.store, prefix).OrDie();
         std::vector<std::string> all = folder.folders;
         for (const ListEntry& entry : folder.keys) all.push_back(entry.key);
         std::sort(all.begin(), all.end());
         EXPECT_EQ(all, Folded(s, prefix)) << prefix;
       }
       // Of what is no prefix nothing is folded, nor by a store that does not say that it folds.
       const auto part = ListAll(*s.store, {.range = {"a/b-", "a0"}, .fold = true}).OrDie();
       EXPECT_EQ(part.size(), 4u);
       if (s->capabilities().fold_listing) return;
       EXPECT_EQ(ListAll(*s.store, {.fold = true}).OrDie().size(), s.Keys().size());
     }},
    {"ListWhileKeysAreDeleted",
     [](const KvSubject& s) {
       for (int i = 0; i < 20; ++i) s.Put("d/k" + std::to_string(i), "v");
       s.Put("keep/1", "v");
       auto listing = s->List({.page_size = 3}).OrDie();
       std::set<std::string> listed;
       for (const ListEntry& entry : listing->Next().Get().OrDie()) listed.insert(entry.key);
       EXPECT_TRUE(s.writer->DeleteRange(KeyRange::Prefix("d/")).Get().ok());
       for (;;) {
         const std::vector<ListEntry> page = listing->Next().Get().OrDie();
         if (page.empty()) break;
         for (const ListEntry& entry : page) EXPECT_TRUE(listed.insert(entry.key).second);
       }
       EXPECT_TRUE(listed.contains("keep/1"));
     }},
    {"DeletedKeysAreNotListed",
     [](const KvSubject& s) {
       s.Put("a/k", "v");
       s.Put("b", "v");
       EXPECT_EQ(s.Write("a/k", std::nullopt), "written");
       EXPECT_THAT(s.Keys(), ElementsAre("b"));
     }},
    {"DeleteRangeByPrefix",
     [](const KvSubject& s) {
       for (const char* key : {"a/b/1", "a/b/c/2", "a/bc", "b"}) s.Put(key, "v");
       EXPECT_TRUE(s->DeleteRange(KeyRange::Prefix("a/b/")).Get().ok());
       EXPECT_THAT(s.Keys(), ElementsAre("a/bc", "b"));
       EXPECT_EQ(s.Get("a/b/1"), "(missing)");
     },
     KvChange::kDeleteRange},
    {"DeleteRangeByBounds",
     [](const KvSubject& s) {
       for (const char* key : {"a", "b", "c", "d", "e/1"}) s.Put(key, "v");
       EXPECT_TRUE(s->DeleteRange({"b", "d"}).Get().ok());
       EXPECT_THAT(s.Keys(), ElementsAre("a", "d", "e/1"));
     },
     KvChange::kDeleteRange},
    {"DeleteRangeOfEverything",
     [](const KvSubject& s) {
       for (int i = 0; i < 40; ++i)
         s.Put("d" + std::to_string(i % 4) + "/" + std::to_string(i), "");
       EXPECT_TRUE(s->DeleteRange({}).Get().ok());
       EXPECT_THAT(s.Keys(), IsEmpty());
       EXPECT_TRUE(s->DeleteRange({}).Get().ok());
       s.Put("d0", "a value where a prefix was");
       EXPECT_THAT(s.Keys(), ElementsAre("d0"));
     },
     KvChange::kDeleteRange},
    {"DeleteRangeOfNothing",
     [](const KvSubject& s) {
       s.Put("a", "v");
       EXPECT_TRUE(s->DeleteRange(KeyRange::Prefix("b/")).Get().ok());
       EXPECT_TRUE(s->DeleteRange({"b", "a"}).Get().ok());
       EXPECT_THAT(s.Keys(), ElementsAre("a"));
     },
     KvChange::kDeleteRange},
    {"PrefixesThatNoKeyHasHoldNothing",
     [](const KvSubject& s) {
       // Some of them lead to "a" or "b", or to everything, if a file system is asked.
       s.Put("a/x", "v");
       s.Put("a/y/z", "v");
       s.Put("b/y", "v");
       const std::string nul("\0", 1);
       for (const std::string& prefix :
            {std::string("/"), std::string("./"), std::string("../"), std::string("a//"),
             std::string("a/./"), std::string("a/../"), std::string("a/../b/"),
             std::string("a/../b/../"), std::string("a/y/.."), "a" + nul + "/", "a" + nul + "q/z/",
             "a/y" + nul}) {
         EXPECT_THAT(s.Keys(KeyRange::Prefix(prefix)), IsEmpty()) << prefix;
         const Status status = s.writer->DeleteRange(KeyRange::Prefix(prefix)).Get();
         EXPECT_TRUE(status.ok()) << prefix << " " << status;
         EXPECT_THAT(s.Keys(), ElementsAre("a/x", "a/y/z", "b/y")) << prefix;
       }
     }},
    {"WriteAfterDeleteRange",
     [](const KvSubject& s) {
       s.Put("a/b/k", "old");
       EXPECT_TRUE(s.writer->DeleteRange(KeyRange::Prefix("a/")).Get().ok());
       s.Put("a/b/k", "new");
       EXPECT_EQ(s.Get("a/b/k"), "new");
     }},
    {"RenameMovesEveryKey",
     [](const KvSubject& s) {
       s.Put("tmp/a", "1");
       s.Put("tmp/b/c", "2");
       s.Put("tmpx", "3");
       const Status status = s->RenamePrefix("tmp/", "final/").Get();
       if (status.code() == StatusCode::kUnimplemented) {
         EXPECT_FALSE(s->capabilities().atomic_rename);
         return;
       }
       EXPECT_TRUE(status.ok()) << status;
       EXPECT_THAT(s.Keys(), ElementsAre("final/a", "final/b/c", "tmpx"));
       EXPECT_EQ(s.Get("final/b/c"), "2");
       EXPECT_EQ(s.Get("tmp/a"), "(missing)");
     },
     KvChange::kRename},
    {"RenameIntoNewParents",
     [](const KvSubject& s) {
       if (!s->capabilities().atomic_rename)
         GTEST_SKIP() << "RenameMovesEveryKey shows the refusal";
       s.Put("tmp/a", "1");
       EXPECT_TRUE(s->RenamePrefix("tmp/", "runs/7/step/").Get().ok());
       EXPECT_THAT(s.Keys(), ElementsAre("runs/7/step/a"));
       s.Put("tmp/a", "2");
       EXPECT_THAT(s.Keys(), ElementsAre("runs/7/step/a", "tmp/a"));
     },
     KvChange::kRename},
    {"RenameNeverReplaces",
     [](const KvSubject& s) {
       if (!s->capabilities().atomic_rename)
         GTEST_SKIP() << "RenameMovesEveryKey shows the refusal";
       s.Put("from/a", "1");
       s.Put("to/b", "2");
       const Status status = s->RenamePrefix("from/", "to/").Get();
       EXPECT_EQ(status.code(), StatusCode::kAlreadyExists);
       EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr(s->Describe("to/")));
       EXPECT_THAT(s.Keys(), ElementsAre("from/a", "to/b"));
     },
     KvChange::kRename},
    {"RenameToAPrefixWhoseKeysAreGone",
     [](const KvSubject& s) {
       if (!s->capabilities().atomic_rename)
         GTEST_SKIP() << "RenameMovesEveryKey shows the refusal";
       s.Put("from/a", "1");
       s.Put("to/b/c", "2");
       EXPECT_EQ(s.Write("to/b/c", std::nullopt), "written");
       const Status status = s->RenamePrefix("from/", "to/").Get();
       EXPECT_TRUE(status.ok()) << status;
       EXPECT_THAT(s.Keys(), ElementsAre("to/a"));
     },
     KvChange::kRename},
    {"RenameOfNothing",
     [](const KvSubject& s) {
       if (!s->capabilities().atomic_rename)
         GTEST_SKIP() << "RenameMovesEveryKey shows the refusal";
       s.Put("other", "1");
       EXPECT_EQ(s->RenamePrefix("from/", "to/").Get().code(), StatusCode::kNotFound);
       EXPECT_EQ(s->RenamePrefix("other/", "to/").Get().code(), StatusCode::kNotFound);
       EXPECT_THAT(s.Keys(), ElementsAre("other"));
     },
     KvChange::kRename},
    {"RenameOfAPrefixWhoseKeysAreGone",
     [](const KvSubject& s) {
       if (!s->capabilities().atomic_rename)
         GTEST_SKIP() << "RenameMovesEveryKey shows the refusal";
       s.Put("from/a/b", "1");
       EXPECT_EQ(s.Write("from/a/b", std::nullopt), "written");
       EXPECT_EQ(s->RenamePrefix("from/", "to/").Get().code(), StatusCode::kNotFound);
       EXPECT_THAT(s.Keys(), IsEmpty());
     },
     KvChange::kRename},
    {"RenameChecksItsPrefixes",
     [](const KvSubject& s) {
       if (!s->capabilities().atomic_rename)
         GTEST_SKIP() << "RenameMovesEveryKey shows the refusal";
       s.Put("a/b", "1");
       EXPECT_EQ(s->RenamePrefix("a", "b/").Get().code(), StatusCode::kInvalidArgument);
       EXPECT_EQ(s->RenamePrefix("a/", "b").Get().code(), StatusCode::kInvalidArgument);
       EXPECT_EQ(s->RenamePrefix("a/", "a/b/").Get().code(), StatusCode::kInvalidArgument);
       EXPECT_EQ(s->RenamePrefix("a/", "a/").Get().code(), StatusCode::kInvalidArgument);
       EXPECT_THAT(s.Keys(), ElementsAre("a/b"));
     },
     KvChange::kRename},
};

}  // namespace

std::span<const KvCase> KvTreeCases() { return kCases; }

}  // namespace coffer::inline v0::testing
