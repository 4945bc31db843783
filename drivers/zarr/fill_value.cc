// Floats of any width go through one description of their bits and arithmetic in long double, which
// holds every float64 and every 64-bit integer exactly:
//  reading:  1. scale the number so that one unit is the last bit that the format keeps there;
//            2. round it half to even to an integer; 3. that integer and the exponent are the bits.
//  writing:  the value is exact in float64; a float32 is written in its own shortest form.
#include "drivers/zarr/fill_value.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string>

namespace coffer::inline v0::zarr {
namespace {

static_assert(std::numeric_limits<long double>::digits >= 64);

struct FloatFormat {
  int size;           // Bytes.
  int mantissa_bits;  // Stored ones.
  int exponent_bits;

  int bias() const { return (1 << (exponent_bits - 1)) - 1; }
  uint64_t infinity() const { return ((uint64_t{1} << exponent_bits) - 1) << mantissa_bits; }
  uint64_t quiet_nan() const { return infinity() | uint64_t{1} << (mantissa_bits - 1); }
  uint64_t sign() const { return uint64_t{1} << (8 * size - 1); }
};

// Of a float, or of one component of a complex number.
FloatFormat FormatOf(DataType type) {
  if (type.kind() == DataType::Kind::kBfloat) return {2, 7, 8};
  const auto size = static_cast<int>(type.swap_size());
  return size == 2   ? FloatFormat{2, 10, 5}
         : size == 4 ? FloatFormat{4, 23, 8}
                     : FloatFormat{8, 52, 11};
}

// nullopt if it rounds to infinity.
std::optional<uint64_t> BitsOf(long double number, const FloatFormat& format) {
  const uint64_t sign = std::signbit(number) ? format.sign() : 0;
  const long double magnitude = std::fabs(number);
  if (magnitude == 0) return sign;
  const int exponent_min = 1 - format.bias();
  const int exponent = std::max(std::ilogb(magnitude), exponent_min);
  // In units of the last kept bit; a carry out of the mantissa lands in the exponent, as it should.
  const auto units = static_cast<uint64_t>(
      std::nearbyint(std::scalbn(magnitude, format.mantissa_bits - exponent)));
  const uint64_t bits =
      (static_cast<uint64_t>(exponent - exponent_min) << format.mantissa_bits) + units;
  if (bits >= format.infinity()) return std::nullopt;
  return sign | bits;
}

// Requires finite bits.
double NumberOf(uint64_t bits, const FloatFormat& format) {
  const uint64_t magnitude = bits & (format.sign() - 1);
  const uint64_t mantissa = magnitude & ((uint64_t{1} << format.mantissa_bits) - 1);
  const auto exponent_field = static_cast<int>(magnitude >> format.mantissa_bits);
  const uint64_t units =
      exponent_field == 0 ? mantissa : mantissa | uint64_t{1} << format.mantissa_bits;
  const int exponent = std::max(exponent_field, 1) - format.bias() - format.mantissa_bits;
  const double number = std::scalbn(static_cast<double>(units), exponent);
  return (bits & format.sign()) != 0 ? -number : number;
}

std::optional<uint64_t> ParseHex(std::string_view text, const FloatFormat& format) {
  const auto digits = 2 * static_cast<size_t>(format.size);
  if (!text.starts_with("0x") || text.size() != 2 + digits) return std::nullopt;
  uint64_t bits = 0;
  const char* const text_end = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data() + 2, text_end, bits, 16);
  if (error != std::errc() || end != text_end) return std::nullopt;
  return bits;
}

Result<uint64_t> FloatFromJson(const Json& json, const FloatFormat& format, std::string_view path) {
  std::optional<uint64_t> bits;
  if (json.is_string()) {
    const std::string& text = json.string();
    bits = text == "NaN"         ? format.quiet_nan()
           : text == "Infinity"  ? format.infinity()
           : text == "-Infinity" ? format.infinity() | format.sign()
                                 : ParseHex(text, format);
  } else if (json.type() == Json::Type::kInt) {
    bits = BitsOf(static_cast<long double>(*json.AsInt64(path)), format);
  } else if (json.type() == Json::Type::kUint) {
    bits = BitsOf(static_cast<long double>(*json.AsUint64(path)), format);
  } else if (json.type() == Json::Type::kDouble) {
    bits = BitsOf(static_cast<long double>(json.number()), format);
  }
  if (bits) return *bits;
  return json.Unexpected(
      path, json.is_number() ? "a number within the data type's range"
                             : "a number, \"NaN\", \"Infinity\", \"-Infinity\" or \"0x\" and " +
                                   std::to_string(2 * format.size) + " hexadecimal digits");
}

Json FloatToJson(uint64_t bits, const FloatFormat& format) {
  if (bits == format.quiet_nan()) return "NaN";
  if (bits == format.infinity()) return "Infinity";
  if (bits == (format.infinity() | format.sign())) return "-Infinity";
  if ((bits & format.infinity()) == format.infinity()) {
    std::string hex = "0x";
    for (int digit = 2 * format.size - 1; digit >= 0; --digit) {
      hex += "0123456789abcdef"[bits >> (4 * digit) & 15];
    }
    return hex;
  }
  const double number = NumberOf(bits, format);
  if (format.mantissa_bits != 23) return number;
  // 0.1 rather than 0.10000000149011612.
  char text[32];
  const auto written = std::to_chars(std::begin(text), std::end(text), static_cast<float>(number));
  const double short_form =
      Json::Parse(std::string_view(text, static_cast<size_t>(written.ptr - text)))->number();
  return BitsOf(static_cast<long double>(short_form), format) == bits ? short_form : number;
}

// The machine is little-endian: an integer's low bytes stand first.
void Append(std::vector<std::byte>& bytes, uint64_t bits, int64_t size) {
  for (int64_t i = 0; i < size; ++i) bytes.push_back(static_cast<std::byte>(bits >> (8 * i)));
}

uint64_t Load(std::span<const std::byte> bytes) {
  uint64_t bits = 0;
  std::memcpy(&bits, bytes.data(), bytes.size());
  return bits;
}

Result<std::vector<std::byte>> RawFromJson(const Json& json, DataType type, std::string_view path) {
  const auto size = static_cast<size_t>(type.size());
  if (!json.is_array() || json.array().size() != size) {
    return json.Unexpected(path, "a list of " + std::to_string(size) + " bytes");
  }
  std::vector<std::byte> bytes;
  for (size_t i = 0; i < size; ++i) {
    const std::string item = std::string(path) + "[" + std::to_string(i) + "]";
    COFFER_ASSIGN_OR_RETURN(uint64_t byte, json.array()[i].AsUint64(item, 255));
    bytes.push_back(static_cast<std::byte>(byte));
  }
  return bytes;
}

Result<std::vector<std::byte>> ComplexFromJson(const Json& json, DataType type,
                                               std::string_view path) {
  if (!json.is_array() || json.array().size() != 2) {
    return json.Unexpected(path, "a list of two numbers");
  }
  std::vector<std::byte> bytes;
  for (size_t i = 0; i < 2; ++i) {
    const std::string item = std::string(path) + "[" + std::to_string(i) + "]";
    COFFER_ASSIGN_OR_RETURN(uint64_t bits, FloatFromJson(json.array()[i], FormatOf(type), item));
    Append(bytes, bits, type.swap_size());
  }
  return bytes;
}

/// 7 for 7.0, which zarr-python leaves where an integer is meant.
Json WithoutFraction(const Json& json) {
  constexpr double kExactMax = 9007199254740992.0;  // 2^53
  if (json.type() != Json::Type::kDouble) return json;
  const double number = json.number();
  if (std::abs(number) > kExactMax || number != std::trunc(number)) return json;
  return Json(static_cast<int64_t>(number));
}

}  // namespace

