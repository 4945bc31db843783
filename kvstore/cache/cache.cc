// A read of one key:
//  1. What is kept is looked up. If it is fresh, and the range and conditions can be answered from
//     it, that is the answer.
//  2. Else the base is asked. If the range is kept: whether the value is still the one that is kept
//     (if_not_equal, or, where the caller has that very generation as if_equal, a stat under it).
//     If it is, the answer comes from memory, else from the base. In all other cases the call goes
//     to the base as it is: what it thinks of ranges, limits and conditions is for it to say.
//  3. What the base has said is reported to the memory, which keeps it or not.
// A read of many ranges does the same if all of them are kept.
//
// A change is announced to the memory, done by the base, and reported.
//
// Reads of one key that come together are not made one: a read that came later must not be given
// what was asked for before it, since a write may lie between.
#include "kvstore/cache/cache.h"

#include <cstring>
#include <utility>

#include "coffer/kvstore/adapters.h"
#include "coffer/kvstore/answer.h"
#include "kvstore/cache/kept_values.h"
#include "src/base/json.h"
#include "src/kvstore/spec.h"

namespace coffer::inline v0 {

namespace {

using State = ReadResult::State;
using Found = KeptValues::Found;
using Learned = KeptValues::Learned;
using Ticket = KeptValues::Ticket;

constexpr size_t kWrittenBytesMax = 64 << 10;  // More is not kept before somebody reads it.

/// The outcome of `running` as finish() makes it.
template <class U, class T, class Finish>
Future<U> After(Future<T> running, Finish finish) {
  if (running.ready()) return Future<U>::Ready(finish(running.Get()));
  Promise<U> promise;
  promise.cancel_token().OnCancel([running] { running.Cancel(); });
  running.OnReady([promise, finish = std::move(finish)](const ResultOf<T>& result) {
    promise.Set(finish(result));
  });
  return promise.future();
}

/// How the base is asked, and what its answer means.
enum class Ask {
  kNothing,    // What is kept is the answer.
  kIfChanged,  // Under if_not_equal: kept bytes, if it holds them back.
  kIfSame,     // A stat under if_equal: kept bytes, unless it holds back.
  kAsItIs,
};

/// `usable`: all that is asked for is kept, and may be given.
Ask HowToAsk(const Found& found, const ReadOptions& options, bool usable) {
  if (found.fresh) {
    if (usable || found.generation.missing()) return Ask::kNothing;
    if (HeldBack(options, found.generation)) return Ask::kNothing;
  }
  if (!usable || options.if_not_equal.known()) return Ask::kAsItIs;
  if (!options.if_equal.known()) return Ask::kIfChanged;
  return options.if_equal == found.generation ? Ask::kIfSame : Ask::kAsItIs;
}

Learned Missing() { return {Generation::Missing(), -1, {{ByteRange::Stat(), {}}}}; }

/// What an answer says of the key. `bytes`: those of the range.
Learned LearnedFrom(const ReadResult& read, const ByteRange& range,
                    std::span<const std::byte> bytes) {
  if (read.state == State::kMissing) return Missing();
  Learned learned{read.generation, read.total_size, {}};
  if (read.state != State::kValue) return learned;
  if (range == ByteRange::All()) learned.total_size = static_cast<int64_t>(bytes.size());
  learned.parts.emplace_back(range, bytes);
  return learned;
}

Learned LearnedFrom(const ReadRangesResult& read, std::span<const ByteRange> ranges) {
  if (read.state == State::kMissing) return Missing();
  Learned learned{read.generation, -1, {}};
  if (read.state != State::kValue || read.values.size() != ranges.size()) return learned;
  for (size_t i = 0; i < ranges.size(); ++i) {
    const Bytes& bytes = read.values[i];
    if (ranges[i] == ByteRange::All()) learned.total_size = static_cast<int64_t>(bytes.size());
    learned.parts.emplace_back(ranges[i], bytes.span());
  }
  return learned;
}

/// One read that asks the base.
struct Reading {
  std::shared_ptr<KeptValues> kept;
  std::string name;  // Of store and key, where they are asked about what is kept.
  Ask ask = Ask::kAsItIs;
  Found found;
  Ticket ticket;

