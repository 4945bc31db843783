// SyntheticVolume: what `coffer bench` stores: a smooth 3-d field with 4 bits of noise, which
// compresses as images do. Each element is a function of its position, so any part of a volume of
// any size is made, and checked, without the rest.
//
// Thread safety: a value; const methods from any thread.
#ifndef COFFER_TOOLS_COFFER_BENCH_VOLUME_H_
#define COFFER_TOOLS_COFFER_BENCH_VOLUME_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "coffer/base/data_type.h"
#include "coffer/nd/shape.h"

namespace coffer::inline v0::tool {

/// Elements first, first + step, ... of a 3-d array: `shape` of them in each dimension.
struct Lattice {
  Index first;
  Shape shape;
  Index step = {1, 1, 1};

  static Lattice Of(const Box& box) { return {box.origin, box.shape}; }
};

class SyntheticVolume {
 public:
  /// Volumes of other editions have other noise. Requires rank 3, and a number of elements that
  /// fits in 63 bits.
  SyntheticVolume(const Shape& shape, DataType type, int64_t edition = 0);

  const Shape& shape() const { return shape_; }
  DataType data_type() const { return type_; }

  /// Writes the elements in C order, without gaps. Requires a lattice inside the shape and memory
  /// of its size.
  void Fill(const Lattice& lattice, std::span<std::byte> bytes) const;
  /// The position of the first element that is another than Fill() would write; those inside the
  /// patch, if one is given, are to be its volume's. Requires steps of 1 where there is a patch.
  struct Patch;
  std::optional<Index> FindDifference(const Lattice& lattice, std::span<const std::byte> bytes,
                                      const Patch* patch = nullptr) const;

 private:
  class Row;
  void FillRow(const Row& row, std::byte* out) const;

  Shape shape_;
  DataType type_;
  uint64_t edition_;
  std::array<std::vector<uint32_t>, 3> waves_;  // Of each dimension; the field is their sum.
};

struct SyntheticVolume::Patch {
  const SyntheticVolume& volume;
  Box box;
};

}  // namespace coffer::inline v0::tool

#endif  // COFFER_TOOLS_COFFER_BENCH_VOLUME_H_
