// KvStore::OpenWriter of the file store: a value that grows in a file of its own.
#ifndef COFFER_KVSTORE_FILE_STREAM_H_
#define COFFER_KVSTORE_FILE_STREAM_H_

#include <cstdint>
#include <memory>
#include <string>

#include "coffer/base/checked.h"
#include "coffer/kvstore/kvstore.h"
#include "kvstore/file/root.h"

namespace coffer::inline v0 {

/// What a stream holds with FileStoreOptions::direct_streams.
inline constexpr int64_t kDirectStreamBytes = MiB(4);

/// `place` and `file` are of CreateTemporary(), as is the file's `name`.
std::unique_ptr<KvWriter> MakeFileWriter(std::shared_ptr<const FileRoot> root, std::string key,
                                         WriteOptions options, KeyPlace place, File file,
                                         std::string name);

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_FILE_STREAM_H_