  /// Whether the base has said that what is kept is the value. Errors: Internal, if it contradicts
  /// itself.
  Result<bool> IsUnchanged(State state, const Generation& generation) const {
    if (ask == Ask::kAsItIs) return false;
    if (state != (ask == Ask::kIfSame ? State::kValue : State::kConditionNotMet)) return false;
    if (!generation.known() || generation == found.generation) return true;
    return InternalError(name + ": asked for generation \"" + found.generation.value +
                         "\", the store says that this is the value's, and that \"" +
                         generation.value + "\" is");
  }

  /// The answer: give(), if what is kept is the value, else the base's, from which learn() tells
  /// what there is to keep.
  template <class T, class Give, class Learn>
  Result<T> End(const Result<T>& read, Give give, Learn learn) const {
    const Result<bool> unchanged =
        read.ok() ? IsUnchanged(read->state, read->generation) : read.status();
    if (!unchanged.ok()) {
      kept->EndRead(ticket, std::nullopt);
      return unchanged.status();
    }
    if (!*unchanged) {
      kept->EndRead(ticket, learn());
      ++kept->stats().misses;
      return read;
    }
    kept->EndRead(ticket, Learned{found.generation, found.total_size, {}});
    ++kept->stats().revalidated;
    return give();
  }
};

class CacheWriter final : public KvWriter {
 public:
  CacheWriter(KvStorePtr store, std::unique_ptr<KvWriter> base, std::shared_ptr<KeptValues> kept,
              std::string key)
      : store_(std::move(store)),
        base_(std::move(base)),
        kept_(std::move(kept)),
        key_(std::move(key)) {}

  Status Append(std::span<const std::byte> bytes) override { return base_->Append(bytes); }
  Future<WriteResult> Commit() override {
    const Ticket ticket = kept_->BeginWrite(key_);
    return After<WriteResult>(base_->Commit(),
                              [kept = kept_, ticket](const Result<WriteResult>& written) {
                                kept->EndWrite(ticket, std::nullopt);
                                return written;
                              });
  }

 private:
  const KvStorePtr store_;  // Writers may refer to it.
  const std::unique_ptr<KvWriter> base_;
  const std::shared_ptr<KeptValues> kept_;
  const std::string key_;
};

class CacheListing final : public KvListing {
 public:
  CacheListing(KvStorePtr store, std::unique_ptr<KvListing> base)
      : store_(std::move(store)), base_(std::move(base)) {}
  Future<std::vector<ListEntry>> Next() override { return base_->Next(); }

 private:
  const KvStorePtr store_;  // Listings may refer to it.
  const std::unique_ptr<KvListing> base_;
};

class CacheStore final : public KvStore {
 public:
  CacheStore(KvStorePtr base, const CacheOptions& options, const Context& context)
      : base_(std::move(base)), kept_(std::make_shared<KeptValues>(options, context)) {}

  Future<ReadResult> Read(std::string key, ReadOptions options) override {
    return ReadOne(std::move(key), std::nullopt, std::move(options));
  }
  Future<ReadResult> ReadInto(std::string key, std::span<std::byte> destination,
                              ReadOptions options) override {
    return ReadOne(std::move(key), destination, std::move(options));
  }
  Future<ReadRangesResult> ReadRanges(std::string key, std::vector<ByteRange> ranges,
                                      ReadOptions options) override;

  Future<WriteResult> Write(std::string key, std::optional<BytesChain> value,
                            WriteOptions options) override {
    // The caller's bytes may be free as soon as the base has taken them.
    std::optional<Bytes> copy;
    if (value && value->size() <= kWrittenBytesMax) copy = Bytes::Copy(value->Flatten());
    const bool deletes = !value;
    const Ticket ticket = kept_->BeginWrite(key);
    const auto finish = [kept = kept_, ticket, copy = std::move(copy),
                         deletes](const Result<WriteResult>& written) {
      std::optional<Learned> learned;
      if (written.ok() && written->state == WriteResult::State::kWritten) {
        if (deletes) learned = Missing();
        if (copy) {
          learned = Learned{written->generation, static_cast<int64_t>(copy->size()), {}};
          learned->parts.emplace_back(ByteRange::All(), copy->span());
        }
      }
      kept->EndWrite(ticket, learned);
      return written;
    };
    return After<WriteResult>(base_->Write(std::move(key), std::move(value), std::move(options)),
                              finish);
  }

