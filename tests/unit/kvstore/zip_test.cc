// Goal: the zip store reads of an archive what it needs and no more, never mixes two versions of
// it, never gives bytes that are not the member's, waits for nobody, and tells whoever cancels at
// once. Method: archives of our own in a memory store behind a store that records what is read of
// it, lets the test do something before a read, and answers at once or when the test says so.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "coffer/kvstore/adapters.h"
#include "coffer/kvstore/stores.h"
#include "src/base/mutex.h"
#include "tests/support/peak_bytes.h"
#include "tests/support/zip_writer.h"

namespace coffer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using State = ReadResult::State;

constexpr const char* kKey = "d/a.zip";

/// What becomes of reads of the archive.
class WatchedStore final : public KvStore {
 public:
  explicit WatchedStore(bool local) : local_(local) {}

  void Put(const std::string& archive) { values_->Write(kKey, Bytes::Copy(archive)).Get().OrDie(); }
  void Remove() { values_->Write(kKey, std::nullopt).Get().OrDie(); }
  /// What has been read since this was asked for last: "[begin, end)".
  std::vector<std::string> Ranges() {
    MutexLock lock(mutex_);
    return std::move(ranges_);
  }
  /// Called before each read, with its number from 0.
  std::function<void(int)> before_read = [](int) {};
  /// Called when a read has its answer, and nobody else does.
  std::function<void(int)> after_read = [](int) {};
  bool tells_generations = true;
  int cancelled = 0;  ///< Reads that were, before they had an answer.

  /// Answers what waits, and what comes by that, until nothing does.
  void AnswerAll() {
    for (;;) {
      std::function<void()> answer;
      {
        MutexLock lock(mutex_);
        if (waiting_.empty()) return;
        answer = std::move(waiting_.front());
        waiting_.pop_front();
      }
      answer();
    }
  }
  size_t waiting() {
    MutexLock lock(mutex_);
    return waiting_.size();
  }

  Future<ReadResult> Read(std::string key, ReadOptions options) override {
    int number = 0;
    {
      MutexLock lock(mutex_);
      number = reads_++;
      ranges_.push_back("[" + std::to_string(options.range.begin) + ", " +
                        std::to_string(options.range.end) + ")");
    }
    if (local_) {
      before_read(number);
      return Answer(key, options);
    }
    const Promise<ReadResult> promise;
    MutexLock lock(mutex_);
    waiting_.push_back([this, promise, number, key, options] {
      if (promise.cancel_token().cancelled() || options.cancel.cancelled()) {
        ++cancelled;
        promise.Set(CancelledError("by the test"));
        return;
      }
      before_read(number);
      Result<ReadResult> answer = Answer(key, options).Get();
      after_read(number);
      promise.Set(std::move(answer));
    });
    return promise.future();
  }
  Future<WriteResult> Write(std::string key, std::optional<BytesChain>, WriteOptions) override {
    return Future<WriteResult>::Ready(UnimplementedError(Describe(key)));
  }
  Capabilities capabilities() const override {
    Capabilities can;
    can.local = local_;
    can.request_concurrency = local_ ? 0 : 7;
    return can;
  }
  std::string Describe(std::string_view key) const override { return values_->Describe(key); }

 private:
  Future<ReadResult> Answer(const std::string& key, const ReadOptions& options) {
    Result<ReadResult> read = values_->Read(key, options).Get();
    if (read.ok() && !tells_generations) read->generation = Generation::Unknown();
    return Future<ReadResult>::Ready(std::move(read));
  }

  const bool local_;
  const KvStorePtr values_ = MakeMemoryStore("m", Context::Create({.threads = 1}));
  Mutex mutex_;
  int reads_ COFFER_GUARDED_BY(mutex_) = 0;
  std::vector<std::string> ranges_ COFFER_GUARDED_BY(mutex_);
  std::deque<std::function<void()>> waiting_ COFFER_GUARDED_BY(mutex_);
};

/// An archive in a store, and it as a store.
struct Zip {
  explicit Zip(const std::string& archive, bool local = true)
      : base(std::make_shared<WatchedStore>(local)) {
    if (!archive.empty()) base->Put(archive);
    store = MakeZipStore(base, kKey, context);
  }
  std::string Get(const std::string& key, ReadOptions options = {}) const {
    const Result<ReadResult> read = store->Read(key, std::move(options)).Get();
    if (!read.ok()) return read.status().ToString();
    if (read->state == State::kMissing) return "(missing)";
    return read->state == State::kValue ? std::string(read->value.text()) : "(condition not met)";
  }

