// The file store. How it writes is told in write.cc, how it finds and locks a key in root.cc, how
// it lists and deletes in tree.cc.
//
// A read opens the value beneath the root (no link leads out of it), takes size and generation from
// the open file, and reads from it: whatever is renamed over the key meanwhile, all bytes are of
// that one generation.
#include "kvstore/file/file.h"

#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "coffer/base/checked.h"
#include "coffer/kvstore/answer.h"
#include "kvstore/file/debris.h"
#include "kvstore/file/io.h"
#include "kvstore/file/root.h"
#include "kvstore/file/spec.h"
#include "kvstore/file/stream.h"
#include "kvstore/file/tree.h"
#include "kvstore/file/write.h"
#include "src/base/shown.h"
#include "src/kvstore/coalesce.h"
#include "src/kvstore/url.h"

namespace coffer::inline v0 {

namespace {

constexpr int64_t kGapBytes = KiB(4);  // A page: reading on is cheaper than another call.
constexpr int64_t kSizeMaxBytes = MiB(8);

class FileStore final : public KvStore {
 public:
  FileStore(std::shared_ptr<const FileRoot> root, Context context)
      : context_(std::move(context)), root_(std::move(root)) {}

  Future<ReadResult> Read(std::string key, ReadOptions options) override {
    return Future<ReadResult>::Ready(ReadNow(key, options, nullptr));
  }
  Future<ReadResult> ReadInto(std::string key, std::span<std::byte> destination,
                              ReadOptions options) override {
    return Future<ReadResult>::Ready(ReadNow(key, options, &destination));
  }
  Future<ReadRangesResult> ReadRanges(std::string key, std::vector<ByteRange> ranges,
                                      ReadOptions options) override {
    return Future<ReadRangesResult>::Ready(ReadRangesNow(key, std::move(ranges), options));
  }

  Future<WriteResult> Write(std::string key, std::optional<BytesChain> value,
                            WriteOptions options) override {
    CountWrite(value ? value->size() : 0);
    return WriteFileValue(root_, std::move(key), std::move(value), std::move(options));
  }
  Result<std::unique_ptr<KvWriter>> OpenWriter(std::string key, WriteOptions options) override;

  Result<std::unique_ptr<KvListing>> List(ListOptions options) override {
    return ListFileTree(root_, std::move(options));
  }
  Future<void> DeleteRange(KeyRange range) override {
    CountWrite(0);
    return DeleteFileRange(root_, std::move(range));
  }
  Future<void> RenamePrefix(std::string from, std::string to) override {
    CountWrite(0);
    return Future<void>::Ready(RenameFilePrefix(*root_, from, to));
  }

  Future<std::vector<Debris>> ClearDebris(KeyRange range, ClearDebrisOptions options) override {
    return Future<std::vector<Debris>>::Ready(ClearFileDebris(*root_, std::move(range), options));
  }

  Capabilities capabilities() const override {
    const bool exact = root_->options().locking != FileStoreOptions::Locking::kNone;
    Capabilities can;
    can.local = true;
    can.fold_listing = true;
    can.conditional_write = exact;
    can.conditional_delete = exact;
    can.conditional_create = true;
    can.durable = root_->options().sync;
    can.atomic_rename = true;
    can.streaming_write = true;
    can.stream_bytes = root_->options().direct_streams ? kDirectStreamBytes : 0;
    can.key_beside_prefix = false;
    can.coalesce_gap_bytes = kGapBytes;
    can.coalesce_size_max_bytes = kSizeMaxBytes;
    return can;
  }

  std::string Describe(std::string_view key) const override { return root_->Describe(key); }

 private:
  struct OpenValue {
    File file;  // Invalid: missing.
    FileStat stat;
    Generation generation;
  };

  Result<OpenValue> Open(const std::string& key, const ReadOptions& options) const;
  Result<ReadResult> ReadNow(const std::string& key, const ReadOptions& options,
                             const std::span<std::byte>* destination);
  Result<ReadRangesResult> ReadRangesNow(const std::string& key, std::vector<ByteRange> ranges,
                                         const ReadOptions& options);
  Status Fill(const OpenValue& open, const std::string& key, std::span<std::byte> destination,
              int64_t offset) const;
  Status FillPieces(const OpenValue& open, const std::string& key, std::vector<iovec> pieces,
                    int64_t offset, int64_t size) const;
  Result<Bytes> Fetch(const OpenValue& open, const std::string& key, const ByteRange& range) const;
  Status FetchMany(const OpenValue& open, const std::string& key, const CoalescedRange& fetch,
                   std::span<const ByteRange> ranges, std::span<Bytes> values) const;
  void CountWrite(size_t bytes) const {
    ++context_.stats().write_requests;
    context_.stats().bytes_written += static_cast<int64_t>(bytes);
  }

