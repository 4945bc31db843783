// Moving elements between arrays in stores and arrays in plain files, in bounded memory.
#ifndef COFFER_TOOLS_COFFER_BLOCKS_H_
#define COFFER_TOOLS_COFFER_BLOCKS_H_

#include <functional>
#include <utility>

#include "coffer/array/array.h"
#include "coffer/array/copy.h"
#include "coffer/base/result.h"
#include "tools/formats/layout.h"

namespace coffer::inline v0::tool {

/// The elements of an array in a file, under the data type `type` of the same size.
class FileSource : public BlockSource {
 public:
  FileSource(formats::FileArray array, DataType type) : array_(std::move(array)), type_(type) {}

  DataType data_type() const override { return type_; }
  const Shape& shape() const override { return array_.layout.shape; }
  int64_t task_bytes(const Box&) const override { return MiB(1); }
  Status ReadBlock(const Box& box, const View& destination, Reservation&,
                   const CancelToken&) override {
    return array_.Read(box, View(destination.data, array_.layout.data_type, destination.shape,
                                 destination.strides));
  }

 private:
  formats::FileArray array_;
  DataType type_;
};

/// The shape of blocks of an array of this shape: whole multiples of `unit` where they fit into
/// `bytes_max` (but at least one), as long as possible in the last dimensions. Requires extents of
/// `unit` >= 1 whose bytes fit in 63 bits.
Shape BlockOfUnits(const Shape& shape, const Shape& unit, int64_t element_size, int64_t bytes_max);

/// The shape of the blocks in which a view of `array` is written to a file: whole read chunks where
/// they fit into `bytes_max`, as long as possible in the last dimensions, which are the file's
/// fastest. Requires the transform to be of that array.
Shape BlockShape(const Array& array, const IndexTransform& transform, int64_t bytes_max);

/// Writes what `transform` takes from an array into an array of the same shape in a file. Holds one
/// block of at most a quarter of the budget and 16 MiB (but a whole chunk) beside what reading it
/// needs.
Status WriteToFile(const Array& array, const IndexTransform& transform,
                   const formats::FileArray& file, const ArrayReadOptions& options);

}  // namespace coffer::inline v0::tool

#endif  // COFFER_TOOLS_COFFER_BLOCKS_H_
