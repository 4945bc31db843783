// GuardedDriver: how this library calls an array driver, which users write.
//
// The same methods, with what the driver throws, and a null or an incomplete array, as Internal
// errors that name place, driver and method. Costs nothing to make.
#ifndef COFFER_SRC_ARRAY_GUARDED_DRIVER_H_
#define COFFER_SRC_ARRAY_GUARDED_DRIVER_H_

#include <optional>
#include <string>
#include <string_view>

#include "coffer/array/driver.h"

namespace coffer::inline v0 {

class GuardedDriver {
 public:
  explicit GuardedDriver(const ArrayDriver& driver) : driver_(driver) {}

  Result<NodeKind> Find(const KvStorePtr& store, const std::string& prefix) const;
  Result<StoredArrayPtr> Open(const KvStorePtr& store, const std::string& prefix,
                              const Context& context) const;
  Result<StoredArrayPtr> Create(const KvStorePtr& store, const std::string& prefix,
                                const CreateOptions& options) const;
  Result<StoredArrayPtr> Update(const StoredArray& stored, const std::optional<Shape>& shape,
                                const std::optional<std::string>& attributes,
                                const Context& context) const;
  Result<StoredGroup> OpenGroup(const KvStorePtr& store, const std::string& prefix) const;
  Result<StoredGroup> CreateGroup(const KvStorePtr& store, const std::string& prefix,
                                  const GroupOptions& options) const;
  Result<StoredGroup> UpdateGroup(const KvStorePtr& store, const std::string& prefix,
                                  std::string_view attributes) const;
  /// Of a node directly below the prefix.
  Result<bool> IsNodeName(const KvStorePtr& store, const std::string& prefix,
                          std::string_view name) const;
  Result<GroupSnapshotPtr> ReadSnapshot(const KvStorePtr& store, const std::string& prefix) const;
  Result<StoredArrayPtr> OpenSnapshot(const KvStorePtr& store, const std::string& prefix,
                                      const NodeSnapshot& node, const Context& context) const;

 private:
  template <class Call>
  auto Run(const KvStore& store, std::string_view prefix, std::string_view method,
           const Call& call) const -> decltype(call());

  const ArrayDriver& driver_;
};

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_ARRAY_GUARDED_DRIVER_H_
