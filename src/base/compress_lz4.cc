// LZ4 blocks behind their decoded size, which is compared with the destination before the block is
// looked at: lz4's decoder then writes within exactly that many bytes.
#include <lz4.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "src/base/compress.h"

namespace coffer::inline v0 {
namespace {

constexpr size_t kHeaderBytes = 4;

}  // namespace

size_t Lz4Bound(size_t size) {
  // What LZ4_compressBound says, which stops at kLz4SizeMax.
  return kHeaderBytes + size + size / 255 + 16;
}

size_t Lz4CompressMemory() { return sizeof(LZ4_stream_t); }

Result<size_t> Lz4Compress(std::span<const std::byte> in, int acceleration,
                           std::span<std::byte> out) {
  const auto size = static_cast<uint32_t>(in.size());  // The machine is little-endian.
  std::memcpy(out.data(), &size, kHeaderBytes);
  const std::span<std::byte> block = out.subspan(kHeaderBytes);
  const int written = LZ4_compress_fast(
      reinterpret_cast<const char*>(in.data()), reinterpret_cast<char*>(block.data()),
      static_cast<int>(size), static_cast<int>(std::min(block.size(), size_t{INT32_MAX})),
      std::max(acceleration, 1));
  if (written <= 0) {
    return InternalError("lz4 of " + std::to_string(in.size()) + " bytes does not fit in " +
                         std::to_string(out.size()));
  }
  return kHeaderBytes + static_cast<size_t>(written);
}

Result<size_t> Lz4Decompress(std::span<const std::byte> in, std::span<std::byte> out) {
  if (in.size() <= kHeaderBytes) {
    return DataLossError("damaged lz4 data: " + std::to_string(in.size()) +
                         " bytes hold no size and block");
  }
  uint32_t size = 0;
  std::memcpy(&size, in.data(), kHeaderBytes);
  if (size > out.size() || size > kLz4SizeMax) {
    return DataLossError("lz4 data decodes to " + std::to_string(size) + " bytes, more than the " +
                         std::to_string(out.size()) + " expected");
  }
  const std::span<const std::byte> block = in.subspan(kHeaderBytes);
  if (block.size() > INT32_MAX) {
    return DataLossError("damaged lz4 data: a block of " + std::to_string(block.size()) + " bytes");
  }
  const int decoded = LZ4_decompress_safe(reinterpret_cast<const char*>(block.data()),
                                          reinterpret_cast<char*>(out.data()),
                                          static_cast<int>(block.size()), static_cast<int>(size));
  if (decoded < 0 || static_cast<uint32_t>(decoded) != size) {
    return DataLossError("damaged lz4 data: no block of " + std::to_string(size) + " bytes");
  }
  return size;
}

}  // namespace coffer::inline v0
