// A read of a member:
//  1. The directory says what there is: no member, one whose generation holds it back, a range
//     that it lacks. Such an answer needs no bytes of the archive; but if the directory had been
//     known, the archive is asked whether it still is of that version.
//  2. Where the member's data begins stands in its local header. That is read by itself, or, if all
//     of the member is needed, together with the data.
//  3. Of a stored member the ranges are read, of a deflated one all of it. What is read whole is
//     compared with its checksum.
//  4. Every read of the archive is on condition of the directory's version. Not met: from step 1,
//     with the directory read anew.
#include "kvstore/zip/read.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "coffer/base/checked.h"
#include "coffer/kvstore/answer.h"
#include "src/base/compress.h"

namespace coffer::inline v0 {

namespace {

using Entry = ZipDirectory::Entry;
using State = ReadResult::State;

// Where a member is read together with its header: what the header may have beside its name, of
// which the directory does not tell the size.
constexpr int64_t kGuessedExtraBytes = 64;

ByteRange Shifted(const ByteRange& range, int64_t by) { return {range.begin + by, range.end + by}; }

class ZipRead : public std::enable_shared_from_this<ZipRead> {
 public:
  ZipRead(std::shared_ptr<ZipArchive> archive, ZipReadRequest request, ThenRead then)
      : archive_(std::move(archive)), request_(std::move(request)), then_(std::move(then)) {}

  void Begin() {
    if (attempts_-- == 0) return Finish(archive_->ReplacedTooOften());
    if (Cancelled()) return;
    archive_->Open(version_, Cancels(), [self = shared_from_this()](const auto& opened) {
      if (!opened.ok()) return self->Finish(opened.status());
      self->version_ = opened->version;
      if (!self->Cancelled()) self->Decide(opened->fresh);
    });
  }

 private:
  /// Step 1.
  void Decide(bool fresh) {
    entry_ = directory().Find(request_.key);
    if (entry_ == nullptr) {
      const ReadResult missing = AnswerMissing(request_.options);
      return AnswerIfNewest(fresh, ZipReadAnswer{missing.state, {}, missing.generation, -1});
    }
    // Of what the archive has at other times under this name.
    generation_ = {version_->generation.value + "/" + std::to_string(entry_->header_begin) + "-" +
                   std::to_string(entry_->size) + "-" + std::to_string(entry_->crc32)};
    if (const auto held = HeldBack(request_.options, generation_)) {
      return AnswerIfNewest(fresh, ZipReadAnswer{held->state, {}, held->generation, -1});
    }
    const Status status = Resolve();
    if (!status.ok()) return AnswerIfNewest(fresh, status);
    const auto is_empty = [](const ByteRange& range) { return range.begin == range.end; };
    if (std::all_of(ranges_.begin(), ranges_.end(), is_empty)) {
      return AnswerIfNewest(fresh, Answer(std::vector<Bytes>(ranges_.size())));
    }
    Fetch();
  }

  /// Resolves and checks the ranges.
  Status Resolve() {
    if (entry_->size < 0) return directory().CheckReadable(*entry_);
    ranges_.clear();
    int64_t sum = 0;
    for (const ByteRange& range : request_.ranges) {
      COFFER_ASSIGN_OR_RETURN(const ByteRange resolved, range.Resolve(entry_->size));
      sum = CheckedAdd(sum, resolved.end - resolved.begin).value_or(INT64_MAX);
      ranges_.push_back(resolved);
    }
    COFFER_RETURN_IF_ERROR(CheckMaxBytes(sum, request_.options.max_bytes));
    if (request_.destination && static_cast<int64_t>(request_.destination->size()) != sum) {
      return OutOfRangeError("the range has " + std::to_string(sum) + " bytes, the destination " +
                             std::to_string(request_.destination->size()));
    }
    if (sum == 0) return Status();
    COFFER_RETURN_IF_ERROR(directory().CheckReadable(*entry_));
    whole_ = ranges_.size() == 1 && ranges_[0] == ByteRange::Span(0, entry_->size);
    if (entry_->deflated() && !whole_ && entry_->size > kZipInflatedRangeBytesMax) {
      return ResourceExhaustedError("ranges of a deflated member need all of it, which has " +
                                    std::to_string(entry_->size) + " bytes, more than " +
                                    std::to_string(kZipInflatedRangeBytesMax));
    }
    return Status();
  }

