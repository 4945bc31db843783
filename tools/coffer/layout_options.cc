#include "tools/coffer/layout_options.h"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <utility>
#include <vector>

#include "src/base/json.h"
#include "src/base/shown.h"
#include "tools/coffer/text.h"

namespace coffer::inline v0::tool {
namespace {

Result<int> ParseLevel(std::string_view text, std::string_view codec) {
  int level = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), level);
  if (error == std::errc() && end == text.data() + text.size()) return level;
  return InvalidArgumentError("\"" + std::string(text) + "\" is no level of " + std::string(codec));
}

// What the elements of an array are encoded by, as Zarr v3 lists it: within the innermost shards
// where it has any.
struct InnerLayout {
  Json codecs;
  Shape chunk_shape;
  Shape shard_shape;  // Of the outermost shards; rank 0 where there are none.
};

Result<InnerLayout> InnermostOf(const Array& array) {
  Result<Json> listed = Json::Parse(array.codecs());
  if (!listed.ok() || !listed->is_array()) {
    return InternalError(array.url() + ": its metadata shows no codecs");
  }
  const Json* codecs = &*listed;
  // Where other codecs stand around the outermost shards, the array shows their cell as its chunk.
  const Shape cell = array.shard_shape().value_or(array.chunk_shape());
  InnerLayout layout{Json(), cell, Shape()};
  // Where transposes stand before a shard, its dimensions are the array's in another order.
  std::vector<int> dims(static_cast<size_t>(array.rank()));
  std::iota(dims.begin(), dims.end(), 0);
  for (const Json* level = codecs; level != nullptr;) {
    codecs = std::exchange(level, nullptr);
    for (const Json& codec : codecs->array()) {
      const Json* configuration = codec.Find("configuration");
      if (configuration == nullptr) continue;
      const Json* order = configuration->Find("order");
      if (order != nullptr && order->is_array() && order->array().size() == dims.size()) {
        std::vector<int> before = dims;
        for (size_t d = 0; d < dims.size(); ++d) {
          COFFER_ASSIGN_OR_RETURN(int64_t from,
                                  order->array()[d].AsInt64("$.order", 0, array.rank() - 1));
          dims[d] = before[static_cast<size_t>(from)];
        }
      }
      const Json* inner = configuration->Find("codecs");
      const Json* extents = configuration->Find("chunk_shape");
      if (inner == nullptr || !inner->is_array() || extents == nullptr) continue;
      if (!extents->is_array() || extents->array().size() != dims.size()) continue;
      for (size_t d = 0; d < dims.size(); ++d) {
        COFFER_ASSIGN_OR_RETURN(layout.chunk_shape[dims[d]],
                                extents->array()[d].AsInt64("$.chunk_shape", 1));
      }
      layout.shard_shape = cell;
      level = inner;
    }
  }
  layout.codecs = *codecs;
  return layout;
}

bool IsCrc32c(const Json& codec) {
  return codec == Json("crc32c") ||
         (codec.Find("name") != nullptr && *codec.Find("name") == Json("crc32c"));
}

// Whether Zarr v3 has this compressor of v2's.
bool IsOfZarr2Alone(std::string_view name) {
  return name == "lz4" || name == "zlib" || name == "bz2" || name == "lzma";
}

std::string NameOf(const Json& codec) {
  const Json* name = codec.is_string() ? &codec : codec.Find("name");
  return name != nullptr && name->is_string() ? name->string() : "";
}

// The compressor among the codecs of an array, as options name it.
CodecSpec CompressorAmong(const Json& codecs) {
  for (const Json& codec : codecs.array()) {
    std::string name = NameOf(codec);
    if (name != "zstd" && name != "gzip" && name != "blosc") continue;
    const Json* configuration = codec.Find("configuration");
    return {std::move(name), configuration != nullptr ? configuration->Dump() : ""};
  }
  return Uncompressed();
}

// The members of a Zarr v2 document that say how chunks are encoded and named.
Status KeepZarr2Layout(const Array& source, CreateOptions& options) {
  COFFER_ASSIGN_OR_RETURN(Json metadata, Json::ParseNonFinite(source.metadata()));
  Json kept{Json::Object()};
  for (std::string_view name : {"compressor", "order", "dtype"}) {
    if (const Json* member = metadata.Find(name)) kept.Set(name, *member);
  }
  Json compressor = *kept.Find("compressor");
  if (compressor.is_object() && compressor.Find("id") != nullptr &&
      *compressor.Find("id") == Json("zstd")) {
    std::erase_if(compressor.object(),
                  [](const Json::Member& member) { return member.first == "checksum"; });
    if (!options.format.checksum) compressor.Set("checksum", false);
    kept.Set("compressor", std::move(compressor));
  }
  options.format.codecs = kept.Dump();
  const Json* separator = metadata.Find("dimension_separator");
  options.format.chunk_key_encoding = "v2";
  options.format.chunk_key_separator = separator != nullptr ? separator->string()[0] : '.';
  const Json* fill_value = metadata.Find("fill_value");
  if (options.format.fill_value.empty() && fill_value->is_null()) {
    options.format.fill_value = "null";
  }
  return Status();
}

