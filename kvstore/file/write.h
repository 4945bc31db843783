// Writes and deletes of the file store.
#ifndef COFFER_KVSTORE_FILE_WRITE_H_
#define COFFER_KVSTORE_FILE_WRITE_H_

#include <memory>
#include <optional>
#include <string>

#include "coffer/async/future.h"
#include "coffer/kvstore/kvstore.h"
#include "kvstore/file/root.h"

namespace coffer::inline v0 {

/// KvStore::Write. The bytes are the kernel's when this returns, unless another writer of the key
/// is under way, here or in another process: then they are held until its turn.
Future<WriteResult> WriteFileValue(std::shared_ptr<const FileRoot> root, std::string key,
                                   std::optional<BytesChain> value, WriteOptions options);

/// The same for a delete whose directory somebody else will sync.
Future<WriteResult> DeleteFileValueUnsynced(std::shared_ptr<const FileRoot> root, std::string key);

/// Publishes a value that has been streamed into the file `name` of CreateTemporary().
Future<WriteResult> PublishFileStream(std::shared_ptr<const FileRoot> root, std::string key,
                                      WriteOptions options, KeyPlace place, File file,
                                      std::string name);

/// KvStore::OpenWriter.
Result<std::unique_ptr<KvWriter>> OpenFileWriter(std::shared_ptr<const FileRoot> root,
                                                 std::string key, WriteOptions options);

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_FILE_WRITE_H_
