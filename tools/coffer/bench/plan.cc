#include "tools/coffer/bench/plan.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "tools/coffer/text.h"

namespace coffer::inline v0::tool {
namespace {

constexpr int kRank = 3;

// Powers of two, the last dimensions longest.
Shape DefaultChunk(int64_t size, int64_t element, const Shape& shard) {
  const int64_t bytes_max = std::min(size / 8, MiB(1));
  Shape chunk = Shape::Filled(kRank, 1);
  int64_t bytes = element;
  for (int d = kRank - 1; bytes * 2 <= bytes_max; d = (d + kRank - 1) % kRank) {
    chunk[d] *= 2;
    bytes *= 2;
  }
  for (int d = 0; d < shard.rank(); ++d) chunk[d] = std::gcd(chunk[d], shard[d]);
  return chunk;
}

// Makes the shortest dimension that may still grow (of equal ones the last) longer by one unit,
// again and again.
Shape Grow(const Shape& unit, int64_t elements_max) {
  Shape shape = unit;
  for (;;) {
    int best = -1;
    for (int d = kRank - 1; d >= 0; --d) {
      Shape longer = shape;
      longer[d] += unit[d];
      const std::optional<int64_t> elements = NumElements(longer);
      const bool fits = elements && *elements <= elements_max;
      if (fits && (best < 0 || shape[d] < shape[best])) best = d;
    }
    if (best < 0) return shape;
    shape[best] += unit[best];
  }
}

Status CheckRank(const std::optional<Shape>& shape, const char* option) {
  if (!shape || shape->rank() == kRank) return Status();
  return InvalidArgumentError(std::string(option) + " " + ToString(*shape) +
                              ": the array has 3 dimensions");
}

}  // namespace

Result<BenchPlan> MakeBenchPlan(int64_t size, DataType type,
                                const std::optional<Shape>& chunk_shape,
                                const std::optional<Shape>& shard_shape) {
  BenchPlan plan;
  COFFER_RETURN_IF_ERROR(CheckRank(chunk_shape, "--chunk-shape"));
  if (shard_shape && !shard_shape->empty()) {
    COFFER_RETURN_IF_ERROR(CheckRank(shard_shape, "--shard-shape"));
    plan.shard_shape = *shard_shape;
  }
  plan.chunk_shape = chunk_shape ? *chunk_shape : DefaultChunk(size, type.size(), plan.shard_shape);
  const std::optional<int64_t> elements = NumElements(plan.unit());
  if (!elements || *elements > size / type.size()) {
    return InvalidArgumentError("--size " + FormatBytes(size) + ": less than one " +
                                (plan.shard_shape.empty() ? "chunk" : "shard") + " of shape " +
                                ToString(plan.unit()) + " and type " + type.name());
  }
  plan.shape = Grow(plan.unit(), size / type.size());
  return plan;
}

}  // namespace coffer::inline v0::tool
