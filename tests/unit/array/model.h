// A plain array in memory that the tests hold against a stored one: reads and writes element by
// element through the maps of a transform, with no code of the planners.
#ifndef COFFER_TESTS_UNIT_ARRAY_MODEL_H_
#define COFFER_TESTS_UNIT_ARRAY_MODEL_H_

#include <atomic>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "coffer/array/array.h"
#include "coffer/kvstore/adapters.h"

namespace coffer::inline v0::testing {

/// Calls `body` with the index of every element of a shape, in C order.
template <class Body>
void ForEachIndex(const Shape& shape, const Body& body) {
  if (*NumElements(shape) == 0) return;
  Index index = Index::Filled(shape.rank(), 0);
  for (;;) {
    body(index);
    int d = shape.rank() - 1;
    while (d >= 0 && ++index[d] == shape[d]) index[d--] = 0;
    if (d < 0) return;
  }
}

/// The same with the stored index of every element of a transform's view.
template <class Body>
void ForEachElement(const IndexTransform& transform, const Body& body) {
  ForEachIndex(transform.view_shape(), [&](const Index& view) {
    Index stored;
    for (const IndexTransform::OutputMap& map : transform.maps()) {
      stored.push_back(map.offset + (map.view_dim < 0 ? 0 : map.stride * view[map.view_dim]));
    }
    body(stored);
  });
}

class ModelArray {
 public:
  ModelArray(DataType type, const Shape& shape, std::vector<std::byte> fill)
      : type_(type), shape_(shape), fill_(std::move(fill)) {
    Resize(shape);
  }

  void Resize(const Shape& shape) {
    const ModelArray old = *this;
    shape_ = shape;
    const size_t count = static_cast<size_t>(*NumElements(shape));
    bytes_.resize(count * size());
    for (size_t i = 0; i < count; ++i) std::memcpy(&bytes_[i * size()], fill_.data(), size());
    if (old.bytes_.empty()) return;
    ForEachIndex(shape, [&](const Index& index) {
      if (Inside(index, old.shape_)) std::memcpy(At(index), old.At(index), size());
    });
  }

  /// C-order bytes of the view.
  std::vector<std::byte> Read(const IndexTransform& transform) const {
    std::vector<std::byte> out;
    ForEachElement(transform, [&](const Index& index) {
      const std::byte* at = At(index);
      out.insert(out.end(), at, at + size());
    });
    return out;
  }
  void Write(const IndexTransform& transform, const std::vector<std::byte>& bytes) {
    size_t next = 0;
    ForEachElement(transform, [&](const Index& index) {
      std::memcpy(At(index), &bytes[next], size());
      next += size();
    });
  }
  const Shape& shape() const { return shape_; }

 private:
  static bool Inside(const Index& index, const Shape& shape) {
    for (int d = 0; d < shape.rank(); ++d) {
      if (index[d] >= shape[d]) return false;
    }
    return true;
  }
  size_t Offset(const Index& index) const {
    int64_t offset = 0;
    for (int d = 0; d < shape_.rank(); ++d) offset = offset * shape_[d] + index[d];
    return static_cast<size_t>(offset) * size();
  }
  std::byte* At(const Index& index) { return &bytes_[Offset(index)]; }
  const std::byte* At(const Index& index) const { return &bytes_[Offset(index)]; }
  size_t size() const { return static_cast<size_t>(type_.size()); }

  DataType type_;
  Shape shape_;
  std::vector<std::byte> fill_;
  std::vector<std::byte> bytes_;
};

/// A random transform of an array of this shape: boxes, steps, dropped dimensions, a permutation.
inline IndexTransform RandomTransform(const Shape& shape, std::mt19937_64& random) {
  auto pick = [&](int64_t below) {
    return below <= 0 ? 0 : static_cast<int64_t>(random() % static_cast<uint64_t>(below));
  };
  std::vector<Selection> selections;
  for (int d = 0; d < shape.rank(); ++d) {
    switch (pick(4)) {
      case 0:
        break;
      case 1:
        if (shape[d] > 0) selections.push_back({.dim = d, .at = pick(shape[d])});
        break;
      default: {
        const int64_t begin = pick(shape[d] + 1);
        const int64_t end = begin + pick(shape[d] - begin + 1);
        selections.push_back({.dim = d, .begin = begin, .end = end, .step = 1 + pick(3)});
      }
    }
  }
  IndexTransform transform = IndexTransform::FromSelections(shape, selections).OrDie();
  std::vector<int> order(transform.view_shape().size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
  if (pick(2) == 0) std::shuffle(order.begin(), order.end(), random);
  return transform.Transpose(order).OrDie();
}

inline std::vector<std::byte> RandomBytes(size_t size, std::mt19937_64& random) {
  std::vector<std::byte> bytes(size);
  // Mostly small numbers, so that codecs have something to do; runs of zero make fill chunks.
  const bool zeros = random() % 4 == 0;
  for (std::byte& byte : bytes) byte = zeros ? std::byte{0} : static_cast<std::byte>(random() % 7);
  return bytes;
}

/// An empty store in memory, "memory://array_test" and a number.
inline KvStorePtr NewStore(const Context& context = Context::Default()) {
  static std::atomic<int> number = 0;
  return OpenKvStore("memory://array_test" + std::to_string(number++), context).OrDie();
}

/// A store that answers later, from another thread.
inline KvStorePtr Later(KvStorePtr base) {
  return MakeLatencyStore(std::move(base), {.per_request = std::chrono::microseconds(50)});
}

inline ConstView ViewOf(const std::vector<std::byte>& bytes, DataType type, const Shape& shape) {
  return ConstView(bytes.data(), type, shape);
}

}  // namespace coffer::inline v0::testing

#endif  // COFFER_TESTS_UNIT_ARRAY_MODEL_H_
