// How memory stays bounded:
// 1. Everything is done in one call on whole buffers, so neither library needs a window or output
//    buffer of its own; a zstd frame that asks for a window of gigabytes gets none. Only what is
//    decoded in pieces has one, which ZstdPiecesMemory() counts.
// 2. A context is taken from its pool if the pool has one that is no larger than this call may
//    hold, else made; afterwards it goes back, unless it has grown past 4 MiB. What is decoded in
//    pieces takes any, so it may hold the window of an earlier one, of at most 2 MiB.
// 3. zstd input is decoded frame by frame, because the library would also decode frames of its
//    formats before RFC 8878, with code that few people test.
#include "src/base/compress.h"

#include <libdeflate.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "coffer/base/checked.h"
#include "src/base/idle_pool.h"
#include "src/base/made_before_fork.h"

namespace coffer::inline v0 {
namespace {

// Measured with libdeflate 1.14: 668,304 bytes at levels 2 to 9, less below.
constexpr size_t kDeflateCompressorBytes = size_t{704} << 10;
constexpr size_t kDeflateDecompressorBytes = size_t{16} << 10;

struct DeflateCompressor {
  explicit DeflateCompressor(int level_in)
      : level(level_in), context(libdeflate_alloc_compressor(level_in)) {}
  ~DeflateCompressor() { libdeflate_free_compressor(context); }
  DeflateCompressor(const DeflateCompressor&) = delete;
  DeflateCompressor& operator=(const DeflateCompressor&) = delete;

  const int level;
  libdeflate_compressor* const context;
  size_t bytes = kDeflateCompressorBytes;
};

struct DeflateDecompressor {
  DeflateDecompressor() : context(libdeflate_alloc_decompressor()) {}
  ~DeflateDecompressor() { libdeflate_free_decompressor(context); }
  DeflateDecompressor(const DeflateDecompressor&) = delete;
  DeflateDecompressor& operator=(const DeflateDecompressor&) = delete;

  libdeflate_decompressor* const context;
  size_t bytes = kDeflateDecompressorBytes;
};

struct ZstdCompressor {
  ZstdCompressor() : context(ZSTD_createCCtx()) {}
  ~ZstdCompressor() { ZSTD_freeCCtx(context); }
  ZstdCompressor(const ZstdCompressor&) = delete;
  ZstdCompressor& operator=(const ZstdCompressor&) = delete;

  ZSTD_CCtx* const context;
  size_t bytes = 0;
};

struct ZstdDecompressor {
  ZstdDecompressor() : context(ZSTD_createDCtx()), bytes(ZSTD_sizeof_DCtx(context)) {}
  ~ZstdDecompressor() { ZSTD_freeDCtx(context); }
  ZstdDecompressor(const ZstdDecompressor&) = delete;
  ZstdDecompressor& operator=(const ZstdDecompressor&) = delete;

