// Reading a .zarray:
//  1. All required members are there; filters, which coffer lacks, are refused by name.
//  2. Shape, chunks, data type, order, keys, fill value: each checked on its own, then their
//     products.
//  3. Order, byte order and compressor become a chain of codecs: transpose, bytes, the compressor.
#include "drivers/zarr2/metadata.h"

#include <utility>
#include <vector>

#include "drivers/zarr/document.h"
#include "drivers/zarr/fill_value.h"
#include "drivers/zarr/layout.h"
#include "drivers/zarr2/compressor.h"
#include "drivers/zarr2/data_type.h"
#include "drivers/zarr2/fill_value.h"
#include "src/codec/metadata.h"

namespace coffer::inline v0::zarr2 {
namespace {

using zarr::ChunkKeys;
using zarr::Required;
using zarr::ShapeFromJson;

Status CheckFormat(const Json& document) {
  COFFER_RETURN_IF_ERROR(document.AsObject("$"));
  COFFER_ASSIGN_OR_RETURN(const Json* format, Required(document, "$", "zarr_format"));
  return *format == Json(2) ? Status() : format->Unexpected("$.zarr_format", "2");
}

Status CheckFilters(const Json& filters) {
  if (filters.is_null()) return Status();
  COFFER_ASSIGN_OR_RETURN(const Json::Array* list, filters.AsArray("$.filters"));
  if (list->empty()) return Status();
  const Json* const id = list->front().Find("id");
  return UnimplementedError("at $.filters[0]: filter " +
                            (id != nullptr ? *id : list->front()).Dump() + " is not supported yet");
}

Result<bool> IsColumnMajor(const Json& order) {
  if (order == Json("C")) return false;
  if (order == Json("F")) return true;
  return order.Unexpected("$.order", "\"C\" or \"F\"");
}

Result<ChunkKeys> KeysFromJson(const Json* separator) {
  if (separator == nullptr) return ChunkKeys(ChunkKeys::Encoding::kV2, '.');
  if (*separator != Json(".") && *separator != Json("/")) {
    return separator->Unexpected("$.dimension_separator", "\".\" or \"/\"");
  }
  return ChunkKeys(ChunkKeys::Encoding::kV2, separator->string()[0]);
}

Result<std::vector<CodecPtr>> CodecsOf(const StoredType& type, int rank, bool column_major,
                                       const Json& compressor, const CodecTable& table) {
  std::vector<CodecPtr> codecs;
  if (column_major && rank > 1) {
    Json::Array order;
    for (int d = rank; d-- > 0;) order.emplace_back(d);
    const Json configuration(Json::Object{{"order", std::move(order)}});
    COFFER_ASSIGN_OR_RETURN(CodecPtr transpose, table.Make("transpose", configuration.Dump()));
    codecs.push_back(std::move(transpose));
  }
  const bool big = type.order == std::endian::big && type.type.swap_size() > 1;
  const Json endian(Json::Object{{"endian", big ? "big" : "little"}});
  COFFER_ASSIGN_OR_RETURN(CodecPtr bytes, table.Make("bytes", endian.Dump()));
  codecs.push_back(std::move(bytes));
  COFFER_ASSIGN_OR_RETURN(CodecPtr codec,
                          CompressorFromJson(compressor, "$.compressor", type.type, table));
  if (codec != nullptr) codecs.push_back(std::move(codec));
  return codecs;
}

}  // namespace

Result<ArrayMetadata> ArrayFromJson(const Json& document, const CodecTable& table) {
  COFFER_RETURN_IF_ERROR(CheckFormat(document));
  COFFER_ASSIGN_OR_RETURN(const Json* json_shape, Required(document, "$", "shape"));
  COFFER_ASSIGN_OR_RETURN(const Json* json_chunks, Required(document, "$", "chunks"));
  COFFER_ASSIGN_OR_RETURN(const Json* json_type, Required(document, "$", "dtype"));
  COFFER_ASSIGN_OR_RETURN(const Json* json_compressor, Required(document, "$", "compressor"));
  COFFER_ASSIGN_OR_RETURN(const Json* json_fill, Required(document, "$", "fill_value"));
  COFFER_ASSIGN_OR_RETURN(const Json* json_order, Required(document, "$", "order"));
  COFFER_ASSIGN_OR_RETURN(const Json* json_filters, Required(document, "$", "filters"));

  COFFER_ASSIGN_OR_RETURN(const Shape shape, ShapeFromJson(*json_shape, "$.shape", 0));
  COFFER_ASSIGN_OR_RETURN(const Shape chunks, ShapeFromJson(*json_chunks, "$.chunks", 1));
  if (chunks.rank() != shape.rank()) {
    return json_chunks->Unexpected(
        "$.chunks", "as many extents as the shape has, " + std::to_string(shape.rank()));
  }
  COFFER_ASSIGN_OR_RETURN(const StoredType type, TypeFromJson(*json_type, "$.dtype"));
  COFFER_RETURN_IF_ERROR(zarr::CheckProducts(shape, chunks, type.type, "$.chunks"));
  COFFER_RETURN_IF_ERROR(CheckFilters(*json_filters));
  COFFER_ASSIGN_OR_RETURN(const bool column_major, IsColumnMajor(*json_order));
  ArrayMetadata metadata;
  COFFER_ASSIGN_OR_RETURN(metadata.grid, RegularGrid::Make(shape, chunks));
  COFFER_ASSIGN_OR_RETURN(metadata.keys, KeysFromJson(document.Find("dimension_separator")));
  ChunkSpec chunk{type.type, chunks, {}};
  COFFER_ASSIGN_OR_RETURN(chunk.fill_value, FillValueFromJson(*json_fill, type, "$.fill_value"));
  metadata.fill_value = zarr::FillValueToJson(chunk.fill_value, type.type).Dump();
  metadata.fill_value_undefined = json_fill->is_null();
  COFFER_ASSIGN_OR_RETURN(const std::vector<CodecPtr> codecs,
                          CodecsOf(type, shape.rank(), column_major, *json_compressor, table));
  metadata.codecs = CodecsToJson(codecs).Dump();
  Result<std::shared_ptr<const CodecChain>> chain = CodecChain::Bind(codecs, chunk);
  if (!chain.ok()) return chain.status().Annotate("at $.compressor");
  metadata.chain = *std::move(chain);
  COFFER_RETURN_IF_ERROR(zarr::CheckTaskSize(*metadata.chain, "$.chunks"));
  return metadata;
}

Status CheckGroup(const Json& document) { return CheckFormat(document); }

Result<std::string> AttributesFromText(std::string_view text) {
  COFFER_ASSIGN_OR_RETURN(const Json json, Json::ParseNonFinite(text));
  COFFER_RETURN_IF_ERROR(json.AsObject("$"));
  return json.Dump();
}

Result<GroupSnapshot> SnapshotFromText(std::string_view text) {
  COFFER_ASSIGN_OR_RETURN(const Json json, zarr::ParseSnapshot(text));
  COFFER_RETURN_IF_ERROR(json.AsObject("$"));
  COFFER_ASSIGN_OR_RETURN(const Json* format, Required(json, "$", "zarr_consolidated_format"));
  if (*format != Json(1)) return format->Unexpected("$.zarr_consolidated_format", "1");
  COFFER_ASSIGN_OR_RETURN(const Json* metadata, Required(json, "$", "metadata"));
  COFFER_ASSIGN_OR_RETURN(const Json::Object* members, metadata->AsObject("$.metadata"));
  GroupSnapshot snapshot;
  for (const auto& [key, document] : *members) {
    const size_t slash = key.rfind('/');
    if (slash == std::string::npos) continue;  // The group's own.
    const std::string_view name = std::string_view(key).substr(slash + 1);
    NodeSnapshot& node = snapshot.nodes[key.substr(0, slash)];
    if (name == ".zarray") {
      node.kind = NodeKind::kArray;
      node.document = document.Dump();
    } else if (name == ".zgroup") {
      if (node.kind == NodeKind::kNone) node.kind = NodeKind::kGroup;
    } else if (name == ".zattrs") {
      COFFER_RETURN_IF_ERROR(document.AsObject("$.metadata[" + Json(key).Dump() + "]"));
      node.attributes = document.Dump();
    }
  }
  std::erase_if(snapshot.nodes,
                [](const auto& node) { return node.second.kind == NodeKind::kNone; });
  return snapshot;
}

}  // namespace coffer::inline v0::zarr2
