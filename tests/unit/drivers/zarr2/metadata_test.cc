// Goal: a .zarray is understood as the specification means it, or refused as a whole with the path
// and what was expected; the documents that options make are those that other readers know.
// Method: tables of patches of one good document; golden documents and chunks, written out by hand.
#include "drivers/zarr2/metadata.h"

#include <gtest/gtest.h>

#include "drivers/zarr2/compressor.h"
#include "tests/support/codecs.h"
#include "tests/unit/drivers/zarr2/bad_documents.h"
#include "tests/unit/drivers/zarr3/documents.h"

namespace coffer::zarr2 {
namespace {

using testing::Codecs;
using testing::Hex;
using zarr3::Patched;

Result<ArrayMetadata> Read(std::string_view patch) {
  return ArrayFromJson(Patched(kGoodArray, patch), Codecs());
}

std::string Fill(std::string_view dtype, std::string_view value) {
  const std::string patch =
      R"({"dtype": ")" + std::string(dtype) + R"(", "fill_value": )" + std::string(value) + "}";
  return Hex(Read(patch).value().chain->chunk().fill_value);
}

TEST(Zarr2Metadata, TheGoodDocument) {
  const ArrayMetadata metadata = Read("{}").value();
  EXPECT_EQ(metadata.grid.shape(), Shape({4, 6}));
  EXPECT_EQ(metadata.grid.cell_shape(), Shape({2, 3}));
  EXPECT_EQ(metadata.chain->chunk().data_type, DataType::kUint16);
  EXPECT_EQ(metadata.keys.Key({1, 0}), "1.0");
  EXPECT_EQ(metadata.fill_value, "7");
  EXPECT_FALSE(metadata.fill_value_undefined);
  EXPECT_EQ(metadata.codecs, R"([{"name":"bytes","configuration":{"endian":"little"}},)"
                             R"({"name":"zstd","configuration":{"level":3,"checksum":true}}])");
}

TEST(Zarr2Metadata, BadDocuments) {
  for (const BadDocument& bad : kBadDocuments) {
    EXPECT_EQ(Read(bad.patch).status().ToString(), bad.error) << bad.patch;
  }
  for (std::string_view text : {"[]", "null", "7", "\"x\""}) {
    EXPECT_EQ(ArrayFromJson(Json::Parse(text).value(), Codecs()).status().ToString(),
              "InvalidArgument: at $: expected an object, got " + std::string(text));
  }
}

TEST(Zarr2Metadata, UnknownMembersAreIgnored) {
  EXPECT_TRUE(Read(R"({"node_type": "array", "extra": [1]})").ok());
}

TEST(Zarr2Metadata, EmptyFiltersAreNone) { EXPECT_TRUE(Read(R"({"filters": []})").ok()); }

TEST(Zarr2Metadata, DataTypesInBothByteOrders) {
  const std::pair<std::string_view, DataType> types[] = {
      {"b1", DataType::kBool},      {"i1", DataType::kInt8},       {"u1", DataType::kUint8},
      {"i2", DataType::kInt16},     {"i4", DataType::kInt32},      {"i8", DataType::kInt64},
      {"u2", DataType::kUint16},    {"u4", DataType::kUint32},     {"u8", DataType::kUint64},
      {"f2", DataType::kFloat16},   {"f4", DataType::kFloat32},    {"f8", DataType::kFloat64},
      {"c8", DataType::kComplex64}, {"c16", DataType::kComplex128}};
  for (const auto& [text, type] : types) {
    for (char order : {'<', '>', '|'}) {
      if (order == '|' && type.size() > 1) continue;
      const std::string patch =
          std::string(R"({"fill_value": null, "dtype": ")") + order + std::string(text) + "\"}";
      const ArrayMetadata metadata = Read(patch).value();
      EXPECT_EQ(metadata.chain->chunk().data_type, type) << patch;
      const bool big = order == '>' && type.size() > 1;
      EXPECT_EQ(metadata.codecs.find("\"big\"") != std::string::npos, big) << patch;
    }
  }
  EXPECT_EQ(Read(R"({"fill_value": null, "dtype": "bfloat16"})").value().chain->chunk().data_type,
            DataType::kBfloat16);
}

TEST(Zarr2Metadata, FillValues) {
  EXPECT_EQ(Fill("|b1", "true"), "01");
  EXPECT_EQ(Fill("|b1", "false"), "00");
  EXPECT_EQ(Fill("|b1", "1"), "01");
  EXPECT_EQ(Fill("|b1", "0"), "00");
  EXPECT_EQ(Fill("|i1", "-128"), "80");
  EXPECT_EQ(Fill(">i2", "-2"), "feff");  // In memory: the machine's order.
  EXPECT_EQ(Fill("<u8", "18446744073709551615"), "ffffffffffffffff");
  EXPECT_EQ(Fill("<f4", "\"NaN\""), "0000c07f");
  EXPECT_EQ(Fill(">f8", "\"-Infinity\""), "000000000000f0ff");
  EXPECT_EQ(Fill("<f2", "\"Infinity\""), "007c");
  EXPECT_EQ(Fill("bfloat16", "1.5"), "c03f");
  EXPECT_EQ(Fill("<c8", R"([1.0, "NaN"])"), "0000803f0000c07f");
  EXPECT_EQ(Fill("<c8", "\"AACAPwAAAEA=\""), "0000803f00000040");  // 1 + 2i as NumPy has it,
  EXPECT_EQ(Fill(">c8", "\"P4AAAEAAAAA=\""), "0000803f00000040");  // and in the other order.
  EXPECT_EQ(Fill("<f4", "null"), "00000000");
  EXPECT_TRUE(Read(R"({"fill_value": null})").value().fill_value_undefined);
}

TEST(Zarr2Metadata, OrderAndKeys) {
  const ArrayMetadata metadata = Read(R"({"order": "F", "dimension_separator": "/"})").value();
  EXPECT_TRUE(
      metadata.codecs.starts_with(R"([{"name":"transpose","configuration":{"order":[1,0]}},)"));
  EXPECT_EQ(metadata.keys.Key({1, 0}), "1/0");
  const ArrayMetadata scalar = Read(R"({"shape": [], "chunks": [], "order": "F"})").value();
  EXPECT_EQ(scalar.keys.Key({}), "0");
  EXPECT_EQ(scalar.codecs.find("transpose"), std::string::npos);
}

TEST(Zarr2Metadata, BloscInNumcodecsWords) {
  const auto configuration = [](std::string_view dtype, std::string_view members) {
    const std::string patch = R"({"fill_value": null, "dtype": ")" + std::string(dtype) +
                              R"(", "compressor": {"id": "blosc")" + std::string(members) + "}}";
    const Json codecs = Json::Parse(Read(patch).value().codecs).value();
    return codecs.array()[1].Find("configuration")->Dump();
  };
  EXPECT_EQ(configuration("<u2", ""),
            R"({"cname":"lz4","clevel":5,"shuffle":"shuffle","typesize":2,"blocksize":0})");
  EXPECT_EQ(configuration("<f8", R"(, "shuffle": -1)"),
            R"({"cname":"lz4","clevel":5,"shuffle":"shuffle","typesize":8,"blocksize":0})");
  EXPECT_EQ(configuration("|u1", R"(, "shuffle": -1, "cname": "zstd", "clevel": 1)"),
            R"({"cname":"zstd","clevel":1,"shuffle":"bitshuffle","typesize":1,"blocksize":0})");
  EXPECT_EQ(configuration("<c16", R"(, "shuffle": 0, "blocksize": 512)"),
            R"({"cname":"lz4","clevel":5,"shuffle":"noshuffle","typesize":16,"blocksize":512})");
}

