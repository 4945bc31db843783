// ShardWriter: one shard, put together inner chunk by inner chunk, in any order.
//
// Where the store streams and the index stands at the end, encoded chunks go out in batches of
// about a mebibyte and the index last, so a shard of any size needs little memory. Otherwise the
// encoded shard is held until Finish (ShardWriterBytes counts it).
//
// Nothing of the shard shows before Finish; a shard with no stored chunk left deletes its key.
// Belongs to one thread.
#ifndef COFFER_SRC_ARRAY_SHARD_WRITER_H_
#define COFFER_SRC_ARRAY_SHARD_WRITER_H_

#include <memory>
#include <string>
#include <vector>

#include "coffer/array/driver.h"
#include "coffer/async/context.h"
#include "src/array/chunk_io.h"
#include "src/codec/shard_layout.h"

namespace coffer::inline v0 {

/// Whether shards of this array go out piece by piece, not as one value.
bool ShardStreams(const StoredArray& stored);

/// Whether the store can delete a key by a write with these options: one that keeps conditions on
/// writes may keep none on deletes. Where it cannot, nothing but fill values is stored as such.
bool CanDelete(const KvStore& store, const WriteOptions& options);

class ShardWriter {
 public:
  /// Requires stored.chain->shard_layout() != nullptr. `stored` and `context` must outlive it.
  ShardWriter(const StoredArray& stored, const Context& context, std::string key,
              WriteOptions options, bool store_fill_chunks);

  /// Encodes what is to stand at inner chunk `number`: a whole inner chunk, or the part of one that
  /// lies inside the array (the rest is filled). A chunk of fill values becomes absent.
  Status Put(int64_t number, const Box& inner_box, const ConstView& part);
  /// Takes encoded bytes as they are for the chunks in `entries`, whose offsets count from the
  /// start of `encoded`.
  struct EncodedChunk {
    int64_t number = 0;
    ShardEntry entry;
  };
  Status PutEncoded(std::span<const EncodedChunk> entries, std::span<const std::byte> encoded);

  /// Writes the index and publishes the shard (or deletes the key, if every chunk is absent).
  Future<WriteResult> Finish();
  /// What the future of Finish holds until it resolves.
  int64_t sent_bytes() const { return sent_bytes_; }

 private:
  bool streaming() const { return ShardStreams(stored_); }
  Result<std::span<std::byte>> RoomInBatch(int64_t bytes);
  Status Flush();
  Status Append(std::span<const std::byte> bytes);
  Result<Future<WriteResult>> FinishOrError();

  const StoredArray& stored_;
  const Context& context_;
  const ShardLayout& layout_;
  const std::string key_;
  const WriteOptions options_;
  const bool store_fill_chunks_;
  ShardIndex index_;
  bool empty_ = true;
  uint64_t offset_ = 0;  // Where the next encoded chunk will stand in the shard.
  Buffer batch_;
  size_t batch_size_ = 0;
  BytesChain held_;  // What was encoded, where the shard cannot stream.
  int64_t sent_bytes_ = 0;
  ScratchChunk scratch_;
  std::unique_ptr<KvWriter> writer_;
};

/// Encodes a whole inner chunk at `inner_box`, or the part of one that lies inside the array, into
/// `room` of at least inner.max_encoded_size() bytes.
Result<size_t> EncodeInner(const Context& context, const CodecChain& inner, const Box& inner_box,
                           const ConstView& part, ScratchChunk& scratch, std::span<std::byte> room);

/// What a ShardWriter holds at most.
int64_t ShardWriterBytes(const StoredArray& stored);
/// The same of one that is given all by PutEncoded, which fills each batch.
int64_t FilledShardWriterBytes(const StoredArray& stored);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_ARRAY_SHARD_WRITER_H_
