// VerifyArray: what is wrong with an array's stored bytes.
//
// Without `deep`: names of the stored keys, sizes, shard indexes and the shape of shards, what dead
// writers left. Deep: every stored chunk is read and decoded, too, and looked at beyond the array's
// edge. Findings are values, not errors: an error means that verifying failed. RepairArray
// (repair.h) mends what can be mended; VerifyPlace (coffer/checkpoint/repair.h) verifies whatever
// stands at a place, groups with all below them included.
#ifndef COFFER_ARRAY_VERIFY_H_
#define COFFER_ARRAY_VERIFY_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "coffer/array/array.h"
#include "coffer/base/export.h"
#include "coffer/base/result.h"

namespace coffer::inline v0 {

struct VerifyReport;

struct VerifyOptions {
  bool deep = false;
  ProgressFunction on_progress = nullptr;
  CancelToken cancel = {};
  /// If not null: takes what had been found when an error ended the verifying.
  VerifyReport* on_error = nullptr;
};

enum class FindingKind {
  kDamaged,     ///< A value, or inner chunks of a shard, that cannot be read or decoded.
  kMetadata,    ///< A document that cannot be read, and with it what hangs on it.
  kMissing,     ///< What a checkpoint says is there, and is not.
  kOutside,     ///< A chunk outside the array's shape.
  kBeyondEdge,  ///< A chunk that holds elements beyond the edge, which growing would show.
  kShardShape,  ///< A shard that holds bytes of no chunk, or chunks that share bytes.
  kForeign,     ///< A key that belongs to no node here.
  kInnerNode,   ///< An array, group or checkpoint inside an array or checkpoint, with all its keys.
  kUnfinished,  ///< What a save that did not finish, or has not yet, wrote.
  kDebris,      ///< Locks and unfinished values of dead writers. No key; no reader sees them.
  kUnsupported,  ///< A node or chunk that may be sound, but that this program cannot read.
};
/// "damaged", "metadata", "missing", "outside", "beyond-edge", "shard-shape", "foreign",
/// "inner-node", "unfinished", "debris", "unsupported".
COFFER_EXPORT std::string_view FindingKindName(FindingKind kind);

struct VerifyReport {
  struct Finding {
    FindingKind kind = FindingKind::kDamaged;
    /// As the store describes it; a prefix (ending with "/") stands for all below.
    std::string key;
    std::string reason;  ///< "DataLoss: ...", "orphan: ...", "debris: ...", for people.
    friend bool operator==(const Finding&, const Finding&) = default;
  };
  std::vector<Finding> findings;  ///< At most 1,000, sorted by key; `num_findings` counts all.
  int64_t num_findings = 0;
  /// What could not be checked, all of kUnsupported and none of it wrong: not in `findings`. As
  /// above: at most 1,000, sorted.
  std::vector<Finding> unsupported;
  int64_t num_unsupported = 0;
  int64_t chunks_checked = 0;
  /// Chunks that no checksum covers, nor one of their compressor's own: read, but an altered bit
  /// may go unnoticed.
  int64_t chunks_unchecked = 0;
  int64_t bytes_checked = 0;
  /// The store cannot list its keys (plain HTTP): what the documents name was looked for, key by
  /// key, and nothing is known of what else may be there.
  bool unlisted = false;
};

COFFER_EXPORT Result<VerifyReport> VerifyArray(const Array& array,
                                               const VerifyOptions& options = {});

}  // namespace coffer::inline v0

#endif  // COFFER_ARRAY_VERIFY_H_
