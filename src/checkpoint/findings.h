// What the verifiers of checkpoints and of the command line share: which errors are findings, and
// adding reports up.
#ifndef COFFER_SRC_CHECKPOINT_FINDINGS_H_
#define COFFER_SRC_CHECKPOINT_FINDINGS_H_

#include <string>
#include <utility>

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
inline void AddFinding(VerifyReport& report, std::string key, std::string reason) {
  ++report.num_findings;
  if (report.findings.size() < kFindingsMax) {
    report.findings.push_back({std::move(key), std::move(reason)});
  }
}

inline void Merge(VerifyReport& all, VerifyReport part) {
  const int64_t unlisted = part.num_findings - static_cast<int64_t>(part.findings.size());
  for (VerifyReport::Finding& finding : part.findings) {
    AddFinding(all, std::move(finding.key), std::move(finding.reason));
  }
  all.num_findings += unlisted;
  all.chunks_checked += part.chunks_checked;
  all.chunks_unchecked += part.chunks_unchecked;
  all.bytes_checked += part.bytes_checked;
}

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_CHECKPOINT_FINDINGS_H_
