// The default parts of KvStore, built on Read() and Write().
//
// ReadRanges by Read():
//   1. Near ranges are joined by the store's own gap and size, and all fetches start at once.
//   2. When the last has come, all generations are compared. One generation: the answer is
//      complete.
//   3. Several: the value was replaced meanwhile. Several fetches without a generation: it may have
//      been. If every fetch was answered on the spot (the store cannot have been destroyed while we
//      are in it), the first is repeated, and the second made one fetch that covers all; if not,
//      both are Aborted.
//   What is longer than max_bytes by the ranges alone is not fetched, but the key looked for.
#include "coffer/kvstore/kvstore.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>
#include <set>
#include <utility>

#include "coffer/base/checked.h"
#include "coffer/kvstore/answer.h"
#include "src/kvstore/coalesce.h"

namespace coffer::inline v0 {

namespace {

constexpr int kRangeReadAttempts = 100;

std::string Text(int64_t value) { return std::to_string(value); }

/// What a store's own method gave, which its user wrote: no future is an error.
template <class T>
Future<T> Answered(Future<T> future, const std::string& name, std::string_view method) {
  if (future.valid()) return future;
  return Future<T>::Ready(InternalError(name + ": " + std::string(method) + " returned no future"));
}

/// Collects the fetches of one ReadRanges.
struct Gathering {
  enum class Outcome { kComplete, kReplaced, kNoGeneration };

  std::vector<ByteRange> ranges;
  int64_t max_bytes = -1;  // Of all values together.
  Status refused;          // What to say if there is a value.
  std::string name;        // Of store and key, for errors.
  std::vector<CoalescedRange> fetches;
  std::vector<std::optional<Result<ReadResult>>> answers;  // Each written by one fetch.
  std::atomic<size_t> missing{0};
  Promise<ReadRangesResult> promise;
  Outcome outcome = Outcome::kComplete;  // Written before the promise is set.

