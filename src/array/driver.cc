#include "coffer/array/driver.h"

#include <utility>

#include "src/array/builtin_drivers.h"
#include "src/base/growing_list.h"
#include "src/base/json.h"
#include "src/base/made_before_fork.h"
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

Result<GroupSnapshotPtr> ArrayDriver::ReadSnapshot(const KvStorePtr&, const std::string&) const {
  return GroupSnapshotPtr();
}

Result<StoredArrayPtr> ArrayDriver::OpenSnapshot(const KvStorePtr& store, const std::string& prefix,
                                                 const NodeSnapshot&, const Context&) const {
  return UnimplementedError(store->Describe(prefix) + ": " + std::string(name()) +
                            " opens no arrays from snapshots");
}

DataType StoredArray::data_type() const { return chain->chunk().data_type; }

struct DriverTable::State {
  /// Own ones first: if both come to have a name (the lower table later), the upper one's is found.
  const ArrayDriver* ByName(std::string_view name) const {
    const auto* const own = drivers.Find([&](const auto& driver) {
      return driver->name() == name || (!name.empty() && driver->alias() == name);
    });
    if (own != nullptr) return own->get();
    return below == nullptr ? nullptr : below->ByName(name);
  }
  /// In the order of detection: the lower table's first.
  void AppendTo(std::vector<const ArrayDriver*>& all) const {
    if (below != nullptr) below->AppendTo(all);
    drivers.Find([&](const auto& driver) {
      all.push_back(driver.get());
      return false;
    });
  }

  const State* below = nullptr;
  Mutex mutex;  // Guards adding to `drivers`, not reading it.
  GrowingList<std::shared_ptr<const ArrayDriver>> drivers;
};

DriverTable::DriverTable(const DriverTable* below) : state_(std::make_unique<State>()) {
  if (below != nullptr) state_->below = below->state_.get();
}
DriverTable::~DriverTable() = default;

DriverTable& DriverTable::Process() {
  static DriverTable& table = *[] {
    auto* const made = new DriverTable(nullptr);
    AddBuiltinDrivers(*made);
    return made;
  }();
  return table;
}
namespace {
const MadeBeforeFork kProcessTable([] { DriverTable::Process(); });
}  // namespace

Status DriverTable::Add(std::shared_ptr<const ArrayDriver> driver) {
  if (driver == nullptr) return InvalidArgumentError("no array driver was given");
  COFFER_RETURN_IF_ERROR(CheckName(driver->name()));
  if (!driver->alias().empty()) COFFER_RETURN_IF_ERROR(CheckName(driver->alias()));
  MutexLock lock(state_->mutex);
  for (const std::string_view name : {driver->name(), driver->alias()}) {
    if (state_->ByName(name) == nullptr) continue;
    return AlreadyExistsError("driver \"" + std::string(name) + "\" is already known");
  }
  state_->drivers.Append(std::move(driver));
  return Status();
}

Result<const ArrayDriver*> DriverTable::Find(std::string_view name) const {
  if (const ArrayDriver* const found = state_->ByName(name); found != nullptr) return found;
  std::string known;
  for (const ArrayDriver* driver : drivers()) {
    known += (known.empty() ? "" : ", ") + std::string(driver->name());
  }
  return InvalidArgumentError("unknown driver \"" + std::string(name) + "\"; known: " + known);
}

std::vector<const ArrayDriver*> DriverTable::drivers() const {
  std::vector<const ArrayDriver*> all;
  state_->AppendTo(all);
  return all;
}

const ArrayDriver& DriverTable::standard() const { return *drivers().front(); }

}  // namespace coffer::inline v0
