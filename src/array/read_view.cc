// Reading a transform into a view.
#include <utility>

#include "src/array/read.h"
#include "src/codec/chain.h"
#include "src/nd/grid.h"

namespace coffer::inline v0 {
namespace {

class ViewTaker final : public ChunkTaker {
 public:
  ViewTaker(TransformPiece piece, const View& destination, const Box& box, int64_t done_bytes)
      : ChunkTaker(done_bytes), piece_(std::move(piece)), destination_(destination), box_(box) {}

  Status TakeEncoded(const CodecChain& chain, std::span<const std::byte> encoded,
                     BufferPool& pool) override {
    return DecodePiece(chain, encoded, box_, piece_, part(), pool);
  }
  Status TakeDecoded(const ConstView& chunk, const std::shared_ptr<const Buffer>&) override {
    CopyView(ChunkView(chunk, box_, piece_), part());
    return Status();
  }
  Status TakeMissing(const ChunkSpec& chunk) override {
    FillView(part(), chunk.fill_value);
    return Status();
  }
  bool takes_pieces() const override { return StoredBoxOf(piece_).has_value(); }
  std::optional<std::span<std::byte>> AsOneRun(const ChunkSpec& spec, ByteRange& range) override {
    const View to = part();
    // Any address does for the chunk: only where the run begins in it, and its strides, count.
    const ConstView chunk(to.data, spec.data_type, spec.shape);
    const ConstView run = ChunkView(chunk, box_, piece_);
    if (!to.IsCOrderContiguous() || !run.IsCOrderContiguous()) return std::nullopt;
    const int64_t begin = run.data - chunk.data;
    range = ByteRange::Span(begin, begin + bytes);
    if (begin == 0 && bytes == spec.num_bytes()) range = ByteRange::All();
    return std::span(to.data, static_cast<size_t>(bytes));
  }

 private:
  View part() const { return destination_.Subview(piece_.view_box); }

  const TransformPiece piece_;
  const View& destination_;  // The plan's.
  const Box box_;
};

class ViewPlan final : public ReadPlan {
 public:
  ViewPlan(IndexTransform transform, const View& destination)
      : transform_(std::move(transform)), destination_(destination) {}

  std::unique_ptr<ChunkTaker> TakerOf(const Box& box, const Takers&) const override {
    return MakeViewTaker(transform_, destination_, box);
  }
  Status WalkInner(const RegularGrid& inner_grid, const Box& box, const Takers& takers,
                   const std::function<void(const Index&, const Takers&)>& see) const override {
    return WalkInnerOf(transform_, inner_grid, box, takers, see);
  }

 private:
  const IndexTransform transform_;
  const View destination_;
};

}  // namespace

Status CheckRegion(const StoredArray& stored, const IndexTransform& transform) {
  const auto url = [&] { return stored.Describe(stored.prefix); };
  if (transform.stored_rank() != stored.shape().rank()) {
    return InvalidArgumentError(url() + ": the array has rank " +
                                std::to_string(stored.shape().rank()) + ", the transform " +
                                std::to_string(transform.stored_rank()));
  }
  if (!transform.empty() && !Box::Full(stored.shape()).Contains(transform.StoredBounds())) {
    return OutOfRangeError(url() + ": region " + ToString(transform.StoredBounds()) +
                           " is not inside shape " + ToString(stored.shape()));
  }
  return Status();
}

std::unique_ptr<ChunkTaker> MakeViewTaker(const IndexTransform& transform, const View& destination,
                                          const Box& box) {
  TransformPiece piece = Intersect(transform, box);
  const int64_t bytes = piece.view_box.empty()
                            ? 0
                            : *NumElements(piece.view_box.shape) * destination.data_type.size();
  return std::make_unique<ViewTaker>(std::move(piece), destination, box, bytes);
}

Status WalkInnerOf(const IndexTransform& transform, const RegularGrid& inner_grid, const Box& box,
                   const Takers& takers,
                   const std::function<void(const Index&, const Takers&)>& see) {
  const TransformPiece piece = Intersect(transform, box);
  if (piece.view_box.empty()) return Status();
  COFFER_ASSIGN_OR_RETURN(const IndexTransform part, transform.Subview(piece.view_box));
  const CellWalk walk(inner_grid, part);
  for (int64_t n = 0; n < walk.size().value_or(0); ++n) see(walk.At(n), takers);
  return Status();
}

std::function<std::optional<WantedCell>()> CellsOf(const StoredArray& stored,
                                                   const IndexTransform& transform) {
  CellWalk walk(stored.grid, transform);
  const std::optional<int64_t> size = walk.size();
  if (!size) return nullptr;
  return [walk = std::move(walk), size = *size, next = int64_t{0}]() mutable {
    return next == size ? std::nullopt : std::optional(WantedCell{walk.At(next++), nullptr});
  };
}

namespace {

struct Touched {
  int64_t chunks;  // Inner ones, where there are shards.
  int64_t bytes;   // Of these, decoded.
};

/// By the box around what a transform takes: at most so many.
Touched TouchedBy(const IndexTransform& transform, const StoredArray& stored) {
  const ShardLayout* const layout = stored.chain->shard_layout();
  const ChunkSpec& chunk = layout != nullptr ? layout->inner().chunk() : stored.chain->chunk();
  const Shape& shape = layout != nullptr ? layout->inner_chunk_shape() : stored.grid.cell_shape();
  const Box bounds = transform.StoredBounds();
  std::optional<int64_t> chunks = 1;
  for (int d = 0; d < bounds.rank() && chunks; ++d) {
    const int64_t last = bounds.origin[d] + bounds.shape[d] - 1;
    chunks = CheckedMul(*chunks, last / shape[d] - bounds.origin[d] / shape[d] + 1);
  }
  const int64_t count = chunks.value_or(INT64_MAX);
  return {count, CheckedMul(count, chunk.num_bytes()).value_or(INT64_MAX)};
}

}  // namespace

Future<void> StartRead(const StoredArrayPtr& stored, const IndexTransform& transform,
                       const View& destination, const ArrayReadOptions& options,
                       const Context& context, StartOn start) {
  if (transform.empty()) return Future<void>::Ready(Status());
  const std::optional<int64_t> cells = CellWalk(stored->grid, transform).size();
  if (!cells) return Future<void>::Ready(InvalidArgumentError("more chunks than can be counted"));
  const Touched touched = TouchedBy(transform, *stored);
  Crew::Options crew = CrewOptionsFor("array.read", *stored, transform, options, context,
                                      touched.chunks, touched.bytes);
  crew.source_pieces = *cells;
  return StartChunks({.stored = stored,
                      .plan = std::make_shared<const ViewPlan>(transform, destination),
                      .next = CellsOf(*stored, transform),
                      .options = options},
                     std::move(crew), context, start);
}

}  // namespace coffer::inline v0