TEST(Zarr2Metadata, AttributesOfOldWriters) {
  EXPECT_EQ(AttributesFromText(R"({"a": NaN, "b": [Infinity, -Infinity], "NaN": "is -Infinity"})")
                .value(),
            R"({"a":NaN,"b":[Infinity,-Infinity],"NaN":"is -Infinity"})");
  EXPECT_EQ(AttributesFromText(R"({"a\"": "\\", "b": NaN})").value(), R"({"a\"":"\\","b":NaN})");
  EXPECT_EQ(AttributesFromText("[]").status().ToString(),
            "InvalidArgument: at $: expected an object, got []");
  EXPECT_TRUE(AttributesFromText(R"({"a": nan})").status().message().starts_with("JSON, line 1"));
  EXPECT_EQ(AttributesFromText("").status().code(), StatusCode::kInvalidArgument);
}

std::string Created(const CreateOptions& options) {
  const Result<Json> json = ArrayToJson(options);
  return json.ok() ? json->Dump() : json.status().ToString();
}

TEST(Zarr2Create, GoldenDocuments) {
  EXPECT_EQ(Created({.shape = {4, 6}, .data_type = DataType::kUint16, .chunk_shape = {2, 3}}),
            R"({"zarr_format":2,"shape":[4,6],"chunks":[2,3],"dtype":"<u2",)"
            R"("compressor":{"id":"zstd","level":3},"fill_value":0,"order":"C",)"
            R"("filters":null,"dimension_separator":"."})");
  EXPECT_EQ(Created({.shape = {},
                     .data_type = DataType::kBool,
                     .codec = Blosc("zstd", 9, "bitshuffle"),
                     .format = {.fill_value = "true",
                                .chunk_key_encoding = "v2",
                                .chunk_key_separator = '/'}}),
            R"({"zarr_format":2,"shape":[],"chunks":[],"dtype":"|b1","compressor":{"id":"blosc",)"
            R"("cname":"zstd","clevel":9,"shuffle":2},"fill_value":true,"order":"C",)"
            R"("filters":null,"dimension_separator":"/"})");
  EXPECT_EQ(Created({.shape = {3},
                     .data_type = DataType::kFloat64,
                     .codec = Zstd(1),
                     .format = {.fill_value = "\"NaN\"", .checksum = false}}),
            R"({"zarr_format":2,"shape":[3],"chunks":[3],"dtype":"<f8",)"
            R"("compressor":{"id":"zstd","level":1,"checksum":false},"fill_value":"NaN",)"
            R"("order":"C","filters":null,"dimension_separator":"."})");
  EXPECT_EQ(Created({.shape = {3},
                     .data_type = DataType::kBfloat16,
                     .codec = Uncompressed(),
                     .format = {.fill_value = "null"}}),
            R"({"zarr_format":2,"shape":[3],"chunks":[3],"dtype":"bfloat16","compressor":null,)"
            R"("fill_value":null,"order":"C","filters":null,"dimension_separator":"."})");
  EXPECT_EQ(
      Created({.shape = {3},
               .data_type = DataType::kInt32,
               .format = {.codecs = R"({"compressor":{"id":"lz4"},"order":"F","dtype":">i4"})"}}),
      R"({"zarr_format":2,"shape":[3],"chunks":[3],"dtype":">i4","compressor":{"id":"lz4"},)"
      R"("fill_value":0,"order":"F","filters":null,"dimension_separator":"."})");
}