  void AnswerIfNewest(bool fresh, Result<ZipReadAnswer> answer) {
    if (fresh) return Finish(answer);
    archive_->Verify(version_, Cancels(),
                     [self = shared_from_this(), answer](const Result<bool>& still) {
                       if (!still.ok()) return self->Finish(still.status());
                       if (!*still) return self->Begin();
                       self->Finish(answer);
                     });
  }

  /// Step 2.
  void Fetch() {
    const int64_t begin = directory().data_begin(*entry_);
    if (begin >= 0) return FetchData(begin);
    const int64_t header_bytes = kZipLocalHeaderBytes + entry_->name_size;
    const bool into = request_.destination && !entry_->deflated() && IsLocal();
    const bool together = (whole_ || entry_->deflated()) && !into;
    const int64_t room = entry_->limit - entry_->header_begin;
    const int64_t size =
        together ? std::min(room, header_bytes + kGuessedExtraBytes + entry_->stored_size)
                 : header_bytes;
    const auto range = ByteRange::Span(entry_->header_begin, entry_->header_begin + size);
    Read(range, [self = shared_from_this()](const Bytes& bytes) { self->OnHeader(bytes); });
  }

  void OnHeader(const Bytes& bytes) {
    const Result<int64_t> begin = directory().FindData(*entry_, bytes);
    if (!begin.ok()) return Finish(begin.status());
    const auto offset = static_cast<size_t>(*begin - entry_->header_begin);
    const auto size = static_cast<size_t>(entry_->stored_size);
    if (bytes.size() < offset || bytes.size() - offset < size) return FetchData(*begin);
    OnWhole(bytes.Slice(offset, size));
  }

  /// Step 3.
  void FetchData(int64_t begin) {
    const auto all = ByteRange::Span(begin, begin + entry_->stored_size);
    if (!entry_->deflated() && request_.destination) return FetchInto(Shifted(ranges_[0], begin));
    if (!entry_->deflated() && !whole_) return FetchRanges(begin);
    Read(all, [self = shared_from_this()](const Bytes& bytes) { self->OnWhole(bytes); });
  }

  void FetchInto(const ByteRange& range) {
    const auto reading =
        archive_->base().ReadInto(archive_->key(), *request_.destination, Options(range));
    Await(reading, [self = shared_from_this()](const ReadResult&) {
      if (self->whole_ && !self->Matches(*self->request_.destination)) return;
      self->Finish(self->Answer({}));
    });
  }

  void FetchRanges(int64_t begin) {
    if (ranges_.size() == 1) {
      Read(Shifted(ranges_[0], begin), [self = shared_from_this()](const Bytes& bytes) {
        self->Finish(self->Answer({bytes}));
      });
      return;
    }
    std::vector<ByteRange> shifted;
    for (const ByteRange& range : ranges_) shifted.push_back(Shifted(range, begin));
    const auto reading =
        archive_->base().ReadRanges(archive_->key(), std::move(shifted), Options(ByteRange::All()));
    Await(reading, [self = shared_from_this()](const ReadRangesResult& read) {
      for (size_t i = 0; i < self->ranges_.size(); ++i) {
        if (!self->IsComplete(read.values[i], self->ranges_[i])) return;
      }
      self->Finish(self->Answer(read.values));
    });
  }

  /// With all of the member's bytes, as stored.
  void OnWhole(const Bytes& stored) {
    const Result<Bytes> all = entry_->deflated() ? Inflate(stored) : stored;
    if (!all.ok()) return Finish(all.status());
    if (!Matches(*all)) return;
    std::vector<Bytes> values;
    for (const ByteRange& range : ranges_) {
      values.push_back(all->Slice(static_cast<size_t>(range.begin),
                                  static_cast<size_t>(range.end - range.begin)));
    }
    if (request_.destination) {
      std::memcpy(request_.destination->data(), values[0].data(), values[0].size());
      values.clear();
    }
    Finish(Answer(std::move(values)));
  }

