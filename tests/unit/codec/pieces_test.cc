// Goal: a large chunk that is decoded in pieces gives the same elements as one decoded whole, for
// any box, view and order of dimensions; damage is told; what is not wanted is not decoded, unless
// a checksum stands at its end; no more memory is held than was said.
// Method: chunks of 16 MiB with and without checksums, boxes from a table and at random, frames
// cut, lengthened, joined, and with a window that is too large.
#include <gtest/gtest.h>
#include <zstd.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "src/codec/chain.h"
#include "src/nd/copy.h"
#include "tests/support/codecs.h"

namespace coffer {
namespace {

using testing::Bind;
using testing::ByteVector;
using testing::ChunkOf;
using testing::Encode;
using testing::Scratch;

constexpr std::string_view kZstd = R"(["bytes", {"name": "zstd", "configuration": {"level": 1}}])";
constexpr std::string_view kChecked =
    R"(["bytes", {"name": "zstd", "configuration": {"level": 1, "checksum": true}}])";
constexpr std::string_view kCrc =
    R"(["bytes", {"name": "zstd", "configuration": {"level": 1}}, "crc32c"])";
constexpr std::string_view kTransposed =
    R"([{"name": "transpose", "configuration": {"order": [2, 0, 1]}}, "bytes",
        {"name": "zstd", "configuration": {"level": 1}}, "crc32c"])";

const Shape kShape = {256, 256, 256};  // 16 MiB of bytes.

/// Elements that a compressor makes half as long, and of which no two planes are alike.
const ByteVector& Elements() {
  static const ByteVector elements = [] {
    std::minstd_rand dice(7);
    ByteVector made(static_cast<size_t>(*NumElements(kShape)));
    for (std::byte& element : made) element = static_cast<std::byte>(dice() >> 8 & 15);
    return made;
  }();
  return elements;
}

ConstView Whole() { return ConstView(Elements().data(), DataType::kUint8, kShape); }

CodecChainPtr Chain(std::string_view codecs) {
  return Bind(std::string(codecs), ChunkOf<uint8_t>(kShape)).OrDie();
}

/// The box, decoded into a view whose rows lie apart.
Result<ByteVector> DecodedBox(const CodecChain& chain, const ByteVector& encoded, const Box& box) {
  Shape wide = box.shape;
  wide[2] += 3;
  ByteVector room(static_cast<size_t>(*NumElements(wide)), std::byte{99});
  const View part = View(room.data(), DataType::kUint8, wide).Subview(Box::Full(box.shape));
  COFFER_RETURN_IF_ERROR(chain.DecodeBox(encoded, box, part, Scratch()));
  ByteVector packed(static_cast<size_t>(*NumElements(box.shape)));
  CopyView(ConstView(part), View(packed.data(), DataType::kUint8, box.shape));
  return packed;
}

ByteVector Wanted(const Box& box) {
  ByteVector packed(static_cast<size_t>(*NumElements(box.shape)));
  CopyView(Whole().Subview(box), View(packed.data(), DataType::kUint8, box.shape));
  return packed;
}

class Pieces : public ::testing::TestWithParam<std::string_view> {};

TEST_P(Pieces, AnyBoxIsWhatItIsInTheWholeChunk) {
  const CodecChainPtr chain = Chain(GetParam());
  const ByteVector encoded = Encode(*chain, Whole());
  ASSERT_TRUE(chain->DecodesBox(encoded, Box::Full(kShape)));
  std::vector<Box> boxes = {Box::Full(kShape),
                            Box::FromSize({0, 0, 0}, {1, 1, 1}),
                            Box::FromSize({255, 255, 255}, {1, 1, 1}),
                            Box::FromSize({0, 0, 17}, {256, 256, 1}),
                            Box::FromSize({0, 100, 0}, {256, 1, 256}),
                            Box::FromSize({5, 0, 0}, {1, 256, 256}),
                            Box::FromSize({3, 7, 9}, {2, 100, 40})};
  std::minstd_rand dice(3);
  for (int i = 0; i < 20; ++i) {
    Box box = Box::Full(kShape);
    for (int d = 0; d < 3; ++d) {
      box.origin[d] = static_cast<int64_t>(dice()) % kShape[d];
      box.shape[d] = 1 + static_cast<int64_t>(dice()) % (kShape[d] - box.origin[d]);
    }
    boxes.push_back(box);
  }
  for (const Box& box : boxes) {
    EXPECT_EQ(*DecodedBox(*chain, encoded, box), Wanted(box)) << ToString(box);
  }
}

