// Goal: a cache store moves no byte twice while it keeps it, gives no value that its base does not
// have (or, with fresh_for, had that long ago), brings nothing back that a change has replaced, and
// stays within its limit.
// Method: a memory store behind a gate that counts what it is asked and holds answers or effects
// back; a clock that is set by hand; random reads against a model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <random>

#include "coffer/kvstore/adapters.h"
#include "coffer/kvstore/stores.h"

namespace coffer {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using State = ReadResult::State;

/// A store in memory that holds back what it is told to, and tells what it was asked.
class GateStore final : public KvStore {
 public:
  enum class Mode { kOpen, kAnswerLater, kDoLater };
  explicit GateStore(KvStorePtr base) : base_(std::move(base)) {}

  Future<ReadResult> Read(std::string key, ReadOptions options) override {
    return Through<ReadResult>("Read " + key,
                               [base = base_, key, options] { return base->Read(key, options); });
  }
  Future<WriteResult> Write(std::string key, std::optional<BytesChain> value,
                            WriteOptions options) override {
    return Through<WriteResult>("Write " + key, [base = base_, key, value, options] {
      return base->Write(key, value, options);
    });
  }
  Result<std::unique_ptr<KvListing>> List(ListOptions options) override {
    return base_->List(std::move(options));
  }
  Future<void> DeleteRange(KeyRange range) override {
    return Through<void>("DeleteRange", [base = base_, range] { return base->DeleteRange(range); });
  }
  Future<void> RenamePrefix(std::string from, std::string to) override {
    return Through<void>("RenamePrefix",
                         [base = base_, from, to] { return base->RenamePrefix(from, to); });
  }
  Capabilities capabilities() const override { return base_->capabilities(); }
  std::string Describe(std::string_view key) const override { return base_->Describe(key); }

  /// Lets what waits at this place, from the oldest, go on.
  void Release(size_t place = 0) {
    const auto go = waiting_[place];
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(place));
    go();
  }
  size_t waiting() const { return waiting_.size(); }

  Mode mode = Mode::kOpen;
  std::vector<std::string> asked;

 private:
  template <class T>
  Future<T> Through(std::string what, std::function<Future<T>()> run) {
    asked.push_back(std::move(what));
    if (mode == Mode::kOpen) return run();
    Promise<T> promise;
    if (mode == Mode::kAnswerLater) run = [done = run()] { return done; };
    waiting_.push_back([promise, run] {
      run().OnReady([promise](const ResultOf<T>& result) { promise.Set(result); });
    });
    return promise.future();
  }

  const KvStorePtr base_;
  std::deque<std::function<void()>> waiting_;
};

class CacheTest : public ::testing::Test {
 protected:
  using Mode = GateStore::Mode;

  KvStorePtr Make(const CacheOptions& options = {}) {
    return MakeCacheStore(gate_, options, context_);
  }
  KvStorePtr MakeFresh(milliseconds fresh_for = std::chrono::hours(1)) {
    return Make({.fresh_for = fresh_for});
  }
  static Generation Put(KvStore& store, const std::string& key, std::string_view text) {
    return store.Write(key, Bytes::Copy(text)).Get().OrDie().generation;
  }
  static std::string Text(const Result<ReadResult>& read) {
    if (!read.ok()) return read.status().ToString();
    if (read->state == State::kMissing) return "(missing)";
    if (read->state == State::kConditionNotMet) return "(not met)";
    return std::string(read->value.text());
  }
  static std::string Get(KvStore& store, const std::string& key, const ReadOptions& options = {}) {
    return Text(store.Read(key, options).Get());
  }
  /// How the reads since the last call were answered: "hits revalidated misses".
  std::string Counted() {
    const std::string counted = std::to_string(stats_.hits.exchange(0)) + " " +
                                std::to_string(stats_.revalidated.exchange(0)) + " " +
                                std::to_string(stats_.misses.exchange(0));
    return counted;
  }
  /// How many bytes the base has given since the last call.
  int64_t Moved() { return context_.stats().bytes_read.exchange(0); }
  static std::string Counting(size_t size) {
    std::string text(size, '\0');
    for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 131 >> 3);
    return text;
  }

  std::chrono::steady_clock::time_point now_{std::chrono::hours(1)};
  const Context context_ = Context::Create({.threads = 1, .clock = [this] { return now_; }});
  CacheStats& stats_ = context_.Get<CacheStats>();
  const KvStorePtr behind_ = MakeMemoryStore("m", context_);
  const std::shared_ptr<GateStore> gate_ = std::make_shared<GateStore>(behind_);
};

TEST_F(CacheTest, AnUnchangedValueIsAskedForAndNotFetched) {
  const Generation generation = Put(*behind_, "k", "hello");
  const KvStorePtr store = Make();
  EXPECT_EQ(Get(*store, "k"), "hello");
  EXPECT_EQ(Moved(), 5);
  const ReadResult again = store->Read("k").Get().OrDie();
  EXPECT_EQ(again.value.text(), "hello");
  EXPECT_EQ(again.generation, generation);
  EXPECT_EQ(again.total_size, 5);
  EXPECT_EQ(Moved(), 0);
  EXPECT_EQ(Counted(), "0 1 1");
  EXPECT_EQ(stats_.bytes, 5);
  EXPECT_THAT(gate_->asked, ElementsAre("Read k", "Read k"));
}