  const Context context_;
  const std::shared_ptr<const FileRoot> root_;
};

Result<FileStore::OpenValue> FileStore::Open(const std::string& key,
                                             const ReadOptions& options) const {
  COFFER_RETURN_IF_ERROR(root_->CheckKey(key));
  if (options.cancel.cancelled()) return CancelledError(root_->Describe(key) + ": read");
  ++context_.stats().read_requests;
  OpenValue open;
  COFFER_ASSIGN_OR_RETURN(open.file, root_->OpenValue(key, &open.stat));
  if (open.file.valid()) open.generation = FileRoot::GenerationOf(open.stat);
  return open;
}

Status FileStore::Fill(const OpenValue& open, const std::string& key,
                       std::span<std::byte> destination, int64_t offset) const {
  return FillPieces(open, key, {{destination.data(), destination.size()}}, offset,
                    static_cast<int64_t>(destination.size()));
}

Status FileStore::FillPieces(const OpenValue& open, const std::string& key,
                             std::vector<iovec> pieces, int64_t offset, int64_t size) const {
  const int64_t got = ReadAll(root_->ops(), open.file.get(), std::move(pieces), offset);
  if (got < 0) return root_->Error(static_cast<int>(got), key, "reading");
  context_.stats().bytes_read += got;
  if (got == size) return Status();
  return UnavailableError(root_->Describe(key) + ": ends at byte " + std::to_string(offset + got) +
                          " of " + std::to_string(open.stat.size) +
                          ": it was truncated while it was read");
}

Result<Bytes> FileStore::Fetch(const OpenValue& open, const std::string& key,
                               const ByteRange& range) const {
  const auto size = static_cast<size_t>(range.end - range.begin);
  if (size == 0) return Bytes();
  Result<Buffer> buffer = context_.buffers().Allocate(size);
  if (!buffer.ok()) return buffer.status().Annotate(root_->Describe(key));
  COFFER_RETURN_IF_ERROR(Fill(open, key, buffer->span(), range.begin));
  return (*std::move(buffer)).ToBytes(size);
}

/// One read of near ranges: into one buffer for the bytes that were asked for, while what lies
/// between them goes to one place for all.
Status FileStore::FetchMany(const OpenValue& open, const std::string& key,
                            const CoalescedRange& fetch, std::span<const ByteRange> ranges,
                            std::span<Bytes> values) const {
  std::vector<ByteRange> wanted;  // What the ranges cover, without gaps inside.
  std::vector<size_t> places;     // Of each member, in the buffer.
  size_t size = 0;
  for (const size_t member : fetch.members) {
    const ByteRange& range = ranges[member];
    if (wanted.empty() || range.begin > wanted.back().end)
      wanted.push_back({range.begin, range.begin});
    places.push_back(size - static_cast<size_t>(wanted.back().end - range.begin));
    if (range.end <= wanted.back().end) continue;
    size += static_cast<size_t>(range.end - wanted.back().end);
    wanted.back().end = range.end;
  }
  if (size == 0) return Status();
  Result<Buffer> buffer = context_.buffers().Allocate(size);
  if (!buffer.ok()) return buffer.status().Annotate(root_->Describe(key));
  std::array<std::byte, kGapBytes> gap;
  std::vector<iovec> pieces;
  std::byte* next = buffer->data();
  int64_t at = fetch.range.begin;
  for (const ByteRange& range : wanted) {
    const auto length = static_cast<size_t>(range.end - range.begin);
    if (range.begin > at) pieces.push_back({gap.data(), static_cast<size_t>(range.begin - at)});
    pieces.push_back({next, length});
    next += length;
    at = range.end;
  }
  COFFER_RETURN_IF_ERROR(FillPieces(open, key, std::move(pieces), fetch.range.begin,
                                    fetch.range.end - fetch.range.begin));
  const Bytes bytes = (*std::move(buffer)).ToBytes(size);
  for (size_t i = 0; i < places.size(); ++i) {
    const ByteRange& range = ranges[fetch.members[i]];
    values[fetch.members[i]] = bytes.Slice(places[i], static_cast<size_t>(range.end - range.begin));
  }
  return Status();
}

Result<ReadResult> FileStore::ReadNow(const std::string& key, const ReadOptions& options,
                                      const std::span<std::byte>* destination) {
  COFFER_ASSIGN_OR_RETURN(const OpenValue open, Open(key, options));
  if (!open.file.valid()) return AnswerMissing(options);
  if (std::optional<ReadResult> held_back = HeldBack(options, open.generation)) return *held_back;
  const Result<ByteRange> range = ResolveRead(options, open.stat.size);
  if (!range.ok()) return range.status().Annotate(root_->Describe(key));
  ReadResult result;
  result.state = ReadResult::State::kValue;
  result.generation = open.generation;
  result.total_size = open.stat.size;
  if (destination == nullptr) {
    COFFER_ASSIGN_OR_RETURN(result.value, Fetch(open, key, *range));
    return result;
  }
  if (range->end - range->begin != static_cast<int64_t>(destination->size())) {
    return OutOfRangeError(root_->Describe(key) + ": the range has " +
                           std::to_string(range->end - range->begin) + " bytes, the destination " +
                           std::to_string(destination->size()));
  }
  COFFER_RETURN_IF_ERROR(Fill(open, key, *destination, range->begin));
  return result;
}

Result<ReadRangesResult> FileStore::ReadRangesNow(const std::string& key,
                                                  std::vector<ByteRange> ranges,
                                                  const ReadOptions& options) {
  COFFER_ASSIGN_OR_RETURN(const OpenValue open, Open(key, options));
  ReadRangesResult result;
  std::optional<ReadResult> held_back =
      open.file.valid() ? HeldBack(options, open.generation) : AnswerMissing(options);
  if (held_back) {
    result.state = held_back->state;
    result.generation = held_back->generation;
    return result;
  }
  int64_t sum = 0;
  for (ByteRange& range : ranges) {
    const Result<ByteRange> resolved = range.Resolve(open.stat.size);
    if (!resolved.ok()) return resolved.status().Annotate(root_->Describe(key));
    range = *resolved;
    sum = CheckedAdd(sum, range.end - range.begin).value_or(INT64_MAX);
  }
  if (const Status status = CheckMaxBytes(sum, options.max_bytes); !status.ok()) {
    return status.Annotate(root_->Describe(key));
  }
  result.state = ReadResult::State::kValue;
  result.generation = open.generation;
  result.values.resize(ranges.size());
  for (const CoalescedRange& fetch : Coalesce(ranges, kGapBytes, kSizeMaxBytes)) {
    COFFER_RETURN_IF_ERROR(FetchMany(open, key, fetch, ranges, result.values));
  }
  return result;
}

/// Counts what passes into the context's statistics.
class CountingWriter final : public KvWriter {
 public:
  CountingWriter(std::unique_ptr<KvWriter> writer, Context context)
      : context_(std::move(context)), writer_(std::move(writer)) {}
  Status Append(std::span<const std::byte> bytes) override {
    context_.stats().bytes_written += static_cast<int64_t>(bytes.size());
    return writer_->Append(bytes);
  }
  Future<WriteResult> Commit() override { return writer_->Commit(); }

