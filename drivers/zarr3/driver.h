// Zarr3Driver: arrays and groups of Zarr v3 in any store.
//
// A node is the document <prefix>zarr.json; an array's chunks stand beside it. A document is
// written only where none is (creating), or over the generation that was read (changing): where the
// store knows no conditional writes, it is read again just before.
#ifndef COFFER_DRIVERS_ZARR3_DRIVER_H_
#define COFFER_DRIVERS_ZARR3_DRIVER_H_

#include <optional>
#include <string>
#include <string_view>

#include "coffer/array/driver.h"

namespace coffer::inline v0 {

class Zarr3Driver final : public ArrayDriver {
 public:
  std::string_view name() const override { return "zarr3"; }

  /// A document that cannot be understood counts as an array; opening it says what is wrong.
  Result<NodeKind> Find(const KvStorePtr& store, const std::string& prefix) const override;
  Result<StoredArrayPtr> Open(const KvStorePtr& store, const std::string& prefix,
                              const Context& context) const override;
  /// Also writes the groups that are missing between the store's root and this node.
  Result<StoredArrayPtr> Create(const KvStorePtr& store, const std::string& prefix,
                                const CreateOptions& options) const override;
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

  /// From the member "consolidated_metadata" of the group's document.
  Result<GroupSnapshotPtr> ReadSnapshot(const KvStorePtr& store,
                                        const std::string& prefix) const override;
  Result<StoredArrayPtr> OpenSnapshot(const KvStorePtr& store, const std::string& prefix,
                                      const NodeSnapshot& node,
                                      const Context& context) const override;
};

}  // namespace coffer::inline v0

#endif  // COFFER_DRIVERS_ZARR3_DRIVER_H_
