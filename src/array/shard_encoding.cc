#include "src/array/shard_encoding.h"

#include <algorithm>
#include <utility>

#include "src/array/read_work.h"
#include "src/codec/chain.h"

namespace coffer::inline v0 {
namespace {

constexpr int64_t kEncodedBatchBytes = KiB(256);  // So that small shards have several, too.
constexpr int64_t kBuffersOfALane = 2;

const CodecChain& InnerOf(const StoredArray& stored) {
  return stored.chain->shard_layout()->inner();
}

int64_t ChunksOfABatch(const StoredArray& stored) {
  return std::max<int64_t>(1, kEncodedBatchBytes / InnerOf(stored).max_encoded_size());
}

}  // namespace

/// A lane that was started. Nobody waits for it before it begins: all of the crew's may be busy.
class ShardEncoding::Lane : public Work {
 public:
  explicit Lane(std::weak_ptr<ShardEncoding> encoding) : encoding_(std::move(encoding)) {}

  Result<Pending> Step(Crew&, Reservation&) override {
    if (begun_ != nullptr) return begun_->Encode();
    begun_ = encoding_.lock();
    return begun_ != nullptr && begun_->BeginLane() ? begun_->Encode() : Pending::Done();
  }

 private:
  const std::weak_ptr<ShardEncoding> encoding_;
  std::shared_ptr<ShardEncoding> begun_;
};

ShardEncoding::ShardEncoding(StoredArrayPtr stored, const Context& context, const std::string& key,
                             Source source, WriteOptions options, int lanes)
    : stored_(std::move(stored)),
      context_(context),
      source_(std::move(source)),
      cancel_(options.cancel),
      lanes_max_(lanes),
      batch_chunks_(ChunksOfABatch(*stored_)),
      batches_(CeilDiv(stored_->chain->shard_layout()->num_entries(), batch_chunks_)),
      done_(context.shared_executor()),
      encoded_by_all_(done_.future()),
      writer_(std::in_place, *stored_, context_, key, std::move(options),
              source_.store_fill_chunks),
      put_(context.shared_executor()) {}

Result<Pending> ShardEncoding::Step(Crew& crew) {
  if (!encoded_) {
    if (!std::exchange(started_, true)) {
      StartOthers(crew);
      encoded_ = !BeginLane();
    }
    const Pending encoding = encoded_ ? Pending::Done() : Encode();
    if (!encoding.done()) return encoding;
    encoded_ = true;
  }
  if (!encoded_by_all_.ready()) return Pending::On(encoded_by_all_);
  COFFER_RETURN_IF_ERROR(encoded_by_all_.Get());
  return Pending::Done();
}

void ShardEncoding::StartOthers(Crew& crew) {
  for (int64_t i = 1; i < std::min<int64_t>(lanes_max_, batches_); ++i) {
    crew.Push(std::make_unique<Lane>(weak_from_this()));
  }
}

bool ShardEncoding::BeginLane() {
  MutexLock lock(mutex_);
  if (next_ == batches_ || !status_.ok()) return false;  // Too late: nobody waits for it.
  ++lanes_;
  return true;
}

Pending ShardEncoding::Encode() {
  Status status;
  while (status.ok()) {
    int64_t number = 0;
    {
      MutexLock lock(mutex_);
      if (!status_.ok() || next_ == batches_) break;
      if (next_ - next_put_ >= kBuffersOfALane * lanes_max_) return Pending::On(put_.future());
      number = next_++;
    }
    try {
      Result<Batch> batch = EncodeBatch(number);
      status = batch.ok() ? PutReady(number, *std::move(batch)) : batch.status();
    } catch (...) {  // A lane that did not end would be waited for.
      status = internal::StatusOfException();
    }
  }
  EndLane(status);
  return Pending::Done();
}

void ShardEncoding::EndLane(const Status& status) {
  Promise<void> put(context_.shared_executor());
  Status all;
  bool last = false;
  {
    MutexLock lock(mutex_);
    if (status_.ok()) status_ = status;
    if (!status_.ok()) {
      ready_.clear();
      std::swap(put, put_);  // Who waits for it is to end, too.
    }
    all = status_;
    last = --lanes_ == 0;
  }
  put.Set(Status());
  if (!last) return;
  if (!all.ok()) writer_.reset();  // It may draw on a reservation, which ends with done_.
  done_.Set(all);
}

Result<ShardEncoding::Batch> ShardEncoding::EncodeBatch(int64_t number) const {
  const CodecChain& inner = InnerOf(*stored_);
  const auto bound = static_cast<size_t>(inner.max_encoded_size());
  BufferPool& pool = context_.buffers();
  Batch batch;
  ScratchChunk scratch;
  const int64_t begin = number * batch_chunks_;
  const int64_t end =
      std::min(begin + batch_chunks_, stored_->chain->shard_layout()->num_entries());
  for (int64_t chunk = begin; chunk < end; ++chunk) {
    const Box box = InnerBox(*stored_, source_.cell, chunk);
    const Box inside = box.Intersect(source_.clipped);
    if (inside.empty()) continue;
    if (cancel_.cancelled()) return CancelledError("cancelled");
    const ConstView part = source_.elements.Subview(Relative(inside, source_.clipped));
    if (!source_.store_fill_chunks && AllEqual(part, inner.chunk().fill_value)) continue;
    if (batch.buffer.data() == nullptr) {
      COFFER_ASSIGN_OR_RETURN(batch.buffer,
                              pool.Allocate(bound * static_cast<size_t>(batch_chunks_)));
    }
    COFFER_ASSIGN_OR_RETURN(
        const size_t size,
        EncodeInner(context_, inner, box, part, scratch, batch.buffer.span().subspan(batch.size)));
    batch.chunks.push_back({chunk, {batch.size, size}});
    batch.size += size;
  }
  return batch;
}

/// By one lane at a time, and in order.
Status ShardEncoding::PutReady(int64_t number, Batch batch) {
  {
    MutexLock lock(mutex_);
    ready_.emplace(number, std::move(batch));
    if (std::exchange(putting_, true)) return Status();  // Whoever is putting will see it.
  }
  for (;;) {
    Batch next;
    {
      MutexLock lock(mutex_);
      const auto found = ready_.find(next_put_);
      if (found == ready_.end()) {
        putting_ = false;
        return Status();
      }
      next = std::move(found->second);
      ready_.erase(found);
    }
    COFFER_RETURN_IF_ERROR(writer_->PutEncoded(next.chunks, next.buffer.span().first(next.size)));
    next = Batch();
    Promise<void> put(context_.shared_executor());
    {
      MutexLock lock(mutex_);
      ++next_put_;
      std::swap(put, put_);
    }
    put.Set(Status());
  }
}

int64_t ShardEncodingBytes(const StoredArray& stored, int lanes) {
  const CodecChain& inner = InnerOf(stored);
  const int64_t batch = BufferPool::CapacityFor(ChunksOfABatch(stored) * inner.max_encoded_size());
  const int64_t lane =
      kBuffersOfALane * batch + inner.encode_scratch_bytes() + ScratchChunkBytes(inner.chunk());
  return CheckedAdd(FilledShardWriterBytes(stored), lanes * lane).value_or(INT64_MAX);
}

}  // namespace coffer::inline v0
