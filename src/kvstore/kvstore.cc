// The default parts of KvStore, built on Read() and Write().
//
// ReadRanges by Read():
//   1. Near ranges are joined by the store's own gap and size, and all fetches start at once.
//   2. When the last has come, all generations are compared. One generation: the answer is
//   complete.
//   3. Several: the value was replaced meanwhile. If every fetch was answered on the spot the whole
//      is repeated (the store cannot have been destroyed while we are in it); if not, Aborted.
#include "coffer/kvstore/kvstore.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <utility>

#include "coffer/kvstore/answer.h"
#include "src/kvstore/coalesce.h"

namespace coffer::inline v0 {

namespace {

constexpr int kRangeReadAttempts = 100;

std::string Text(int64_t value) { return std::to_string(value); }

/// Collects the fetches of one ReadRanges.
struct Gathering {
  std::vector<ByteRange> ranges;
  int64_t max_bytes = -1;  // Of all values together.
  std::string name;        // Of store and key, for errors.
  std::vector<CoalescedRange> fetches;
  std::vector<std::optional<Result<ReadResult>>> answers;  // Each written by one fetch.
  std::atomic<size_t> missing{0};
  Promise<ReadRangesResult> promise;

  /// The outcome once all answers are there; nullopt if they are of several generations.
  std::optional<Result<ReadRangesResult>> Finish() const;
};

std::optional<Result<ReadRangesResult>> Gathering::Finish() const {
  ReadRangesResult result;
  result.values.resize(ranges.size());
  for (size_t i = 0; i < fetches.size(); ++i) {
    if (!(*answers[i]).ok()) return Result<ReadRangesResult>((*answers[i]).status());
  }
  for (size_t i = 0; i < fetches.size(); ++i) {
    const ReadResult& answer = **answers[i];
    if (i == 0) {
      result.state = answer.state;
      result.generation = answer.generation;
    } else if (answer.state != result.state || answer.generation != result.generation) {
      return std::nullopt;
    }
    if (answer.state != ReadResult::State::kValue) continue;
    for (size_t member : fetches[i].members) {
      if (fetches[i].members.size() == 1) {
        result.values[member] = answer.value;
        continue;
      }
      const ByteRange& range = ranges[member];
      result.values[member] =
          answer.value.Slice(static_cast<size_t>(range.begin - fetches[i].range.begin),
                             static_cast<size_t>(range.end - range.begin));
    }
  }
  if (result.state != ReadResult::State::kValue) result.values.clear();
  int64_t sum = 0;
  for (const Bytes& value : result.values) sum += static_cast<int64_t>(value.size());
  if (const Status status = CheckMaxBytes(sum, max_bytes); !status.ok()) {
    return Result<ReadRangesResult>(status.Annotate(name));
  }
  return Result<ReadRangesResult>(std::move(result));
}

class GatheringWriter final : public KvWriter {
 public:
  GatheringWriter(KvStore& store, std::string key, WriteOptions options)
      : store_(store), key_(std::move(key)), options_(std::move(options)) {}

  Status Append(std::span<const std::byte> bytes) override {
    if (committed_) return FailedPreconditionError(store_.Describe(key_) + ": already committed");
    value_.Append(Bytes::Copy(bytes));
    return Status();
  }

  Future<WriteResult> Commit() override {
    if (std::exchange(committed_, true)) {
      return Future<WriteResult>::Ready(
          FailedPreconditionError(store_.Describe(key_) + ": already committed"));
    }
    return store_.Write(key_, std::exchange(value_, {}), options_);
  }

 private:
  KvStore& store_;
  const std::string key_;
  const WriteOptions options_;
  BytesChain value_;
  bool committed_ = false;
};

}  // namespace

KvStore::~KvStore() = default;
KvWriter::~KvWriter() = default;
KvListing::~KvListing() = default;

Result<ByteRange> ByteRange::Resolve(int64_t size) const {
  if (begin < 0) {
    if (end != -1) {
      return InvalidArgumentError("byte range: counted from the end, it has no end of its own");
    }
    if (begin < -size) {
      return OutOfRangeError("the last " + Text(begin == INT64_MIN ? INT64_MAX : -begin) +
                             " bytes were asked for, but the value has " + Text(size));
    }
    return ByteRange{size + begin, size};
  }
  const int64_t stop = end == -1 ? size : end;
  const std::string asked = "bytes [" + Text(begin) + ", " + (end == -1 ? "end" : Text(end)) + ")";
  if (end < -1 || (end != -1 && begin > end)) {
    return InvalidArgumentError(asked + ": a range begins before it ends");
  }
  if (begin > size || stop > size) {
    return OutOfRangeError(asked + " were asked for, but the value has " + Text(size));
  }
  return ByteRange{begin, stop};
}

KeyRange KeyRange::Prefix(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && end.back() == '\xff') end.pop_back();
  if (!end.empty()) end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return {std::string(prefix), std::move(end)};
}

bool KeyRange::Contains(std::string_view key) const {
  // std::string compares chars as unsigned bytes.
  return key >= begin && (end.empty() || key < end);
}

