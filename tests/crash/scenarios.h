// CrashScenario: something that a program does to a store, and the oracle that says whether what is
// found after a crash in the middle of it is what was promised.
//
//     const CrashScenario& scenario = ...;
//     scenario.prepare(place);               // the state before
//     scenario.run(place, acks);             // crashes somewhere in here, in whatever way
//     ExpectRecovers(scenario, reopened place, acks);
//
// The oracle, for every scenario: each acknowledged step is there; each key holds its old or its
// new value; nothing uncommitted shows; looking twice shows the same as looking once, and removes
// nothing; the next write or save works.
#ifndef COFFER_TESTS_CRASH_SCENARIOS_H_
#define COFFER_TESTS_CRASH_SCENARIOS_H_

#include <array>
#include <atomic>
#include <ostream>
#include <span>
#include <string>

#include "coffer/kvstore/kvstore.h"

namespace coffer::inline v0::testing {

/// A store as one program has opened it.
struct CrashPlace {
  KvStorePtr store;
  Context context;
};

/// Which steps were acknowledged. Lies in memory that outlives the one who crashes.
struct Acks {
  std::array<std::atomic<bool>, 32> steps = {};
};

struct CrashScenario {
  const char* name;
  bool threads;  ///< Several threads write: the context must have some.
  void (*prepare)(const CrashPlace& place);
  /// Stops at the first step that fails, and returns its error.
  Status (*run)(const CrashPlace& place, Acks& acks);
  void (*check)(const CrashPlace& place, const Acks& acks);
  /// What a user would do next; asserts that it works.
  void (*next)(const CrashPlace& place);
  /// That what `next` was told is done is there.
  void (*check_next)(const CrashPlace& place);
};

std::span<const CrashScenario> CrashScenarios();
std::span<const CrashScenario> CrashScenariosOfOneThread();

/// How GoogleTest shows a scenario.
inline void PrintTo(const CrashScenario& scenario, std::ostream* out) { *out << scenario.name; }

/// The whole oracle. `what` says which crash this was.
void ExpectRecovers(const CrashScenario& scenario, const CrashPlace& place, const Acks& acks,
                    const std::string& what);

}  // namespace coffer::inline v0::testing

#endif  // COFFER_TESTS_CRASH_SCENARIOS_H_