TEST_P(Pieces, AWholeChunkIsDecodedIntoAnyView) {
  const CodecChainPtr chain = Chain(GetParam());
  const ByteVector encoded = Encode(*chain, Whole());
  ByteVector room(2 * Elements().size());
  View apart(room.data(), DataType::kUint8, kShape);
  for (int d = 0; d < 3; ++d) apart.strides[d] *= 2;
  BufferPool pool(MiB(64));
  EXPECT_EQ(chain->Decode(encoded, apart, CodecScratch{&pool}), Status());
  EXPECT_TRUE(std::equal(Elements().begin(), Elements().end(), room.begin(),
                         [&](const std::byte& element, const std::byte&) {
                           const auto i = static_cast<size_t>(&element - Elements().data());
                           return room[2 * i] == element;
                         }));
  EXPECT_LE(pool.held_bytes_peak(), chain->decode_scratch_bytes(encoded, /*whole=*/true));
  const auto head = std::span(encoded).first(CodecChain::kHeadBytes);
  EXPECT_EQ(chain->decode_scratch_bytes(head, /*whole=*/false),
            chain->decode_scratch_bytes(encoded, /*whole=*/true));
  EXPECT_LT(chain->decode_scratch_bytes(encoded, /*whole=*/true), MiB(2));
}

std::string NameOf(const ::testing::TestParamInfo<std::string_view>& codecs) {
  return std::vector<std::string>{"Zstd", "Checked", "Crc", "Transposed"}[codecs.index];
}
INSTANTIATE_TEST_SUITE_P(Codecs, Pieces, ::testing::Values(kZstd, kChecked, kCrc, kTransposed),
                         NameOf);

TEST(Damage, BehindWhatIsWantedIsSeenOnlyByAChecksum) {
  const Box front = Box::FromSize({0, 0, 0}, {2, 256, 256});
  for (const auto& [codecs, told] : {std::pair(kZstd, false), {kChecked, true}, {kCrc, true}}) {
    const CodecChainPtr chain = Chain(codecs);
    ByteVector encoded = Encode(*chain, Whole());
    encoded[encoded.size() - 40] ^= std::byte{1};
    ASSERT_TRUE(chain->DecodesBox(encoded, front)) << codecs;
    const Result<ByteVector> decoded = DecodedBox(*chain, encoded, front);
    if (told) {
      EXPECT_EQ(decoded.status().code(), StatusCode::kDataLoss) << codecs;
    } else {
      EXPECT_EQ(*decoded, Wanted(front)) << codecs;
    }
  }
}

TEST(Damage, OfTheLengthIsTold) {
  const CodecChainPtr chain = Chain(kZstd);
  const ByteVector other(Elements().size() + size_t{256} * 256 * 4);
  for (const size_t size : {Elements().size() - 1, Elements().size() - 256 * 256,
                            Elements().size() + 1, other.size(), size_t{0}}) {
    ByteVector frame(ZSTD_compressBound(size));
    frame.resize(ZSTD_compress(frame.data(), frame.size(), other.data(), size, 1));
    ByteVector room(2 * Elements().size());
    View apart(room.data(), DataType::kUint8, kShape);
    apart.strides[2] = 2;
    apart.strides[1] *= 2;
    apart.strides[0] *= 2;
    const Status status = chain->Decode(frame, apart, Scratch());
    EXPECT_EQ(status.code(), StatusCode::kDataLoss) << size;
    EXPECT_NE(status.ToString().find("codecs[1] (zstd)"), std::string::npos) << status.ToString();
  }
}

