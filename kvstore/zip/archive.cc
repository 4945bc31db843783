// Reading a directory:
//  1. The archive's last kZipTailBytes, which tell its size and generation. An archive that has
//     fewer is read whole.
//  2. The directory, if the tail does not have all of it, under that generation. Replaced
//     meanwhile: from the beginning.
// Those who come while a directory is being read from a store that is not local get it, too, but
// must ask whether it still was the newest when they came; if it could not be read, it is read once
// more for all of them. Of a local store everybody reads for himself: waiting for another thread
// would be blocking.
// Who waits is taken off the list by whoever tells him, under the lock, so he is told once. Whoever
// cancels takes himself off; the last one to do so cancels the reads. What comes then brings those
// nothing who have come meanwhile, and is read once more for them.
#include "kvstore/zip/archive.h"

#include <cstdint>
#include <string>

namespace coffer::inline v0 {

struct ZipArchive::Load {
  ThenOpened then;  // Of one that nobody shares.
  CancelSource stop;
  int attempts = kZipAttempts;
  ZipEnd end;
  Generation generation;
};

namespace {

Result<ZipDirectoryPtr> ParseOrRunOut(Bytes bytes, const ZipEnd& end) {
  try {
    return ZipDirectory::Parse(std::move(bytes), end);
  } catch (...) {
    return internal::StatusOfException();
  }
}

bool IsValue(const ReadResult& read) { return read.state == ReadResult::State::kValue; }

}  // namespace

Status ZipArchive::ReplacedTooOften() const {
  return AbortedError(Describe() + ": replaced every time it was read, " +
                      std::to_string(kZipAttempts) + " times");
}

void ZipArchive::Waiter::Tell(const Result<Opened>& opened) const {
  internal::ForgetCallback(cancel.given, given_id);
  internal::ForgetCallback(cancel.future, future_id);
  then(opened);
}

void ZipArchive::Open(const ZipVersionPtr& stale, const ZipCancel& cancel, ThenOpened then) {
  ZipVersionPtr known;
  {
    MutexLock lock(mutex_);
    if (known_ != stale) known = known_;
  }
  if (known != nullptr) return then(Opened{std::move(known), false});
  if (!base_->capabilities().local) return OpenShared(stale, cancel, std::move(then));
  auto load = std::make_shared<Load>();
  load->then = std::move(then);
  ReadTail(load);
}

void ZipArchive::OpenShared(const ZipVersionPtr& stale, const ZipCancel& cancel, ThenOpened then) {
  const uint64_t number = next_waiter_++;
  const auto leave = [self = shared_from_this(), number] { self->Leave(number); };
  const Waiter waiter{std::move(then), cancel, cancel.given.OnCancel(leave),
                      cancel.future.OnCancel(leave)};
  ZipVersionPtr known;
  std::shared_ptr<Load> load;
  {
    MutexLock lock(mutex_);
    if (known_ != stale) known = known_;
    if (known == nullptr && loading_ == nullptr) load = loading_ = std::make_shared<Load>();
    if (known == nullptr) (load != nullptr ? first_ : waiting_).emplace(number, waiter);
  }
  if (known != nullptr) return waiter.Tell(Opened{std::move(known), false});
  if (load != nullptr) ReadTail(load);
  if (cancel.cancelled()) Leave(number);  // The callback may have come before he was on the list.
}

void ZipArchive::Leave(uint64_t number) {
  Waiters::node_type waiter;
  std::shared_ptr<Load> unwanted;
  {
    MutexLock lock(mutex_);
    waiter = first_.extract(number);
    if (waiter.empty()) waiter = waiting_.extract(number);
    if (waiter.empty()) return;
    if (first_.empty() && waiting_.empty()) unwanted = loading_;
  }
  if (unwanted != nullptr) unwanted->stop.Cancel();
  waiter.mapped().Tell(CancelledError("read"));
}

void ZipArchive::OpenNewest(const ZipVersionPtr& stale, int attempts, const ZipCancel& cancel,
                            ThenOpened then) {
  if (attempts == 0) return then(ReplacedTooOften());
  Open(stale, cancel,
       [self = shared_from_this(), attempts, cancel, then](const Result<Opened>& opened) {
         if (!opened.ok() || opened->fresh) return then(opened);
         const ZipVersionPtr version = opened->version;
         self->Verify(version, cancel,
                      [self, attempts, cancel, then, version](const Result<bool>& still) {
                        if (!still.ok()) return then(still.status());
                        if (*still) return then(Opened{version, true});
                        self->OpenNewest(version, attempts - 1, cancel, then);
                      });
       });
}

void ZipArchive::Verify(const ZipVersionPtr& version, const ZipCancel& cancel,
                        std::function<void(const Result<bool>&)> then) {
  const Future<ReadResult> reading = base_->Read(
      key_, {.range = ByteRange::Stat(), .if_equal = version->generation, .cancel = cancel.given});
  if (!reading.ready()) cancel.future.OnCancel([reading] { reading.Cancel(); });
  When(reading, [then = std::move(then)](const Result<ReadResult>& read) {
    if (!read.ok()) return then(read.status());
    then(IsValue(*read));
  });
}

void ZipArchive::ReadTail(const std::shared_ptr<Load>& load) {
  if (load->attempts-- == 0) return Finish(load, ReplacedTooOften());
  When(base_->Read(key_, {.range = ByteRange::Last(kZipTailBytes), .cancel = load->stop.token()}),
       [self = shared_from_this(), load](const Result<ReadResult>& tail) {
         if (tail.status().code() == StatusCode::kOutOfRange) return self->ReadSmall(load);
         if (!tail.ok()) return self->Finish(load, tail.status());
         self->FindDirectory(load, *tail);
       });
}

void ZipArchive::ReadSmall(const std::shared_ptr<Load>& load) {
  When(base_->Read(key_, {.max_bytes = kZipTailBytes, .cancel = load->stop.token()}),
       [self = shared_from_this(), load](const Result<ReadResult>& all) {
         // It has grown.
         if (all.status().code() == StatusCode::kResourceExhausted) return self->ReadTail(load);
         if (!all.ok()) return self->Finish(load, all.status());
         self->FindDirectory(load, *all);
       });
}

void ZipArchive::FindDirectory(const std::shared_ptr<Load>& load, const ReadResult& tail) {
  if (!IsValue(tail)) return Finish(load, NotFoundError(Describe() + ": there is no zip archive"));
  if (!tail.generation.known() || tail.total_size < static_cast<int64_t>(tail.value.size())) {
    return Finish(load, FailedPreconditionError(
                            Describe() + ": the store tells no generation or size of it, so its "
                                         "parts cannot be known to be of one version"));
  }
  const Result<ZipEnd> end = FindZipEnd(tail.value, tail.total_size);
  if (!end.ok()) return Finish(load, end.status().Annotate(Describe()));
  load->end = *end;
  load->generation = tail.generation;
  const int64_t tail_begin = tail.total_size - static_cast<int64_t>(tail.value.size());
  if (end->directory_begin >= tail_begin) {
    return Parse(load, tail.value.Slice(static_cast<size_t>(end->directory_begin - tail_begin),
                                        static_cast<size_t>(end->directory_size)));
  }
  const auto range =
      ByteRange::Span(end->directory_begin, end->directory_begin + end->directory_size);
  const ReadOptions options{
      .range = range, .if_equal = tail.generation, .cancel = load->stop.token()};
  When(base_->Read(key_, options),
       [self = shared_from_this(), load](const Result<ReadResult>& directory) {
         if (!directory.ok()) return self->Finish(load, directory.status());
         if (!IsValue(*directory)) return self->ReadTail(load);
         self->Parse(load, directory->value);
       });
}

void ZipArchive::Parse(const std::shared_ptr<Load>& load, Bytes bytes) {
  const Result<ZipDirectoryPtr> directory = ParseOrRunOut(std::move(bytes), load->end);
  if (!directory.ok()) return Finish(load, directory.status().Annotate(Describe()));
  Finish(load, std::make_shared<const ZipVersion>(ZipVersion{*directory, load->generation}));
}

void ZipArchive::Finish(const std::shared_ptr<Load>& load, const Result<ZipVersionPtr>& loaded) {
  Waiters first;
  Waiters waiting;
  std::shared_ptr<Load> next;
  {
    MutexLock lock(mutex_);
    if (loaded.ok()) known_ = *loaded;
    if (load == loading_) {
      first.swap(first_);
      waiting.swap(waiting_);
      if (!loaded.ok() && !waiting.empty()) {
        next = std::make_shared<Load>();
        first_.swap(waiting);
      }
      loading_ = next;
    }
  }
  const Result<Opened> opened =
      loaded.ok() ? Result<Opened>(Opened{*loaded, true}) : loaded.status();
  if (load->then) load->then(opened);
  for (const auto& [number, waiter] : first) waiter.Tell(opened);
  if (next != nullptr) return ReadTail(next);
  for (const auto& [number, waiter] : waiting) waiter.Tell(Opened{*loaded, false});
}

}  // namespace coffer::inline v0
