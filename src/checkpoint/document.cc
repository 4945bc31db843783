#include "src/checkpoint/document.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "coffer/base/bytes.h"
#include "src/base/base64.h"
#include "src/base/crc32c.h"
#include "src/base/json.h"

namespace coffer::inline v0 {
namespace {

constexpr int64_t kVersion = 1;
constexpr std::string_view kDataPrefix = "data-";

std::string Hex(uint64_t value, size_t digits) {
  constexpr std::string_view kHexDigits = "0123456789abcdef";
  std::string text(digits, '0');
  for (size_t i = 0; i < digits; ++i) text[digits - 1 - i] = kHexDigits[value >> (4 * i) & 15];
  return text;
}

/// Exactly `digits` lower case digits.
std::optional<uint64_t> ParseHex(std::string_view text, size_t digits) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (text != Hex(value, digits)) return std::nullopt;
  return value;
}

Json DimsToJson(const Dims& dims) {
  Json::Array extents;
  for (int64_t extent : dims) extents.emplace_back(extent);
  return Json(std::move(extents));
}

Json DigestToJson(const Digest& digest) {
  return Json::Object{{"size", digest.size}, {"crc32c", Hex(digest.crc32c, 8)}};
}

Result<Digest> DigestFromMembers(const Json& object, const std::string& path, int64_t size_max) {
  Digest digest;
  const Json* size = object.Find("size");
  const Json* crc = object.Find("crc32c");
  if (size == nullptr || crc == nullptr) return object.Unexpected(path, "\"size\" and \"crc32c\"");
  COFFER_ASSIGN_OR_RETURN(digest.size, size->AsInt64(path + ".size", 0, size_max));
  COFFER_ASSIGN_OR_RETURN(const std::string text, crc->AsString(path + ".crc32c"));
  const std::optional<uint64_t> value = ParseHex(text, 8);
  if (!value) return crc->Unexpected(path + ".crc32c", "8 hexadecimal digits");
  digest.crc32c = static_cast<uint32_t>(*value);
  return digest;
}

Json DoubleToJson(double value) {
  if (std::isfinite(value)) return Json(value);
  return Json("0x" + Hex(std::bit_cast<uint64_t>(value), 16));
}

class NodeWriter {
 public:
  explicit NodeWriter(const std::vector<ArrayEntry>& arrays) : arrays_(arrays) {}

  Json Node(const Tree& node) {
    Json value;
    switch (node.kind()) {
      case Tree::Kind::kDict: {
        Json::Object members;
        for (const auto& [name, child] : node.members()) members.emplace_back(name, Node(child));
        value = Json(std::move(members));
        break;
      }
      case Tree::Kind::kList: {
        Json::Array items;
        for (const Tree& item : node.items()) items.push_back(Node(item));
        value = Json(std::move(items));
        break;
      }
      case Tree::Kind::kArray:
        return Array(node.array());
      case Tree::Kind::kNone:
        break;
      case Tree::Kind::kBool:
        value = Json(node.bool_value());
        break;
      case Tree::Kind::kInt:
        value = Json(node.int_value());
        break;
      case Tree::Kind::kDouble:
        value = DoubleToJson(node.double_value());
        break;
      case Tree::Kind::kString:
        value = Json(node.text());
        break;
      case Tree::Kind::kBytes:
        value = Json(EncodeBase64(node.text()));
        break;
    }
    Json::Object object;  // No initializer list: it would copy all that is below.
    object.emplace_back(KindName(node.kind()), std::move(value));
    return object;
  }

 private:
  Json Array(const ConstView& array) {
    const ArrayEntry& entry = arrays_[next_];
    return Json::Object{{"array", next_++},
                        {"data_type", array.data_type.name()},
                        {"shape", DimsToJson(array.shape)},
                        {"chunk_shape", DimsToJson(entry.chunk_shape)},
                        {"shard_shape", DimsToJson(entry.shard_shape)},
                        {"metadata", DigestToJson(entry.metadata)}};
  }

  const std::vector<ArrayEntry>& arrays_;
  size_t next_ = 0;
};

/// Reads nodes; the JSON path of the present one is kept in one string.
class NodeReader {
 public:
  Result<Tree> Node(const Json& node, int depth) {
    if (!node.is_object() || node.object().empty()) return node.Unexpected(path_, "a tree node");
    const auto& [kind, value] = node.object().front();
    if (kind == "array") return Array(node);
    COFFER_RETURN_IF_ERROR(node.CheckMembers(path_, {kind}));
    const size_t length = path_.size();
    path_ += '.' + kind;
    Result<Tree> tree = kind == "dict"   ? Dict(value, depth + 1)
                        : kind == "list" ? List(value, depth + 1)
                                         : Leaf(kind, value);
    path_.resize(tree.ok() ? length : path_.size());
    return tree;
  }

