// What verifiers and repairers share: which errors are findings, keeping lists of them short, and
// adding reports up.
#ifndef COFFER_SRC_ARRAY_FINDINGS_H_
#define COFFER_SRC_ARRAY_FINDINGS_H_

#include <string>

#include "coffer/array/repair.h"
#include "coffer/array/verify.h"
#include "coffer/base/status.h"

namespace coffer::inline v0 {

/// Whether an error of opening what is stored tells of the stored bytes, not of the store.
inline bool IsDamage(const Status& status) {
  return status.code() == StatusCode::kDataLoss || status.code() == StatusCode::kInvalidArgument ||
         status.code() == StatusCode::kUnimplemented ||
         status.code() == StatusCode::kFailedPrecondition;  // Such as a FIFO in a value's place.
}

/// As many findings of a report are kept with their texts.
inline constexpr size_t kFindingsMax = 1000;

/// Counts a finding, and keeps it where not too many are kept already.
void AddFinding(VerifyReport& report, VerifyReport::Finding finding);
void Merge(VerifyReport& all, VerifyReport part);
void SortFindings(VerifyReport& report);

/// The same of what a repair did.
void AddItem(RepairReport& report, RepairReport::Item item);
void Merge(RepairReport& all, RepairReport part);
void SortItems(RepairReport& report);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_ARRAY_FINDINGS_H_
