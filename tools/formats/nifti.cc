#include "tools/formats/nifti.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "coffer/base/bytes.h"

namespace coffer::inline v0::formats {
namespace {

// Where the fields stand. Both versions have the same fields in different places and widths.
struct Fields {
  int version;
  int header_size;
  int magic, datatype, bitpix, dim, pixdim, vox_offset, slope, inter, units, descrip, qform_code,
      sform_code, quatern, srow;
};
constexpr Fields kVersion1 = {.version = 1,
                              .header_size = 348,
                              .magic = 344,
                              .datatype = 70,
                              .bitpix = 72,
                              .dim = 40,
                              .pixdim = 76,
                              .vox_offset = 108,
                              .slope = 112,
                              .inter = 116,
                              .units = 123,
                              .descrip = 148,
                              .qform_code = 252,
                              .sform_code = 254,
                              .quatern = 256,
                              .srow = 280};
constexpr Fields kVersion2 = {.version = 2,
                              .header_size = 540,
                              .magic = 4,
                              .datatype = 12,
                              .bitpix = 14,
                              .dim = 16,
                              .pixdim = 104,
                              .vox_offset = 168,
                              .slope = 176,
                              .inter = 184,
                              .units = 500,
                              .descrip = 240,
                              .qform_code = 344,
                              .sform_code = 348,
                              .quatern = 352,
                              .srow = 400};

class Header {
 public:
  Header(std::span<const std::byte> bytes, const Fields& fields, bool swapped)
      : bytes_(bytes), fields_(fields), swapped_(swapped) {}

  const Fields& fields() const { return fields_; }
  bool swapped() const { return swapped_; }

  template <class T>
  T Get(int offset, int index = 0) const {
    std::byte raw[sizeof(T)];
    const std::byte* from = bytes_.data() + offset + static_cast<ptrdiff_t>(sizeof(T)) * index;
    std::copy_n(from, sizeof(T), raw);
    if (swapped_) std::reverse(std::begin(raw), std::end(raw));
    T value;
    std::memcpy(&value, raw, sizeof(T));
    return value;
  }
  // A field that is an integer (short or long) or a real (float or double) by version.
  int64_t Extent(int index) const {
    return fields_.version == 1 ? Get<int16_t>(fields_.dim, index)
                                : Get<int64_t>(fields_.dim, index);
  }
  double Real(int offset, int index = 0) const {
    return fields_.version == 1 ? Get<float>(offset, index) : Get<double>(offset, index);
  }
  int64_t Code(int offset) const {
    return fields_.version == 1 ? Get<int16_t>(offset) : Get<int32_t>(offset);
  }

