// Inspecting an array: what is wrong with one stored cell, and with the keys below an array. The
// verifier tells of it, the repairer acts on it.
#ifndef COFFER_SRC_ARRAY_INSPECT_H_
#define COFFER_SRC_ARRAY_INSPECT_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "coffer/array/array.h"
#include "coffer/array/driver.h"
#include "coffer/array/group.h"
#include "coffer/array/repair.h"
#include "coffer/array/verify.h"
#include "src/array/survey.h"
#include "src/codec/shard_layout.h"

namespace coffer::inline v0 {

/// The disjoint parts of `box` that lie beyond an array of this shape.
std::vector<Box> PartsBeyond(const Shape& shape, const Box& box);

/// What is wrong with the value of one cell, all of one generation.
struct CellFaults {
  bool is_value = true;   // False: there is something else, such as a FIFO; `damage` says what.
  Generation generation;  // Of what was judged. Missing(): it is not there (any more).
  Status damage;          // The value as a whole cannot be read.
  std::vector<int64_t> bad_chunks;  // Inner chunks of a shard that cannot be read or decoded.
  Status bad_chunk;                 // Why the first of them.
  Status unsupported;        // Why the value, or the first such chunk of it, cannot be judged.
  std::string shard_shape;   // What is wrong with a shard's shape; "" if nothing.
  bool beyond_edge = false;  // Sound chunks hold elements beyond the array's edge.
  ShardIndex entries;        // Of a shard whose index can be read.

  bool any() const {
    return !damage.ok() || !bad_chunks.empty() || !shard_shape.empty() || beyond_edge ||
           !unsupported.ok();
  }
  /// As findings of this key.
  std::vector<VerifyReport::Finding> Findings(const std::string& described) const;
};

/// Counted while cells are inspected; from any thread.
struct InspectCounts {
  std::atomic<int64_t> chunks{0};
  std::atomic<int64_t> unchecked{0};  // Without a checksum.
  std::atomic<int64_t> bytes{0};      // Decoded.
};

class CellInspector {
 public:
  /// All must outlive it.
  CellInspector(const StoredArray& stored, const Context& context, bool deep, CancelToken cancel)
      : stored_(stored), context_(context), deep_(deep), cancel_(std::move(cancel)) {}

  /// `size` is that of the listing. Errors: the store's; damage is a fault, not an error. Thread
  /// safe.
  Result<CellFaults> Inspect(const std::string& key, const Index& cell, int64_t size);
  const InspectCounts& counts() const { return counts_; }

 private:
  Result<CellFaults> InspectChunk(const std::string& key, const Index& cell, int64_t size);
  Result<CellFaults> InspectShard(const std::string& key, const Index& cell);
  Result<bool> InspectShardOnce(const std::string& key, const Index& cell, CellFaults& faults);
  Result<bool> InspectShortShard(const std::string& key, const Status& read, CellFaults& faults);
  Result<bool> DecodeAll(const std::string& key, const Index& cell, CellFaults& faults);
  void JudgeEntries(int64_t total_size, CellFaults& faults) const;
  Result<bool> Decode(const CodecChain& chain, const Box& box, std::span<const std::byte> encoded);

  const StoredArray& stored_;
  const Context context_;
  const bool deep_;
  const CancelToken cancel_;
  InspectCounts counts_;
};

/// What is done about what an ArrayInspector finds.
class InspectionSink {
 public:
  virtual ~InspectionSink() = default;
  /// Faults of a cell of the grid. From several threads.
  virtual Status OnCell(const std::string& key, const Index& cell, CellFaults faults) = 0;
  /// Cells outside the grid, or foreign keys: those of one page. From one thread.
  virtual Status OnKeys(FindingKind kind, const std::vector<std::string>& keys) = 0;
  /// Something of its own inside the array, with so many keys.
  virtual Status OnInnerNode(const std::string& prefix, int64_t keys) = 0;
};

struct InspectOptions {
  bool deep = false;
  ProgressFunction on_progress = nullptr;
  CancelToken cancel = {};
  PlaceProbe probe = nullptr;
  /// Where the store cannot list, look for every cell of the grid instead; else that is an error.
  bool without_list = false;
  /// If not null: takes how many cells were not found so.
  int64_t* missing = nullptr;
};

/// Inspects every key below the array's prefix.
Status InspectArray(const Array& array, const InspectOptions& options, CellInspector& cells,
                    InspectionSink& sink);

/// VerifyArray and RepairArray for callers that know of things this layer does not, and that look
/// for debris themselves where `debris` is false. `checkpoint`: the array is a leaf, whose chunks
/// are never dropped.
struct ArrayCheckOptions {
  PlaceProbe probe = nullptr;
  LinksPtr links = nullptr;  // Null: those below the array alone.
  bool debris = true;
  bool checkpoint = false;
  int64_t* missing = nullptr;  // As of InspectOptions.
};
/// Each adds what it found or did to the report, also if it fails midway.
Status VerifyArrayInto(const Array& array, const VerifyOptions& options,
                       const ArrayCheckOptions& check, VerifyReport& report);
Status RepairArrayInto(const Array& array, const RepairOptions& options,
                       const ArrayCheckOptions& check, RepairReport& report);
/// The report of what ended so; after an error it goes to options.on_error.
Result<VerifyReport> FinishVerify(const Status& status, VerifyReport report,
                                  const VerifyOptions& options);
Result<RepairReport> FinishRepair(const Status& status, RepairReport report,
                                  const RepairOptions& options);

/// The first key below an array's prefix that is not its own: neither a document of a node there
/// nor one of its chunks, be they outside its shape; "" if there is none. `array`: nullptr if it
/// cannot be opened, and so its chunks are not known. Looks at one page of keys after the other.
Result<std::string> FirstStranger(const Place& place, const Array* array, const Context& context);

/// What dead writers left below a prefix, as findings; a repair (unless options.dry_run) removes
/// it.
Status VerifyDebris(KvStore& store, const std::string& prefix, VerifyReport& report);
Status RepairDebris(KvStore& store, const std::string& prefix, const RepairOptions& options,
                    RepairReport& report);

/// A verdict on each of these keys, by what the store tells now.
using ForeignJudge =
    std::function<Result<std::vector<ForeignVerdict>>(const std::vector<std::string>& keys)>;
/// Deletes foreign keys, those of one page of a listing, or leaves them, as the options say.
Status RepairForeign(KvStore& store, const std::vector<std::string>& keys, std::string_view reason,
                     const ForeignJudge& judge, const RepairOptions& options, RepairReport& report);

/// Texts of findings.
inline constexpr std::string_view kOutsideReason = "orphan: a chunk outside the array's shape";
inline constexpr std::string_view kForeignInArray = "orphan: no key of this array's";
/// Why repairs leave things.
inline constexpr std::string_view kInnerNodeLeft = "it may be wanted; delete it by itself if not";
std::string InnerNodeReason(int64_t keys, std::string_view inside);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_ARRAY_INSPECT_H_