  Result<std::unique_ptr<KvWriter>> OpenWriter(std::string key, WriteOptions options) override {
    COFFER_ASSIGN_OR_RETURN(std::unique_ptr<KvWriter> writer,
                            base_->OpenWriter(key, std::move(options)));
    return std::make_unique<CacheWriter>(base_, std::move(writer), kept_, std::move(key));
  }
  Result<std::unique_ptr<KvListing>> List(ListOptions options) override {
    COFFER_ASSIGN_OR_RETURN(std::unique_ptr<KvListing> listing, base_->List(std::move(options)));
    return std::make_unique<CacheListing>(base_, std::move(listing));
  }
  Future<void> DeleteRange(KeyRange range) override {
    const KeptValues::Sweep sweep = kept_->BeginSweep({range});
    return EndOf(sweep, base_->DeleteRange(std::move(range)));
  }
  Future<void> RenamePrefix(std::string from, std::string to) override {
    const KeptValues::Sweep sweep =
        kept_->BeginSweep({KeyRange::Prefix(from), KeyRange::Prefix(to)});
    return EndOf(sweep, base_->RenamePrefix(std::move(from), std::move(to)));
  }
  Future<std::vector<Debris>> ClearDebris(KeyRange range, ClearDebrisOptions options) override {
    return base_->ClearDebris(std::move(range), options);
  }
  Capabilities capabilities() const override { return base_->capabilities(); }
  std::string Describe(std::string_view key) const override { return base_->Describe(key); }

 private:
  Future<ReadResult> ReadOne(std::string key, std::optional<std::span<std::byte>> destination,
                             ReadOptions options);

  Reading Begin(const std::string& key, Ask ask, Found found) const {
    std::string name = ask == Ask::kAsItIs ? std::string() : Describe(key);
    return {kept_, std::move(name), ask, std::move(found), kept_->BeginRead(key)};
  }
  Future<void> EndOf(KeptValues::Sweep sweep, Future<void> running) const {
    return After<void>(std::move(running), [kept = kept_, sweep](const Status& status) {
      kept->EndSweep(sweep);
      return status;
    });
  }
  template <class T>
  Future<T> Cancelled(std::string_view key, std::string_view what) const {
    return Future<T>::Ready(CancelledError(std::string(what)).Annotate(Describe(key)));
  }

