// Writing one cell anew from its own sound parts, on the condition that it is still the value that
// was inspected.
#ifndef COFFER_SRC_ARRAY_REBUILD_H_
#define COFFER_SRC_ARRAY_REBUILD_H_

#include <string>

#include "coffer/array/driver.h"
#include "coffer/async/cancel.h"
#include "coffer/async/context.h"
#include "src/array/inspect.h"

namespace coffer::inline v0 {

/// Whether the shard's inner chunks share bytes so that, each by itself, they would have more than
/// a shard can have: such a one is not rebuilt.
bool UnfoldsBeyondAShard(const StoredArray& stored, const CellFaults& faults);

/// Requires faults.damage.ok() and !UnfoldsBeyondAShard(). Chunks are kept as they are stored, but
/// those that reach beyond the array's edge have the fill value there; `faults.bad_chunks` become
/// absent, and so do inner chunks wholly beyond the edge. Returns kConditionNotMet if the cell
/// changed meanwhile.
Result<WriteResult::State> RebuildCell(const StoredArray& stored, const Context& context,
                                       const std::string& key, const Index& cell,
                                       const CellFaults& faults, const CancelToken& cancel);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_ARRAY_REBUILD_H_
