// History: what clients of a store did and were told, recorded by threads and by processes that may
// be killed at any moment; and RegisterClient, a client that does random things at a few keys.
//
//     History history(4, 50);                     // of threads; or with a file, of processes
//     RegisterClient client(history, 0, seed);
//     while (client.Next()) { client.Call(); client.Execute(*store); client.Answer(); }
//     for (...) EXPECT_EQ(WhyNotLinearizable(history.OfKey(k)), "");
//
// A record is made before the call and completed after the answer, in memory that survives its
// process: an operation that was never answered has an unknown outcome. Every moment is a tick of
// one shared clock.
#ifndef COFFER_TESTS_SUPPORT_HISTORY_H_
#define COFFER_TESTS_SUPPORT_HISTORY_H_

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "coffer/kvstore/kvstore.h"
#include "tests/support/linearizability.h"

namespace coffer::inline v0::testing {

class History {
 public:
  static constexpr int kKeys = 3;

  /// Recorded in memory of this process, or in a file that several processes open alike; whoever
  /// comes first makes it.
  History(int clients, int operations, const std::string& path = "");
  ~History();
  History(const History&) = delete;
  History& operator=(const History&) = delete;

  int clients() const { return clients_; }
  int operations() const { return operations_; }
  /// How many operations this client has called so far.
  int called(int client) const;
  /// Waits until all of `clients` clients have come here for the n-th time.
  void Meet(int clients, int n) const;

  std::vector<RegisterOperation> OfKey(int key) const;

 private:
  friend class RegisterClient;
  struct Record;
  struct Header;
  Record& At(int client, int operation) const;
  int64_t Tick() const;

  const int clients_;
  const int operations_;
  size_t size_ = 0;
  Header* header_ = nullptr;
  Record* records_ = nullptr;
};

class RegisterClient {
 public:
  struct Habits {
    bool conditional_deletes = true;  ///< Else its deletes have no conditions.
  };

  /// Keys are "<prefix><k>".
  RegisterClient(History& history, int client, uint64_t seed, std::string prefix,
                 const Habits& habits);
  RegisterClient(History& history, int client, uint64_t seed, std::string prefix = "key")
      : RegisterClient(history, client, seed, std::move(prefix), Habits()) {}

  /// Whether there is an operation left to do.
  bool Next() const { return done_ < history_.operations(); }
  void Call();                   ///< Chooses an operation and records its call.
  void Execute(KvStore& store);  ///< Does it.
  void Answer();                 ///< Records what it gave.
  /// All three, until there is none left.
  void Run(KvStore& store);
  /// Reads every key once. Requires as many operations left.
  void ReadAll(KvStore& store);

 private:
  void Choose();
  void Learn(const ReadResult& read);
  Future<WriteResult> Start(KvStore& store) const;

  History& history_;
  const int client_;
  const std::string prefix_;
  const Habits habits_;
  std::mt19937_64 random_;
  int done_ = 0;
  int key_ = 0;
  RegisterOperation now_;
  std::vector<Generation> seen_;  // Of each key, the last that was.
};

}  // namespace coffer::inline v0::testing

#endif  // COFFER_TESTS_SUPPORT_HISTORY_H_
