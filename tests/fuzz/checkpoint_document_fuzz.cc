// Goal: no text makes the readers of a checkpoint's document and marker crash, hang or take memory
// beyond the text's own size; what they understand means the same when it is written again.
// Method: the input is read as each of the two.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "src/checkpoint/document.h"

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

void RequireRefusal(const coffer::Status& status) {
  Require(status.code() == coffer::StatusCode::kInvalidArgument ||
          status.code() == coffer::StatusCode::kUnimplemented);
  Require(!status.message().empty() && status.message().size() < 20000);
}

void CheckDocument(std::string_view text) {
  const coffer::Result<coffer::Document> parsed = coffer::Document::Parse(text);
  if (!parsed.ok()) return RequireRefusal(parsed.status());
  const auto leaves = coffer::ArrayLeavesOf(parsed->tree);
  Require(leaves.size() == parsed->arrays.size());
  for (const coffer::ArrayLeaf& leaf : leaves) Require(leaf.bytes() >= 0);
  const std::string written = parsed->Dump();
  const coffer::Result<coffer::Document> again = coffer::Document::Parse(written);
  Require(again.ok() && again->Dump() == written && again->arrays.size() == parsed->arrays.size());
}

void CheckMarker(std::string_view text) {
  const coffer::Result<coffer::Marker> parsed = coffer::Marker::Parse(text);
  if (!parsed.ok()) return RequireRefusal(parsed.status());
  Require(coffer::IsDataName(parsed->data) && parsed->document.size >= 0);
  const coffer::Result<coffer::Marker> again = coffer::Marker::Parse(parsed->Dump());
  Require(again.ok() && again->data == parsed->data && again->document == parsed->document);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CheckDocument(text);
  CheckMarker(text);
  return 0;
}
