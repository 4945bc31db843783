// Reading an array's document:
//  1. Members: all required ones there, none that must be understood and is not.
//  2. Shape, data type, chunk grid, keys, fill value: each checked on its own, then their products.
//  3. Codecs are made by name and bound to the chunk; from here on every size is known.
//  4. The unit that a task decodes into memory is compared with the limit.
#include "drivers/zarr3/metadata.h"

#include <algorithm>
#include <array>
#include <utility>

#include "drivers/zarr/fill_value.h"
#include "drivers/zarr/layout.h"
#include "drivers/zarr3/extension.h"
#include "src/codec/metadata.h"

namespace coffer::inline v0::zarr3 {
namespace {

using zarr::CheckProducts;
using zarr::CheckTaskSize;
using zarr::FillValueFromJson;
using zarr::Required;
using zarr::ShapeFromJson;

constexpr std::array kArrayMembers = {
    std::string_view("zarr_format"),    std::string_view("node_type"),
    std::string_view("shape"),          std::string_view("data_type"),
    std::string_view("chunk_grid"),     std::string_view("chunk_key_encoding"),
    std::string_view("fill_value"),     std::string_view("codecs"),
    std::string_view("attributes"),     std::string_view("storage_transformers"),
    std::string_view("dimension_names")};
constexpr std::array kGroupMembers = {std::string_view("zarr_format"),
                                      std::string_view("node_type"), std::string_view("attributes"),
                                      std::string_view("consolidated_metadata")};

// A member that is not known may stay if it is an object that says so.
Status CheckTopLevel(const Json& document, std::span<const std::string_view> known) {
  for (const auto& [name, value] : document.object()) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const Json* const must_understand = value.Find("must_understand");
    if (must_understand != nullptr && *must_understand == Json(false)) continue;
    return InvalidArgumentError("at $: unknown member " + Json(name).Dump() +
                                " without \"must_understand\": false");
  }
  return Status();
}

Result<std::string> AttributesOf(const Json& document) {
  const Json* const attributes = document.Find("attributes");
  if (attributes == nullptr) return std::string("{}");
  COFFER_RETURN_IF_ERROR(attributes->AsObject("$.attributes"));
  return attributes->Dump();
}

Result<DataType> DataTypeFromJson(const Json& json, std::string_view path) {
  COFFER_ASSIGN_OR_RETURN(Extension extension, Extension::FromJson(json, path));
  const std::string& name = extension.name;
  Result<DataType> type = name == "complex_float32"   ? DataType::kComplex64
                          : name == "complex_float64" ? DataType::kComplex128
                                                      : DataType::Parse(name);
  if (!type.ok()) {
    const bool raw = name.size() > 1 && name[0] == 'r' &&
                     name.find_first_not_of("0123456789", 1) == std::string::npos;
    return raw ? type.status().Annotate("at " + std::string(path))
               : extension.Unsupported(path, "data type");
  }
  COFFER_RETURN_IF_ERROR(extension.CheckConfiguration(path, {}));
  return type;
}

Result<Shape> ChunkShapeFromJson(const Json& json, int rank, std::string_view path) {
  COFFER_ASSIGN_OR_RETURN(Extension extension, Extension::FromJson(json, path));
  if (extension.name != "regular") return extension.Unsupported(path, "chunk grid");
  COFFER_RETURN_IF_ERROR(extension.CheckConfiguration(path, {"chunk_shape"}));
  const std::string at = std::string(path) + ".configuration";
  COFFER_ASSIGN_OR_RETURN(const Json* json_shape,
                          Required(extension.configuration, at, "chunk_shape"));
  COFFER_ASSIGN_OR_RETURN(Shape shape, ShapeFromJson(*json_shape, at + ".chunk_shape", 1));
  if (shape.rank() != rank) {
    return json_shape->Unexpected(at + ".chunk_shape",
                                  "as many extents as the shape has, " + std::to_string(rank));
  }
  return shape;
}

Result<std::vector<std::optional<std::string>>> DimensionNamesFromJson(const Json* json, int rank,
                                                                       std::string_view path) {
  std::vector<std::optional<std::string>> names;
  if (json == nullptr) return names;
  if (!json->is_array() || json->array().size() != static_cast<size_t>(rank)) {
    return json->Unexpected(
        path, "a list with a name or null for each of " + std::to_string(rank) + " dimensions");
  }
  for (size_t d = 0; d < json->array().size(); ++d) {
    const Json& name = json->array()[d];
    if (!name.is_string() && !name.is_null()) {
      return name.Unexpected(std::string(path) + "[" + std::to_string(d) + "]", "a string or null");
    }
    names.push_back(name.is_null() ? std::nullopt : std::optional(name.string()));
  }
  return names;
}

Status CheckStorageTransformers(const Json* json) {
  if (json == nullptr) return Status();
  COFFER_ASSIGN_OR_RETURN(const Json::Array* list, json->AsArray("$.storage_transformers"));
  if (list->empty()) return Status();
  const Json& first = list->front();
  const Json* const name = first.is_string() ? &first : first.Find("name");
  return UnimplementedError("at $.storage_transformers[0]: storage transformer " +
                            (name != nullptr ? *name : first).Dump() + " is not supported");
}

Result<std::shared_ptr<const CodecChain>> BindCodecs(const Json& json, const CodecTable& table,
                                                     const ChunkSpec& chunk) {
  COFFER_ASSIGN_OR_RETURN(std::vector<CodecPtr> codecs, CodecsFromJson(json, "$.codecs", table));
  Result<std::shared_ptr<const CodecChain>> chain = CodecChain::Bind(codecs, chunk);
  if (chain.ok()) return chain;
  const std::string_view message = chain.status().message();
  return Status(chain.status().code(),
                (message.starts_with("codecs") ? "at $." : "at $.codecs: ") + std::string(message));
}

}  // namespace