TEST_F(CacheTest, WhatOthersWriteIsSeenAtOnce) {
  const KvStorePtr store = Make();
  Put(*behind_, "k", "one");
  EXPECT_EQ(Get(*store, "k"), "one");
  Put(*behind_, "k", "two");
  EXPECT_EQ(Get(*store, "k"), "two");
  EXPECT_EQ(Get(*store, "k"), "two");
  EXPECT_EQ(Counted(), "0 1 2");
  behind_->Write("k", std::nullopt).Get().OrDie();
  EXPECT_EQ(Get(*store, "k"), "(missing)");
  EXPECT_EQ(stats_.held_bytes, 0);
  Put(*behind_, "k", "three");
  EXPECT_EQ(Get(*store, "k"), "three");
}

TEST_F(CacheTest, ARangeAnswersWhatLiesWithinIt) {
  const std::string text = Counting(1000);
  Put(*behind_, "k", text);
  const KvStorePtr store = Make();
  const auto range = [&](ByteRange asked) { return Get(*store, "k", {.range = asked}); };
  EXPECT_EQ(range(ByteRange::Span(100, 300)), text.substr(100, 200));
  EXPECT_EQ(range(ByteRange::Last(50)), text.substr(950));
  EXPECT_EQ(Counted(), "0 0 2");
  EXPECT_EQ(Moved(), 250);
  EXPECT_EQ(range(ByteRange::Span(100, 300)), text.substr(100, 200));
  EXPECT_EQ(range(ByteRange::Span(150, 200)), text.substr(150, 50));
  EXPECT_EQ(range(ByteRange::Span(299, 300)), text.substr(299, 1));
  EXPECT_EQ(range(ByteRange::Last(50)), text.substr(950));
  EXPECT_EQ(range(ByteRange::Last(1)), text.substr(999));
  EXPECT_EQ(range(ByteRange::From(960)), text.substr(960));
  EXPECT_EQ(range(ByteRange::Span(960, 970)), text.substr(960, 10));
  EXPECT_EQ(range(ByteRange::Stat()), "");
  EXPECT_EQ(Counted(), "0 8 0");
  EXPECT_EQ(Moved(), 0);
  // What is not within one piece is fetched.
  EXPECT_EQ(range(ByteRange::Span(99, 300)), text.substr(99, 201));
  EXPECT_EQ(range(ByteRange::Span(299, 301)), text.substr(299, 2));
  EXPECT_EQ(range(ByteRange::Last(51)), text.substr(949));
  EXPECT_EQ(range(ByteRange::All()), text);
  EXPECT_EQ(Counted(), "0 0 4");
  EXPECT_EQ(range(ByteRange::Span(0, 500)), text.substr(0, 500));
  EXPECT_EQ(Counted(), "0 1 0");
}

TEST_F(CacheTest, OfPiecesThatOverlapTheNewerStays) {
  Put(*behind_, "k", "0123456789");
  const KvStorePtr store = Make();
  const auto range = [&](int64_t begin, int64_t end) {
    return Get(*store, "k", {.range = ByteRange::Span(begin, end)});
  };
  EXPECT_EQ(range(0, 2), "01");
  EXPECT_EQ(range(2, 5), "234");
  EXPECT_EQ(range(6, 9), "678");
  EXPECT_EQ(range(4, 7), "456");
  EXPECT_EQ(Counted(), "0 0 4");
  EXPECT_EQ(range(0, 2), "01");
  EXPECT_EQ(range(4, 7), "456");
  EXPECT_EQ(Counted(), "0 2 0");
  EXPECT_EQ(range(2, 5), "234");
  EXPECT_EQ(range(6, 9), "678");
  EXPECT_EQ(Counted(), "0 0 2");
}

TEST_F(CacheTest, ErrorsOfRangesAndLimitsAreTheBases) {
  Put(*behind_, "k", "hello");
  for (const KvStorePtr& store : {Make(), MakeFresh()}) {
    EXPECT_EQ(Get(*store, "k"), "hello");
    for (const ReadOptions& options :
         {ReadOptions{.range = ByteRange::Span(2, 6)}, ReadOptions{.range = ByteRange::Span(3, 2)},
          ReadOptions{.max_bytes = 4}}) {
      EXPECT_EQ(Get(*store, "k", options), Get(*behind_, "k", options));
    }
    EXPECT_EQ(Get(*store, "k", {.range = ByteRange::Last(2), .max_bytes = 2}), "lo");
  }
}

