// Goal: whenever the process is killed, what is found afterwards is what was promised.
// Method: each scenario runs in forked processes on real files, of which one is killed before, and
// another after, every file call that changes something; the parent then holds the oracle against
// what is left. Syncs are counted, but not made: the kernel survives. (What it does not survive is
// in power_cut_test.cc and ext4_test.cc.)
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <list>
#include <new>
#include <string>

#include "coffer/kvstore/stores.h"
#include "kvstore/file/file.h"
#include "tests/crash/scenarios.h"
#include "tests/support/one_thread.h"
#include "tests/support/temp_dir.h"

namespace coffer::inline v0::testing {
namespace {

/// Dies before or after one of the calls that change something.
class KillingOps final : public SystemFileOps {
 public:
  void KillAt(int64_t call, bool after) {
    at_ = call;
    after_ = after;
  }

  int OpenAt(int directory, const char* name, int flags, mode_t mode) override {
    const auto open = [&] { return SystemFileOps::OpenAt(directory, name, flags, mode); };
    return (flags & O_CREAT) != 0 ? Step(open) : open();
  }
  ssize_t Write(int file, std::span<const iovec> pieces) override {
    return Step([&] { return SystemFileOps::Write(file, pieces); });
  }
  int Truncate(int file, int64_t size) override {
    return Step([&] { return SystemFileOps::Truncate(file, size); });
  }
  int Preallocate(int file, int64_t offset, int64_t size) override {
    return Step([&] { return SystemFileOps::Preallocate(file, offset, size); });
  }
  int SetMtime(int file, int64_t mtime_ns) override {
    return Step([&] { return SystemFileOps::SetMtime(file, mtime_ns); });
  }
  int MakeDirectory(int directory, const char* name, mode_t mode) override {
    return Step([&] { return SystemFileOps::MakeDirectory(directory, name, mode); });
  }
  int MakeDirectory(const char* path, mode_t mode) override {
    return Step([&] { return SystemFileOps::MakeDirectory(path, mode); });
  }
  int Remove(int directory, const char* name) override {
    return Step([&] { return SystemFileOps::Remove(directory, name); });
  }
  int RemoveDirectory(int directory, const char* name) override {
    return Step([&] { return SystemFileOps::RemoveDirectory(directory, name); });
  }
  int Rename(int from_directory, const char* from, int to_directory, const char* to) override {
    return Step([&] { return SystemFileOps::Rename(from_directory, from, to_directory, to); });
  }
  int RenameNew(int from_directory, const char* from, int to_directory, const char* to) override {
    return Step([&] { return SystemFileOps::RenameNew(from_directory, from, to_directory, to); });
  }
  int RenameDirectory(int from_directory, const char* from, int to_directory,
                      const char* to) override {
    return Step(
        [&] { return SystemFileOps::RenameDirectory(from_directory, from, to_directory, to); });
  }
  int Sync(int) override {
    return Step([] { return 0; });
  }

 private:
  template <class Call>
  auto Step(Call call) -> decltype(call()) {
    const int64_t number = calls_++;
    if (number == at_ && !after_) Die();
    const auto result = call();
    if (number == at_ && after_) Die();
    return result;
  }
  [[noreturn]] static void Die() {
    kill(getpid(), SIGKILL);
    for (;;) pause();
  }

  std::atomic<int64_t> calls_{0};
  int64_t at_ = -1;
  bool after_ = false;
};

/// Never destroyed: threads may come late with a Close.
KillingOps& NewOps() {
  static std::list<KillingOps>& all = *new std::list<KillingOps>();
  return all.emplace_back();
}

CrashPlace Open(const std::string& root, KillingOps& ops, bool threads) {
  const Context context = threads ? Context::Create({.threads = 2}) : OneThreadContext();
  return {MakeFileStore(root, {}, context, ops).OrDie(), context};
}

/// Memory that a killed child leaves to its parent.
class SharedAcks {
 public:
  SharedAcks()
      : acks_(new(mmap(nullptr, sizeof(Acks), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                       -1, 0)) Acks) {}
  ~SharedAcks() { munmap(acks_, sizeof(Acks)); }
  SharedAcks(const SharedAcks&) = delete;
  SharedAcks& operator=(const SharedAcks&) = delete;
  Acks& operator*() const { return *acks_; }

 private:
  Acks* const acks_;
};

/// Runs the scenario in a child that is killed at a call; true if it finished before that.
bool RunAndKill(const CrashScenario& scenario, const std::string& root, Acks& acks, int64_t call,
                bool after) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(120);
    KillingOps& ops = NewOps();
    ops.KillAt(call, after);
    _exit(scenario.run(Open(root, ops, scenario.threads), acks).ok() ? 0 : 3);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  const bool finished = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  EXPECT_TRUE(finished || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)) << status;
  return finished;
}

class Kill : public ::testing::TestWithParam<CrashScenario> {};

TEST_P(Kill, BeforeAndAfterEveryCall) {
  const CrashScenario& scenario = GetParam();
  KillingOps& ops = NewOps();
  int64_t points = 0;
  for (const bool after : {false, true}) {
    int64_t call = 0;
    for (bool finished = false; !finished; ++call) {
      const TempDir dir;
      const std::string root = dir / "above/root";
      scenario.prepare(Open(root, ops, false));
      const SharedAcks acks;
      finished = RunAndKill(scenario, root, *acks, call, after);
      if (!finished) ++points;
      ExpectRecovers(
          scenario, Open(root, ops, false), *acks,
          "killed " + std::string(after ? "after" : "before") + " call " + std::to_string(call));
      if (HasFailure()) return;
    }
  }
  std::printf("%s: killed %lld times\n", scenario.name, static_cast<long long>(points));
  EXPECT_GT(points, 50) << "the scenario does too little to be worth killing";
}

std::string NameOf(const ::testing::TestParamInfo<CrashScenario>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Scenarios, Kill, ::testing::ValuesIn(CrashScenarios()), NameOf);

}  // namespace
}  // namespace coffer::inline v0::testing
