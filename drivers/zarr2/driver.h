// Zarr2Driver: arrays and groups of Zarr v2 in any store.
//
// An array is the document <prefix>.zarray, a group <prefix>.zgroup; the attributes of either stand
// in <prefix>.zattrs. Each document is written only where none is (creating), or over the
// generation that was read (changing). No store changes two keys at once: driver.cc says what shows
// in between.
#ifndef COFFER_DRIVERS_ZARR2_DRIVER_H_
#define COFFER_DRIVERS_ZARR2_DRIVER_H_

#include <optional>
#include <string>
#include <string_view>

#include "coffer/array/driver.h"

namespace coffer::inline v0 {

class Zarr2Driver final : public ArrayDriver {
 public:
  std::string_view name() const override { return "zarr2"; }
  /// TensorStore's name.
  std::string_view alias() const override { return "zarr"; }

  /// By the documents' names alone; opening says what is wrong with them.
  Result<NodeKind> Find(const KvStorePtr& store, const std::string& prefix) const override;
  Result<StoredArrayPtr> Open(const KvStorePtr& store, const std::string& prefix,
                              const Context& context) const override;
  /// Also writes the groups that are missing between the store's root and this node.
  Result<StoredArrayPtr> Create(const KvStorePtr& store, const std::string& prefix,
                                const CreateOptions& options) const override;
  /// Changes one of the two documents: requires that only one of shape and attributes is given.
  Result<StoredArrayPtr> Update(const StoredArray& stored, const std::optional<Shape>& shape,
                                const std::optional<std::string>& attributes,
                                const Context& context) const override;

  Result<StoredGroup> OpenGroup(const KvStorePtr& store, const std::string& prefix) const override;
  /// As Create.
  Result<StoredGroup> CreateGroup(const KvStorePtr& store, const std::string& prefix,
                                  const GroupOptions& options) const override;
  Result<StoredGroup> UpdateGroup(const KvStorePtr& store, const std::string& prefix,
                                  std::string_view attributes) const override;
  std::optional<std::string> NodeOfKey(std::string_view key) const override;
  bool IsNodeName(std::string_view name) const override;

  /// From .zmetadata, which zarr-python keeps beside the .zgroup.
  Result<GroupSnapshotPtr> ReadSnapshot(const KvStorePtr& store,
                                        const std::string& prefix) const override;
  Result<StoredArrayPtr> OpenSnapshot(const KvStorePtr& store, const std::string& prefix,
                                      const NodeSnapshot& node,
                                      const Context& context) const override;
};

}  // namespace coffer::inline v0

#endif  // COFFER_DRIVERS_ZARR2_DRIVER_H_
