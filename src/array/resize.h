// Changing an array's shape.
#ifndef COFFER_SRC_ARRAY_RESIZE_H_
#define COFFER_SRC_ARRAY_RESIZE_H_

#include "src/array/driver.h"

namespace coffer::inline v0 {

/// Writes the new shape, then (where it shrinks) deletes and clears what fell outside.
Result<StoredArrayPtr> ResizeStored(const StoredArrayPtr& stored, const Shape& shape,
                                    const Context& context);

bool IsInGrid(const StoredArray& stored, const Index& cell);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_ARRAY_RESIZE_H_
