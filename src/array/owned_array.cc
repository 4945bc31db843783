#include "coffer/array/owned_array.h"

#include "coffer/async/buffer.h"

namespace coffer::inline v0 {

Result<OwnedArray> OwnedArray::Allocate(DataType type, const Shape& shape) {
  return Allocate(type, shape, nullptr);
}

Result<OwnedArray> OwnedArray::Allocate(DataType type, const Shape& shape, BufferPool& pool) {
  return Allocate(type, shape, &pool);
}

Result<OwnedArray> OwnedArray::Allocate(DataType type, const Shape& shape, BufferPool* pool) {
  const std::optional<int64_t> elements = NumElements(shape);
  const std::optional<int64_t> bytes = elements ? CheckedMul(*elements, type.size()) : std::nullopt;
  if (!bytes) {
    return InvalidArgumentError("an array of shape " + ToString(shape) + " of " + type.name() +
                                " has more bytes than can be addressed");
  }
  OwnedArray array;
  const auto size = static_cast<size_t>(*bytes);
  COFFER_ASSIGN_OR_RETURN(array.owner_,
                          pool != nullptr ? pool->AllocateResult(size) : AllocateResult(size));
  array.view_ = View(array.owner_.get(), type, shape);
  return array;
}

}  // namespace coffer::inline v0
