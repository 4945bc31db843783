// The write planner: from a transform and a source to encoded chunks in the store.
#ifndef COFFER_SRC_ARRAY_WRITE_H_
#define COFFER_SRC_ARRAY_WRITE_H_

#include "coffer/array/array.h"
#include "coffer/array/driver.h"
#include "coffer/array/options.h"
#include "coffer/nd/index_transform.h"
#include "coffer/nd/view.h"
#include "src/array/read.h"

namespace coffer::inline v0 {

/// Requires: source.shape == transform.view_shape(), source.data_type as stored, transform inside
/// the array's shape.
WriteFutures StartWrite(const StoredArrayPtr& stored, const IndexTransform& transform,
                        const ConstView& source, const ArrayWriteOptions& options,
                        const Context& context, StartOn start);

/// Bytes that the largest single task of writing this array, or of copying into it, reserves.
int64_t LargestWriteTask(const StoredArray& stored);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_ARRAY_WRITE_H_
