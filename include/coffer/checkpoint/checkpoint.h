// Save, Restore, Copy: trees of arrays, saved atomically and durably, restored into the shapes you
// want.
//
//     checkpoint::Save("file:///runs/7/1000", tree).OrThrow();
//     Tree params = checkpoint::Restore("file:///runs/7/1000",
//         {.target = like, .shape_policy = ShapePolicy::kPadOrTruncate}).OrThrow();
//
// A reader sees a complete checkpoint or none: everything is written and made durable below a
// temporary name, a commit marker last, then one atomic step publishes it (a rename where the store
// has it, else the marker itself). A save that was killed leaves debris that is never read: a
// neighbour named "<name>.coffer-tmp-<16 digits>", or a data directory that no marker names.
//
// A place is a URL, a plain path or a store's JSON spec, as for OpenKvStore, adapters included
// ("x.zip|zip:a/", which can only be read); or an open store and a prefix of it ("" or ending with
// "/"). Where a store cannot list its keys (plain HTTP), what the document names is read.
//
// The on-disk layout of this first version (one zarr v3 array per leaf and one metadata document)
// promises nothing: a later version replaces it by Orbax's.
//
// Thread safety: all functions from any thread. Memory beyond source and destination stays within
// max(budget, largest single task) + 64 MiB, and what the metadata takes (about 1 KiB a leaf).
#ifndef COFFER_CHECKPOINT_CHECKPOINT_H_
#define COFFER_CHECKPOINT_CHECKPOINT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "coffer/array/options.h"
#include "coffer/array/verify.h"
#include "coffer/async/context.h"
#include "coffer/base/export.h"
#include "coffer/base/result.h"
#include "coffer/checkpoint/tree.h"
#include "coffer/kvstore/kvstore.h"

namespace coffer::inline v0 {

struct CheckpointPlace;
struct StoredCheckpoint;

/// What to do where a stored array and its target differ in shape. Applied dimension by dimension;
/// padding is the stored fill value (zero), truncation drops the end.
enum class ShapePolicy { kExact, kPad, kTruncate, kPadOrTruncate };

namespace checkpoint {

struct SaveOptions {
  CodecSpec codec = Zstd(3);
  bool checksum = true;
  int64_t chunk_bytes = MiB(1);   ///< About this much per (inner) chunk.
  int64_t shard_bytes = MiB(32);  ///< About this much per shard; 0: no shards.
  /// Replace a checkpoint at this place, in one step, then delete the old one (a reader that is at
  /// it gets an error); else AlreadyExists.
  bool overwrite = false;
  ProgressFunction on_progress = nullptr;
  CancelToken cancel = {};
  Context context = Context::Default();
};

/// Encodes from the tree's memory; copies nothing. Returns when the checkpoint is durable, where
/// the store is.
///
/// Errors: InvalidArgument (a tree nested deeper than kTreeDepthMax or of more than 10^6 leaves,
/// names or strings that are not UTF-8), AlreadyExists (without `overwrite`: a checkpoint; in any
/// case: something else at the place), Aborted (with `overwrite`: another save came first),
/// FailedPrecondition (the store has neither renames nor conditional writes), Cancelled, the
/// store's own. After an error nothing of this save is there, or (where the last step's outcome is
/// unknown, as the error says) all of it.
COFFER_EXPORT Status Save(std::string_view place, const Tree& tree,
                          const SaveOptions& options = {});
COFFER_EXPORT Status Save(KvStorePtr store, std::string prefix, const Tree& tree,
                          const SaveOptions& options = {});

/// The wanted shape of a leaf.
struct TargetShape {
  TreePath path;
  Shape shape;
};

struct RestoreOptions {
  /// A tree like the one wanted: its array leaves give shapes (and must have the stored data
  /// types), its other leaves kinds; a none takes whatever is stored. Leaves it lacks are not read;
  /// leaves only it has are NotFound. Unset: all as stored.
  const Tree* target = nullptr;
  /// Other shapes for some array leaves, where no whole target is at hand.
  std::vector<TargetShape> shapes = {};
  ShapePolicy shape_policy = ShapePolicy::kExact;
  /// Only leaves below this path. What is left out is none in a list (so that indexes stay) and
  /// absent from a dict.
  TreePath subtree = {};
  /// Only leaves for which this is true; unset: all.
  std::function<bool(const TreePath&)> only = nullptr;
  ProgressFunction on_progress = nullptr;
  CancelToken cancel = {};
  Context context = Context::Default();
};

/// Errors: NotFound (no complete checkpoint there, or a path that it does not have),
/// InvalidArgument (showing both shapes where the policy does not allow the difference, both data
/// types, both kinds), DataLoss (also for an absent chunk), Aborted (replaced or deleted while it
/// was read). All but the last two come before any array is read.
COFFER_EXPORT Result<Tree> Restore(std::string_view place, const RestoreOptions& options = {});
COFFER_EXPORT Result<Tree> Restore(KvStorePtr store, std::string prefix,
                                   const RestoreOptions& options = {});

/// One leaf, as stored.
struct LeafInfo {
  TreePath path;
  Tree::Kind kind = Tree::Kind::kNone;
  DataType data_type = DataType::kUint8;  ///< Arrays only, as are the rest.
  Shape shape;
  Shape chunk_shape;
  Shape shard_shape;         ///< Rank 0: no shards.
  int64_t stored_bytes = 0;  ///< -1: not known, since the store cannot list its keys.
  std::string value;         ///< Scalars and strings: as JSON.
};

struct CheckpointInfo {
  std::string format;        ///< "coffer-first-slice".
  std::string created_at;    ///< ISO 8601, UTC.
  int64_t array_bytes = 0;   ///< Decoded.
  int64_t stored_bytes = 0;  ///< -1: as of a leaf.
  std::vector<LeafInfo> leaves;
};

/// `sizes`: also list the stored bytes, of each leaf and (with metadata) of all, where the store
/// can list. Errors as Restore.
COFFER_EXPORT Result<CheckpointInfo> Info(std::string_view place, bool sizes = true,
                                          const Context& context = Context::Default());

COFFER_EXPORT Result<CheckpointInfo> Info(KvStorePtr store, std::string prefix, bool sizes = true);

/// A checkpoint opened once, whose metadata is read once, for whoever restores it part by part:
/// every part is of this one. Replaced or deleted meanwhile, Restore fails with Aborted; it never
/// reads of another.
class COFFER_EXPORT Reader {
 public:
  /// Errors: NotFound (no complete checkpoint there), DataLoss, the store's own.
  static Result<Reader> Open(std::string_view place, const Context& context = Context::Default());
  static Result<Reader> Open(KvStorePtr store, std::string prefix);

