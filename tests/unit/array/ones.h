// Ones: a source that makes its elements up, for the tests of copies.
#ifndef COFFER_TESTS_UNIT_ARRAY_ONES_H_
#define COFFER_TESTS_UNIT_ARRAY_ONES_H_

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>

#include "coffer/array/copy.h"

namespace coffer::inline v0::testing {

/// Ones, of any shape. Counts what is asked for, and expects more than that to be reserved for it.
class Ones : public BlockSource {
 public:
  explicit Ones(Shape shape) : shape_(shape) {}
  DataType data_type() const override { return DataType::kUint8; }
  const Shape& shape() const override { return shape_; }
  int64_t task_bytes(const Box&) const override { return 0; }
  Status ReadBlock(const Box& box, const View& destination, Reservation& reservation,
                   const CancelToken&) override {
    const int64_t count = *NumElements(box.shape);
    elements += count;
    for (int64_t seen = largest; seen < count && !largest.compare_exchange_weak(seen, count);) {
    }
    EXPECT_GT(reservation.bytes(), count);
    std::memset(destination.data, 1, static_cast<size_t>(count));
    return Status();
  }
  std::atomic<int64_t> elements = 0;  ///< Of all blocks.
  std::atomic<int64_t> largest = 0;   ///< Elements of the largest block.

 private:
  const Shape shape_;
};

}  // namespace coffer::inline v0::testing

#endif  // COFFER_TESTS_UNIT_ARRAY_ONES_H_
