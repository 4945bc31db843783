// What writers leave in a file store when they die: locks, and values that were never published.
#ifndef COFFER_KVSTORE_FILE_DEBRIS_H_
#define COFFER_KVSTORE_FILE_DEBRIS_H_

#include <vector>

#include "coffer/kvstore/kvstore.h"
#include "kvstore/file/root.h"

namespace coffer::inline v0 {

/// KvStore::ClearDebris.
Result<std::vector<Debris>> ClearFileDebris(const FileRoot& root, KeyRange range,
                                            const ClearDebrisOptions& options);

/// Removes the locks and temporaries in one directory that nobody holds, as far as it can: none
/// where holders cannot be told (Locking::kNone).
void RemoveDeadFiles(const FileRoot& root, const File& directory);

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_FILE_DEBRIS_H_
