// Goal: the stores, the codec and the array format that the install test builds outside the tree
// keep all promises under the sanitizers, too.
// Method: their sources, compiled here, through the conformance suites.
#include <gtest/gtest.h>

#include "coffer/testing/codec_conformance.h"
#include "coffer/testing/driver_conformance.h"
#include "coffer/testing/kvstore_conformance.h"
#include "tests/install/plugin/parts.h"

namespace coffer {
namespace {

const int kCases =
    testing::RegisterKvStoreConformance({.name = "OutsideShelf", .make = MakeShelfStore}) +
    testing::RegisterKvStoreConformance(
        {.name = "OutsideRemote", .make = MakeRemoteStore, .effort = 0.5}) +
    testing::RegisterCodecConformance(
        {.name = "OutsideMask",
         .codec = "mask",
         .add = [](CodecTable& table) { return table.Add(MaskDriver()); },
         .refused = {R"({"key": 7})"}}) +
    testing::RegisterDriverConformance(
        {.name = "OutsideTile", .make = MakeTileDriver, .attributes = false, .groups = false});

TEST(Outside, AllSuitesAreRegistered) { EXPECT_GE(kCases, 2 * 90 + 16 + 32); }

}  // namespace
}  // namespace coffer
