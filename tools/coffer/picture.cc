#include "tools/coffer/picture.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

namespace coffer::inline v0::tool {
namespace {

template <class T>
double Load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return static_cast<double>(value);
}

double LoadBfloat16(const std::byte* at) {
  uint16_t half = 0;
  std::memcpy(&half, at, sizeof half);
  uint32_t bits = uint32_t{half} << 16;
  float value = 0;
  std::memcpy(&value, &bits, sizeof value);
  return static_cast<double>(value);
}

double LoadFloat16(const std::byte* at) {
  uint16_t bits = 0;
  std::memcpy(&bits, at, sizeof bits);
  int exponent = bits >> 10 & 31;
  double fraction = bits & 1023;
  double size = exponent == 31  ? (fraction == 0 ? std::numeric_limits<double>::infinity()
                                                 : std::numeric_limits<double>::quiet_NaN())
                : exponent == 0 ? std::ldexp(fraction, -24)
                                : std::ldexp(1024 + fraction, exponent - 25);
  return bits >> 15 != 0 ? -size : size;
}

using Loader = double (*)(const std::byte*);

Loader LoaderOf(DataType type) {
  struct Known {
    DataType type;
    Loader loader;
  };
  static constexpr Known kKnown[] = {
      {DataType::kBool, Load<uint8_t>},    {DataType::kInt8, Load<int8_t>},
      {DataType::kInt16, Load<int16_t>},   {DataType::kInt32, Load<int32_t>},
      {DataType::kInt64, Load<int64_t>},   {DataType::kUint8, Load<uint8_t>},
      {DataType::kUint16, Load<uint16_t>}, {DataType::kUint32, Load<uint32_t>},
      {DataType::kUint64, Load<uint64_t>}, {DataType::kFloat16, LoadFloat16},
      {DataType::kBfloat16, LoadBfloat16}, {DataType::kFloat32, Load<float>},
      {DataType::kFloat64, Load<double>}};
  for (const Known& known : kKnown) {
    if (known.type == type) return known.loader;
  }
  return nullptr;
}

Window FullWindow(const OwnedArray& values, Loader load) {
  Window window{.low = std::numeric_limits<double>::infinity(),
                .high = -std::numeric_limits<double>::infinity()};
  int64_t size = values.data_type().size();
  for (int64_t i = 0; i < values.num_elements(); ++i) {
    double value = load(values.view().data + i * size);
    if (!std::isfinite(value)) continue;
    window.low = std::min(window.low, value);
    window.high = std::max(window.high, value);
  }
  return window;
}

}  // namespace

Result<Window> ParseWindow(std::string_view text) {
  Window window;
  size_t colon = text.find(':');
  std::string_view parts[] = {text.substr(0, colon),
                              colon == std::string_view::npos ? "" : text.substr(colon + 1)};
  double* values[] = {&window.low, &window.high};
  bool good = true;
  for (int i = 0; i < 2; ++i) {
    auto [end, error] =
        std::from_chars(parts[i].data(), parts[i].data() + parts[i].size(), *values[i]);
    good = good && error == std::errc() && end == parts[i].data() + parts[i].size() &&
           std::isfinite(*values[i]);
  }
  if (good && window.low < window.high) return window;
  return InvalidArgumentError("\"" + std::string(text) + "\" is no window (example: 0:255)");
}

Result<OwnedArray> MakePicture(const OwnedArray& values, const std::optional<Window>& window) {
  DataType type = values.data_type();
  if (!window && (type == DataType::kUint8 || type == DataType::kUint16)) return values;
  Loader load = LoaderOf(type);
  if (load == nullptr) {
    return InvalidArgumentError("elements of type " + type.name() + " have no grey");
  }
  COFFER_ASSIGN_OR_RETURN(OwnedArray picture,
                          OwnedArray::Allocate(DataType::kUint8, values.shape()));
  Window range = window ? *window : FullWindow(values, load);
  double scale = range.high > range.low ? 255 / (range.high - range.low) : 0;
  for (int64_t i = 0; i < values.num_elements(); ++i) {
    double grey = (load(values.view().data + i * type.size()) - range.low) * scale;
    // Comparisons with NaN are false, which makes it black.
    auto level = grey > 0 ? static_cast<uint8_t>(std::lround(std::min(grey, 255.0))) : uint8_t{0};
    picture.view().data[i] = std::byte{level};
  }
  return picture;
}

}  // namespace coffer::inline v0::tool
