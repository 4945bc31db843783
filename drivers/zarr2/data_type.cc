#include "drivers/zarr2/data_type.h"

#include <array>
#include <charconv>
#include <optional>
#include <string>

namespace coffer::inline v0::zarr2 {
namespace {

struct Spelling {
  std::string_view text;  // Without the byte order.
  DataType type;
};

constexpr Spelling kSpellings[] = {
    {"b1", DataType::kBool},      {"i1", DataType::kInt8},        {"i2", DataType::kInt16},
    {"i4", DataType::kInt32},     {"i8", DataType::kInt64},       {"u1", DataType::kUint8},
    {"u2", DataType::kUint16},    {"u4", DataType::kUint32},      {"u8", DataType::kUint64},
    {"f2", DataType::kFloat16},   {"f4", DataType::kFloat32},     {"f8", DataType::kFloat64},
    {"c8", DataType::kComplex64}, {"c16", DataType::kComplex128},
};

// Names that TensorStore writes for types which coffer does not have yet.
constexpr std::string_view kNamesOfOthers[] = {"int2",          "int4",
                                               "uint2",         "uint4",
                                               "float4_e2m1fn", "float8_e3m4",
                                               "float8_e4m3",   "float8_e4m3b11fnuz",
                                               "float8_e4m3fn", "float8_e4m3fnuz",
                                               "float8_e5m2",   "float8_e5m2fnuz",
                                               "float8_e8m0fnu"};

constexpr std::string_view kKinds = "biufc";

// What NumPy means by the other kinds; nullopt for a letter that is none.
std::optional<std::string_view> OtherKind(char kind) {
  switch (kind) {
    case 'S':
    case 'a':
      return "byte strings";
    case 'U':
      return "strings";
    case 'M':
      return "dates";
    case 'm':
      return "time differences";
    case 'V':
      return "opaque bytes";
    case 'O':
      return "objects";
    default:
      return std::nullopt;
  }
}

Status NotYet(const Json& json, std::string_view path, std::string_view what) {
  return UnimplementedError("at " + std::string(path) + ": data type " + json.Dump() + " (" +
                            std::string(what) + ") is not supported yet");
}

bool IsNumber(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

Result<StoredType> TypeFromJson(const Json& json, std::string_view path) {
  if (json.is_array()) return NotYet(json, path, "structured");
  if (!json.is_string()) return json.Unexpected(path, "a NumPy type string");
  const std::string_view text = json.string();
  if (text == "bfloat16") return StoredType{DataType::kBfloat16, std::endian::little};
  for (std::string_view name : kNamesOfOthers) {
    if (text == name) return NotYet(json, path, "of TensorStore's");
  }
  const bool ordered = text.size() >= 2 && (text[0] == '<' || text[0] == '>' || text[0] == '|');
  if (!ordered) return json.Unexpected(path, "a NumPy type string such as \"<i4\"");
  const std::string_view rest = text.substr(1);
  if (const std::optional<std::string_view> other = OtherKind(rest[0])) {
    return NotYet(json, path, *other);
  }
  for (const Spelling& spelling : kSpellings) {
    if (rest != spelling.text) continue;
    if (text[0] == '|' && spelling.type.size() > 1) {
      return json.Unexpected(path, "a byte order (< or >) for more than one byte");
    }
    return StoredType{spelling.type, text[0] == '>' ? std::endian::big : std::endian::little};
  }
  if (kKinds.find(rest[0]) != std::string_view::npos && IsNumber(rest.substr(1))) {
    return NotYet(json, path, "of this width");
  }
  return json.Unexpected(path, "a NumPy type string such as \"<i4\"");
}

Result<Json> TypeToJson(DataType type) {
  if (type == DataType::kBfloat16) return Json("bfloat16");
  for (const Spelling& spelling : kSpellings) {
    if (spelling.type != type) continue;
    return Json((type.size() == 1 ? "|" : "<") + std::string(spelling.text));
  }
  return UnimplementedError("data_type: " + type.name() + " cannot be stored in Zarr v2 yet");
}

}  // namespace coffer::inline v0::zarr2
