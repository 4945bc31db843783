#include "tools/coffer/app.h"

#include <string>

#include "tools/coffer/command_line.h"
#include "tools/coffer/commands/commands.h"
#include "tools/coffer/session.h"
#include "tools/coffer/text.h"

namespace coffer::inline v0::tool {
namespace {

void AddGlobalOptions(const CommandLine& line) {
  GlobalOptions& options = line.session().options();
  line.Parsed(
      "--budget", &options.budget_bytes,
      [](const std::string& text) -> Result<int64_t> {
        COFFER_ASSIGN_OR_RETURN(int64_t bytes, ParseByteSize(text));
        if (bytes < 1) return InvalidArgumentError("a budget is at least 1 byte");
        return bytes;
      },
      "hard limit on bytes in flight (default 64M)");
  line.Parsed(
      "--threads", &options.threads,
      [](const std::string& text) -> Result<int> {
        COFFER_ASSIGN_OR_RETURN(int64_t threads, CommandLine::ParseInteger(text, 1));
        if (threads > 4096) return InvalidArgumentError("at most 4096 threads");
        return static_cast<int>(threads);
      },
      "worker threads (default: one a core)");
  line.Texts("--plugin", &options.plugins,
             "a shared library with stores, codecs or formats of its own; may be repeated");
  line.Flag("--json", &options.json, "print results as JSON");
  line.Flag("--stats", &options.stats, "print requests, bytes and peak memory on standard error");
  line.Flag("--quiet,-q", &options.quiet, "no progress bar and no remarks");
}

}  // namespace

int RunCommandLine(int argc, const char* const* argv) {
  Session session;
  session.WatchSignals();
  return ParseAndRun(argc, argv, session, [](const CommandLine& line) {
    AddGlobalOptions(line);
    for (AddCommand add : kCommands) add(line);
  });
}

}  // namespace coffer::inline v0::tool
