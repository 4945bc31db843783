// coffer verify URL [--deep]: what is wrong with stored bytes. Exit status 3 if anything is.
#include <memory>

#include "coffer/checkpoint/repair.h"
#include "src/base/shown.h"
#include "tools/coffer/commands/commands.h"
#include "tools/coffer/text.h"
#include "tools/coffer/verifying.h"

namespace coffer::inline v0::tool {
namespace {

Json ReportJson(const std::string& url, const VerifyReport& report) {
  return Json(Json::Object{{"url", ShownPlace(url)},
                           {"findings", FindingsJson(report.findings)},
                           {"num_findings", report.num_findings},
                           {"unsupported", FindingsJson(report.unsupported)},
                           {"num_unsupported", report.num_unsupported},
                           {"unlisted", report.unlisted},
                           {"chunks_checked", report.chunks_checked},
                           {"chunks_unchecked", report.chunks_unchecked},
                           {"bytes_checked", report.bytes_checked}});
}

void ShowReport(Session& session, const std::string& url, const VerifyReport& report, bool deep) {
  if (session.options().json) {
    session.PrintJson(ReportJson(url, report));
    return;
  }
  for (const VerifyReport::Finding& finding : report.findings) {
    session.Print(Printable(finding.key + ": " + finding.reason) + "\n");
  }
  int64_t unlisted = report.num_findings - std::ssize(report.findings);
  if (unlisted > 0) session.Print("and " + FormatCount(unlisted, "more finding") + "\n");
  ShowUnsupported(session, report.unsupported, report.num_unsupported);
  std::string text = Printable(ShownPlace(url)) + ": " +
                     FormatCount(report.num_findings, "finding") +
                     NotCheckedText(report.num_unsupported);
  if (deep) {
    text += "; " + FormatCount(report.chunks_checked, "chunk") + ", " +
            FormatBytes(report.bytes_checked) + " read and decoded";
    if (report.chunks_unchecked > 0) {
      text += "; unchecked (no checksum): " + FormatCount(report.chunks_unchecked, "chunk");
    }
  } else {
    text += "; chunks were not read (--deep)";
  }
  if (report.unlisted) {
    text += "; only what the metadata names was looked for, since the store cannot list its keys";
  }
  session.Print(text + "\n");
}

}  // namespace

Json FindingsJson(const std::vector<VerifyReport::Finding>& findings) {
  Json::Array lines;
  for (const VerifyReport::Finding& finding : findings) lines.push_back(FindingJson(finding));
  return Json(std::move(lines));
}

void ShowUnsupported(Session& session, const std::vector<VerifyReport::Finding>& unsupported,
                     int64_t all) {
  for (const VerifyReport::Finding& finding : unsupported) {
    session.Print(Printable("not checked: " + finding.key + ": " + finding.reason) + "\n");
  }
  const int64_t unlisted = all - std::ssize(unsupported);
  if (unlisted > 0) session.Print("and " + std::to_string(unlisted) + " more not checked\n");
}

std::string NotCheckedText(int64_t unsupported) {
  if (unsupported == 0) return "";
  return "; not checked (unsupported): " + std::to_string(unsupported);
}

Json FindingJson(const VerifyReport::Finding& finding) {
  return Json(Json::Object{{"key", finding.key},
                           {"kind", std::string(FindingKindName(finding.kind))},
                           {"reason", finding.reason}});
}

Result<int> Verify(Session& session, const std::string& url, bool deep) {
  VerifyReport partial;
  const auto verify = [&] {
    Progress progress = session.MakeProgress("verify");
    return VerifyPlace(url,
                       {.deep = deep,
                        .on_progress = progress.function(),
                        .cancel = session.cancel_token(),
                        .on_error = &partial},
                       session.context());
  };
  const Result<VerifyReport> report = verify();
  if (!report.ok()) {
    const bool any = partial.num_findings + partial.num_unsupported > 0;
    if (any) ShowReport(session, url, partial, deep);  // An error follows.
    return report.status();
  }
  ShowReport(session, url, *report, deep);
  return report->num_findings == 0 ? kDone : kFound;
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
