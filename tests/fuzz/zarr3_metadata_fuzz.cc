// Goal: no text makes the reader of Zarr v3 documents crash, hang or allocate beyond the document's
// own size, and what it understands holds together.
// Method: the input is a zarr.json. If it is understood, its fill value is written and read back as
// the same bits, the keys of its cells are read back, and the document, written again, means the
// same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "drivers/zarr/fill_value.h"
#include "drivers/zarr/layout.h"
#include "drivers/zarr3/metadata.h"

namespace coffer::zarr3 {
namespace {

using zarr::FillValueFromJson;
using zarr::FillValueToJson;

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
  const Json fill = FillValueToJson(chunk.fill_value, chunk.data_type);
  Require(FillValueFromJson(fill, chunk.data_type, "$").value() == chunk.fill_value);

  const int rank = metadata.grid.shape().rank();
  for (int64_t at : {int64_t{0}, int64_t{10}, INT64_MAX}) {
    const Index cell = Index::Filled(rank, at);
    Require(metadata.keys.Parse(metadata.keys.Key(cell), rank) == cell);
  }
  Require(metadata.dimension_names.empty() ||
          metadata.dimension_names.size() == static_cast<size_t>(rank));

  const Json again = Json::ParseNonFinite(document.Dump(2)).value();
  const Result<ArrayMetadata> same = ArrayFromJson(again, Codecs());
  Require(same.ok() && same->grid.shape() == metadata.grid.shape() &&
          same->chain->chunk().fill_value == chunk.fill_value &&
          same->chain->max_encoded_size() == metadata.chain->max_encoded_size() &&
          same->attributes == metadata.attributes);
}

void Run(std::string_view text) {
  const Result<Json> document = Json::ParseNonFinite(text);
  if (!document.ok()) return;
  const Result<std::string> type = NodeTypeOf(*document);
  if (!type.ok()) return;
  if (*type == "group") {
    const Result<std::string> attributes = GroupFromJson(*document);
    if (attributes.ok()) Require(zarr::ParseAttributes(*attributes).ok());
    return;
  }
  const Result<ArrayMetadata> metadata = ArrayFromJson(*document, Codecs());
  if (metadata.ok()) CheckArray(*document, *metadata);
}

}  // namespace
}  // namespace coffer::zarr3

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  coffer::zarr3::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}
