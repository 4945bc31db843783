#include "src/array/guarded_driver.h"

#include <type_traits>

#include "coffer/async/future.h"

namespace coffer::inline v0 {

template <class Call>
auto GuardedDriver::Run(const KvStore& store, std::string_view prefix, std::string_view method,
                        const Call& call) const -> decltype(call()) {
  Status status;
  try {
    auto result = call();
    if constexpr (std::is_same_v<decltype(result), Result<StoredArrayPtr>>) {
      if (!result.ok()) return result;
      const StoredArray* const array = result->get();
      if (array != nullptr && array->driver != nullptr && array->store != nullptr &&
          array->chain != nullptr) {
        return result;
      }
      status = InternalError(array == nullptr ? "returned no array"
                                              : "the array has no driver, store or codecs");
    } else {
      return result;
    }
  } catch (...) {
    status = internal::StatusOfException();
  }
  return status.Annotate(method)
      .Annotate("driver \"" + std::string(driver_.name()) + "\"")
      .Annotate(store.Describe(prefix));
}

Result<NodeKind> GuardedDriver::Find(const KvStorePtr& store, const std::string& prefix) const {
  return Run(*store, prefix, "Find", [&] { return driver_.Find(store, prefix); });
}

Result<StoredArrayPtr> GuardedDriver::Open(const KvStorePtr& store, const std::string& prefix,
                                           const Context& context) const {
  return Run(*store, prefix, "Open", [&] { return driver_.Open(store, prefix, context); });
}

Result<StoredArrayPtr> GuardedDriver::Create(const KvStorePtr& store, const std::string& prefix,
                                             const CreateOptions& options) const {
  return Run(*store, prefix, "Create", [&] { return driver_.Create(store, prefix, options); });
}

Result<StoredArrayPtr> GuardedDriver::Update(const StoredArray& stored,
                                             const std::optional<Shape>& shape,
                                             const std::optional<std::string>& attributes,
                                             const Context& context) const {
  return Run(*stored.store, stored.prefix, "Update",
             [&] { return driver_.Update(stored, shape, attributes, context); });
}

Result<StoredGroup> GuardedDriver::OpenGroup(const KvStorePtr& store,
                                             const std::string& prefix) const {
  return Run(*store, prefix, "OpenGroup", [&] { return driver_.OpenGroup(store, prefix); });
}

Result<StoredGroup> GuardedDriver::CreateGroup(const KvStorePtr& store, const std::string& prefix,
                                               const GroupOptions& options) const {
  return Run(*store, prefix, "CreateGroup",
             [&] { return driver_.CreateGroup(store, prefix, options); });
}

Result<StoredGroup> GuardedDriver::UpdateGroup(const KvStorePtr& store, const std::string& prefix,
                                               std::string_view attributes) const {
  return Run(*store, prefix, "UpdateGroup",
             [&] { return driver_.UpdateGroup(store, prefix, attributes); });
}

Result<bool> GuardedDriver::IsNodeName(const KvStorePtr& store, const std::string& prefix,
                                       std::string_view name) const {
  return Run(*store, prefix, "IsNodeName", [&] { return Result<bool>(driver_.IsNodeName(name)); });
}

Result<GroupSnapshotPtr> GuardedDriver::ReadSnapshot(const KvStorePtr& store,
                                                     const std::string& prefix) const {
  return Run(*store, prefix, "ReadSnapshot", [&] { return driver_.ReadSnapshot(store, prefix); });
}

Result<StoredArrayPtr> GuardedDriver::OpenSnapshot(const KvStorePtr& store,
                                                   const std::string& prefix,
                                                   const NodeSnapshot& node,
                                                   const Context& context) const {
  return Run(*store, prefix, "OpenSnapshot",
             [&] { return driver_.OpenSnapshot(store, prefix, node, context); });
}

}  // namespace coffer::inline v0
