// VerifyPlace, RepairPlace: what is wrong with whatever stands at a place, and mending it. An
// array, a checkpoint, or a group with every array, group and checkpoint below it, each once.
//
//     VerifyReport report = VerifyPlace("/data/run", {.deep = true}).OrThrow();
//     RepairReport done = RepairPlace("/data/run").OrThrow();
//
// A place is named as for Array::Open and checkpoint::Restore. What becomes of which finding, and
// what a repair promises beside other writers, stands in coffer/array/repair.h. Of a checkpoint:
//
//  * Neither marker nor document can be repaired, nor a missing or damaged chunk: they are left.
//  * unfinished (data directories that no marker names, staging folders; by their names alone):
//    left, unless an option drops them, since nobody can tell whether their saver lives. Nothing
//    else is done to them, whatever the options. Also where no complete checkpoint is.
//  * Its arrays are repaired as arrays are, but no chunk of theirs is ever dropped.
//
// Progress is told of each array or checkpoint anew. Memory grows with the number of folders, and
// with what dead writers left, but not with the number of keys.
//
// Thread safety: all functions from any thread.
#ifndef COFFER_CHECKPOINT_REPAIR_H_
#define COFFER_CHECKPOINT_REPAIR_H_

#include <string>
#include <string_view>

#include "coffer/array/repair.h"
#include "coffer/array/verify.h"
#include "coffer/async/context.h"
#include "coffer/base/export.h"
#include "coffer/base/result.h"
#include "coffer/kvstore/kvstore.h"

namespace coffer::inline v0 {

/// A node that cannot be opened is a finding, one that is not supported is told apart. Errors:
/// NotFound (no array, group or checkpoint is there, nor an unfinished one), Cancelled, the store's
/// own.
COFFER_EXPORT Result<VerifyReport> VerifyPlace(std::string_view place,
                                               const VerifyOptions& options = {},
                                               const Context& context = Context::Default());
/// Of a group, an error of one place (Aborted, as RepairArray) is a finding of kMetadata that is
/// left. Errors: also Aborted; FailedPrecondition for a place inside a checkpoint, which
/// is repaired as a whole.
COFFER_EXPORT Result<RepairReport> RepairPlace(std::string_view place,
                                               const RepairOptions& options = {},
                                               const Context& context = Context::Default());

namespace checkpoint {

/// Errors: NotFound (no checkpoint there, not even an unfinished one), Aborted (replaced
/// meanwhile), Cancelled, the store's own.
COFFER_EXPORT Result<RepairReport> Repair(std::string_view place, const RepairOptions& options = {},
                                          const Context& context = Context::Default());
COFFER_EXPORT Result<RepairReport> Repair(KvStorePtr store, std::string prefix,
                                          const RepairOptions& options = {},
                                          const Context& context = Context::Default());

}  // namespace checkpoint
}  // namespace coffer::inline v0

#endif  // COFFER_CHECKPOINT_REPAIR_H_
