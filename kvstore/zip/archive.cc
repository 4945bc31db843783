// Reading a directory:
//  1. The archive's last kZipTailBytes, which tell its size and generation. An archive that has
//     fewer is read whole.
//  2. The directory, if the tail does not have all of it, under that generation. Replaced
//     meanwhile: from the beginning.
// Those who come while a directory is being read from a store that is not local get it, too, but
// must ask whether it still was the newest when they came; if it could not be read, it is read once
// more for all of them. Of a local store everybody reads for himself: waiting for another thread
// would be blocking.
#include "kvstore/zip/archive.h"

#include <cstdint>
#include <string>

namespace coffer::inline v0 {

struct ZipArchive::Load {
  std::vector<ThenOpened> thens;
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

void ZipArchive::Open(const ZipVersionPtr& stale, ThenOpened then) {
  ZipVersionPtr known;
  {
    MutexLock lock(mutex_);
    if (known_ != nullptr && known_ != stale) {
      known = known_;
    } else if (loading_) {
      waiting_.push_back(std::move(then));
      return;
    } else {
      loading_ = !base_->capabilities().local;
    }
  }
  if (known != nullptr) return then(Opened{std::move(known), false});
  auto load = std::make_shared<Load>();
  load->thens.push_back(std::move(then));
  ReadTail(load);
}

void ZipArchive::OpenNewest(const ZipVersionPtr& stale, int attempts, ThenOpened then) {
  if (attempts == 0) return then(ReplacedTooOften());
  Open(stale, [self = shared_from_this(), attempts, then](const Result<Opened>& opened) {
    if (!opened.ok() || opened->fresh) return then(opened);
    const ZipVersionPtr version = opened->version;
    self->Verify(version, [self, attempts, then, version](const Result<bool>& still) {
      if (!still.ok()) return then(still.status());
      if (*still) return then(Opened{version, true});
      self->OpenNewest(version, attempts - 1, then);
    });
  });
}

void ZipArchive::Verify(const ZipVersionPtr& version,
                        std::function<void(const Result<bool>&)> then) {
  const ReadOptions options = {.range = ByteRange::Stat(), .if_equal = version->generation};
  When(base_->Read(key_, options), [then = std::move(then)](const Result<ReadResult>& read) {
    if (!read.ok()) return then(read.status());
    then(IsValue(*read));
  });
}

void ZipArchive::ReadTail(const std::shared_ptr<Load>& load) {
  if (load->attempts-- == 0) return Finish(load, ReplacedTooOften());
  When(base_->Read(key_, {.range = ByteRange::Last(kZipTailBytes)}),
       [self = shared_from_this(), load](const Result<ReadResult>& tail) {
         if (tail.status().code() == StatusCode::kOutOfRange) return self->ReadSmall(load);
         if (!tail.ok()) return self->Finish(load, tail.status());
         self->FindDirectory(load, *tail);
       });
}

void ZipArchive::ReadSmall(const std::shared_ptr<Load>& load) {
  When(base_->Read(key_, {.max_bytes = kZipTailBytes}),
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
  When(base_->Read(key_, {.range = range, .if_equal = tail.generation}),
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
  std::vector<ThenOpened> waiting;
  std::shared_ptr<Load> next;
  {
    MutexLock lock(mutex_);
    if (loaded.ok()) known_ = *loaded;
    waiting.swap(waiting_);
    if (!loaded.ok() && !waiting.empty()) next = std::make_shared<Load>();
    loading_ = next != nullptr;
  }
  for (const ThenOpened& then : load->thens) {
    then(loaded.ok() ? Result<Opened>(Opened{*loaded, true}) : loaded.status());
  }
  if (next != nullptr) {
    next->thens = std::move(waiting);
    return ReadTail(next);
  }
  for (const ThenOpened& then : waiting) then(Opened{*loaded, false});
}

}  // namespace coffer::inline v0