TEST(Zarr2Create, OptionsThatZarr2Lacks) {
  EXPECT_EQ(Created({.shape = {4}, .chunk_shape = {2}, .shard_shape = {4}}),
            "InvalidArgument: shard_shape [4]: Zarr v2 has no shards");
  EXPECT_EQ(Created({.shape = {4}, .format = {.dimension_names = {"x"}}}),
            "InvalidArgument: dimension_names: Zarr v2 has none");
  EXPECT_EQ(Created({.shape = {4}, .data_type = DataType::Raw(3)}),
            "Unimplemented: data_type: r24 cannot be stored in Zarr v2 yet");
  EXPECT_EQ(Created({.shape = {4}, .format = {.chunk_key_encoding = "v3"}}),
            "InvalidArgument: format.chunk_key_encoding: expected \"default\" or \"v2\", got "
            "\"v3\"");
  EXPECT_EQ(
      Created({.shape = {4}, .format = {.chunk_key_encoding = "v2", .chunk_key_separator = '-'}}),
      "InvalidArgument: format.chunk_key_separator: expected '/' or '.', got \"-\"");
  EXPECT_EQ(Created({.shape = {4}, .format = {.codecs = "[]"}}),
            "InvalidArgument: format.codecs: at $: expected an object, got []");
  EXPECT_EQ(Created({.shape = {4}, .format = {.codecs = R"({"dtype": "<i4"})"}}),
            "InvalidArgument: format.codecs: dtype \"<i4\" is not uint8");
  EXPECT_EQ(Created({.shape = {4}, .format = {.codecs = R"({"filters": [{"id": "delta"}]})"}}),
            "Unimplemented: format.codecs: filters are not supported yet");
  EXPECT_EQ(Created({.shape = {4}, .format = {.codecs = R"({"level": 1})"}}),
            "InvalidArgument: format.codecs: at $: unknown member \"level\"");
  EXPECT_EQ(Created({.shape = {4}, .format = {.fill_value = "256"}}),
            "InvalidArgument: at format.fill_value: expected an integer from 0 to 255, got 256");
}