Result<std::vector<std::byte>> FillValueFromJson(const Json& given, DataType type,
                                                 std::string_view path) {
  const bool integer = type.kind() == DataType::Kind::kInt || type.kind() == DataType::Kind::kUint;
  const Json json = integer ? WithoutFraction(given) : given;
  uint64_t bits = 0;
  const auto width = static_cast<int>(std::min<int64_t>(8 * type.size(), 64));
  switch (type.kind()) {
    case DataType::Kind::kBool: {
      COFFER_ASSIGN_OR_RETURN(bits, json.AsBool(path));
      break;
    }
    case DataType::Kind::kInt: {
      COFFER_ASSIGN_OR_RETURN(const int64_t value, json.AsInt64(path, INT64_MIN >> (64 - width),
                                                                INT64_MAX >> (64 - width)));
      bits = static_cast<uint64_t>(value);
      break;
    }
    case DataType::Kind::kUint: {
      COFFER_ASSIGN_OR_RETURN(bits, json.AsUint64(path, UINT64_MAX >> (64 - width)));
      break;
    }
    case DataType::Kind::kFloat:
    case DataType::Kind::kBfloat: {
      COFFER_ASSIGN_OR_RETURN(bits, FloatFromJson(json, FormatOf(type), path));
      break;
    }
    case DataType::Kind::kComplex:
      return ComplexFromJson(json, type, path);
    case DataType::Kind::kRaw:
      return RawFromJson(json, type, path);
  }
  std::vector<std::byte> bytes;
  Append(bytes, bits, type.size());
  return bytes;
}

Json FillValueToJson(std::span<const std::byte> element, DataType type) {
  const auto half = static_cast<size_t>(type.swap_size());
  switch (type.kind()) {
    case DataType::Kind::kBool:
      return element[0] != std::byte{0};
    case DataType::Kind::kInt: {
      const auto shift = static_cast<int>(64 - 8 * type.size());
      return static_cast<int64_t>(Load(element) << shift) >> shift;
    }
    case DataType::Kind::kUint:
      return Load(element);
    case DataType::Kind::kFloat:
    case DataType::Kind::kBfloat:
      return FloatToJson(Load(element), FormatOf(type));
    case DataType::Kind::kComplex:
    case DataType::Kind::kRaw:
      break;
  }
  Json::Array list;
  if (type.kind() == DataType::Kind::kComplex) {
    list.push_back(FloatToJson(Load(element.first(half)), FormatOf(type)));
    list.push_back(FloatToJson(Load(element.subspan(half)), FormatOf(type)));
  } else {
    for (std::byte byte : element) list.emplace_back(static_cast<int>(byte));
  }
  return list;
}

}  // namespace coffer::inline v0::zarr