Result<std::string> NodeTypeOf(const Json& document) {
  COFFER_RETURN_IF_ERROR(document.AsObject("$"));
  COFFER_ASSIGN_OR_RETURN(const Json* format, Required(document, "$", "zarr_format"));
  if (*format != Json(3)) return format->Unexpected("$.zarr_format", "3");
  COFFER_ASSIGN_OR_RETURN(const Json* type, Required(document, "$", "node_type"));
  if (*type != Json("array") && *type != Json("group")) {
    return type->Unexpected("$.node_type", "\"array\" or \"group\"");
  }
  return type->string();
}

Result<ArrayMetadata> ArrayFromJson(const Json& document, const CodecTable& codecs) {
  COFFER_RETURN_IF_ERROR(CheckTopLevel(document, kArrayMembers));
  COFFER_ASSIGN_OR_RETURN(const Json* json_shape, Required(document, "$", "shape"));
  COFFER_ASSIGN_OR_RETURN(const Json* json_type, Required(document, "$", "data_type"));
  COFFER_ASSIGN_OR_RETURN(const Json* json_grid, Required(document, "$", "chunk_grid"));
  COFFER_ASSIGN_OR_RETURN(const Json* json_keys, Required(document, "$", "chunk_key_encoding"));
  COFFER_ASSIGN_OR_RETURN(const Json* json_fill, Required(document, "$", "fill_value"));
  COFFER_ASSIGN_OR_RETURN(const Json* json_codecs, Required(document, "$", "codecs"));

  ArrayMetadata metadata;
  COFFER_ASSIGN_OR_RETURN(Shape shape, ShapeFromJson(*json_shape, "$.shape", 0));
  COFFER_ASSIGN_OR_RETURN(DataType type, DataTypeFromJson(*json_type, "$.data_type"));
  COFFER_ASSIGN_OR_RETURN(Shape cell_shape,
                          ChunkShapeFromJson(*json_grid, shape.rank(), "$.chunk_grid"));
  COFFER_RETURN_IF_ERROR(
      CheckProducts(shape, cell_shape, type, "$.chunk_grid.configuration.chunk_shape"));
  COFFER_ASSIGN_OR_RETURN(metadata.grid, RegularGrid::Make(shape, cell_shape));
  COFFER_ASSIGN_OR_RETURN(metadata.keys, ChunkKeysFromJson(*json_keys, "$.chunk_key_encoding"));
  COFFER_ASSIGN_OR_RETURN(metadata.attributes, AttributesOf(document));
  COFFER_RETURN_IF_ERROR(CheckStorageTransformers(document.Find("storage_transformers")));
  COFFER_ASSIGN_OR_RETURN(
      metadata.dimension_names,
      DimensionNamesFromJson(document.Find("dimension_names"), shape.rank(), "$.dimension_names"));
  ChunkSpec chunk{type, cell_shape, {}};
  COFFER_ASSIGN_OR_RETURN(chunk.fill_value, FillValueFromJson(*json_fill, type, "$.fill_value"));
  metadata.codecs = json_codecs->Dump();
  metadata.fill_value = json_fill->Dump();
  COFFER_ASSIGN_OR_RETURN(metadata.chain, BindCodecs(*json_codecs, codecs, chunk));
  COFFER_RETURN_IF_ERROR(CheckTaskSize(*metadata.chain, "$.chunk_grid"));
  return metadata;
}

Result<std::string> GroupFromJson(const Json& document) {
  COFFER_RETURN_IF_ERROR(CheckTopLevel(document, kGroupMembers));
  const Json* const consolidated = document.Find("consolidated_metadata");
  if (consolidated != nullptr && !consolidated->is_null()) {  // Null: zarr-python up to 3.1.3.
    COFFER_RETURN_IF_ERROR(consolidated->AsObject("$.consolidated_metadata"));
  }
  return AttributesOf(document);
}

Result<std::optional<GroupSnapshot>> SnapshotFromJson(const Json& document) {
  const Json* const consolidated = document.Find("consolidated_metadata");
  if (consolidated == nullptr || consolidated->is_null()) return std::optional<GroupSnapshot>();
  const std::string path = "$.consolidated_metadata";
  COFFER_RETURN_IF_ERROR(consolidated->AsObject(path));
  COFFER_ASSIGN_OR_RETURN(const Json* kind, Required(*consolidated, path, "kind"));
  if (*kind != Json("inline")) {
    return UnimplementedError("at " + path + ".kind: " + kind->Dump() + " is not supported");
  }
  COFFER_ASSIGN_OR_RETURN(const Json* metadata, Required(*consolidated, path, "metadata"));
  COFFER_ASSIGN_OR_RETURN(const Json::Object* nodes, metadata->AsObject(path + ".metadata"));
  GroupSnapshot snapshot;
  for (const auto& [name, node] : *nodes) {
    const Result<std::string> type = NodeTypeOf(node);
    const std::string at = path + ".metadata[" + Json(name).Dump() + "]";
    if (!type.ok()) return type.status().Annotate("at " + at);
    if (*type == "array") {
      snapshot.nodes[name] = {NodeKind::kArray, node.Dump(), "{}"};
      continue;
    }
    Result<std::string> attributes = GroupFromJson(node);
    if (!attributes.ok()) return attributes.status().Annotate("at " + at);
    snapshot.nodes[name] = {NodeKind::kGroup, "", *std::move(attributes)};
  }
  return std::optional(std::move(snapshot));
}

Json GroupToJson(Json attributes) {
  return Json::Object{
      {"zarr_format", 3}, {"node_type", "group"}, {"attributes", std::move(attributes)}};
}

}  // namespace coffer::inline v0::zarr3