  ZSTD_DCtx* const context;
  size_t bytes;
};

constexpr int kPiecesWindowLogMax = 21;

// The pools are never destroyed: a detached operation may still compress while the process exits.
template <class Item, size_t kIdleBytesMax>
IdlePool<Item>& Pool() {
  static auto* pool = new IdlePool<Item>(size_t{4} << 20, kIdleBytesMax);
  return *pool;
}
constexpr auto& ZstdCompressors = Pool<ZstdCompressor, (size_t{9} << 20)>;
constexpr auto& ZstdDecompressors = Pool<ZstdDecompressor, (size_t{3} << 20)>;
constexpr auto& DeflateCompressors = Pool<DeflateCompressor, (size_t{3} << 20)>;
constexpr auto& DeflateDecompressors = Pool<DeflateDecompressor, (size_t{1} << 20)>;
const MadeBeforeFork kPools([] {
  ZstdCompressors();
  ZstdDecompressors();
  DeflateCompressors();
  DeflateDecompressors();
});

Status NoContext(const char* what) {
  return ResourceExhaustedError(std::string("no memory for a ") + what);
}

std::string Count(size_t bytes) { return std::to_string(bytes) + " bytes"; }

Status TooLong(const char* format, size_t size_max) {
  return DataLossError(std::string(format) + " data decodes to more than the " + Count(size_max) +
                       " expected");
}

uint32_t LoadLittleEndian32(const std::byte* from) {
  uint32_t value = 0;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

Status ZstdDamaged(const char* reason) {
  return DataLossError(std::string("damaged zstd data: ") + reason);
}

bool IsSkippable(uint32_t magic) {
  return (magic & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START;
}

// The size of the frame that `in` begins with.
Result<size_t> ZstdFrameSize(std::span<const std::byte> in) {
  if (in.size() < sizeof(uint32_t)) return ZstdDamaged("cut short in a frame's first 4 bytes");
  const uint32_t magic = LoadLittleEndian32(in.data());
  if (magic != ZSTD_MAGICNUMBER && !IsSkippable(magic)) {
    return ZstdDamaged("no frame begins where one is expected");
  }
  const size_t size = ZSTD_findFrameCompressedSize(in.data(), in.size());
  if (ZSTD_isError(size) != 0) return ZstdDamaged(ZSTD_getErrorName(size));
  return size;
}

using DeflateFunction = size_t (*)(libdeflate_compressor*, const void*, size_t, void*, size_t);

Result<size_t> Deflate(const char* format, DeflateFunction compress, std::span<const std::byte> in,
                       int level, std::span<std::byte> out) {
  auto compressor = DeflateCompressors().Take(
      [level](const DeflateCompressor& idle) { return idle.level == level; });
  if (compressor == nullptr) compressor = std::make_unique<DeflateCompressor>(level);
  if (compressor->context == nullptr) return NoContext("deflate compressor");
  const size_t size = compress(compressor->context, in.data(), in.size(), out.data(), out.size());
  DeflateCompressors().Put(std::move(compressor));
  if (size == 0) {
    return InternalError(std::string(format) + " of " + Count(in.size()) + " does not fit in " +
                         Count(out.size()));
  }
  return size;
}

}  // namespace

size_t GzipBound(size_t size) {
  // Header, trailer, and 5 bytes for each stored block, of which libdeflate makes none below
  // 5,000 bytes but the last.
  return libdeflate_gzip_compress_bound(nullptr, size);
}

size_t GzipCompressMemory() { return kDeflateCompressorBytes; }
size_t GzipDecompressMemory() { return kDeflateDecompressorBytes; }

Result<size_t> GzipCompress(std::span<const std::byte> in, int level, std::span<std::byte> out) {
  return Deflate("gzip", libdeflate_gzip_compress, in, level, out);
}

Result<size_t> GzipDecompress(std::span<const std::byte> in, std::span<std::byte> out) {
  if (in.empty()) return DataLossError("no gzip data: 0 bytes");
  auto decompressor = DeflateDecompressors().Take([](const DeflateDecompressor&) { return true; });
  if (decompressor == nullptr) decompressor = std::make_unique<DeflateDecompressor>();
  if (decompressor->context == nullptr) return NoContext("gzip decompressor");
  size_t decoded = 0;
  Status status;
  while (!in.empty() && status.ok()) {
    size_t member_size = 0;
    size_t member_decoded = 0;
    const libdeflate_result result = libdeflate_gzip_decompress_ex(
        decompressor->context, in.data(), in.size(), out.data() + decoded, out.size() - decoded,
        &member_size, &member_decoded);
    if (result == LIBDEFLATE_INSUFFICIENT_SPACE) {
      status = TooLong("gzip", out.size());
    } else if (result != LIBDEFLATE_SUCCESS) {
      status = DataLossError("damaged gzip data in the member that begins " + Count(in.size()) +
                             " before the end");
    } else {
      decoded += member_decoded;
      in = in.subspan(member_size);
    }
  }
  DeflateDecompressors().Put(std::move(decompressor));
  COFFER_RETURN_IF_ERROR(status);
  return decoded;
}

namespace {

using InflateFunction = libdeflate_result (*)(libdeflate_decompressor*, const void*, size_t, void*,
                                              size_t, size_t*, size_t*);

Result<size_t> DecompressOne(const char* format, InflateFunction decompress,
                             std::span<const std::byte> in, std::span<std::byte> out) {
  auto decompressor = DeflateDecompressors().Take([](const DeflateDecompressor&) { return true; });
  if (decompressor == nullptr) decompressor = std::make_unique<DeflateDecompressor>();
  if (decompressor->context == nullptr) return NoContext("deflate decompressor");
  const std::string name(format);
  size_t used = 0;
  size_t decoded = 0;
  const libdeflate_result result = decompress(decompressor->context, in.data(), in.size(),
                                              out.data(), out.size(), &used, &decoded);
  DeflateDecompressors().Put(std::move(decompressor));
  if (result == LIBDEFLATE_INSUFFICIENT_SPACE) return TooLong(format, out.size());
  if (result != LIBDEFLATE_SUCCESS) return DataLossError("damaged " + name + " data");
  if (used != in.size()) {
    return DataLossError(name + " data with " + Count(in.size() - used) + " after its end");
  }
  return decoded;
}

}  // namespace

size_t ZlibBound(size_t size) { return libdeflate_zlib_compress_bound(nullptr, size); }

Result<size_t> ZlibCompress(std::span<const std::byte> in, int level, std::span<std::byte> out) {
  return Deflate("zlib", libdeflate_zlib_compress, in, level, out);
}

Result<size_t> ZlibDecompress(std::span<const std::byte> in, std::span<std::byte> out) {
  return DecompressOne("zlib", libdeflate_zlib_decompress_ex, in, out);
}

Result<size_t> DeflateDecompress(std::span<const std::byte> in, std::span<std::byte> out) {
  return DecompressOne("deflate", libdeflate_deflate_decompress_ex, in, out);
}

uint32_t Crc32(std::span<const std::byte> bytes) {
  return libdeflate_crc32(0, bytes.data(), bytes.size());
}

size_t ZstdBound(size_t size) { return ZSTD_compressBound(size); }

size_t ZstdCompressMemory(int level, size_t size) {
  return ZSTD_estimateCCtxSize_usingCParams(ZSTD_getCParams(level, size, 0));
}

size_t ZstdDecompressMemory() { return ZSTD_estimateDCtxSize(); }

bool ZstdHasChecksum(std::span<const std::byte> in) {
  constexpr size_t kDescriptorAt = 4;
  constexpr std::byte kChecksumFlag{1 << 2};
  bool found = false;
  while (!in.empty()) {
    const Result<size_t> size = ZstdFrameSize(in);
    if (!size.ok()) return false;
    if (!IsSkippable(LoadLittleEndian32(in.data()))) {
      found = (in[kDescriptorAt] & kChecksumFlag) != std::byte{0};
      if (!found) return false;
    }
    in = in.subspan(*size);
  }
  return found;
}

Result<size_t> ZstdCompress(std::span<const std::byte> in, const ZstdOptions& options,
                            std::span<std::byte> out) {
  const size_t memory = ZstdCompressMemory(options.level, in.size());
  auto compressor =
      ZstdCompressors().Take([memory](const ZstdCompressor& idle) { return idle.bytes <= memory; });
  if (compressor == nullptr) compressor = std::make_unique<ZstdCompressor>();
  ZSTD_CCtx* const context = compressor->context;
  if (context == nullptr) return NoContext("zstd compressor");
  ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters);
  ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, options.level);
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, options.checksum ? 1 : 0);
  const size_t size = ZSTD_compress2(context, out.data(), out.size(), in.data(), in.size());
  compressor->bytes = ZSTD_sizeof_CCtx(context);
  ZstdCompressors().Put(std::move(compressor));
  if (ZSTD_isError(size) == 0) return size;
  if (ZSTD_getErrorCode(size) == ZSTD_error_memory_allocation) return NoContext("zstd compressor");
  return InternalError("zstd of " + Count(in.size()) + ": " + ZSTD_getErrorName(size));
}

