// Trees for the tests of checkpoints: arrays with known values, and comparison down to the bytes.
#ifndef COFFER_TESTS_UNIT_CHECKPOINT_TREES_H_
#define COFFER_TESTS_UNIT_CHECKPOINT_TREES_H_

#include <bit>
#include <cstring>
#include <string>
#include <vector>

#include "coffer/checkpoint/tree.h"

namespace coffer::inline v0::testing {

/// An array whose bytes are a hash of their position and `seed`; bools are 0 or 1.
inline Tree Sample(DataType type, const Shape& shape, uint32_t seed = 1) {
  OwnedArray array = OwnedArray::Allocate(type, shape).OrDie();
  uint32_t state = seed * 2654435761U + 12345;
  for (std::byte& byte : array.bytes()) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<std::byte>(type == DataType::kBool ? state >> 31 : state >> 24);
  }
  return Tree(std::move(array));
}

/// Two arrays and a number, which differ from those of another seed.
inline Tree Small(uint32_t seed) {
  Tree tree = Tree::Dict();
  tree.Set("w", Sample(DataType::kFloat32, {4, 3}, seed));
  tree.Set("b", Sample(DataType::kInt16, {5}, seed + 1));
  tree.Set("step", Tree(seed));
  return tree;
}

/// The elements in C order.
inline std::string ElementsOf(const Tree& tree) {
  const ConstView view = tree.array();
  const int64_t item = view.data_type.size();
  std::string bytes;
  Index at = Index::Filled(view.rank(), 0);
  for (int64_t n = *NumElements(view.shape); n > 0; --n) {
    const std::byte* element = view.data;
    for (int d = 0; d < view.rank(); ++d) element += at[d] * view.strides[d];
    bytes.append(reinterpret_cast<const char*>(element), static_cast<size_t>(item));
    for (int d = view.rank() - 1; d >= 0 && ++at[d] == view.shape[d]; --d) at[d] = 0;
  }
  return bytes;
}

/// What differs, with its path; empty if nothing. NaNs are compared by their bits.
inline std::string Difference(const Tree& a, const Tree& b, const TreePath& path = {}) {
  const std::string at = "at \"" + path.ToString() + "\": ";
  if (a.kind() != b.kind()) {
    return at + std::string(KindName(a.kind())) + " and " + std::string(KindName(b.kind()));
  }
  switch (a.kind()) {
    case Tree::Kind::kDict: {
      if (a.members().size() != b.members().size()) return at + "other numbers of members";
      for (size_t i = 0; i < a.members().size(); ++i) {
        if (a.members()[i].first != b.members()[i].first) return at + "other names";
        std::string below = Difference(a.members()[i].second, b.members()[i].second,
                                       path.Key(a.members()[i].first));
        if (!below.empty()) return below;
      }
      return "";
    }
    case Tree::Kind::kList: {
      if (a.items().size() != b.items().size()) return at + "other numbers of items";
      for (size_t i = 0; i < a.items().size(); ++i) {
        std::string below =
            Difference(a.items()[i], b.items()[i], path.Index(static_cast<int64_t>(i)));
        if (!below.empty()) return below;
      }
      return "";
    }
    case Tree::Kind::kArray:
      if (a.array().data_type != b.array().data_type) return at + "other data types";
      if (a.array().shape != b.array().shape) {
        return at + ToString(a.array().shape) + " and " + ToString(b.array().shape);
      }
      return ElementsOf(a) == ElementsOf(b) ? "" : at + "other elements";
    case Tree::Kind::kBool:
      return a.bool_value() == b.bool_value() ? "" : at + "other bools";
    case Tree::Kind::kInt:
      return a.int_value() == b.int_value() ? "" : at + "other ints";
    case Tree::Kind::kDouble:
      return std::bit_cast<uint64_t>(a.double_value()) == std::bit_cast<uint64_t>(b.double_value())
                 ? ""
                 : at + "other doubles";
    case Tree::Kind::kString:
    case Tree::Kind::kBytes:
      return a.text() == b.text() ? "" : at + "other texts";
    case Tree::Kind::kNone:
      return "";
  }
  return at + "unknown kind";
}

}  // namespace coffer::inline v0::testing

#endif  // COFFER_TESTS_UNIT_CHECKPOINT_TREES_H_
