// The built-in array formats, in the order in which they are detected.
#include "drivers/zarr2/driver.h"
#include "drivers/zarr3/driver.h"
#include "src/array/builtin_drivers.h"

namespace coffer::inline v0 {

void AddBuiltinDrivers(DriverTable& table) {
  table.Add(std::make_unique<Zarr3Driver>()).OrDie();
  table.Add(std::make_unique<Zarr2Driver>()).OrDie();
}

}  // namespace coffer::inline v0
