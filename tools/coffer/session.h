// Session: what every command of the tool shares: the options that stand anywhere, the context made
// from them, interruption, progress, and how results and errors are shown.
//
// Results go to standard output, everything else to standard error. Exit status: 0 done; 1 the
// operation failed (one line on standard error); 2 wrong usage; 3 `verify` found something, or
// `repair` left something.
//
// Thread safety: belongs to the main thread, with the exceptions that methods name.
#ifndef COFFER_TOOLS_COFFER_SESSION_H_
#define COFFER_TOOLS_COFFER_SESSION_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coffer/array/options.h"
#include "coffer/async/cancel.h"
#include "coffer/async/context.h"
#include "coffer/base/checked.h"
#include "coffer/base/result.h"
#include "src/base/json.h"

namespace coffer::inline v0::tool {

inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;
inline constexpr int kFound = 3;

/// Options that every command takes.
struct GlobalOptions {
  int64_t budget_bytes = MiB(64);
  int threads = 0;
  bool json = false;
  bool stats = false;
  bool quiet = false;
  std::vector<std::string> plugins = {};  ///< Paths of shared libraries.
};

/// A bar on standard error for what takes more than a second, with rate and time left; nothing
/// unless standard error is a terminal. Belongs to one operation at a time; Update from any thread
/// that the operation's progress is reported on.
class Progress {
 public:
  Progress(std::string_view what, bool enabled);
  ~Progress();  ///< Wipes the bar.
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Update(int64_t done, int64_t all);
  /// For options of the library; refers to this. Null where nothing is shown, so that nobody counts
  /// what there is to do.
  ProgressFunction function() {
    if (!enabled_) return nullptr;
    return [this](int64_t done, int64_t all) { Update(done, all); };
  }

 private:
  std::string what_;
  bool enabled_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point last_;
};

/// The time since it was made.
class Stopwatch {
 public:
  double seconds() const;

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

class Session {
 public:
  using Action = std::function<Result<int>()>;

  GlobalOptions& options() { return options_; }
  Session() = default;
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Takes SIGINT and SIGTERM over. To be called before any thread is started.
  void WatchSignals();

  /// Made on first use, from the options.
  const Context& context();
  /// Fires when the user interrupts (SIGINT, SIGTERM). Asking for it makes the first interruption a
  /// request to stop; without it, and the second time, the signal ends the process. What has not
  /// stopped a second later is helped: every request of the context to a server ends then.
  CancelToken cancel_token();

  /// Prints to standard output.
  void Print(std::string_view text);
  /// Prints one JSON document on one line.
  void PrintJson(const Json& document);
  /// Prints a remark to standard error, unless --quiet.
  void Note(std::string_view text);
  /// Prints what the user would miss, such as content that is left out: also with --quiet.
  void Warn(std::string_view text);
  /// The same with a rate after it: "1 MiB copied, 10 MiB/s".
  void NoteRate(std::string_view text, int64_t bytes, const Stopwatch& watch);
  Progress MakeProgress(std::string_view what) const;

  /// Loads the plugins, runs a command's action, prints its error or what --stats asks for, and
  /// returns the status.
  int Run(const Action& action);
  /// The action that the parsed command chose.
  void Choose(Action action) { chosen_ = std::move(action); }
  const Action& chosen() const { return chosen_; }

 private:
  Status LoadPlugins();
  void PrintStats(double seconds);

  GlobalOptions options_;
  CancelSource cancel_;
  CancelSource cut_off_;
  uint64_t cut_off_id_ = 0;
  std::optional<Context> context_;
  Action chosen_;
  bool output_failed_ = false;
};

/// Peak resident memory of this process.
int64_t PeakMemoryBytes();

}  // namespace coffer::inline v0::tool

#endif  // COFFER_TOOLS_COFFER_SESSION_H_
