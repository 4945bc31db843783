// Goal: no text of a region crashes the parser, and no transform that it gives reaches beyond the
// array; restricted, transposed and reversed ones do not, either.
// Method: the first bytes choose a shape (small, or with extents near 2^63), the rest is the text.
// The bounds of what is accepted are computed by themselves, in 128-bit arithmetic.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "coffer/nd/index_transform.h"

namespace {

using Wide = __int128;

void Require(bool condition) {
  if (!condition) std::abort();
}

void CheckInside(const coffer::IndexTransform& transform, const coffer::Shape& stored) {
  Require(transform.stored_rank() == stored.rank());
  std::vector<int> uses(transform.view_shape().size());
  for (int d = 0; d < stored.rank(); ++d) {
    const coffer::IndexTransform::OutputMap& map = transform.maps()[static_cast<size_t>(d)];
    Wide last = map.offset;
    if (map.view_dim >= 0) {
      ++uses.at(static_cast<size_t>(map.view_dim));
      const int64_t extent = transform.view_shape()[map.view_dim];
      Require(extent >= 0);
      last += Wide{map.stride} * (std::max<int64_t>(extent, 1) - 1);
    }
    if (transform.empty()) continue;
    Require(map.offset >= 0 && map.offset < stored[d] && last >= 0 && last < stored[d]);
  }
  for (const int each : uses) Require(each == 1);
  if (transform.empty()) return;
  const coffer::Box bounds = transform.StoredBounds();
  for (int d = 0; d < stored.rank(); ++d) {
    Require(bounds.origin[d] >= 0 && Wide{bounds.origin[d]} + bounds.shape[d] <= stored[d]);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 5) return 0;
  static constexpr int64_t kExtents[] = {0,        1, 2, 10, 1000, int64_t{1} << 31, INT64_MAX - 1,
                                         INT64_MAX};
  coffer::Shape shape;
  for (int d = 0; d < data[0] % 5; ++d) shape.push_back(kExtents[data[1 + d] % 8]);
  const std::string_view text(reinterpret_cast<const char*>(data + 5), size - 5);
  const auto parsed = coffer::IndexTransform::Parse(shape, text);
  if (!parsed.ok()) {
    const coffer::StatusCode code = parsed.status().code();
    Require(code == coffer::StatusCode::kInvalidArgument ||
            code == coffer::StatusCode::kOutOfRange);
    return 0;
  }
  CheckInside(*parsed, shape);
  const int rank = parsed->view_shape().rank();
  std::vector<int> order;
  for (int d = rank; d > 0; --d) order.push_back(d - 1);
  const coffer::IndexTransform turned = parsed->Transpose(order).value();
  CheckInside(turned, shape);
  Require(turned.Transpose(order).value() == *parsed);
  for (int d = 0; d < rank; ++d) {
    const coffer::IndexTransform reversed = parsed->Reverse(d).value();
    CheckInside(reversed, shape);
    coffer::Box half = coffer::Box::Full(parsed->view_shape());
    half.origin[d] = half.shape[d] / 2;
    half.shape[d] -= half.origin[d];
    CheckInside(reversed.Subview(half).value(), shape);
  }
  return 0;
}
