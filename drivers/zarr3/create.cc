// The document of a new array, from options:
//  1. Every option is checked on its own terms, so that errors name the option.
//  2. Chunk and shard shape are chosen where they were not given.
//  3. Codecs are written in the long form, which every reader knows, also when given as a list.
#include <algorithm>
#include <utility>

#include "drivers/zarr/fill_value.h"
#include "drivers/zarr/layout.h"
#include "drivers/zarr3/metadata.h"
#include "src/codec/metadata.h"

namespace coffer::inline v0::zarr3 {
namespace {

using zarr::CheckChunking;
using zarr::DefaultChunkShape;
using zarr::DefaultInnerChunkShape;
using zarr::FillValueFromJson;
using zarr::FillValueToJson;
using zarr::ToJson;

using Names = std::vector<std::optional<std::string>>;

Status CheckCount(std::string_view option, const Names& names, int rank) {
  if (names.empty() || names.size() == static_cast<size_t>(rank)) return Status();
  return InvalidArgumentError(std::string(option) + ": " + std::to_string(names.size()) +
                              " for an array of " + std::to_string(rank) + " dimensions");
}

Result<Json> GivenCodecs(const CreateOptions& options) {
  if (!options.shard_shape.empty()) {
    return InvalidArgumentError("shard_shape: shards are part of format.codecs if that is given");
  }
  Result<Json> json = Json::Parse(options.format.codecs);
  if (!json.ok()) return json.status().Annotate("format.codecs");
  const CodecTable& table = options.context.Get<CodecTable>();
  COFFER_ASSIGN_OR_RETURN(std::vector<CodecPtr> codecs, CodecsFromJson(*json, "$.codecs", table));
  if (codecs.size() != json->array().size()) {
    return UnimplementedError("format.codecs: holds a codec that is not known here");
  }
  return CodecsToJson(codecs);
}

Json BytesCodec() {
  return Json::Object{{"name", "bytes"}, {"configuration", Json::Object{{"endian", "little"}}}};
}

Json Crc32cCodec() { return Json::Object{{"name", "crc32c"}}; }

// Of a chunk, or of an inner chunk where there are shards.
Result<Json> ChunkCodecs(const CreateOptions& options) {
  Json::Array list = {BytesCodec()};
  if (!options.codec.name.empty()) {
    COFFER_ASSIGN_OR_RETURN(CodecSpec spec, ResolveCodecSpec(options.codec, options.data_type));
    const std::string configuration = spec.configuration.empty() ? "{}" : spec.configuration;
    const CodecTable& table = options.context.Get<CodecTable>();
    Result<CodecPtr> codec = table.Make(spec.name, configuration);
    if (!codec.ok()) return codec.status().Annotate("codec \"" + spec.name + "\"");
    list.push_back(CodecsToJson({&*codec, 1}).array().front());
  }
  if (options.format.checksum) list.push_back(Crc32cCodec());
  return Json(std::move(list));
}

// The codecs, and the shape of a write chunk.
Result<std::pair<Json, Shape>> CodecsAndCell(const CreateOptions& options) {
  const bool sharded = !options.shard_shape.empty();
  Shape chunk = options.chunk_shape;
  if (chunk.empty()) {
    chunk = sharded ? DefaultInnerChunkShape(options.shard_shape, options.data_type)
                    : DefaultChunkShape(options.shape, options.data_type);
  }
  if (!options.format.codecs.empty()) {
    COFFER_ASSIGN_OR_RETURN(Json codecs, GivenCodecs(options));
    return std::pair(std::move(codecs), chunk);
  }
  COFFER_ASSIGN_OR_RETURN(Json codecs, ChunkCodecs(options));
  if (!sharded) return std::pair(std::move(codecs), chunk);
  Json sharding(Json::Object{
      {"name", "sharding_indexed"},
      {"configuration", Json::Object{{"chunk_shape", ToJson(chunk)},
                                     {"codecs", std::move(codecs)},
                                     {"index_codecs", Json::Array{BytesCodec(), Crc32cCodec()}},
                                     {"index_location", "end"}}}});
  return std::pair(Json(Json::Array{std::move(sharding)}), options.shard_shape);
}

Result<Json> FillValue(const CreateOptions& options) {
  const DataType type = options.data_type;
  std::vector<std::byte> element(static_cast<size_t>(type.size()));
  if (!options.format.fill_value.empty()) {
    Result<Json> json = Json::Parse(options.format.fill_value);
    if (!json.ok()) return json.status().Annotate("format.fill_value");
    COFFER_ASSIGN_OR_RETURN(element, FillValueFromJson(*json, type, "format.fill_value"));
  }
  return FillValueToJson(element, type);
}

Result<Json> KeyEncoding(const FormatOptions& format) {
  const char separator = format.chunk_key_separator;
  const bool v2 = format.chunk_key_encoding == "v2";
  if (!v2 && format.chunk_key_encoding != "default") {
    return InvalidArgumentError("format.chunk_key_encoding: expected \"default\" or \"v2\", got " +
                                Json(format.chunk_key_encoding).Dump());
  }
  if (separator != '/' && separator != '.') {
    return InvalidArgumentError("format.chunk_key_separator: expected '/' or '.', got " +
                                Json(std::string(1, separator)).Dump());
  }
  return ChunkKeysToJson(
      ChunkKeys(v2 ? ChunkKeys::Encoding::kV2 : ChunkKeys::Encoding::kDefault, separator));
}

}  // namespace

Result<Json> ArrayToJson(const CreateOptions& options) {
  COFFER_RETURN_IF_ERROR(CheckChunking(options));
  const int rank = options.shape.rank();
  COFFER_RETURN_IF_ERROR(CheckCount("dimension_names", options.format.dimension_names, rank));
  COFFER_RETURN_IF_ERROR(CheckCount("dimension_units", options.format.dimension_units, rank));
  COFFER_ASSIGN_OR_RETURN(auto codecs_and_cell, CodecsAndCell(options));
  auto& [codecs, cell_shape] = codecs_and_cell;
  COFFER_ASSIGN_OR_RETURN(Json keys, KeyEncoding(options.format));
  COFFER_ASSIGN_OR_RETURN(Json fill_value, FillValue(options));
  COFFER_ASSIGN_OR_RETURN(Json attributes, zarr::AttributesOf(options));
  Json document(Json::Object{
      {"zarr_format", 3},
      {"node_type", "array"},
      {"shape", ToJson(options.shape)},
      {"data_type", options.data_type.name()},
      {"chunk_grid",
       Json::Object{{"name", "regular"},
                    {"configuration", Json::Object{{"chunk_shape", ToJson(cell_shape)}}}}},
      {"chunk_key_encoding", std::move(keys)},
      {"fill_value", std::move(fill_value)},
      {"codecs", std::move(codecs)},
      {"attributes", std::move(attributes)}});
  if (!options.format.dimension_names.empty()) {
    document.Set("dimension_names", ToJson(options.format.dimension_names));
  }
  return document;
}

}  // namespace coffer::inline v0::zarr3
