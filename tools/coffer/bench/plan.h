// How large the array of `coffer bench` is.
#ifndef COFFER_TOOLS_COFFER_BENCH_PLAN_H_
#define COFFER_TOOLS_COFFER_BENCH_PLAN_H_

#include <cstdint>
#include <optional>

#include "coffer/base/data_type.h"
#include "coffer/base/result.h"
#include "coffer/nd/shape.h"

namespace coffer::inline v0::tool {

struct BenchPlan {
  Shape shape;  ///< A multiple of `unit` in each dimension.
  Shape chunk_shape;
  Shape shard_shape;  ///< Rank 0: no shards.

  /// What is written as a whole.
  const Shape& unit() const { return shard_shape.empty() ? chunk_shape : shard_shape; }
};

/// A 3-d array of at most `size` bytes, as near to it and to a cube as whole shards (or chunks)
/// allow. Chunks that were not asked for have about 1 MiB, or an eighth of the array if that is
/// less, and divide the shards. Errors: InvalidArgument (extents that are not three, a shard larger
/// than `size`).
Result<BenchPlan> MakeBenchPlan(int64_t size, DataType type,
                                const std::optional<Shape>& chunk_shape,
                                const std::optional<Shape>& shard_shape);

}  // namespace coffer::inline v0::tool

#endif  // COFFER_TOOLS_COFFER_BENCH_PLAN_H_
