#include "coffer/array/driver.h"

#include <utility>

#include "src/array/builtin_drivers.h"
#include "src/base/json.h"
#include "src/base/mutex.h"
#include "src/codec/chain.h"

namespace coffer::inline v0 {
namespace {

Status CheckName(std::string_view name) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789_";
  if (!name.empty() && name != "auto" && name.find_first_not_of(kAllowed) == name.npos) {
    return Status();
  }
  return InvalidArgumentError("an array driver cannot have the name " + Json(name).Dump() +
                              ": expected lower-case letters, digits and \"_\", and not \"auto\"");
}

}  // namespace

StoredArray::~StoredArray() = default;
ArrayDriver::~ArrayDriver() = default;

DataType StoredArray::data_type() const { return chain->chunk().data_type; }

struct DriverTable::State {
  const ArrayDriver* FindLocked(std::string_view name) const COFFER_REQUIRES(mutex) {
    for (const auto& driver : drivers) {
      if (driver->name() == name) return driver.get();
    }
    return nullptr;
  }

  mutable Mutex mutex;
  // Never removed from: what was found stays.
  std::vector<std::shared_ptr<const ArrayDriver>> drivers COFFER_GUARDED_BY(mutex);
};

DriverTable::DriverTable() : state_(std::make_unique<State>()) { AddBuiltinDrivers(*this); }
DriverTable::~DriverTable() = default;

Status DriverTable::Add(std::shared_ptr<const ArrayDriver> driver) {
  COFFER_RETURN_IF_ERROR(CheckName(driver->name()));
  MutexLock lock(state_->mutex);
  if (state_->FindLocked(driver->name()) != nullptr) {
    return AlreadyExistsError("driver \"" + std::string(driver->name()) + "\" is already known");
  }
  state_->drivers.push_back(std::move(driver));
  return Status();
}

Result<const ArrayDriver*> DriverTable::Find(std::string_view name) const {
  MutexLock lock(state_->mutex);
  if (const ArrayDriver* const found = state_->FindLocked(name); found != nullptr) return found;
  std::string known;
  for (const auto& driver : state_->drivers) {
    known += (known.empty() ? "" : ", ") + std::string(driver->name());
  }
  return InvalidArgumentError("unknown driver \"" + std::string(name) + "\"; known: " + known);
}

std::vector<const ArrayDriver*> DriverTable::drivers() const {
  MutexLock lock(state_->mutex);
  std::vector<const ArrayDriver*> drivers;
  for (const auto& driver : state_->drivers) drivers.push_back(driver.get());
  return drivers;
}

const ArrayDriver& DriverTable::standard() const {
  MutexLock lock(state_->mutex);
  return *state_->drivers.front();
}

}  // namespace coffer::inline v0