  std::vector<ArrayEntry> TakeArrays() { return std::move(arrays_); }

 private:
  Result<Tree> Dict(const Json& value, int depth) {
    COFFER_RETURN_IF_ERROR(CheckDepth(value, depth));
    COFFER_ASSIGN_OR_RETURN(const Json::Object* members, value.AsObject(path_));
    Tree dict = Tree::Dict();
    const size_t length = path_.size();
    for (const auto& [name, node] : *members) {
      path_ += '[' + Json(name).Dump() + ']';
      COFFER_ASSIGN_OR_RETURN(Tree child, Node(node, depth));
      path_.resize(length);
      dict.Set(name, std::move(child));
    }
    return dict;
  }

  Result<Tree> List(const Json& value, int depth) {
    COFFER_RETURN_IF_ERROR(CheckDepth(value, depth));
    COFFER_ASSIGN_OR_RETURN(const Json::Array* items, value.AsArray(path_));
    Tree list = Tree::List();
    const size_t length = path_.size();
    for (size_t i = 0; i < items->size(); ++i) {
      path_ += '[' + std::to_string(i) + ']';
      COFFER_ASSIGN_OR_RETURN(Tree item, Node((*items)[i], depth));
      path_.resize(length);
      list.Append(std::move(item));
    }
    return list;
  }

  Result<Tree> Leaf(const std::string& kind, const Json& value) {
    COFFER_RETURN_IF_ERROR(CountLeaf());
    if (kind == "none") {
      if (!value.is_null()) return value.Unexpected(path_, "null");
      return Tree();
    }
    if (kind == "bool") {
      COFFER_ASSIGN_OR_RETURN(const bool flag, value.AsBool(path_));
      return Tree(flag);
    }
    if (kind == "int") {
      COFFER_ASSIGN_OR_RETURN(const int64_t number, value.AsInt64(path_));
      return Tree(number);
    }
    if (kind == "double") return Double(value);
    if (kind != "string" && kind != "bytes") {
      return InvalidArgumentError("at " + path_ + ": unknown kind of node");
    }
    COFFER_ASSIGN_OR_RETURN(std::string text, value.AsString(path_));
    if (kind == "string") return Tree(text);
    std::optional<std::string> bytes = DecodeBase64(text);
    if (!bytes) return value.Unexpected(path_, "base64");
    return Tree::FromBytes(*std::move(bytes));
  }

  Result<Tree> Double(const Json& value) {
    if (value.type() == Json::Type::kDouble) return Tree(value.number());
    if (value.is_string() && value.string().starts_with("0x")) {
      const std::optional<uint64_t> bits = ParseHex(value.string().substr(2), 16);
      if (bits && !std::isfinite(std::bit_cast<double>(*bits))) {
        return Tree(std::bit_cast<double>(*bits));
      }
    }
    return value.Unexpected(path_, "a number with a fraction, or the bits of an infinity or NaN");
  }

  Result<Tree> Array(const Json& node) {
    COFFER_RETURN_IF_ERROR(CountLeaf());
    COFFER_RETURN_IF_ERROR(node.CheckMembers(
        path_, {"array", "data_type", "shape", "chunk_shape", "shard_shape", "metadata"}));
    if (node.object().size() != 6) return node.Unexpected(path_, "six members of an array");
    const auto next = static_cast<int64_t>(arrays_.size());
    COFFER_RETURN_IF_ERROR(node.Find("array")->AsInt64(path_ + ".array", next, next));
    COFFER_ASSIGN_OR_RETURN(const std::string name,
                            node.Find("data_type")->AsString(path_ + ".data_type"));
    Result<DataType> type = DataType::Parse(name);
    if (!type.ok()) return type.status().Annotate("at " + path_ + ".data_type");
    COFFER_ASSIGN_OR_RETURN(const Shape shape, ReadDims(*node.Find("shape"), ".shape", 0));
    ArrayEntry entry;
    COFFER_ASSIGN_OR_RETURN(entry.chunk_shape,
                            ReadDims(*node.Find("chunk_shape"), ".chunk_shape", 1));
    COFFER_ASSIGN_OR_RETURN(entry.shard_shape,
                            ReadDims(*node.Find("shard_shape"), ".shard_shape", 1));
    const std::string path = path_ + ".metadata";
    const Json& metadata = *node.Find("metadata");
    COFFER_RETURN_IF_ERROR(metadata.CheckMembers(path, {"size", "crc32c"}));
    COFFER_ASSIGN_OR_RETURN(entry.metadata, DigestFromMembers(metadata, path, INT64_MAX));
    COFFER_RETURN_IF_ERROR(CountBytes(*type, shape));
    arrays_.push_back(entry);
    return Tree(ConstView(nullptr, *type, shape));
  }

