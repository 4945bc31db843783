// Saved checkpoints for the tests of checkpoints.
#ifndef COFFER_TESTS_UNIT_CHECKPOINT_CHECKPOINTS_H_
#define COFFER_TESTS_UNIT_CHECKPOINT_CHECKPOINTS_H_

#include <gtest/gtest.h>

#include <string>

#include "coffer/checkpoint/checkpoint.h"
#include "coffer/kvstore/stores.h"
#include "tests/unit/checkpoint/trees.h"

namespace coffer::inline v0::testing {

/// A store in memory that holds a checkpoint at "c/" and nothing else.
inline KvStorePtr StoreWith(const Tree& tree) {
  KvStorePtr store = MakeMemoryStore();
  checkpoint::Save(store, "c/", tree).OrDie();
  return store;
}

/// A fatal failure if nothing can be restored, a plain one if it is not this tree.
inline void ExpectStored(const KvStorePtr& store, const std::string& prefix, const Tree& tree) {
  const Result<Tree> restored = checkpoint::Restore(store, prefix);
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_EQ(Difference(tree, *restored), "");
}

}  // namespace coffer::inline v0::testing

#endif  // COFFER_TESTS_UNIT_CHECKPOINT_CHECKPOINTS_H_
