// Goal: the methods of KvStore that are built on Read() never mix two values, and fetch nothing
// that they will refuse. Method: a store that changes its value with every read and tells what it
// was asked; with and without generations, at once and later.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "coffer/kvstore/answer.h"
#include "coffer/kvstore/kvstore.h"

namespace coffer {
namespace {

using ::testing::ElementsAre;

/// Ten characters, all the same: "0" and so many more as reads came before.
class RestlessStore final : public KvStore {
 public:
  Future<ReadResult> Read(std::string key, ReadOptions options) override {
    asked.push_back(options.range);
    max_bytes.push_back(options.max_bytes);
    const std::string digits(10, static_cast<char>('0' + (asked.size() - 1) % 70));
    Result<ReadResult> answer =
        key == "absent"
            ? AnswerMissing(options)
            : AnswerValue(Bytes::Copy(digits), replaced ? Generation{digits} : generation, options);
    if (!later) return Future<ReadResult>::Ready(std::move(answer));
    pending.emplace_back(Promise<ReadResult>(), std::move(answer));
    return pending.back().first.future();
  }
  Future<WriteResult> Write(std::string, std::optional<BytesChain>, WriteOptions) override {
    return Future<WriteResult>::Ready(WriteResult());
  }
  Capabilities capabilities() const override { return {}; }
  std::string Describe(std::string_view key) const override { return "r://" + std::string(key); }

  Generation generation = Generation::Unknown();
  bool replaced = false;  // Every value has a generation of its own.
  bool later = false;
  std::vector<ByteRange> asked;
  std::vector<int64_t> max_bytes;
  std::vector<std::pair<Promise<ReadResult>, Result<ReadResult>>> pending;
};

std::vector<std::string> Texts(const Result<ReadRangesResult>& read) {
  if (!read.ok()) return {read.status().ToString()};
  std::vector<std::string> texts;
  for (const Bytes& value : read->values) texts.emplace_back(value.text());
  return texts;
}

TEST(DefaultReadRanges, WithoutGenerationsIsOneFetch) {
  RestlessStore store;
  const auto read = [&](std::vector<ByteRange> ranges) {
    store.asked.clear();
    return Texts(store.ReadRanges("k", std::move(ranges)).Get());
  };
  EXPECT_THAT(read({ByteRange::Span(6, 8), ByteRange::Span(1, 2)}), ElementsAre("22", "2"));
  EXPECT_EQ(store.asked.back(), ByteRange::Span(1, 8));
  EXPECT_THAT(read({ByteRange::Span(1, 3), ByteRange::Last(1), ByteRange::From(8)}),
              ElementsAre("33", "3", "33"));
  EXPECT_EQ(store.asked.back(), ByteRange::All());
  EXPECT_THAT(read({ByteRange::Span(1, 3)}), ElementsAre("00"));
  EXPECT_EQ(store.asked.size(), 1u);
  EXPECT_THAT(read({ByteRange::Span(1, 3), ByteRange::Span(9, 11)}),
              ElementsAre("OutOfRange: bytes [9, 11) were asked for, but the value has 10"));
}

TEST(DefaultReadRanges, WithoutGenerationsAndLaterIsAborted) {
  RestlessStore store;
  store.later = true;
  const Future<ReadRangesResult> reading =
      store.ReadRanges("k", {ByteRange::Span(6, 8), ByteRange::Span(1, 2)});
  ASSERT_EQ(store.pending.size(), 2u);
  for (const auto& [promise, answer] : store.pending) promise.Set(answer);
  EXPECT_THAT(Texts(reading.Get()),
              ElementsAre("Aborted: r://k: its ranges may be of several values: no generation was "
                          "told"));
}

TEST(DefaultReadRanges, OfSeveralGenerationsAreAborted) {
  RestlessStore store;
  store.replaced = true;
  const std::vector<ByteRange> ranges = {ByteRange::Span(6, 8), ByteRange::Span(1, 2)};
  EXPECT_THAT(Texts(store.ReadRanges("k", ranges).Get()),
              ElementsAre("Aborted: r://k: replaced every time its ranges were read"));
  store.later = true;
  const Future<ReadRangesResult> reading = store.ReadRanges("k", ranges);
  for (const auto& [promise, answer] : store.pending) promise.Set(answer);
  EXPECT_THAT(Texts(reading.Get()),
              ElementsAre("Aborted: r://k: replaced while its ranges were read"));
}

TEST(DefaultReadRanges, WhatIsTooLongIsNotFetched) {
  RestlessStore store;
  store.generation = {"g"};
  const std::vector<ByteRange> ranges = {ByteRange::Span(0, 2), ByteRange::Last(3)};
  EXPECT_EQ(store.ReadRanges("k", ranges, {.max_bytes = 4}).Get().status().ToString(),
            "ResourceExhausted: r://k: the value has 5 bytes, but the reader takes at most 4");
  EXPECT_THAT(store.asked, ElementsAre(ByteRange::Stat()));
  EXPECT_EQ(store.ReadRanges("absent", ranges, {.max_bytes = 4}).Get().OrDie().state,
            ReadResult::State::kMissing);
  EXPECT_TRUE(store.ReadRanges("k", ranges, {.max_bytes = 5}).Get().ok());
  const std::vector<ByteRange> huge(3, ByteRange::Span(0, INT64_MAX));
  EXPECT_EQ(store.ReadRanges("k", huge, {.max_bytes = 4}).Get().status().code(),
            StatusCode::kResourceExhausted);
}

TEST(DefaultReadInto, ALongerValueIsNotFetched) {
  RestlessStore store;
  std::byte memory[4];
  EXPECT_EQ(store.ReadInto("k", memory).Get().status().ToString(),
            "OutOfRange: r://k: the range has more bytes than the destination, which has 4");
  EXPECT_EQ(store.ReadInto("k", memory, {.max_bytes = 3}).Get().status().code(),
            StatusCode::kResourceExhausted);
  EXPECT_TRUE(
      store.ReadInto("k", memory, {.range = ByteRange::Last(4), .max_bytes = 9}).Get().ok());
  EXPECT_THAT(store.max_bytes, ElementsAre(4, 3, 4));
}

}  // namespace
}  // namespace coffer
