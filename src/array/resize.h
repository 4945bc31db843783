// Changing an array's shape.
#ifndef COFFER_SRC_ARRAY_RESIZE_H_
#define COFFER_SRC_ARRAY_RESIZE_H_

#include "coffer/array/driver.h"

namespace coffer::inline v0 {

/// Writes the new shape, then (where it shrinks) deletes and clears what fell outside. `stored`
/// becomes the array as it is then, also if an error came after the new shape was written.
Status ResizeStored(StoredArrayPtr& stored, const Shape& shape, const Context& context);

bool IsInGrid(const StoredArray& stored, const Index& cell);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_ARRAY_RESIZE_H_
