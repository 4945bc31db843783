// OpenWriter: values written piece by piece.
#include "src/testing/kvstore_cases.h"

namespace coffer::inline v0::testing {

namespace {

using State = WriteResult::State;

constexpr KvCase kCases[] = {
    {"WriterJoinsItsPieces",
     [](const KvSubject& s) {
       auto writer = s->OpenWriter("a/k").OrDie();
       for (const std::string_view piece : {"one ", "", "two ", "three"}) {
         EXPECT_TRUE(writer->Append(AsBytes(piece)).ok());
       }
       const WriteResult result = writer->Commit().Get().OrDie();
       EXPECT_EQ(result.state, State::kWritten);
       const ReadResult read = s->Read("a/k").Get().OrDie();
       EXPECT_EQ(read.value.text(), "one two three");
       EXPECT_EQ(read.generation, result.generation);
     },
     KvChange::kOpenWriter},
    {"WriterShowsNothingBeforeCommit",
     [](const KvSubject& s) {
       s.Put("k", "old");
       auto writer = s->OpenWriter("k").OrDie();
       auto fresh = s->OpenWriter("fresh").OrDie();
       EXPECT_TRUE(writer->Append(AsBytes("new")).ok());
       EXPECT_TRUE(fresh->Append(AsBytes("new")).ok());
       EXPECT_EQ(s.Get("k"), "old");
       EXPECT_EQ(s.Get("fresh"), "(missing)");
       if (s->capabilities().listable) {
         EXPECT_THAT(s.Keys(), ::testing::ElementsAre("k"));
       }
       writer->Commit().Get().OrDie();
       EXPECT_EQ(s.Get("k"), "new");
     },
     KvChange::kOpenWriter},
    {"AbandonedWriterLeavesNothing",
     [](const KvSubject& s) {
       {
         auto writer = s->OpenWriter("k").OrDie();
         EXPECT_TRUE(writer->Append(AsBytes("new")).ok());
       }
       EXPECT_EQ(s.Get("k"), "(missing)");
       s.Put("k", "other");
       EXPECT_EQ(s.Get("k"), "other");
     },
     KvChange::kOpenWriter},
    {"WriterOfAnEmptyValue",
     [](const KvSubject& s) {
       auto writer = s->OpenWriter("k").OrDie();
       writer->Commit().Get().OrDie();
       EXPECT_EQ(s.Get("k"), "");
     },
     KvChange::kOpenWriter},
    {"WriterConditionCountsAtCommit",
     [](const KvSubject& s) {
       const Generation first = s.Put("k", "one");
       auto stale = s->OpenWriter("k", {.if_equal = first}).OrDie();
       EXPECT_TRUE(stale->Append(AsBytes("stale")).ok());
       const Generation second = s.Put("k", "two");
       EXPECT_EQ(stale->Commit().Get().OrDie().state, State::kConditionNotMet);
       EXPECT_EQ(s.Get("k"), "two");
       auto current = s->OpenWriter("k", {.if_equal = second}).OrDie();
       EXPECT_TRUE(current->Append(AsBytes("three")).ok());
       EXPECT_EQ(current->Commit().Get().OrDie().state, State::kWritten);
       EXPECT_EQ(s.Get("k"), "three");
     },
     KvChange::kOpenWriter},
    {"WriterIfMissing",
     [](const KvSubject& s) {
       auto one = s->OpenWriter("k", {.if_equal = Generation::Missing()}).OrDie();
       auto two = s->OpenWriter("k", {.if_equal = Generation::Missing()}).OrDie();
       EXPECT_TRUE(one->Append(AsBytes("one")).ok());
       EXPECT_TRUE(two->Append(AsBytes("two")).ok());
       EXPECT_EQ(two->Commit().Get().OrDie().state, State::kWritten);
       EXPECT_EQ(one->Commit().Get().OrDie().state, State::kConditionNotMet);
       EXPECT_EQ(s.Get("k"), "two");
     },
     KvChange::kOpenWriter},
    {"WriterIsUsedUpByCommit",
     [](const KvSubject& s) {
       auto writer = s->OpenWriter("k").OrDie();
       EXPECT_TRUE(writer->Append(AsBytes("v")).ok());
       writer->Commit().Get().OrDie();
       EXPECT_EQ(writer->Append(AsBytes("w")).code(), StatusCode::kFailedPrecondition);
       EXPECT_EQ(writer->Commit().Get().status().code(), StatusCode::kFailedPrecondition);
       EXPECT_EQ(s.Get("k"), "v");
     },
     KvChange::kOpenWriter},
    {"WriterTakesLargeValues",
     [](const KvSubject& s) {
       auto writer = s->OpenWriter("k").OrDie();
       std::string piece(65'537, '\0');
       std::string expected;
       for (int i = 0; i < 48; ++i) {
         for (size_t j = 0; j < piece.size(); ++j) {
           piece[j] = static_cast<char>(static_cast<size_t>(i) + j * 13);
         }
         EXPECT_TRUE(writer->Append(AsBytes(piece)).ok());
         expected += piece;
       }
       writer->Commit().Get().OrDie();
       EXPECT_EQ(s.Get("k"), expected);
     },
     KvChange::kOpenWriter},
    {"ClearDebrisFindsNoneWhereNobodyDied",
     [](const KvSubject& s) {
       s.Put("a/k", "value");
       {
         auto abandoned = s.writer->OpenWriter("a/l").OrDie();
       }
       EXPECT_EQ(s.Write("b/m", std::nullopt), "written");
       for (const bool dry_run : {true, false}) {
         EXPECT_THAT(s->ClearDebris({}, {.dry_run = dry_run}).Get().OrDie(), ::testing::IsEmpty());
       }
       EXPECT_EQ(s.Get("a/k"), "value");
     }},
    {"ClearDebrisSparesALivingWriter",
     [](const KvSubject& s) {
       auto writer = s->OpenWriter("a/k").OrDie();
       EXPECT_TRUE(writer->Append(AsBytes("value")).ok());
       const Result<std::vector<Debris>> found = s->ClearDebris(KeyRange::Prefix("a/")).Get();
       if (found.ok()) {
         EXPECT_THAT(*found, ::testing::IsEmpty());
       } else {  // A store that cannot tell says so, and touches nothing.
         EXPECT_EQ(found.status().code(), StatusCode::kFailedPrecondition);
       }
       writer->Commit().Get().OrDie();
       EXPECT_EQ(s.Get("a/k"), "value");
     },
     KvChange::kOpenWriter},
    {"WriterRefusesRefusedKeys",
     [](const KvSubject& s) {
       for (const std::string& key : s.parameters.refused_keys) {
         Result<std::unique_ptr<KvWriter>> writer = s->OpenWriter(key);
         const Status status = writer.ok() ? (*writer)->Commit().Get().status() : writer.status();
         EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << key;
       }
     },
     KvChange::kOpenWriter},
};

}  // namespace

std::span<const KvCase> KvWriterCases() { return kCases; }

}  // namespace coffer::inline v0::testing
