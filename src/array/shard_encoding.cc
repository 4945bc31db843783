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

  Result<Pending> Step(Crew& crew, Reservation&) override {
    if (const auto encoding = encoding_.lock(); encoding != nullptr) encoding->RunLane(crew);
    return Pending::Done();
  }

 private:
  const std::weak_ptr<ShardEncoding> encoding_;
};

ShardEncoding::ShardEncoding(StoredArrayPtr stored, const Context& context, const std::string& key,
                             Source source, WriteOptions options, int lanes)
    : stored_(std::move(stored)),
      context_(context),
      key_(key),
      source_(std::move(source)),
      cancel_(options.cancel),
      lanes_max_(lanes),
      batch_chunks_(ChunksOfABatch(*stored_)),
      batches_(CeilDiv(stored_->chain->shard_layout()->num_entries(), batch_chunks_)),
      done_(context.shared_executor()),
      writer_(*stored_, context_, key, std::move(options), source_.store_fill_chunks) {}

void ShardEncoding::Start(Crew& crew) {
  {
    MutexLock lock(mutex_);
    lanes_ = 1;
  }
  for (int64_t i = 1; i < std::min<int64_t>(lanes_max_, batches_); ++i) StartLane(crew);
  RunLane(crew);
}

void ShardEncoding::StartLane(Crew& crew) {
  {
    MutexLock lock(mutex_);
    if (lanes_ == lanes_max_ || next_ == batches_ || !status_.ok()) return;
    ++lanes_;
  }
  crew.Push(std::make_unique<Lane>(weak_from_this()));
}

void ShardEncoding::RunLane(Crew& crew) {
  {
    MutexLock lock(mutex_);
    if (next_ == batches_ || !status_.ok()) return;  // Too late: nobody waits for it.
    ++running_;
  }
  Status status;
  for (int64_t number = 0; status.ok() && TakeNumber(&number);) {
    Result<Batch> batch = EncodeBatch(number);
    status = batch.ok() ? PutReady(crew, number, *std::move(batch)) : batch.status();
  }
  {
    MutexLock lock(mutex_);
    if (status_.ok()) status_ = status;
    if (!status_.ok()) ready_.clear();
    status = status_;
    --lanes_;
    if (--running_ > 0) return;
  }
  done_.Set(status);
}

bool ShardEncoding::TakeNumber(int64_t* number) {
  MutexLock lock(mutex_);
  if (!status_.ok() || next_ == batches_) return false;
  if (next_ - next_put_ >= kBuffersOfALane * lanes_max_) return false;
  *number = next_++;
  return true;
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

Status ShardEncoding::PutReady(Crew& crew, int64_t number, Batch batch) {
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
    COFFER_RETURN_IF_ERROR(writer_.PutEncoded(next.chunks, next.buffer.span().first(next.size)));
    next = Batch();
    {
      MutexLock lock(mutex_);
      ++next_put_;
    }
    StartLane(crew);
  }
}

int64_t ShardEncodingBytes(const StoredArray& stored, int lanes) {
  const CodecChain& inner = InnerOf(stored);
  const int64_t batch = BufferPool::CapacityFor(ChunksOfABatch(stored) * inner.max_encoded_size());
  const int64_t lane =
      kBuffersOfALane * batch + inner.encode_scratch_bytes() + ScratchChunkBytes(inner.chunk());
  return CheckedAdd(ShardWriterBytes(stored), lanes * lane).value_or(INT64_MAX);
}

}  // namespace coffer::inline v0
