#include "tools/formats/safetensors.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "coffer/base/bytes.h"

namespace coffer::inline v0::formats {
namespace {

constexpr std::string_view kMetadata = "__metadata__";

struct Known {
  std::string_view name;
  DataType type;
};
constexpr Known kTypes[] = {
    {"BOOL", DataType::kBool},   {"U8", DataType::kUint8},      {"I8", DataType::kInt8},
    {"U16", DataType::kUint16},  {"I16", DataType::kInt16},     {"U32", DataType::kUint32},
    {"I32", DataType::kInt32},   {"U64", DataType::kUint64},    {"I64", DataType::kInt64},
    {"F16", DataType::kFloat16}, {"BF16", DataType::kBfloat16}, {"F32", DataType::kFloat32},
    {"F64", DataType::kFloat64}, {"C64", DataType::kComplex64},
};
constexpr std::string_view kRawTypes[] = {"F8_E4M3", "F8_E5M2", "F8_E8M0"};  // One byte each.

Result<DataType> TypeNamed(std::string_view name, std::string_view path) {
  for (const Known& known : kTypes) {
    if (known.name == name) return known.type;
  }
  if (std::find(std::begin(kRawTypes), std::end(kRawTypes), name) != std::end(kRawTypes)) {
    return DataType::Raw(1);
  }
  return InvalidArgumentError("at " + std::string(path) + ": type \"" + std::string(name) +
                              "\" is not supported");
}

Result<Tensor> ParseTensor(const std::string& name, const Json& entry, int64_t data_begin,
                           int64_t data_size) {
  std::string path = "$[" + Json(name).Dump() + "]";
  COFFER_RETURN_IF_ERROR(entry.CheckMembers(path, {"dtype", "shape", "data_offsets"}));
  static const Json kNothing;
  auto member = [&](std::string_view key) -> const Json& {
    const Json* found = entry.Find(key);
    return found != nullptr ? *found : kNothing;
  };
  COFFER_ASSIGN_OR_RETURN(std::string type_name, member("dtype").AsString(path + ".dtype"));
  COFFER_ASSIGN_OR_RETURN(DataType type, TypeNamed(type_name, path + ".dtype"));
  COFFER_ASSIGN_OR_RETURN(const Json::Array* extents, member("shape").AsArray(path + ".shape"));
  std::vector<int64_t> shape;
  for (const Json& extent : *extents) {
    COFFER_ASSIGN_OR_RETURN(int64_t value, extent.AsInt64(path + ".shape", 0));
    shape.push_back(value);
  }
  std::string offsets_path = path + ".data_offsets";
  COFFER_ASSIGN_OR_RETURN(const Json::Array* offsets, member("data_offsets").AsArray(offsets_path));
  if (offsets->size() != 2) return member("data_offsets").Unexpected(offsets_path, "two integers");
  COFFER_ASSIGN_OR_RETURN(int64_t begin, (*offsets)[0].AsInt64(offsets_path + "[0]", 0));
  COFFER_ASSIGN_OR_RETURN(int64_t end, (*offsets)[1].AsInt64(offsets_path + "[1]", begin));
  if (end > data_size) {
    return DataLossError("at " + offsets_path + ": ends at byte " + std::to_string(end) +
                         " of the data, which has " + std::to_string(data_size));
  }
  Result<ArrayLayout> layout = ArrayLayout::Make(type, shape, Order::kC, data_begin + begin);
  if (!layout.ok()) return layout.status().Annotate("at " + path);
  if (layout->bytes != end - begin) {
    return InvalidArgumentError("at " + offsets_path + ": " + std::to_string(end - begin) +
                                " bytes, but shape " + ToString(layout->shape) + " of " +
                                type_name + " has " + std::to_string(layout->bytes));
  }
  return Tensor{name, *layout, type.kind() == DataType::Kind::kRaw ? type_name : ""};
}

// No overlap and no hole. Tensors without elements may stand anywhere between others.
Status CheckCover(const std::vector<Tensor>& tensors, int64_t data_begin, int64_t file_size) {
  std::vector<const Tensor*> by_offset;
  for (const Tensor& tensor : tensors) by_offset.push_back(&tensor);
  std::sort(by_offset.begin(), by_offset.end(), [](const Tensor* a, const Tensor* b) {
    return std::pair(a->layout.offset, a->layout.bytes) <
           std::pair(b->layout.offset, b->layout.bytes);
  });
  int64_t at = data_begin;
  for (const Tensor* tensor : by_offset) {
    if (tensor->layout.offset != at) {
      return InvalidArgumentError(
          "tensor \"" + tensor->name + "\" begins at byte " +
          std::to_string(tensor->layout.offset - data_begin) + " of the data, but the one before " +
          (tensor->layout.offset < at ? "overlaps it up to " : "leaves a hole from ") +
          std::to_string(at - data_begin));
    }
    at += tensor->layout.bytes;
  }
  if (at == file_size) return Status();
  return InvalidArgumentError("the last " + std::to_string(file_size - at) +
                              " bytes of the file belong to no tensor");
}

// The true type of a tensor that coffer wrote under another, if its metadata entry fits.
void RestoreType(const std::string& true_name, Tensor* tensor) {
  Result<DataType> type = DataType::Parse(true_name);
  ArrayLayout& layout = tensor->layout;
  if (!type.ok() || layout.data_type.kind() != DataType::Kind::kUint) return;
  Shape shape = layout.shape;
  if (type->size() != layout.data_type.size()) {
    if (layout.data_type != DataType::kUint8 || shape.empty() || shape.back() != type->size())
      return;
    shape = Shape(shape.begin(), shape.end() - 1);
  }
  Result<ArrayLayout> restored = ArrayLayout::Make(*type, shape.span(), Order::kC, layout.offset);
  if (restored.ok() && restored->bytes == layout.bytes) layout = *restored;
}

struct Stored {
  std::string_view type_name;
  Shape shape;
  bool is_true;  // Whether the type is stored as what it is.
};

Stored StoredAs(const TensorSpec& tensor) {
  for (const Known& known : kTypes) {
    if (known.type == tensor.data_type) return {known.name, tensor.shape, true};
  }
  for (const Known& known : kTypes) {
    if (known.type.kind() == DataType::Kind::kUint &&
        known.type.size() == tensor.data_type.size()) {
      return {known.name, tensor.shape, false};
    }
  }
  Shape shape = tensor.shape;
  shape.push_back(tensor.data_type.size());
  return {"U8", shape, false};
}

// The largest power of two up to 8 that divides the size of an element.
int64_t AlignmentOf(DataType type) { return std::min<int64_t>(8, type.size() & -type.size()); }

}  // namespace

Result<int64_t> SafetensorsHeaderSize(std::span<const std::byte> first8, int64_t file_size) {
  if (first8.size() < 8) return DataLossError("not a safetensors file: shorter than eight bytes");
  uint64_t length = 0;
  for (size_t i = 0; i < 8; ++i) length |= std::to_integer<uint64_t>(first8[i]) << (8 * i);
  if (length > static_cast<uint64_t>(kSafetensorsHeaderMax)) {
    return InvalidArgumentError("not a safetensors file: a header of " + std::to_string(length) +
                                " bytes is above " + std::to_string(kSafetensorsHeaderMax));
  }
  auto size = static_cast<int64_t>(length) + 8;
  if (size > file_size) {
    return DataLossError("the safetensors header of " + std::to_string(length) +
                         " bytes is longer than the file of " + std::to_string(file_size));
  }
  return size;
}

Result<Safetensors> ParseSafetensors(std::span<const std::byte> header, int64_t file_size) {
  auto data_begin = static_cast<int64_t>(header.size());
  Json::ParseOptions options;
  options.size_max = static_cast<size_t>(kSafetensorsHeaderMax);
  options.memory_max = (size_t{1} << 20) + 10 * header.size();  // Real headers need six times.
  COFFER_ASSIGN_OR_RETURN(Json document, Json::Parse(AsText(header.subspan(8)), options));
  COFFER_ASSIGN_OR_RETURN(const Json::Object* members, document.AsObject("$"));
  Safetensors file;
  for (const auto& [name, entry] : *members) {
    if (name == kMetadata) {
      COFFER_ASSIGN_OR_RETURN(const Json::Object* texts, entry.AsObject("$.__metadata__"));
      for (const auto& [key, value] : *texts) {
        COFFER_ASSIGN_OR_RETURN(file.metadata[key], value.AsString("$.__metadata__." + key));
      }
      continue;
    }
    COFFER_ASSIGN_OR_RETURN(Tensor tensor,
                            ParseTensor(name, entry, data_begin, file_size - data_begin));
    file.tensors.push_back(std::move(tensor));
  }
  COFFER_RETURN_IF_ERROR(CheckCover(file.tensors, data_begin, file_size));
  for (Tensor& tensor : file.tensors) {
    auto true_type = file.metadata.find(std::string(kSafetensorsTypeKey) + tensor.name);
    if (true_type != file.metadata.end()) RestoreType(true_type->second, &tensor);
  }
  std::sort(file.tensors.begin(), file.tensors.end(),
            [](const Tensor& a, const Tensor& b) { return a.name < b.name; });
  return file;
}

Result<SafetensorsPlan> PlanSafetensors(const std::vector<TensorSpec>& tensors,
                                        const std::map<std::string, std::string>& metadata) {
  std::vector<size_t> by_place(tensors.size());
  std::iota(by_place.begin(), by_place.end(), size_t{0});
  std::sort(by_place.begin(), by_place.end(), [&](size_t a, size_t b) {
    return std::pair(-AlignmentOf(tensors[a].data_type), tensors[a].name) <
           std::pair(-AlignmentOf(tensors[b].data_type), tensors[b].name);
  });
  SafetensorsPlan plan;
  plan.layouts.resize(tensors.size());
  std::map<std::string, std::string> texts = metadata;
  std::map<std::string, Json> entries;
  int64_t end = 0;
  for (size_t i : by_place) {
    const TensorSpec& tensor = tensors[i];
    COFFER_ASSIGN_OR_RETURN(
        plan.layouts[i], ArrayLayout::Make(tensor.data_type, tensor.shape.span(), Order::kC, end));
    if (tensor.name == kMetadata || !IsUtf8(tensor.name)) {
      return InvalidArgumentError("safetensors cannot name a tensor \"" + tensor.name + "\"");
    }
    Stored stored = StoredAs(tensor);
    if (!stored.is_true)
      texts[std::string(kSafetensorsTypeKey) + tensor.name] = tensor.data_type.name();
    Json::Array shape(stored.shape.begin(), stored.shape.end());
    int64_t begin = std::exchange(end, end + plan.layouts[i].bytes);
    Json entry{Json::Object{{"dtype", stored.type_name},
                            {"shape", std::move(shape)},
                            {"data_offsets", Json::Array{begin, end}}}};
    if (!entries.emplace(tensor.name, std::move(entry)).second) {
      return InvalidArgumentError("two tensors are named \"" + tensor.name + "\"");
    }
  }
  Json::Object document;
  if (!texts.empty()) {
    Json::Object values(texts.begin(), texts.end());
    document.emplace_back(kMetadata, std::move(values));
  }
  for (auto& [name, entry] : entries) document.emplace_back(name, std::move(entry));
  std::string text = Json(std::move(document)).Dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  if (std::ssize(text) > kSafetensorsHeaderMax) {
    return InvalidArgumentError("the safetensors header would have " + std::to_string(text.size()) +
                                " bytes; the format allows " +
                                std::to_string(kSafetensorsHeaderMax));
  }
  for (int i = 0; i < 8; ++i) {
    plan.header += static_cast<char>((text.size() >> (8 * i)) & 0xff);
  }
  plan.header += text;
  for (ArrayLayout& layout : plan.layouts) layout.offset += std::ssize(plan.header);
  plan.file_size = std::ssize(plan.header) + end;
  return plan;
}

}  // namespace coffer::inline v0::formats
