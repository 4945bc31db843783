// What verifiers and repairers share: which errors are findings, keeping lists of them short, and
// adding reports up.
#ifndef COFFER_SRC_ARRAY_FINDINGS_H_
#define COFFER_SRC_ARRAY_FINDINGS_H_

#include <string>
#include <utility>

#include "coffer/array/repair.h"
#include "coffer/array/verify.h"
#include "coffer/base/status.h"

namespace coffer::inline v0 {

/// Whether an error of opening or reading what is stored says that the stored bytes are wrong: they
/// are lost, unless somebody has them elsewhere.
inline bool IsDamage(const Status& status) {
  return status.code() == StatusCode::kDataLoss || status.code() == StatusCode::kInvalidArgument ||
         status.code() == StatusCode::kFailedPrecondition;  // Such as a FIFO in a value's place.
}
/// Whether it says that they may be sound, but this program lacks what reading them takes.
inline bool IsUnsupported(const Status& status) {
  return status.code() == StatusCode::kUnimplemented;
}
/// Whether it tells of the stored bytes at all, not of the store.
inline bool IsUnreadable(const Status& status) { return IsDamage(status) || IsUnsupported(status); }

/// Of a node whose document is unreadable.
inline VerifyReport::Finding UnreadableNode(std::string described, const Status& status) {
  return {IsUnsupported(status) ? FindingKind::kUnsupported : FindingKind::kMetadata,
          std::move(described), status.ToString()};
}

/// As many findings of a report are kept with their texts.
inline constexpr size_t kFindingsMax = 1000;

/// Counts a finding, and keeps it where not too many are kept already; one of kUnsupported apart.
void AddFinding(VerifyReport& report, VerifyReport::Finding finding);
void Merge(VerifyReport& all, VerifyReport part);
void SortFindings(VerifyReport& report);

/// The same of what a repair did.
void AddItem(RepairReport& report, RepairReport::Item item);
void Merge(RepairReport& all, RepairReport part);
void SortItems(RepairReport& report);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_ARRAY_FINDINGS_H_
