// The read planner: from the chunks that an operation touches to their fetches and decodes.
//
// What becomes of a chunk is the operation's own: a ReadPlan makes a ChunkTaker for each. Reading
// into a view, into many views, and calling a function for each chunk are three such plans.
#ifndef COFFER_SRC_ARRAY_READ_H_
#define COFFER_SRC_ARRAY_READ_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "coffer/array/driver.h"
#include "coffer/array/options.h"
#include "coffer/nd/index_transform.h"
#include "coffer/nd/view.h"
#include "src/array/chunk_io.h"
#include "src/array/crew.h"
#include "src/array/shard_index_cache.h"

namespace coffer::inline v0 {

/// Where the operation begins: all on the executor, or with the calling thread as one lane (for a
/// caller that then waits).
enum class StartOn { kExecutor, kCaller };

/// Which of a plan's parts want a cell or chunk: numbers that mean something to the plan, of which
/// null is the only one.
using Takers = std::shared_ptr<const std::vector<uint32_t>>;

/// Takes one chunk (an inner one where there are shards), in one of three forms.
class ChunkTaker {
 public:
  explicit ChunkTaker(int64_t bytes_in) : bytes(bytes_in) {}
  virtual ~ChunkTaker();
  ChunkTaker(const ChunkTaker&) = delete;
  ChunkTaker& operator=(const ChunkTaker&) = delete;

  /// Decodes it, holding no more than DecodePieceBytes(chain).
  virtual Status TakeEncoded(const CodecChain& chain, std::span<const std::byte> encoded,
                             BufferPool& pool) = 0;
  /// Copies from it, or keeps its owner.
  virtual Status TakeDecoded(const ConstView& chunk,
                             const std::shared_ptr<const Buffer>& owner) = 0;
  /// It was never written.
  virtual Status TakeMissing(const ChunkSpec& chunk) = 0;
  /// The one run of bytes that is wanted of an unencoded chunk, and the memory for it.
  virtual std::optional<std::span<std::byte>> AsOneRun(const ChunkSpec&, ByteRange&) {
    return std::nullopt;
  }
  /// Whether a chunk that has pieces (CodecChain) is taken in no more than these.
  virtual bool takes_pieces() const { return false; }
  /// What is left to do when the task holds nothing any more; see ReadPlan::calls_back.
  virtual Status Finish() { return Status(); }

  /// Bytes of the user's that are done when it is taken; 0: nothing of it is wanted.
  const int64_t bytes;
};

class ReadPlan {
 public:
  virtual ~ReadPlan();
  /// For the chunk that stands at `box`.
  virtual std::unique_ptr<ChunkTaker> TakerOf(const Box& box, const Takers& takers) const = 0;
  /// Calls `see` once for each cell of `inner_grid` that is wanted of the shard at `box`.
  virtual Status WalkInner(
      const RegularGrid& inner_grid, const Box& box, const Takers& takers,
      const std::function<void(const Index& inner, const Takers& takers)>& see) const = 0;
  /// Whether takers have a Finish(). Each chunk is then taken only once, even if its shard is
  /// replaced meanwhile.
  virtual bool calls_back() const { return false; }
};

/// One cell of the array's grid, and who wants it.
struct WantedCell {
  Index cell;
  Takers takers;
};

struct ReadRequest {
  StoredArrayPtr stored;
  std::shared_ptr<const ReadPlan> plan;
  /// The cells in storage order, nullopt at the end. Called under a lock.
  std::function<std::optional<WantedCell>()> next;
  ArrayReadOptions options;  ///< Progress and cancellation are the crew's.
};

/// Runs a request. `options`: of its crew, see CrewOptionsFor.
Future<void> StartChunks(ReadRequest request, Crew::Options options, const Context& context,
                         StartOn start);
/// Pieces of work, as CrewOptionsFor wants to know: the spans of one shard may go to many lanes.
int64_t PiecesOf(const StoredArray& stored, int64_t cells);

/// The cells that a transform touches, in storage order. Nothing if they cannot be counted.
std::function<std::optional<WantedCell>()> CellsOf(const StoredArray& stored,
                                                   const IndexTransform& transform);

/// InvalidArgument or OutOfRange unless the transform is one of the array.
Status CheckRegion(const StoredArray& stored, const IndexTransform& transform);

/// Takes what a transform takes of the chunk at `box`. `destination` outlives the taker.
std::unique_ptr<ChunkTaker> MakeViewTaker(const IndexTransform& transform, const View& destination,
                                          const Box& box);

/// What of `inner_grid` the transform takes from the shard at `box`.
Status WalkInnerOf(const IndexTransform& transform, const RegularGrid& inner_grid, const Box& box,
                   const Takers& takers,
                   const std::function<void(const Index& inner, const Takers& takers)>& see);

/// Requires: destination.shape == transform.view_shape(), destination.data_type as stored,
/// transform inside the array's shape.
Future<void> StartRead(const StoredArrayPtr& stored, const IndexTransform& transform,
                       const View& destination, const ArrayReadOptions& options,
                       const Context& context, StartOn start);

/// Bytes that the largest single task of reading this array reserves.
int64_t LargestReadTask(const StoredArray& stored);

/// Whether no encoder, ours or a foreign one, can have made so many bytes of one chunk.
bool TooLongForChunk(int64_t stored_bytes, const CodecChain& chain);

/// Where the inner chunk with this number (C order) of the shard at `cell` stands in the array.
Box InnerBox(const StoredArray& stored, const Index& cell, int64_t number);

/// What reading and parsing the index of a shard holds.
int64_t ShardIndexBytes(const ShardLayout& layout);
/// How the index of a shard is read, and how what came back is checked.
ReadOptions ShardIndexRead(const ShardLayout& layout);
Result<std::shared_ptr<const CachedShardIndex>> ParseShardIndex(const StoredArray& stored,
                                                                const std::string& key,
                                                                const ShardLayout& layout,
                                                                const Result<ReadResult>& read,
                                                                BufferPool& pool);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_ARRAY_READ_H_
