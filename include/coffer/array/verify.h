// VerifyArray: what is wrong with an array's stored bytes.
//
// Without `deep`: metadata, names of the stored keys, shard indexes. Deep: every stored chunk is
// read and decoded. Findings are values, not errors: an error means that verifying failed.
#ifndef COFFER_ARRAY_VERIFY_H_
#define COFFER_ARRAY_VERIFY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "coffer/array/array.h"
#include "coffer/base/export.h"
#include "coffer/base/result.h"

namespace coffer::inline v0 {

struct VerifyOptions {
  bool deep = false;
  ProgressFunction on_progress = nullptr;
  CancelToken cancel = {};
};

struct VerifyReport {
  struct Finding {
    std::string key;     ///< As the store describes it.
    std::string reason;  ///< "DataLoss: ..." or "orphan: ...".
  };
  std::vector<Finding> findings;  ///< At most 1,000; `num_findings` counts all.
  int64_t num_findings = 0;
  int64_t chunks_checked = 0;
  /// Chunks whose layout has no checksum: read, but an altered bit may go unnoticed.
  int64_t chunks_unchecked = 0;
  int64_t bytes_checked = 0;
};

COFFER_EXPORT Result<VerifyReport> VerifyArray(const Array& array,
                                               const VerifyOptions& options = {});

}  // namespace coffer::inline v0

#endif  // COFFER_ARRAY_VERIFY_H_
