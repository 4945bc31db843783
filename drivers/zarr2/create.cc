// The .zarray of a new array, from options. Zarr v2 lacks shards and dimension names; asking for
// them is an error. `format.codecs` is an object of .zarray's own members.
#include <utility>
#include <vector>

#include "drivers/zarr/layout.h"
#include "drivers/zarr2/compressor.h"
#include "drivers/zarr2/data_type.h"
#include "drivers/zarr2/fill_value.h"
#include "drivers/zarr2/metadata.h"

namespace coffer::inline v0::zarr2 {
namespace {

// What of .zarray says how chunks are encoded.
struct Encoding {
  Json dtype;
  Json compressor;
  Json order = Json("C");
};

Status CheckOptions(const CreateOptions& options) {
  COFFER_RETURN_IF_ERROR(zarr::CheckChunking(options));
  if (!options.shard_shape.empty()) {
    return InvalidArgumentError("shard_shape " + ToString(options.shard_shape) +
                                ": Zarr v2 has no shards");
  }
  if (!options.format.dimension_names.empty()) {
    return InvalidArgumentError("dimension_names: Zarr v2 has none");
  }
  return Status();
}

Status SetGiven(const CreateOptions& options, Encoding& encoding) {
  Result<Json> given = Json::Parse(options.format.codecs);
  if (!given.ok()) return given.status().Annotate("format.codecs");
  Status known = given->AsObject("$").status();
  if (known.ok()) known = given->CheckMembers("$", {"dtype", "compressor", "order", "filters"});
  if (!known.ok()) return known.Annotate("format.codecs");
  if (const Json* filters = given->Find("filters")) {
    if (!filters->is_null() && *filters != Json(Json::Array())) {
      return UnimplementedError("format.codecs: filters are not supported yet");
    }
  }
  encoding.compressor = Json();
  if (const Json* compressor = given->Find("compressor")) encoding.compressor = *compressor;
  if (const Json* order = given->Find("order")) encoding.order = *order;
  const Json* const dtype = given->Find("dtype");
  if (dtype == nullptr) return Status();
  const Result<StoredType> type = TypeFromJson(*dtype, "$.dtype");
  if (!type.ok()) return type.status().Annotate("format.codecs");
  if (type->type != options.data_type) {
    return InvalidArgumentError("format.codecs: dtype " + dtype->Dump() + " is not " +
                                options.data_type.name());
  }
  encoding.dtype = *dtype;
  return Status();
}

Result<Json> Separator(const FormatOptions& format) {
  if (format.chunk_key_encoding == "default") return Json(".");
  if (format.chunk_key_encoding != "v2") {
    return InvalidArgumentError("format.chunk_key_encoding: expected \"default\" or \"v2\", got " +
                                Json(format.chunk_key_encoding).Dump());
  }
  const char separator = format.chunk_key_separator;
  if (separator != '/' && separator != '.') {
    return InvalidArgumentError("format.chunk_key_separator: expected '/' or '.', got " +
                                Json(std::string(1, separator)).Dump());
  }
  return Json(std::string(1, separator));
}

Result<Json> FillValue(const CreateOptions& options) {
  const DataType type = options.data_type;
  std::vector<std::byte> element(static_cast<size_t>(type.size()));
  if (!options.format.fill_value.empty()) {
    Result<Json> json = Json::Parse(options.format.fill_value);
    if (!json.ok()) return json.status().Annotate("format.fill_value");
    if (json->is_null()) return Json();
    COFFER_ASSIGN_OR_RETURN(element, FillValueFromJson(*json, {type}, "format.fill_value"));
  }
  Result<Json> json = FillValueToJson(element, type);
  return json.ok() ? json : json.status().Annotate("format.fill_value");
}

}  // namespace

Result<Json> ArrayToJson(const CreateOptions& options) {
  COFFER_RETURN_IF_ERROR(CheckOptions(options));
  const Shape chunks = options.chunk_shape.empty()
                           ? zarr::DefaultChunkShape(options.shape, options.data_type)
                           : options.chunk_shape;
  Encoding encoding;
  COFFER_ASSIGN_OR_RETURN(encoding.dtype, TypeToJson(options.data_type));
  if (options.format.codecs.empty()) {
    COFFER_ASSIGN_OR_RETURN(encoding.compressor,
                            CompressorToJson(options.codec, options.format.checksum));
  } else {
    COFFER_RETURN_IF_ERROR(SetGiven(options, encoding));
  }
  COFFER_ASSIGN_OR_RETURN(Json fill_value, FillValue(options));
  COFFER_ASSIGN_OR_RETURN(Json separator, Separator(options.format));
  return Json(Json::Object{{"zarr_format", 2},
                           {"shape", zarr::ToJson(options.shape)},
                           {"chunks", zarr::ToJson(chunks)},
                           {"dtype", std::move(encoding.dtype)},
                           {"compressor", std::move(encoding.compressor)},
                           {"fill_value", std::move(fill_value)},
                           {"order", std::move(encoding.order)},
                           {"filters", Json()},
                           {"dimension_separator", std::move(separator)}});
}

Json GroupToJson() { return Json::Object{{"zarr_format", 2}}; }

}  // namespace coffer::inline v0::zarr2
