// Goal: every codec that coffer comes with keeps the promises of Codec.
// Method: the conformance suite, registered for each kind of configuration; and a check that no
// built-in codec is left out. Those that only drivers make (Zarr v2's) are put into its tables.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "coffer/testing/codec_conformance.h"
#include "drivers/codecs/bz2.h"
#include "drivers/codecs/lz4.h"
#include "drivers/codecs/lzma.h"
#include "drivers/codecs/zlib.h"

namespace coffer {
namespace {

using testing::CodecConformance;
using testing::RegisterCodecConformance;

constexpr Codec::Kind kTurn = Codec::Kind::kArrayToArray;
constexpr Codec::Kind kArray = Codec::Kind::kArrayToBytes;

ChunkSpec Chunk(DataType type, const Shape& shape) {
  return {type, shape, std::vector<std::byte>(static_cast<size_t>(type.size()), std::byte{1})};
}

std::set<std::string>& Covered() {
  static std::set<std::string>& covered = *new std::set<std::string>();
  return covered;
}

int Cover(CodecConformance codec) {
  Covered().insert(codec.codec);
  return RegisterCodecConformance(std::move(codec));
}

const int kCount[] = {
    Cover({.name = "Crc32c", .codec = "crc32c", .refused = {R"({"x": 1})"}}),
    Cover({.name = "Gzip",
           .codec = "gzip",
           .configurations = {R"({"level": 0})", R"({"level": 6})"},
           .refused = {R"({"level": 10})", R"({"level": "6"})", "{}", R"({"level": 1, "x": 1})"}}),
    Cover({.name = "Zstd",
           .codec = "zstd",
           .configurations = {R"({"level": 3, "checksum": false})",
                              R"({"level": -5, "checksum": true})"},
           .refused = {R"({"level": 99})", R"({"level": 3, "checksum": 1})", R"({"y": 3})"}}),
    Cover({.name = "BloscLz4",
           .codec = "blosc",
           .configurations =
               {R"({"cname": "lz4", "clevel": 5, "shuffle": "shuffle", "typesize": 4,
                    "blocksize": 0})",
                R"({"cname": "zstd", "clevel": 1, "shuffle": "bitshuffle", "typesize": 8,
                    "blocksize": 0})",
                R"({"cname": "blosclz", "clevel": 0, "shuffle": "noshuffle", "blocksize": 0})"},
           .refused = {R"({"cname": "rot13", "clevel": 5, "shuffle": "noshuffle"})"}}),
    Cover({.name = "Bytes",
           .codec = "bytes",
           .kind = kArray,
           .configurations = {R"({"endian": "little"})", R"({"endian": "big"})"},
           .refused = {R"({"endian": "middle"})", R"({"endian": 1})", R"({"x": 1})"}}),
    Cover({.name = "Endian",
           .codec = "endian",
           .kind = kArray,
           .configurations = {R"({"endian": "big"})"}}),
    Cover({.name = "Sharding",
           .codec = "sharding_indexed",
           .kind = kArray,
           .configurations = {R"({"chunk_shape": [2, 3], "index_location": "end",
                    "codecs": [{"name": "bytes", "configuration": {"endian": "little"}},
                               {"name": "crc32c"}],
                    "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}},
                                     {"name": "crc32c"}]})",
                              R"({"chunk_shape": [1, 1], "index_location": "start",
                    "codecs": [{"name": "bytes", "configuration": {"endian": "big"}}],
                    "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}]})"},
           .refused = {"{}", R"({"chunk_shape": [0], "codecs": ["bytes"], "index_codecs": []})"},
           .chunks = {Chunk(DataType::kUint8, {4, 6}), Chunk(DataType::kFloat32, {2, 3})}}),
    Cover({.name = "Transpose",
           .codec = "transpose",
           .kind = kTurn,
           .configurations = {R"({"order": [1, 2, 0]})", R"({"order": [2, 1, 0]})"},
           .refused = {R"({"order": [0, 0]})", R"({"order": "Q"})", "{}"},
           .chunks = {Chunk(DataType::kInt16, {2, 3, 4}), Chunk(DataType::kFloat64, {1, 5, 1})}}),
    Cover({.name = "Zlib",
           .codec = "zlib",
           .add = [](CodecTable& table) { return table.Add({"zlib", MakeZlibCodec}); },
           .configurations = {"{}", R"({"level": -1})", R"({"level": 0})"},
           .refused = {R"({"level": 10})", R"({"level": -2})", R"({"x": 1})"}}),
    Cover({.name = "Lz4",
           .codec = "lz4",
           .add = [](CodecTable& table) { return table.Add({"lz4", MakeLz4Codec}); },
           .configurations = {"{}", R"({"acceleration": 9})", R"({"acceleration": -1})"},
           .refused = {R"({"acceleration": "1"})", R"({"acceleration": 2147483648})",
                       R"({"x": 1})"}}),
    Cover({.name = "Bz2",
           .codec = "bz2",
           .add = [](CodecTable& table) { return table.Add({"bz2", MakeBz2Codec}); },
           .configurations = {"{}"},
           .refused = {R"({"level": 0})", R"({"level": 10})", R"({"x": 1})"}}),
    Cover({.name = "Lzma",
           .codec = "lzma",
           .add = [](CodecTable& table) { return table.Add({"lzma", MakeLzmaCodec}); },
           .configurations = {R"({"preset": 0})", R"({"format": 2, "preset": 0})",
                              R"({"format": 3, "filters": [{"id": 3, "dist": 4},
                                                           {"id": 33, "preset": 0}]})"},
           .refused = {R"({"format": 4})", R"({"format": 3})", R"({"check": 16})",
                       R"({"filters": [{"dist": 1}]})", R"({"x": 1})"}}),
};

TEST(CodecConformance, CoversEveryBuiltInCodec) {
  for (const std::string& name : CodecTable().names()) {
    EXPECT_TRUE(Covered().contains(name)) << name << " does not run the conformance suite";
  }
  for (const int count : kCount) EXPECT_GE(count, 6);
  EXPECT_EQ(kCount[0], 17);
}

}  // namespace
}  // namespace coffer
