// The conformance suite of stores: what KvStore promises, as about a hundred tests for any store.
//
// One call in a test source registers them all; link coffer::testing and GoogleTest's main:
//
//     static const int registered = coffer::testing::RegisterKvStoreConformance({
//         .name = "Tape", .make = [] { return std::make_shared<TapeStore>(); }});
//
// The tests are named KvStore/Tape.ReadOfMissingKey and so on. Listing and renaming that a store
// says it cannot do (capabilities()) are tested for being refused cleanly, by one case each; the
// other cases that need what the store lacks are skipped.
//
// A store that cannot be written comes with another by which its values are put (make_read_only).
// Whatever a case reads, it reads from the store under test; a case of writing through the store
// becomes one that the write is refused.
//
// Thread safety: call it before the tests run.
#ifndef COFFER_TESTING_KVSTORE_CONFORMANCE_H_
#define COFFER_TESTING_KVSTORE_CONFORMANCE_H_

#include <functional>
#include <string>
#include <vector>

#include "coffer/kvstore/kvstore.h"

namespace coffer::inline v0::testing {

/// A store that cannot be written, and one that puts its values: what `writer` has written or
/// deleted, unconditionally, `store` shows as soon as that is acknowledged. Several threads write.
struct ReadOnlyKvStore {
  KvStorePtr store;
  KvStorePtr writer;
};

struct KvStoreConformance {
  std::string name;  ///< Letters and digits.
  /// A new, empty store, called once or twice a test. What it needs (a directory, say) must outlive
  /// it by what is still under way when it is destroyed: keep it to the end of the program.
  std::function<KvStorePtr()> make = nullptr;
  /// Keys that this store refuses with InvalidArgument (changes, if it is read-only, as such).
  std::vector<std::string> refused_keys = {};
  /// Multiplies what the tests of threads do. Slow stores give less than 1.
  double effort = 1.0;
  /// In place of `make`, for a store that cannot be written: that store, empty, and its writer.
  /// Such a store may say Aborted to a read that writers overtake.
  std::function<ReadOnlyKvStore()> make_read_only = nullptr;
  /// false: a value's size is only known when it has been read to its end (a web server that tells
  /// no lengths). What is too long is refused all the same, without its size; what is too short
  /// may have been put into the caller's memory before it is.
  bool tells_sizes = true;
};

/// Registers the suite for one store. Returns the number of tests.
int RegisterKvStoreConformance(KvStoreConformance store);

}  // namespace coffer::inline v0::testing

#endif  // COFFER_TESTING_KVSTORE_CONFORMANCE_H_