  const KvStorePtr base_;
  const std::shared_ptr<KeptValues> kept_;
};

/// The kept value, in the destination if there is one.
ReadResult Give(const Found& found, std::optional<std::span<std::byte>> destination,
                CacheStats& stats) {
  ReadResult result;
  result.state = State::kValue;
  result.generation = found.generation;
  result.total_size = found.total_size;
  const Bytes& value = *found.values[0];
  if (!destination) {
    result.value = value;
  } else if (!value.empty()) {
    std::memcpy(destination->data(), value.data(), value.size());
  }
  stats.bytes += found.bytes();
  return result;
}

ReadRangesResult GiveAll(const Found& found, CacheStats& stats) {
  ReadRangesResult result;
  result.state = State::kValue;
  result.generation = found.generation;
  for (const std::optional<Bytes>& value : found.values) result.values.push_back(*value);
  stats.bytes += found.bytes();
  return result;
}

/// What a fresh answer is without bytes; nullopt if there are some.
std::optional<ReadResult> WithoutBytes(const Found& found, const ReadOptions& options) {
  if (found.generation.missing()) return AnswerMissing(options);
  return HeldBack(options, found.generation);
}

Future<ReadResult> CacheStore::ReadOne(std::string key,
                                       std::optional<std::span<std::byte>> destination,
                                       ReadOptions options) {
  Found found = kept_->Find(key, std::span(&options.range, 1));
  const bool usable = found.holds_all() && CheckMaxBytes(found.bytes(), options.max_bytes).ok() &&
                      (!destination || static_cast<int64_t>(destination->size()) == found.bytes());
  const Ask ask = HowToAsk(found, options, usable);
  if (ask == Ask::kNothing) {
    if (options.cancel.cancelled()) return Cancelled<ReadResult>(key, "read");
    ++kept_->stats().hits;
    if (std::optional<ReadResult> answer = WithoutBytes(found, options)) {
      return Future<ReadResult>::Ready(*std::move(answer));
    }
    return Future<ReadResult>::Ready(Give(found, destination, kept_->stats()));
  }
  if (ask == Ask::kIfChanged) options.if_not_equal = found.generation;
  if (ask == Ask::kIfSame) {
    options.range = ByteRange::Stat();
    options.max_bytes = -1;
  }
  const bool into = destination && ask != Ask::kIfSame;
  Reading reading = Begin(key, ask, std::move(found));
  const auto finish = [reading = std::move(reading), destination, into,
                       range = options.range](const Result<ReadResult>& read) {
    return reading.End(
        read, [&] { return Give(reading.found, destination, reading.kept->stats()); },
        [&] { return LearnedFrom(*read, range, into ? *destination : read->value.span()); });
  };
  return After<ReadResult>(into ? base_->ReadInto(std::move(key), *destination, std::move(options))
                                : base_->Read(std::move(key), std::move(options)),
                           finish);
}

Future<ReadRangesResult> CacheStore::ReadRanges(std::string key, std::vector<ByteRange> ranges,
                                                ReadOptions options) {
  Found found = kept_->Find(key, ranges);
  const bool usable = found.holds_all() && CheckMaxBytes(found.bytes(), options.max_bytes).ok();
  const Ask ask = HowToAsk(found, options, usable);
  if (ask == Ask::kNothing) {
    if (options.cancel.cancelled()) return Cancelled<ReadRangesResult>(key, "read");
    ++kept_->stats().hits;
    if (const std::optional<ReadResult> answer = WithoutBytes(found, options)) {
      return Future<ReadRangesResult>::Ready(
          ReadRangesResult{answer->state, {}, answer->generation});
    }
    return Future<ReadRangesResult>::Ready(GiveAll(found, kept_->stats()));
  }
  if (ask == Ask::kIfChanged) options.if_not_equal = found.generation;
  Reading reading = Begin(key, ask, std::move(found));
  const auto finish = [reading = std::move(reading), ranges](const Result<ReadRangesResult>& read) {
    return reading.End(
        read, [&] { return GiveAll(reading.found, reading.kept->stats()); },
        [&] { return LearnedFrom(*read, ranges); });
  };
  if (ask == Ask::kIfSame) ranges.clear();
  return After<ReadRangesResult>(
      base_->ReadRanges(std::move(key), std::move(ranges), std::move(options)), finish);
}

Result<KvStorePtr> OpenBase(const Json& spec, const Context& context) {
  const Json* const base = spec.Find("base");
  if (base == nullptr) {
    return InvalidArgumentError("at $: the spec of a cache needs the member \"base\"");
  }
  if (!base->is_string() && !base->is_object()) {
    return base->Unexpected("$.base", "a store's spec or URL");
  }
  Result<KvStorePtr> store =
      OpenKvStore(base->is_string() ? base->string() : base->Dump(), context);
  if (!store.ok()) return store.status().Annotate("at $.base");
  return store;
}

Result<KvStorePtr> OpenJson(std::string_view text, const Context& context) {
  COFFER_ASSIGN_OR_RETURN(const Json spec, Json::Parse(text));
  COFFER_RETURN_IF_ERROR(CheckSpecMembers(
      spec, "$", {"driver", "base", "limit_bytes", "fresh_for_ms", "value_max_bytes"}, {}));
  CacheOptions options;
  if (const Json* limit = spec.Find("limit_bytes")) {
    COFFER_ASSIGN_OR_RETURN(options.limit_bytes, limit->AsInt64("$.limit_bytes", 0));
  }
  if (const Json* most = spec.Find("value_max_bytes")) {
    COFFER_ASSIGN_OR_RETURN(options.value_max_bytes, most->AsInt64("$.value_max_bytes", 0));
  }
  if (const Json* fresh = spec.Find("fresh_for_ms")) {
    COFFER_ASSIGN_OR_RETURN(const int64_t milliseconds, fresh->AsInt64("$.fresh_for_ms", 0));
    options.fresh_for = std::chrono::milliseconds(milliseconds);
  }
  COFFER_ASSIGN_OR_RETURN(KvStorePtr base, OpenBase(spec, context));
  return MakeCacheStore(std::move(base), options, context);
}

}  // namespace

KvStorePtr MakeCacheStore(KvStorePtr base, const CacheOptions& options, const Context& context) {
  return std::make_shared<CacheStore>(std::move(base), options, context);
}

StoreDriver CacheStoreDriver() { return {.name = "cache", .open_json = OpenJson}; }

}  // namespace coffer::inline v0