TEST_F(CacheTest, ReadIntoFillsTheDestinationFromMemory) {
  Put(*behind_, "k", "hello");
  const KvStorePtr store = Make();
  std::string memory = ".....";
  const std::span<std::byte> all(reinterpret_cast<std::byte*>(memory.data()), 5);
  store->ReadInto("k", all).Get().OrDie();
  EXPECT_EQ(memory, "hello");
  EXPECT_EQ(Moved(), 5);
  memory = ".....";
  const ReadResult read = store->ReadInto("k", all).Get().OrDie();
  EXPECT_EQ(memory, "hello");
  EXPECT_EQ(read.value.size(), 0u);
  EXPECT_EQ(read.total_size, 5);
  store->ReadInto("k", all.first(3), {.range = ByteRange::Span(1, 4)}).Get().OrDie();
  EXPECT_EQ(memory, "elllo");
  EXPECT_EQ(Moved(), 0);
  EXPECT_EQ(Counted(), "0 2 1");
  EXPECT_EQ(store->ReadInto("k", all.first(4)).Get().status().code(), StatusCode::kOutOfRange);
  Put(*behind_, "k", "world");
  store->ReadInto("k", all).Get().OrDie();
  EXPECT_EQ(memory, "world");
}

TEST_F(CacheTest, ManyRangesComeFromMemoryIfAllAreKept) {
  const Generation generation = Put(*behind_, "k", "0123456789");
  const KvStorePtr store = Make();
  const std::vector<ByteRange> ranges = {ByteRange::Span(7, 9), ByteRange::Span(0, 2)};
  const auto texts = [&](const std::vector<ByteRange>& asked, const ReadOptions& options = {}) {
    const ReadRangesResult read = store->ReadRanges("k", asked, options).Get().OrDie();
    std::vector<std::string> values;
    for (const Bytes& value : read.values) values.emplace_back(value.text());
    return values;
  };
  EXPECT_THAT(texts(ranges), ElementsAre("78", "01"));
  EXPECT_EQ(Counted(), "0 0 1");
  Moved();
  EXPECT_THAT(texts({ByteRange::Span(1, 2), ByteRange::Span(7, 8)}), ElementsAre("1", "7"));
  EXPECT_THAT(texts(ranges, {.if_equal = generation}), ElementsAre("78", "01"));
  EXPECT_EQ(store->ReadRanges("k", ranges, {.if_not_equal = generation}).Get().OrDie().state,
            State::kConditionNotMet);
  EXPECT_EQ(Counted(), "0 2 1");
  EXPECT_EQ(Moved(), 0);
  EXPECT_THAT(texts({ByteRange::Span(1, 2), ByteRange::Span(3, 4)}), ElementsAre("1", "3"));
  EXPECT_EQ(store->ReadRanges("k", ranges, {.max_bytes = 3}).Get().status().code(),
            StatusCode::kResourceExhausted);
  Put(*behind_, "k", "abcdefghij");
  EXPECT_EQ(store->ReadRanges("k", ranges, {.if_equal = generation}).Get().OrDie().state,
            State::kConditionNotMet);
  EXPECT_THAT(texts(ranges), ElementsAre("hi", "ab"));
}

TEST_F(CacheTest, ConditionsAreTheBasesToDecide) {
  const Generation first = Put(*behind_, "k", "one");
  const KvStorePtr store = Make();
  EXPECT_EQ(Get(*store, "k", {.if_equal = first}), "one");
  Moved();
  EXPECT_EQ(Get(*store, "k", {.if_equal = first}), "one");
  EXPECT_EQ(Get(*store, "k", {.range = ByteRange::Last(2), .if_equal = first}), "ne");
  EXPECT_EQ(Get(*store, "k", {.if_not_equal = first}), "(not met)");
  EXPECT_EQ(Get(*store, "k", {.if_equal = Generation::Missing()}), "(not met)");
  EXPECT_EQ(Moved(), 0);
  const Generation second = Put(*behind_, "k", "two");
  EXPECT_EQ(Get(*store, "k", {.if_equal = first}), "(not met)");
  EXPECT_EQ(Get(*store, "k", {.if_equal = second}), "two");
  EXPECT_EQ(Get(*store, "k", {.if_not_equal = first}), "two");
  EXPECT_EQ(Get(*store, "k", {.if_equal = second, .if_not_equal = first}), "two");
  EXPECT_EQ(Get(*store, "k", {.if_equal = first, .if_not_equal = second}), "(not met)");
  EXPECT_EQ(Get(*store, "absent", {.if_equal = first}), "(not met)");
}

TEST_F(CacheTest, FreshAnswersNeedNoRequest) {
  const Generation first = Put(*behind_, "k", "one");
  const KvStorePtr store = MakeFresh(milliseconds(100));
  EXPECT_EQ(Get(*store, "k"), "one");
  gate_->asked.clear();
  Put(*behind_, "k", "two");
  now_ += milliseconds(99);
  EXPECT_EQ(Get(*store, "k"), "one");
  EXPECT_EQ(Get(*store, "k", {.range = ByteRange::Last(2), .if_equal = first}), "ne");
  EXPECT_EQ(Get(*store, "k", {.if_not_equal = first}), "(not met)");
  EXPECT_EQ(Get(*store, "k", {.if_equal = {"another"}}), "(not met)");
  EXPECT_EQ(store->ReadRanges("k", {ByteRange::Span(0, 1)}).Get().OrDie().values[0].text(), "o");
  EXPECT_EQ(store->ReadRanges("k", {}, {.if_not_equal = first}).Get().OrDie().state,
            State::kConditionNotMet);
  EXPECT_EQ(Counted(), "6 0 1");
  EXPECT_TRUE(gate_->asked.empty());
  now_ += milliseconds(1);
  EXPECT_EQ(Get(*store, "k"), "two");
  EXPECT_EQ(Counted(), "0 0 1");
}

