// Bounded compression and decompression in memory: gzip (RFC 1952), zlib (RFC 1950), bare deflate
// (RFC 1951), zstd (RFC 8878), bzip2, LZ4 blocks behind their size, and what liblzma writes.
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
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

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

/// One zlib stream. Level, bound and memory as for gzip.
size_t ZlibBound(size_t size);
Result<size_t> ZlibCompress(std::span<const std::byte> in, int level, std::span<std::byte> out);
/// One stream, nothing after it. Returns the decoded size, <= out.size().
Result<size_t> ZlibDecompress(std::span<const std::byte> in, std::span<std::byte> out);

/// Deflate data as zip archives have it, without header and checksum: one stream, nothing after it.
/// Memory as for gzip. Returns the decoded size, <= out.size().
Result<size_t> DeflateDecompress(std::span<const std::byte> in, std::span<std::byte> out);
/// The checksum of gzip and zip. Crc32("123456789") = 0xcbf43926.
uint32_t Crc32(std::span<const std::byte> bytes);

struct ZstdOptions {
  int level = 3;  ///< kZstdLevelMin..kZstdLevelMax; 0 means 3.
  bool checksum = false;
};
/// The largest frame that ZstdCompress makes of `size` bytes.
size_t ZstdBound(size_t size);
/// Memory that compressing up to `size` bytes holds: hundreds of MiB at high levels.
size_t ZstdCompressMemory(int level, size_t size);
size_t ZstdDecompressMemory();
/// Whether every frame ends with a checksum of what it decodes to.
bool ZstdHasChecksum(std::span<const std::byte> in);
/// One frame with its content size. Requires out.size() >= ZstdBound(in.size()).
Result<size_t> ZstdCompress(std::span<const std::byte> in, const ZstdOptions& options,
                            std::span<std::byte> out);
/// What ZstdDecompressPieces() holds beside input and piece for bytes that begin with `head` (all
/// of them if `whole`, else at least their first 18); nullopt if these are not one frame that says
/// that it holds `size` bytes, with a window of at most 2 MiB. If not `whole`, what follows is
/// taken to be as it should.
std::optional<size_t> ZstdPiecesMemory(std::span<const std::byte> head, size_t size, bool whole);
/// Decodes one frame into `piece`, again and again, and gives it to `take` whenever it is full, and
/// at the end. Returns the decoded size; as much as was taken if `take` returns false, which ends
/// it there: what follows is not looked at.
using TakePiece = std::function<Result<bool>(std::span<const std::byte> piece)>;
Result<size_t> ZstdDecompressPieces(std::span<const std::byte> in, std::span<std::byte> piece,
                                    const TakePiece& take);
/// Frames, with or without content size, and skippable frames. Returns the decoded size,
/// <= out.size(). No dictionaries, and no formats older than RFC 8878.
Result<size_t> ZstdDecompress(std::span<const std::byte> in, std::span<std::byte> out);

inline constexpr size_t kLz4SizeMax = 0x7e000000;  ///< Of what Lz4Compress is given.
/// The decoded size in 4 bytes, little-endian, then one LZ4 block: how numcodecs keeps LZ4.
size_t Lz4Bound(size_t size);
size_t Lz4CompressMemory();
/// Requires in.size() <= kLz4SizeMax, out.size() >= Lz4Bound(in.size()).
Result<size_t> Lz4Compress(std::span<const std::byte> in, int acceleration,
                           std::span<std::byte> out);
/// The size is compared with out.size() before anything is decoded. Returns it.
Result<size_t> Lz4Decompress(std::span<const std::byte> in, std::span<std::byte> out);

inline constexpr int kBzip2LevelMax = 9;
size_t Bzip2Bound(size_t size);
size_t Bzip2CompressMemory(int level);
size_t Bzip2DecompressMemory();
/// One stream. Requires 1 <= level <= 9, out.size() >= Bzip2Bound(in.size()).
Result<size_t> Bzip2Compress(std::span<const std::byte> in, int level, std::span<std::byte> out);
/// One or more streams, nothing after them. Returns the decoded size, <= out.size().
Result<size_t> Bzip2Decompress(std::span<const std::byte> in, std::span<std::byte> out);

/// One step of liblzma's filter chain, with liblzma's numbers.
struct LzmaFilter {
  uint64_t id = 0;
  uint32_t preset = 6;  ///< What the members below are where they are not given.
  std::optional<uint32_t> dict_size, lc, lp, pb, mode, nice_len, mf, depth;  ///< LZMA1, LZMA2.
  uint32_t distance = 1;                                                     ///< Delta.
  uint32_t start_offset = 0;  ///< Branch filters (x86, ARM, ...).
};
struct LzmaOptions {
  enum class Container { kXz, kAlone, kRaw };
  Container container = Container::kXz;
  int check = -1;                   ///< Of .xz, by liblzma's number; -1: CRC64.
  uint32_t preset = 6;              ///< Where there are no filters.
  std::vector<LzmaFilter> filters;  ///< Required by kRaw.
};
/// No decompressor holds more; options that need more are refused.
inline constexpr size_t kLzmaDecompressMemoryMax = size_t{256} << 20;
/// Errors: InvalidArgument for options that liblzma refuses; Unimplemented for those that decode
/// in more than kLzmaDecompressMemoryMax. The functions below require that this is OK.
Status CheckLzmaOptions(const LzmaOptions& options);
size_t LzmaBound(size_t size);
size_t LzmaCompressMemory(const LzmaOptions& options, size_t size);
/// What the options need, and at least what the default preset does: streams that need more are
/// Unimplemented. What an .lzma stream claims counts only up to the size of what it decodes to.
size_t LzmaDecompressMemory(const LzmaOptions& options);
/// Whether the (first) stream has a check, which .xz may have, of what it decodes to.
bool LzmaHasChecksum(std::span<const std::byte> in, const LzmaOptions& options);
/// One stream. Requires out.size() >= LzmaBound(in.size()).
Result<size_t> LzmaCompress(std::span<const std::byte> in, const LzmaOptions& options,
                            std::span<std::byte> out);
/// One stream, of kXz one or more, nothing after them. Returns the decoded size, <= out.size().
Result<size_t> LzmaDecompress(std::span<const std::byte> in, const LzmaOptions& options,
                              std::span<std::byte> out);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_BASE_COMPRESS_H_