std::optional<size_t> ZstdPiecesMemory(std::span<const std::byte> head, size_t size, bool whole) {
  ZSTD_frameHeader header;
  if (ZSTD_getFrameHeader(&header, head.data(), head.size()) != 0) return std::nullopt;
  if (header.frameType != ZSTD_frame || header.dictID != 0) return std::nullopt;
  if (header.frameContentSize != size) return std::nullopt;
  if (header.windowSize > (size_t{1} << kPiecesWindowLogMax)) return std::nullopt;
  if (whole && ZSTD_findFrameCompressedSize(head.data(), head.size()) != head.size()) {
    return std::nullopt;
  }
  return ZSTD_estimateDStreamSize(static_cast<size_t>(header.windowSize));
}

Result<size_t> ZstdDecompressPieces(std::span<const std::byte> in, std::span<std::byte> piece,
                                    const TakePiece& take) {
  auto decompressor = ZstdDecompressors().Take([](const ZstdDecompressor&) { return true; });
  if (decompressor == nullptr) decompressor = std::make_unique<ZstdDecompressor>();
  ZSTD_DCtx* const context = decompressor->context;
  if (context == nullptr) return NoContext("zstd decompressor");
  ZSTD_DCtx_reset(context, ZSTD_reset_session_only);
  ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, kPiecesWindowLogMax);
  ZSTD_inBuffer input = {in.data(), in.size(), 0};
  size_t decoded = 0;
  const auto run = [&]() -> Status {
    for (size_t expected = 1; expected != 0;) {
      ZSTD_outBuffer output = {piece.data(), piece.size(), 0};
      while (expected != 0 && output.pos < output.size) {
        const size_t before = input.pos + output.pos;
        expected = ZSTD_decompressStream(context, &output, &input);
        if (ZSTD_isError(expected) != 0) {
          if (ZSTD_getErrorCode(expected) == ZSTD_error_memory_allocation) {
            return NoContext("zstd window");
          }
          return ZstdDamaged(ZSTD_getErrorName(expected));
        }
        if (expected != 0 && input.pos + output.pos == before) {
          return ZstdDamaged("cut short in a frame");
        }
      }
      if (output.pos == 0) break;
      decoded += output.pos;
      COFFER_ASSIGN_OR_RETURN(const bool more, take(piece.first(output.pos)));
      if (!more) return Status();
    }
    return input.pos == in.size() ? Status() : ZstdDamaged("bytes behind a frame");
  };
  const Status status = run();
  decompressor->bytes = ZSTD_sizeof_DCtx(context);  // It keeps its window.
  ZstdDecompressors().Put(std::move(decompressor));
  COFFER_RETURN_IF_ERROR(status);
  return decoded;
}

