#include "coffer/base/data_type.h"

#include <charconv>

namespace coffer::inline v0 {
namespace {

struct NamedType {
  std::string_view name;
  DataType type;
};

constexpr NamedType kTypes[] = {
    {"bool", DataType::kBool},
    {"int8", DataType::kInt8},
    {"int16", DataType::kInt16},
    {"int32", DataType::kInt32},
    {"int64", DataType::kInt64},
    {"uint8", DataType::kUint8},
    {"uint16", DataType::kUint16},
    {"uint32", DataType::kUint32},
    {"uint64", DataType::kUint64},
    {"float16", DataType::kFloat16},
    {"bfloat16", DataType::kBfloat16},
    {"float32", DataType::kFloat32},
    {"float64", DataType::kFloat64},
    {"complex64", DataType::kComplex64},
    {"complex128", DataType::kComplex128},
};

constexpr int32_t kRawBytesMax = 65536;

}  // namespace

std::string DataType::name() const {
  if (kind_ == Kind::kRaw) return "r" + std::to_string(8 * size_);
  for (const NamedType& entry : kTypes) {
    if (entry.type == *this) return std::string(entry.name);
  }
  return "unknown";
}

Result<DataType> DataType::Parse(std::string_view name) {
  for (const NamedType& entry : kTypes) {
    if (entry.name == name) return entry.type;
  }
  if (name.size() >= 2 && name[0] == 'r' && name[1] >= '1' && name[1] <= '9') {
    int32_t bits = 0;
    auto [end, error] = std::from_chars(name.data() + 1, name.data() + name.size(), bits);
    if (error == std::errc() && end == name.data() + name.size()) {
      if (bits % 8 == 0 && bits / 8 <= kRawBytesMax) return Raw(bits / 8);
      return InvalidArgumentError("data type \"" + std::string(name) +
                                  "\": the bits of r<N> must be a multiple of 8 up to 524288");
    }
  }
  return InvalidArgumentError("unknown data type \"" + std::string(name) + "\"");
}

}  // namespace coffer::inline v0
