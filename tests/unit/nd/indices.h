// What the tests of nd share: every index of a shape in C order, and seeds that failures show.
#ifndef COFFER_TESTS_UNIT_ND_INDICES_H_
#define COFFER_TESTS_UNIT_ND_INDICES_H_

#include <cstdint>
#include <random>
#include <vector>

#include "coffer/nd/shape.h"

namespace coffer {

/// Every index below `shape`, in C order.
inline std::vector<Index> AllIndices(const Shape& shape) {
  std::vector<Index> all;
  if (Box::Full(shape).empty()) return all;
  Index index = Index::Filled(shape.rank(), 0);
  while (true) {
    all.push_back(index);
    int d = shape.rank() - 1;
    for (; d >= 0; --d) {
      if (++index[d] < shape[d]) break;
      index[d] = 0;
    }
    if (d < 0) return all;
  }
}

/// Random numbers that depend on nothing but the seed.
class Dice {
 public:
  explicit Dice(uint64_t seed) : engine_(seed) {}
  /// From low to high, both included.
  int64_t operator()(int64_t low, int64_t high) {
    const auto span = static_cast<uint64_t>(high - low) + 1;
    return low + static_cast<int64_t>(engine_() % span);
  }
  /// True once in `n` times.
  bool OneIn(int64_t n) { return (*this)(1, n) == 1; }
  /// A permutation of 0 .. n - 1.
  std::vector<int> Permutation(int n) {
    std::vector<int> order;
    for (int i = 0; i < n; ++i) {
      order.insert(order.begin() + (*this)(0, i), i);
    }
    return order;
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace coffer

#endif  // COFFER_TESTS_UNIT_ND_INDICES_H_
