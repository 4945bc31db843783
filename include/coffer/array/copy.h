// Copy: one array into another, between any stores, layouts and codecs, in bounded memory.
//
//     Copy(source, destination).OrThrow();
//
// The destination is written one write chunk at a time; each is read from the source block by
// block, so that no more than the context's budget (the destination's context) or the largest task
// is held, whatever the size of arrays and shards. Every block of the source is decoded once where
// its chunks align.
#ifndef COFFER_ARRAY_COPY_H_
#define COFFER_ARRAY_COPY_H_

#include <functional>

#include "coffer/array/array.h"
#include "coffer/base/export.h"
#include "coffer/base/result.h"

namespace coffer::inline v0 {

/// Where a bounded copy takes its elements from: an array, or a file reader's boxes.
class COFFER_EXPORT BlockSource {
 public:
  virtual ~BlockSource();
  virtual DataType data_type() const = 0;
  virtual const Shape& shape() const = 0;
  /// The shape in which reading is cheapest; rank 0 for no opinion.
  virtual Shape block_shape() const { return {}; }
  /// How many blocks should be on their way at once to hide the latency of reading; 0: no opinion.
  virtual int request_concurrency() const { return 0; }
  /// Bytes that one call of ReadBlock holds beside the destination.
  virtual int64_t task_bytes(const Box& box) const = 0;
  /// Reads a box. Called from several threads. Ends soon, with Cancelled, when the token fires: the
  /// copy waits for it.
  virtual Status ReadBlock(const Box& box, const View& destination, Reservation& reservation,
                           const CancelToken& cancel) = 0;
};

/// The elements that `transform` takes from an array.
COFFER_EXPORT std::unique_ptr<BlockSource> MakeBlockSource(const Array& array,
                                                           const IndexTransform& transform);

struct CopyOptions {
  bool store_fill_chunks = false;          ///< As in ArrayWriteOptions.
  ProgressFunction on_progress = nullptr;  ///< Counts bytes of the source, skipped ones too.
  CancelToken cancel = {};
  bool exclusive = false;  ///< As in ArrayWriteOptions.
  /// Goes on with a copy that was broken off: a write chunk (shard or chunk) that is stored already
  /// is left as it is, and not read from the source. A key is written whole or not at all, so what
  /// the first copy has stored of a write chunk is all of it. Not so where the copy covers a write
  /// chunk in part: it is copied again; as is one of fill values alone, of which nothing is stored.
  /// What is stored is found by listing the destination, once for 2^26 write chunks.
  bool skip_stored = false;
  int64_t* skipped_bytes = nullptr;  ///< Set to the bytes of the source that were skipped.
};

/// Writes all of `source` into the box of `destination` that begins at `at`. Errors:
/// InvalidArgument for another data type or rank, OutOfRange if it does not fit; those of reading
/// and writing, and of listing. On error or cancellation the destination holds a part of the copy:
/// whole chunks.
COFFER_EXPORT Status CopyInto(BlockSource& source, const Array& destination, const Index& at,
                              const CopyOptions& options = {});

/// The whole of one array into another of the same shape and data type.
COFFER_EXPORT Status Copy(const Array& source, const Array& destination,
                          const CopyOptions& options = {});

}  // namespace coffer::inline v0

#endif  // COFFER_ARRAY_COPY_H_
