// IndexTransform: which stored elements an operation touches, and where they stand in the view.
//
// A view of a stored array has its own dimensions, counted from 0. For each *stored* dimension the
// transform holds one output map: a constant, or offset + stride * (index in one view dimension).
// A box, a step, a dropped dimension, a transposition and a reversed axis are all such maps, so a
// driver implements one read and one write:
//
//     stored[i, j, k] with i = 100            (constant: the dimension is dropped)
//                          j = 0 + 2 * v[1]   (every second element)
//                          k = 5 + 1 * v[0]   (from 5 on; the first dimension of the view)
//
// Each view dimension is used by exactly one stored dimension.
//
// Thread safety: a value.
#ifndef COFFER_ND_INDEX_TRANSFORM_H_
#define COFFER_ND_INDEX_TRANSFORM_H_

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "coffer/base/export.h"
#include "coffer/base/result.h"
#include "coffer/nd/shape.h"

namespace coffer::inline v0 {

/// What to take of one dimension. `{.dim = 0, .at = 100}` takes one index and drops the dimension;
/// `{.dim = 1, .begin = 5, .end = 20, .step = 2}` a range; dimensions not named are taken whole.
/// Negative indices are not counted from the end; step >= 1.
struct Selection {
  static constexpr int64_t kUnset = INT64_MIN;
  int dim = 0;
  int64_t at = kUnset;
  int64_t begin = kUnset;  ///< Unset: 0.
  int64_t end = kUnset;    ///< Unset: the extent.
  int64_t step = 1;
};

class COFFER_EXPORT IndexTransform {
 public:
  struct OutputMap {
    int64_t offset = 0;
    int64_t stride = 0;  ///< 0 for a constant; negative walks backwards.
    int view_dim = -1;   ///< -1 for a constant.
    bool operator==(const OutputMap&) const = default;
  };

  IndexTransform() = default;  ///< Rank 0 to rank 0.
  /// The whole of an array of this shape.
  static IndexTransform Identity(const Shape& shape);
  /// A box of an array of shape `stored`. Errors: InvalidArgument for another rank, OutOfRange
  /// (showing box and shape) if it does not lie inside.
  static Result<IndexTransform> FromBox(const Shape& stored, const Box& box);
  /// Errors: InvalidArgument (a dimension named twice, an unknown dimension, step < 1, `at`
  /// together with a range), OutOfRange.
  static Result<IndexTransform> FromSelections(const Shape& stored,
                                               std::span<const Selection> selections);
  /// NumPy's spelling: "0:10,5:20:2,:", "100" drops a dimension, missing trailing dimensions are
  /// taken whole, "" takes all. Errors: as FromSelections; the text names the part.
  static Result<IndexTransform> Parse(const Shape& stored, std::string_view region);

  /// Dimension i of the new view is dimension order[i] of the old. Errors: InvalidArgument unless
  /// `order` is a permutation.
  Result<IndexTransform> Transpose(std::span<const int> order) const;
  /// The same elements with view dimension `dim` walked backwards. Errors: InvalidArgument for an
  /// unknown dimension.
  Result<IndexTransform> Reverse(int dim) const;
  /// This view, restricted to `box` of it. Errors: InvalidArgument for another rank, OutOfRange.
  Result<IndexTransform> Subview(const Box& box) const;

  const Shape& view_shape() const { return view_shape_; }
  std::span<const OutputMap> maps() const { return maps_; }  ///< One per stored dimension.
  int stored_rank() const { return static_cast<int>(maps_.size()); }
  bool empty() const { return Box::Full(view_shape_).empty(); }

  /// The smallest box of the stored array that holds all the elements. Requires !empty().
  Box StoredBounds() const;

  friend bool operator==(const IndexTransform&, const IndexTransform&) = default;

 private:
  Shape view_shape_;
  std::vector<OutputMap> maps_;
};

/// What a transform takes from one box of the stored array.
struct TransformPiece {
  Box view_box;                                 ///< Where it stands in the view; may be empty.
  Index first;                                  ///< Stored index of the view box's first element.
  std::vector<IndexTransform::OutputMap> maps;  ///< As the transform's.

  /// Whether the piece is all of `cell`, each element once (whatever its order).
  bool CoversAll(const Box& cell) const;
};
/// Requires equal ranks, non-empty transform and cell and, if the view has rank 0 (which no empty
/// box can express), that the cell holds its element.
COFFER_EXPORT TransformPiece Intersect(const IndexTransform& transform, const Box& cell);

}  // namespace coffer::inline v0

#endif  // COFFER_ND_INDEX_TRANSFORM_H_
