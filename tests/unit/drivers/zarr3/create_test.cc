// Goal: what Create writes is exactly the document we mean, and options that make no sense are
// refused by name.
// Method: golden documents; a table of bad options with their whole messages; default chunk shapes
// by table and by property; and everything written is understood again.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <functional>

#include "drivers/zarr/layout.h"
#include "drivers/zarr3/metadata.h"

namespace coffer::zarr3 {
namespace {

using zarr::DefaultChunkShape;
using zarr::DefaultInnerChunkShape;

std::string Message(const CreateOptions& options) {
  const Result<Json> json = ArrayToJson(options);
  if (!json.ok()) return json.status().ToString();
  const Status status = ArrayFromJson(*json, CodecTable()).status();
  return status.ToString();
}

TEST(Zarr3Create, GoldenDocument) {
  const Json document = ArrayToJson({.shape = {1000, 2000},
                                     .data_type = DataType::kUint16,
                                     .chunk_shape = {100, 200},
                                     .attributes = R"({"z": 1, "a": {"y": [1.5, null]}})"})
                            .value();
  EXPECT_EQ(document.Dump(2), R"({
  "zarr_format": 3,
  "node_type": "array",
  "shape": [
    1000,
    2000
  ],
  "data_type": "uint16",
  "chunk_grid": {
    "name": "regular",
    "configuration": {
      "chunk_shape": [
        100,
        200
      ]
    }
  },
  "chunk_key_encoding": {
    "name": "default",
    "configuration": {
      "separator": "/"
    }
  },
  "fill_value": 0,
  "codecs": [
    {
      "name": "bytes",
      "configuration": {
        "endian": "little"
      }
    },
    {
      "name": "zstd",
      "configuration": {
        "level": 3,
        "checksum": false
      }
    },
    {
      "name": "crc32c"
    }
  ],
  "attributes": {
    "z": 1,
    "a": {
      "y": [
        1.5,
        null
      ]
    }
  }
})");
}

TEST(Zarr3Create, GoldenShardedDocumentWithEveryOption) {
  const Json document = ArrayToJson({.shape = {10, 0},
                                     .data_type = DataType::kFloat32,
                                     .chunk_shape = {2, 3},
                                     .shard_shape = {4, 9},
                                     .codec = Blosc("zstd", 7),
                                     .attributes = R"({"k": "v"})",
                                     .format = {.fill_value = R"("0x7FC00001")",
                                                .checksum = false,
                                                .dimension_names = {{"", std::nullopt}},
                                                .dimension_units = {{"4 nm", std::nullopt}},
                                                .chunk_key_encoding = "v2",
                                                .chunk_key_separator = '.'}})
                            .value();
  EXPECT_EQ(document.Dump(),
            R"({"zarr_format":3,"node_type":"array","shape":[10,0],"data_type":"float32",)"
            R"("chunk_grid":{"name":"regular","configuration":{"chunk_shape":[4,9]}},)"
            R"("chunk_key_encoding":{"name":"v2","configuration":{"separator":"."}},)"
            R"("fill_value":"0x7fc00001","codecs":[{"name":"sharding_indexed","configuration":)"
            R"({"chunk_shape":[2,3],"codecs":[{"name":"bytes","configuration":)"
            R"({"endian":"little"}},{"name":"blosc","configuration":{"cname":"zstd",)"
            R"("clevel":7,"shuffle":"shuffle","typesize":4,"blocksize":0}}],)"
            R"("index_codecs":[{"name":"bytes","configuration":{"endian":"little"}},)"
            R"({"name":"crc32c"}],"index_location":"end"}}],)"
            R"("attributes":{"k":"v","dimension_units":["4 nm",null]},)"
            R"("dimension_names":["",null]})");
  EXPECT_EQ(ArrayFromJson(document, CodecTable()).status(), Status());
}

std::string Codecs(CreateOptions options) {
  return ArrayToJson(options).value().Find("codecs")->Dump();
}

TEST(Zarr3Create, CodecsOfOptions) {
  const std::string bytes = R"({"name":"bytes","configuration":{"endian":"little"}})";
  const std::string crc = R"({"name":"crc32c"})";
  EXPECT_EQ(Codecs({.shape = {4}, .codec = Uncompressed()}), "[" + bytes + "," + crc + "]");
  EXPECT_EQ(Codecs({.shape = {4}, .codec = Uncompressed(), .format = {.checksum = false}}),
            "[" + bytes + "]");
  EXPECT_EQ(Codecs({.shape = {4}, .codec = Gzip(2)}),
            "[" + bytes + R"(,{"name":"gzip","configuration":{"level":2}},)" + crc + "]");
  EXPECT_EQ(Codecs({.shape = {4}, .data_type = DataType::kUint8, .codec = Blosc()}),
            "[" + bytes +
                R"(,{"name":"blosc","configuration":{"cname":"lz4","clevel":5,)"
                R"("shuffle":"noshuffle","typesize":1,"blocksize":0}},)" +
                crc + "]");
  EXPECT_EQ(Codecs({.shape = {4},
                    .data_type = DataType::kComplex128,
                    .codec = Blosc("lz4", 1, "bitshuffle")}),
            "[" + bytes +
                R"(,{"name":"blosc","configuration":{"cname":"lz4","clevel":1,)"
                R"("shuffle":"bitshuffle","typesize":16,"blocksize":0}},)" +
                crc + "]");
}

TEST(Zarr3Create, GivenCodecsAreWrittenInTheLongForm) {
  EXPECT_EQ(Codecs({.shape = {4, 4},
                    .chunk_shape = {4, 4},
                    .format = {.codecs = R"([{"name":"transpose","configuration":{"order":[1,0]}},
                        {"name":"bytes","configuration":{"endian":"big"}}, "crc32c"])"}}),
            R"([{"name":"transpose","configuration":{"order":[1,0]}},)"
            R"({"name":"bytes","configuration":{"endian":"big"}},{"name":"crc32c"}])");
}

TEST(Zarr3Create, FillValueIsZeroOrWhatIsGiven) {
  const auto fill = [](DataType type, std::string text) {
    return ArrayToJson({.shape = {1}, .data_type = type, .format = {.fill_value = text}})
        .value()
        .Find("fill_value")
        ->Dump();
  };
  EXPECT_EQ(fill(DataType::kBool, ""), "false");
  EXPECT_EQ(fill(DataType::kInt64, ""), "0");
  EXPECT_EQ(fill(DataType::kFloat16, ""), "0.0");
  EXPECT_EQ(fill(DataType::kComplex64, ""), "[0.0,0.0]");
  EXPECT_EQ(fill(DataType::Raw(3), ""), "[0,0,0]");
  EXPECT_EQ(fill(DataType::kUint64, "18446744073709551615"), "18446744073709551615");
  EXPECT_EQ(fill(DataType::kFloat64, "\"0xfff8000000000000\""), "\"0xfff8000000000000\"");
}

TEST(Zarr3Create, BadOptionsAreNamed) {
  using O = CreateOptions;
  const struct {
    O options;
    std::string message;
  } kCases[] = {
      {O{.shape = {4, -1}}, "shape [4, -1]: an extent is negative"},
      {O{.shape = {4, 4}, .chunk_shape = {4}},
       "chunk_shape [4]: expected 2 extents, as shape [4, 4] has"},
      {O{.shape = {}, .chunk_shape = {1}}, "chunk_shape [1]: expected 0 extents, as shape [] has"},
      {O{.shape = {4}, .chunk_shape = {0}}, "chunk_shape [0]: every extent must be at least 1"},
      {O{.shape = {4}, .shard_shape = {-8}}, "shard_shape [-8]: every extent must be at least 1"},
      {O{.shape = {4, 4}, .shard_shape = {4, 4, 4}},
       "shard_shape [4, 4, 4]: expected 2 extents, as shape [4, 4] has"},
      {O{.shape = {9, 9}, .chunk_shape = {2, 2}, .shard_shape = {4, 5}},
       "shard_shape [4, 5] is not a multiple of chunk_shape [2, 2]"},
      {O{.shape = {4}, .format = {.dimension_names = {{"x", "y"}}}},
       "dimension_names: 2 for an array of 1 dimensions"},
      {O{.shape = {4, 4}, .format = {.dimension_units = {{"nm"}}}},
       "dimension_units: 1 for an array of 2 dimensions"},
      {O{.shape = {4}, .attributes = "[1]"}, "attributes: expected a JSON object"},
      {O{.shape = {4}, .attributes = "{"},
       "attributes: JSON, line 1, column 2: syntax error while parsing object key - unexpected end "
       "of input; expected string literal"},
      {O{.shape = {4},
         .attributes = R"({"dimension_units": 1})",
         .format = {.dimension_units = {{"nm"}}}},
       "dimension_units: stands in the attributes as well"},
      {O{.shape = {4}, .format = {.fill_value = "256"}},
       "at format.fill_value: expected an integer from 0 to 255, got 256"},
      {O{.shape = {4}, .format = {.fill_value = "NaN"}},
       "format.fill_value: JSON, line 1, column 1: syntax error while parsing value - invalid "
       "literal"},
      {O{.shape = {4}, .format = {.chunk_key_encoding = "v1"}},
       "format.chunk_key_encoding: expected \"default\" or \"v2\", got \"v1\""},
      {O{.shape = {4}, .format = {.chunk_key_separator = '-'}},
       "format.chunk_key_separator: expected '/' or '.', got \"-\""},
      {O{.shape = {4}, .shard_shape = {4}, .format = {.codecs = "[\"bytes\"]"}},
       "shard_shape: shards are part of format.codecs if that is given"},
      {O{.shape = {4}, .codec = Zstd(23)},
       "codec \"zstd\": at $.level: expected an integer from -131072 to 22, got 23"},
      {O{.shape = {4}, .format = {.codecs = "[\"crc32c\"]"}},
       "at $.codecs: no array -> bytes codec"},
  };
  for (const auto& [options, message] : kCases) {
    EXPECT_EQ(Message(options), "InvalidArgument: " + message);
  }
}

TEST(Zarr3Create, UnknownCodecsAreNotDropped) {
  EXPECT_EQ(Message({.shape = {4},
                     .format = {.codecs = R"([{"name":"bytes","configuration":{"endian":"little"}},
                                  {"name":"zipline","must_understand":false}])"}}),
            "Unimplemented: format.codecs: holds a codec that is not known here");
}

TEST(Zarr3Create, TooLargeChunks) {
  EXPECT_EQ(Message({.shape = {1 << 20, 1 << 20}, .chunk_shape = {1 << 17, 1 << 15}}), "OK");
  EXPECT_EQ(Message({.shape = {1 << 20, 1 << 20}, .chunk_shape = {1 << 17, (1 << 15) + 1}}),
            "Unimplemented: at $.chunk_grid: a chunk of shape [131072, 32769] has 4295098368 "
            "bytes; at most 4294967296 are decoded as one");
  EXPECT_EQ(Message({.shape = {int64_t{1} << 40, int64_t{1} << 20},
                     .chunk_shape = {1 << 20, 1 << 10},
                     .shard_shape = {1 << 30, 1 << 20}}),
            "OK");
  // An inner chunk that is a shard again is decoded as one.
  EXPECT_EQ(Message({.shape = {1 << 20, 1 << 20},
                     .chunk_shape = {1 << 18, 1 << 18},
                     .format = {.codecs = R"([{"name": "sharding_indexed", "configuration": {
                         "chunk_shape": [131072, 131072],
                         "codecs": [{"name": "sharding_indexed", "configuration": {
                             "chunk_shape": [1024, 1024],
                             "codecs": [{"name": "bytes"}],
                             "index_codecs": [{"name": "bytes",
                                               "configuration": {"endian": "little"}}]}}],
                         "index_codecs": [{"name": "bytes",
                                           "configuration": {"endian": "little"}}]}}])"}}),
            "Unimplemented: at $.codecs: a chunk of shape [131072, 131072] has 17179869184 bytes; "
            "at most 4294967296 are decoded as one");
}

TEST(Zarr3Create, DefaultChunkShapes) {
  const struct {
    Shape shape;
    DataType type;
    Shape chunk;
  } kCases[] = {
      {{}, DataType::kFloat64, {}},
      {{0}, DataType::kFloat64, {1}},
      {{0, 10}, DataType::kUint8, {1, 10}},
      {{1 << 20}, DataType::kUint8, {1 << 20}},
      {{(1 << 20) + 1}, DataType::kUint8, {(1 << 19) + 1}},
      {{1024, 1024, 1024}, DataType::kUint16, {64, 64, 128}},
      {{3, 100000}, DataType::kFloat64, {3, 25000}},
      {{INT64_MAX, INT64_MAX}, DataType::kUint8, {1024, 1024}},
  };
  for (const auto& [shape, type, chunk] : kCases) {
    EXPECT_EQ(DefaultChunkShape(shape, type), chunk) << shape;
  }
}

TEST(Zarr3Create, DefaultInnerChunkShapesDivideTheShard) {
  EXPECT_EQ(DefaultInnerChunkShape({512, 512, 512}, DataType::kUint16), Shape({64, 64, 128}));
  EXPECT_EQ(DefaultInnerChunkShape({3 * 1000003, 2}, DataType::kUint8), Shape({1000003, 1}));
  EXPECT_EQ(DefaultInnerChunkShape({2097143}, DataType::kUint8), Shape({1}));  // A prime.
  const bool held = rc::check("divides, and about 1 MiB", [] {
    Shape shard;
    for (int d = *rc::gen::inRange(1, 5); d > 0; --d) {
      shard.push_back(*rc::gen::inRange<int64_t>(1, 5000));
    }
    const Shape chunk = DefaultInnerChunkShape(shard, DataType::kFloat32);
    RC_ASSERT(chunk.rank() == shard.rank());
    for (int d = 0; d < shard.rank(); ++d) RC_ASSERT(shard[d] % chunk[d] == 0);
    RC_ASSERT(*NumElements(chunk) * 4 <= MiB(1));
  });
  EXPECT_TRUE(held);
}

}  // namespace
}  // namespace coffer::zarr3