  /// Errors as the function of that name.
  Result<Tree> Restore(const RestoreOptions& options = {}) const;
  Result<CheckpointInfo> Info(bool sizes = true) const;

 private:
  static Result<Reader> OpenAt(const CheckpointPlace& place);
  explicit Reader(std::shared_ptr<const StoredCheckpoint> stored) : stored_(std::move(stored)) {}

  std::shared_ptr<const StoredCheckpoint> stored_;
};

struct CopyOptions {
  ProgressFunction on_progress = nullptr;
  CancelToken cancel = {};
  Context context = Context::Default();
};

/// Copies a checkpoint as it is, between any two stores, and returns how many bytes it copied.
/// Published as a save is: readers of the destination see the whole copy or none, and of several
/// copies to one place exactly one succeeds. What does not belong to the checkpoint is not copied.
///
/// Errors: as Save without `overwrite`; of the source NotFound (no complete checkpoint there),
/// DataLoss, Aborted (it was replaced or deleted meanwhile).
COFFER_EXPORT Result<int64_t> Copy(std::string_view source, std::string_view destination,
                                   const CopyOptions& options = {});
COFFER_EXPORT Result<int64_t> Copy(KvStorePtr source, std::string source_prefix,
                                   KvStorePtr destination, std::string destination_prefix,
                                   const CopyOptions& options = {});

/// Whether a complete checkpoint is at this place. Reads the marker only; DataLoss if it is
/// damaged.
COFFER_EXPORT Result<bool> IsCheckpoint(std::string_view place,
                                        const Context& context = Context::Default());

COFFER_EXPORT Result<bool> IsCheckpoint(KvStorePtr store, std::string prefix);

/// Findings of the metadata, of every leaf's array, and of keys that belong to neither (unless the
/// report says `unlisted`). Errors: NotFound (no complete checkpoint there), the store's own.
COFFER_EXPORT Result<VerifyReport> Verify(std::string_view place, const VerifyOptions& options = {},
                                          const Context& context = Context::Default());
COFFER_EXPORT Result<VerifyReport> Verify(KvStorePtr store, std::string prefix,
                                          const VerifyOptions& options = {},
                                          const Context& context = Context::Default());

}  // namespace checkpoint
}  // namespace coffer::inline v0

#endif  // COFFER_CHECKPOINT_CHECKPOINT_H_
