// Linearizability: whether what clients saw of one key can be explained by some order of their
// operations, each taking effect at one moment between its call and its answer.
//
//     std::string why = WhyNotLinearizable(operations_of_one_key);   // "" if it is linearizable
//
// The key is a register with generations. Every value that a history writes is unique, so a
// generation stands for the value that it was seen with; two generations of one value, or one
// generation of two values, are a contradiction by themselves.
//
// An operation whose outcome nobody knows (it failed, or its process was killed) may have happened
// between its call and its end, or not at all. Linearizability is compositional: a history of many
// keys is linearizable if that of each key is.
//
// Thread safety: a function.
#ifndef COFFER_TESTS_SUPPORT_LINEARIZABILITY_H_
#define COFFER_TESTS_SUPPORT_LINEARIZABILITY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "coffer/kvstore/kvstore.h"

namespace coffer::inline v0::testing {

/// One call of one client, as it saw it.
struct RegisterOperation {
  enum class Kind { kRead, kWrite, kDelete };
  enum class Outcome {
    kDone,     ///< Read: `value` and `generation` were there. Write, delete: it happened.
    kMissing,  ///< Read: the key did not exist.
    kNotMet,   ///< Write, delete: the condition did not hold, and nothing happened.
    kUnknown,  ///< It may have happened.
  };
  static constexpr int64_t kNever = INT64_MAX;

  int client = 0;
  Kind kind = Kind::kRead;
  Outcome outcome = Outcome::kDone;
  int64_t begin = 0;     ///< When it was called; no two moments of a history are equal.
  int64_t end = kNever;  ///< When it was answered; later it cannot happen any more.
  uint64_t value = 0;    ///< What was written or read; never 0.
  Generation if_equal = Generation::Unknown();    ///< The condition; Missing(): must not exist.
  Generation generation = Generation::Unknown();  ///< What was read, or what the write got.

  std::string ToString() const;
};

/// Empty, or what cannot be explained, with the whole history. The order of `operations` is of no
/// matter. Searches as Wing and Gong do, with Lowe's cache of what was tried.
std::string WhyNotLinearizable(std::vector<RegisterOperation> operations);

/// The same operations of clients that repeat a request to which they got no answer. If that was
/// carried out it may be so again: each write or delete that was done, or may have been, may have
/// happened once more between its call and its answer. Under a condition only if that held once
/// more, and never where it was told that the condition was not met.
std::vector<RegisterOperation> WithRepeats(std::vector<RegisterOperation> operations);

}  // namespace coffer::inline v0::testing

#endif  // COFFER_TESTS_SUPPORT_LINEARIZABILITY_H_
