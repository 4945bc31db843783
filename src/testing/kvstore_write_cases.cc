// Writes and deletes of one key: values, generations, conditions.
#include <set>

#include "src/testing/kvstore_cases.h"

namespace coffer::inline v0::testing {

namespace {

constexpr KvCase kCases[] = {
    {"OverwriteReplacesTheWholeValue",
     [](const KvSubject& s) {
       const Generation first = s.Put("k", "a long first value");
       const Generation second = s.Put("k", "short");
       EXPECT_EQ(s.Get("k"), "short");
       EXPECT_NE(first, second);
       EXPECT_EQ(s->Read("k").Get().OrDie().generation, second);
     }},
    {"GenerationsNeverRepeat",
     [](const KvSubject& s) {
       std::set<std::string> seen;
       for (int i = 0; i < 100; ++i) {
         EXPECT_TRUE(seen.insert(s.Put("k", "same value").value).second) << i;
       }
     }},
    {"GenerationsNeverRepeatAfterDelete",
     [](const KvSubject& s) {
       std::set<std::string> seen;
       for (int i = 0; i < 50; ++i) {
         EXPECT_TRUE(seen.insert(s.Put("k", "same value").value).second) << i;
         EXPECT_EQ(s.Write("k", std::nullopt), "written");
       }
     }},
    {"CreateOnlyIfMissing",
     [](const KvSubject& s) {
       EXPECT_EQ(s.Write("k", "first", {.if_equal = Generation::Missing()}), "written");
       EXPECT_EQ(s.Write("k", "second", {.if_equal = Generation::Missing()}),
                 "(condition not met)");
       EXPECT_EQ(s.Get("k"), "first");
     },
     KvChange::kWrite},
    {"UnmetConditionTellsNoGeneration",
     [](const KvSubject& s) {
       s.Put("k", "first");
       const WriteResult result =
           s->Write("k", Bytes::Copy("x"), {.if_equal = Generation::Missing()}).Get().OrDie();
       EXPECT_EQ(result.state, WriteResult::State::kConditionNotMet);
       EXPECT_FALSE(result.generation.known());
     },
     KvChange::kWrite},
    {"WriteIfEqual",
     [](const KvSubject& s) {
       const Generation first = s.Put("k", "one");
       EXPECT_EQ(s.Write("k", "two", {.if_equal = first}), "written");
       EXPECT_EQ(s.Write("k", "three", {.if_equal = first}), "(condition not met)");
       EXPECT_EQ(s.Get("k"), "two");
     },
     KvChange::kWrite},
    {"WriteIfEqualOnMissingKey",
     [](const KvSubject& s) {
       const Generation other = s.Put("other", "x");
       EXPECT_EQ(s.Write("k", "v", {.if_equal = other}), "(condition not met)");
       EXPECT_EQ(s.Get("k"), "(missing)");
       EXPECT_EQ(s.Write("deep/er/k", "v", {.if_equal = other}), "(condition not met)");
       EXPECT_EQ(s.Get("deep/er/k"), "(missing)");
     },
     KvChange::kWrite},
    {"ConditionOfADeletedValueIsNotMet",
     [](const KvSubject& s) {
       const Generation first = s.Put("k", "v");
       EXPECT_EQ(s.Write("k", std::nullopt), "written");
       EXPECT_EQ(s.Write("k", "w", {.if_equal = first}), "(condition not met)");
       EXPECT_EQ(s.Write("k", "w", {.if_equal = Generation::Missing()}), "written");
       EXPECT_EQ(s.Write("k", "x", {.if_equal = first}), "(condition not met)");
       EXPECT_EQ(s.Get("k"), "w");
     },
     KvChange::kWrite},
    {"GatherList",
     [](const KvSubject& s) {
       BytesChain chain;
       std::string expected;
       for (int i = 0; i < 2500; ++i) {  // More pieces than one system call takes.
         const std::string piece(static_cast<size_t>(i % 5), static_cast<char>('a' + i % 26));
         chain.Append(Bytes::Copy(piece));
         expected += piece;
       }
       s.writer->Write("k", chain).Get().OrDie();
       EXPECT_EQ(s.Get("k"), expected);
     }},
    {"TheCallersBytesAreFreeWhenItResolves",
     [](const KvSubject& s) {
       std::string mine = "mine";
       s->Write("k", Bytes::Unowned(AsBytes(mine))).Get().OrDie();
       mine = "junk";
       EXPECT_EQ(s.Get("k"), "mine");
     },
     KvChange::kWrite},
    {"Delete",
     [](const KvSubject& s) {
       s.Put("k", "v");
       s.Put("k2", "v2");
       const WriteResult result = s.writer->Write("k", std::nullopt).Get().OrDie();
       EXPECT_EQ(result.state, WriteResult::State::kWritten);
       EXPECT_TRUE(result.generation.missing());
       EXPECT_EQ(s.Get("k"), "(missing)");
       EXPECT_EQ(s.Get("k2"), "v2");
     }},
    {"DeleteOfMissingKeySucceeds",
     [](const KvSubject& s) {
       const WriteResult result = s->Write("absent", std::nullopt).Get().OrDie();
       EXPECT_EQ(result.state, WriteResult::State::kWritten);
       EXPECT_TRUE(result.generation.missing());
       EXPECT_EQ(s.Write("deep/er/absent", std::nullopt), "written");
     },
     KvChange::kDelete},
    {"DeleteIfEqual",
     [](const KvSubject& s) {
       const Generation first = s.Put("k", "one");
       const Generation second = s.Put("k", "two");
       const std::string stale = s.Write("k", std::nullopt, {.if_equal = first});
       if (!s->capabilities().conditional_delete && stale.starts_with("FailedPrecondition: ")) {
         // A store that cannot keep the condition may refuse: whatever it is, and nothing happens.
         EXPECT_THAT(s.Write("k", std::nullopt, {.if_equal = second}),
                     ::testing::StartsWith("FailedPrecondition: "));
         EXPECT_EQ(s.Get("k"), "two");
         return;
       }
       EXPECT_EQ(stale, "(condition not met)");
       EXPECT_EQ(s.Get("k"), "two");
       EXPECT_EQ(s.Write("k", std::nullopt, {.if_equal = second}), "written");
       EXPECT_EQ(s.Get("k"), "(missing)");
       EXPECT_EQ(s.Write("k", std::nullopt, {.if_equal = second}), "(condition not met)");
     },
     KvChange::kDelete},
    {"DeleteIfMissing",
     [](const KvSubject& s) {
       EXPECT_EQ(s.Write("k", std::nullopt, {.if_equal = Generation::Missing()}), "written");
       s.Put("k", "v");
       EXPECT_EQ(s.Write("k", std::nullopt, {.if_equal = Generation::Missing()}),
                 "(condition not met)");
       EXPECT_EQ(s.Get("k"), "v");
     },
     KvChange::kDelete},
    {"WriteAfterDelete",
     [](const KvSubject& s) {
       s.Put("a/b/k", "one");
       EXPECT_EQ(s.Write("a/b/k", std::nullopt), "written");
       s.Put("a/b/k", "two");
       EXPECT_EQ(s.Get("a/b/k"), "two");
     }},
    {"OddKeys",
     [](const KvSubject& s) {
       const std::vector<std::string> odd = {"a b",
                                             "%41",
                                             "a..b",
                                             ".hidden",
                                             "-",
                                             "\xc3\xbc\xe2\x82\xac",
                                             "a\\b",
                                             "x?y#z|",
                                             "CON",
                                             "c/0/0/0",
                                             "...",
                                             "~",
                                             "lock",
                                             "__lock",
                                             "k.__lock2",
                                             std::string(200, 's'),
                                             std::string(150, 'p') + "/" + std::string(150, 'q')};
       for (const std::string& key : odd) s.Put(key, "value of " + key);
       for (const std::string& key : odd) EXPECT_EQ(s.Get(key), "value of " + key);
       if (s->capabilities().listable) {
         EXPECT_THAT(s.Keys(), ::testing::UnorderedElementsAreArray(odd));
       }
     }},
    {"RefusedKeysAreInvalidArguments",
     [](const KvSubject& s) {
       for (const std::string& key : s.parameters.refused_keys) {
         EXPECT_EQ(s.ReadCode(key, {}), StatusCode::kInvalidArgument) << key;
         if (!s.read_only()) {
           EXPECT_THAT(s.Write(key, "v"), ::testing::StartsWith("InvalidArgument: ")) << key;
           EXPECT_THAT(s.Write(key, std::nullopt), ::testing::StartsWith("InvalidArgument: "))
               << key;
         }
         EXPECT_EQ(s->ReadRanges(key, {ByteRange::All()}).Get().status().code(),
                   StatusCode::kInvalidArgument)
             << key;
       }
       if (s->capabilities().listable) {
         EXPECT_THAT(s.Keys(), ::testing::IsEmpty());
       }
     }},
    {"KeyBesidePrefix",
     [](const KvSubject& s) {
       s.Put("a/b", "below");
       s.Put("c", "value");
       if (s.writer->capabilities().key_beside_prefix) {
         s.Put("a", "beside");
         s.Put("c/d", "below");
         EXPECT_EQ(s.Get("a"), "beside");
         EXPECT_EQ(s.Get("c/d"), "below");
       } else {
         EXPECT_THAT(s.Write("a", "beside"), ::testing::StartsWith("FailedPrecondition: "));
         EXPECT_THAT(s.Write("c/d", "below"), ::testing::StartsWith("FailedPrecondition: "));
         EXPECT_EQ(s.Get("a"), "(missing)");
         EXPECT_EQ(s.Get("c/d"), "(missing)");
         EXPECT_EQ(s.Write("a", std::nullopt), "written");
         EXPECT_EQ(s.Write("c/d", std::nullopt), "written");
       }
       EXPECT_EQ(s.Get("a/b"), "below");
       EXPECT_EQ(s.Get("c"), "value");
     }},
    {"PrefixesOfDeletedKeysAreFree",
     [](const KvSubject& s) {
       s.Put("a/b/c", "below");
       EXPECT_EQ(s.Write("a/b/c", std::nullopt), "written");
       s.Put("a", "value");
       EXPECT_EQ(s.Get("a"), "value");
     }},
};

}  // namespace

std::span<const KvCase> KvWriteCases() { return kCases; }

}  // namespace coffer::inline v0::testing
