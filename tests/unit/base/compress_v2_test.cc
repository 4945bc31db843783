// Goal: zlib, bzip2, LZ4 and liblzma decode what their formats allow, nothing beyond the
// destination, and take no more memory than they say, whatever the bytes claim. Method: every size
// around the destination's; every truncation and flipped bit of small streams; streams made by the
// libraries' own calls with claims that no honest writer makes.
#include <bzlib.h>
#include <gtest/gtest.h>
#include <lzma.h>
#include <zlib.h>

#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "src/base/compress.h"
#include "tests/support/peak_bytes.h"

namespace coffer {
namespace {

using ByteVector = std::vector<std::byte>;
using testing::PeakBytes;

struct Format {
  std::string name;
  std::function<Result<size_t>(std::span<const std::byte>, std::span<std::byte>)> encode, decode;
  std::function<size_t(size_t)> bound;
  size_t decode_memory = 0;
};

LzmaOptions Raw(uint64_t branch = 0) {
  LzmaOptions options;
  options.container = LzmaOptions::Container::kRaw;
  if (branch != 0) {
    options.filters.emplace_back();
    options.filters.back().id = branch;
  }
  options.filters.emplace_back();
  options.filters.back().id = LZMA_FILTER_LZMA2;
  options.filters.back().dict_size = 1 << 16;
  return options;
}

LzmaOptions Container(LzmaOptions::Container container) {
  LzmaOptions options;
  options.container = container;
  return options;
}

Format Lzma(const std::string& name, const LzmaOptions& options) {
  return {name, [options](auto in, auto out) { return LzmaCompress(in, options, out); },
          [options](auto in, auto out) { return LzmaDecompress(in, options, out); }, LzmaBound,
          LzmaDecompressMemory(options)};
}

std::vector<Format> Formats() {
  return {{"zlib", [](auto in, auto out) { return ZlibCompress(in, 6, out); }, ZlibDecompress,
           ZlibBound, GzipDecompressMemory()},
          {"lz4", [](auto in, auto out) { return Lz4Compress(in, 1, out); }, Lz4Decompress,
           Lz4Bound, 0},
          {"bzip2", [](auto in, auto out) { return Bzip2Compress(in, 9, out); }, Bzip2Decompress,
           Bzip2Bound, Bzip2DecompressMemory()},
          Lzma("xz", Container(LzmaOptions::Container::kXz)),
          Lzma("lzma", Container(LzmaOptions::Container::kAlone)),
          Lzma("raw", Raw()),
          Lzma("raw x86", Raw(LZMA_FILTER_X86))};
}

// By how much `act` raises the most that this process has held.
template <class Act>
int64_t GrowthOf(Act act) {
  const int64_t before = PeakBytes();
  act();
  return PeakBytes() - before;
}

ByteVector Noise(size_t size, unsigned mask = 255) {
  ByteVector bytes(size);
  uint64_t seed = 1;
  for (std::byte& byte : bytes) {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    byte = static_cast<std::byte>((seed >> 56) & mask);
  }
  return bytes;
}

ByteVector Encode(const Format& format, const ByteVector& data) {
  ByteVector out(format.bound(data.size()));
  out.resize(format.encode(data, out).OrDie());
  return out;
}

// Decodes into exactly `size` bytes with a guard behind them.
Result<ByteVector> Decode(const Format& format, const ByteVector& encoded, size_t size) {
  ByteVector out(size + 64, std::byte{0xa5});
  const Result<size_t> decoded = format.decode(encoded, std::span(out).first(size));
  for (size_t i = size; i < out.size(); ++i) EXPECT_EQ(out[i], std::byte{0xa5}) << format.name;
  COFFER_RETURN_IF_ERROR(decoded);
  out.resize(*decoded);
  return out;
}

TEST(CompressV2, RoundTripsWithinTheBound) {
  for (const Format& format : Formats()) {
    for (size_t size : {1U, 2U, 100U, 5000U, 300001U}) {
      for (unsigned mask : {0U, 3U, 255U}) {
        const ByteVector data = Noise(size, mask);
        const ByteVector encoded = Encode(format, data);
        EXPECT_EQ(*Decode(format, encoded, size), data) << format.name << " " << size;
        EXPECT_EQ(*Decode(format, encoded, size + 7), data) << format.name << " " << size;
      }
    }
  }
}

TEST(CompressV2, WhatIsLongerThanTheDestinationIsRefused) {
  for (const Format& format : Formats()) {
    const ByteVector encoded = Encode(format, ByteVector(1000));
    for (size_t size : {0U, 1U, 999U}) {
      const Status status = Decode(format, encoded, size).status();
      EXPECT_EQ(status.code(), StatusCode::kDataLoss) << format.name;
      EXPECT_NE(status.message().find("more than the " + std::to_string(size)), std::string::npos)
          << format.name << ": " << status;
    }
  }
}

TEST(CompressV2, EveryTruncationAndEveryByteMoreIsRefused) {
  for (const Format& format : Formats()) {
    const ByteVector data = Noise(300, 7);
    const ByteVector encoded = Encode(format, data);
    for (size_t size = 0; size < encoded.size(); ++size) {
      const ByteVector cut(encoded.begin(), encoded.begin() + static_cast<std::ptrdiff_t>(size));
      EXPECT_EQ(Decode(format, cut, 300).status().code(), StatusCode::kDataLoss)
          << format.name << " " << size;
    }
    ByteVector longer = encoded;
    longer.push_back(std::byte{1});
    EXPECT_EQ(Decode(format, longer, 300).status().code(), StatusCode::kDataLoss) << format.name;
  }
}

TEST(CompressV2, FlippedBitsNeverCrashOrOverflow) {
  for (const Format& format : Formats()) {
    const ByteVector encoded = Encode(format, Noise(200, 7));
    for (size_t bit = 0; bit < 8 * encoded.size(); ++bit) {
      ByteVector damaged = encoded;
      damaged[bit / 8] ^= std::byte{1} << (bit % 8);
      const Result<ByteVector> decoded = Decode(format, damaged, 200);
      if (decoded.ok()) {
        EXPECT_LE(decoded->size(), 200U) << format.name;
      }
    }
  }
}

TEST(CompressV2, SeveralStreams) {
  for (const Format& format : Formats()) {
    const ByteVector one = Encode(format, Noise(100));
    ByteVector two = one;
    two.insert(two.end(), one.begin(), one.end());
    const bool allowed = format.name == "bzip2" || format.name == "xz";
    const Result<ByteVector> decoded = Decode(format, two, 200);
    EXPECT_EQ(decoded.ok(), allowed) << format.name << decoded.status();
    if (decoded.ok()) {
      EXPECT_EQ(decoded->size(), 200U);
    }
  }
}

TEST(CompressV2, BombsAreRefusedInBoundedMemory) {
  const ByteVector zeros(size_t{16} << 20);
  for (const Format& format : Formats()) {
    const ByteVector bomb = Encode(format, zeros);
    ByteVector out(1000);
    const int64_t peak = GrowthOf([&] {
      EXPECT_EQ(format.decode(bomb, out).status().code(), StatusCode::kDataLoss) << format.name;
    });
    EXPECT_LE(peak, static_cast<int64_t>(format.decode_memory) + (1 << 20)) << format.name;
  }
}

TEST(CompressV2, ADictionaryBeyondTheOptionsIsRefused) {
  // Written with preset 9 (64 MiB); the options say preset 0.
  LzmaOptions nine;
  nine.preset = 9;
  const ByteVector data = Noise(100);
  for (LzmaOptions::Container container :
       {LzmaOptions::Container::kXz, LzmaOptions::Container::kAlone}) {
    lzma_stream stream = LZMA_STREAM_INIT;
    lzma_options_lzma options;
    ASSERT_EQ(lzma_lzma_preset(&options, 9), 0);
    ByteVector encoded(1000);
    ASSERT_EQ(container == LzmaOptions::Container::kXz
                  ? lzma_easy_encoder(&stream, 9, LZMA_CHECK_CRC32)
                  : lzma_alone_encoder(&stream, &options),
              LZMA_OK);
    stream.next_in = reinterpret_cast<const uint8_t*>(data.data());
    stream.avail_in = data.size();
    stream.next_out = reinterpret_cast<uint8_t*>(encoded.data());
    stream.avail_out = encoded.size();
    ASSERT_EQ(lzma_code(&stream, LZMA_FINISH), LZMA_STREAM_END);
    encoded.resize(stream.total_out);
    lzma_end(&stream);
    LzmaOptions zero = Container(container);
    zero.preset = 0;
    const Result<ByteVector> decoded = Decode(Lzma("", zero), encoded, 100);
    if (container == LzmaOptions::Container::kXz) {
      // No damage: a reader without limits would take it.
      EXPECT_EQ(
          decoded.status(),
          UnimplementedError("lzma data that decodes in more memory than its metadata says, " +
                             std::to_string(LzmaDecompressMemory(zero)) + " bytes"));
    } else {  // Only claims it.
      EXPECT_EQ(*decoded, data);
    }
    nine.container = container;
    EXPECT_EQ(*Decode(Lzma("", nine), encoded, 100), data);
  }
}

TEST(CompressV2, WhatFollowsAStreamOfXz) {
  const Format xz = Lzma("xz", Container(LzmaOptions::Container::kXz));
  const ByteVector data = Noise(100);
  const ByteVector one = Encode(xz, data);
  const auto followed_by = [&](std::string_view text) {
    ByteVector value = one;
    for (const char byte : text) value.push_back(static_cast<std::byte>(byte));
    return Decode(xz, value, 100).status().ToString();
  };
  EXPECT_EQ(followed_by(std::string_view("\0\0\0\0\0\0\0\0", 8)), "OK");  // Padding.
  EXPECT_EQ(followed_by("xyz"), "DataLoss: lzma data with 3 bytes after its end");
  EXPECT_EQ(followed_by("garbage that is longer than a header"),
            "DataLoss: lzma data with 36 bytes after its end");
  EXPECT_EQ(followed_by(std::string_view("\0\0\0", 3)),
            "DataLoss: lzma data with 3 bytes after its end");
  EXPECT_EQ(followed_by(std::string_view("\0\0\0\0x", 5)),
            "DataLoss: lzma data with 1 byte after its end");
  EXPECT_EQ(followed_by(std::string_view("\xfd"
                                         "7zXZ\0",
                                         6)),
            "DataLoss: damaged lzma data: cut short");
  ByteVector padded = one;
  padded.resize(padded.size() + 4);
  padded.insert(padded.end(), one.begin(), one.end());
  EXPECT_EQ(Decode(xz, padded, 200)->size(), 200u);
  EXPECT_EQ(Decode(xz, padded, 150).status().ToString(),
            "DataLoss: lzma data decodes to more than the 150 bytes expected");
  EXPECT_EQ(Decode(xz, padded, 100).status().ToString(),
            "DataLoss: lzma data decodes to more than the 100 bytes expected");
}

TEST(CompressV2, WhichLzmaDataHasAChecksum) {
  const auto has = [](LzmaOptions options) {
    return LzmaHasChecksum(Encode(Lzma("", options), Noise(100)), options);
  };
  LzmaOptions none;
  none.check = LZMA_CHECK_NONE;
  LzmaOptions crc32;
  crc32.check = LZMA_CHECK_CRC32;
  EXPECT_TRUE(has({}));
  EXPECT_TRUE(has(crc32));
  EXPECT_FALSE(has(none));
  EXPECT_FALSE(has(Container(LzmaOptions::Container::kAlone)));
  EXPECT_FALSE(has(Raw()));
  EXPECT_FALSE(LzmaHasChecksum({}, {}));
}

TEST(CompressV2, EncodersTakeDictionariesNoLargerThanTheirInput) {
  LzmaOptions nine;
  nine.preset = 9;
  EXPECT_LT(LzmaCompressMemory(nine, 1 << 16), size_t{8} << 20);
  EXPECT_GT(LzmaCompressMemory(nine, size_t{64} << 20), size_t{600} << 20);
  ByteVector out(LzmaBound(1 << 16));
  const ByteVector data = Noise(1 << 16);
  const int64_t peak = GrowthOf([&] { EXPECT_TRUE(LzmaCompress(data, nine, out).ok()); });
  EXPECT_LE(peak, static_cast<int64_t>(LzmaCompressMemory(nine, 1 << 16)));
}

TEST(CompressV2, OptionsOfLzmaAreChecked) {
  const auto check = [](const LzmaOptions& options) {
    return CheckLzmaOptions(options).ToString();
  };
  EXPECT_EQ(check({}), "OK");
  EXPECT_EQ(check(Raw(LZMA_FILTER_ARM)), "OK");
  LzmaOptions options;
  options.check = 2;
  EXPECT_EQ(check(options), "InvalidArgument: lzma check 2 does not exist");
  options = Container(LzmaOptions::Container::kAlone);
  options.filters = Raw().filters;
  EXPECT_EQ(check(options),
            "InvalidArgument: lzma data of the old format has the filter LZMA1 alone");
  options = Raw();
  options.filters.resize(5, options.filters[0]);
  EXPECT_EQ(check(options), "InvalidArgument: 5 lzma filters, at most 4 can be chained");
  options = {};
  options.filters.resize(1);
  options.filters[0].id = LZMA_FILTER_LZMA1;
  EXPECT_EQ(check(options), "InvalidArgument: these lzma filters cannot stand in .xz");
}

TEST(CompressV2, Lz4ComparesTheSizeFirst) {
  ByteVector claim(100);
  const uint32_t size = 0x7fffffff;
  std::memcpy(claim.data(), &size, 4);
  EXPECT_EQ(Decode(Formats()[1], claim, 50).status().ToString(),
            "DataLoss: lz4 data decodes to 2147483647 bytes, more than the 50 expected");
}

TEST(CompressV2, ReadsWhatTheLibrariesWrite) {
  const ByteVector data = Noise(5000, 15);
  ByteVector out(10000);
  uLongf zlib_size = out.size();
  ASSERT_EQ(compress2(reinterpret_cast<Bytef*>(out.data()), &zlib_size,
                      reinterpret_cast<const Bytef*>(data.data()), data.size(), 9),
            Z_OK);
  EXPECT_EQ(
      *Decode(Formats()[0], {out.begin(), out.begin() + static_cast<int64_t>(zlib_size)}, 5000),
      data);
  unsigned bz_size = 10000;
  ASSERT_EQ(BZ2_bzBuffToBuffCompress(reinterpret_cast<char*>(out.data()), &bz_size,
                                     reinterpret_cast<char*>(const_cast<std::byte*>(data.data())),
                                     5000, 1, 0, 0),
            BZ_OK);
  EXPECT_EQ(*Decode(Formats()[2], {out.begin(), out.begin() + bz_size}, 5000), data);
}

}  // namespace
}  // namespace coffer
