// ShardEncoding: one shard that is encoded whole by several lanes of a crew.
//
//  1. The shard's inner chunks are cut into batches, in C order. A lane takes the next batch and
//     encodes it into a buffer of its own.
//  2. Whoever has the batch that comes next in the shard gives it to the ShardWriter, and after it
//     all that are ready by then. So the bytes are those that one lane would have written.
//  3. A lane does not wait for its batch's turn, but takes another batch, as far ahead as there are
//     buffers reserved; then it is parked until a batch has gone out.
//  4. It is done when no lane is at work any more, also after an error, which stops all.
#ifndef COFFER_SRC_ARRAY_SHARD_ENCODING_H_
#define COFFER_SRC_ARRAY_SHARD_ENCODING_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/array/crew.h"
#include "src/array/shard_writer.h"
#include "src/base/mutex.h"

namespace coffer::inline v0 {

class ShardEncoding : public std::enable_shared_from_this<ShardEncoding> {
 public:
  /// What is to stand in the shard at `cell`: `elements` of `clipped`, its part inside the array.
  struct Source {
    Index cell;
    Box clipped;
    ConstView elements;
    bool store_fill_chunks = false;
  };

  ShardEncoding(StoredArrayPtr stored, const Context& context, const std::string& key,
                Source source, WriteOptions options, int lanes);

  /// For the lane whose work the shard is, which holds ShardEncodingBytes: starts the others, and
  /// encodes on this one. To be called until it is done or fails.
  Result<Pending> Step(Crew& crew);
  /// Once Step() is done: see ShardWriter::Finish().
  Future<WriteResult> Finish() { return writer_->Finish(); }
  int64_t sent_bytes() const { return writer_->sent_bytes(); }

 private:
  class Lane;
  struct Batch {
    Buffer buffer;
    size_t size = 0;
    std::vector<ShardWriter::EncodedChunk> chunks;
  };

  void StartOthers(Crew& crew);
  Pending Encode();
  bool BeginLane();
  void EndLane(const Status& status);
  Result<Batch> EncodeBatch(int64_t number) const;
  Status PutReady(int64_t number, Batch batch);

  const StoredArrayPtr stored_;
  const Context context_;
  const Source source_;
  const CancelToken cancel_;
  const int lanes_max_;
  const int64_t batch_chunks_;
  const int64_t batches_;
  const Promise<void> done_;
  const Future<void> encoded_by_all_;
  std::optional<ShardWriter> writer_;  // Of who is putting; after an error there is none.
  bool started_ = false;               // Step()'s.
  bool encoded_ = false;               // Step()'s: by its lane; perhaps not by the others.

  Mutex mutex_;
  int lanes_ COFFER_GUARDED_BY(mutex_) = 0;         // That have begun.
  int64_t next_ COFFER_GUARDED_BY(mutex_) = 0;      // The next batch to encode.
  int64_t next_put_ COFFER_GUARDED_BY(mutex_) = 0;  // And to be given to the writer.
  bool putting_ COFFER_GUARDED_BY(mutex_) = false;
  std::map<int64_t, Batch> ready_ COFFER_GUARDED_BY(mutex_);
  Promise<void> put_ COFFER_GUARDED_BY(mutex_);  // Of the next batch to go out.
  Status status_ COFFER_GUARDED_BY(mutex_);
};

/// What it holds at most with so many lanes.
int64_t ShardEncodingBytes(const StoredArray& stored, int lanes);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_ARRAY_SHARD_ENCODING_H_