TEST(Zarr2Snapshot, NodesByName) {
  const GroupSnapshot snapshot =
      SnapshotFromText(R"({"metadata": {"b/.zattrs": {"x": 1}, ".zgroup": {"zarr_format": 2},
                           "b/.zarray": {"shape": [1]}, "a/.zgroup": {"zarr_format": 2},
                           "c/.zattrs": {}},
                           "zarr_consolidated_format": 1})")
          .value();
  ASSERT_EQ(snapshot.nodes.size(), 2U);
  EXPECT_EQ(snapshot.nodes.at("a").kind, NodeKind::kGroup);
  EXPECT_EQ(snapshot.nodes.at("b").kind, NodeKind::kArray);
  EXPECT_EQ(snapshot.nodes.at("b").document, R"({"shape":[1]})");
  EXPECT_EQ(snapshot.nodes.at("b").attributes, R"({"x":1})");
}

TEST(Zarr2Snapshot, BadTexts) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"[]", "at $: expected an object, got []"},
      {"{}", "at $: missing member \"zarr_consolidated_format\""},
      {R"({"zarr_consolidated_format": 2})", "at $.zarr_consolidated_format: expected 1, got 2"},
      {R"({"zarr_consolidated_format": 1})", "at $: missing member \"metadata\""},
      {R"({"zarr_consolidated_format": 1, "metadata": []})",
       "at $.metadata: expected an object, got []"},
      {R"({"zarr_consolidated_format": 1, "metadata": {"a/.zattrs": 7}})",
       "at $.metadata[\"a/.zattrs\"]: expected an object, got 7"}};
  for (const auto& [text, error] : cases) {
    EXPECT_EQ(SnapshotFromText(text).status().message(), error) << text;
  }
}

// Chunks as bytes on disk, from the specification's words: [[0, 1, 2], [3, 4, 5]].
TEST(Zarr2Chunks, GoldenBytes) {
  const std::vector<uint16_t> values = {0, 1, 2, 3, 4, 5};
  const ConstView view(reinterpret_cast<const std::byte*>(values.data()), DataType::kUint16,
                       Shape({2, 3}));
  const std::pair<std::string_view, std::string_view> cases[] = {
      {R"({"compressor": null})", "000001000200030004000500"},
      {R"({"compressor": null, "order": "F"})", "000003000100040002000500"},
      {R"({"compressor": null, "dtype": ">u2"})", "000000010002000300040005"},
      {R"({"compressor": null, "dtype": ">u2", "order": "F"})", "000000030001000400020005"},
      {R"({"compressor": {"id": "lz4"}})", "0c000000c0000001000200030004000500"},
      {R"({"compressor": {"id": "zlib", "level": 0}})",
       "7801010c00f3ff00000100020003000400050000520010"}};
  for (const auto& [patch, hex] : cases) {
    EXPECT_EQ(Hex(testing::Encode(*Read(patch).value().chain, view)), hex) << patch;
  }
}

TEST(Zarr2Compressor, OfOptions) {
  EXPECT_EQ(CompressorToJson(Uncompressed(), true).value(), Json());
  EXPECT_EQ(CompressorToJson(Gzip(4), true).value().Dump(), R"({"id":"gzip","level":4})");
  EXPECT_EQ(CompressorToJson(Blosc("lz4", 5, ""), true).value().Dump(),
            R"({"id":"blosc","cname":"lz4","clevel":5,"shuffle":-1})");
  EXPECT_EQ(CompressorToJson({"lzma", "[]"}, true).status().ToString(),
            "InvalidArgument: codec \"lzma\": at $: expected an object, got []");
}

}  // namespace
}  // namespace coffer::zarr2
