// AddBuiltinDrivers: the array formats that coffer comes with. Declared here, where the table needs
// it, and defined in src/registry/drivers.cc, the only file that sees every driver.
#ifndef COFFER_SRC_ARRAY_BUILTIN_DRIVERS_H_
#define COFFER_SRC_ARRAY_BUILTIN_DRIVERS_H_

#include "coffer/array/driver.h"

namespace coffer::inline v0 {

/// Adds every built-in driver to an empty table, in the order in which formats are detected.
void AddBuiltinDrivers(DriverTable& table);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_ARRAY_BUILTIN_DRIVERS_H_
