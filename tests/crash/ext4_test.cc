// Goal: the promises hold when the power goes on a real file system of the kernel.
// Method: ext4 in a file, mounted by a loop device in a mount namespace of this process's own. A
// forked writer runs a scenario there and, at a call chosen by the cycle's number, has the file
// system shut down without flushing its journal (FS_IOC_SHUTDOWN), which is what a power cut
// leaves. Mounted again, it replays its journal, and the oracle looks. Needs root and a loop
// device; says so where it cannot run. What ext4 does not lose, power_cut_test.cc loses for it.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <new>
#include <string>

#include "coffer/kvstore/stores.h"
#include "kvstore/file/file.h"
#include "tests/crash/scenarios.h"
#include "tests/support/one_thread.h"
#include "tests/support/simulated_disk.h"
#include "tests/support/soak.h"
#include "tests/support/temp_dir.h"

namespace coffer::inline v0::testing {
namespace {

constexpr unsigned long kShutdown = _IOR('X', 125, uint32_t);  // FS_IOC_SHUTDOWN
constexpr uint32_t kWithoutFlushingTheLog = 2;

/// Shuts the file system down before one of its syncs, renames or removals: what comes after it
/// meets EIO from the kernel.
class ShuttingOps final : public SystemFileOps {
 public:
  ShuttingOps(int mount, int64_t at) : mount_(mount), at_(at) {}

  ssize_t Write(int file, std::span<const iovec> pieces) override {
    Step();
    return SystemFileOps::Write(file, pieces);
  }
  int MakeDirectory(int directory, const char* name, mode_t mode) override {
    Step();
    return SystemFileOps::MakeDirectory(directory, name, mode);
  }
  int Remove(int directory, const char* name) override {
    Step();
    return SystemFileOps::Remove(directory, name);
  }
  int Rename(int from_directory, const char* from, int to_directory, const char* to) override {
    Step();
    return SystemFileOps::Rename(from_directory, from, to_directory, to);
  }
  int RenameNew(int from_directory, const char* from, int to_directory, const char* to) override {
    Step();
    return SystemFileOps::RenameNew(from_directory, from, to_directory, to);
  }
  int RenameDirectory(int from_directory, const char* from, int to_directory,
                      const char* to) override {
    Step();
    return SystemFileOps::RenameDirectory(from_directory, from, to_directory, to);
  }
  int Sync(int file) override {
    Step();
    return SystemFileOps::Sync(file);
  }
  bool shut() const { return calls_ > at_; }

 private:
  void Step() {
    if (calls_++ != at_) return;
    uint32_t how = kWithoutFlushingTheLog;
    if (ioctl(mount_, kShutdown, &how) != 0) std::abort();
  }

  const int mount_;
  const int64_t at_;
  std::atomic<int64_t> calls_{0};
};

class Ext4 {
 public:
  /// Empty if it can be mounted, else why not.
  std::string Prepare() {
    std::filesystem::create_directory(mount_point_);
    if (geteuid() != 0) return "needs root";
    if (unshare(CLONE_NEWNS) != 0 ||
        mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
      return std::string("no mount namespace: ") + std::strerror(errno);
    }
    std::ofstream(image_).close();
    std::filesystem::resize_file(image_, 16 << 20);
    if (Run("mkfs.ext4 -q " + image_) != 0) return "mkfs.ext4 failed (package e2fsprogs)";
    return Mount() ? "" : "no loop device can be mounted";
  }
  ~Ext4() { umount2(mount_point_.c_str(), MNT_DETACH); }

  bool Mount() { return Run("mount -o loop " + image_ + " " + mount_point_) == 0; }
  bool Unmount() { return umount2(mount_point_.c_str(), 0) == 0; }
  const std::string& mount_point() const { return mount_point_; }

 private:
  static int Run(const std::string& command) {
    return std::system((command + " >/dev/null 2>&1").c_str());
  }

  const TempDir dir_;
  const std::string image_ = dir_ / "image";
  const std::string mount_point_ = dir_ / "mnt";
};

CrashPlace Open(const std::string& root, FileOps& ops, bool threads) {
  const Context context = threads ? Context::Create({.threads = 2}) : OneThreadContext();
  return {MakeFileStore(root, {}, context, ops).OrDie(), context};
}

/// True if the writer finished before the file system was shut down.
bool RunAndShut(const CrashScenario& scenario, const Ext4& disk, Acks& acks, int64_t at) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(120);
    const int mount = open(disk.mount_point().c_str(), O_RDONLY | O_DIRECTORY);
    ShuttingOps& ops = *new ShuttingOps(mount, at);
    (void)scenario.run(Open(disk.mount_point() + "/root", ops, scenario.threads), acks);
    _exit(ops.shut() ? 3 : 0);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << status;
  return WEXITSTATUS(status) == 0;
}

TEST(Ext4PowerCut, EveryCycleIsWhatWasPromised) {
  Ext4 disk;
  if (const std::string why = disk.Prepare(); !why.empty()) {
    GTEST_SKIP() << "SKIPPED: no power cuts on ext4: " << why;
  }
  const auto scenarios = CrashScenarios();
  uint64_t cut = 0;
  const uint64_t cycles = Soaked(14);  // About four in five end with a cut.
  for (uint64_t cycle = 0; cycle < cycles; ++cycle) {
    const CrashScenario& scenario = scenarios[cycle % scenarios.size()];
    scenario.prepare(Open(disk.mount_point() + "/root", SystemFileOps::Get(), false));
    sync();
    void* const shared =
        mmap(nullptr, sizeof(Acks), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    Acks& acks = *new (shared) Acks;
    const auto at = static_cast<int64_t>(cycle * 7 % 41);  // Prime: all of them come.
    if (!RunAndShut(scenario, disk, acks, at)) ++cut;
    ASSERT_TRUE(disk.Unmount()) << std::strerror(errno);
    ASSERT_TRUE(disk.Mount());
    ExpectRecovers(
        scenario, Open(disk.mount_point() + "/root", SystemFileOps::Get(), false), acks,
        "shut down before call " + std::to_string(at) + ", cycle " + std::to_string(cycle));
    munmap(shared, sizeof(Acks));
    std::filesystem::remove_all(disk.mount_point() + "/root");
    if (HasFailure()) return;
  }
  std::printf("ext4: %llu power cuts in %llu cycles\n", static_cast<unsigned long long>(cut),
              static_cast<unsigned long long>(cycles));
  EXPECT_GE(cut * 14, cycles * 10) << "too few cycles end by a cut";
}

}  // namespace
}  // namespace coffer::inline v0::testing
