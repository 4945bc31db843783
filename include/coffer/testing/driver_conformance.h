// The conformance suite of array formats: what coffer/array/driver.h promises, as tests for any
// driver.
//
// One call in a test source registers them; link coffer::testing and GoogleTest's main:
//
//     static const int registered = coffer::testing::RegisterDriverConformance(
//         {.name = "Tile", .make = [] { return std::make_shared<TileDriver>(); }});
//
// The tests are named Driver/Tile.CreatesOnce and so on: documents written, read, changed and
// damaged; lost races, in stores with conditional writes and without; failing stores; keys of cells
// to text and back; groups; arrays through the driver, by URL and JSON.
//
// Thread safety: call it before the tests run.
#ifndef COFFER_TESTING_DRIVER_CONFORMANCE_H_
#define COFFER_TESTING_DRIVER_CONFORMANCE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "coffer/array/driver.h"
#include "coffer/array/options.h"
#include "coffer/base/data_type.h"

namespace coffer::inline v0::testing {

struct DriverConformance {
  std::string name;  ///< Letters and digits.
  std::function<std::shared_ptr<const ArrayDriver>()> make;
  /// What is set in the options of every array: what the format cannot express is turned off here.
  std::function<void(CreateOptions& options)> adapt = nullptr;
  /// The types that it stores.
  std::vector<DataType> data_types = {DataType::kUint8, DataType::kInt16, DataType::kFloat32,
                                      DataType::kUint64};
  bool attributes = true;  ///< Whether arrays have them.
  bool groups = true;      ///< Whether the format has groups.
  bool snapshots = false;  ///< Whether it opens arrays from snapshots.
};

/// Registers the suite for one driver. Returns the number of tests.
int RegisterDriverConformance(DriverConformance driver);

}  // namespace coffer::inline v0::testing

#endif  // COFFER_TESTING_DRIVER_CONFORMANCE_H_
