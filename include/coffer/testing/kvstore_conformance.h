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
// Thread safety: call it before the tests run.
#ifndef COFFER_TESTING_KVSTORE_CONFORMANCE_H_
#define COFFER_TESTING_KVSTORE_CONFORMANCE_H_

#include <functional>
#include <string>
#include <vector>

#include "coffer/kvstore/kvstore.h"

namespace coffer::inline v0::testing {

struct KvStoreConformance {
  std::string name;  ///< Letters and digits.
  /// A new, empty store, called once or twice a test. What it needs (a directory, say) must outlive
  /// it by what is still under way when it is destroyed: keep it to the end of the program.
  std::function<KvStorePtr()> make;
  /// Keys that this store refuses with InvalidArgument.
  std::vector<std::string> refused_keys = {};
  /// Multiplies what the tests of threads do. Slow stores give less than 1.
  double effort = 1.0;
};

/// Registers the suite for one store. Returns the number of tests.
int RegisterKvStoreConformance(KvStoreConformance store);

}  // namespace coffer::inline v0::testing

#endif  // COFFER_TESTING_KVSTORE_CONFORMANCE_H_
