#include "src/kvstore/coalesce.h"

#include <algorithm>

#include "coffer/base/checked.h"

namespace coffer::inline v0 {

std::vector<CoalescedRange> Coalesce(std::span<const ByteRange> ranges, int64_t gap_bytes,
                                     int64_t size_max_bytes) {
  std::vector<size_t> order;
  std::vector<CoalescedRange> fetches;
  for (size_t i = 0; i < ranges.size(); ++i) {
    const bool joinable = ranges[i].begin >= 0 && ranges[i].end >= ranges[i].begin;
    if (joinable) {
      order.push_back(i);
    } else {
      fetches.push_back({ranges[i], {i}});
    }
  }
  std::sort(order.begin(), order.end(), [&ranges](size_t a, size_t b) {
    return ranges[a].begin != ranges[b].begin ? ranges[a].begin < ranges[b].begin : a < b;
  });
  const size_t first_joined = fetches.size();
  for (size_t i : order) {
    const ByteRange& range = ranges[i];
    if (fetches.size() > first_joined) {
      CoalescedRange& last = fetches.back();
      const int64_t end = std::max(last.range.end, range.end);
      const bool near = CheckedSub(range.begin, last.range.end).value_or(INT64_MAX) <= gap_bytes;
      if (near && end - last.range.begin <= size_max_bytes) {
        last.range.end = end;
        last.members.push_back(i);
        continue;
      }
    }
    fetches.push_back({range, {i}});
  }
  return fetches;
}

}  // namespace coffer::inline v0