 private:
  std::span<const std::byte> bytes_;
  const Fields& fields_;
  bool swapped_;
};

Result<Header> FindHeader(std::span<const std::byte> start) {
  for (const Fields* fields : {&kVersion1, &kVersion2}) {
    for (bool swapped : {false, true}) {
      if (std::ssize(start) < fields->header_size) continue;
      Header header(start, *fields, swapped);
      if (header.Get<int32_t>(0) != fields->header_size) continue;
      std::string_view magic = AsText(start.subspan(static_cast<size_t>(fields->magic), 3));
      if (magic == (fields->version == 1 ? "n+1" : "n+2")) return header;
      if (magic == "ni1" || magic == "ni2") {
        return InvalidArgumentError(
            "a NIfTI header without its image (.hdr and .img) is not supported");
      }
      return InvalidArgumentError("no NIfTI magic in the header");
    }
  }
  return InvalidArgumentError("not a NIfTI file (its header is neither 348 nor 540 bytes long)");
}

Result<DataType> TypeOf(const Header& header) {
  struct Known {
    int code;
    DataType type;
  };
  static constexpr Known kKnown[] = {
      {2, DataType::kUint8},         {4, DataType::kInt16},      {8, DataType::kInt32},
      {16, DataType::kFloat32},      {32, DataType::kComplex64}, {64, DataType::kFloat64},
      {128, DataType::Raw(3)},       {256, DataType::kInt8},     {512, DataType::kUint16},
      {768, DataType::kUint32},      {1024, DataType::kInt64},   {1280, DataType::kUint64},
      {1792, DataType::kComplex128}, {2304, DataType::Raw(4)}};
  int code = header.Get<int16_t>(header.fields().datatype);
  int bits = header.Get<int16_t>(header.fields().bitpix);
  for (const Known& known : kKnown) {
    if (known.code != code) continue;
    if (bits == 8 * known.type.size()) return known.type;
    return InvalidArgumentError("NIfTI data type " + std::to_string(code) + " has " +
                                std::to_string(8 * known.type.size()) + " bits, but bitpix is " +
                                std::to_string(bits));
  }
  return InvalidArgumentError("NIfTI data type " + std::to_string(code) + " is not supported");
}

Result<int64_t> OffsetOf(const Header& header) {
  const Fields& fields = header.fields();
  int64_t offset = 0;
  if (fields.version == 1) {
    auto real = header.Get<float>(fields.vox_offset);
    if (!(real >= 0 && real < 1e9F) || real != std::floor(real)) {
      return InvalidArgumentError("NIfTI vox_offset is no byte position");
    }
    offset = static_cast<int64_t>(real);
  } else {
    offset = header.Get<int64_t>(fields.vox_offset);
  }
  // Four bytes after the header say whether extensions follow.
  if (offset < fields.header_size + 4) {
    return InvalidArgumentError("NIfTI vox_offset " + std::to_string(offset) +
                                " lies within the header");
  }
  return offset;
}

// JSON has no NaN and no infinities; such fields mean nothing and are left out.
void SetReal(Json* object, std::string_view key, double value) {
  if (std::isfinite(value)) object->Set(key, value);
}
void SetReals(Json* object, std::string_view key, const Header& header, int offset, int count) {
  Json::Array values;
  for (int i = 0; i < count; ++i) {
    double value = header.Real(offset, i);
    if (!std::isfinite(value)) return;
    values.emplace_back(value);
  }
  object->Set(key, std::move(values));
}

Json AttributesOf(const Header& header, std::span<const std::byte> start, int rank) {
  const Fields& fields = header.fields();
  Json nifti{Json::Object()};
  nifti.Set("version", fields.version);
  SetReals(&nifti, "pixdim", header, fields.pixdim, 1 + rank);
  nifti.Set("xyzt_units", fields.version == 1 ? int64_t{header.Get<uint8_t>(fields.units)}
                                              : int64_t{header.Get<int32_t>(fields.units)});
  SetReal(&nifti, "scl_slope", header.Real(fields.slope));
  SetReal(&nifti, "scl_inter", header.Real(fields.inter));
  nifti.Set("qform_code", header.Code(fields.qform_code));
  nifti.Set("sform_code", header.Code(fields.sform_code));
  SetReals(&nifti, "quatern_offset", header, fields.quatern, 6);
  SetReals(&nifti, "srow", header, fields.srow, 12);
  std::string_view text = AsText(start.subspan(static_cast<size_t>(fields.descrip), 80));
  text = text.substr(0, text.find('\0'));
  bool is_ascii = std::all_of(text.begin(), text.end(), [](char c) { return c >= 32 && c < 127; });
  if (is_ascii && !text.empty()) nifti.Set("descrip", text);
  Json attributes{Json::Object()};
  attributes.Set("nifti", std::move(nifti));
  return attributes;
}

}  // namespace

Result<Nifti> ParseNifti(std::span<const std::byte> start) {
  COFFER_ASSIGN_OR_RETURN(Header header, FindHeader(start));
  COFFER_ASSIGN_OR_RETURN(DataType type, TypeOf(header));
  COFFER_ASSIGN_OR_RETURN(int64_t offset, OffsetOf(header));
  int64_t rank = header.Extent(0);
  if (rank < 1 || rank > 7) {
    return InvalidArgumentError("NIfTI dim[0] is " + std::to_string(rank) + ", expected 1 to 7");
  }
  std::vector<int64_t> shape;
  for (int d = 1; d <= static_cast<int>(rank); ++d) {
    shape.push_back(header.Extent(d));
    if (shape.back() < 1) {
      return InvalidArgumentError("NIfTI dim[" + std::to_string(d) + "] is " +
                                  std::to_string(shape.back()));
    }
  }
  COFFER_ASSIGN_OR_RETURN(ArrayLayout layout,
                          ArrayLayout::Make(type, shape, Order::kFortran, offset));
  layout.swapped = header.swapped();
  return Nifti{layout, AttributesOf(header, start, static_cast<int>(rank))};
}

}  // namespace coffer::inline v0::formats