 private:
  const Context context_;
  const std::unique_ptr<KvWriter> writer_;
};

Result<std::unique_ptr<KvWriter>> FileStore::OpenWriter(std::string key, WriteOptions options) {
  CountWrite(0);
  COFFER_ASSIGN_OR_RETURN(std::unique_ptr<KvWriter> writer,
                          OpenFileWriter(root_, std::move(key), std::move(options)));
  return std::make_unique<CountingWriter>(std::move(writer), context_);
}

Result<std::string> AbsolutePath(std::string_view path) {
  if (path.empty()) return InvalidArgumentError("a file store needs a path");
  if (path.find('\0') != std::string_view::npos) {
    return InvalidArgumentError("the path of a file store has no NUL byte");
  }
  std::error_code error;
  std::string absolute =
      std::filesystem::absolute(std::filesystem::path(path), error).lexically_normal().string();
  if (error) {
    return FailedPreconditionError("path \"" + std::string(path) +
                                   "\": the current directory: " + error.message());
  }
  while (absolute.ends_with('/')) absolute.pop_back();
  return absolute;
}

Result<KvStorePtr> OpenUrl(std::string_view text, const Context& context) {
  COFFER_ASSIGN_OR_RETURN(const Url url, Url::Parse(text));
  if (!url.authority.empty() && url.authority != "localhost") {
    return InvalidArgumentError("URL \"" + ShownUrl(text) + "\": host \"" +
                                ShownUrl("//" + url.authority).substr(2) +
                                "\": a file URL names no host (three slashes: file:///path)");
  }
  if (url.path.empty()) {
    return InvalidArgumentError("URL \"" + ShownUrl(text) + "\": expected file:///path");
  }
  return MakeFileStore(url.path, {}, context);
}

Result<KvStorePtr> OpenJson(std::string_view text, const Context& context) {
  COFFER_ASSIGN_OR_RETURN(const FileStoreSpec spec, ParseFileStoreSpec(text));
  return MakeFileStore(spec.path, spec.options, context);
}

Result<KvStorePtr> OpenPath(std::string_view path, const Context& context) {
  return MakeFileStore(path, {}, context);
}

}  // namespace

Result<KvStorePtr> MakeFileStore(std::string_view path, const FileStoreOptions& options,
                                 const Context& context, FileOps& ops) {
  COFFER_ASSIGN_OR_RETURN(std::string absolute, AbsolutePath(path));
  auto root = std::make_shared<const FileRoot>(std::move(absolute), options, ops,
                                               context.Get<ContextEngine>().engine(),
                                               context.shared_executor());
  return std::make_shared<FileStore>(std::move(root), context);
}

Result<KvStorePtr> MakeFileStore(std::string_view path, const FileStoreOptions& options,
                                 const Context& context) {
  return MakeFileStore(path, options, context, SystemFileOps::Get());
}

StoreDriver FileStoreDriver() {
  return {.name = "file",
          .schemes = {"file"},
          .open_url = OpenUrl,
          .open_json = OpenJson,
          .open_path = OpenPath};
}

}  // namespace coffer::inline v0
