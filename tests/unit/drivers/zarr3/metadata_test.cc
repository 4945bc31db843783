// Goal: good documents are understood as they mean it; each bad one is refused at open, by a text
// that names the place in it.
// Method: one good document and a table of patches to it, with the whole message of each; further
// tables for what is accepted in more than one form.
#include "drivers/zarr3/metadata.h"

#include <gtest/gtest.h>

#include "tests/unit/drivers/zarr3/bad_documents.h"
#include "tests/unit/drivers/zarr3/documents.h"

namespace coffer::zarr3 {
namespace {

Result<ArrayMetadata> Read(const Json& document) {
  COFFER_ASSIGN_OR_RETURN(const std::string type, NodeTypeOf(document));
  if (type != "array") return FailedPreconditionError("not an array");
  return ArrayFromJson(document, CodecTable());
}

Result<ArrayMetadata> ReadPatched(std::string_view patch) {
  return Read(Patched(kGoodArray, patch));
}

TEST(Zarr3Metadata, GoodDocument) {
  const ArrayMetadata metadata = ReadPatched("{}").value();
  EXPECT_EQ(metadata.grid.shape(), Shape({4, 6}));
  EXPECT_EQ(metadata.grid.cell_shape(), Shape({2, 3}));
  EXPECT_EQ(metadata.grid.grid_shape(), Shape({2, 2}));
  EXPECT_EQ(metadata.chain->chunk().data_type, DataType::kUint16);
  EXPECT_EQ(metadata.chain->chunk().fill_value,
            std::vector<std::byte>({std::byte{7}, std::byte{0}}));
  EXPECT_TRUE(metadata.chain->has_checksum());
  EXPECT_EQ(metadata.keys.Key({1, 0}), "c/1/0");
  EXPECT_TRUE(metadata.dimension_names.empty());
  EXPECT_EQ(metadata.attributes, R"({"b":1,"a":[null]})");
}

TEST(Zarr3Metadata, BadDocuments) {
  for (const auto& [patch, error] : kBadDocuments) {
    EXPECT_EQ(ReadPatched(patch).status().ToString(), error) << patch;
  }
}

TEST(Zarr3Metadata, DocumentsThatAreNoObjects) {
  for (std::string_view text : {"[]", "null", "3", "\"array\""}) {
    EXPECT_EQ(Read(*Json::Parse(text)).status().message(),
              "at $: expected an object, got " + std::string(text));
  }
  EXPECT_EQ(Read(*Json::Parse("{}")).status().message(), "at $: missing member \"zarr_format\"");
}

TEST(Zarr3Metadata, UnknownMembersThatMayBeIgnored) {
  for (std::string_view patch :
       {R"({"extra": {"must_understand": false}})",
        R"({"extra": {"must_understand": false, "name": 1, "more": [2]}})",
        R"({"consolidated_metadata": {"must_understand": false}})",
        R"({"storage_transformers": []})", R"({"attributes": {"must_understand": true}})"}) {
    EXPECT_EQ(ReadPatched(patch).status(), Status()) << patch;
  }
}

TEST(Zarr3Metadata, ShortAndLongFormsMeanTheSame) {
  const ArrayMetadata metadata =
      ReadPatched(R"({"data_type": {"name": "uint16", "configuration": {}, "must_understand": true},
                      "chunk_key_encoding": "v2",
                      "codecs": [{"name": "endian", "configuration": {"endian": "big"}}, "crc32c",
                                 {"name": "crc32c", "configuration": {}, "must_understand": false}
                                ]})")
          .value();
  EXPECT_EQ(metadata.chain->chunk().data_type, DataType::kUint16);
  EXPECT_EQ(metadata.keys.Key({1, 0}), "1.0");
  EXPECT_EQ(metadata.chain->max_encoded_size(), 2 * 3 * 2 + 4 + 4);
  EXPECT_EQ(ReadPatched(R"({"data_type": "uint8", "fill_value": 0, "codecs": ["bytes"]})")
                .value()
                .chain->is_identity(),
            true);
}

TEST(Zarr3Metadata, UnknownCodecsThatMayBeSkipped) {
  const ArrayMetadata metadata = ReadPatched(R"({"codecs": [{"name": "a", "must_understand": false},
                                 {"name": "bytes", "configuration": {"endian": "little"}},
                                 {"name": "b", "configuration": {"c": 1},
                                  "must_understand": false}]})")
                                     .value();
  EXPECT_EQ(metadata.chain->max_encoded_size(), 12);
}

