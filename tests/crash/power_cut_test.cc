// Goal: whenever the power goes, what is found afterwards is what was promised: every acknowledged
// write, every key old or new, no checkpoint in part.
// Method: each scenario runs on a simulated disk whose power goes before every change it makes, and
// from each of these moments images are made: the four extremes, and several by seed, in which what
// was not synced is lost, torn, garbage or there, each for itself. The oracle looks at every image.
// A failure names scenario, cut and seed; the same three give the same image again (but for the
// scenario with threads).
#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "coffer/kvstore/stores.h"
#include "kvstore/file/file.h"
#include "tests/crash/scenarios.h"
#include "tests/support/one_thread.h"
#include "tests/support/simulated_disk.h"
#include "tests/support/soak.h"

namespace coffer::inline v0::testing {
namespace {

/// As one program opens it: with a context of its own.
CrashPlace Open(SimulatedDisk& disk, bool threads) {
  const Context context = threads ? Context::Create({.threads = 2}) : OneThreadContext();
  return {MakeFileStore("/mnt/root", {}, context, disk).OrDie(), context};
}

SimulatedDisk::Ptr Prepared(const CrashScenario& scenario) {
  const SimulatedDisk::Ptr disk = SimulatedDisk::Make();
  scenario.prepare(Open(*disk, false));
  EXPECT_EQ(disk->open_descriptors(), 0u);
  return disk->Copy();
}

class PowerCut : public ::testing::TestWithParam<CrashScenario> {};

TEST_P(PowerCut, EveryImageIsWhatWasPromised) {
  const CrashScenario& scenario = GetParam();
  const uint64_t seeds = SimulatedDisk::kDataOnly + 1 + Soaked(2);
  const SimulatedDisk::Ptr before = Prepared(scenario);
  int64_t images = 0;
  int64_t cut = 0;
  for (bool finished = false; !finished; ++cut) {
    const SimulatedDisk::Ptr disk = before->Copy();
    disk->CutAt(cut);
    Acks acks;
    finished = scenario.run(Open(*disk, scenario.threads), acks).ok();
    for (uint64_t seed = 0; seed < seeds; ++seed, ++images) {
      const SimulatedDisk::Ptr image = disk->AfterPowerCut(seed);
      ExpectRecovers(
          scenario, Open(*image, false), acks,
          "power cut before change " + std::to_string(cut) + ", seed=" + std::to_string(seed));
      if (HasFailure()) return;
    }
  }
  std::printf("%s: %lld moments, %lld images\n", scenario.name, static_cast<long long>(cut),
              static_cast<long long>(images));
  RecordProperty("images", static_cast<int>(images));
  EXPECT_GT(cut, 25) << "the scenario does too little to be worth cutting";
}

/// Late threads of the first process would be taken for the second's.
using OneThreadPowerCut = PowerCut;

/// What the first process has left unsynced is the next one's to sync, before it acknowledges what
/// depends on it.
TEST_P(OneThreadPowerCut, AfterTheProcessThatCameAfterAKilledOne) {
  const CrashScenario& scenario = GetParam();
  const SimulatedDisk::Ptr before = Prepared(scenario);
  bool finished = false;
  for (int64_t cut = 0; !finished; ++cut) {
    const SimulatedDisk::Ptr disk = before->Copy();
    disk->CutAt(cut);
    Acks acks;
    finished = scenario.run(Open(*disk, false), acks).ok();
    disk->OnlyTheProcessDied();
    const std::string what = "killed before change " + std::to_string(cut);
    ExpectRecovers(scenario, Open(*disk, false), acks, what);
    for (const uint64_t seed :
         {SimulatedDisk::kAllLost, uint64_t{100} + static_cast<uint64_t>(cut)}) {
      SCOPED_TRACE(what + ", then a power cut, seed=" + std::to_string(seed));
      const SimulatedDisk::Ptr image = disk->AfterPowerCut(seed);
      scenario.check_next(Open(*image, false));
      if (HasFailure()) return;
    }
  }
}

std::string NameOf(const ::testing::TestParamInfo<CrashScenario>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Scenarios, PowerCut, ::testing::ValuesIn(CrashScenarios()), NameOf);
INSTANTIATE_TEST_SUITE_P(Scenarios, OneThreadPowerCut,
                         ::testing::ValuesIn(CrashScenariosOfOneThread()), NameOf);

}  // namespace
}  // namespace coffer::inline v0::testing
