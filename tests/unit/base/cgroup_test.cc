// Goal: the number of threads follows what the cgroup allows, and nothing else in those files
// hurts. Method: quotas as text; a tree of cpu.max files made for the test.
#include "src/base/cgroup.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <filesystem>
#include <fstream>

#include "src/base/platform_cpus.h"

namespace coffer {
namespace {

TEST(Cgroup, AQuotaIsRoundedUpToWholeCores) {
  EXPECT_EQ(CpusOfQuota("200000 100000\n"), 2);
  EXPECT_EQ(CpusOfQuota("150000 100000\n"), 2);
  EXPECT_EQ(CpusOfQuota("1000 100000\n"), 1);
  EXPECT_EQ(CpusOfQuota("9223372036854775807 1\n"), 65536);
}

TEST(Cgroup, OtherTextsAreNoQuota) {
  for (const char* text : {"max 100000\n", "", "100000", "100000 ", "0 100000", "100000 0", "-5 10",
                           "99999999999999999999 1", "1,5 10"}) {
    EXPECT_EQ(CpusOfQuota(text), std::nullopt) << text;
  }
}

TEST(Cgroup, TheLeastQuotaOnTheWayUpCounts) {
  const std::filesystem::path root = testing::TempDir() + "coffer_cgroup_test";
  std::filesystem::create_directories(root / "a/b");
  std::ofstream(root / "a/cpu.max") << "300000 100000\n";
  std::ofstream(root / "a/b/cpu.max") << "max 100000\n";
  EXPECT_EQ(CpusOfCgroup(root, "/a/b"), 3);
  EXPECT_EQ(CpusOfCgroup(root, "/"), std::nullopt);
  std::ofstream(root / "cpu.max") << "100000 100000\n";
  EXPECT_EQ(CpusOfCgroup(root, "/a/b"), 1);
  EXPECT_EQ(CpusOfCgroup(root, "/missing"), 1);
  std::filesystem::remove_all(root);
}

TEST(CpuCount, StaysWithinTheAffinityMask) {
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
  const int cpus = platform::CpuCount();
  EXPECT_GE(cpus, 1);
  EXPECT_LE(cpus, CPU_COUNT(&before));
}

}  // namespace
}  // namespace coffer
