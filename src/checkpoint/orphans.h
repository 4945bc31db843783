// What lies in a checkpoint and is no part of it.
#ifndef COFFER_SRC_CHECKPOINT_ORPHANS_H_
#define COFFER_SRC_CHECKPOINT_ORPHANS_H_

#include <cstdint>
#include <functional>
#include <string>

#include "coffer/async/context.h"
#include "src/array/survey.h"
#include "src/checkpoint/place.h"

namespace coffer::inline v0 {

struct OrphanSink {
  /// Those of one page of a listing.
  std::function<Status(const std::vector<std::string>& keys)> on_foreign;
  /// An array, group or checkpoint inside the checkpoint, with so many keys.
  std::function<Status(const std::string& prefix, int64_t keys)> on_inner_node;
  /// What an unfinished save wrote in it, such as a data directory that the marker does not name.
  std::function<Status(const std::string& prefix, int64_t keys)> on_unfinished;
};
/// Looks at every key of the place. Errors: the store's, and those of the sink.
Status FindOrphans(const StoredCheckpoint& checkpoint, const Context& context,
                   const OrphanSink& sink);
/// Whether each of these keys, which were told as foreign, would be so still.
Result<std::vector<ForeignVerdict>> JudgeOrphans(const StoredCheckpoint& checkpoint,
                                                 const Context& context,
                                                 const std::vector<std::string>& keys);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_CHECKPOINT_ORPHANS_H_