  /// The answer once all fetches have theirs.
  Result<ReadRangesResult> Finish();
};

Result<ReadRangesResult> Gathering::Finish() {
  for (const std::optional<Result<ReadResult>>& answer : answers) {
    COFFER_RETURN_IF_ERROR(answer->status());
  }
  ReadRangesResult result;
  result.state = (*answers[0])->state;
  result.generation = (*answers[0])->generation;
  for (const std::optional<Result<ReadResult>>& answer : answers) {
    if ((*answer)->state != result.state || (*answer)->generation != result.generation) {
      outcome = Outcome::kReplaced;
      return AbortedError(name + ": replaced while its ranges were read");
    }
  }
  if (result.state != ReadResult::State::kValue) return result;
  COFFER_RETURN_IF_ERROR(refused);
  if (answers.size() > 1 && !result.generation.known()) {
    outcome = Outcome::kNoGeneration;
    return AbortedError(name + ": its ranges may be of several values: no generation was told");
  }
  result.values.resize(ranges.size());
  int64_t sum = 0;
  for (size_t i = 0; i < fetches.size(); ++i) {
    const Bytes& value = (*answers[i])->value;
    for (const size_t member : fetches[i].members) {
      const ByteRange& range = ranges[member];
      result.values[member] =
          fetches[i].members.size() == 1
              ? value
              : value.Slice(static_cast<size_t>(range.begin - fetches[i].range.begin),
                            static_cast<size_t>(range.end - range.begin));
      sum += static_cast<int64_t>(result.values[member].size());
    }
  }
  if (const Status status = CheckMaxBytes(sum, max_bytes); !status.ok()) {
    return status.Annotate(name);
  }
  return result;
}

/// Bytes that ranges ask for, as far as they say it without the value's size.
int64_t BytesAsked(std::span<const ByteRange> ranges) {
  int64_t sum = 0;
  for (const ByteRange& range : ranges) {
    int64_t size = 0;
    if (range.begin < 0) {
      size = range.begin == INT64_MIN ? INT64_MAX : -range.begin;
    } else if (range.end > range.begin) {
      size = range.end - range.begin;
    }
    sum = CheckedAdd(sum, size).value_or(INT64_MAX);
  }
  return sum;
}

/// Starts all fetches.
std::shared_ptr<Gathering> Gather(KvStore& store, const std::string& key,
                                  const std::vector<ByteRange>& ranges,
                                  const ReadOptions& options) {
  const Capabilities can = store.capabilities();
  auto gathering = std::make_shared<Gathering>();
  gathering->ranges = ranges;
  gathering->max_bytes = options.max_bytes;
  gathering->name = store.Describe(key);
  gathering->refused =
      CheckMaxBytes(BytesAsked(ranges), options.max_bytes).Annotate(gathering->name);
  // No range at all still says whether the key exists, and its generation.
  if (ranges.empty() || !gathering->refused.ok()) {
    gathering->fetches.push_back({ByteRange::Stat(), {}});
  } else {
    gathering->fetches = Coalesce(ranges, can.coalesce_gap_bytes, can.coalesce_size_max_bytes);
  }
  gathering->answers.resize(gathering->fetches.size());
  gathering->missing = gathering->fetches.size();
  for (size_t i = 0; i < gathering->fetches.size(); ++i) {
    ReadOptions part = options;
    part.range = gathering->fetches[i].range;
    // A joined fetch has bytes that nobody gets; all are counted at the end.
    if (gathering->fetches[i].members.size() > 1) part.max_bytes = -1;
    Future<ReadResult> reading = Answered(store.Read(key, part), gathering->name, "Read");
    gathering->promise.cancel_token().OnCancel([reading] { reading.Cancel(); });
    reading.OnReady([gathering, i](const Result<ReadResult>& answer) {
      gathering->answers[i].emplace(answer);
      if (gathering->missing.fetch_sub(1) != 1) return;
      gathering->promise.Set(gathering->Finish());
    });
  }
  return gathering;
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

Future<ReadRangesResult> ReadCovering(KvStore& store, const std::string& key,
                                      std::vector<ByteRange> ranges, ReadOptions options) {
  const int64_t max_bytes = std::exchange(options.max_bytes, -1);
  options.range = ranges[0];
  for (const ByteRange& range : ranges) {
    options.range.begin = std::min(options.range.begin, range.begin);
    options.range.end = std::max(options.range.end, range.end);
    if (range.begin < 0 || range.end < 0) {
      options.range = ByteRange::All();
      break;
    }
  }
  const int64_t first = options.range.begin;
  Promise<ReadRangesResult> promise;
  const std::string name = store.Describe(key);
  Future<ReadResult> reading = Answered(store.Read(key, std::move(options)), name, "Read");
  promise.cancel_token().OnCancel([reading] { reading.Cancel(); });
  const auto cut = [ranges = std::move(ranges), first, max_bytes,
                    name](const Result<ReadResult>& read) -> Result<ReadRangesResult> {
    COFFER_RETURN_IF_ERROR(read);
    ReadRangesResult result;
    result.state = read->state;
    result.generation = read->generation;
    if (read->state != ReadResult::State::kValue) return result;
    const int64_t end = first + static_cast<int64_t>(read->value.size());
    int64_t sum = 0;
    for (const ByteRange& range : ranges) {
      const Result<ByteRange> resolved = range.Resolve(end);
      if (!resolved.ok()) return resolved.status().Annotate(name);
      const int64_t size = resolved->end - resolved->begin;
      result.values.push_back(read->value.Slice(static_cast<size_t>(resolved->begin - first),
                                                static_cast<size_t>(size)));
      sum = CheckedAdd(sum, size).value_or(INT64_MAX);
    }
    if (const Status status = CheckMaxBytes(sum, max_bytes); !status.ok()) {
      return status.Annotate(name);
    }
    return result;
  };
  reading.OnReady([promise, cut](const Result<ReadResult>& read) { promise.Set(cut(read)); });
  return promise.future();
}

KvStore::~KvStore() = default;
KvWriter::~KvWriter() = default;
KvListing::~KvListing() = default;

ByteRange ByteRange::Last(int64_t n) {
  return n == 0 ? Stat() : ByteRange{-n, -1};  // From -0 it would be all.
}

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
  // A longer value is not fetched to be refused.
  const auto size = static_cast<int64_t>(destination.size());
  const bool limits = options.max_bytes < 0 || options.max_bytes > size;
  if (limits) options.max_bytes = size;
  Promise<ReadResult> promise;
  Future<ReadResult> reading = Answered(Read(std::move(key), std::move(options)), name, "Read");
  promise.cancel_token().OnCancel([reading] { reading.Cancel(); });
  reading.OnReady([promise, destination, name, limits](const Result<ReadResult>& read) {
    const auto wanted = static_cast<int64_t>(destination.size());
    if (limits && IsMaxBytesError(read.status(), wanted)) {
      promise.Set(OutOfRangeError(
          name + ": the range has more bytes than the destination, which has " + Text(wanted)));
      return;
    }
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
  for (int attempt = 0; attempt < kRangeReadAttempts; ++attempt) {
    const std::shared_ptr<Gathering> gathering = Gather(*this, key, ranges, options);
    Future<ReadRangesResult> future = gathering->promise.future();
    if (!future.ready() || gathering->outcome == Gathering::Outcome::kComplete) return future;
    if (gathering->outcome == Gathering::Outcome::kNoGeneration) {
      return ReadCovering(*this, key, std::move(ranges), std::move(options));
    }
  }
  return Future<ReadRangesResult>::Ready(
      AbortedError(Describe(key) + ": replaced every time its ranges were read"));
}

Result<std::unique_ptr<KvWriter>> KvStore::OpenWriter(std::string key, WriteOptions options) {
  if (!capabilities().writable) return ReadOnlyError(Describe(key));
  return std::make_unique<GatheringWriter>(*this, std::move(key), std::move(options));
}

Result<std::unique_ptr<KvListing>> KvStore::List(ListOptions options) {
  return UnimplementedError(Describe(options.range.begin) + ": this store cannot list its keys");
}

Future<void> KvStore::DeleteRange(KeyRange range) {
  const std::string name = Describe(range.begin);
  if (!capabilities().writable) return Future<void>::Ready(ReadOnlyError(name));
  Result<std::unique_ptr<KvListing>> listing = List({.range = std::move(range)});
  if (!listing.ok()) return Future<void>::Ready(listing.status());
  if (*listing == nullptr) {
    return Future<void>::Ready(InternalError(name + ": List returned nothing"));
  }
  for (;;) {
    Result<std::vector<ListEntry>> page = Answered((*listing)->Next(), name, "Next").Get();
    if (!page.ok()) return Future<void>::Ready(page.status());
    if (page->empty()) return Future<void>::Ready(Status());
    std::vector<Future<WriteResult>> deletes;
    deletes.reserve(page->size());
    for (ListEntry& entry : *page) {
      deletes.push_back(Answered(Write(std::move(entry.key), std::nullopt), name, "Write"));
    }
    Status outcome;
    for (Future<WriteResult>& future : deletes) {
      if (Status status = future.Get().status(); outcome.ok()) outcome = status;
    }
    if (!outcome.ok()) return Future<void>::Ready(outcome);
  }
}

Future<void> KvStore::RenamePrefix(std::string from, std::string to) {
  if (!capabilities().writable) return Future<void>::Ready(ReadOnlyError(Describe(from)));
  return Future<void>::Ready(
      UnimplementedError(Describe(from) + ": this store cannot rename to \"" + to + "\""));
}

Future<std::vector<Debris>> KvStore::ClearDebris(KeyRange, ClearDebrisOptions) {
  return Future<std::vector<Debris>>::Ready(std::vector<Debris>());
}

Status ForEachPage(KvStore& store, ListOptions options,
                   const std::function<Status(std::span<const ListEntry>)>& see) {
  const std::string begin = options.range.begin;
  COFFER_ASSIGN_OR_RETURN(const std::unique_ptr<KvListing> listing, store.List(std::move(options)));
  for (;;) {
    COFFER_ASSIGN_OR_RETURN(const std::vector<ListEntry> page, listing->Next().Get());
    if (page.empty()) return Status();
    try {
      COFFER_RETURN_IF_ERROR(see(page));
    } catch (...) {
      return internal::StatusOfException().Annotate(store.Describe(begin));
    }
  }
}

namespace {

/// A folder's keys and folders, by name.
struct FolderContents {
  std::map<std::string, ListEntry> keys;
  std::set<std::string> folders;

  /// Adds an entry, folded or not, and gives the folder that it lies in; null for a key.
  const std::string* Add(ListEntry entry, size_t prefix_size) {
    const size_t slash = entry.key.find('/', prefix_size);
    if (slash != std::string::npos) return &*folders.insert(entry.key.substr(0, slash + 1)).first;
    ListEntry& kept = keys[entry.key];
    kept = std::move(entry);
    return nullptr;
  }
};

/// Lists one range of a folder. Where a page of keys is all of one folder below (which may have
/// millions), the rest of that folder is left out: `rest` receives what is on either side of it,
/// since the order of a listing is the store's own. So a key may be listed twice.
Status ListPartOfFolder(KvStore& store, size_t prefix_size, const KeyRange& range,
                        FolderContents* contents, std::vector<KeyRange>* rest) {
  COFFER_ASSIGN_OR_RETURN(const std::unique_ptr<KvListing> listing, store.List({.range = range}));
  for (;;) {
    COFFER_ASSIGN_OR_RETURN(std::vector<ListEntry> page, listing->Next().Get());
    if (page.empty()) return Status();
    std::set<const std::string*> seen;  // Null: a key.
    for (ListEntry& entry : page) seen.insert(contents->Add(std::move(entry), prefix_size));
    if (seen.contains(nullptr) || seen.size() > 1) continue;
    const KeyRange folder = KeyRange::Prefix(**seen.begin());
    if (range.begin < folder.begin) rest->push_back({range.begin, folder.begin});
    if (range.end.empty() || folder.end < range.end) rest->push_back({folder.end, range.end});
    return Status();
  }
}

}  // namespace

Result<FolderEntries> ListFolder(KvStore& store, std::string_view prefix) {
  FolderContents contents;
  std::vector<KeyRange> ranges = {KeyRange::Prefix(prefix)};
  if (store.capabilities().fold_listing) {
    COFFER_RETURN_IF_ERROR(
        ForEachPage(store, {.range = ranges[0], .fold = true}, [&](auto page) -> Status {
          for (const ListEntry& entry : page) contents.Add(entry, prefix.size());
          return Status();
        }));
    ranges.clear();
  }
  while (!ranges.empty()) {
    const KeyRange range = std::move(ranges.back());
    ranges.pop_back();
    COFFER_RETURN_IF_ERROR(ListPartOfFolder(store, prefix.size(), range, &contents, &ranges));
  }
  FolderEntries entries;
  for (auto& [key, entry] : contents.keys) entries.keys.push_back(std::move(entry));
  entries.folders.assign(contents.folders.begin(), contents.folders.end());
  return entries;
}

Result<std::vector<ListEntry>> ListAll(KvStore& store, ListOptions options) {
  std::vector<ListEntry> all;
  COFFER_RETURN_IF_ERROR(
      ForEachPage(store, std::move(options), [&](std::span<const ListEntry> page) {
        all.insert(all.end(), page.begin(), page.end());
        return Status();
      }));
  std::sort(all.begin(), all.end(),
            [](const ListEntry& a, const ListEntry& b) { return a.key < b.key; });
  return all;
}

}  // namespace coffer::inline v0