  Context context = Context::Create({.threads = 2});
  std::shared_ptr<WatchedStore> base;
  KvStorePtr store;
};

CancelToken Cancelled() {
  const CancelSource source;
  source.Cancel();
  return source.token();
}

std::string ArchiveOf(const std::string& key, const std::string& value, bool deflate = false) {
  return MakeZip({MakeZipMember(key, value, deflate)});
}

/// Bytes that do not compress.
std::string Noise(size_t size) {
  std::string noise(size, '\0');
  uint32_t state = 1;
  for (char& c : noise) {
    state = state * 1664525 + 1013904223;
    c = static_cast<char>(state >> 24);
  }
  return noise;
}

const std::string kDescribed = "memory://m/d/a.zip|zip:";

TEST(ZipStore, ReadsOnlyWhatItNeeds) {
  const std::string value = Noise(200'000);
  const Zip zip(MakeZip({MakeZipMember("a", value, false), MakeZipMember("b", value, true)}));
  EXPECT_EQ(zip.Get("a", {.range = ByteRange::Span(1000, 1010)}), value.substr(1000, 10));
  // The tail, which has the directory; the header; the range.
  EXPECT_THAT(zip.base->Ranges(), ElementsAre("[-67584, -1)", "[0, 31)", "[1031, 1041)"));
  EXPECT_EQ(zip.Get("a", {.range = ByteRange::Last(3)}), value.substr(199'997));
  EXPECT_THAT(zip.base->Ranges(), ElementsAre("[200028, 200031)"));
  EXPECT_EQ(zip.Get("a"), value);
  EXPECT_THAT(zip.base->Ranges(), ElementsAre("[31, 200031)"));
  // All of a deflated one, with its header; then its data alone.
  const int64_t stored = static_cast<int64_t>(MakeZipMember("b", value, true).stored.size());
  const std::string begin = "[200031, ";
  EXPECT_EQ(zip.Get("b", {.range = ByteRange::Span(5, 9)}), value.substr(5, 4));
  EXPECT_THAT(zip.base->Ranges(), ElementsAre(begin + std::to_string(200'031 + 31 + stored) + ")"));
  EXPECT_EQ(zip.Get("b"), value);
  EXPECT_THAT(zip.base->Ranges(),
              ElementsAre("[200062, " + std::to_string(200'062 + stored) + ")"));
}

TEST(ZipStore, AWholeValueComesWithItsHeader) {
  const Zip zip(ArchiveOf("a", "value") + "");
  EXPECT_EQ(zip.Get("a"), "value");
  // The archive is shorter than a tail: that is refused, and all of it read.
  EXPECT_THAT(zip.base->Ranges(), ElementsAre("[-67584, -1)", "[0, -1)", "[0, 36)"));
}

TEST(ZipStore, ReadsIntoMemoryWithoutACopy) {
  const std::string value = Noise(100'000);
  const Zip zip(ArchiveOf("a", value));
  std::string memory(value.size(), '.');
  const std::span<std::byte> all(reinterpret_cast<std::byte*>(memory.data()), memory.size());
  const ReadResult read = zip.store->ReadInto("a", all).Get().OrDie();
  EXPECT_EQ(memory, value);
  EXPECT_EQ(read.total_size, 100'000);
  EXPECT_THAT(zip.base->Ranges(), ElementsAre("[-67584, -1)", "[0, 31)", "[31, 100031)"));
}

TEST(ZipStore, ADirectoryBeyondTheTailTakesOneMoreRead) {
  std::vector<ZipMember> members;
  for (int i = 0; i < 3000; ++i) {
    const std::string name = "c/" + std::to_string(i);
    members.push_back(MakeZipMember(name, "value of " + name, false));
  }
  const Zip zip(MakeZip(members));
  EXPECT_EQ(zip.Get("c/1234"), "value of c/1234");
  EXPECT_EQ(zip.base->Ranges().size(), 3u);
  EXPECT_EQ(ListAll(*zip.store).OrDie().size(), 3000u);
  EXPECT_EQ(zip.base->Ranges().size(), 1u);  // Whether it still is the newest.
}

TEST(ZipStore, WhatIsKnownOfTheDirectoryAsksWhetherItStillIsSo) {
  const Zip zip(ArchiveOf("a", "value"));
  EXPECT_EQ(zip.Get("b"), "(missing)");
  zip.base->Ranges();
  const Generation generation = zip.store->Read("a").Get().OrDie().generation;
  zip.base->Ranges();
  EXPECT_EQ(zip.Get("b"), "(missing)");
  EXPECT_EQ(zip.Get("a", {.range = ByteRange::Stat()}), "");
  EXPECT_EQ(zip.Get("a", {.if_not_equal = generation}), "(condition not met)");
  EXPECT_THAT(zip.base->Ranges(), ElementsAre("[0, 0)", "[0, 0)", "[0, 0)"));
  zip.base->Put(ArchiveOf("b", "new"));
  EXPECT_EQ(zip.Get("b"), "new");
  EXPECT_EQ(zip.Get("a"), "(missing)");
  zip.base->Put(ArchiveOf("a", "value"));
  EXPECT_EQ(zip.Get("a", {.range = ByteRange::Stat()}), "");
  // The same bytes in another version of the archive are of another generation.
  EXPECT_EQ(zip.Get("a", {.if_not_equal = generation}), "value");
  zip.base->Put(ArchiveOf("a", "longer than before"));
  EXPECT_EQ(zip.Get("a", {.range = ByteRange::Span(6, 18)}), " than before");
}

TEST(ZipStore, NeverMixesTwoVersions) {
  // Replaced before each of the reads that the first read of a member takes.
  for (const bool deflate : {false, true}) {
    for (const bool local : {true, false}) {
      for (int replaced_at = 0; replaced_at < 5; ++replaced_at) {
        const std::string filler(100'000, '.');
        const auto archive = [&](const std::string& value) {
          return MakeZip(
              {MakeZipMember("filler", filler + value, false), MakeZipMember("k", value, deflate)});
        };
        const Zip zip(archive("the first"), local);
        zip.base->before_read = [&](int number) {
          if (number == replaced_at) zip.base->Put(archive("a longer one"));
        };
        const Future<ReadRangesResult> reading =
            zip.store->ReadRanges("k", {ByteRange::From(2), ByteRange::Span(0, 2)});
        while (!reading.Wait(std::chrono::steady_clock::now() + std::chrono::milliseconds(1))) {
          zip.base->AnswerAll();
        }
        const ReadRangesResult read = reading.Get().value();
        const std::string text =
            std::string(read.values[1].text()) + std::string(read.values[0].text());
        EXPECT_THAT(text, ::testing::AnyOf("the first", "a longer one")) << replaced_at;
      }
    }
  }
}

TEST(ZipStore, ReplacedEveryTimeItIsAborted) {
  const Zip zip(ArchiveOf("k", std::string(100'000, '.')));
  zip.base->before_read = [&](int number) {
    zip.base->Put(ArchiveOf("k", std::string(100'000 + static_cast<size_t>(number), '.')));
  };
  EXPECT_EQ(zip.Get("k"), "Aborted: " + kDescribed +
                              "k: memory://m/d/a.zip: replaced every time it was read, 20 times");
  EXPECT_EQ(ListAll(*zip.store).OrDie().size(), 1u);  // One read has all of the directory.
}

TEST(ZipStore, WithoutAnArchiveNothingIsMissing) {
  const Zip zip("");
  const std::string none = "memory://m/d/a.zip: there is no zip archive";
  EXPECT_EQ(zip.Get("k"), "NotFound: " + kDescribed + "k: " + none);
  EXPECT_EQ(ListAll(*zip.store).status().ToString(), "NotFound: " + none);
  zip.base->Put(ArchiveOf("k", "value"));
  EXPECT_EQ(zip.Get("k"), "value");
  zip.base->Remove();
  EXPECT_EQ(zip.Get("absent"), "NotFound: " + kDescribed + "absent: " + none);
  EXPECT_EQ(zip.Get("k"), "NotFound: " + kDescribed + "k: " + none);
}

TEST(ZipStore, NeedsGenerations) {
  const Zip zip(ArchiveOf("k", "value"));
  zip.base->tells_generations = false;
  EXPECT_EQ(zip.Get("k"),
            "FailedPrecondition: " + kDescribed +
                "k: memory://m/d/a.zip: the store tells no generation or size of it, so its parts "
                "cannot be known to be of one version");
}

TEST(ZipStore, DamagedBytesAreNeverAValue) {
  for (const bool deflate : {false, true}) {
    const std::string value = Noise(300) + std::string(3000, 'z');
    std::string archive = ArchiveOf("k", value, deflate);
    for (size_t at = 31; at < 31 + 200; at += 7) {
      std::string damaged = archive;
      damaged[at] = static_cast<char>(damaged[at] ^ 4);
      const Zip zip(damaged);
      EXPECT_THAT(zip.Get("k"), HasSubstr("DataLoss: " + kDescribed + "k: ")) << at;
      // Of a deflated member a range, too; of a stored one nothing tells.
      const std::string part = zip.Get("k", {.range = ByteRange::Span(1000, 1010)});
      EXPECT_EQ(part.starts_with("DataLoss: "), deflate) << at << part;
    }
  }
  const Zip zip(ArchiveOf("k", "value").replace(31, 5, "vAlue"));
  EXPECT_EQ(zip.Get("k"),
            "DataLoss: " + kDescribed +
                "k: the checksum of its bytes (CRC-32) is another than the archive's");
  std::string memory(5, '.');
  const std::span<std::byte> all(reinterpret_cast<std::byte*>(memory.data()), 5);
  EXPECT_EQ(zip.store->ReadInto("k", all).Get().status().code(), StatusCode::kDataLoss);
}

TEST(ZipStore, DeflatedDataHasExactlyItsSize) {
  for (const int64_t by : {-1, 1}) {
    ZipMember member = MakeZipMember("k", std::string(1000, 'k'), true);
    member.size += by;
    const Zip zip(MakeZip({member}));
    EXPECT_EQ(zip.Get("k"), "DataLoss: " + kDescribed + "k: " +
                                (by < 0 ? "deflate data decodes to more than the 999 bytes expected"
                                        : "deflated data of 1000 bytes; 1001 were expected"));
  }
  ZipMember member = MakeZipMember("k", std::string(1000, 'k'), true);
  member.stored += "x";
  EXPECT_EQ(Zip(MakeZip({member})).Get("k"),
            "DataLoss: " + kDescribed + "k: deflate data with 1 bytes after its end");
}

TEST(ZipStore, LimitsRangesOfDeflatedMembers) {
  // What claims to be more is not inflated, nor is memory taken for it.
  ZipMember member = MakeZipMember("k", Noise(1000), true);
  member.stored = Noise(300'000);
  member.size = (int64_t{256} << 20) + 1;
  const Zip zip(MakeZip({member}));
  const int64_t before = testing::PeakBytes();
  EXPECT_EQ(zip.Get("k", {.range = ByteRange::Span(0, 10)}),
            "ResourceExhausted: " + kDescribed +
                "k: ranges of a deflated member need all of it, which has 268435457 bytes, more "
                "than 268435456");
  EXPECT_EQ(zip.Get("k", {.max_bytes = 1000}),
            "ResourceExhausted: " + kDescribed +
                "k: the value has 268435457 bytes, but the reader takes at most 1000");
  EXPECT_EQ(zip.Get("k", {.range = ByteRange::Stat()}), "");
  if (testing::kMemoryIsAsWithoutSanitizers) {
    EXPECT_LT(testing::PeakBytes() - before, MiB(64));
  }
}

TEST(ZipStore, WhatCannotBeReadIsListed) {
  ZipMember secret = MakeZipMember("secret", "value", false);
  secret.flags = 1;
  ZipMember packed = MakeZipMember("packed", "value", false);
  packed.method = 93;
  const Zip zip(MakeZip({secret, packed, MakeZipMember("plain", "value", false)}));
  EXPECT_EQ(ListAll(*zip.store).OrDie().size(), 3u);
  EXPECT_EQ(zip.Get("plain"), "value");
  EXPECT_EQ(zip.Get("secret", {.range = ByteRange::Stat()}), "");
  EXPECT_EQ(zip.Get("secret"),
            "Unimplemented: " + kDescribed + "secret: encrypted zip members are not supported");
  EXPECT_EQ(zip.Get("packed"),
            "Unimplemented: " + kDescribed +
                "packed: zip compression method 93 (zstd) is not supported (0, stored, and 8, "
                "deflated, are)");
}

TEST(ZipStore, OfARemoteStoreOneReadsTheDirectoryForAll) {
  const Zip zip(ArchiveOf("k", Noise(100'000)), /*local=*/false);
  EXPECT_FALSE(zip.store->capabilities().local);
  EXPECT_EQ(zip.store->capabilities().request_concurrency, 7);
  std::vector<Future<ReadResult>> reads;
  for (int i = 0; i < 10; ++i) {
    reads.push_back(zip.store->Read("k", {.range = ByteRange::Span(i, i + 1)}));
    EXPECT_FALSE(reads.back().ready());
  }
  EXPECT_EQ(zip.base->waiting(), 1u);
  for (const Future<ReadResult>& read : reads) {
    while (!read.Wait(std::chrono::steady_clock::now() + std::chrono::milliseconds(1))) {
      zip.base->AnswerAll();
    }
    EXPECT_EQ(read.Get().value().value.size(), 1u);
  }
  const std::vector<std::string> ranges = zip.base->Ranges();
  EXPECT_EQ(std::count(ranges.begin(), ranges.end(), "[-67584, -1)"), 1);
}

TEST(ZipStore, WhoWaitsForADirectoryThatCannotBeReadHasItReadAgain) {
  // The first read began before there was an archive, the others after.
  const Zip zip("", /*local=*/false);
  std::vector<Future<ReadResult>> reads;
  reads.push_back(zip.store->Read("k"));
  zip.base->before_read = [&](int number) {
    if (number == 1) zip.base->Put(ArchiveOf("k", "value"));
  };
  for (int i = 0; i < 3; ++i) reads.push_back(zip.store->Read("k"));
  for (const Future<ReadResult>& read : reads) {
    while (!read.Wait(std::chrono::steady_clock::now() + std::chrono::milliseconds(1))) {
      zip.base->AnswerAll();
    }
  }
  EXPECT_EQ(reads[0].Get().status().code(), StatusCode::kNotFound);
  for (int i = 1; i < 4; ++i)
    EXPECT_EQ(reads[static_cast<size_t>(i)].Get().value().value.text(), "value");
}

TEST(ZipStore, WhoSharesADirectoryAsksWhetherItStillIsSo) {
  // A key is put when the directory has just been read, and asked for before that is known.
  const Zip zip(ArchiveOf("k", "value"), /*local=*/false);
  Future<ReadResult> second;
  zip.base->after_read = [&](int number) {
    if (number != 1) return;
    zip.base->Put(ArchiveOf("new", "of the second"));
    second = zip.store->Read("new");
  };
  const Future<ReadResult> first = zip.store->Read("absent");
  const auto wait = [&](const Future<ReadResult>& read) {
    while (!read.Wait(std::chrono::steady_clock::now() + std::chrono::milliseconds(1))) {
      zip.base->AnswerAll();
    }
  };
  wait(first);
  EXPECT_EQ(first.Get().value().state, State::kMissing);
  ASSERT_TRUE(second.valid());
  wait(second);
  EXPECT_EQ(second.Get().value().value.text(), "of the second");
}

TEST(ZipStore, ADirectoryIsOfTheVersionOfItsEnd) {
  const auto archive = [](const std::string& value) {
    std::vector<ZipMember> members;
    for (int i = 0; i < 3000; ++i) {
      members.push_back(MakeZipMember("c/" + std::to_string(i), value, false));
    }
    return MakeZip(members);
  };
  const Zip zip(archive("old"));
  zip.base->before_read = [&](int number) {
    if (number == 1) zip.base->Put(archive("a longer value"));
  };
  EXPECT_EQ(zip.Get("c/1234"), "a longer value");
}

TEST(ZipStore, CancelReachesTheStoreBehind) {
  const Zip zip(ArchiveOf("k", "value"), /*local=*/false);
  const auto wait = [&](const Future<ReadResult>& read) {
    while (!read.Wait(std::chrono::steady_clock::now() + std::chrono::milliseconds(1))) {
      zip.base->AnswerAll();
    }
  };
  const std::string cancelled = "Cancelled: " + kDescribed + "k: ";
  EXPECT_EQ(zip.Get("k", {.cancel = Cancelled()}), cancelled + "read");
  EXPECT_EQ(zip.base->waiting(), 0u);
  Future<ReadResult> read = zip.store->Read("k");
  wait(read);
  EXPECT_EQ(read.Get().value().value.text(), "value");
  read = zip.store->Read("k");
  EXPECT_EQ(zip.base->waiting(), 1u);
  read.Cancel();
  wait(read);
  EXPECT_EQ(read.Get().status().ToString(), cancelled + "by the test");
  EXPECT_EQ(zip.base->cancelled, 1);
  read = zip.store->Read("absent");  // A stat alone.
  read.Cancel();
  wait(read);
  EXPECT_EQ(read.Get().status().code(), StatusCode::kCancelled);
  EXPECT_EQ(zip.base->cancelled, 2);
  const CancelSource source;
  read = zip.store->Read("absent", {.cancel = source.token()});
  source.Cancel();
  wait(read);
  EXPECT_EQ(read.Get().status().code(), StatusCode::kCancelled);
  EXPECT_EQ(zip.base->cancelled, 3);
}

TEST(ZipStore, WhoCancelsWhileADirectoryIsReadIsToldAtOnceAndAlone) {
  const Zip zip(ArchiveOf("k", "value"), /*local=*/false);
  const CancelSource source;
  const Future<ReadResult> first = zip.store->Read("k");
  const Future<ReadResult> second = zip.store->Read("k", {.cancel = source.token()});
  const Future<ReadResult> third = zip.store->Read("k");
  const std::unique_ptr<KvListing> listing = zip.store->List().OrDie();
  const auto page = listing->Next();
  first.Cancel();  // Who began the reading.
  source.Cancel();
  page.Cancel();
  const std::string cancelled = "Cancelled: " + kDescribed + "k: read";
  ASSERT_TRUE(first.ready() && second.ready() && page.ready());
  EXPECT_EQ(first.Get().status().ToString(), cancelled);
  EXPECT_EQ(second.Get().status().ToString(), cancelled);
  EXPECT_EQ(page.Get().status().code(), StatusCode::kCancelled);
  EXPECT_FALSE(third.ready());
  while (!third.Wait(std::chrono::steady_clock::now() + std::chrono::milliseconds(1))) {
    zip.base->AnswerAll();
  }
  EXPECT_EQ(third.Get().value().value.text(), "value");
  EXPECT_EQ(zip.base->cancelled, 0);
}

TEST(ZipStore, WhenAllHaveCancelledADirectoryIsNotReadOnAndWhoComesThenHasItRead) {
  const Zip zip(ArchiveOf("k", "value"), /*local=*/false);
  const Future<ReadResult> first = zip.store->Read("k");
  const Future<ReadResult> second = zip.store->Read("k");
  first.Cancel();
  second.Cancel();
  ASSERT_TRUE(first.ready() && second.ready());
  const Future<ReadResult> third = zip.store->Read("k");
  while (!third.Wait(std::chrono::steady_clock::now() + std::chrono::milliseconds(1))) {
    zip.base->AnswerAll();
  }
  EXPECT_EQ(zip.base->cancelled, 1);
  EXPECT_EQ(third.Get().value().value.text(), "value");
}

TEST(ZipStore, ErrorsOfTheStoreBehindAreItsOwn) {
  const auto faults = MakeFaultStore([] {
    const KvStorePtr memory = MakeMemoryStore("m", Context::Create({.threads = 1}));
    memory->Write(kKey, Bytes::Copy(ArchiveOf("k", Noise(100'000)))).Get().OrDie();
    return memory;
  }());
  const KvStorePtr store = MakeZipStore(faults, kKey);
  for (int skip = 0; skip < 3; ++skip) {
    faults->Inject({.skip = skip, .status = UnavailableError("no answer")});
    EXPECT_EQ(MakeZipStore(faults, kKey)
                  ->Read("k", {.range = ByteRange::Span(0, 1)})
                  .Get()
                  .status()
                  .ToString(),
              "Unavailable: " + kDescribed + "k: memory://m/d/a.zip: no answer")
        << skip;
  }
  EXPECT_EQ(store->Read("k").Get().OrDie().value.size(), 100'000u);
}

}  // namespace
}  // namespace coffer
