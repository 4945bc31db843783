// Reports as short texts, for the tests of verifying and repairing.
#ifndef COFFER_TESTS_UNIT_CHECKPOINT_REPORTS_H_
#define COFFER_TESTS_UNIT_CHECKPOINT_REPORTS_H_

#include <string>
#include <vector>

#include "coffer/array/repair.h"
#include "coffer/array/verify.h"
#include "coffer/kvstore/kvstore.h"

namespace coffer::inline v0::testing {

/// "outcome action: kind key" of each item; the key without the store's name.
inline std::vector<std::string> Texts(const RepairReport& report, const KvStore& store) {
  std::vector<std::string> texts;
  for (const RepairReport::Item& item : report.items) {
    const char* const outcome = item.outcome == RepairReport::Outcome::kPlanned ? "planned "
                                : item.outcome == RepairReport::Outcome::kDone  ? "done "
                                                                                : "left ";
    texts.push_back(outcome + item.action + ": " + std::string(FindingKindName(item.finding.kind)) +
                    " " + item.finding.key.substr(store.Describe("k").size() - 1));
  }
  return texts;
}
/// "kind key" of each finding.
inline std::vector<std::string> Kinds(const std::vector<VerifyReport::Finding>& findings,
                                      const KvStore& store) {
  std::vector<std::string> texts;
  for (const VerifyReport::Finding& finding : findings) {
    texts.push_back(std::string(FindingKindName(finding.kind)) + " " +
                    finding.key.substr(store.Describe("k").size() - 1));
  }
  return texts;
}
inline std::vector<std::string> Kinds(const VerifyReport& report, const KvStore& store) {
  return Kinds(report.findings, store);
}

}  // namespace coffer::inline v0::testing

#endif  // COFFER_TESTS_UNIT_CHECKPOINT_REPORTS_H_