  Result<Dims> ReadDims(const Json& value, std::string_view member, int64_t min) const {
    const std::string path = path_ + std::string(member);
    COFFER_ASSIGN_OR_RETURN(const Json::Array* extents, value.AsArray(path));
    if (extents->size() > static_cast<size_t>(kMaxRank)) {
      return value.Unexpected(path, "at most " + std::to_string(kMaxRank) + " dimensions");
    }
    Dims dims;
    for (const Json& extent : *extents) {
      COFFER_ASSIGN_OR_RETURN(const int64_t number, extent.AsInt64(path, min));
      dims.push_back(number);
    }
    return dims;
  }

  Status CheckDepth(const Json& value, int depth) const {
    if (depth <= kTreeDepthMax) return Status();
    return value.Unexpected(path_, "nesting of at most " + std::to_string(kTreeDepthMax));
  }

  Status CountLeaf() {
    if (++leaves_ <= kLeavesMax) return Status();
    return InvalidArgumentError("at " + path_ + ": more than " + std::to_string(kLeavesMax) +
                                " leaves");
  }

  Status CountBytes(DataType type, const Shape& shape) {
    const std::optional<int64_t> elements = NumElements(shape);
    std::optional<int64_t> bytes = elements ? CheckedMul(*elements, type.size()) : std::nullopt;
    if (bytes) bytes = CheckedAdd(bytes_, *bytes);
    if (!bytes) return InvalidArgumentError("at " + path_ + ".shape: more bytes than 2^63");
    bytes_ = *bytes;
    return Status();
  }

  std::string path_ = "$.tree";
  std::vector<ArrayEntry> arrays_;
  int64_t leaves_ = 0;
  int64_t bytes_ = 0;
};

Status CheckFormat(const Json& document) {
  const Json* format = document.Find("format");
  if (format == nullptr || *format != Json(kCheckpointFormat)) {
    return document.Unexpected("$", "\"format\": \"" + std::string(kCheckpointFormat) + "\"");
  }
  const Json* version = document.Find("version");
  if (version == nullptr || !version->is_integer()) return document.Unexpected("$", "a version");
  if (*version != Json(kVersion)) {
    return UnimplementedError("at $.version: version " + version->Dump() + " of " +
                              std::string(kCheckpointFormat) + " is not known here");
  }
  return Status();
}

class TreeChecker {
 public:
  Status Node(const Tree& node, const TreePath& path, int depth) {
    if (node.is_leaf()) {
      if (++leaves_ > kLeavesMax) {
        return InvalidArgumentError("the tree has more than " + std::to_string(kLeavesMax) +
                                    " leaves");
      }
      if (node.kind() == Tree::Kind::kArray) return Array(node.array(), path);
      if (node.kind() == Tree::Kind::kString && !IsUtf8(node.text())) {
        return InvalidArgumentError(At(path) + ": the string is not UTF-8; see Tree::FromBytes");
      }
      return Status();
    }
    if (depth == kTreeDepthMax) {
      return InvalidArgumentError(At(path) + ": nested deeper than " +
                                  std::to_string(kTreeDepthMax));
    }
    if (node.kind() == Tree::Kind::kDict) {
      for (const auto& [name, child] : node.members()) {
        const TreePath below = path.Key(name);
        if (!IsUtf8(name)) return InvalidArgumentError(At(below) + ": the name is not UTF-8");
        COFFER_RETURN_IF_ERROR(Node(child, below, depth + 1));
      }
    } else {
      int64_t index = 0;
      for (const Tree& item : node.items()) {
        COFFER_RETURN_IF_ERROR(Node(item, path.Index(index++), depth + 1));
      }
    }
    return Status();
  }

