// Save, Restore: trees of arrays, saved atomically and durably, restored into the shapes you want.
//
//     checkpoint::Save("file:///runs/7/1000", tree).OrThrow();
//     Tree params = checkpoint::Restore("file:///runs/7/1000",
//         {.target = like, .shape_policy = ShapePolicy::kPadOrTruncate}).OrThrow();
//
// A reader sees a complete checkpoint or none: everything is written and made durable below a
// temporary name, a commit marker last, then one atomic step publishes it (a rename where the store
// has it, else the marker itself).
//
// The on-disk layout of this first version (one zarr v3 array per leaf and one metadata document)
// promises nothing: a later version replaces it by Orbax's.
//
// Thread safety: all functions from any thread. Memory beyond source and destination stays within
// max(budget, largest single task) + 64 MiB.
#ifndef COFFER_CHECKPOINT_CHECKPOINT_H_
#define COFFER_CHECKPOINT_CHECKPOINT_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coffer/array/options.h"
#include "coffer/array/verify.h"
#include "coffer/async/context.h"
#include "coffer/base/export.h"
#include "coffer/base/result.h"
#include "coffer/checkpoint/tree.h"

namespace coffer::inline v0 {

/// What to do where a stored array and its target differ in shape. Applied dimension by dimension;
/// padding is the stored fill value (zero), truncation drops the end.
enum class ShapePolicy { kExact, kPad, kTruncate, kPadOrTruncate };

namespace checkpoint {

struct SaveOptions {
  CodecSpec codec = Zstd(3);
  bool checksum = true;
  int64_t chunk_bytes = MiB(1);   ///< About this much per (inner) chunk.
  int64_t shard_bytes = MiB(32);  ///< About this much per shard; 0: no shards.
  bool overwrite = false;         ///< Replace a checkpoint at this place; else AlreadyExists.
  ProgressFunction on_progress = nullptr;
  CancelToken cancel = {};
  Context context = Context::Default();
};

COFFER_EXPORT Status Save(std::string_view place, const Tree& tree,
                          const SaveOptions& options = {});

/// The wanted shape of a leaf.
struct TargetShape {
  TreePath path;
  Shape shape;
};

struct RestoreOptions {
  /// A tree like the one wanted: its array leaves give shapes (and must have the stored data
  /// types). Leaves it lacks are not read; leaves only it has are NotFound. Unset: all as stored.
  const Tree* target = nullptr;
  /// Other shapes for some leaves, where no whole target is at hand.
  std::vector<TargetShape> shapes = {};
  ShapePolicy shape_policy = ShapePolicy::kExact;
  /// Only leaves below this path (the result keeps the whole way to it).
  TreePath subtree = {};
  /// Only leaves for which this is true; unset: all.
  std::function<bool(const TreePath&)> only = nullptr;
  ProgressFunction on_progress = nullptr;
  CancelToken cancel = {};
  Context context = Context::Default();
};

/// Errors: NotFound (no complete checkpoint there), InvalidArgument showing both shapes where the
/// policy does not allow the difference, DataLoss (also for an absent chunk).
COFFER_EXPORT Result<Tree> Restore(std::string_view place, const RestoreOptions& options = {});

/// One leaf, as stored.
struct LeafInfo {
  TreePath path;
  Tree::Kind kind = Tree::Kind::kNone;
  DataType data_type = DataType::kUint8;  ///< Arrays only, as are the rest.
  Shape shape;
  Shape chunk_shape;
  Shape shard_shape;
  int64_t stored_bytes = 0;
  std::string value;  ///< Scalars and strings: as JSON.
};

struct CheckpointInfo {
  std::string format;       ///< "coffer-first-slice".
  std::string created_at;   ///< ISO 8601, UTC.
  int64_t array_bytes = 0;  ///< Decoded.
  int64_t stored_bytes = 0;
  std::vector<LeafInfo> leaves;
};

/// `sizes`: also list the stored bytes of each leaf.
COFFER_EXPORT Result<CheckpointInfo> Info(std::string_view place, bool sizes = true,
                                          const Context& context = Context::Default());

/// Whether a complete checkpoint is at this place.
COFFER_EXPORT Result<bool> IsCheckpoint(std::string_view place,
                                        const Context& context = Context::Default());

/// Findings of every leaf's array, and of the metadata.
COFFER_EXPORT Result<VerifyReport> Verify(std::string_view place, const VerifyOptions& options = {},
                                          const Context& context = Context::Default());

}  // namespace checkpoint
}  // namespace coffer::inline v0

#endif  // COFFER_CHECKPOINT_CHECKPOINT_H_
