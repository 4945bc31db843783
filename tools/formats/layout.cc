// How a box is read:
//
// 1. Its dimensions are sorted by stride, slowest first: from here on every array is in C order.
//
// 2. The innermost dimensions whose span of the file (gaps included) fits the bounce buffer are
//    read by one system call; as many steps of the next dimension as fit are added. Gaps are read
//    and thrown away while they are at most a page or a few times what stands between them:
//    reading from the page cache is cheaper than calls.
//
// 3. The span is copied (byte order corrected) into the destination. A box that is one run of the
//    file, going to memory in the same order, is read without the buffer.
//
// Writing is the same with exact runs: a span that has gaps is written dimension by dimension.
#include "tools/formats/layout.h"

#include <algorithm>
#include <numeric>

#include "coffer/base/checked.h"
#include "src/nd/copy.h"

namespace coffer::inline v0::formats {
namespace {

constexpr int64_t kBounceBytes = int64_t{1} << 20;

// A box of a file in C order: what both directions walk over.
struct Walk {
  Shape shape;
  Strides strides;  // Of the file.
  int64_t offset;
  int64_t element;

  int rank() const { return shape.rank(); }
  // Bytes from the first to the last element of `count` steps of dimension `dim` and all within.
  int64_t Span(int dim, int64_t count) const {
    int64_t span = element;
    for (int d = dim + 1; d < rank(); ++d) span += (shape[d] - 1) * strides[d];
    return dim < 0 ? span : span + (count - 1) * strides[dim];
  }
  int64_t Wanted(int dim, int64_t count) const {
    int64_t wanted = dim < 0 ? element : element * count;
    for (int d = dim + 1; d < rank(); ++d) wanted *= shape[d];
    return wanted;
  }
};

// Sorts dimensions by stride, so that the last is the file's fastest.
Walk MakeWalk(const ArrayLayout& layout, const Box& box, std::vector<int>* order) {
  order->resize(box.shape.size());
  std::iota(order->begin(), order->end(), 0);
  std::stable_sort(order->begin(), order->end(),
                   [&](int a, int b) { return layout.strides[a] > layout.strides[b]; });
  Walk walk{
      .shape = {}, .strides = {}, .offset = layout.offset, .element = layout.data_type.size()};
  for (int d : *order) {
    walk.shape.push_back(box.shape[d]);
    walk.strides.push_back(layout.strides[d]);
    walk.offset += box.origin[d] * layout.strides[d];
  }
  return walk;
}

// Where the walk is cut into pieces: each is `steps` of dimension `dim` (-1: all is one element)
// with everything within.
struct Cut {
  int dim = -1;
  int64_t steps = 1;
};

// What may be read over: a gap of so many bytes, or so many times the bytes before it.
struct Gap {
  int64_t bytes;
  int64_t factor;
};
constexpr Gap kReadGap = {.bytes = 4096, .factor = 4};
constexpr Gap kNoGap = {.bytes = 0, .factor = 1};

Cut FindCut(const Walk& walk, const Gap& gap) {
  auto joins = [&](int dim) {
    int64_t inner = walk.Span(dim, 1);
    return walk.shape[dim] == 1 || walk.strides[dim] - inner <= gap.bytes ||
           walk.strides[dim] / gap.factor <= inner;
  };
  Cut cut = {.dim = walk.rank() - 1, .steps = 1};
  while (cut.dim > 0 && joins(cut.dim) && walk.Span(cut.dim - 1, 1) <= kBounceBytes) --cut.dim;
  if (cut.dim >= 0 && walk.shape[cut.dim] > 1 && joins(cut.dim)) {
    int64_t more = (kBounceBytes - walk.Span(cut.dim, 1)) / walk.strides[cut.dim];
    cut.steps = std::clamp<int64_t>(1 + more, 1, walk.shape[cut.dim]);
  }
  return cut;
}

// Calls piece(file offset, origin and shape of the piece within the walk) for every piece.
template <class Piece>
Status ForEachPiece(const Walk& walk, const Cut& cut, const Piece& piece) {
  Box part = Box::Full(walk.shape);
  for (int d = 0; d <= cut.dim; ++d) part.shape[d] = 1;
  for (;;) {
    if (cut.dim >= 0) {
      part.shape[cut.dim] = std::min(cut.steps, walk.shape[cut.dim] - part.origin[cut.dim]);
    }
    int64_t offset = walk.offset;
    for (int d = 0; d < walk.rank(); ++d) offset += part.origin[d] * walk.strides[d];
    COFFER_RETURN_IF_ERROR(piece(offset, part));
    int d = cut.dim;
    for (; d >= 0; --d) {
      part.origin[d] += d == cut.dim ? part.shape[d] : 1;
      if (part.origin[d] < walk.shape[d]) break;
      part.origin[d] = 0;
    }
    if (d < 0) return Status();
  }
}

std::span<std::byte> SpanOf(std::byte* data, int64_t size) {
  return {data, static_cast<size_t>(size)};
}

}  // namespace

Result<ArrayLayout> ArrayLayout::Make(DataType type, std::span<const int64_t> shape, Order order,
                                      int64_t offset) {
  if (std::ssize(shape) > kMaxRank) {
    return InvalidArgumentError("rank " + std::to_string(shape.size()) + " is above " +
                                std::to_string(kMaxRank));
  }
  ArrayLayout layout;
  layout.data_type = type;
  layout.offset = offset;
  layout.shape = Shape(shape);
  for (int64_t extent : shape) {
    if (extent < 0) {
      return InvalidArgumentError("shape " + ToString(layout.shape) + " has a negative extent");
    }
  }
  std::optional<int64_t> count = CheckedProduct(shape);
  std::optional<int64_t> bytes = count ? CheckedMul(*count, type.size()) : std::nullopt;
  if (!bytes || !CheckedAdd(*bytes, offset)) {
    return InvalidArgumentError("shape " + ToString(layout.shape) + " of " + type.name() +
                                " is more bytes than fit 63 bits");
  }
  layout.bytes = *bytes;
  layout.strides = Strides::Filled(layout.shape.rank(), 0);
  if (*bytes == 0) return layout;
  int64_t stride = type.size();
  for (int i = 0; i < layout.shape.rank(); ++i) {
    int d = order == Order::kFortran ? i : layout.shape.rank() - 1 - i;
    layout.strides[d] = stride;
    stride *= layout.shape[d];
  }
  return layout;
}

Status ArrayLayout::CheckFits(int64_t file_size) const {
  if (bytes <= file_size - offset) return Status();
  return DataLossError("shape " + ToString(shape) + " of " + data_type.name() + " needs " +
                       std::to_string(bytes) + " bytes from byte " + std::to_string(offset) +
                       " on, but the file has " + std::to_string(file_size));
}

Status FileArray::Read(const Box& box, const View& destination) const {
  return ReadBox(*file, layout, box, destination);
}

Status ReadBox(const File& file, const ArrayLayout& layout, const Box& box, const View& out) {
  if (box.empty()) return Status();
  std::vector<int> order;
  Walk walk = MakeWalk(layout, box, &order);
  View target = out.Transposed(order);
  bool swap = layout.swapped && layout.data_type.swap_size() > 1;
  if (!swap && target.IsCOrderContiguous()) {
    int64_t all = walk.Wanted(-1, 1);
    if (walk.Span(-1, 1) == all) return file.ReadAt(walk.offset, SpanOf(target.data, all));
  }
  Cut cut = FindCut(walk, kReadGap);
  int64_t span_max = walk.Span(cut.dim, cut.steps);
  std::vector<std::byte> bounce(static_cast<size_t>(span_max));
  return ForEachPiece(walk, cut, [&](int64_t offset, const Box& part) -> Status {
    int64_t span = walk.Span(cut.dim, cut.dim < 0 ? 1 : part.shape[cut.dim]);
    COFFER_RETURN_IF_ERROR(file.ReadAt(offset, SpanOf(bounce.data(), span)));
    ConstView source(bounce.data(), layout.data_type, part.shape, walk.strides);
    if (swap) {
      CopyViewSwapped(source, target.Subview(part));
    } else {
      CopyView(source, target.Subview(part));
    }
    return Status();
  });
}

Status WriteBox(const File& file, const ArrayLayout& layout, const Box& box, const ConstView& in) {
  if (box.empty()) return Status();
  std::vector<int> order;
  Walk walk = MakeWalk(layout, box, &order);
  ConstView source = in.Transposed(order);
  Cut cut = FindCut(walk, kNoGap);
  std::vector<std::byte> bounce(static_cast<size_t>(walk.Span(cut.dim, cut.steps)));
  return ForEachPiece(walk, cut, [&](int64_t offset, const Box& part) -> Status {
    ConstView piece = source.Subview(part);
    int64_t size = walk.Wanted(cut.dim, cut.dim < 0 ? 1 : part.shape[cut.dim]);
    if (piece.IsCOrderContiguous()) {
      return file.WriteAt(offset, {piece.data, static_cast<size_t>(size)});
    }
    CopyView(piece, View(bounce.data(), layout.data_type, part.shape));
    return file.WriteAt(offset, SpanOf(bounce.data(), size));
  });
}

Result<std::shared_ptr<File>> Unpack(std::span<const std::byte> head, const ByteReader& reader,
                                     int64_t size, const std::string& name) {
  COFFER_ASSIGN_OR_RETURN(std::shared_ptr<File> file, File::Temporary(name));
  std::vector<std::byte> piece(size_t{1} << 18);
  int64_t stored = std::min<int64_t>(std::ssize(head), size);
  COFFER_RETURN_IF_ERROR(file->WriteAt(0, head.first(static_cast<size_t>(stored))));
  for (;;) {
    COFFER_ASSIGN_OR_RETURN(size_t n, reader(piece));
    if (n == 0) break;
    auto wanted = static_cast<size_t>(std::min<int64_t>(static_cast<int64_t>(n), size - stored));
    COFFER_RETURN_IF_ERROR(file->WriteAt(stored, std::span(piece).first(wanted)));
    stored += static_cast<int64_t>(wanted);
  }
  if (stored < size) {
    return DataLossError(name + ": ends after " + std::to_string(stored) +
                         " unpacked bytes; its header promises " + std::to_string(size));
  }
  COFFER_RETURN_IF_ERROR(file->Resize(size));
  return file;
}

}  // namespace coffer::inline v0::formats
