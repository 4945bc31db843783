// Coalesce: which byte ranges of one value to fetch together.
#ifndef COFFER_SRC_KVSTORE_COALESCE_H_
#define COFFER_SRC_KVSTORE_COALESCE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "coffer/kvstore/kvstore.h"

namespace coffer::inline v0 {

/// One fetch, and the indexes of the ranges that lie in it.
struct CoalescedRange {
  ByteRange range;
  std::vector<size_t> members;
};

/// Sorts ranges by start and joins neighbours whose gap is at most `gap_bytes`, until a fetch would
/// have more than `size_max_bytes`; a single range may have more. Ranges that overlap are joined by
/// the same rule. Only ranges of known begin and end are joined; others are fetched by themselves.
std::vector<CoalescedRange> Coalesce(std::span<const ByteRange> ranges, int64_t gap_bytes,
                                     int64_t size_max_bytes);

/// All ranges by one fetch that covers them, whatever lies between: for stores that tell no
/// generation by which several could be known to be of one value.
Future<ReadRangesResult> ReadCovering(KvStore& store, const std::string& key,
                                      std::vector<ByteRange> ranges, ReadOptions options);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_KVSTORE_COALESCE_H_
