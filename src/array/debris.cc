// What dead writers left, as findings. The store tells the dead from the living; where it cannot,
// nothing is removed.
#include <utility>

#include "src/array/findings.h"
#include "src/array/inspect.h"

namespace coffer::inline v0 {
namespace {

VerifyReport::Finding FindingOf(const KvStore& store, const Debris& debris) {
  return {FindingKind::kDebris, store.Describe(debris.name), "debris: " + debris.reason};
}

}  // namespace

Status VerifyDebris(KvStore& store, const std::string& prefix, VerifyReport& report) {
  RepairReport found;
  COFFER_RETURN_IF_ERROR(RepairDebris(store, prefix, {.dry_run = true}, found));
  for (RepairReport::Item& item : found.items) AddFinding(report, std::move(item.finding));
  report.num_findings +=
      found.num_planned + found.num_left - static_cast<int64_t>(found.items.size());
  return Status();
}

Status RepairDebris(KvStore& store, const std::string& prefix, const RepairOptions& options,
                    RepairReport& report) {
  const Result<std::vector<Debris>> debris =
      store.ClearDebris(KeyRange::Prefix(prefix), {.dry_run = options.dry_run}).Get();
  const bool denied = debris.status().code() == StatusCode::kPermissionDenied;
  if (denied || debris.status().code() == StatusCode::kFailedPrecondition) {
    AddItem(report, {{FindingKind::kDebris, store.Describe(prefix),
                      "debris: " + std::string(debris.status().message())},
                     RepairReport::Outcome::kLeft,
                     denied ? "not all of it may be looked at" : "it may be in use"});
    return Status();
  }
  COFFER_RETURN_IF_ERROR(debris);
  for (const Debris& one : *debris) {
    const bool planned = options.dry_run;
    AddItem(report,
            {FindingOf(store, one),
             planned ? RepairReport::Outcome::kPlanned : RepairReport::Outcome::kDone, "delete"});
  }
  return Status();
}

}  // namespace coffer::inline v0
