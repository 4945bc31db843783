// Goal: every array format that coffer comes with keeps the promises of ArrayDriver.
// Method: the conformance suite, registered once for each.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <utility>

#include "coffer/testing/driver_conformance.h"
#include "drivers/zarr2/driver.h"
#include "drivers/zarr3/driver.h"

namespace coffer {
namespace {

template <class Driver>
int Register(const char* name, std::function<void(CreateOptions&)> adapt = nullptr) {
  return testing::RegisterDriverConformance({.name = name,
                                             .make = [] { return std::make_shared<Driver>(); },
                                             .adapt = std::move(adapt),
                                             .snapshots = true});
}

const int kCount[] = {
    Register<Zarr3Driver>("Zarr3"),
    Register<Zarr3Driver>("Zarr3Sharded",
                          [](CreateOptions& options) {
                            if (options.chunk_shape.rank() == options.shape.rank()) {
                              options.shard_shape = options.chunk_shape;
                            }
                          }),
    Register<Zarr3Driver>("Zarr3DotKeys",
                          [](CreateOptions& options) {
                            options.format.chunk_key_encoding = "v2";
                            options.format.chunk_key_separator = '.';
                          }),
    Register<Zarr2Driver>("Zarr2"),
    Register<Zarr2Driver>("Zarr2SlashKeys",
                          [](CreateOptions& options) {
                            options.format.chunk_key_encoding = "v2";
                            options.format.chunk_key_separator = '/';
                            options.codec = {"zlib", R"({"level":1})"};
                          }),
};

TEST(DriverConformance, HasItsCases) {
  for (const int count : kCount) EXPECT_EQ(count, 34);
}

}  // namespace
}  // namespace coffer
