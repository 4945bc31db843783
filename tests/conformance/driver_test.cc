// Goal: every array format that coffer comes with keeps the promises of ArrayDriver.
// Method: the conformance suite, registered once for each.
#include <gtest/gtest.h>

#include <memory>

#include "coffer/testing/driver_conformance.h"
#include "drivers/zarr3/driver.h"

namespace coffer {
namespace {

using testing::RegisterDriverConformance;

const int kCount[] = {
    RegisterDriverConformance(
        {.name = "Zarr3", .make = [] { return std::make_shared<Zarr3Driver>(); }}),
    RegisterDriverConformance({.name = "Zarr3Sharded",
                               .make = [] { return std::make_shared<Zarr3Driver>(); },
                               .adapt =
                                   [](CreateOptions& options) {
                                     if (options.chunk_shape.rank() == options.shape.rank()) {
                                       options.shard_shape = options.chunk_shape;
                                     }
                                   }}),
    RegisterDriverConformance({.name = "Zarr3DotKeys",
                               .make = [] { return std::make_shared<Zarr3Driver>(); },
                               .adapt =
                                   [](CreateOptions& options) {
                                     options.format.chunk_key_encoding = "v2";
                                     options.format.chunk_key_separator = '.';
                                   }}),
};

TEST(DriverConformance, HasItsCases) {
  for (const int count : kCount) EXPECT_EQ(count, 32);
}

}  // namespace
}  // namespace coffer