Future<ReadResult> KvStore::ReadInto(std::string key, std::span<std::byte> destination,
                                     ReadOptions options) {
  const std::string name = Describe(key);
  Promise<ReadResult> promise;
  Future<ReadResult> reading = Read(std::move(key), options);
  promise.cancel_token().OnCancel([reading] { reading.Cancel(); });
  reading.OnReady([promise, destination, name](const Result<ReadResult>& read) {
    if (!read.ok() || read->state != ReadResult::State::kValue) {
      promise.Set(read);
      return;
    }
    if (read->value.size() != destination.size()) {
      promise.Set(OutOfRangeError(name + ": the range has " + std::to_string(read->value.size()) +
                                  " bytes, the destination " + std::to_string(destination.size())));
      return;
    }
    if (!destination.empty()) {
      std::memcpy(destination.data(), read->value.data(), destination.size());
    }
    ReadResult result = *read;
    result.value = Bytes();
    promise.Set(std::move(result));
  });
  return promise.future();
}

Future<ReadRangesResult> KvStore::ReadRanges(std::string key, std::vector<ByteRange> ranges,
                                             ReadOptions options) {
  const Capabilities can = capabilities();
  const std::string name = Describe(key);
  // No range at all still says whether the key exists, and its generation.
  const bool none = ranges.empty();
  if (none) ranges.push_back(ByteRange::Stat());
  for (int attempt = 0; attempt < kRangeReadAttempts; ++attempt) {
    auto gathering = std::make_shared<Gathering>();
    gathering->ranges = ranges;
    gathering->max_bytes = options.max_bytes;
    gathering->name = name;
    gathering->fetches = Coalesce(ranges, can.coalesce_gap_bytes, can.coalesce_size_max_bytes);
    gathering->answers.resize(gathering->fetches.size());
    gathering->missing = gathering->fetches.size();
    for (size_t i = 0; i < gathering->fetches.size(); ++i) {
      ReadOptions part = options;
      part.range = gathering->fetches[i].range;
      // A joined fetch has bytes that nobody gets; all are counted at the end.
      if (gathering->fetches[i].members.size() > 1) part.max_bytes = -1;
      Future<ReadResult> reading = Read(key, part);
      gathering->promise.cancel_token().OnCancel([reading] { reading.Cancel(); });
      reading.OnReady([gathering, i, name, none](const Result<ReadResult>& answer) {
        gathering->answers[i].emplace(answer);
        if (gathering->missing.fetch_sub(1) != 1) return;
        std::optional<Result<ReadRangesResult>> whole = gathering->Finish();
        if (!whole) whole.emplace(AbortedError(name + ": replaced while its ranges were read"));
        if (none && whole->ok()) (*whole)->values.clear();
        gathering->promise.Set(*std::move(whole));
      });
    }
    Future<ReadRangesResult> future = gathering->promise.future();
    const bool replaced = future.ready() && !future.Get().ok() &&
                          future.Get().status().code() == StatusCode::kAborted;
    if (!replaced) return future;
  }
  return Future<ReadRangesResult>::Ready(
      AbortedError(name + ": replaced every time its ranges were read"));
}

Result<std::unique_ptr<KvWriter>> KvStore::OpenWriter(std::string key, WriteOptions options) {
  return std::make_unique<GatheringWriter>(*this, std::move(key), std::move(options));
}

Result<std::unique_ptr<KvListing>> KvStore::List(ListOptions options) {
  return UnimplementedError(Describe(options.range.begin) + ": this store cannot list its keys");
}

Future<void> KvStore::DeleteRange(KeyRange range) {
  Result<std::unique_ptr<KvListing>> listing = List({.range = std::move(range)});
  if (!listing.ok()) return Future<void>::Ready(listing.status());
  for (;;) {
    Result<std::vector<ListEntry>> page = (*listing)->Next().Get();
    if (!page.ok()) return Future<void>::Ready(page.status());
    if (page->empty()) return Future<void>::Ready(Status());
    std::vector<Future<WriteResult>> deletes;
    deletes.reserve(page->size());
    for (ListEntry& entry : *page) deletes.push_back(Write(std::move(entry.key), std::nullopt));
    Status outcome;
    for (Future<WriteResult>& future : deletes) {
      if (Status status = future.Get().status(); outcome.ok()) outcome = status;
    }
    if (!outcome.ok()) return Future<void>::Ready(outcome);
  }
}

Future<void> KvStore::RenamePrefix(std::string from, std::string to) {
  return Future<void>::Ready(
      UnimplementedError(Describe(from) + ": this store cannot rename to \"" + to + "\""));
}

Result<std::vector<ListEntry>> ListAll(KvStore& store, ListOptions options) {
  COFFER_ASSIGN_OR_RETURN(std::unique_ptr<KvListing> listing, store.List(std::move(options)));
  std::vector<ListEntry> all;
  for (;;) {
    COFFER_ASSIGN_OR_RETURN(std::vector<ListEntry> page, listing->Next().Get());
    if (page.empty()) break;
    std::move(page.begin(), page.end(), std::back_inserter(all));
  }
  std::sort(all.begin(), all.end(),
            [](const ListEntry& a, const ListEntry& b) { return a.key < b.key; });
  return all;
}

}  // namespace coffer::inline v0
