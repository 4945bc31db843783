#include "drivers/zarr2/fill_value.h"

#include <algorithm>
#include <optional>
#include <string>

#include "drivers/zarr/fill_value.h"
#include "src/base/base64.h"

namespace coffer::inline v0::zarr2 {
namespace {

bool IsFloatName(const Json& json) {
  return json == Json("NaN") || json == Json("Infinity") || json == Json("-Infinity");
}

Result<std::vector<std::byte>> ComplexFromText(const Json& json, const StoredType& type,
                                               std::string_view path) {
  const auto size = static_cast<size_t>(type.type.size());
  const std::optional<std::string> bytes = DecodeBase64(json.string());
  if (!bytes || bytes->size() != size) {
    return json.Unexpected(
        path, "a list of two numbers, or base64 of " + std::to_string(size) + " bytes");
  }
  std::vector<std::byte> element(size);
  std::transform(bytes->begin(), bytes->end(), element.begin(),
                 [](char c) { return static_cast<std::byte>(c); });
  if (type.order == std::endian::big) {
    const auto half = static_cast<std::ptrdiff_t>(size / 2);
    std::reverse(element.begin(), element.begin() + half);
    std::reverse(element.begin() + half, element.end());
  }
  return element;
}

}  // namespace

Result<std::vector<std::byte>> FillValueFromJson(const Json& json, const StoredType& type,
                                                 std::string_view path) {
  using Kind = DataType::Kind;
  const Kind kind = type.type.kind();
  if (json.is_null()) return std::vector<std::byte>(static_cast<size_t>(type.type.size()));
  if (kind == Kind::kBool && json.is_integer()) {
    COFFER_ASSIGN_OR_RETURN(const uint64_t value, json.AsUint64(path, 1));
    return std::vector<std::byte>{static_cast<std::byte>(value)};
  }
  if ((kind == Kind::kFloat || kind == Kind::kBfloat) && json.is_string() && !IsFloatName(json)) {
    return json.Unexpected(path, "a number, \"NaN\", \"Infinity\" or \"-Infinity\"");
  }
  if (kind == Kind::kComplex) {
    if (json.is_string()) return ComplexFromText(json, type, path);
    if (json.is_array()) {
      for (size_t i = 0; i < json.array().size(); ++i) {
        const Json& part = json.array()[i];
        if (!part.is_string() || IsFloatName(part)) continue;
        return part.Unexpected(std::string(path) + "[" + std::to_string(i) + "]",
                               "a number, \"NaN\", \"Infinity\" or \"-Infinity\"");
      }
    }
  }
  return zarr::FillValueFromJson(json, type.type, path);
}

Result<Json> FillValueToJson(std::span<const std::byte> element, DataType type) {
  Json json = zarr::FillValueToJson(element, type);
  const Result<std::vector<std::byte>> read = FillValueFromJson(json, {type}, "$");
  if (read.ok() && std::ranges::equal(*read, element)) return json;
  return InvalidArgumentError("Zarr v2 has no way to write the fill value " + json.Dump());
}

}  // namespace coffer::inline v0::zarr2