TEST_F(CacheTest, AnAnswerIsAsOldAsItsQuestion) {
  Put(*behind_, "k", "one");
  const KvStorePtr store = MakeFresh(milliseconds(100));
  gate_->mode = Mode::kAnswerLater;
  const Future<ReadResult> reading = store->Read("k");
  now_ += milliseconds(60);
  gate_->Release();
  gate_->mode = Mode::kOpen;
  EXPECT_EQ(Text(reading.Get()), "one");
  now_ += milliseconds(39);
  EXPECT_EQ(Get(*store, "k"), "one");
  EXPECT_EQ(Counted(), "1 0 1");
  now_ += milliseconds(1);
  EXPECT_EQ(Get(*store, "k"), "one");
  EXPECT_EQ(Counted(), "0 1 0");
  now_ += milliseconds(99);  // Asked again, it is young again.
  EXPECT_EQ(Get(*store, "k"), "one");
  EXPECT_EQ(Counted(), "1 0 0");
}

TEST_F(CacheTest, ThatAKeyIsMissingIsRememberedWhileFreshOnly) {
  const KvStorePtr exact = Make();
  EXPECT_EQ(Get(*exact, "k"), "(missing)");
  EXPECT_EQ(stats_.held_bytes, 0);
  const KvStorePtr store = MakeFresh(milliseconds(100));
  EXPECT_EQ(Get(*store, "k"), "(missing)");
  EXPECT_GT(stats_.held_bytes, 0);
  Put(*behind_, "k", "one");
  Counted();
  EXPECT_EQ(Get(*store, "k"), "(missing)");
  EXPECT_EQ(Get(*store, "k", {.range = ByteRange::Stat()}), "(missing)");
  EXPECT_EQ(Get(*store, "k", {.if_equal = {"another"}}), "(not met)");
  EXPECT_EQ(store->ReadRanges("k", {ByteRange::Span(0, 1)}).Get().OrDie().state, State::kMissing);
  EXPECT_EQ(Counted(), "4 0 0");
  now_ += milliseconds(100);
  EXPECT_EQ(Get(*store, "k"), "one");
}

TEST_F(CacheTest, ACancelledReadIsCancelledEvenIfItIsFresh) {
  Put(*behind_, "k", "one");
  const KvStorePtr store = MakeFresh();
  EXPECT_EQ(Get(*store, "k"), "one");
  const CancelSource source;
  source.Cancel();
  EXPECT_EQ(Get(*store, "k", {.cancel = source.token()}), "Cancelled: memory://m/k: read");
  EXPECT_EQ(store->ReadRanges("k", {}, {.cancel = source.token()}).Get().status().code(),
            StatusCode::kCancelled);
}

TEST_F(CacheTest, PendingAnswersComeAtOnceWhenTheBaseIsDestroyed) {
  KvStorePtr slow = MakeLatencyStore(behind_, {.per_request = std::chrono::hours(1)});
  KvStorePtr store = MakeCacheStore(slow, {}, context_);
  const Future<ReadResult> reading = store->Read("k");
  const Future<ReadResult> cancelled = store->Read("k");
  const Future<WriteResult> writing = store->Write("k", Bytes::Copy("v"));
  cancelled.Cancel();
  writing.Cancel();
  store.reset();
  slow.reset();
  EXPECT_EQ(Text(reading.Get()), "(missing)");
  EXPECT_EQ(cancelled.Get().status().code(), StatusCode::kCancelled);
  EXPECT_EQ(writing.Get().status().code(), StatusCode::kCancelled);
}

/// A way to change the value of a key.
struct Change {
  std::string name;
  std::string key;  // What is read.
  std::function<Future<void>(KvStore&)> start;
  std::string before, after;
};

template <class T>
Future<void> Outcome(const Future<T>& future) {
  return future.Then([](const Result<T>& result) { return result.status(); });
}

