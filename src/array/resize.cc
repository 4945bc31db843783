// How an array is resized:
//
//  1. The metadata gets the new shape, under its old generation. From here on readers see it.
//  2. Where a dimension shrinks, the keys of cells outside the new grid are deleted.
//  3. The part of a cell at the new edge that fell outside is overwritten with the fill value, so
//     that growing again cannot show old elements. (By the write planner, on the old shape.)
//
// A crash or an error after 1 leaves the new shape, cells outside it, which `verify` names as
// orphans, and cut cells that still hold old elements beyond the edge.
#include "src/array/resize.h"

#include <utility>

#include "src/array/read.h"
#include "src/array/write.h"
#include "src/codec/chain.h"

namespace coffer::inline v0 {
namespace {

Status DeleteOutside(const StoredArray& resized) {
  Status first;
  const auto delete_those_of = [&](std::span<const ListEntry> page) {
    std::vector<Future<WriteResult>> deletes;
    for (const ListEntry& entry : page) {
      const std::optional<Index> cell = resized.ParseCellKey(entry.key);
      if (!cell || IsInGrid(resized, *cell)) continue;
      deletes.push_back(resized.store->Write(entry.key, std::nullopt));
    }
    for (const Future<WriteResult>& deleted : deletes) {
      const Status status = deleted.Get().status();
      if (first.ok()) first = status;
    }
    return Status();
  };
  COFFER_RETURN_IF_ERROR(
      ForEachPage(*resized.store, {.range = KeyRange::Prefix(resized.prefix)}, delete_those_of));
  return first;
}

/// Fills, in the cells that the new edge cuts, what lies beyond it.
Status ClearCutCells(const StoredArrayPtr& old, const StoredArray& resized,
                     const Context& context) {
  const Shape& before = old->shape();
  const Shape& after = resized.shape();
  const Shape& cell = old->grid.cell_shape();
  for (int d = 0; d < before.rank(); ++d) {
    if (after[d] >= before[d] || after[d] % cell[d] == 0) continue;
    // Beyond the edge in dimension d; inside it in those before, which were cleared already.
    Box beyond = Box::Full(before);
    for (int e = 0; e < d; ++e) beyond.shape[e] = std::min(before[e], after[e]);
    beyond.origin[d] = after[d];
    beyond.shape[d] = std::min(before[d], CeilDiv(after[d], cell[d]) * cell[d]) - after[d];
    for (int e = d + 1; e < before.rank(); ++e) {
      beyond.shape[e] = std::min(before[e], CeilDiv(after[e], cell[e]) * cell[e]);
    }
    COFFER_ASSIGN_OR_RETURN(const IndexTransform transform,
                            IndexTransform::FromBox(before, beyond));
    const ConstView fill(old->chain->chunk().fill_value.data(), old->data_type(), beyond.shape,
                         Strides::Filled(before.rank(), 0));
    COFFER_RETURN_IF_ERROR(
        StartWrite(old, transform, fill, {}, context, StartOn::kCaller).committed.Get());
  }
  return Status();
}

}  // namespace

bool IsInGrid(const StoredArray& stored, const Index& cell) {
  const Shape& grid = stored.grid.grid_shape();
  for (int d = 0; d < grid.rank(); ++d) {
    if (cell[d] >= grid[d]) return false;
  }
  return true;
}

Status ResizeStored(StoredArrayPtr& stored, const Shape& shape, const Context& context) {
  const StoredArrayPtr old = stored;
  if (shape.rank() != old->shape().rank()) {
    return InvalidArgumentError(old->Describe(old->prefix) + ": the array has rank " +
                                std::to_string(old->shape().rank()) + ", the new shape " +
                                ToString(shape));
  }
  COFFER_ASSIGN_OR_RETURN(stored, old->driver->Update(*old, shape, std::nullopt, context));
  bool shrinks = false;
  for (int d = 0; d < shape.rank(); ++d) shrinks = shrinks || shape[d] < old->shape()[d];
  if (!shrinks) return Status();
  const Status deleted = DeleteOutside(*stored);
  const Status cleared = ClearCutCells(old, *stored, context);
  return (deleted.ok() ? cleared : deleted)
      .Annotate("the shape is " + ToString(shape) + " now, but not all outside it is deleted");
}

}  // namespace coffer::inline v0