 private:
  Status Array(const ConstView& array, const TreePath& path) {
    for (int64_t extent : array.shape) {
      if (extent < 0) {
        return InvalidArgumentError(At(path) + ": negative extent in shape " +
                                    coffer::ToString(array.shape));
      }
    }
    const std::optional<int64_t> elements = NumElements(array.shape);
    std::optional<int64_t> bytes =
        elements ? CheckedMul(*elements, array.data_type.size()) : std::nullopt;
    if (bytes) bytes = CheckedAdd(bytes_, *bytes);
    if (!bytes) return InvalidArgumentError(At(path) + ": more bytes than 2^63");
    bytes_ = *bytes;
    if (*elements > 0 && array.data == nullptr) {
      return InvalidArgumentError(At(path) + ": the array has a shape but no elements");
    }
    return Status();
  }

  int64_t leaves_ = 0;
  int64_t bytes_ = 0;
};

}  // namespace

Digest Digest::Of(std::string_view bytes) {
  return {static_cast<int64_t>(bytes.size()), Crc32c(AsBytes(bytes))};
}

std::string Digest::ToString() const {
  return std::to_string(size) + " bytes with crc32c " + Hex(crc32c, 8);
}

std::string Document::Dump() const {
  Json::Object document = {
      {"format", kCheckpointFormat}, {"version", kVersion}, {"created_at", created_at}};
  document.emplace_back("tree", NodeWriter(arrays).Node(tree));
  return Json(std::move(document)).Dump();
}

Result<Document> Document::Parse(std::string_view text) {
  // Each dict and list of the tree is two levels of JSON; a leaf with its digest is three.
  constexpr int kJsonDepthMax = 1 + 2 * kTreeDepthMax + 3;
  constexpr size_t kMemoryPerByte = 10;  // Ours need five: keys and digests are long.
  COFFER_ASSIGN_OR_RETURN(const Json json,
                          Json::Parse(text, {.size_max = kDocumentBytesMax,
                                             .memory_max = 4096 + kMemoryPerByte * text.size(),
                                             .depth_max = kJsonDepthMax}));
  COFFER_RETURN_IF_ERROR(CheckFormat(json));
  COFFER_RETURN_IF_ERROR(json.CheckMembers("$", {"format", "version", "created_at", "tree"}));
  if (json.object().size() != 4) return json.Unexpected("$", "\"created_at\" and \"tree\"");
  Document document;
  COFFER_ASSIGN_OR_RETURN(document.created_at, json.Find("created_at")->AsString("$.created_at"));
  NodeReader reader;
  COFFER_ASSIGN_OR_RETURN(document.tree, reader.Node(*json.Find("tree"), 0));
  document.arrays = reader.TakeArrays();
  return document;
}

std::string Marker::Dump() const {
  return Json(Json::Object{{"format", kCheckpointFormat},
                           {"version", kVersion},
                           {"data", data},
                           {"size", document.size},
                           {"crc32c", Hex(document.crc32c, 8)}})
      .Dump();
}

Result<Marker> Marker::Parse(std::string_view text) {
  COFFER_ASSIGN_OR_RETURN(const Json json, Json::Parse(text));
  COFFER_RETURN_IF_ERROR(CheckFormat(json));
  COFFER_RETURN_IF_ERROR(json.CheckMembers("$", {"format", "version", "data", "size", "crc32c"}));
  Marker marker;
  const Json* data = json.Find("data");
  if (data == nullptr) return json.Unexpected("$", "\"data\"");
  COFFER_ASSIGN_OR_RETURN(marker.data, data->AsString("$.data"));
  if (!IsDataName(marker.data)) {
    return data->Unexpected("$.data", "\"data-\" and 16 hexadecimal digits");
  }
  COFFER_ASSIGN_OR_RETURN(marker.document, DigestFromMembers(json, "$", kDocumentBytesMax));
  return marker;
}

bool IsDataName(std::string_view name) {
  return name.starts_with(kDataPrefix) && ParseHex(name.substr(kDataPrefix.size()), 16);
}

Status CheckTree(const Tree& tree) { return TreeChecker().Node(tree, TreePath(), 0); }

std::vector<ArrayLeaf> ArrayLeavesOf(const Tree& tree) {
  std::vector<ArrayLeaf> leaves;
  for (const auto& [path, node] : tree.Leaves()) {
    if (node->kind() == Tree::Kind::kArray) leaves.push_back({path, node->array()});
  }
  return leaves;
}

std::string LeafAsJson(const Tree& leaf) {
  return NodeWriter({}).Node(leaf).object().front().second.Dump();
}

std::string At(const TreePath& path) {
  return path.empty() ? "at the root" : "at " + path.ToString();
}

}  // namespace coffer::inline v0
