// Changing an array's shape, and keeping what lies outside it from coming back.
#ifndef COFFER_SRC_ARRAY_RESIZE_H_
#define COFFER_SRC_ARRAY_RESIZE_H_

#include "coffer/array/driver.h"
#include "coffer/array/options.h"
#include "coffer/nd/index_transform.h"

namespace coffer::inline v0 {

/// Writes the new shape, then (where it shrinks) deletes and clears what fell outside. `stored`
/// becomes the array as it is then, also if an error came after the new shape was written.
Status ResizeStored(StoredArrayPtr& stored, const Shape& shape, const Context& context);

/// Makes dimension `dim` longer by what a source of this shape has there, whatever others do to the
/// array meanwhile; returns the box that is the caller's alone. `stored` becomes the array as it is
/// then.
Result<Box> GrowStored(StoredArrayPtr& stored, int dim, const Shape& source, const Context& context,
                       const CancelToken& cancel);

/// After a write through `stored` has ended, well or not: FailedPrecondition if the array was made
/// so small meanwhile that it no longer holds all of `transform`; what the write put outside is
/// then taken back.
Future<void> CheckShapeAfterWrite(const StoredArrayPtr& stored, const IndexTransform& transform,
                                  const ArrayWriteOptions& options, const Context& context);

bool IsInGrid(const StoredArray& stored, const Index& cell);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_ARRAY_RESIZE_H_
