// ReadRanges: many ranges of one value, of one generation.
#include "src/testing/kvstore_cases.h"

namespace coffer::inline v0::testing {

namespace {

using State = ReadResult::State;

std::vector<std::string> Texts(const ReadRangesResult& result) {
  std::vector<std::string> texts;
  for (const Bytes& value : result.values) texts.emplace_back(value.text());
  return texts;
}

std::vector<std::string> Ranges(const KvSubject& s, const std::string& key,
                                std::vector<ByteRange> ranges) {
  const Result<ReadRangesResult> read = s->ReadRanges(key, std::move(ranges)).Get();
  if (!read.ok()) return {read.status().ToString()};
  if (read->state != State::kValue) return {"(no value)"};
  return Texts(*read);
}

constexpr KvCase kCases[] = {
    {"RangesComeInTheOrderAsked",
     [](const KvSubject& s) {
       const Generation generation = s.Put("k", "0123456789");
       const ReadRangesResult read =
           s->ReadRanges("k", {ByteRange::Span(7, 9), ByteRange::Span(0, 2), ByteRange::Span(4, 5)})
               .Get()
               .OrDie();
       EXPECT_EQ(read.state, State::kValue);
       EXPECT_EQ(read.generation, generation);
       EXPECT_THAT(Texts(read), ::testing::ElementsAre("78", "01", "4"));
     }},
    {"RangesMayOverlapRepeatAndBeEmpty",
     [](const KvSubject& s) {
       s.Put("k", "0123456789");
       EXPECT_THAT(Ranges(s, "k",
                          {ByteRange::Span(2, 6), ByteRange::Span(4, 8), ByteRange::Span(4, 8),
                           ByteRange::Span(5, 5), ByteRange::Span(0, 10), ByteRange::Span(10, 10)}),
                   ::testing::ElementsAre("2345", "4567", "4567", "", "0123456789", ""));
     }},
    {"RangesOfAllForms",
     [](const KvSubject& s) {
       s.Put("k", "0123456789");
       EXPECT_THAT(Ranges(s, "k",
                          {ByteRange::Last(3), ByteRange::From(8), ByteRange::All(),
                           ByteRange::Stat(), ByteRange::Span(1, 2)}),
                   ::testing::ElementsAre("789", "89", "0123456789", "", "1"));
     }},
    {"NoRangesTellGenerationAndExistence",
     [](const KvSubject& s) {
       const Generation generation = s.Put("k", "0123456789");
       const ReadRangesResult read = s->ReadRanges("k", {}).Get().OrDie();
       EXPECT_EQ(read.state, State::kValue);
       EXPECT_EQ(read.generation, generation);
       EXPECT_TRUE(read.values.empty());
       EXPECT_EQ(s->ReadRanges("absent", {}).Get().OrDie().state, State::kMissing);
     }},
    {"RangesOfMissingKey",
     [](const KvSubject& s) {
       const ReadRangesResult read =
           s->ReadRanges("absent", {ByteRange::Span(0, 4), ByteRange::Last(2)}).Get().OrDie();
       EXPECT_EQ(read.state, State::kMissing);
       EXPECT_TRUE(read.generation.missing());
       EXPECT_TRUE(read.values.empty());
     }},
    {"OneRangeBeyondTheEndFailsAll",
     [](const KvSubject& s) {
       s.Put("k", "0123456789");
       const Status status =
           s->ReadRanges("k", {ByteRange::Span(0, 1), ByteRange::Span(8, 11)}).Get().status();
       EXPECT_EQ(status.code(), StatusCode::kOutOfRange);
       EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr(s->Describe("k")));
     }},
    {"RangesWithConditions",
     [](const KvSubject& s) {
       const Generation first = s.Put("k", "0123456789");
       const auto state = [&](const ReadOptions& options) {
         return s->ReadRanges("k", {ByteRange::Span(0, 1), ByteRange::Last(1)}, options)
             .Get()
             .OrDie()
             .state;
       };
       EXPECT_EQ(state({.if_equal = first}), State::kValue);
       EXPECT_EQ(state({.if_not_equal = first}), State::kConditionNotMet);
       s.Put("k", "abcdefghij");
       EXPECT_EQ(state({.if_equal = first}), State::kConditionNotMet);
       EXPECT_EQ(state({.if_not_equal = first}), State::kValue);
     }},
    {"MaxBytesCountsAllRanges",
     [](const KvSubject& s) {
       s.Put("k", "0123456789");
       const std::vector<ByteRange> ranges = {ByteRange::Span(0, 2), ByteRange::Span(8, 10)};
       EXPECT_TRUE(s->ReadRanges("k", ranges, {.max_bytes = 4}).Get().ok());
       const Status status = s->ReadRanges("k", ranges, {.max_bytes = 3}).Get().status();
       EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
       EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr(s->Describe("k")));
       EXPECT_EQ(s->ReadRanges("k", {ByteRange::All()}, {.max_bytes = 9}).Get().status().code(),
                 StatusCode::kResourceExhausted);
     }},
    {"ManyRangesNearAndFar",
     [](const KvSubject& s) {
       std::string value(400'000, '\0');
       for (size_t i = 0; i < value.size(); ++i) value[i] = static_cast<char>(i * 131 >> 5);
       s.Put("k", value);
       std::vector<ByteRange> ranges;
       std::vector<std::string> expected;
       for (int64_t i = 0; i < 500; ++i) {
         const int64_t begin = (i * 7919) % 399'000;
         const int64_t size = (i * 37) % 900;
         ranges.push_back(ByteRange::Span(begin, begin + size));
         expected.push_back(value.substr(static_cast<size_t>(begin), static_cast<size_t>(size)));
       }
       EXPECT_EQ(Ranges(s, "k", ranges), expected);
     }},
};

}  // namespace

std::span<const KvCase> KvReadManyCases() { return kCases; }

}  // namespace coffer::inline v0::testing
