// RepairArray: mends what VerifyArray finds, as far as no data can be lost by it.
//
//     RepairReport report = RepairArray(array, {.dry_run = true}).OrThrow();   // what it would do
//
// What becomes of a finding:
//
//  * outside: deleted. beyond-edge: the chunk is written anew, with the fill value beyond the edge.
//  * shard-shape: the shard is written anew, chunk by chunk as they are, if all of them are sound.
//  * debris: removed, if its writer is dead.
//  * damaged, foreign: left, unless an option drops them.
//  * inner-node, metadata: left. unsupported: told apart, and left whatever the options.
//
// Safe beside other writers: every write and delete has the condition that the value is still the
// one judged, and no chunk is called outside or beyond the edge by a shape that is not the present
// one. A writer that comes first wins; the chunk is then judged anew. Each step is atomic: after an
// interruption, repairing again completes. Repairing a second time finds nothing to do.
//
// A store without conditional writes and deletes is not repaired: all is left. So is all but debris
// where a node of another format stands in the array's place, too.
#ifndef COFFER_ARRAY_REPAIR_H_
#define COFFER_ARRAY_REPAIR_H_

#include <cstdint>
#include <string>
#include <vector>

#include "coffer/array/array.h"
#include "coffer/array/verify.h"
#include "coffer/base/export.h"
#include "coffer/base/result.h"

namespace coffer::inline v0 {

struct RepairReport;

struct RepairOptions {
  bool dry_run = false;  ///< Changes no byte; tells what would be done.
  bool deep = true;      ///< As VerifyOptions::deep.
  /// Deletes damaged chunks (of a shard whose index can be read only those), which then read as the
  /// fill value: what is left of them is lost. Never in checkpoints.
  bool drop_damaged = false;
  /// Deletes keys that belong to no node here, whatever they are and whoever wrote them. What a
  /// save of a checkpoint writes is not of these, be it running, dead or done. None is deleted, nor
  /// by drop_unfinished, where a link stands below the place (ListEntry::is_link).
  bool drop_foreign = false;
  /// Deletes what unfinished saves of a checkpoint left. The caller vouches that none is running:
  /// it would publish a checkpoint without what is deleted.
  bool drop_unfinished = false;
  ProgressFunction on_progress = nullptr;
  CancelToken cancel = {};
  /// If not null: takes what had been found and done when an error ended the repair.
  RepairReport* on_error = nullptr;
};

struct RepairReport {
  enum class Outcome { kPlanned, kDone, kLeft };
  struct Item {
    VerifyReport::Finding finding;
    Outcome outcome = Outcome::kLeft;
    std::string action;  ///< "delete", "rewrite": what is planned or done; or why it is left.
  };
  std::vector<Item> items;  ///< At most 1,000, sorted by key; the numbers count all.
  int64_t num_planned = 0;
  int64_t num_done = 0;
  int64_t num_left = 0;
  std::vector<VerifyReport::Finding> unsupported;  ///< As VerifyReport's.
  int64_t num_unsupported = 0;
};

/// An array of a group's consolidated metadata is repaired as it is stored. Errors: Aborted (the
/// metadata was changed meanwhile: repair again), Cancelled, the store's own. After an error some
/// of it is done: see RepairOptions::on_error.
COFFER_EXPORT Result<RepairReport> RepairArray(const Array& array,
                                               const RepairOptions& options = {});

}  // namespace coffer::inline v0

#endif  // COFFER_ARRAY_REPAIR_H_