Json Named(std::string_view name) { return Json(Json::Object{{"name", name}}); }

// The whole "codecs" member of a copy: the source's inner codecs, with or without checksum, in
// shards or not.
Json CopiedCodecs(const Json& inner, bool checksum, const Shape& chunk_shape, bool sharded) {
  Json codecs = inner;
  std::erase_if(codecs.array(), IsCrc32c);
  if (checksum) codecs.array().push_back(Named("crc32c"));
  if (!sharded) return codecs;
  Json bytes = Named("bytes");
  bytes.Set("configuration", Json::Object{{"endian", "little"}});
  Json configuration{Json::Object()};
  configuration.Set("chunk_shape", ToJson(chunk_shape));
  configuration.Set("codecs", std::move(codecs));
  configuration.Set("index_codecs", Json::Array{bytes, Named("crc32c")});
  Json sharding = Named("sharding_indexed");
  sharding.Set("configuration", std::move(configuration));
  return Json(Json::Array{sharding});
}

}  // namespace

void LayoutOptions::AddTo(const CommandLine& command) {
  command.Parsed(
      "--zarr-format",
      [this](const std::string& text) {
        if (text != "2" && text != "3") return InvalidArgumentError("expected 2 or 3");
        format = "zarr" + text;
        return Status();
      },
      "Zarr format of what is created: 2 or 3");
  auto shape = [](const std::string& text) -> Result<std::optional<Shape>> {
    COFFER_ASSIGN_OR_RETURN(Shape parsed, ParseShape(text, 1));
    return std::optional(parsed);
  };
  command.Parsed("--chunk-shape", &chunk_shape, shape, "extents of a chunk: 64,64,64");
  command.Parsed(
      "--shard-shape", &shard_shape,
      [shape](const std::string& text) {
        return text == "none" ? Result<std::optional<Shape>>(std::optional(Shape())) : shape(text);
      },
      "extents of a shard, or none");
  command.Parsed(
      "--codec", &codec,
      [](const std::string& text) -> Result<std::optional<CodecSpec>> {
        COFFER_ASSIGN_OR_RETURN(CodecSpec spec, ParseCodecOfAnyFormat(text));
        return std::optional(spec);
      },
      "none, zstd[:LEVEL], gzip[:LEVEL] or blosc[:CNAME[:LEVEL[:SHUFFLE]]]; Zarr 2 also has lz4, "
      "zlib, bz2 and lzma");
  command.Flag("--no-checksum", &no_checksum, "store chunks without crc32c (Zarr 2: zstd's own)");
  command.Text("--fill-value", &fill_value, "value of what was never written (JSON, or NaN)");
}

bool LayoutOptions::any() const {
  return chunk_shape || shard_shape || codec || no_checksum || !fill_value.empty() ||
         !format.empty();
}

Result<CodecSpec> ParseCodec(std::string_view text) {
  std::vector<std::string_view> parts;
  for (std::string_view rest = text;;) {
    size_t colon = rest.find(':');
    parts.push_back(rest.substr(0, colon));
    if (colon == std::string_view::npos) break;
    rest.remove_prefix(colon + 1);
  }
  std::string_view name = parts[0];
  size_t parts_max = name == "none" ? 1 : name == "blosc" ? 4 : 2;
  if (parts.size() > parts_max) {
    return InvalidArgumentError("\"" + std::string(text) + "\" has too many parts for " +
                                std::string(name));
  }
  auto level = [&](size_t part, int otherwise) -> Result<int> {
    return parts.size() > part ? ParseLevel(parts[part], name) : Result<int>(otherwise);
  };
  if (name == "none") return Uncompressed();
  if (name == "zstd") {
    COFFER_ASSIGN_OR_RETURN(int chosen, level(1, 3));
    return Zstd(chosen);
  }
  if (name == "gzip") {
    COFFER_ASSIGN_OR_RETURN(int chosen, level(1, 6));
    return Gzip(chosen);
  }
  if (name == "blosc") {
    COFFER_ASSIGN_OR_RETURN(int chosen, level(2, 5));
    return Blosc(parts.size() > 1 ? parts[1] : "lz4", chosen, parts.size() > 3 ? parts[3] : "");
  }
  return InvalidArgumentError("\"" + std::string(text) +
                              "\" is no codec (none, zstd, gzip or blosc; lz4 is blosc:lz4)");
}

