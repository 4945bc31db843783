// Goal: gzip and zstd decode what the formats allow, nothing beyond the destination, and take no
// more memory than they say. Method: streams made by zlib and by libzstd's own API, including
// forms that our compressor never writes; every truncation and every flipped bit of small streams.
#include "src/base/compress.h"

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "coffer/base/bytes.h"
#include "tests/support/gzip.h"
#include "tests/support/peak_bytes.h"

namespace coffer {
namespace {

using testing::PeakBytes;
using testing::ZlibGzip;

using ByteVector = std::vector<std::byte>;

ByteVector Text(std::string_view text) {
  const auto bytes = AsBytes(text);
  return {bytes.begin(), bytes.end()};
}

ByteVector operator+(ByteVector a, const ByteVector& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

ByteVector Noise(size_t size, uint64_t seed = 1) {
  ByteVector bytes(size);
  for (std::byte& byte : bytes) {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    byte = static_cast<std::byte>(seed >> 56);
  }
  return bytes;
}

ByteVector Gzip(std::span<const std::byte> in, int level = 6) {
  ByteVector out(GzipBound(in.size()));
  out.resize(GzipCompress(in, level, out).OrDie());
  return out;
}

ByteVector Zstd(std::span<const std::byte> in, const ZstdOptions& options = {}) {
  ByteVector out(ZstdBound(in.size()));
  out.resize(ZstdCompress(in, options, out).OrDie());
  return out;
}

// A zstd frame without content size, as streaming writers make it.
ByteVector StreamedZstd(std::span<const std::byte> in, bool checksum = false) {
  ZSTD_CCtx* const context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, checksum ? 1 : 0);
  ByteVector out(ZSTD_compressBound(in.size()));
  out.resize(ZSTD_compress2(context, out.data(), out.size(), in.data(), in.size()));
  ZSTD_freeCCtx(context);
  EXPECT_EQ(ZSTD_getFrameContentSize(out.data(), out.size()), ZSTD_CONTENTSIZE_UNKNOWN);
  return out;
}

ByteVector SkippableFrame(uint32_t size) {
  ByteVector frame(8 + size, std::byte{0xee});
  const uint32_t words[2] = {0x184d2a53, size};
  std::memcpy(frame.data(), words, sizeof(words));
  return frame;
}

using Decompress = Result<size_t> (*)(std::span<const std::byte>, std::span<std::byte>);

// Decodes into exactly `expected` bytes with a guard behind them.
Result<ByteVector> Decode(Decompress decompress, const ByteVector& encoded, size_t expected) {
  ByteVector out(expected + 64, std::byte{0xa5});
  const Result<size_t> size = decompress(encoded, std::span(out).first(expected));
  for (size_t i = expected; i < out.size(); ++i) EXPECT_EQ(out[i], std::byte{0xa5}) << i;
  COFFER_RETURN_IF_ERROR(size);
  out.resize(*size);
  return out;
}

const ByteVector kText = Text("abcabcabcabcabcabcabcabcabcabcabcabcabc, and so on, abcabcabc");

TEST(Gzip, RoundTripsAtEveryLevel) {
  for (const ByteVector& data :
       {ByteVector(), Text("x"), kText, Noise(70000), ByteVector(300000)}) {
    for (int level = 0; level <= 9; ++level) {
      const ByteVector encoded = Gzip(data, level);
      EXPECT_LE(encoded.size(), GzipBound(data.size()));
      EXPECT_EQ(*Decode(GzipDecompress, encoded, data.size()), data) << level;
    }
  }
}

TEST(Gzip, BoundHoldsForNoiseOfEverySize) {
  for (size_t size = 0; size < 300000; size = size * 5 / 4 + 1) {
    const ByteVector data = Noise(size);
    EXPECT_LE(Gzip(data, 0).size(), GzipBound(size));
    EXPECT_LE(Gzip(data, 1).size(), GzipBound(size));
    EXPECT_LE(Gzip(data, 9).size(), GzipBound(size));
  }
}

TEST(Gzip, EqualInputGivesEqualBytes) {
  EXPECT_EQ(Gzip(kText), Gzip(kText));
  EXPECT_EQ(Gzip(kText)[4], std::byte{0});  // No time.
}

TEST(Gzip, ReadsSeveralMembers) {
  const ByteVector encoded = Gzip(kText) + ZlibGzip(Text("second")) + Gzip({});
  EXPECT_EQ(*Decode(GzipDecompress, encoded, kText.size() + 6), kText + Text("second"));
}

TEST(Gzip, ReadsEveryOptionalField) {
  gz_header header{};
  std::string name = "file.bin", comment = "why not", extra = "ab\x02\0cd";
  header.name = reinterpret_cast<Bytef*>(name.data());
  header.comment = reinterpret_cast<Bytef*>(comment.data());
  header.extra = reinterpret_cast<Bytef*>(extra.data());
  header.extra_len = 6;
  header.time = 1700000000;
  header.hcrc = 1;
  EXPECT_EQ(*Decode(GzipDecompress, ZlibGzip(kText, &header), kText.size()), kText);
}

TEST(Gzip, RefusesWhatFollowsTheLastMember) {
  for (const char* garbage : {"x", "\x1f\x8b", "garbage after the end of the member"}) {
    const ByteVector tail = Text(garbage);
    const Status status = Decode(GzipDecompress, Gzip(kText) + tail, kText.size() + 1000).status();
    EXPECT_EQ(status, DataLossError("damaged gzip data in the member that begins " +
                                    std::to_string(tail.size()) + " bytes before the end"));
  }
}

TEST(Gzip, SaysWhenThereIsMore) {
  EXPECT_EQ(Decode(GzipDecompress, Gzip(kText), kText.size() - 1).status(),
            DataLossError("gzip data decodes to more than the 60 bytes expected"));
  EXPECT_EQ(Decode(GzipDecompress, Gzip(kText) + Gzip(Text("x")), kText.size()).status(),
            DataLossError("gzip data decodes to more than the 61 bytes expected"));
}

TEST(Gzip, ReturnsLessWhereThereIsLess) {
  EXPECT_EQ(*Decode(GzipDecompress, Gzip(kText), 1000), kText);
}

TEST(Gzip, RefusesNothing) {
  EXPECT_EQ(Decode(GzipDecompress, {}, 10).status(), DataLossError("no gzip data: 0 bytes"));
}

TEST(Deflate, ReadsWhatZlibHoldsAndNothingElse) {
  ByteVector zlib(ZlibBound(kText.size()));
  zlib.resize(ZlibCompress(kText, 6, zlib).OrDie());
  const ByteVector bare(zlib.begin() + 2, zlib.end() - 4);
  EXPECT_EQ(*Decode(DeflateDecompress, bare, kText.size()), kText);
  EXPECT_EQ(*Decode(DeflateDecompress, bare, 100'000), kText);
  EXPECT_EQ(Decode(DeflateDecompress, bare, kText.size() - 1).status(),
            DataLossError("deflate data decodes to more than the " +
                          std::to_string(kText.size() - 1) + " bytes expected"));
  EXPECT_EQ(Decode(DeflateDecompress, bare + Text("xy"), kText.size()).status(),
            DataLossError("deflate data with 2 bytes after its end"));
  for (const ByteVector& damaged : {ByteVector(), ByteVector(bare.begin(), bare.end() - 1), zlib}) {
    EXPECT_EQ(Decode(DeflateDecompress, damaged, kText.size()).status(),
              DataLossError("damaged deflate data"));
  }
}

TEST(Crc32, IsThatOfZip) {
  EXPECT_EQ(Crc32(Text("123456789")), 0xcbf43926u);
  EXPECT_EQ(Crc32({}), 0u);
}

TEST(Gzip, ADestinationBelowTheBoundIsInternal) {
  ByteVector out(10);
  EXPECT_EQ(GzipCompress(kText, 6, out).status(),
            InternalError("gzip of 61 bytes does not fit in 10 bytes"));
}

TEST(Zstd, RoundTripsAtManyLevels) {
  for (const ByteVector& data :
       {ByteVector(), Text("x"), kText, Noise(70000), ByteVector(300000)}) {
    for (int level : {-131072, -5, 0, 1, 3, 9, 19}) {
      for (bool checksum : {false, true}) {
        const ByteVector encoded = Zstd(data, {level, checksum});
        EXPECT_EQ(*Decode(ZstdDecompress, encoded, data.size()), data) << level;
        EXPECT_EQ(ZSTD_getFrameContentSize(encoded.data(), encoded.size()), data.size());
      }
    }
  }
}

TEST(Zstd, ChecksumIsWrittenAndVerified) {
  const ByteVector with = Zstd(kText, {3, true});
  EXPECT_EQ(with.size(), Zstd(kText, {3, false}).size() + 4);
  ByteVector altered = with;
  altered.back() ^= std::byte{1};
  EXPECT_EQ(Decode(ZstdDecompress, altered, kText.size()).status(),
            DataLossError("damaged zstd data: Restored data doesn't match checksum"));
}

TEST(Zstd, SaysWhetherThereIsAChecksum) {
  const ByteVector with = Zstd(kText, {3, true});
  const ByteVector without = Zstd(kText);
  EXPECT_TRUE(ZstdHasChecksum(with));
  EXPECT_FALSE(ZstdHasChecksum(without));
  EXPECT_TRUE(ZstdHasChecksum(SkippableFrame(3) + with + with));
  EXPECT_FALSE(ZstdHasChecksum(with + without));
  EXPECT_FALSE(ZstdHasChecksum(without + with));
  EXPECT_FALSE(ZstdHasChecksum({}));
  EXPECT_FALSE(ZstdHasChecksum(SkippableFrame(3)));
  EXPECT_FALSE(ZstdHasChecksum(std::span(with).first(5)));
  EXPECT_FALSE(ZstdHasChecksum(Text("no frame")));
}

TEST(Zstd, ReadsSeveralFramesWithAndWithoutContentSize) {
  const ByteVector encoded =
      SkippableFrame(5) + Zstd(kText) + StreamedZstd(Text("streamed"), true) + SkippableFrame(0);
  EXPECT_EQ(*Decode(ZstdDecompress, encoded, kText.size() + 8), kText + Text("streamed"));
  EXPECT_EQ(*Decode(ZstdDecompress, SkippableFrame(3), 0), ByteVector());
}

TEST(Zstd, SaysWhenThereIsMore) {
  const Status more = DataLossError("zstd data decodes to more than the 60 bytes expected");
  EXPECT_EQ(Decode(ZstdDecompress, Zstd(kText), kText.size() - 1).status(), more);
  EXPECT_EQ(Decode(ZstdDecompress, StreamedZstd(kText), kText.size() - 1).status(), more);
  EXPECT_EQ(Decode(ZstdDecompress, Zstd(kText) + Zstd(Text("x")), kText.size()).status(),
            DataLossError("zstd data decodes to more than the 61 bytes expected"));
}

TEST(Zstd, RefusesWhatIsNoFrame) {
  const Status no_frame = DataLossError("damaged zstd data: no frame begins where one is expected");
  EXPECT_EQ(Decode(ZstdDecompress, Text("garbage"), 10).status(), no_frame);
  EXPECT_EQ(Decode(ZstdDecompress, Zstd(kText) + Text("garbage"), 1000).status(), no_frame);
  EXPECT_EQ(Decode(ZstdDecompress, Zstd(kText) + Text("abc"), 1000).status(),
            DataLossError("damaged zstd data: cut short in a frame's first 4 bytes"));
  EXPECT_EQ(Decode(ZstdDecompress, {}, 10).status(), DataLossError("no zstd data: 0 bytes"));
  // Magic numbers of formats before RFC 8878, which libzstd may still know.
  for (unsigned version = 0x1e; version <= 0x27; ++version) {
    ByteVector legacy = Zstd(kText);
    legacy[0] = static_cast<std::byte>(version);
    EXPECT_EQ(Decode(ZstdDecompress, legacy, 1000).status(), no_frame);
  }
}

TEST(Zstd, CompressorHoldsNoMoreThanItSays) {
  for (int level : {-131072, -1, 0, 1, 3, 5, 7, 9, 12, 15, 19, 22}) {
    for (size_t size : {size_t{1}, size_t{1000}, size_t{65536}, size_t{1} << 20, size_t{4} << 20}) {
      if (size > 100000 && level > 9) continue;  // Only slow.
      const ByteVector data = Noise(size);
      ByteVector out(ZSTD_compressBound(size));
      ZSTD_CCtx* const context = ZSTD_createCCtx();
      ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
      ZSTD_compress2(context, out.data(), out.size(), data.data(), size);
      EXPECT_LE(ZSTD_sizeof_CCtx(context), ZstdCompressMemory(level, size)) << level << " " << size;
      ZSTD_freeCCtx(context);
    }
  }
}

TEST(Zstd, DecompressorHoldsNoMoreThanItSays) {
  ZSTD_DCtx* const context = ZSTD_createDCtx();
  const ByteVector encoded = StreamedZstd(Noise(1 << 20));
  ByteVector out(1 << 20);
  EXPECT_EQ(ZSTD_decompressDCtx(context, out.data(), out.size(), encoded.data(), encoded.size()),
            out.size());
  EXPECT_LE(ZSTD_sizeof_DCtx(context), ZstdDecompressMemory());
  ZSTD_freeDCtx(context);
}

TEST(Zstd, MemoryGrowsWithLevelAndSize) {
  EXPECT_LT(ZstdCompressMemory(1, 65536), size_t{1} << 20);
  EXPECT_GT(ZstdCompressMemory(15, size_t{4} << 20), size_t{32} << 20);
  EXPECT_GT(ZstdCompressMemory(22, size_t{64} << 20), size_t{400} << 20);
}

// Every truncation is noticed; every flipped bit is noticed or harmless or, without a checksum,
// gives other bytes of the right number, but never a crash nor a byte beyond the destination.
void CheckDamage(Decompress decompress, const ByteVector& encoded, bool checksum) {
  for (size_t size = 0; size < encoded.size(); ++size) {
    const ByteVector cut(encoded.begin(), encoded.begin() + static_cast<ptrdiff_t>(size));
    const auto decoded = Decode(decompress, cut, kText.size());
    EXPECT_EQ(decoded.status().code(), StatusCode::kDataLoss) << size;
  }
  for (size_t bit = 0; bit < encoded.size() * 8; ++bit) {
    ByteVector altered = encoded;
    altered[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
    const auto decoded = Decode(decompress, altered, kText.size());
    if (checksum && decoded.ok()) {
      EXPECT_EQ(*decoded, kText) << bit;
    }
  }
}

TEST(Gzip, DamageIsNoticed) { CheckDamage(GzipDecompress, Gzip(kText), true); }
TEST(Zstd, DamageIsNoticed) { CheckDamage(ZstdDecompress, Zstd(kText, {3, true}), true); }
TEST(Zstd, DamageWithoutChecksumStaysInside) {
  CheckDamage(ZstdDecompress, StreamedZstd(kText), false);
}

// 33 KB that decode to a gigabyte: refused, without taking memory for it.
void CheckBomb(Decompress decompress, const ByteVector& bomb) {
  EXPECT_LT(bomb.size(), size_t{2} << 20);
  ByteVector out(65536);
  ASSERT_FALSE(decompress(bomb, out).ok());  // Contexts and pages of the code are warm now.
  const int64_t before = PeakBytes();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(decompress(bomb, out).status().code(), StatusCode::kDataLoss);
  }
  EXPECT_LT(PeakBytes() - before, int64_t{4} << 20);
}

ByteVector Repeat(const ByteVector& part, int count) {
  ByteVector all;
  for (int i = 0; i < count; ++i) all.insert(all.end(), part.begin(), part.end());
  return all;
}

TEST(Gzip, BombIsRefused) {
  const ByteVector zeros(size_t{16} << 20);
  CheckBomb(GzipDecompress, Repeat(Gzip(zeros, 9), 64));
}

TEST(Zstd, BombIsRefused) {
  const ByteVector zeros(size_t{16} << 20);
  CheckBomb(ZstdDecompress, Repeat(Zstd(zeros), 64));
  CheckBomb(ZstdDecompress, Repeat(StreamedZstd(zeros), 64));
}

TEST(Zstd, AFrameThatClaimsMuchIsRefusedAtOnce) {
  // Content size 2^50 in a frame of one empty block: magic, descriptor, window, size, last block.
  ByteVector frame(4 + 1 + 1 + 8 + 3);
  const uint32_t magic = ZSTD_MAGICNUMBER;
  const uint64_t claimed = uint64_t{1} << 50;
  std::memcpy(frame.data(), &magic, 4);
  frame[4] = std::byte{0xc0};
  frame[5] = std::byte{0xff};  // The largest window.
  std::memcpy(frame.data() + 6, &claimed, 8);
  frame[14] = std::byte{1};
  EXPECT_FALSE(Decode(ZstdDecompress, frame, 1000).ok());
}

TEST(Compress, ThreadsDoNotDisturbEachOther) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      for (int i = 0; i < 30; ++i) {
        const ByteVector data =
            Noise(1000 + static_cast<size_t>(t) * 777, static_cast<uint64_t>(i));
        EXPECT_EQ(*Decode(GzipDecompress, Gzip(data, t), data.size()), data);
        EXPECT_EQ(*Decode(ZstdDecompress, Zstd(data, {t + 1, true}), data.size()), data);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace coffer
