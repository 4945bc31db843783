// Goal: conditional reads, writes and deletes of one key are linearizable: on the memory store and
// the file store, through a cache or not, by threads and by processes, with faults whose effect
// nobody knows, and with one process killed in the middle.
// Method: four clients do 50 random operations each at three keys and record what they see; a
// checker searches an order that explains it. The checker is itself shown to accept what is right
// and to refuse what is wrong: by hand, and on three stores with seeded bugs.
#include "tests/support/linearizability.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <cstdlib>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "coffer/kvstore/adapters.h"
#include "coffer/kvstore/stores.h"
#include "tests/model/histories.h"
#include "tests/support/history.h"
#include "tests/support/soak.h"
#include "tests/support/temp_dir.h"

extern char** environ;

namespace coffer {
namespace {

using testing::Check;
using testing::ExpectContention;
using testing::History;
using testing::kClients;
using testing::kOperations;
using testing::RegisterClient;
using testing::RegisterOperation;
using testing::RunThreads;
using testing::Seen;
using testing::WhyNotLinearizable;

using Kind = RegisterOperation::Kind;
using Outcome = RegisterOperation::Outcome;

constexpr int64_t kNever = RegisterOperation::kNever;

const Generation kAny = Generation::Unknown();
const Generation kAbsent = Generation::Missing();

// Values have the generation of the same number.
Generation G(uint64_t value) { return {"g" + std::to_string(value)}; }

RegisterOperation Wrote(int64_t begin, int64_t end, uint64_t value, const Generation& if_equal) {
  return {0, Kind::kWrite, Outcome::kDone, begin, end, value, if_equal, G(value)};
}
RegisterOperation NotMet(int64_t begin, int64_t end, uint64_t value, const Generation& if_equal) {
  return {1, Kind::kWrite, Outcome::kNotMet, begin, end, value, if_equal, kAny};
}
RegisterOperation Failed(int64_t begin, int64_t end, uint64_t value, const Generation& if_equal) {
  return {2, Kind::kWrite, Outcome::kUnknown, begin, end, value, if_equal, kAny};
}
RegisterOperation Deleted(int64_t begin, int64_t end, const Generation& if_equal) {
  return {3, Kind::kDelete, Outcome::kDone, begin, end, 0, if_equal, kAbsent};
}
RegisterOperation Read(int64_t begin, int64_t end, uint64_t value) {
  if (value == 0) return {4, Kind::kRead, Outcome::kMissing, begin, end, 0, kAny, kAbsent};
  return {4, Kind::kRead, Outcome::kDone, begin, end, value, kAny, G(value)};
}

TEST(Checker, AcceptsWhatAnOrderExplains) {
  const std::vector<std::vector<RegisterOperation>> histories = {
      {},
      {Read(1, 2, 0)},
      {Wrote(1, 2, 1, kAny), Read(3, 4, 1)},
      // A read beside a write: old or new, and both, new last.
      {Wrote(1, 8, 1, kAny), Read(2, 3, 0), Read(4, 5, 1), Read(6, 7, 1)},
      {Wrote(1, 2, 1, kAbsent), NotMet(3, 4, 2, kAbsent), Read(5, 6, 1)},
      // Two that create: whoever wins may have been called last.
      {NotMet(1, 4, 1, kAbsent), Wrote(2, 3, 2, kAbsent), Read(5, 6, 2)},
      {Wrote(1, 2, 1, kAbsent), Wrote(3, 4, 2, G(1)), Deleted(5, 6, G(2)), Read(7, 8, 0),
       Wrote(9, 10, 3, kAbsent)},
      // Between the two reads somebody deleted and wrote again.
      {Wrote(1, 2, 1, kAny), Read(3, 4, 1), Deleted(5, 6, kAny), Wrote(7, 8, 2, kAbsent),
       NotMet(9, 10, 3, G(1)), Read(11, 12, 2)},
      // A failed write that happened; one that did not; one that happens after its call ended, for
      // its process was killed and nobody knows when.
      {Failed(1, 2, 1, kAbsent), Read(3, 4, 1)},
      {Failed(1, 2, 1, kAbsent), Read(3, 4, 0), Wrote(5, 6, 2, kAbsent)},
      {Failed(1, kNever, 1, kAny), Read(3, 4, 0), Read(5, 6, 1)},
      // A deletion beside a creation, which only then is one.
      {Wrote(1, 2, 1, kAny), Wrote(3, 6, 2, kAbsent), Deleted(4, 5, G(1)), Read(7, 8, 2)}};
  for (size_t i = 0; i < histories.size(); ++i) {
    EXPECT_EQ(WhyNotLinearizable(histories[i]), "") << "history " << i;
  }
}

TEST(Checker, RefusesWhatNoOrderExplains) {
  const std::vector<std::vector<RegisterOperation>> histories = {
      {Read(1, 2, 1), Wrote(3, 4, 1, kAny)},                               // From the future.
      {Wrote(1, 2, 1, kAny), Read(3, 4, 0)},                               // Lost.
      {Wrote(1, 2, 1, kAny), Wrote(3, 4, 2, kAny), Read(5, 6, 1)},         // Stale.
      {Wrote(1, 8, 1, kAny), Read(2, 3, 1), Read(4, 5, 0)},                // New, then old.
      {Wrote(1, 4, 1, kAbsent), Wrote(2, 3, 2, kAbsent)},                  // Two created.
      {Wrote(1, 2, 1, kAny), Wrote(3, 6, 2, G(1)), Wrote(4, 5, 3, G(1))},  // Two won.
      {NotMet(1, 2, 1, kAbsent)},                                          // For no reason.
      {Wrote(1, 2, 1, kAbsent), NotMet(3, 4, 2, G(1)), Read(5, 6, 1)},
      {NotMet(1, 2, 1, kAbsent), Read(3, 4, 1)},    // Was told that it failed, and happened.
      {Deleted(1, 2, G(1)), Wrote(3, 4, 1, kAny)},  // Deleted what was not there yet.
      {Wrote(1, 2, 1, kAny), Deleted(3, 4, G(1)), Read(5, 6, 1)},  // Came back.
      {Failed(1, 2, 1, kAny), Read(3, 4, 0), Read(5, 6, 1)},       // Happened after its end.
      {Failed(1, 2, 1, G(9)), Read(3, 4, 1)},                      // Its condition never held.
      {Wrote(1, 2, 1, G(9))},                                      // A generation of nothing.
      {Wrote(1, 2, 1, kAny), Read(3, 4, 7)}};                      // What nobody wrote.
  for (size_t i = 0; i < histories.size(); ++i) {
    EXPECT_NE(WhyNotLinearizable(histories[i]), "") << "history " << i;
  }
}

TEST(Checker, RefusesGenerationsThatAreNot) {
  RegisterOperation second = Wrote(3, 4, 2, kAny);
  second.generation = G(1);
  EXPECT_EQ(WhyNotLinearizable({Wrote(1, 2, 1, kAny), second}),
            "generation g1 of two values: client 0 [3, 4] write 2: done g1");
  RegisterOperation read = Read(3, 4, 1);
  read.generation = G(2);
  EXPECT_EQ(WhyNotLinearizable({Wrote(1, 2, 1, kAny), read}),
            "two generations of one value, g1 and that of client 4 [3, 4] read 1: done g2");
  read.generation = kAny;
  EXPECT_EQ(WhyNotLinearizable({read}),
            "a value without a generation: client 4 [3, 4] read 1: done");
}

TEST(Checker, ARepeatedOperationMayHappenTwice) {
  const std::vector<std::vector<RegisterOperation>> twice = {
      // Written, replaced, and written again before it was answered.
      {Wrote(1, 8, 1, kAny), Wrote(2, 3, 2, G(1)), Read(4, 5, 2), Read(9, 10, 1)},
      {Wrote(1, 8, 1, kAbsent), Deleted(2, 3, G(1)), Read(4, 5, 0), Read(9, 10, 1)},
      {Wrote(1, 2, 1, kAny), Deleted(3, 8, kAny), Wrote(4, 5, 2, kAbsent), Read(6, 7, 2),
       Read(9, 10, 0)}};
  const std::vector<std::vector<RegisterOperation>> never = {
      {Wrote(1, 4, 1, kAny), Wrote(2, 3, 2, G(1)), Read(5, 6, 2), Read(7, 8, 1)},  // Too late.
      {NotMet(1, 8, 1, kAbsent), Read(2, 3, 1)},
      // The condition did not hold again.
      {Wrote(1, 2, 1, kAny), Wrote(3, 8, 2, G(1)), Wrote(4, 5, 3, G(2)), Read(9, 10, 2)}};
  for (const auto& history : twice) {
    EXPECT_NE(WhyNotLinearizable(history), "");
    EXPECT_EQ(WhyNotLinearizable(testing::WithRepeats(history)), "");
  }
  for (const auto& history : never)
    EXPECT_NE(WhyNotLinearizable(testing::WithRepeats(history)), "");
}

TEST(Checker, SaysWhatItSaw) {
  EXPECT_EQ(WhyNotLinearizable({Wrote(1, 2, 1, kAny), NotMet(3, 4, 2, G(1)), Read(5, kNever, 1)}),
            "no order explains more than 1 of 3 operations:\n"
            "  client 0 [1, 2] write 1: done g1\n"
            "  client 1 [3, 4] write 2 if g1: not met\n"
            "  client 4 [5, never] read 1: done g1");
}

/// A store in memory, with a bug that shows now and then.
class BuggyStore final : public KvStore {
 public:
  enum class Bug { kNone, kLostResponse, kStaleRead, kDoubleWin };
  explicit BuggyStore(Bug bug) : bug_(bug) {}

