// coffer checkpoint: the commands of checkpoints, and those that only show one.
#include <memory>
#include <optional>

#include "coffer/checkpoint/checkpoint.h"
#include "src/array/findings.h"
#include "tools/coffer/checkpoints.h"
#include "tools/coffer/commands/commands.h"
#include "tools/coffer/nodes.h"
#include "tools/coffer/text.h"
#include "tools/coffer/verifying.h"

namespace coffer::inline v0::tool {
namespace {

struct Arguments {
  std::string url;
  std::optional<int64_t> step;
  bool deep = false;
};

using ShowInfo = void (*)(Session&, const std::string&, const checkpoint::CheckpointInfo&);

Result<int> ShowWith(Session& session, const Arguments& arguments, ShowInfo show) {
  COFFER_ASSIGN_OR_RETURN(std::string place,
                          FindCheckpoint(arguments.url, arguments.step, session.context()));
  COFFER_ASSIGN_OR_RETURN(checkpoint::CheckpointInfo info,
                          checkpoint::Info(place, true, session.context()));
  show(session, place, info);
  return kDone;
}

Result<int> List(Session& session, const std::string& url) {
  COFFER_ASSIGN_OR_RETURN(auto steps, StepsBelow(url, session.context()));
  Table table("rlrr");
  for (const auto& [step, place] : steps) {
    Result<checkpoint::CheckpointInfo> info = checkpoint::Info(place, true, session.context());
    if (!info.ok() && IsUnreadable(info.status())) {  // One damaged step hides no other.
      std::string error = info.status().ToString();
      if (session.options().json) {
        session.PrintJson(Json(Json::Object{{"step", step}, {"error", error}}));
      }
      table.Add({std::to_string(step), "damaged: " + Printable(error)});
      continue;
    }
    if (info.status().code() == StatusCode::kNotFound) continue;  // Deleted meanwhile.
    COFFER_RETURN_IF_ERROR(info.status());
    if (session.options().json) {
      session.PrintJson(Json(Json::Object{{"step", step},
                                          {"created_at", info->created_at},
                                          {"bytes", info->array_bytes},
                                          {"stored_bytes", info->stored_bytes}}));
    }
    table.Add({std::to_string(step), info->created_at, FormatBytes(info->array_bytes),
               FormatBytes(info->stored_bytes)});
  }
  if (!session.options().json) session.Print(table.ToString());
  return kDone;
}

void AddShowing(const CommandLine& line, const std::string& name, const std::string& description,
                ShowInfo show) {
  Session& session = line.session();
  auto arguments = std::make_shared<Arguments>();
  CommandLine command = line.Command(name, description, [&session, arguments, show] {
    return ShowWith(session, *arguments, show);
  });
  command.Text("URL", &arguments->url, "a checkpoint, or the place of its steps");
  command.Parsed("--step", &arguments->step, ParseStep, "which step (default: the newest)");
}

void AddList(const CommandLine& line) {
  Session& session = line.session();
  auto url = std::make_shared<std::string>();
  CommandLine command = line.Command("ls", "List the steps below a place",
                                     [&session, url] { return List(session, *url); });
  command.Text("URL", url.get(), "the place of the steps");
}

void AddCheckpointVerify(const CommandLine& line) {
  Session& session = line.session();
  auto arguments = std::make_shared<Arguments>();
  CommandLine command = line.Command(
      "verify", "Check metadata and shard indexes; with --deep every chunk",
      [&session, arguments]() -> Result<int> {
        COFFER_ASSIGN_OR_RETURN(std::string place,
                                FindCheckpoint(arguments->url, arguments->step, session.context()));
        return Verify(session, place, arguments->deep);
      });
  command.Text("URL", &arguments->url, "a checkpoint, or the place of its steps");
  command.Parsed("--step", &arguments->step, ParseStep, "which step (default: the newest)");
  command.Flag("--deep", &arguments->deep, "read and decode every chunk");
}

}  // namespace

void AddCheckpoint(const CommandLine& line) {
  CommandLine inner = line.Family("checkpoint", "Save, show and restore checkpoints");
  AddList(inner);
  AddShowing(inner, "info", "Show what a checkpoint holds", ShowCheckpointInfo);
  AddShowing(inner, "tree", "Show every leaf with type, shape and sizes", ShowCheckpointTree);
  AddCheckpointSave(inner);
  AddCheckpointRestore(inner);
  AddCheckpointVerify(inner);
}

}  // namespace coffer::inline v0::tool
