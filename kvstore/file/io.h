// Whole transfers over calls that may come short.
#ifndef COFFER_KVSTORE_FILE_IO_H_
#define COFFER_KVSTORE_FILE_IO_H_

#include <sys/uio.h>

#include <cstdint>
#include <span>
#include <vector>

#include "coffer/base/bytes.h"
#include "src/base/platform_file.h"

namespace coffer::inline v0 {

/// Writes all pieces at the file's position. Returns 0 or -errno.
int WriteAll(FileOps& ops, int file, std::span<const Bytes> pieces);

/// Writes the first `size` bytes of one file at another's position. Returns 0 or -errno.
int CopyAll(FileOps& ops, int from, int64_t size, int to);

/// Fills the pieces from `offset` on. Returns how many bytes came before the file's end, or -errno.
int64_t ReadAll(FileOps& ops, int file, std::vector<iovec> pieces, int64_t offset);

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_FILE_IO_H_
