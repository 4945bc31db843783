// Interruption: SIGINT and SIGTERM are blocked before the first thread exists (so no library thread
// ever takes one) and waited for by one thread of our own. Cancelling needs locks, which a signal
// handler may not take. Not every operation takes a token, and cleaning up must not: both wait for
// servers, which may be silent for ever. So a second after the first signal all requests end.
#include "tools/coffer/session.h"

#include <pthread.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): POSIX, beyond <csignal>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <system_error>
#include <thread>

#include "src/kvstore/network.h"
#include "tools/coffer/plugins.h"
#include "tools/coffer/text.h"

namespace coffer::inline v0::tool {
namespace {

using Clock = std::chrono::steady_clock;

// Set once somebody stops when asked to.
std::atomic<bool> is_cooperative{false};

void EndProcess(int signal, const sigset_t& signals) {
  ::signal(signal, SIG_DFL);
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  raise(signal);
}

// The first signal cancels, if anybody listens; any other ends the process.
void WaitForSignals(const CancelSource& cancel, const CancelSource& cut_off,
                    const sigset_t& signals) {
  constexpr timespec kPatience{.tv_sec = 1, .tv_nsec = 0};
  int signal = 0;
  sigwait(&signals, &signal);
  if (is_cooperative) {
    cancel.Cancel();
    signal = sigtimedwait(&signals, nullptr, &kPatience);
    if (signal < 0) {
      cut_off.Cancel();
      sigwait(&signals, &signal);
    }
  }
  EndProcess(signal, signals);
}

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

int64_t PeakMemoryBytes() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    int64_t kib = 0;
    if (word == "VmHWM:" && status >> kib) return KiB(kib);
  }
  return 0;
}

Progress::Progress(std::string_view what, bool enabled)
    : what_(what), enabled_(enabled), start_(Clock::now()), last_(start_) {}

Progress::~Progress() {
  if (shown_) std::fputs("\r\x1b[K", stderr);
}

void Progress::Update(int64_t done, int64_t all) {
  if (!enabled_ || SecondsSince(last_) < (shown_ ? 0.1 : 1.0)) return;
  last_ = Clock::now();
  shown_ = true;
  double seconds = SecondsSince(start_);
  double part = all > 0 ? static_cast<double>(done) / static_cast<double>(all) : 1;
  constexpr int kWidth = 24;
  std::string bar(static_cast<size_t>(part * kWidth), '#');
  bar.resize(kWidth, '.');
  std::string left = part > 0 ? FormatSeconds(seconds / part - seconds) + " left" : "";
  std::fprintf(stderr, "\r\x1b[K%s [%s] %3d %%  %s of %s  %s  %s", what_.c_str(), bar.c_str(),
               static_cast<int>(part * 100), FormatBytes(done).c_str(), FormatBytes(all).c_str(),
               FormatRate(done, seconds).c_str(), left.c_str());
  std::fflush(stderr);
}

Session::~Session() { cut_off_.token().RemoveCallback(cut_off_id_); }

const Context& Session::context() {
  if (!context_) {
    context_ =
        Context::Create({.threads = options_.threads, .budget_bytes = options_.budget_bytes});
    cut_off_id_ = cut_off_.token().OnCancel([context = *context_] { CancelRequests(context); });
  }
  return *context_;
}

void Session::WatchSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  try {
    std::thread([cancel = cancel_, cut_off = cut_off_, signals] {
      WaitForSignals(cancel, cut_off, signals);
    }).detach();
  } catch (const std::system_error&) {  // No thread is to be had: a signal ends the process.
    pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  }
}

CancelToken Session::cancel_token() {
  is_cooperative = true;
  return cancel_.token();
}

void Session::Print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) output_failed_ = true;
}

void Session::PrintJson(const Json& document) { Print(document.Dump() + "\n"); }

void Session::Note(std::string_view text) {
  if (!options_.quiet) Warn(text);
}

void Session::Warn(std::string_view text) {
  std::fprintf(stderr, "coffer: %s\n", Printable(text).c_str());
}

double Stopwatch::seconds() const { return SecondsSince(start_); }

void Session::NoteRate(std::string_view text, int64_t bytes, const Stopwatch& watch) {
  Note(std::string(text) + ", " + FormatRate(bytes, watch.seconds()));
}

Progress Session::MakeProgress(std::string_view what) const {
  return Progress(what, !options_.quiet && isatty(STDERR_FILENO) != 0);
}

Status Session::LoadPlugins() {
  for (const std::string& path : options_.plugins) {
    COFFER_RETURN_IF_ERROR(LoadPlugin(path, context()));
  }
  return Status();
}

int Session::Run(const Action& action) {
  Clock::time_point start = Clock::now();
  const Status loaded = LoadPlugins();
  Result<int> result = loaded.ok() ? action() : Result<int>(loaded);
  if (std::fflush(stdout) != 0 || output_failed_) {
    if (result.ok()) result = UnavailableError("cannot write to standard output");
  }
  if (!result.ok()) {
    std::fprintf(stderr, "coffer: %s\n", Printable(result.status().ToString()).c_str());
  }
  if (options_.stats) PrintStats(SecondsSince(start));
  return result.ok() ? *result : kFailed;
}

void Session::PrintStats(double seconds) {
  const Stats& stats = context().stats();
  const std::pair<const char*, int64_t> counters[] = {
      {"read_requests", stats.read_requests.load()},
      {"write_requests", stats.write_requests.load()},
      {"bytes_read", stats.bytes_read.load()},
      {"bytes_written", stats.bytes_written.load()},
      {"chunks_decoded", stats.chunks_decoded.load()},
      {"chunks_encoded", stats.chunks_encoded.load()},
      {"budget_peak_bytes", context().budget().held_bytes_peak()},
      {"peak_memory_bytes", PeakMemoryBytes()}};
  if (options_.json) {
    Json document{Json::Object()};
    for (const auto& [name, value] : counters) document.Set(name, value);
    document.Set("seconds", seconds);
    std::fprintf(stderr, "%s\n", document.Dump().c_str());
    return;
  }
  Table table("lr");
  for (const auto& [name, value] : counters) {
    std::string label = name;
    bool is_bytes = label.find("bytes") != std::string::npos;
    for (char& c : label) c = c == '_' ? ' ' : c;
    table.Add({label, is_bytes ? FormatBytes(value) : std::to_string(value)});
  }
  char text[32];
  std::snprintf(text, sizeof text, "%.2f s", seconds);
  table.Add({"time", text});
  std::fputs(table.ToString("  ").c_str(), stderr);
}

}  // namespace coffer::inline v0::tool
