// bzip2. A decompressor's memory depends on nothing but the block size of at most 900,000 bytes.
//
// A stream may end just where the destination does, and its end shows only when it is read on: a
// byte beside the destination takes what should not come.
#include <bzlib.h>

#include <algorithm>
#include <string>

#include "src/base/compress.h"

namespace coffer::inline v0 {
namespace {

constexpr size_t kPieceBytes = size_t{1} << 30;  // bzlib counts in 32 bits.
constexpr size_t kBlockBytes = 100000;           // Times the level.

// What is left of a buffer that bzlib walks through piece by piece.
template <class Byte>
class Pieces {
 public:
  explicit Pieces(std::span<Byte> rest) : rest_(rest) {}
  /// Makes pointer and count, of which bzlib has used some, say what comes next.
  void Offer(char*& next, unsigned& available) {
    rest_ = rest_.subspan(offered_ - available);
    offered_ = std::min(rest_.size(), kPieceBytes);
    next = reinterpret_cast<char*>(const_cast<std::byte*>(rest_.data()));
    available = static_cast<unsigned>(offered_);
  }
  size_t left(unsigned available) const { return rest_.size() - (offered_ - available); }

 private:
  std::span<Byte> rest_;
  size_t offered_ = 0;
};

struct Decompressor {
  Decompressor() : status(BZ2_bzDecompressInit(&stream, 0, 0)) {}
  ~Decompressor() { BZ2_bzDecompressEnd(&stream); }
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  bz_stream stream{};
  int status;
};

struct Compressor {
  explicit Compressor(int level) : status(BZ2_bzCompressInit(&stream, level, 0, 0)) {}
  ~Compressor() { BZ2_bzCompressEnd(&stream); }
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;

  bz_stream stream{};
  int status;
};

Status Damaged(const char* reason) {
  return DataLossError(std::string("damaged bzip2 data: ") + reason);
}

// One stream; shortens both spans by what it took and made.
Status DecompressStream(std::span<const std::byte>& in, std::span<std::byte>& out,
                        size_t size_max) {
  Decompressor decompressor;
  if (decompressor.status != BZ_OK) {
    return ResourceExhaustedError("no memory for a bzip2 decompressor");
  }
  bz_stream& stream = decompressor.stream;
  Pieces<const std::byte> input(in);
  Pieces<std::byte> output(out);
  for (;;) {
    input.Offer(stream.next_in, stream.avail_in);
    output.Offer(stream.next_out, stream.avail_out);
    char beyond = 0;
    const bool full = stream.avail_out == 0;
    if (full) {
      stream.next_out = &beyond;
      stream.avail_out = 1;
    }
    const unsigned in_before = stream.avail_in;
    const unsigned out_before = stream.avail_out;
    const int status = BZ2_bzDecompress(&stream);
    if (full) {
      if (stream.avail_out == 0) {
        return DataLossError("bzip2 data decodes to more than the " + std::to_string(size_max) +
                             " bytes expected");
      }
      stream.avail_out = 0;
    }
    if (status == BZ_STREAM_END) break;
    if (status == BZ_MEM_ERROR) {
      return ResourceExhaustedError("no memory for a bzip2 decompressor");
    }
    if (status != BZ_OK) return Damaged("not of the format");
    if (stream.avail_in == in_before && (full || stream.avail_out == out_before)) {
      return Damaged("cut short");
    }
  }
  in = in.last(input.left(stream.avail_in));
  out = out.last(output.left(stream.avail_out));
  return Status();
}

}  // namespace

size_t Bzip2Bound(size_t size) { return size + size / 100 + 600; }

size_t Bzip2CompressMemory(int level) {
  return 400000 + 8 * kBlockBytes * static_cast<size_t>(level);
}

size_t Bzip2DecompressMemory() { return 100000 + 4 * kBlockBytes * kBzip2LevelMax; }

Result<size_t> Bzip2Compress(std::span<const std::byte> in, int level, std::span<std::byte> out) {
  Compressor compressor(level);
  if (compressor.status != BZ_OK) {
    return ResourceExhaustedError("no memory for a bzip2 compressor");
  }
  bz_stream& stream = compressor.stream;
  Pieces<const std::byte> input(in);
  Pieces<std::byte> output(out);
  for (;;) {
    input.Offer(stream.next_in, stream.avail_in);
    output.Offer(stream.next_out, stream.avail_out);
    const bool last = input.left(stream.avail_in) == stream.avail_in;
    // While it runs, BZ_RUN with nothing new is an error; while it ends, so is new input.
    const int status = BZ2_bzCompress(&stream, last ? BZ_FINISH : BZ_RUN);
    if (status == BZ_STREAM_END) return out.size() - output.left(stream.avail_out);
    if (status < 0 || (stream.avail_out == 0 && output.left(0) == 0)) {
      return InternalError("bzip2 of " + std::to_string(in.size()) + " bytes does not fit in " +
                           std::to_string(out.size()));
    }
  }
}

Result<size_t> Bzip2Decompress(std::span<const std::byte> in, std::span<std::byte> out) {
  if (in.empty()) return Damaged("0 bytes");
  std::span<std::byte> rest = out;
  while (!in.empty()) COFFER_RETURN_IF_ERROR(DecompressStream(in, rest, out.size()));
  return out.size() - rest.size();
}

}  // namespace coffer::inline v0