  Future<ReadResult> Read(std::string key, ReadOptions /*options*/) override {
    const Entry& entry = entries_[key];
    const bool stale = bug_ == Bug::kStaleRead && entry.old.known() && ++reads_ % 7 == 0;
    ReadResult read;
    read.generation = stale ? entry.old : entry.now;
    if (read.generation.missing()) return Future<ReadResult>::Ready(read);
    read.state = ReadResult::State::kValue;
    read.value = stale ? entry.old_value : entry.value;
    return Future<ReadResult>::Ready(read);
  }

  Future<WriteResult> Write(std::string key, std::optional<BytesChain> value,
                            WriteOptions options) override {
    Entry& entry = entries_[key];
    WriteResult result;
    const bool met = !options.if_equal.known() || options.if_equal == entry.now;
    if (!met && (bug_ != Bug::kDoubleWin || ++lost_ % 5 != 0)) {
      result.state = WriteResult::State::kConditionNotMet;
      return Future<WriteResult>::Ready(result);
    }
    entry.old = entry.now;
    entry.old_value = entry.value;
    entry.value = value ? value->Flatten() : Bytes();
    entry.now = value ? Generation{std::to_string(++writes_)} : Generation::Missing();
    result.generation = entry.now;
    if (bug_ == Bug::kLostResponse && options.if_equal.known() && ++won_ % 5 == 0) {
      result = {WriteResult::State::kConditionNotMet, Generation::Unknown()};
    }
    return Future<WriteResult>::Ready(result);
  }