Result<size_t> ZstdDecompress(std::span<const std::byte> in, std::span<std::byte> out) {
  if (in.empty()) return DataLossError("no zstd data: 0 bytes");
  auto decompressor = ZstdDecompressors().Take([](const ZstdDecompressor& idle) {
    return idle.bytes <= ZstdDecompressMemory();  // Without a window.
  });
  if (decompressor == nullptr) decompressor = std::make_unique<ZstdDecompressor>();
  if (decompressor->context == nullptr) return NoContext("zstd decompressor");
  size_t decoded = 0;
  Status status;
  while (!in.empty() && status.ok()) {
    const Result<size_t> frame_size = ZstdFrameSize(in);
    if (!frame_size.ok()) {
      status = frame_size.status();
      break;
    }
    if (!IsSkippable(LoadLittleEndian32(in.data()))) {
      const size_t size = ZSTD_decompressDCtx(decompressor->context, out.data() + decoded,
                                              out.size() - decoded, in.data(), *frame_size);
      if (ZSTD_isError(size) == 0) {
        decoded += size;
      } else {
        status = ZSTD_getErrorCode(size) == ZSTD_error_dstSize_tooSmall
                     ? TooLong("zstd", out.size())
                     : ZstdDamaged(ZSTD_getErrorName(size));
      }
    }
    in = in.subspan(*frame_size);
  }
  ZstdDecompressors().Put(std::move(decompressor));
  COFFER_RETURN_IF_ERROR(status);
  return decoded;
}

}  // namespace coffer::inline v0
