// coffer repair URL [--dry-run]: mends what verify finds, as far as nothing is lost by it. Exit
// status 3 if anything is left (or, with --dry-run, to be done).
#include <memory>

#include "coffer/checkpoint/repair.h"
#include "src/base/shown.h"
#include "tools/coffer/commands/commands.h"
#include "tools/coffer/text.h"
#include "tools/coffer/verifying.h"

namespace coffer::inline v0::tool {
namespace {

using Outcome = RepairReport::Outcome;

struct Arguments {
  std::string url;
  bool dry_run = false;
  bool shallow = false;
  bool drop_damaged = false;
  bool drop_foreign = false;
  bool drop_unfinished = false;
};

std::string_view OutcomeName(Outcome outcome) {
  switch (outcome) {
    case Outcome::kPlanned:
      return "planned";
    case Outcome::kDone:
      return "done";
    case Outcome::kLeft:
      break;
  }
  return "left";
}

// "would delete: KEY: REASON", "done (delete): ...", "left (why): ...".
std::string ItemText(const RepairReport::Item& item) {
  std::string text = item.outcome == Outcome::kPlanned
                         ? "would " + item.action
                         : std::string(OutcomeName(item.outcome)) + " (" + item.action + ")";
  return text + ": " + item.finding.key + ": " + item.finding.reason;
}

void ShowReport(Session& session, const Arguments& arguments, const RepairReport& report) {
  if (session.options().json) {
    Json::Array items;
    for (const RepairReport::Item& item : report.items) {
      Json line = FindingJson(item.finding);
      line.Set("outcome", std::string(OutcomeName(item.outcome)));
      line.Set("action", item.action);
      items.push_back(std::move(line));
    }
    session.PrintJson(Json(Json::Object{{"url", ShownPlace(arguments.url)},
                                        {"dry_run", arguments.dry_run},
                                        {"items", std::move(items)},
                                        {"num_planned", report.num_planned},
                                        {"num_done", report.num_done},
                                        {"num_left", report.num_left},
                                        {"unsupported", FindingsJson(report.unsupported)},
                                        {"num_unsupported", report.num_unsupported}}));
    return;
  }
  for (const RepairReport::Item& item : report.items) {
    session.Print(Printable(ItemText(item)) + "\n");
  }
  const int64_t all = report.num_planned + report.num_done + report.num_left;
  const int64_t unlisted = all - std::ssize(report.items);
  if (unlisted > 0) session.Print("and " + FormatCount(unlisted, "more finding") + "\n");
  ShowUnsupported(session, report.unsupported, report.num_unsupported);
  const std::string mended = arguments.dry_run
                                 ? std::to_string(report.num_planned) + " to be repaired"
                                 : std::to_string(report.num_done) + " repaired";
  session.Print(Printable(ShownPlace(arguments.url)) + ": " + FormatCount(all, "finding") + ", " +
                mended + ", " + std::to_string(report.num_left) + " left" +
                NotCheckedText(report.num_unsupported) + "\n");
}

Result<int> Repair(Session& session, const Arguments& arguments) {
  RepairReport partial;
  const auto repair = [&] {
    Progress progress = session.MakeProgress("repair");
    return RepairPlace(arguments.url,
                       {.dry_run = arguments.dry_run,
                        .deep = !arguments.shallow,
                        .drop_damaged = arguments.drop_damaged,
                        .drop_foreign = arguments.drop_foreign,
                        .drop_unfinished = arguments.drop_unfinished,
                        .on_progress = progress.function(),
                        .cancel = session.cancel_token(),
                        .on_error = &partial},
                       session.context());
  };
  const Result<RepairReport> report = repair();
  if (!report.ok()) {
    const bool any = partial.num_planned + partial.num_done + partial.num_left > 0;
    if (any) ShowReport(session, arguments, partial);  // An error follows.
    return report.status();
  }
  ShowReport(session, arguments, *report);
  return report->num_planned + report->num_left == 0 ? kDone : kFound;
}

}  // namespace

void AddRepair(const CommandLine& line) {
  Session& session = line.session();
  auto arguments = std::make_shared<Arguments>();
  CommandLine command =
      line.Command("repair", "Mend what verify finds, as far as nothing is lost by it",
                   [&session, arguments] { return Repair(session, *arguments); });
  command.Text("URL", &arguments->url, "an array, a group or a checkpoint");
  command.Flag("-n,--dry-run", &arguments->dry_run, "only list what would be done");
  command.Flag("--shallow", &arguments->shallow, "look at keys and shard indexes, read no chunk");
  command.Flag("--drop-damaged", &arguments->drop_damaged,
               "delete damaged chunks; they then read as the fill value");
  command.Flag("--drop-foreign", &arguments->drop_foreign,
               "delete keys that belong to no array, group or checkpoint");
  command.Flag("--drop-unfinished", &arguments->drop_unfinished,
               "delete what unfinished saves left; only if none is running");
}

}  // namespace coffer::inline v0::tool
