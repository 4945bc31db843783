// RestorePlan: which leaves to read, into which shapes. Everything that can be refused without
// reading an array is refused here.
#ifndef COFFER_SRC_CHECKPOINT_PLAN_H_
#define COFFER_SRC_CHECKPOINT_PLAN_H_

#include <cstdint>
#include <vector>

#include "coffer/checkpoint/checkpoint.h"
#include "coffer/checkpoint/tree.h"

namespace coffer::inline v0 {

struct LeafRead {
  size_t number = 0;  // Of the stored array.
  TreePath path;
  ConstView stored;  // Type and shape as stored.
  Shape wanted;

  /// What both shapes have: the smaller extents.
  Shape Common() const;
  int64_t wanted_bytes() const { return *NumElements(wanted) * stored.data_type.size(); }
};

struct RestorePlan {
  Tree tree;                    // The result, but for the elements of its array leaves.
  std::vector<LeafRead> reads;  // One per array leaf, in the order of tree.Leaves().
};

/// Errors as checkpoint::Restore.
Result<RestorePlan> PlanRestore(const Tree& stored, const checkpoint::RestoreOptions& options);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_CHECKPOINT_PLAN_H_
