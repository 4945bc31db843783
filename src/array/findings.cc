#include "src/array/findings.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace coffer::inline v0 {

std::string_view FindingKindName(FindingKind kind) {
  switch (kind) {
    case FindingKind::kDamaged:
      return "damaged";
    case FindingKind::kMetadata:
      return "metadata";
    case FindingKind::kMissing:
      return "missing";
    case FindingKind::kOutside:
      return "outside";
    case FindingKind::kBeyondEdge:
      return "beyond-edge";
    case FindingKind::kShardShape:
      return "shard-shape";
    case FindingKind::kForeign:
      return "foreign";
    case FindingKind::kInnerNode:
      return "inner-node";
    case FindingKind::kUnfinished:
      return "unfinished";
    case FindingKind::kDebris:
      return "debris";
    case FindingKind::kUnsupported:
      break;
  }
  return "unsupported";
}

namespace {

bool Before(const VerifyReport::Finding& a, const VerifyReport::Finding& b) {
  return std::tie(a.key, a.kind) < std::tie(b.key, b.kind);
}

template <class Report>
void AddUnsupported(Report& report, VerifyReport::Finding finding) {
  ++report.num_unsupported;
  if (report.unsupported.size() < kFindingsMax) report.unsupported.push_back(std::move(finding));
}

template <class Report>
void MergeUnsupported(Report& all, Report& part) {
  all.num_unsupported += part.num_unsupported - std::ssize(part.unsupported);
  for (VerifyReport::Finding& finding : part.unsupported) AddUnsupported(all, std::move(finding));
}

int64_t& CountOf(RepairReport& report, RepairReport::Outcome outcome) {
  switch (outcome) {
    case RepairReport::Outcome::kPlanned:
      return report.num_planned;
    case RepairReport::Outcome::kDone:
      return report.num_done;
    case RepairReport::Outcome::kLeft:
      break;
  }
  return report.num_left;
}

}  // namespace

void AddFinding(VerifyReport& report, VerifyReport::Finding finding) {
  if (finding.kind == FindingKind::kUnsupported) return AddUnsupported(report, std::move(finding));
  ++report.num_findings;
  if (report.findings.size() < kFindingsMax) report.findings.push_back(std::move(finding));
}

void Merge(VerifyReport& all, VerifyReport part) {
  all.unlisted = all.unlisted || part.unlisted;
  all.num_findings += part.num_findings - static_cast<int64_t>(part.findings.size());
  for (VerifyReport::Finding& finding : part.findings) AddFinding(all, std::move(finding));
  MergeUnsupported(all, part);
  all.chunks_checked += part.chunks_checked;
  all.chunks_unchecked += part.chunks_unchecked;
  all.bytes_checked += part.bytes_checked;
}

void SortFindings(VerifyReport& report) {
  std::sort(report.findings.begin(), report.findings.end(), Before);
  std::sort(report.unsupported.begin(), report.unsupported.end(), Before);
}

void AddItem(RepairReport& report, RepairReport::Item item) {
  if (item.finding.kind == FindingKind::kUnsupported) {
    return AddUnsupported(report, std::move(item.finding));
  }
  ++CountOf(report, item.outcome);
  if (report.items.size() < kFindingsMax) report.items.push_back(std::move(item));
}

void Merge(RepairReport& all, RepairReport part) {
  all.num_planned += part.num_planned;
  all.num_done += part.num_done;
  all.num_left += part.num_left;
  MergeUnsupported(all, part);
  for (RepairReport::Item& item : part.items) {
    if (all.items.size() < kFindingsMax) all.items.push_back(std::move(item));
  }
}

void SortItems(RepairReport& report) {
  std::sort(report.items.begin(), report.items.end(),
            [](const auto& a, const auto& b) { return Before(a.finding, b.finding); });
  std::sort(report.unsupported.begin(), report.unsupported.end(), Before);
}

}  // namespace coffer::inline v0
