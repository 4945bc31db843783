// RunThreads: a history of four clients of one store, checked; and what many histories had in all.
//
// Thread safety: one test at a time.
#ifndef COFFER_TESTS_MODEL_HISTORIES_H_
#define COFFER_TESTS_MODEL_HISTORIES_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "coffer/kvstore/kvstore.h"
#include "tests/support/history.h"
#include "tests/support/linearizability.h"

namespace coffer::inline v0::testing {

inline constexpr int kClients = 4;
inline constexpr int kOperations = 50;

/// A test of histories in which nothing happens tests nothing.
struct Seen {
  int histories = 0;
  std::map<std::pair<RegisterOperation::Kind, RegisterOperation::Outcome>, int> count;
};

struct HistoryOptions {
  int operations = kOperations;     ///< Of each client; at least one for each key.
  bool conditional_deletes = true;  ///< Else deletes have no conditions.
  /// The store repeats what it got no answer to: see WithRepeats.
  bool repeats = false;
  KvStorePtr last_reader = nullptr;  ///< Of the same values; default: the store itself.
};

inline void Check(const History& history, Seen* seen, bool repeats = false) {
  ++seen->histories;
  for (int key = 0; key < History::kKeys; ++key) {
    const std::vector<RegisterOperation> operations = history.OfKey(key);
    for (const RegisterOperation& each : operations) ++seen->count[{each.kind, each.outcome}];
    ASSERT_EQ(WhyNotLinearizable(repeats ? WithRepeats(operations) : operations), "")
        << "key " << key;
  }
}

inline void ExpectContention(const Seen& seen, bool faults, bool conditional_deletes = true) {
  using Kind = RegisterOperation::Kind;
  using Outcome = RegisterOperation::Outcome;
  for (const Kind kind : {Kind::kRead, Kind::kWrite, Kind::kDelete}) {
    const Outcome other = kind == Kind::kRead ? Outcome::kMissing : Outcome::kNotMet;
    for (const Outcome outcome : {Outcome::kDone, other}) {
      if (kind == Kind::kDelete && outcome == Outcome::kNotMet && !conditional_deletes) continue;
      const auto found = seen.count.find({kind, outcome});
      const int count = found == seen.count.end() ? 0 : found->second;
      EXPECT_GT(count, 0) << static_cast<int>(kind) << static_cast<int>(outcome);
    }
  }
  const auto unknown = seen.count.find({Kind::kWrite, Outcome::kUnknown});
  EXPECT_EQ(faults, unknown != seen.count.end());
}

/// Four threads, and at last a reader of all.
inline void RunThreads(const KvStorePtr& store, uint64_t seed, const std::string& prefix,
                       Seen* seen, const HistoryOptions& options = {}) {
  SCOPED_TRACE("seed=" + std::to_string(seed));
  History history(kClients + 1, options.operations);
  const RegisterClient::Habits habits{.conditional_deletes = options.conditional_deletes};
  std::vector<std::thread> threads;
  for (int client = 0; client < kClients; ++client) {
    threads.emplace_back([&, client] {
      history.Meet(kClients, 1);
      RegisterClient(history, client, seed, prefix, habits).Run(*store);
    });
  }
  for (std::thread& thread : threads) thread.join();
  KvStore& last = options.last_reader != nullptr ? *options.last_reader : *store;
  RegisterClient(history, kClients, seed, prefix).ReadAll(last);
  Check(history, seen, options.repeats);
}

}  // namespace coffer::inline v0::testing

#endif  // COFFER_TESTS_MODEL_HISTORIES_H_
