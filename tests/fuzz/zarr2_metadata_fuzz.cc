// Goal: no text makes the readers of Zarr v2's documents crash, hang or allocate beyond the
// document's own size, and what they understand holds together.
// Method: the input is a .zarray, a .zattrs and a .zmetadata at once. An array that is understood
// keeps its fill value and its keys when they are written and read back, and its document, written
// again, means the same; attributes that are understood are a JSON object.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "drivers/zarr2/fill_value.h"
#include "drivers/zarr2/metadata.h"

namespace coffer::zarr2 {
namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

const CodecTable& Codecs() {
  static const auto* const table = new CodecTable();
  return *table;
}

void CheckArray(const Json& document, const ArrayMetadata& metadata) {
  const ChunkSpec& chunk = metadata.chain->chunk();
  Require(static_cast<int64_t>(chunk.fill_value.size()) == chunk.data_type.size());
  const Result<Json> fill = FillValueToJson(chunk.fill_value, chunk.data_type);
  // Base64 holds NaNs that Zarr v2 spells in no other way.
  Require(fill.ok() || chunk.data_type.kind() == DataType::Kind::kComplex);
  if (fill.ok()) {
    Require(FillValueFromJson(*fill, {chunk.data_type}, "$").value() == chunk.fill_value);
  }
  const int rank = metadata.grid.shape().rank();
  for (int64_t at : {int64_t{0}, int64_t{10}, INT64_MAX}) {
    const Index cell = Index::Filled(rank, at);
    Require(metadata.keys.Parse(metadata.keys.Key(cell), rank) == cell);
  }
  const Json again = Json::ParseNonFinite(document.Dump(2)).value();
  const Result<ArrayMetadata> same = ArrayFromJson(again, Codecs());
  Require(same.ok() && same->grid.shape() == metadata.grid.shape() &&
          same->chain->chunk().fill_value == chunk.fill_value &&
          same->chain->max_encoded_size() == metadata.chain->max_encoded_size() &&
          same->codecs == metadata.codecs && Json::Parse(same->codecs).ok() &&
          Json::Parse(same->fill_value).ok());
}

void Run(std::string_view text) {
  const Result<std::string> attributes = AttributesFromText(text);
  if (attributes.ok()) Require(Json::ParseNonFinite(*attributes).value().is_object());
  const Result<GroupSnapshot> snapshot = SnapshotFromText(text);
  if (snapshot.ok()) {
    for (const auto& [name, node] : snapshot->nodes) Require(node.kind != NodeKind::kNone);
  }
  const Result<Json> document = Json::ParseNonFinite(text);
  if (!document.ok()) return;
  static_cast<void>(CheckGroup(*document));
  const Result<ArrayMetadata> metadata = ArrayFromJson(*document, Codecs());
  if (metadata.ok()) CheckArray(*document, *metadata);
}

}  // namespace
}  // namespace coffer::zarr2

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  coffer::zarr2::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}