  Capabilities capabilities() const override { return {.local = true}; }
  std::string Describe(std::string_view key) const override { return "buggy " + std::string(key); }

 private:
  struct Entry {
    Bytes value, old_value;
    Generation now = Generation::Missing();
    Generation old = Generation::Unknown();
  };
  const Bug bug_;
  std::map<std::string, Entry> entries_;
  int reads_ = 0, writes_ = 0, won_ = 0, lost_ = 0;
};

/// Four clients whose operations overlap as the seed decides, on one thread.
void RunInterleaved(KvStore& store, History& history, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<RegisterClient> clients;
  for (int c = 0; c < kClients; ++c) clients.emplace_back(history, c, seed);
  std::vector<int> steps(kClients);
  for (int left = kClients * kOperations * 3; left > 0;) {
    const size_t c = random() % kClients;
    if (!clients[c].Next()) continue;
    --left;
    switch (steps[c]++ % 3) {
      case 0:
        clients[c].Call();
        break;
      case 1:
        clients[c].Execute(store);
        break;
      default:
        clients[c].Answer();
    }
  }
}

/// Which of 30 seeds are refused.
int Refused(BuggyStore::Bug bug) {
  int refused = 0;
  for (uint64_t seed = 0; seed < 30; ++seed) {
    BuggyStore store(bug);
    History history(kClients, kOperations);
    RunInterleaved(store, history, seed);
    bool bad = false;
    for (int key = 0; key < History::kKeys; ++key) {
      bad = bad || !WhyNotLinearizable(history.OfKey(key)).empty();
    }
    refused += bad ? 1 : 0;
  }
  return refused;
}

TEST(Checker, AcceptsEveryHistoryOfAStoreWithoutABug) {
  EXPECT_EQ(Refused(BuggyStore::Bug::kNone), 0);
}
TEST(Checker, RefusesALostResponseThatIsCalledAFailure) {
  EXPECT_EQ(Refused(BuggyStore::Bug::kLostResponse), 30);
}
TEST(Checker, RefusesStaleReads) { EXPECT_EQ(Refused(BuggyStore::Bug::kStaleRead), 30); }
TEST(Checker, RefusesDoubleWins) { EXPECT_EQ(Refused(BuggyStore::Bug::kDoubleWin), 30); }

/// Some operations fail: before their effect, or after it.
KvStorePtr WithFaults(const KvStorePtr& base, uint64_t seed) {
  std::mt19937_64 random(seed);
  const std::shared_ptr<FaultStore> store = MakeFaultStore(base);
  for (int i = 0; i < 12; ++i) {
    static constexpr KvOperation kOperationsThatFail[] = {KvOperation::kWrite, KvOperation::kDelete,
                                                          KvOperation::kRead};
    Fault fault{.operation = kOperationsThatFail[random() % 3]};
    fault.skip = static_cast<int64_t>(random() % 30);
    fault.times = static_cast<int64_t>(1 + random() % 2);
    fault.after = random() % 2 == 0;
    store->Inject(fault);
  }
  return store;
}

/// `adapt`: what stands before the faults.
void RunHistories(
    uint64_t count, bool faults, const std::function<KvStorePtr()>& open,
    const std::function<KvStorePtr(KvStorePtr)>& adapt = [](KvStorePtr store) { return store; }) {
  Seen seen;
  for (uint64_t seed = 0; seed < count; ++seed) {
    const std::string prefix = "s" + std::to_string(seed) + "/k";
    const KvStorePtr store = adapt(faults ? WithFaults(open(), seed) : open());
    ASSERT_NO_FATAL_FAILURE(RunThreads(store, seed, prefix, &seen));
  }
  ExpectContention(seen, faults);
}

TEST(Linearizability, MemoryStoreByThreads) {
  RunHistories(Soaked(60), false, [] { return MakeMemoryStore(); });
}
TEST(Linearizability, MemoryStoreWithFaults) {
  RunHistories(Soaked(30), true, [] { return MakeMemoryStore(); });
}
TEST(Linearizability, StoreThatAnswersLater) {
  RunHistories(Soaked(10), false, [] {
    return MakeLatencyStore(MakeMemoryStore(), {.per_request = std::chrono::microseconds(20)});
  });
}
TEST(Linearizability, FileStoreByThreads) {
  const TempDir dir;
  RunHistories(Soaked(40), false,
               [&] { return MakeFileStore(dir / "root", {.sync = false}).OrDie(); });
}
TEST(Linearizability, FileStoreWithFaults) {
  const TempDir dir;
  RunHistories(Soaked(20), true,
               [&] { return MakeFileStore(dir / "root", {.sync = false}).OrDie(); });
}
TEST(Linearizability, DurableFileStoreByThreads) {
  const TempDir dir;
  RunHistories(Soaked(10), false, [&] { return MakeFileStore(dir / "root").OrDie(); });
}

/// The cache tests: one that asks each time, or one that never does while nobody writes.
void RunCached(uint64_t count, bool faults, std::chrono::milliseconds fresh_for,
               const std::function<KvStorePtr()>& open) {
  const Context context = Context::Create({.threads = 1});
  RunHistories(count, faults, open, [&](KvStorePtr base) {
    return MakeCacheStore(std::move(base), {.fresh_for = fresh_for}, context);
  });
  const CacheStats& stats = context.Get<CacheStats>();
  EXPECT_GT(fresh_for.count() > 0 ? stats.hits.load() : stats.revalidated.load(), 0);
}
KvStorePtr MakeSlowStore() {
  return MakeLatencyStore(MakeMemoryStore(), {.per_request = std::chrono::microseconds(20)});
}

TEST(Linearizability, CacheByThreads) {
  RunCached(Soaked(40), false, std::chrono::hours(0), [] { return MakeMemoryStore(); });
}
TEST(Linearizability, CacheWithFaults) {
  RunCached(Soaked(20), true, std::chrono::hours(0), [] { return MakeMemoryStore(); });
}
TEST(Linearizability, CacheOfAStoreThatAnswersLater) {
  RunCached(Soaked(10), false, std::chrono::hours(0), MakeSlowStore);
}
// Fresh answers are as good where all who write do it through the cache.
TEST(Linearizability, FreshCacheByThreads) {
  RunCached(Soaked(40), false, std::chrono::hours(1), [] { return MakeMemoryStore(); });
}
TEST(Linearizability, FreshCacheWithFaults) {
  RunCached(Soaked(20), true, std::chrono::hours(1), [] { return MakeMemoryStore(); });
}
TEST(Linearizability, FreshCacheOfAStoreThatAnswersLater) {
  RunCached(Soaked(10), false, std::chrono::hours(1), MakeSlowStore);
}

// Processes: this binary runs itself; the DISABLED test is what a child does.

std::string PrefixOf(int round) { return "r" + std::to_string(round) + "/k"; }

/// Of the history of one round.
std::string FileOf(const std::string& folder, int round) {
  return folder + "/history" + std::to_string(round);
}

pid_t RunChild(const std::string& folder, int client, uint64_t seed, int rounds) {
  setenv("COFFER_TEST_FOLDER", folder.c_str(), 1);
  setenv("COFFER_TEST_CLIENT", std::to_string(client).c_str(), 1);
  setenv("COFFER_TEST_SEED", std::to_string(seed).c_str(), 1);
  setenv("COFFER_TEST_ROUNDS", std::to_string(rounds).c_str(), 1);
  std::string arguments[] = {"model", "--gtest_filter=Linearizability.DISABLED_Child",
                             "--gtest_also_run_disabled_tests", "--gtest_output="};
  char* argv[] = {arguments[0].data(), arguments[1].data(), arguments[2].data(),
                  arguments[3].data(), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  pid_t child = -1;
  EXPECT_EQ(posix_spawn(&child, "/proc/self/exe", &actions, nullptr, argv, environ), 0);
  posix_spawn_file_actions_destroy(&actions);
  return child;
}

TEST(Linearizability, DISABLED_Child) {
  const char* const folder = std::getenv("COFFER_TEST_FOLDER");
  ASSERT_NE(folder, nullptr);
  const int client = std::atoi(std::getenv("COFFER_TEST_CLIENT"));
  const uint64_t seed = std::strtoull(std::getenv("COFFER_TEST_SEED"), nullptr, 10);
  const int rounds = std::atoi(std::getenv("COFFER_TEST_ROUNDS"));
  const KvStorePtr store = MakeFileStore(std::string(folder) + "/root", {.sync = false}).OrDie();
  for (int round = 0; round < rounds; ++round) {
    History history(kClients + 1, kOperations, FileOf(folder, round));
    history.Meet(kClients, 1);
    RegisterClient(history, client, seed + static_cast<uint64_t>(round), PrefixOf(round))
        .Run(*store);
  }
}

/// Four processes with several rounds; the last is killed in the first if `kill_after` is not
/// negative: while it is at an operation after that many. Returns whether one was killed.
bool RunProcesses(uint64_t seed, int rounds, int kill_after, Seen* seen) {
  SCOPED_TRACE("seed=" + std::to_string(seed));
  const TempDir dir;
  std::vector<pid_t> children;
  for (int client = 0; client < kClients; ++client) {
    children.push_back(RunChild(dir.path(), client, seed, rounds));
  }
  if (kill_after >= 0) {
    const History history(kClients + 1, kOperations, FileOf(dir.path(), 0));
    while (history.called(kClients - 1) <= kill_after) std::this_thread::yield();
    kill(children.back(), SIGKILL);
  }
  bool killed = false;
  for (const pid_t child : children) {
    int status = -1;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    if (child == children.back() && WIFSIGNALED(status)) {
      killed = WTERMSIG(status) == SIGKILL;
    } else {
      EXPECT_EQ(status, 0);
    }
  }
  const KvStorePtr store = MakeFileStore(dir / "root", {.sync = false}).OrDie();
  for (int round = 0; round < rounds; ++round) {
    History history(kClients + 1, kOperations, FileOf(dir.path(), round));
    RegisterClient(history, kClients, seed, PrefixOf(round)).ReadAll(*store);
    Check(history, seen);
  }
  return killed;
}

TEST(Linearizability, FileStoreByProcesses) {
  Seen seen;
  for (uint64_t batch = 0; batch < Soaked(2); ++batch) {
    RunProcesses(1000 * batch, 20, -1, &seen);
    ASSERT_FALSE(HasFailure());
  }
  EXPECT_EQ(static_cast<uint64_t>(seen.histories), Soaked(40));
  ExpectContention(seen, false);
}

TEST(Linearizability, FileStoreWithAProcessThatIsKilled) {
  Seen seen;
  int killed = 0;
  for (uint64_t seed = 0; seed < Soaked(12); ++seed) {
    killed += RunProcesses(seed, 1, static_cast<int>(seed * 7 % 45), &seen) ? 1 : 0;
    ASSERT_FALSE(HasFailure());
  }
  EXPECT_GE(killed, seen.histories / 2);
}

}  // namespace
}  // namespace coffer
