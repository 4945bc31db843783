// What verifying and repairing checkpoints share.
#ifndef COFFER_SRC_CHECKPOINT_CHECK_H_
#define COFFER_SRC_CHECKPOINT_CHECK_H_

#include <string_view>
#include <vector>

#include "coffer/array/repair.h"
#include "coffer/array/verify.h"
#include "src/checkpoint/document.h"
#include "src/checkpoint/place.h"

namespace coffer::inline v0 {

/// A place as it is read, and as saves see it, with its neighbours (prefix "" where it has none).
struct PlaceToCheck {
  CheckpointPlace place;
  CheckpointPlace published;
};
Result<PlaceToCheck> OpenPlaceToCheck(std::string_view place, const Context& context);

/// `published` is where to look for neighbours.
Result<VerifyReport> VerifyCheckpoint(const CheckpointPlace& place,
                                      const CheckpointPlace& published,
                                      const VerifyOptions& options, const Context& context);
Result<RepairReport> RepairCheckpoint(const CheckpointPlace& place,
                                      const CheckpointPlace& published,
                                      const RepairOptions& options, const Context& context);

/// The array of a leaf; adds what is wrong with its metadata (then the result is an error), or with
/// the number of its chunks.
Result<Array> OpenToCheck(const StoredCheckpoint& checkpoint, size_t number, const ArrayLeaf& leaf,
                          const Context& context, std::vector<VerifyReport::Finding>& findings);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_CHECKPOINT_CHECK_H_