Result<CodecSpec> ParseCodecOfAnyFormat(std::string_view text) {
  const size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  if (!IsOfZarr2Alone(name)) return ParseCodec(text);
  const std::string_view member = name == "lz4"    ? "acceleration"
                                  : name == "lzma" ? "preset"
                                                   : "level";
  int chosen = name == "lzma" ? 6 : 1;
  if (colon != std::string_view::npos) {
    COFFER_ASSIGN_OR_RETURN(chosen, ParseLevel(text.substr(colon + 1), name));
  }
  return CodecSpec{std::string(name), Json(Json::Object{{std::string(member), chosen}}).Dump()};
}

std::string FillValueJson(const std::string& text) {
  if (text.empty() || Json::Parse(text).ok()) return text;
  return Json(text).Dump();
}

Result<Place> DestinationPlace(const LayoutOptions& layout, std::string_view url,
                               std::string_view otherwise, const Context& context) {
  COFFER_ASSIGN_OR_RETURN(Place place, OpenPlace(url, context));
  if (place.driver.empty()) {
    place.driver = layout.format.empty() ? std::string(otherwise) : layout.format;
  } else if (!layout.format.empty() && place.driver != layout.format) {
    return InvalidArgumentError(ShownPlace(url) + ": --zarr-format asks for " + layout.format +
                                ", the adapter for " + place.driver);
  }
  const bool has_codec =
      place.driver == "zarr2" || !layout.codec || !IsOfZarr2Alone(layout.codec->name);
  if (has_codec) return place;
  return InvalidArgumentError("--codec " + layout.codec->name + " needs --zarr-format 2" +
                              (layout.codec->name == "lz4" ? "; in 3, lz4 is blosc:lz4" : ""));
}

Result<CreateOptions> MakeCreateOptions(const LayoutOptions& layout, const Shape& shape,
                                        DataType type, const Context& context) {
  CreateOptions options;
  options.shape = shape;
  options.data_type = type;
  if (layout.chunk_shape) options.chunk_shape = *layout.chunk_shape;
  if (layout.shard_shape) options.shard_shape = *layout.shard_shape;
  if (layout.codec) options.codec = *layout.codec;
  options.format.checksum = !layout.no_checksum;
  options.format.fill_value = FillValueJson(layout.fill_value);
  options.context = context;
  return options;
}

Result<CreateOptions> MakeCopyOptions(const LayoutOptions& layout, const Array& source,
                                      const Shape& shape, bool keeps_dimensions,
                                      std::string_view format, const Context& context) {
  COFFER_ASSIGN_OR_RETURN(CreateOptions options,
                          MakeCreateOptions(layout, shape, source.data_type(), context));
  options.attributes = source.attributes();
  const bool to_zarr2 = format == "zarr2";
  const bool keeps_zarr2 = to_zarr2 && source.format() == "zarr2" && !layout.codec;
  if (keeps_zarr2) COFFER_RETURN_IF_ERROR(KeepZarr2Layout(source, options));
  if (options.format.fill_value.empty()) options.format.fill_value = source.fill_value_json();
  if (!keeps_dimensions) return options;
  if (source.codecs().empty()) {  // A format that cannot say: the destination's own.
    if (!layout.chunk_shape) options.chunk_shape = source.chunk_shape();
    return options;
  }
  COFFER_ASSIGN_OR_RETURN(InnerLayout inner, InnermostOf(source));
  if (!layout.chunk_shape) options.chunk_shape = inner.chunk_shape;
  if (format != "zarr3") {
    if (!layout.codec && !keeps_zarr2) options.codec = CompressorAmong(inner.codecs);
    return options;
  }
  options.format.dimension_names = source.dimension_names();
  for (Json& codec : inner.codecs.array()) {
    if (!IsOfZarr2Alone(NameOf(codec))) continue;
    codec = Named("zstd");
    codec.Set("configuration", Json::Object{{"level", 3}, {"checksum", false}});
  }
  if (!layout.shard_shape && !layout.chunk_shape) options.shard_shape = inner.shard_shape;
  if (layout.codec) return options;
  bool sharded = !options.shard_shape.empty();
  options.format.codecs =
      CopiedCodecs(inner.codecs, !layout.no_checksum, options.chunk_shape, sharded).Dump();
  // With the codecs spelled out, the format's chunks are the shards.
  if (sharded) options.chunk_shape = std::exchange(options.shard_shape, Shape());
  return options;
}

Result<DataType> RenamedType(DataType source, const std::optional<DataType>& wanted) {
  using Kind = DataType::Kind;
  if (!wanted || *wanted == source) return source;
  bool was_opaque = source.kind() == Kind::kRaw || source.kind() == Kind::kUint;
  bool is_lacking = wanted->kind() == Kind::kBfloat || wanted->kind() == Kind::kRaw ||
                    source.kind() == Kind::kRaw;
  if (source.size() == wanted->size() && was_opaque && is_lacking) return *wanted;
  return UnimplementedError("--dtype " + wanted->name() + ": elements of type " + source.name() +
                            " cannot be converted");
}

}  // namespace coffer::inline v0::tool