  Result<Bytes> Inflate(const Bytes& stored) const {
    const auto size = static_cast<size_t>(entry_->size);
    std::shared_ptr<std::byte[]> memory;
    try {
      memory.reset(new std::byte[size]);
    } catch (...) {
      return internal::StatusOfException();
    }
    const std::span<std::byte> out(memory.get(), size);
    COFFER_ASSIGN_OR_RETURN(const size_t inflated, DeflateDecompress(stored, out));
    if (inflated != size) {
      return DataLossError("deflated data of " + std::to_string(inflated) + " bytes; " +
                           std::to_string(size) + " were expected");
    }
    return Bytes(std::move(memory), out);
  }

  /// Finishes unless the member's checksum is that of `all`.
  bool Matches(std::span<const std::byte> all) {
    if (Crc32(all) == entry_->crc32) return true;
    Finish(DataLossError("the checksum of its bytes (CRC-32) is another than the archive's"));
    return false;
  }
  /// Finishes unless the base store gave as many bytes as were asked for.
  bool IsComplete(const Bytes& bytes, const ByteRange& range) {
    if (static_cast<int64_t>(bytes.size()) == range.end - range.begin) return true;
    Finish(InternalError(archive_->Describe() + ": of " + std::to_string(range.end - range.begin) +
                         " bytes it gave " + std::to_string(bytes.size())));
    return false;
  }

  /// Of a part of the archive, in this version.
  ReadOptions Options(const ByteRange& range) const {
    return {.range = range,
            .if_equal = version_->generation,
            .cancel = request_.options.cancel,
            .reservation = request_.options.reservation};
  }

  /// Reads a part of the archive.
  template <class F>
  void Read(const ByteRange& range, F f) {
    Await(archive_->base().Read(archive_->key(), Options(range)),
          [self = shared_from_this(), range, f](const ReadResult& read) {
            if (self->IsComplete(read.value, range)) f(read.value);
          });
  }

  /// Calls f(answer) with what the archive has, if it still is of this version.
  template <class T, class F>
  void Await(const Future<T>& reading, F f) {
    if (!reading.ready()) request_.cancel.OnCancel([reading] { reading.Cancel(); });
    archive_->When(reading, [self = shared_from_this(), f](const Result<T>& read) {
      if (read.status().code() == StatusCode::kOutOfRange) {  // Of the archive, not of the member.
        return self->Finish(DataLossError(std::string(read.status().message())));
      }
      if (!read.ok()) return self->Finish(read.status());
      if (read->state != State::kValue) return self->Begin();
      f(*read);
    });
  }

  ZipCancel Cancels() const { return {request_.options.cancel, request_.cancel}; }
  bool Cancelled() {
    if (!Cancels().cancelled()) return false;
    Finish(CancelledError("read"));
    return true;
  }

  ZipReadAnswer Answer(std::vector<Bytes> values) const {
    return {State::kValue, std::move(values), generation_, entry_->size};
  }

  void Finish(const Result<ZipReadAnswer>& answer) {
    if (answer.ok()) return then_(answer);
    then_(answer.status().Annotate(request_.name));
  }

  const ZipDirectory& directory() const { return *version_->directory; }
  bool IsLocal() const { return archive_->base().capabilities().local; }

  const std::shared_ptr<ZipArchive> archive_;
  const ZipReadRequest request_;
  const ThenRead then_;
  int attempts_ = kZipAttempts;
  ZipVersionPtr version_;
  const Entry* entry_ = nullptr;  // Of the version.
  Generation generation_;
  std::vector<ByteRange> ranges_;  // Of the member.
  bool whole_ = false;             // All of the member is asked for, at once.
};

}  // namespace

void ReadZipMember(std::shared_ptr<ZipArchive> archive, ZipReadRequest request, ThenRead then) {
  std::make_shared<ZipRead>(std::move(archive), std::move(request), std::move(then))->Begin();
}

}  // namespace coffer::inline v0
