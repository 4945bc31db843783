// Goal: no bytes make the bounded decompressors crash, write beyond their destination, take memory
// that the bytes merely claim, or fail with anything but DataLoss; and what a compressor makes is
// read back. A frame that is decompressed in pieces gives what it gives at once.
// Method: the first byte chooses format and level, the second the size of the destination (up to
// 64 KiB); the rest is decompressed into exactly that, and also compressed and read back.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "src/base/compress.h"

namespace {

using Bytes = std::vector<std::byte>;

void Require(bool condition) {
  if (!condition) std::abort();
}

coffer::Result<size_t> Decompress(bool zstd, const Bytes& in, Bytes& out) {
  return zstd ? coffer::ZstdDecompress(in, out) : coffer::GzipDecompress(in, out);
}

/// Where `in` is one frame that says that it holds as much as `whole` has room for.
void CheckPieces(const Bytes& in, const coffer::Result<size_t>& decoded, const Bytes& whole) {
  if (!coffer::ZstdPiecesMemory(in, whole.size(), /*whole=*/true)) return;
  Bytes together;
  Bytes piece(whole.size() / 3 + 1);
  const coffer::Result<size_t> size =
      coffer::ZstdDecompressPieces(in, piece, [&](auto part) -> coffer::Result<bool> {
        together.insert(together.end(), part.begin(), part.end());
        Require(together.size() <= whole.size() + piece.size());
        return true;
      });
  if (!decoded.ok()) return Require(size.status().code() == coffer::StatusCode::kDataLoss);
  Require(*size == *decoded && std::equal(together.begin(), together.end(), whole.begin()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const bool zstd = data[0] % 2 == 1;
  const int level = data[0] / 2 % 4;
  const auto input = std::as_bytes(std::span(data + 2, size - 2));
  const Bytes stored(input.begin(), input.end());  // So that reading past its end is seen.
  Bytes out(static_cast<size_t>(data[1]) * data[1]);
  const coffer::Result<size_t> decoded = Decompress(zstd, stored, out);
  if (!decoded.ok()) {
    Require(decoded.status().code() == coffer::StatusCode::kDataLoss);
  } else {
    Require(*decoded <= out.size());
  }
  if (zstd) CheckPieces(stored, decoded, out);

  Bytes encoded(zstd ? coffer::ZstdBound(stored.size()) : coffer::GzipBound(stored.size()));
  const coffer::ZstdOptions options{.level = level, .checksum = data[0] % 3 == 0};
  const coffer::Result<size_t> made = zstd ? coffer::ZstdCompress(stored, options, encoded)
                                           : coffer::GzipCompress(stored, level, encoded);
  encoded.resize(made.value());
  Bytes exact(stored.size());
  Require(Decompress(zstd, encoded, exact).value() == stored.size() && exact == stored);
  if (zstd) CheckPieces(encoded, exact.size(), exact);
  if (stored.empty()) return 0;
  Bytes shorter(stored.size() - 1);
  Require(!Decompress(zstd, encoded, shorter).ok());
  encoded.pop_back();
  Require(!Decompress(zstd, encoded, exact).ok());
  return 0;
}