TEST(Zarr3Metadata, DataTypes) {
  const struct {
    std::string_view name, fill_value;
    DataType type;
  } kCases[] = {
      {"bool", "true", DataType::kBool},
      {"int8", "-1", DataType::kInt8},
      {"int16", "-1", DataType::kInt16},
      {"int32", "-1", DataType::kInt32},
      {"int64", "-1", DataType::kInt64},
      {"uint8", "1", DataType::kUint8},
      {"uint16", "1", DataType::kUint16},
      {"uint32", "1", DataType::kUint32},
      {"uint64", "1", DataType::kUint64},
      {"float16", "1", DataType::kFloat16},
      {"bfloat16", "1", DataType::kBfloat16},
      {"float32", "1", DataType::kFloat32},
      {"float64", "1", DataType::kFloat64},
      {"complex64", "[1, 1]", DataType::kComplex64},
      {"complex128", "[1, 1]", DataType::kComplex128},
      {"complex_float32", "[1, 1]", DataType::kComplex64},
      {"complex_float64", "[1, 1]", DataType::kComplex128},
      {"r24", "[1, 2, 3]", DataType::Raw(3)},
  };
  for (const auto& [name, fill_value, type] : kCases) {
    Json document = Patched(kGoodArray, "{}");
    document.Set("data_type", name);
    document.Set("fill_value", *Json::Parse(fill_value));
    const auto metadata = Read(document);
    ASSERT_TRUE(metadata.ok()) << metadata.status();
    EXPECT_EQ(metadata->chain->chunk().data_type, type) << name;
  }
}

TEST(Zarr3Metadata, DimensionNamesTellNullFromEmpty) {
  const auto names = ReadPatched(R"({"dimension_names": [null, ""]})").value().dimension_names;
  EXPECT_EQ(names, (std::vector<std::optional<std::string>>{std::nullopt, ""}));
  const auto same = ReadPatched(R"({"dimension_names": ["x", "x"]})").value().dimension_names;
  EXPECT_EQ(same, (std::vector<std::optional<std::string>>{"x", "x"}));
}

TEST(Zarr3Metadata, RanksZeroAndThirtyTwo) {
  const ArrayMetadata scalar = ReadPatched(R"({"shape": [], "dimension_names": [],
          "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": []}}})")
                                   .value();
  EXPECT_EQ(scalar.grid.shape().rank(), 0);
  EXPECT_EQ(scalar.keys.Key({}), "c");
  Json document = Patched(kGoodArray, "{}");
  const Json ones(Json::Array(32, Json(1)));
  document.Set("shape", ones);
  document.Set("chunk_grid", Json::Object{{"name", "regular"},
                                          {"configuration", Json::Object{{"chunk_shape", ones}}}});
  EXPECT_EQ(Read(document).value().grid.shape().rank(), 32);
}

TEST(Zarr3Metadata, ZeroExtentsMakeNoOverflow) {
  const ArrayMetadata metadata =
      ReadPatched(R"({"shape": [0, 9223372036854775807, 9223372036854775807],
          "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1, 1, 1]}}})")
          .value();
  EXPECT_EQ(metadata.grid.grid_shape(), Shape({int64_t{0}, INT64_MAX, INT64_MAX}));
}

TEST(Zarr3Metadata, TransposedShardsAreCheckedAsTransposed) {
  // A write chunk of [4, 6] stands as [6, 4] before the sharding codec.
  EXPECT_EQ(ReadPatched(R"({
      "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [4, 6]}},
      "codecs": [{"name": "transpose", "configuration": {"order": [1, 0]}},
                 {"name": "sharding_indexed", "configuration": {"chunk_shape": [3, 2],
                    "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
                    "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}]}}]
      })")
                .status(),
            Status());
}

TEST(Zarr3Metadata, Groups) {
  const auto attributes = [](std::string_view text) {
    const Json document = Json::Parse(text).value();
    const Result<std::string> type = NodeTypeOf(document);
    if (!type.ok() || *type != "group") return "no group: " + type.status().ToString();
    const Result<std::string> read = GroupFromJson(document);
    return read.ok() ? *read : read.status().ToString();
  };
  EXPECT_EQ(attributes(R"({"zarr_format": 3, "node_type": "group"})"), "{}");
  EXPECT_EQ(attributes(R"({"node_type": "group", "attributes": {"b": 1, "a": 2.0},
                           "zarr_format": 3, "consolidated_metadata": null})"),
            R"({"b":1,"a":2.0})");
  EXPECT_EQ(attributes(R"({"zarr_format": 3, "node_type": "group", "consolidated_metadata":
                {"kind": "inline", "must_understand": false, "metadata": {"a": {}}}})"),
            "{}");
  EXPECT_EQ(attributes(R"({"zarr_format": 3, "node_type": "group", "consolidated_metadata": 1})"),
            "InvalidArgument: at $.consolidated_metadata: expected an object, got 1");
  EXPECT_EQ(attributes(R"({"zarr_format": 3, "node_type": "group", "attributes": []})"),
            "InvalidArgument: at $.attributes: expected an object, got []");
  EXPECT_EQ(attributes(R"({"zarr_format": 3, "node_type": "group", "shape": [1]})"),
            "InvalidArgument: at $: unknown member \"shape\" without \"must_understand\": false");
  EXPECT_EQ(attributes(R"({"zarr_format": 3, "node_type": "group", "x": {"must_understand":
                false}})"),
            "{}");
  EXPECT_EQ(attributes(R"({"zarr_format": 2, "node_type": "group"})"),
            "no group: InvalidArgument: at $.zarr_format: expected 3, got 2");
}

TEST(Zarr3Metadata, GroupDocument) {
  EXPECT_EQ(GroupToJson(*Json::Parse(R"({"b": 1, "a": 2})")).Dump(),
            R"({"zarr_format":3,"node_type":"group","attributes":{"b":1,"a":2}})");
}

}  // namespace
}  // namespace coffer::zarr3
