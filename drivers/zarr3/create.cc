// The document of a new array, from options:
//  1. Every option is checked on its own terms, so that errors name the option.
//  2. Chunk and shard shape are chosen where they were not given.
//  3. Codecs are written in the long form, which every reader knows, also when given as a list.
#include <algorithm>
#include <utility>

#include "coffer/base/checked.h"
#include "drivers/zarr3/fill_value.h"
#include "drivers/zarr3/metadata.h"
#include "src/codec/metadata.h"

namespace coffer::inline v0::zarr3 {
namespace {

constexpr int64_t kDefaultChunkBytes = MiB(1);

using Names = std::vector<std::optional<std::string>>;

Json ToJson(const Dims& dims) {
  Json::Array list;
  for (int64_t value : dims) list.push_back(value);
  return list;
}

Json ToJson(const Names& names) {
  Json::Array list;
  for (const auto& name : names) list.push_back(name ? Json(*name) : Json());
  return list;
}

bool FitsDefault(const Shape& chunk, DataType type) {
  const std::optional<int64_t> elements = NumElements(chunk);
  return elements && *elements <= kDefaultChunkBytes / type.size();
}

int64_t SmallestPrimeFactor(int64_t n) {
  constexpr int64_t kTriedMax = 1 << 16;
  for (int64_t factor = 2; factor <= kTriedMax && factor * factor <= n; ++factor) {
    if (n % factor == 0) return factor;
  }
  return n;
}

Status CheckCount(std::string_view option, const Names& names, int rank) {
  if (names.empty() || names.size() == static_cast<size_t>(rank)) return Status();
  return InvalidArgumentError(std::string(option) + ": " + std::to_string(names.size()) +
                              " for an array of " + std::to_string(rank) + " dimensions");
}

Status CheckChunking(const CreateOptions& options) {
  const int rank = options.shape.rank();
  for (int64_t extent : options.shape) {
    if (extent < 0) {
      return InvalidArgumentError("shape " + ToString(options.shape) + ": an extent is negative");
    }
  }
  const std::pair<std::string, const Shape*> parts[] = {{"chunk_shape", &options.chunk_shape},
                                                        {"shard_shape", &options.shard_shape}};
  for (const auto& [name, part] : parts) {
    if (part->rank() != 0 && part->rank() != rank) {
      return InvalidArgumentError(name + " " + ToString(*part) + ": expected " +
                                  std::to_string(rank) + " extents, as shape " +
                                  ToString(options.shape) + " has");
    }
    for (int64_t extent : *part) {
      if (extent < 1) {
        return InvalidArgumentError(name + " " + ToString(*part) +
                                    ": every extent must be at least 1");
      }
    }
  }
  if (options.chunk_shape.empty() || options.shard_shape.empty()) return Status();
  for (int d = 0; d < rank; ++d) {
    if (options.shard_shape[d] % options.chunk_shape[d] != 0) {
      return InvalidArgumentError("shard_shape " + ToString(options.shard_shape) +
                                  " is not a multiple of chunk_shape " +
                                  ToString(options.chunk_shape));
    }
  }
  return Status();
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

Result<Json> Attributes(const CreateOptions& options) {
  COFFER_ASSIGN_OR_RETURN(Json attributes, ParseAttributes(options.attributes));
  const Names& units = options.format.dimension_units;
  if (units.empty()) return attributes;
  if (attributes.Find("dimension_units") != nullptr) {
    return InvalidArgumentError("dimension_units: stands in the attributes as well");
  }
  attributes.Set("dimension_units", ToJson(units));
  return attributes;
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
  return ChunkKeys(v2 ? ChunkKeys::Encoding::kV2 : ChunkKeys::Encoding::kDefault, separator)
      .ToJson();
}

}  // namespace

Shape DefaultChunkShape(const Shape& shape, DataType type) {
  Shape chunk = shape;
  for (int64_t& extent : chunk) extent = std::max<int64_t>(extent, 1);
  while (!FitsDefault(chunk, type)) {
    int64_t& largest = *std::max_element(chunk.begin(), chunk.end());
    if (largest == 1) break;
    largest = largest / 2 + largest % 2;
  }
  return chunk;
}

Shape DefaultInnerChunkShape(const Shape& shard_shape, DataType type) {
  Shape chunk = shard_shape;
  while (!FitsDefault(chunk, type)) {
    // The extent with the smallest prime factor, so that the chunk shrinks in small steps.
    int64_t* best = nullptr;
    int64_t best_factor = 1;
    for (int64_t& extent : chunk) {
      const int64_t factor = SmallestPrimeFactor(extent);
      const bool better =
          best == nullptr || factor < best_factor || (factor == best_factor && extent > *best);
      if (factor == 1 || !better) continue;
      best = &extent;
      best_factor = factor;
    }
    if (best == nullptr) break;
    *best /= best_factor;
  }
  return chunk;
}

Result<Json> ArrayToJson(const CreateOptions& options) {
  COFFER_RETURN_IF_ERROR(CheckChunking(options));
  const int rank = options.shape.rank();
  COFFER_RETURN_IF_ERROR(CheckCount("dimension_names", options.format.dimension_names, rank));
  COFFER_RETURN_IF_ERROR(CheckCount("dimension_units", options.format.dimension_units, rank));
  COFFER_ASSIGN_OR_RETURN(auto codecs_and_cell, CodecsAndCell(options));
  auto& [codecs, cell_shape] = codecs_and_cell;
  COFFER_ASSIGN_OR_RETURN(Json keys, KeyEncoding(options.format));
  COFFER_ASSIGN_OR_RETURN(Json fill_value, FillValue(options));
  COFFER_ASSIGN_OR_RETURN(Json attributes, Attributes(options));
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
