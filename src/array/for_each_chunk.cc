// ForEachChunk is a read whose takers keep the decoded chunk, and call the function with it when
// their task has given its reservation back (read.cc, 7).
#include <algorithm>
#include <utility>

#include "coffer/array/chunks.h"
#include "src/array/read.h"
#include "src/codec/chain.h"
#include "src/nd/grid.h"

namespace coffer::inline v0 {
namespace {

class CallingTaker final : public ChunkTaker {
 public:
  CallingTaker(const ChunkFunction& function, TransformPiece piece, const Box& box,
               const Box& inside, bool skip_missing, int64_t done_bytes)
      : ChunkTaker(done_bytes),
        function_(function),
        skip_missing_(skip_missing),
        piece_(std::move(piece)),
        box_(box) {
    data_.chunk = inside;
    data_.part = piece_.view_box;
  }

  Status TakeEncoded(const CodecChain& chain, std::span<const std::byte> encoded,
                     BufferPool& pool) override {
    COFFER_ASSIGN_OR_RETURN(scratch_, MakeScratchChunk(chain.chunk(), pool));
    COFFER_RETURN_IF_ERROR(chain.Decode(encoded, scratch_.view, CodecScratch{&pool}));
    data_.elements = ChunkView(ConstView(scratch_.view), box_, piece_);
    called_ = true;
    return Status();
  }
  Status TakeDecoded(const ConstView& chunk, const std::shared_ptr<const Buffer>& owner) override {
    owner_ = owner;
    data_.elements = ChunkView(chunk, box_, piece_);
    called_ = true;
    return Status();
  }
  Status TakeMissing(const ChunkSpec& chunk) override {
    if (skip_missing_) return Status();
    data_.stored = false;
    data_.elements = ConstView(chunk.fill_value.data(), chunk.data_type, piece_.view_box.shape,
                               Strides::Filled(piece_.view_box.rank(), 0));
    called_ = true;
    return Status();
  }
  Status Finish() override { return called_ ? function_(data_) : Status(); }

 private:
  const ChunkFunction& function_;  // The plan's.
  const bool skip_missing_;
  const TransformPiece piece_;
  const Box box_;
  ChunkData data_;
  bool called_ = false;
  ScratchChunk scratch_;
  std::shared_ptr<const Buffer> owner_;
};

class CallingPlan final : public ReadPlan {
 public:
  CallingPlan(StoredArrayPtr stored, IndexTransform region, ChunkFunction function,
              bool skip_missing)
      : stored_(std::move(stored)),
        region_(std::move(region)),
        function_(std::move(function)),
        skip_missing_(skip_missing) {}

  std::unique_ptr<ChunkTaker> TakerOf(const Box& box, const Takers&) const override {
    TransformPiece piece = Intersect(region_, box);
    const int64_t bytes = piece.view_box.empty()
                              ? 0
                              : *NumElements(piece.view_box.shape) * stored_->data_type().size();
    return std::make_unique<CallingTaker>(function_, std::move(piece), box,
                                          box.Intersect(Box::Full(stored_->shape())), skip_missing_,
                                          bytes);
  }
  Status WalkInner(const RegularGrid& inner_grid, const Box& box, const Takers& takers,
                   const std::function<void(const Index&, const Takers&)>& see) const override {
    return WalkInnerOf(region_, inner_grid, box, takers, see);
  }
  bool calls_back() const override { return true; }

 private:
  const StoredArrayPtr stored_;
  const IndexTransform region_;
  const ChunkFunction function_;
  const bool skip_missing_;
};

Future<void> Start(const Array& array, const IndexTransform& region, ChunkFunction function,
                   const ForEachChunkOptions& options, StartOn start) {
  const StoredArrayPtr& stored = array.stored();
  const Status checked = CheckRegion(*stored, region);
  if (!checked.ok()) return Future<void>::Ready(checked);
  if (region.empty()) return Future<void>::Ready(Status());
  const std::optional<int64_t> cells = CellWalk(stored->grid, region).size();
  if (!cells) return Future<void>::Ready(InvalidArgumentError("more chunks than can be counted"));
  using Missing = ForEachChunkOptions::Missing;
  const ArrayReadOptions read{.missing = options.missing == Missing::kError
                                             ? ArrayReadOptions::Missing::kError
                                             : ArrayReadOptions::Missing::kFill,
                              .on_progress = options.on_progress,
                              .cancel = options.cancel,
                              .max_staleness = options.max_staleness};
  Crew::Options crew = CrewOptionsFor("array.for_each_chunk", *stored, region, read,
                                      array.context(), PiecesOf(*stored, *cells));
  if (options.parallelism > 0) crew.lanes = std::min(crew.lanes, options.parallelism);
  return StartChunks({.stored = stored,
                      .plan = std::make_shared<const CallingPlan>(
                          stored, region, std::move(function), options.missing == Missing::kSkip),
                      .next = CellsOf(*stored, region),
                      .options = read},
                     std::move(crew), array.context(), start);
}

}  // namespace

Status ForEachChunk(const Array& array, const ChunkFunction& function,
                    const ForEachChunkOptions& options) {
  return ForEachChunk(array, IndexTransform::Identity(array.shape()), function, options);
}

Status ForEachChunk(const Array& array, const IndexTransform& region, const ChunkFunction& function,
                    const ForEachChunkOptions& options) {
  return Start(array, region, function, options, StartOn::kCaller).Get();
}

Future<void> ForEachChunkAsync(const Array& array, const IndexTransform& region,
                               ChunkFunction function, const ForEachChunkOptions& options) {
  return Start(array, region, std::move(function), options, StartOn::kExecutor);
}

}  // namespace coffer::inline v0
