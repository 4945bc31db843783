// A copy is planned in four steps, then run by one kernel over the two innermost axes.
//  1. Axes of extent 1 vanish; an axis that the destination walks backwards is turned round.
//  2. Axes are sorted by the destination's stride, so that writing is as sequential as it can be.
//  3. Neighbouring axes that both sides walk as one are fused. A contiguous run that is as long as
//     a machine word becomes the element.
//  4. Where the source's fastest axis is not the destination's, it is made the second innermost:
//     the kernel then walks both in tiles of whole cache lines.
#include "src/nd/copy.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "src/nd/transpose.h"

namespace coffer::inline v0 {
namespace {

struct Axis {
  int64_t count;
  int64_t source, destination;  // Strides, in bytes.
};

struct Plan {
  const std::byte* source = nullptr;
  std::byte* destination = nullptr;
  int64_t element = 1;  // Bytes.
  int rank = 0;
  std::array<Axis, kMaxRank + 1> axes;  // The last is the fastest. One more for swapped halves.

  Axis& axis(int i) { return axes[static_cast<size_t>(i)]; }
  const Axis& axis(int i) const { return axes[static_cast<size_t>(i)]; }
  void Insert(int at, const Axis& added) {
    std::copy_backward(axes.begin() + at, axes.begin() + rank, axes.begin() + rank + 1);
    axis(at) = added;
    ++rank;
  }
  void Erase(int at) {
    std::copy(axes.begin() + at + 1, axes.begin() + rank, axes.begin() + at);
    --rank;
  }
};

// Steps 1 and 2.
void AddSorted(Plan& plan, Axis axis) {
  if (axis.count == 1) return;
  if (axis.destination < 0) {
    plan.source += axis.source * (axis.count - 1);
    plan.destination += axis.destination * (axis.count - 1);
    axis.source = -axis.source;
    axis.destination = -axis.destination;
  }
  int at = plan.rank;
  while (at > 0 && plan.axis(at - 1).destination < axis.destination) --at;
  plan.Insert(at, axis);
}

// Step 3.
void Fuse(Plan& plan) {
  for (int i = plan.rank - 1; i > 0; --i) {
    const Axis& outer = plan.axis(i - 1);
    Axis& inner = plan.axis(i);
    if (outer.source != inner.source * inner.count) continue;
    if (outer.destination != inner.destination * inner.count) continue;
    inner.count *= outer.count;
    plan.Erase(i - 1);
  }
}

bool IsContiguous(const Axis& axis, int64_t element) {
  return axis.source == element && axis.destination == element;
}

bool IsWord(int64_t size) { return size <= 16 && (size & (size - 1)) == 0; }

void WidenElement(Plan& plan) {
  if (plan.rank == 0) return;
  const Axis& last = plan.axis(plan.rank - 1);
  if (!IsContiguous(last, plan.element) || last.count > 16) return;
  if (!IsWord(last.count * plan.element)) return;
  plan.element *= last.count;
  --plan.rank;
}

// Step 4.
void PairFastestAxes(Plan& plan) {
  if (plan.rank < 3) return;
  auto stride = [&](int i) { return std::abs(plan.axis(i).source); };
  int fastest = plan.rank - 1;
  for (int i = 0; i < plan.rank - 1; ++i) {
    if (stride(i) < stride(fastest) && stride(i) != 0) fastest = i;
  }
  if (fastest >= plan.rank - 2) return;
  const Axis axis = plan.axis(fastest);
  plan.Erase(fastest);
  plan.Insert(plan.rank - 1, axis);
}

struct Word16 {
  uint64_t low, high;
};

template <class T>
T Load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

template <class T>
void Store(std::byte* to, T value) {
  std::memcpy(to, &value, sizeof(T));
}

struct Keep {
  template <class T>
  static T Change(T value) {
    return value;
  }
};

struct Swap {
  static uint16_t Change(uint16_t value) { return __builtin_bswap16(value); }
  static uint32_t Change(uint32_t value) { return __builtin_bswap32(value); }
  static uint64_t Change(uint64_t value) { return __builtin_bswap64(value); }
};

template <class T, class How>
void CopyRow(const std::byte* source, std::byte* destination, const Axis& cols) {
  constexpr int64_t kSize = sizeof(T);
  if (IsContiguous(cols, kSize)) {
    for (int64_t i = 0; i < cols.count; ++i) {
      Store<T>(destination + i * kSize, How::Change(Load<T>(source + i * kSize)));
    }
  } else if (cols.source == 0 && cols.destination == kSize) {
    const T value = How::Change(Load<T>(source));
    for (int64_t i = 0; i < cols.count; ++i) Store<T>(destination + i * kSize, value);
  } else {
    for (int64_t i = 0; i < cols.count; ++i) {
      Store<T>(destination + i * cols.destination, How::Change(Load<T>(source + i * cols.source)));
    }
  }
}

template <class T, class How>
void CopyPlane(const Plan& plan, const std::byte* source, std::byte* destination, const Axis& rows,
               const Axis& cols) {
  constexpr int64_t kTile = std::max<int64_t>(8, 64 / static_cast<int64_t>(sizeof(T)));
  static_cast<void>(plan);
  if constexpr (sizeof(T) < 16) {
    if (rows.source == sizeof(T) && cols.destination == sizeof(T) &&
        std::abs(cols.source) > rows.source &&
        std::min(rows.count, cols.count) >= TransposePlane<T>::kVector) {
      return TransposePlane<T>::template Copy<How>(source, cols.source, destination,
                                                   rows.destination, rows.count, cols.count);
    }
  }
  const bool tiled = rows.source != 0 && std::abs(rows.source) < std::abs(cols.source);
  const int64_t tile_rows = tiled ? kTile : rows.count, tile_cols = tiled ? kTile : cols.count;
  for (int64_t row = 0; row < rows.count; row += tile_rows) {
    const int64_t row_end = std::min(rows.count, row + tile_rows);
    for (int64_t col = 0; col < cols.count; col += tile_cols) {
      Axis part = cols;
      part.count = std::min(cols.count - col, tile_cols);
      for (int64_t r = row; r < row_end; ++r) {
        CopyRow<T, How>(source + r * rows.source + col * cols.source,
                        destination + r * rows.destination + col * cols.destination, part);
      }
    }
  }
}

// Elements of any size, and long runs.
void MovePlane(const Plan& plan, const std::byte* source, std::byte* destination, const Axis& rows,
               const Axis& cols) {
  for (int64_t row = 0; row < rows.count; ++row) {
    const std::byte* from = source + row * rows.source;
    std::byte* to = destination + row * rows.destination;
    for (int64_t col = 0; col < cols.count; ++col) {
      std::memcpy(to + col * cols.destination, from + col * cols.source,
                  static_cast<size_t>(plan.element));
    }
  }
}

using Kernel = void (*)(const Plan&, const std::byte*, std::byte*, const Axis&, const Axis&);

Kernel KernelFor(int64_t element) {
  switch (element) {
    case 1:
      return CopyPlane<uint8_t, Keep>;
    case 2:
      return CopyPlane<uint16_t, Keep>;
    case 4:
      return CopyPlane<uint32_t, Keep>;
    case 8:
      return CopyPlane<uint64_t, Keep>;
    case 16:
      return CopyPlane<Word16, Keep>;
    default:
      return MovePlane;
  }
}

Kernel SwappingKernelFor(int64_t element) {
  switch (element) {
    case 2:
      return CopyPlane<uint16_t, Swap>;
    case 4:
      return CopyPlane<uint32_t, Swap>;
    default:
      return CopyPlane<uint64_t, Swap>;
  }
}

// Runs the kernel at every position of the axes outside the two innermost.
void Run(const Plan& plan, Kernel kernel) {
  const Axis rows = plan.rank >= 2 ? plan.axis(plan.rank - 2) : Axis{1, 0, 0};
  const Axis cols = plan.rank >= 1 ? plan.axis(plan.rank - 1) : Axis{1, 0, 0};
  std::array<int64_t, kMaxRank + 1> position;
  std::fill_n(position.begin(), plan.rank, 0);
  const std::byte* source = plan.source;
  std::byte* destination = plan.destination;
  while (true) {
    kernel(plan, source, destination, rows, cols);
    int i = plan.rank - 3;
    for (; i >= 0; --i) {
      const Axis& axis = plan.axis(i);
      int64_t& at = position[static_cast<size_t>(i)];
      source += axis.source;
      destination += axis.destination;
      if (++at < axis.count) break;
      source -= axis.source * axis.count;
      destination -= axis.destination * axis.count;
      at = 0;
    }
    if (i < 0) return;
  }
}

bool IsEmpty(const Shape& shape) { return std::find(shape.begin(), shape.end(), 0) != shape.end(); }

Plan MakePlan(const ConstView& source, const View& destination) {
  Plan plan;
  plan.source = source.data;
  plan.destination = destination.data;
  plan.element = destination.data_type.size();
  for (int d = destination.rank() - 1; d >= 0; --d) {
    AddSorted(plan, {destination.shape[d], source.strides[d], destination.strides[d]});
  }
  return plan;
}

}  // namespace

void CopyView(const ConstView& source, const View& destination) {
  if (IsEmpty(destination.shape)) return;
  Plan plan = MakePlan(source, destination);
  Fuse(plan);
  WidenElement(plan);
  if (plan.rank > 0 && IsContiguous(plan.axis(plan.rank - 1), plan.element)) {
    plan.element *= plan.axis(plan.rank - 1).count;  // A run, moved by memcpy.
    --plan.rank;
    PairFastestAxes(plan);
    Run(plan, MovePlane);
    return;
  }
  PairFastestAxes(plan);
  Run(plan, KernelFor(plan.element));
}

void CopyViewSwapped(const ConstView& source, const View& destination) {
  const int64_t unit = destination.data_type.swap_size();
  if (unit == 1) return CopyView(source, destination);
  if (IsEmpty(destination.shape)) return;
  Plan plan = MakePlan(source, destination);
  AddSorted(plan, {plan.element / unit, unit, unit});
  plan.element = unit;
  Fuse(plan);
  PairFastestAxes(plan);
  Run(plan, SwappingKernelFor(unit));
}

void FillView(const View& destination, std::span<const std::byte> element) {
  const ConstView source(element.data(), destination.data_type, destination.shape,
                         Strides::Filled(destination.rank(), 0));
  CopyView(source, destination);
}

bool AllEqual(const ConstView& view, std::span<const std::byte> element) {
  if (IsEmpty(view.shape)) return true;
  Plan plan;
  plan.source = view.data;
  plan.element = view.data_type.size();
  // Sorted and fused as if the view were copied onto itself. An element that a stride of 0 repeats
  // is looked at once.
  for (int d = view.rank() - 1; d >= 0; --d) {
    const int64_t stride = std::abs(view.strides[d]);
    if (stride == 0) continue;
    if (view.strides[d] < 0) plan.source -= stride * (view.shape[d] - 1);
    AddSorted(plan, {view.shape[d], stride, stride});
  }
  Fuse(plan);
  const auto size = static_cast<size_t>(plan.element);
  int64_t run = 1;
  if (plan.rank > 0 && plan.axis(plan.rank - 1).source == plan.element) {
    run = plan.axis(--plan.rank).count;
  }
  const size_t shifted = size * static_cast<size_t>(run - 1);
  std::array<int64_t, kMaxRank> position;
  std::fill_n(position.begin(), plan.rank, 0);
  const std::byte* at = plan.source;
  while (true) {
    // A run is constant if it equals itself, shifted by one element.
    if (std::memcmp(at, element.data(), size) != 0) return false;
    if (std::memcmp(at, at + size, shifted) != 0) return false;
    int i = plan.rank - 1;
    for (; i >= 0; --i) {
      const Axis& axis = plan.axis(i);
      at += axis.source;
      if (++position[static_cast<size_t>(i)] < axis.count) break;
      at -= axis.source * axis.count;
      position[static_cast<size_t>(i)] = 0;
    }
    if (i < 0) return true;
  }
}

namespace {

template <class Byte>
BasicView<Byte> PieceOf(const BasicView<Byte>& chunk, const Box& cell,
                        const TransformPiece& piece) {
  BasicView<Byte> view(chunk.data, chunk.data_type, piece.view_box.shape,
                       Strides::Filled(piece.view_box.rank(), 0));
  for (int d = 0; d < cell.rank(); ++d) {
    const IndexTransform::OutputMap& map = piece.maps[static_cast<size_t>(d)];
    view.data += (piece.first[d] - cell.origin[d]) * chunk.strides[d];
    if (map.view_dim >= 0) view.strides[map.view_dim] = map.stride * chunk.strides[d];
  }
  return view;
}

}  // namespace

View ChunkView(const View& chunk, const Box& cell, const TransformPiece& piece) {
  return PieceOf(chunk, cell, piece);
}

ConstView ChunkView(const ConstView& chunk, const Box& cell, const TransformPiece& piece) {
  return PieceOf(chunk, cell, piece);
}

}  // namespace coffer::inline v0
