// Goal: what lies below an array's prefix and is not its own is found, wherever in the listing it
// stands, and what is its own never is. Method: an array of each format, with one more key each
// time; pages of the least size.
#include <gtest/gtest.h>

#include <string>

#include "coffer/array/group.h"
#include "coffer/kvstore/adapters.h"
#include "coffer/kvstore/stores.h"
#include "src/array/inspect.h"
#include "tests/unit/array/damage.h"

namespace coffer {
namespace {

using testing::SetAt;
using testing::TellableOptions;

/// What is found with `key` beside the array at "a/".
std::string Found(const std::string& driver, const std::string& key, bool opened = true) {
  const Context context = Context::Default();
  const Place place{MakeMemoryStore(), "a/", driver};
  const CreateOptions options = TellableOptions({});
  const Array array = Array::Create(place, options).OrDie();
  const std::vector<uint16_t> values(64, 7);
  array.Write(Box::Full({8, 8}), Ref(values.data(), {8, 8})).OrDie();
  SetAt(*place.store, "b/neighbour", "x");
  if (!key.empty()) SetAt(*place.store, key, "x");
  return FirstStranger(place, opened ? &array : nullptr, context).OrDie();
}

TEST(Stranger, WhatIsTheArraysOwnIsNone) {
  for (const std::string driver : {"zarr3", "zarr2"}) EXPECT_EQ(Found(driver, ""), "");
  // Outside its shape, and a document of the other format beside its own.
  EXPECT_EQ(Found("zarr3", "a/c/100/7"), "");
  EXPECT_EQ(Found("zarr2", "a/100.7"), "");
  EXPECT_EQ(Found("zarr2", "a/.zattrs"), "");
  EXPECT_EQ(Found("zarr3", "a/.zattrs"), "");
  EXPECT_EQ(Found("zarr2", "a/zarr.json"), "");
}

TEST(Stranger, WhatIsNotIsNamed) {
  for (const std::string key :
       {"a/.first", "a/z-last", "a/c/0/0.txt", "a/c/0/0/0", "a/inner/zarr.json", "a/c/zarr.json",
        "a/c/01/0", "a/0.0.0", "a/sub/.zarray"}) {
    EXPECT_EQ(Found("zarr3", key), key);
    EXPECT_EQ(Found("zarr2", key), key);
  }
  EXPECT_EQ(Found("zarr3", "a/0.0"), "a/0.0");
  EXPECT_EQ(Found("zarr2", "a/c/0/0"), "a/c/0/0");
}

TEST(Stranger, WithoutTheArrayItsChunksAreStrangers) {
  EXPECT_EQ(Found("zarr3", "", false), "a/c/0/0");
  EXPECT_EQ(Found("zarr2", "", false), "a/0.0");
}

TEST(Stranger, AnErrorOfTheListingIsOne) {
  const auto store = MakeFaultStore(MakeMemoryStore());
  store->Inject({.operation = KvOperation::kList});
  EXPECT_EQ(FirstStranger(Place{store, "a/", ""}, nullptr, Context::Default()).status().code(),
            StatusCode::kUnavailable);
}

}  // namespace
}  // namespace coffer
