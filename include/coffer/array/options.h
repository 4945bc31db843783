// Options of arrays: how they are laid out, opened, read and written.
#ifndef COFFER_ARRAY_OPTIONS_H_
#define COFFER_ARRAY_OPTIONS_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "coffer/async/cancel.h"
#include "coffer/async/context.h"
#include "coffer/base/data_type.h"
#include "coffer/codec/codec.h"
#include "coffer/nd/shape.h"

namespace coffer::inline v0 {

/// The less common half of CreateOptions.
struct FormatOptions {
  /// A JSON value as the format spells it ("0", "\"NaN\"", "[1, 0]"); "" is zero (false).
  std::string fill_value = {};
  /// Adds crc32c as the last codec of each (inner) chunk, so that no altered bit goes unnoticed.
  bool checksum = true;
  /// One per dimension, or none at all.
  std::vector<std::optional<std::string>> dimension_names = {};
  /// Stored as attribute "dimension_units", as TensorStore does; one per dimension, or none.
  std::vector<std::optional<std::string>> dimension_units = {};
  /// The whole codec list as the format's JSON, instead of `codec`, `checksum` and `shard_shape`.
  /// Of zarr2: an object with .zarray's members "compressor", "order", "dtype".
  std::string codecs = {};
  /// "default" or "v2", and its separator "/" or ".". Zarr2 has "v2" alone; its default is ".".
  std::string chunk_key_encoding = "default";
  char chunk_key_separator = '/';
  /// Replace what is at this place, if anything; otherwise creating over a node is AlreadyExists.
  bool delete_existing = false;
};

struct CreateOptions {
  Shape shape = {};
  DataType data_type = DataType::kUint8;
  Shape chunk_shape = {};  ///< Rank 0 for an array of higher rank: chosen, about 1 MiB.
  Shape shard_shape = {};  ///< Rank 0: no shards. A multiple of chunk_shape in each dimension.
  CodecSpec codec = Zstd(3);
  std::string attributes = {};  ///< JSON object text; "" for none.
  FormatOptions format = {};
  Context context = Context::Default();
};

/// How old an answer of the context's caches may be that is used without asking the store. Age is
/// counted from the moment at which the store was asked. 0, the default: "as of this call", the
/// store is asked (what it says is unchanged is not fetched again). Whatever this context has
/// written through arrays and groups in the meantime is seen at once, whatever the bound; what
/// others write, or who writes to the store itself or by another name of the same place, is seen
/// when the bound has passed. Answers of stores that tell no generations are not kept.
using MaxStaleness = std::chrono::nanoseconds;

/// Whether a group is opened with the documents of the nodes below it, where it keeps them
/// ("consolidated metadata": Zarr v2's .zmetadata, Zarr v3's inline member). List, OpenArray and
/// OpenGroup then neither list nor read the store. It is a snapshot, as old as whoever wrote it
/// made it: nodes that were made, deleted or changed since are shown as they were, coffer's own
/// changes included, which never touch it.
enum class Consolidated {
  kNever,  ///< What is stored decides.
  kAuto,   ///< The snapshot, where there is one.
  kMust,   ///< NotFound where there is none.
};

struct OpenOptions {
  Context context = Context::Default();
  MaxStaleness max_staleness{0};                     ///< Of metadata.
  Consolidated consolidated = Consolidated::kNever;  ///< Of groups.
};

/// Bytes of the destination or source done so far, of all. Called from several threads, but never
/// at the same time for one operation; keep it short.
using ProgressFunction = std::function<void(int64_t done_bytes, int64_t all_bytes)>;

struct ArrayReadOptions {
  enum class Missing { kFill, kError };
  /// What a chunk that was never written is: the fill value, or NotFound naming its key.
  Missing missing = Missing::kFill;
  ProgressFunction on_progress = nullptr;
  CancelToken cancel = {};
  /// Set by code that runs inside a task of its own: draws on it, on the calling thread.
  Reservation* reservation = nullptr;
  MaxStaleness max_staleness{0};  ///< Of chunks and shard indexes.
};

struct ArrayWriteOptions {
  /// Also store chunks in which every element is the fill value (default: they are deleted).
  bool store_fill_chunks = false;
  ProgressFunction on_progress = nullptr;
  CancelToken cancel = {};
  Reservation* reservation = nullptr;  ///< As above.
  /// Nobody else writes to this array or resizes it meanwhile (it is new, say): chunks at its edge
  /// are then written without a look at what is there, and the shape is not looked at again.
  bool exclusive = false;
};

}  // namespace coffer::inline v0

#endif  // COFFER_ARRAY_OPTIONS_H_