std::vector<Change> Changes() {
  return {
      {"write", "a/k", [](KvStore& s) { return Outcome(s.Write("a/k", Bytes::Copy("new"))); },
       "old", "new"},
      {"large write", "a/k",
       [](KvStore& s) { return Outcome(s.Write("a/k", Bytes::Copy(std::string(70'000, 'n')))); },
       "old", std::string(70'000, 'n')},
      {"delete", "a/k", [](KvStore& s) { return Outcome(s.Write("a/k", std::nullopt)); }, "old",
       "(missing)"},
      {"commit", "a/k",
       [](KvStore& s) {
         auto writer = s.OpenWriter("a/k").OrDie();
         writer->Append(AsBytes("new")).OrDie();
         return Outcome(writer->Commit());
       },
       "old", "new"},
      {"delete range", "a/k", [](KvStore& s) { return s.DeleteRange(KeyRange::Prefix("a/")); },
       "old", "(missing)"},
      {"rename from", "a/k", [](KvStore& s) { return s.RenamePrefix("a/", "b/"); }, "old",
       "(missing)"},
      {"rename to", "b/k", [](KvStore& s) { return s.RenamePrefix("a/", "b/"); }, "(missing)",
       "old"}};
}

TEST_F(CacheTest, OwnChangesAreSeenAtOnceHoweverFreshTheOldValueIs) {
  for (const Change& change : Changes()) {
    SCOPED_TRACE(change.name);
    behind_->DeleteRange({}).Get().OrDie();
    Put(*behind_, "a/k", "old");
    const KvStorePtr store = MakeFresh();
    EXPECT_EQ(Get(*store, change.key), change.before);
    EXPECT_EQ(Get(*store, change.key), change.before);
    ASSERT_TRUE(change.start(*store).Get().ok());
    EXPECT_EQ(Get(*store, change.key), change.after);
  }
}

TEST_F(CacheTest, AReadThatBeganBeforeAChangeBringsNothingBack) {
  for (const Change& change : Changes()) {
    SCOPED_TRACE(change.name);
    behind_->DeleteRange({}).Get().OrDie();
    Put(*behind_, "a/k", "old");
    const KvStorePtr store = MakeFresh();
    gate_->mode = Mode::kAnswerLater;
    const Future<ReadResult> reading = store->Read(change.key);
    gate_->mode = Mode::kOpen;
    ASSERT_TRUE(change.start(*store).Get().ok());
    gate_->Release();
    EXPECT_EQ(Text(reading.Get()), change.before);
    EXPECT_EQ(Get(*store, change.key), change.after);
  }
}

TEST_F(CacheTest, AReadDuringAChangeLeavesNothingThatOutlivesIt) {
  for (const Change& change : Changes()) {
    SCOPED_TRACE(change.name);
    behind_->DeleteRange({}).Get().OrDie();
    Put(*behind_, "a/k", "old");
    const KvStorePtr store = MakeFresh();
    gate_->mode = Mode::kDoLater;
    const Future<void> changing = change.start(*store);
    gate_->mode = Mode::kOpen;
    EXPECT_EQ(Get(*store, change.key), change.before);
    Counted();
    EXPECT_EQ(Get(*store, change.key), change.before);
    EXPECT_EQ(Counted(), "0 0 1");  // Not even meanwhile is it kept.
    // One that is under way when the change ends.
    gate_->mode = Mode::kAnswerLater;
    const Future<ReadResult> reading = store->Read(change.key);
    gate_->mode = Mode::kOpen;
    gate_->Release(0);
    ASSERT_TRUE(changing.Get().ok());
    gate_->Release(0);
    EXPECT_EQ(Text(reading.Get()), change.before);
    EXPECT_EQ(Get(*store, change.key), change.after);
  }
}

TEST_F(CacheTest, OfWritesThatOverlapNoneIsKept) {
  const KvStorePtr store = MakeFresh();
  gate_->mode = Mode::kDoLater;
  const Future<WriteResult> one = store->Write("k", Bytes::Copy("one"));
  const Future<WriteResult> two = store->Write("k", Bytes::Copy("two"));
  gate_->mode = Mode::kOpen;
  gate_->Release(1);  // The second first.
  EXPECT_TRUE(two.Get().ok());
  EXPECT_EQ(Get(*store, "k"), "two");
  gate_->Release(0);
  EXPECT_TRUE(one.Get().ok());
  Counted();
  EXPECT_EQ(Get(*store, "k"), "one");
  EXPECT_EQ(Counted(), "0 0 1");
  // Done first, answered last.
  gate_->mode = Mode::kAnswerLater;
  const Future<WriteResult> three = store->Write("k", Bytes::Copy("three"));
  gate_->mode = Mode::kOpen;
  Put(*store, "k", "four");
  gate_->Release();
  EXPECT_TRUE(three.Get().ok());
  EXPECT_EQ(Get(*store, "k"), "four");
}

TEST_F(CacheTest, AWriteThatEndsBesideASweepIsNotKept) {
  const KvStorePtr store = MakeFresh();
  gate_->mode = Mode::kDoLater;
  const Future<void> deleting = store->DeleteRange(KeyRange::Prefix("a/"));
  gate_->mode = Mode::kOpen;
  Put(*store, "a/k", "one");
  Put(*store, "b/k", "one");
  EXPECT_EQ(Get(*store, "a/k"), "one");
  EXPECT_EQ(Get(*store, "b/k"), "one");
  EXPECT_EQ(Counted(), "1 0 1");
  gate_->Release();
  EXPECT_TRUE(deleting.Get().ok());
  EXPECT_EQ(Get(*store, "a/k"), "(missing)");
  EXPECT_EQ(Get(*store, "b/k"), "one");
}

TEST_F(CacheTest, OfTwoAnswersTheOneThatWasAskedForLaterIsKept) {
  const KvStorePtr store = MakeFresh();
  Put(*behind_, "k", "one");
  gate_->mode = Mode::kAnswerLater;
  const Future<ReadResult> early = store->Read("k");
  gate_->mode = Mode::kOpen;
  Put(*behind_, "k", "two");  // By somebody else.
  EXPECT_EQ(Get(*store, "k"), "two");
  gate_->Release();
  EXPECT_EQ(Text(early.Get()), "one");
  EXPECT_EQ(Get(*store, "k"), "two");
  EXPECT_EQ(Counted(), "1 0 2");
}

TEST_F(CacheTest, AWriteThatFailedOrWasNotMetLeavesNothing) {
  const auto faults = MakeFaultStore(behind_);
  const KvStorePtr store = MakeCacheStore(faults, {.fresh_for = std::chrono::hours(1)}, context_);
  Put(*store, "k", "one");
  EXPECT_EQ(Get(*store, "k"), "one");
  EXPECT_EQ(Counted(), "1 0 0");
  // It happened, and nobody was told.
  faults->Inject({.operation = KvOperation::kWrite, .after = true});
  EXPECT_FALSE(store->Write("k", Bytes::Copy("two")).Get().ok());
  EXPECT_EQ(stats_.held_bytes, 0);
  EXPECT_EQ(Get(*store, "k"), "two");
  Put(*behind_, "k", "three");
  EXPECT_EQ(Get(*store, "k"), "two");
  EXPECT_EQ(store->Write("k", Bytes::Copy("four"), {.if_equal = {"another"}}).Get().OrDie().state,
            WriteResult::State::kConditionNotMet);
  EXPECT_EQ(stats_.held_bytes, 0);
  EXPECT_EQ(Get(*store, "k"), "three");
  EXPECT_EQ(store->Write("k", std::nullopt, {.if_equal = {"another"}}).Get().OrDie().state,
            WriteResult::State::kConditionNotMet);
  EXPECT_EQ(Get(*store, "k"), "three");
}

TEST_F(CacheTest, SmallValuesAreKeptAsTheyAreWritten) {
  const KvStorePtr store = Make();
  std::string mine = "mine";
  gate_->mode = Mode::kAnswerLater;
  const Future<WriteResult> writing = store->Write("k", Bytes::Unowned(AsBytes(mine)));
  mine = "junk";  // The memory store has taken it.
  gate_->mode = Mode::kOpen;
  gate_->Release();
  const Generation generation = writing.Get()->generation;
  const ReadResult read = store->Read("k").Get().OrDie();
  EXPECT_EQ(read.value.text(), "mine");
  EXPECT_EQ(read.generation, generation);
  EXPECT_EQ(Counted(), "0 1 0");
  Put(*store, "large", std::string((64 << 10) + 1, 'x'));
  Get(*store, "large");
  EXPECT_EQ(Counted(), "0 0 1");
}

TEST_F(CacheTest, TheLeastRecentlyUsedPieceGoesFirst) {
  for (const char* key : {"a", "b", "c", "d"}) Put(*behind_, key, std::string(1000, *key));
  int64_t one = 0;
  {
    const KvStorePtr store = Make();
    Get(*store, "a");
    one = stats_.held_bytes;
  }
  EXPECT_EQ(stats_.held_bytes, 0);
  EXPECT_GT(one, 1000);
  EXPECT_LT(one, 2000);
  // Generations have as many digits as they have.
  const KvStorePtr store = Make({.limit_bytes = 3 * one + 50, .fresh_for = std::chrono::hours(1)});
  for (const char* key : {"a", "b", "c", "a", "d"}) Get(*store, key);
  EXPECT_LE(stats_.held_bytes, 3 * one + 50);
  EXPECT_GT(stats_.held_bytes, 3 * one - 50);
  Counted();
  for (const char* key : {"a", "c", "d"}) EXPECT_EQ(Get(*store, key), std::string(1000, *key));
  EXPECT_EQ(Counted(), "3 0 0");
  EXPECT_EQ(Get(*store, "b"), std::string(1000, 'b'));
  EXPECT_EQ(Counted(), "0 0 1");
  Get(*store, "a");
  EXPECT_EQ(Counted(), "0 0 1");
}

TEST_F(CacheTest, PiecesOfOneKeyGoOneByOne) {
  const std::string text = Counting(100'000);
  Put(*behind_, "shard", text);
  const KvStorePtr store = Make({.limit_bytes = 30'000, .fresh_for = std::chrono::hours(1)});
  const auto chunk = [&](int64_t i) {
    EXPECT_EQ(Get(*store, "shard", {.range = ByteRange::Span(i * 8000, i * 8000 + 8000)}),
              text.substr(static_cast<size_t>(i) * 8000, 8000));
  };
  for (const int64_t i : {0, 1, 2, 0, 3}) chunk(i);
  EXPECT_EQ(Counted(), "1 0 4");
  for (const int64_t i : {0, 2, 3}) chunk(i);
  EXPECT_EQ(Counted(), "3 0 0");
  chunk(1);
  EXPECT_EQ(Counted(), "0 0 1");
}

TEST_F(CacheTest, KeysCount) {
  const KvStorePtr store = Make();
  const std::string key(5000, 'k');
  Put(*behind_, key, "v");
  Get(*store, key);
  EXPECT_GT(stats_.held_bytes, 5000);
  const KvStorePtr tiny = Make({.limit_bytes = 5000});
  const int64_t before = stats_.held_bytes;
  Get(*tiny, key);
  EXPECT_EQ(stats_.held_bytes, before);
}

TEST_F(CacheTest, WhatIsTooLargeIsNotKept) {
  Put(*behind_, "k", std::string(5000, 'x'));
  const KvStorePtr store = Make({.value_max_bytes = 4000});
  Get(*store, "k", {.range = ByteRange::Span(0, 4000)});
  const int64_t held = stats_.held_bytes;
  EXPECT_GT(held, 4000);
  Get(*store, "k");
  EXPECT_EQ(stats_.held_bytes, held);
  const KvStorePtr none = Make({.limit_bytes = -1});
  EXPECT_EQ(Get(*none, "k").size(), 5000u);
  EXPECT_EQ(stats_.held_bytes, held);
}

TEST_F(CacheTest, RandomReadsAreRightAndWithinTheLimit) {
  constexpr int64_t kLimit = 20'000;
  const KvStorePtr store = Make({.limit_bytes = kLimit});
  std::mt19937_64 random(7);
  std::map<std::string, std::string> model;
  const auto below = [&](size_t n) { return static_cast<int64_t>(random() % n); };
  for (int i = 0; i < 20'000; ++i) {
    const std::string key = "k" + std::to_string(below(12));
    std::string& text = model[key];
    if (text.empty() || below(40) == 0) {
      text = Counting(static_cast<size_t>(below(3000)) + 1) + std::to_string(i);
      Put(below(2) == 0 ? *store : *behind_, key, text);
    }
    const auto size = static_cast<int64_t>(text.size());
    const int64_t begin = below(text.size());
    const int64_t end = begin + below(static_cast<size_t>(size - begin) + 1);
    const ByteRange ranges[] = {ByteRange::Span(begin, end), ByteRange::From(begin),
                                ByteRange::Last(size - begin), ByteRange::All()};
    const auto kind = static_cast<size_t>(below(4));
    const Result<ByteRange> place = ranges[kind].Resolve(size);
    ASSERT_EQ(Get(*store, key, {.range = ranges[kind]}),
              text.substr(static_cast<size_t>(place->begin),
                          static_cast<size_t>(place->end - place->begin)));
    ASSERT_LE(stats_.held_bytes, kLimit);
  }
  EXPECT_GT(stats_.revalidated, 3000);
  EXPECT_GT(stats_.misses, 3000);
  for (const auto& [key, text] : model) store->Write(key, std::nullopt).Get().OrDie();
  EXPECT_EQ(stats_.held_bytes, 0);
}

/// Gives ranges of one large buffer, of a generation that it is told.
class BufferStore final : public KvStore {
 public:
  Future<ReadResult> Read(std::string, ReadOptions options) override {
    ReadResult read;
    read.generation = generation;
    read.state = State::kValue;
    const Bytes all(buffer, AsBytes(*buffer));
    const ByteRange range = options.range.Resolve(static_cast<int64_t>(all.size())).OrDie();
    read.value =
        all.Slice(static_cast<size_t>(range.begin), static_cast<size_t>(range.end - range.begin));
    if (options.if_not_equal.known() && holds_back)
      read = {State::kConditionNotMet, {}, generation};
    return Future<ReadResult>::Ready(read);
  }
  Future<WriteResult> Write(std::string, std::optional<BytesChain>, WriteOptions) override {
    return Future<WriteResult>::Ready(UnimplementedError("read only"));
  }
  Capabilities capabilities() const override { return {.writable = false}; }
  std::string Describe(std::string_view key) const override { return "b/" + std::string(key); }

  std::shared_ptr<const std::string> buffer =
      std::make_shared<const std::string>(size_t{1} << 20, 'x');
  Generation generation = {"g"};
  bool holds_back = true;
};

TEST_F(CacheTest, APieceOwnsWhatItIsChargedFor) {
  const auto base = std::make_shared<BufferStore>();
  const KvStorePtr store = MakeCacheStore(base, {}, context_);
  EXPECT_EQ(Get(*store, "k", {.range = ByteRange::Span(5, 15)}), "xxxxxxxxxx");
  EXPECT_LT(stats_.held_bytes, 2000);
  EXPECT_EQ(base->buffer.use_count(), 1);
  EXPECT_EQ(Get(*store, "k", {.range = ByteRange::Span(6, 8)}), "xx");
  EXPECT_EQ(Counted(), "0 1 1");
  EXPECT_EQ(base->buffer.use_count(), 1);
}

TEST_F(CacheTest, WithoutTheSizeOnlySpansCanBePlaced) {
  const auto base = std::make_shared<BufferStore>();  // Tells no size.
  const KvStorePtr store = MakeCacheStore(base, {}, context_);
  const auto read = [&](ByteRange range) { return Get(*store, "k", {.range = range}).size(); };
  EXPECT_EQ(read(ByteRange::Last(10)), 10u);
  EXPECT_EQ(stats_.held_bytes, 0);
  EXPECT_EQ(read(ByteRange::Span(10, 30)), 20u);
  EXPECT_EQ(read(ByteRange::Span(10, 30)), 20u);
  EXPECT_EQ(read(ByteRange::Last(10)), 10u);
  EXPECT_EQ(Counted(), "0 1 3");
  EXPECT_EQ(read(ByteRange::All()), size_t{1} << 20);  // Tells it.
  EXPECT_EQ(read(ByteRange::Last(10)), 10u);
  EXPECT_EQ(Counted(), "0 1 1");
}

TEST_F(CacheTest, OfAStoreThatTellsNoGenerationsNothingIsKept) {
  const auto base = std::make_shared<BufferStore>();
  base->generation = Generation::Unknown();
  const KvStorePtr store = MakeCacheStore(base, {.fresh_for = std::chrono::hours(1)}, context_);
  EXPECT_EQ(Get(*store, "k").size(), size_t{1} << 20);
  EXPECT_EQ(Get(*store, "k").size(), size_t{1} << 20);
  EXPECT_EQ(Counted(), "0 0 2");
  EXPECT_EQ(stats_.held_bytes, 0);
}

TEST_F(CacheTest, AStoreThatContradictsItselfIsNotBelieved) {
  const auto base = std::make_shared<BufferStore>();
  const KvStorePtr store = MakeCacheStore(base, {}, context_);
  Get(*store, "k");
  base->generation = {"h"};
  EXPECT_EQ(Get(*store, "k"),
            "Internal: b/k: asked for generation \"g\", the store says that this is the value's, "
            "and that \"h\" is");
  // One that does not know of conditions gives the value.
  base->holds_back = false;
  EXPECT_EQ(Get(*store, "k").size(), size_t{1} << 20);
}

TEST_F(CacheTest, IsAsLocalAsItsBase) {
  EXPECT_TRUE(Make()->capabilities().local);
  EXPECT_TRUE(Make()->Read("k").ready());
  const KvStorePtr remote = MakeCacheStore(MakeLatencyStore(behind_, {}), {}, context_);
  EXPECT_FALSE(remote->capabilities().local);
}

TEST_F(CacheTest, OpensBySpec) {
  const KvStorePtr store =
      OpenKvStore(
          R"({"driver": "cache", "base": {"driver": "memory", "path": "m"}, "limit_bytes": 1000000,
              "fresh_for_ms": 100, "value_max_bytes": 10})",
          context_)
          .OrDie();
  Put(*behind_, "k", "one");
  EXPECT_EQ(store->Describe("k"), "memory://m/k");
  EXPECT_EQ(Get(*store, "k"), "one");
  Put(*behind_, "k", "0123456789-");
  now_ += milliseconds(99);
  EXPECT_EQ(Get(*store, "k"), "one");
  now_ += milliseconds(1);
  EXPECT_EQ(Get(*store, "k"), "0123456789-");
  EXPECT_EQ(Get(*store, "k"), "0123456789-");
  EXPECT_EQ(Counted(), "1 0 3");
  EXPECT_EQ(
      Get(*OpenKvStore(R"({"driver": "cache", "base": "memory://m"})", context_).OrDie(), "k"),
      "0123456789-");
}

TEST_F(CacheTest, SpecErrorsNameTheMember) {
  const auto error = [&](std::string_view members) {
    return OpenKvStore("{\"driver\": \"cache\"" + std::string(members) + "}", context_)
        .status()
        .ToString();
  };
  EXPECT_EQ(error(""), "InvalidArgument: at $: the spec of a cache needs the member \"base\"");
  EXPECT_EQ(error(R"(, "base": "memory://m", "size": 7)"),
            "InvalidArgument: at $: unknown member \"size\"");
  EXPECT_EQ(error(R"(, "base": 7)"),
            "InvalidArgument: at $.base: expected a store's spec or URL, got 7");
  EXPECT_THAT(error(R"(, "base": {"driver": "memory", "paht": "m"})"),
              HasSubstr("at $.base: at $: unknown member \"paht\""));
  EXPECT_THAT(error(R"(, "base": "tape://m")"), HasSubstr("at $.base: URL \"tape://m\""));
  EXPECT_THAT(error(R"(, "base": "memory://m", "limit_bytes": -1)"), HasSubstr("at $.limit_bytes"));
  EXPECT_THAT(error(R"(, "base": "memory://m", "fresh_for_ms": 1.5)"),
              HasSubstr("at $.fresh_for_ms"));
  EXPECT_EQ(error(R"(, "base": "memory://m", "fresh_for_ms": 9223372036854775807)"), "OK");
}

}  // namespace
}  // namespace coffer