TEST(Damage, OfAFrameThatWasCutIsTold) {
  const CodecChainPtr chain = Chain(kZstd);
  const ByteVector encoded = Encode(*chain, Whole());
  for (const size_t left : {size_t{0}, size_t{3}, size_t{12}, size_t{70}, encoded.size() - 1}) {
    const ByteVector cut(encoded.begin(), encoded.begin() + static_cast<ptrdiff_t>(left));
    EXPECT_FALSE(chain->DecodesBox(cut, Box::Full(kShape))) << left;
    EXPECT_EQ(DecodedBox(*chain, cut, Box::Full(kShape)).status().code(), StatusCode::kDataLoss)
        << left;
  }
}

/// Which frames are decoded whole: several, and those that need a large window.
TEST(Whole, IsWhatHasNoPieces) {
  const CodecChainPtr chain = Chain(kZstd);
  const auto compress = [](std::span<const std::byte> in, int window_log) {
    ZSTD_CCtx* const context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, 1);
    ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
    ByteVector out(ZSTD_compressBound(in.size()));
    out.resize(ZSTD_compress2(context, out.data(), out.size(), in.data(), in.size()));
    ZSTD_freeCCtx(context);
    return out;
  };
  const std::span<const std::byte> all(Elements());
  const size_t half = all.size() / 2;
  ByteVector two = compress(all.first(half), 19);
  const ByteVector second = compress(all.subspan(half), 19);
  two.insert(two.end(), second.begin(), second.end());
  ByteVector skipped = compress(all, 19);  // And a frame that means nothing.
  for (const int byte : {0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0}) {
    skipped.push_back(static_cast<std::byte>(byte));
  }
  for (const ByteVector& frames : {two, skipped, compress(all, 22)}) {
    EXPECT_FALSE(chain->DecodesBox(frames, Box::Full(kShape)));
    EXPECT_EQ(chain->decode_scratch_bytes(frames, /*whole=*/true), chain->decode_scratch_bytes());
    ByteVector decoded(all.size());
    const View view(decoded.data(), DataType::kUint8, kShape);
    EXPECT_EQ(chain->Decode(frames, view, Scratch()), Status());
    EXPECT_EQ(decoded, Elements());
  }
  EXPECT_TRUE(chain->DecodesBox(compress(all, 19), Box::Full(kShape)));
}

/// Whether a box of the first planes is decoded by itself.
bool DecodesFront(const std::string& codecs, const Shape& shape, int64_t planes) {
  const ByteVector zeros(static_cast<size_t>(*NumElements(shape)));
  const CodecChainPtr chain = Bind(codecs, ChunkOf<uint8_t>(shape)).OrDie();
  const ByteVector encoded = Encode(*chain, ConstView(zeros.data(), DataType::kUint8, shape));
  Box front = Box::Full(shape);
  front.shape[0] = planes;
  return chain->DecodesBox(encoded, front);
}

TEST(Whole, AreChunksThatAreSmallOrHaveNoPlanesOrAreWantedNearlyToTheEnd) {
  const std::string zstd(kZstd);
  EXPECT_TRUE(DecodesFront(zstd, {64, 128, 64}, 48));
  EXPECT_FALSE(DecodesFront(zstd, {64, 128, 64}, 49));
  EXPECT_FALSE(DecodesFront(zstd, {64, 64, 32}, 1));
  EXPECT_FALSE(DecodesFront(zstd, {1, 4 << 20}, 1));
  EXPECT_TRUE(DecodesFront(zstd, {4 << 20}, 1));
  EXPECT_TRUE(DecodesFront(zstd, kShape, 256));
  EXPECT_FALSE(DecodesFront(R"(["bytes"])", kShape, 1));
  EXPECT_FALSE(DecodesFront(R"(["bytes", {"name": "gzip", "configuration": {"level": 1}}])",
                            {64, 128, 64}, 1));
}

TEST(Whole, IsWhatIsNotStoredAsItStandsInMemory) {
  const CodecChainPtr chain = Bind(R"([{"name": "bytes", "configuration": {"endian": "big"}},
                                       {"name": "zstd", "configuration": {"level": 1}}])",
                                   ChunkOf<uint16_t>(kShape))
                                  .OrDie();
  EXPECT_FALSE(chain->always_in_pieces());
}

}  // namespace
}  // namespace coffer
