#include "src/array/driver.h"

#include <utility>

namespace coffer::inline v0 {

StoredArray::~StoredArray() = default;
ArrayDriver::~ArrayDriver() = default;

DriverTable::DriverTable() { AddBuiltinDrivers(*this); }

Status DriverTable::Add(std::unique_ptr<ArrayDriver> driver) {
  if (Find(driver->name()).ok()) {
    return AlreadyExistsError("driver \"" + std::string(driver->name()) + "\" is already known");
  }
  drivers_.push_back(std::move(driver));
  return Status();
}

Result<const ArrayDriver*> DriverTable::Find(std::string_view name) const {
  std::string known;
  for (const std::unique_ptr<ArrayDriver>& driver : drivers_) {
    if (driver->name() == name) return driver.get();
    known += (known.empty() ? "" : ", ") + std::string(driver->name());
  }
  return InvalidArgumentError("unknown driver \"" + std::string(name) + "\"; known: " + known);
}

}  // namespace coffer::inline v0
