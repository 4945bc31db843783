#include "tools/coffer/blocks.h"

#include <algorithm>
#include <vector>

namespace coffer::inline v0::tool {

Shape BlockOfUnits(const Shape& shape, const Shape& unit, int64_t element_size, int64_t bytes_max) {
  Shape block;
  int64_t bytes = element_size;
  for (int d = 0; d < shape.rank(); ++d) {
    block.push_back(std::clamp<int64_t>(shape[d], 1, unit[d]));
    bytes *= block[d];
  }
  for (int d = shape.rank() - 1; d >= 0; --d) {
    int64_t chunks =
        std::clamp<int64_t>(bytes_max / bytes, 1, CeilDiv(std::max<int64_t>(shape[d], 1), unit[d]));
    int64_t extent = std::clamp<int64_t>(shape[d], 1, chunks * unit[d]);
    bytes = bytes / block[d] * extent;
    block[d] = extent;
    if (extent < shape[d]) break;
  }
  return block;
}

Shape BlockShape(const Array& array, const IndexTransform& transform, int64_t bytes_max) {
  const Shape& shape = transform.view_shape();
  // The extent of one chunk along each dimension of the view.
  Shape unit = Shape::Filled(shape.rank(), 1);
  for (size_t d = 0; d < transform.maps().size(); ++d) {
    const IndexTransform::OutputMap& map = transform.maps()[d];
    if (map.view_dim < 0) continue;
    int64_t step = std::max<int64_t>(std::abs(map.stride), 1);
    unit[map.view_dim] = std::max<int64_t>(array.chunk_shape()[d] / step, 1);
  }
  return BlockOfUnits(shape, unit, array.data_type().size(), bytes_max);
}

namespace {

// Where blocks of a view begin: at multiples of the block, counted from a chunk's border, so that a
// region that begins within a chunk does not decode every chunk twice.
class BlockWalk {
 public:
  BlockWalk(const Array& array, const IndexTransform& transform, const Shape& block)
      : shape_(transform.view_shape()),
        block_(block),
        phase_(Shape::Filled(shape_.rank(), 0)),
        at_(Shape::Filled(shape_.rank(), 0)) {
    for (size_t d = 0; d < transform.maps().size(); ++d) {
      const IndexTransform::OutputMap& map = transform.maps()[d];
      if (map.view_dim < 0 || map.stride != 1 || array.chunk_shape()[d] < 1) continue;
      if (block_[map.view_dim] == shape_[map.view_dim]) continue;  // One block has no borders.
      int64_t phase = map.offset % array.chunk_shape()[d];
      if (block_[map.view_dim] > phase) phase_[map.view_dim] = phase;
    }
  }

  Box box() const {
    Box box = Box::FromSize(at_, shape_);
    for (int d = 0; d < shape_.rank(); ++d) box.shape[d] = End(d) - at_[d];
    return box;
  }
  bool Next() {
    for (int d = shape_.rank() - 1; d >= 0; --d) {
      at_[d] = End(d);
      if (at_[d] < shape_[d]) return true;
      at_[d] = 0;
    }
    return false;
  }

 private:
  int64_t End(int d) const {
    return std::min(shape_[d], ((at_[d] + phase_[d]) / block_[d] + 1) * block_[d] - phase_[d]);
  }

  Shape shape_;
  Shape block_;
  Shape phase_;
  Index at_;
};

}  // namespace

Status WriteToFile(const Array& array, const IndexTransform& transform,
                   const formats::FileArray& file, const ArrayReadOptions& options) {
  if (transform.empty()) return Status();
  int64_t element = array.data_type().size();
  int64_t budget = array.context().budget().limit_bytes();
  Shape block = BlockShape(array, transform, std::min(budget / 4, MiB(16)));
  int64_t all = *NumElements(transform.view_shape()) * element;
  std::vector<std::byte> buffer(static_cast<size_t>(*NumElements(block) * element));
  int64_t done = 0;
  ArrayReadOptions reading = options;
  reading.on_progress = nullptr;
  BlockWalk walk(array, transform, block);
  do {
    Box box = walk.box();
    View view(buffer.data(), array.data_type(), box.shape);
    COFFER_ASSIGN_OR_RETURN(IndexTransform part, transform.Subview(box));
    COFFER_RETURN_IF_ERROR(array.Read(part, view, reading));
    COFFER_RETURN_IF_ERROR(formats::WriteBox(*file.file, file.layout, box, view));
    done += *NumElements(box.shape) * element;
    if (options.on_progress) options.on_progress(done, all);
  } while (walk.Next());
  return Status();
}

}  // namespace coffer::inline v0::tool
