// Reads of one key: values, ranges, limits, conditions, into the caller's memory.
#include <algorithm>
#include <cstring>

#include "src/testing/kvstore_cases.h"

namespace coffer::inline v0::testing {

namespace {

using State = ReadResult::State;

ReadOptions Ranged(ByteRange range) { return {.range = range}; }

constexpr KvCase kCases[] = {
    {"ReadOfMissingKey",
     [](const KvSubject& s) {
       const ReadResult read = s->Read("absent").Get().OrDie();
       EXPECT_EQ(read.state, State::kMissing);
       EXPECT_TRUE(read.generation.missing());
       EXPECT_EQ(s.Get("deep/er/absent"), "(missing)");
     }},
    {"ReadGivesWhatWasWritten",
     [](const KvSubject& s) {
       const Generation generation = s.Put("k", "hello");
       const ReadResult read = s->Read("k").Get().OrDie();
       EXPECT_EQ(read.state, State::kValue);
       EXPECT_EQ(read.value.text(), "hello");
       EXPECT_EQ(read.generation, generation);
       EXPECT_TRUE(read.total_size == 5 || read.total_size == -1) << read.total_size;
     }},
    {"EmptyValueIsNotMissing",
     [](const KvSubject& s) {
       s.Put("k", "");
       const ReadResult read = s->Read("k").Get().OrDie();
       EXPECT_EQ(read.state, State::kValue);
       EXPECT_EQ(read.value.size(), 0u);
     }},
    {"AllBytesSurvive",
     [](const KvSubject& s) {
       std::string all;
       for (int i = 0; i < 1024; ++i) all.push_back(static_cast<char>(i * 7 % 256));
       s.Put("k", all);
       EXPECT_EQ(s.Get("k"), all);
     }},
    {"LargeValue",
     [](const KvSubject& s) {
       std::string large(5 * 1024 * 1024 + 13, '\0');
       for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 31 >> 7);
       s.Put("k", large);
       EXPECT_EQ(s.Get("k"), large);
       EXPECT_EQ(s.Get("k", Ranged(ByteRange::Span(4'999'999, 5'000'100))),
                 large.substr(4'999'999, 101));
     }},
    {"RangeSpan",
     [](const KvSubject& s) {
       s.Put("k", "hello");
       EXPECT_EQ(s.Get("k", Ranged(ByteRange::Span(1, 4))), "ell");
       EXPECT_EQ(s.Get("k", Ranged(ByteRange::Span(0, 5))), "hello");
     }},
    {"RangeFrom",
     [](const KvSubject& s) {
       s.Put("k", "hello");
       EXPECT_EQ(s.Get("k", Ranged(ByteRange::From(3))), "lo");
       EXPECT_EQ(s.Get("k", Ranged(ByteRange::From(5))), "");
     }},
    {"RangeLast",
     [](const KvSubject& s) {
       s.Put("k", "hello");
       EXPECT_EQ(s.Get("k", Ranged(ByteRange::Last(2))), "lo");
       EXPECT_EQ(s.Get("k", Ranged(ByteRange::Last(5))), "hello");
       EXPECT_EQ(s.Get("k", Ranged(ByteRange::Last(0))), "");
     }},
    {"RangeTellsTheWholeGeneration",
     [](const KvSubject& s) {
       const Generation generation = s.Put("k", "hello");
       EXPECT_EQ(s->Read("k", Ranged(ByteRange::Last(1))).Get().OrDie().generation, generation);
     }},
    {"StatTellsExistenceAndGeneration",
     [](const KvSubject& s) {
       const Generation generation = s.Put("k", "hello");
       const ReadResult stat = s->Read("k", Ranged(ByteRange::Stat())).Get().OrDie();
       EXPECT_EQ(stat.state, State::kValue);
       EXPECT_EQ(stat.value.size(), 0u);
       EXPECT_EQ(stat.generation, generation);
       EXPECT_EQ(s.Get("absent", Ranged(ByteRange::Stat())), "(missing)");
     }},
    {"EmptyRangeInside",
     [](const KvSubject& s) {
       s.Put("k", "hello");
       EXPECT_EQ(s.Get("k", Ranged(ByteRange::Span(3, 3))), "");
       EXPECT_EQ(s.Get("k", Ranged(ByteRange::Span(5, 5))), "");
     }},
    {"RangeBeyondTheEndIsNeverClipped",
     [](const KvSubject& s) {
       s.Put("k", "hello");
       EXPECT_EQ(s.ReadCode("k", Ranged(ByteRange::Span(2, 6))), StatusCode::kOutOfRange);
       EXPECT_EQ(s.ReadCode("k", Ranged(ByteRange::Span(6, 6))), StatusCode::kOutOfRange);
       EXPECT_EQ(s.ReadCode("k", Ranged(ByteRange::From(6))), StatusCode::kOutOfRange);
       EXPECT_EQ(s.ReadCode("k", Ranged(ByteRange::Last(6))), StatusCode::kOutOfRange);
     }},
    {"RangeOfEmptyValue",
     [](const KvSubject& s) {
       s.Put("k", "");
       EXPECT_EQ(s.Get("k", Ranged(ByteRange::Stat())), "");
       EXPECT_EQ(s.Get("k", Ranged(ByteRange::From(0))), "");
       EXPECT_EQ(s.ReadCode("k", Ranged(ByteRange::Span(0, 1))), StatusCode::kOutOfRange);
       EXPECT_EQ(s.ReadCode("k", Ranged(ByteRange::Last(1))), StatusCode::kOutOfRange);
     }},
    {"HugeRangesDoNotOverflow",
     [](const KvSubject& s) {
       s.Put("k", "hello");
       for (const ByteRange range :
            {ByteRange::Span(INT64_MAX - 1, INT64_MAX), ByteRange::Span(0, INT64_MAX),
             ByteRange::From(INT64_MAX), ByteRange::Last(INT64_MAX)}) {
         EXPECT_EQ(s.ReadCode("k", Ranged(range)), StatusCode::kOutOfRange) << range.begin;
       }
     }},
    {"BackwardRangeIsRefused",
     [](const KvSubject& s) {
       s.Put("k", "hello");
       EXPECT_EQ(s.ReadCode("k", Ranged(ByteRange::Span(3, 2))), StatusCode::kInvalidArgument);
       EXPECT_EQ(s.ReadCode("k", Ranged({-1, 3})), StatusCode::kInvalidArgument);
     }},
    {"ErrorsNameStoreAndKey",
     [](const KvSubject& s) {
       s.Put("some/key", "hello");
       const Status status = s->Read("some/key", Ranged(ByteRange::Span(2, 77))).Get().status();
       EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr(s->Describe("some/key")));
       EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("77"));
     }},
    {"MaxBytesIsALimit",
     [](const KvSubject& s) {
       s.Put("k", "hello");
       const Status status = s->Read("k", {.max_bytes = 4}).Get().status();
       EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
       EXPECT_THAT(
           std::string(status.message()),
           ::testing::HasSubstr(s.parameters.tells_sizes ? "5 bytes" : "more than 4 bytes"));
       EXPECT_EQ(s.Get("k", {.max_bytes = 5}), "hello");
       EXPECT_EQ(s.Get("k", {.range = ByteRange::Last(2), .max_bytes = 2}), "lo");
       EXPECT_EQ(s.Get("absent", {.max_bytes = 0}), "(missing)");
     }},
    {"ReadIfEqual",
     [](const KvSubject& s) {
       const Generation first = s.Put("k", "one");
       EXPECT_EQ(s.Get("k", {.if_equal = first}), "one");
       const Generation second = s.Put("k", "two");
       EXPECT_EQ(s.Get("k", {.if_equal = first}), "(condition not met)");
       EXPECT_EQ(s.Get("k", {.if_equal = second}), "two");
     }},
    {"ReadIfNotEqual",
     [](const KvSubject& s) {
       const Generation first = s.Put("k", "one");
       EXPECT_EQ(s.Get("k", {.if_not_equal = first}), "(condition not met)");
       const ReadResult unchanged = s->Read("k", {.if_not_equal = first}).Get().OrDie();
       EXPECT_EQ(unchanged.generation, first);
       s.Put("k", "two");
       EXPECT_EQ(s.Get("k", {.if_not_equal = first}), "two");
     }},
    {"ConditionsOnMissingKeys",
     [](const KvSubject& s) {
       const Generation other = s.Put("other", "value");
       EXPECT_EQ(s.Get("absent", {.if_equal = Generation::Missing()}), "(missing)");
       EXPECT_EQ(s.Get("absent", {.if_not_equal = Generation::Missing()}), "(missing)");
       EXPECT_EQ(s.Get("absent", {.if_equal = other}), "(condition not met)");
       EXPECT_EQ(s.Get("absent", {.if_not_equal = other}), "(missing)");
       EXPECT_EQ(s.Get("other", {.if_equal = Generation::Missing()}), "(condition not met)");
       EXPECT_EQ(s.Get("other", {.if_not_equal = Generation::Missing()}), "value");
     }},
    {"UnknownGenerationIsNoCondition",
     [](const KvSubject& s) {
       s.Put("k", "one");
       EXPECT_EQ(s.Get("k", {.if_equal = Generation::Unknown()}), "one");
       EXPECT_EQ(s.Get("k", {.if_not_equal = Generation::Unknown()}), "one");
     }},
    {"ReadIntoFillsTheDestinationExactly",
     [](const KvSubject& s) {
       s.Put("k", "hello");
       std::string memory = "[.....]";
       const std::span<std::byte> inner(reinterpret_cast<std::byte*>(memory.data()) + 1, 5);
       const ReadResult read = s->ReadInto("k", inner).Get().OrDie();
       EXPECT_EQ(read.state, State::kValue);
       EXPECT_EQ(read.value.size(), 0u);
       EXPECT_TRUE(read.generation.known());
       EXPECT_EQ(memory, "[hello]");
     }},
    {"ReadIntoOfARange",
     [](const KvSubject& s) {
       s.Put("k", "hello");
       std::string memory = "[...]";
       const std::span<std::byte> inner(reinterpret_cast<std::byte*>(memory.data()) + 1, 3);
       s->ReadInto("k", inner, Ranged(ByteRange::Span(1, 4))).Get().OrDie();
       EXPECT_EQ(memory, "[ell]");
       s->ReadInto("k", inner, Ranged(ByteRange::Last(3))).Get().OrDie();
       EXPECT_EQ(memory, "[llo]");
       s->ReadInto("k", inner.first(0), Ranged(ByteRange::Stat())).Get().OrDie();
       EXPECT_EQ(memory, "[llo]");
     }},
    {"ReadIntoOfAnotherSizeIsRefused",
     [](const KvSubject& s) {
       s.Put("k", "hello");
       std::string memory(9, '.');
       const std::span<std::byte> all(reinterpret_cast<std::byte*>(memory.data()), 9);
       EXPECT_EQ(s->ReadInto("k", all.first(4)).Get().status().code(), StatusCode::kOutOfRange);
       EXPECT_EQ(s->ReadInto("k", all.first(6)).Get().status().code(), StatusCode::kOutOfRange);
       EXPECT_EQ(s->ReadInto("k", all.first(0)).Get().status().code(), StatusCode::kOutOfRange);
       EXPECT_EQ(memory, s.parameters.tells_sizes ? "........." : "hello....");
     }},
    {"ReadIntoWithoutAValueTouchesNothing",
     [](const KvSubject& s) {
       const Generation generation = s.Put("k", "hello");
       std::string memory(5, '.');
       const std::span<std::byte> all(reinterpret_cast<std::byte*>(memory.data()), 5);
       EXPECT_EQ(s->ReadInto("absent", all).Get().OrDie().state, State::kMissing);
       EXPECT_EQ(s->ReadInto("k", all, {.if_not_equal = generation}).Get().OrDie().state,
                 State::kConditionNotMet);
       EXPECT_EQ(memory, ".....");
     }},
    {"ValuesInHandDoNotChange",
     [](const KvSubject& s) {
       s.Put("k", "before");
       const ReadResult read = s->Read("k").Get().OrDie();
       s.Put("k", "after!");
       EXPECT_EQ(s.Write("k", std::nullopt), "written");
       EXPECT_EQ(read.value.text(), "before");
     }},
    {"CapabilitiesAgree",
     [](const KvSubject& s) {
       const Capabilities can = s->capabilities();
       EXPECT_EQ(can.writable, !s.read_only());
       if (!can.writable) {
         EXPECT_FALSE(can.conditional_write || can.conditional_delete || can.conditional_create);
         EXPECT_FALSE(can.atomic_rename || can.streaming_write || can.durable);
       }
       EXPECT_TRUE(can.listable || !can.fold_listing);
       EXPECT_GE(can.coalesce_gap_bytes, 0);
       EXPECT_GT(can.coalesce_size_max_bytes, 0);
       EXPECT_GE(can.request_concurrency, 0);
     }},
    {"StoresSayWhoTheyAre",
     [](const KvSubject& s) {
       EXPECT_THAT(s->Describe("some/key"), ::testing::HasSubstr("some/key"));
       EXPECT_NE(s->Describe("a"), s->Describe("b"));
     }},
    {"CancelledBeforehand",
     [](const KvSubject& s) {
       s.Put("k", "hello");
       const CancelSource source;
       source.Cancel();
       EXPECT_EQ(s.ReadCode("k", {.cancel = source.token()}), StatusCode::kCancelled);
       if (!s.read_only()) {
         EXPECT_THAT(s.Write("k", "new", {.cancel = source.token()}),
                     ::testing::StartsWith("Cancelled: "));
       }
       EXPECT_EQ(s.Get("k"), "hello");
     }},
    {"CancellingAFutureStillResolvesIt",
     [](const KvSubject& s) {
       s.Put("k", "hello");
       const Future<ReadResult> reading = s->Read("k");
       reading.Cancel();
       const Result<ReadResult>& read = reading.Get();
       EXPECT_TRUE(read.ok() || read.status().code() == StatusCode::kCancelled) << read.status();
     }},
};

}  // namespace

std::span<const KvCase> KvReadCases() { return kCases; }

}  // namespace coffer::inline v0::testing
