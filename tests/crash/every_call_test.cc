// Goal: whichever file call fails, the caller gets an error that says what to do about it (or what
// it asked for), no more is lost than was promised, also when the power goes afterwards, and no
// descriptor is left open.
// Method: each scenario runs on a simulated disk of which every call fails once: with EIO, with
// ENOSPC, or with EIO for good from there on; or which has only so many descriptors. Then the
// oracle looks at the disk as it is and at what a power cut leaves of it: a sync that failed has
// made nothing sure, whatever a second one says.
#include <gtest/gtest.h>

#include <cerrno>
#include <cstdio>
#include <iterator>
#include <string>

#include "coffer/kvstore/stores.h"
#include "kvstore/file/file.h"
#include "tests/crash/scenarios.h"
#include "tests/support/one_thread.h"
#include "tests/support/simulated_disk.h"
#include "tests/support/soak.h"

namespace coffer::inline v0::testing {
namespace {

CrashPlace Open(SimulatedDisk& disk) {
  const Context context = OneThreadContext();
  return {MakeFileStore("/mnt/root", {}, context, disk).OrDie(), context};
}

SimulatedDisk::Ptr Prepared(const CrashScenario& scenario) {
  const SimulatedDisk::Ptr disk = SimulatedDisk::Make();
  scenario.prepare(Open(*disk));
  return disk->Copy();
}

void ExpectKept(const CrashScenario& scenario, SimulatedDisk& disk, const Acks& acks,
                const std::string& what) {
  EXPECT_EQ(disk.open_descriptors(), 0u) << what;
  // Half of them lose all that can be lost.
  const auto calls = static_cast<uint64_t>(disk.calls());
  const uint64_t seed = calls % 2 == 0 ? SimulatedDisk::kAllLost : 100 + calls;
  const SimulatedDisk::Ptr image = disk.AfterPowerCut(seed);
  ExpectRecovers(scenario, Open(*image), acks,
                 what + ", then a power cut, seed=" + std::to_string(seed));
  ExpectRecovers(scenario, Open(disk), acks, what);
}

struct Fault {
  const char* name;
  int error;
  bool forever;
  StatusCode code;
};

constexpr Fault kFaults[] = {{"EIO once", EIO, false, StatusCode::kUnavailable},
                             {"ENOSPC once", ENOSPC, false, StatusCode::kResourceExhausted},
                             {"EIO for good", EIO, true, StatusCode::kUnavailable}};

class EveryCall : public ::testing::TestWithParam<CrashScenario> {};

TEST_P(EveryCall, FailsAndNothingIsLost) {
  const CrashScenario& scenario = GetParam();
  const SimulatedDisk::Ptr before = Prepared(scenario);
  // One fault a call; all of them in a soak.
  const int64_t step = Soaked(1) > 1 ? 1 : std::ssize(kFaults);
  int64_t calls = 0;
  for (const Fault& fault : kFaults) {
    int64_t call = step == 1 ? 0 : &fault - kFaults;
    for (bool reached = true; reached; call += step, ++calls) {
      const SimulatedDisk::Ptr disk = before->Copy();
      disk->FailAt(call, -fault.error, fault.forever);
      Acks acks;
      const Status status = scenario.run(Open(*disk), acks);
      reached = disk->calls() > call;
      disk->FailAt(-1, 0);
      const std::string what = std::string(fault.name) + " at call " + std::to_string(call);
      EXPECT_TRUE(status.ok() || status.code() == fault.code) << what << ": " << status;
      EXPECT_TRUE(reached || status.ok()) << what << ": " << status;
      ExpectKept(scenario, *disk, acks, what);
      if (HasFailure()) return;
    }
  }
  std::printf("%s: %lld faults\n", scenario.name, static_cast<long long>(calls));
}

TEST_P(EveryCall, FindsNoDescriptorLeft) {
  const CrashScenario& scenario = GetParam();
  const SimulatedDisk::Ptr before = Prepared(scenario);
  size_t limit = 0;
  for (bool done = false; !done; ++limit) {
    const SimulatedDisk::Ptr disk = before->Copy();
    disk->LimitDescriptors(limit);
    Acks acks;
    const Status status = scenario.run(Open(*disk), acks);
    done = status.ok();
    disk->LimitDescriptors(SIZE_MAX);
    const std::string what = "at most " + std::to_string(limit) + " descriptors";
    EXPECT_TRUE(done || status.code() == StatusCode::kResourceExhausted) << what << ": " << status;
    ExpectKept(scenario, *disk, acks, what);
    if (HasFailure()) return;
    ASSERT_LT(limit, 64u) << "one writer needs more than a few descriptors";
  }
  EXPECT_GE(limit, 3u);
}

std::string NameOf(const ::testing::TestParamInfo<CrashScenario>& info) { return info.param.name; }

// Threads are the subject of the tests that crash.
INSTANTIATE_TEST_SUITE_P(Scenarios, EveryCall, ::testing::ValuesIn(CrashScenariosOfOneThread()),
                         NameOf);

}  // namespace
}  // namespace coffer::inline v0::testing
