// Bounded compression and decompression in memory: gzip (RFC 1952) and zstd (RFC 8878).
//
// A decompressor fills at most the destination it was given and says so when there is more; what
// the compressed bytes claim about themselves never decides how much memory is taken. Library
// contexts are pooled: at most 16 MiB of them stay idle in the process, none larger than 4 MiB.
//
//     std::vector<std::byte> out(expected);
//     COFFER_ASSIGN_OR_RETURN(size_t size, ZstdDecompress(value, out));
//
// Errors: DataLoss for bytes that are damaged, cut short, too long or not of the format;
// ResourceExhausted if memory for a context is refused; Internal if a bound was too small.
//
// Thread safety: all functions, from any thread.
#ifndef COFFER_SRC_BASE_COMPRESS_H_
#define COFFER_SRC_BASE_COMPRESS_H_

#include <cstddef>
#include <span>

#include "coffer/base/result.h"

namespace coffer::inline v0 {

inline constexpr int kGzipLevelMax = 9;
inline constexpr int kZstdLevelMin = -131072;
inline constexpr int kZstdLevelMax = 22;

/// The largest gzip member that GzipCompress makes of `size` bytes, at any level.
size_t GzipBound(size_t size);
/// Memory that one call holds beside input and output.
size_t GzipCompressMemory();
size_t GzipDecompressMemory();
/// One member, without name and time. Requires 0 <= level <= 9, out.size() >= GzipBound(in.size()).
Result<size_t> GzipCompress(std::span<const std::byte> in, int level, std::span<std::byte> out);
/// One or more members, nothing after them. Returns the decoded size, <= out.size().
Result<size_t> GzipDecompress(std::span<const std::byte> in, std::span<std::byte> out);

struct ZstdOptions {
  int level = 3;  ///< kZstdLevelMin..kZstdLevelMax; 0 means 3.
  bool checksum = false;
};
/// The largest frame that ZstdCompress makes of `size` bytes.
size_t ZstdBound(size_t size);
/// Memory that compressing up to `size` bytes holds: hundreds of MiB at high levels.
size_t ZstdCompressMemory(int level, size_t size);
size_t ZstdDecompressMemory();
/// One frame with its content size. Requires out.size() >= ZstdBound(in.size()).
Result<size_t> ZstdCompress(std::span<const std::byte> in, const ZstdOptions& options,
                            std::span<std::byte> out);
/// Frames, with or without content size, and skippable frames. Returns the decoded size,
/// <= out.size(). No dictionaries, and no formats older than RFC 8878.
Result<size_t> ZstdDecompress(std::span<const std::byte> in, std::span<std::byte> out);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_BASE_COMPRESS_H_
