#include "coffer/nd/shape.h"

#include <limits>

#include "coffer/base/result.h"

namespace coffer::inline v0 {

void Dims::push_back(int64_t value) {
  if (rank_ == kMaxRank) internal::DieOfStatus(InternalError("rank above 32"));
  values_[static_cast<size_t>(rank_++)] = value;
}

std::string ToString(const Dims& dims) {
  std::string text = "[";
  for (int d = 0; d < dims.rank(); ++d) {
    if (d > 0) text += ", ";
    text += std::to_string(dims[d]);
  }
  return text + "]";
}

std::ostream& operator<<(std::ostream& out, const Dims& dims) { return out << ToString(dims); }

Strides COrderStrides(const Shape& shape, int64_t element_size) {
  Strides strides = Strides::Filled(shape.rank(), element_size);
  for (int d = shape.rank() - 2; d >= 0; --d) {
    strides[d] = strides[d + 1] * std::max<int64_t>(shape[d + 1], 1);
  }
  return strides;
}

int64_t Box::end(int dim) const {
  return CheckedAdd(origin[dim], shape[dim]).value_or(std::numeric_limits<int64_t>::max());
}

bool Box::empty() const { return std::find(shape.begin(), shape.end(), 0) != shape.end(); }

bool Box::Contains(const Box& inner) const {
  for (int d = 0; d < rank(); ++d) {
    if (inner.origin[d] < origin[d] || inner.end(d) > end(d)) return false;
  }
  return true;
}

Box Box::Intersect(const Box& other) const {
  Box common = *this;
  for (int d = 0; d < rank(); ++d) {
    common.origin[d] = std::max(origin[d], other.origin[d]);
    common.shape[d] = std::max<int64_t>(0, std::min(end(d), other.end(d)) - common.origin[d]);
  }
  return common;
}

std::string ToString(const Box& box) {
  if (box.rank() == 0) return "()";
  std::string text;
  for (int d = 0; d < box.rank(); ++d) {
    if (d > 0) text += " x ";
    text += "[" + std::to_string(box.origin[d]) + ", " + std::to_string(box.end(d)) + ")";
  }
  return text;
}

}  // namespace coffer::inline v0
