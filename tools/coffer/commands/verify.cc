// coffer verify URL [--deep]: what is wrong with stored bytes. Exit status 3 if anything is.
#include <memory>

#include "coffer/array/verify.h"
#include "coffer/checkpoint/checkpoint.h"
#include "src/checkpoint/findings.h"
#include "tools/coffer/commands/commands.h"
#include "tools/coffer/nodes.h"
#include "tools/coffer/text.h"
#include "tools/coffer/verifying.h"

namespace coffer::inline v0::tool {
namespace {

// A damaged node is a finding like any other; only an error of the store ends the verification.
Status VerifyNode(Session& session, const Result<Array>& array, const std::string& name,
                  const std::string& where, bool deep, VerifyReport* report) {
  if (!array.ok()) {
    if (!IsDamage(array.status())) return array.status();
    AddFinding(*report, where, array.status().ToString());
    return Status();
  }
  Progress progress = session.MakeProgress(name.empty() ? "verify" : name);
  COFFER_ASSIGN_OR_RETURN(VerifyReport one,
                          VerifyArray(*array, {.deep = deep,
                                               .on_progress = progress.function(),
                                               .cancel = session.cancel_token()}));
  Merge(*report, std::move(one));
  return Status();
}

Result<VerifyReport> VerifyNodes(Session& session, const std::string& url, Kind kind, bool deep) {
  VerifyReport report;
  COFFER_ASSIGN_OR_RETURN(Place place, OpenPlace(url, session.context()));
  const std::string where = place.store->Describe(place.prefix);
  if (kind == Kind::kArray) {
    Result<Array> array = Array::Open(url, {.context = session.context()});
    COFFER_RETURN_IF_ERROR(VerifyNode(session, array, "", where, deep, &report));
    return report;
  }
  Result<OpenGroup> opened = OpenGroupAt(url, session.context());
  if (!opened.ok() && IsDamage(opened.status())) {
    AddFinding(report, where, opened.status().ToString());
    return report;
  }
  COFFER_RETURN_IF_ERROR(opened.status());
  COFFER_ASSIGN_OR_RETURN(std::vector<NodeEntry> nodes, opened->group.List(true));
  for (const NodeEntry& node : nodes) {
    const std::string prefix = opened->PrefixOf(node.name);
    const std::string below = opened->group.store()->Describe(prefix);
    if (node.kind == NodeKind::kArray) {
      COFFER_RETURN_IF_ERROR(
          VerifyNode(session, opened->OpenArray(node.name), node.name, below, deep, &report));
      continue;
    }
    Status group = Group::Open(opened->group.store(), prefix, session.context()).status();
    if (group.ok()) continue;
    if (!IsDamage(group)) return group;
    AddFinding(report, below, group.ToString());
  }
  COFFER_ASSIGN_OR_RETURN(StrayKeys strays, opened->group.FindStrays(kFindingsMax));
  for (const std::string& key : strays.keys) {
    AddFinding(report, key, "orphan: of no array or group");
  }
  report.num_findings += strays.count - std::ssize(strays.keys);
  return report;
}

Json ToJson(const std::string& url, const VerifyReport& report) {
  Json::Array findings;
  for (const VerifyReport::Finding& finding : report.findings) {
    findings.push_back(Json::Object{{"key", finding.key}, {"reason", finding.reason}});
  }
  return Json(Json::Object{{"url", url},
                           {"findings", std::move(findings)},
                           {"num_findings", report.num_findings},
                           {"chunks_checked", report.chunks_checked},
                           {"chunks_unchecked", report.chunks_unchecked},
                           {"bytes_checked", report.bytes_checked}});
}

}  // namespace

static Result<int> ShowReport(Session& session, const std::string& url, const VerifyReport& report,
                              bool deep) {
  if (session.options().json) {
    session.PrintJson(ToJson(url, report));
    return report.num_findings == 0 ? kDone : kFound;
  }
  for (const VerifyReport::Finding& finding : report.findings) {
    session.Print(Printable(finding.key + ": " + finding.reason) + "\n");
  }
  int64_t unlisted = report.num_findings - std::ssize(report.findings);
  if (unlisted > 0) session.Print("and " + FormatCount(unlisted, "more finding") + "\n");
  std::string text = Printable(url) + ": " + FormatCount(report.num_findings, "finding");
  if (deep) {
    text += "; " + FormatCount(report.chunks_checked, "chunk") + ", " +
            FormatBytes(report.bytes_checked) + " read and decoded";
    if (report.chunks_unchecked > 0) {
      text += "; unchecked (no checksum): " + FormatCount(report.chunks_unchecked, "chunk");
    }
  } else {
    text += "; chunks were not read (--deep)";
  }
  session.Print(text + "\n");
  return report.num_findings == 0 ? kDone : kFound;
}

Result<int> Verify(Session& session, const std::string& url, bool deep) {
  CancelToken cancel = session.cancel_token();
  Result<Kind> kind = RequireKind(url, session.context());
  // Only a commit marker is looked into here.
  if (kind.status().code() == StatusCode::kDataLoss) kind = Kind::kCheckpoint;
  COFFER_RETURN_IF_ERROR(kind.status());
  if (*kind != Kind::kCheckpoint) {
    COFFER_ASSIGN_OR_RETURN(VerifyReport report, VerifyNodes(session, url, *kind, deep));
    return ShowReport(session, url, report, deep);
  }
  Result<VerifyReport> report = VerifyReport();
  {
    Progress progress = session.MakeProgress("verify");
    report = checkpoint::Verify(
        url, {.deep = deep, .on_progress = progress.function(), .cancel = cancel},
        session.context());
  }
  COFFER_RETURN_IF_ERROR(report);
  return ShowReport(session, url, *report, deep);
}

void AddVerify(const CommandLine& line) {
  Session& session = line.session();
  auto url = std::make_shared<std::string>();
  auto deep = std::make_shared<bool>(false);
  CommandLine command =
      line.Command("verify", "Check metadata, keys and shard indexes; with --deep every chunk",
                   [&session, url, deep] { return Verify(session, *url, *deep); });
  command.Text("URL", url.get(), "an array, a group or a checkpoint");
  command.Flag("--deep", deep.get(), "read and decode every chunk");
}

}  // namespace coffer::inline v0::tool
