// The file store's entry for the table of stores, and its door for tests. Its public function is in
// coffer/kvstore/stores.h.
#ifndef COFFER_KVSTORE_FILE_FILE_H_
#define COFFER_KVSTORE_FILE_FILE_H_

#include <string_view>

#include "coffer/kvstore/store_table.h"
#include "coffer/kvstore/stores.h"
#include "src/base/platform_file.h"

namespace coffer::inline v0 {

/// "file:///path", plain paths, and {"driver": "file", "path": "/path", ...}.
StoreDriver FileStoreDriver();

/// MakeFileStore with other system calls than the real ones; `ops` must outlive the context.
Result<KvStorePtr> MakeFileStore(std::string_view path, const FileStoreOptions& options,
                                 const Context& context, FileOps& ops);

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_FILE_FILE_H_
