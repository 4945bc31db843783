// The array format "tile". An array at <prefix> is
//
//     <prefix>tile.header    text lines, each of which must be there:
//                                tile 1
//                                type uint16
//                                shape 5 3
//                                cell 2 2
//                                codec zstd {"level":3,"checksum":false}     or: codec none
//                                checksum yes                                or: checksum no
//     <prefix>tile.0.2       a cell: its elements in C order, little endian, by the codecs;
//                            of an array without dimensions: <prefix>tile
//
// Creating: the header is made of the options, read back by what opens arrays, and written on the
// condition that its key is missing. Changing: the same, on the condition that it is the one read.
// There are no attributes and no groups.
#include <coffer/base/checked.h>
#include <coffer/codec/chain.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "parts.h"

namespace {

using coffer::CreateOptions, coffer::Generation, coffer::Index, coffer::KvStorePtr,
    coffer::NodeKind, coffer::Result, coffer::Shape, coffer::Status, coffer::StoredArray,
    coffer::StoredArrayPtr, coffer::StoredGroup;

constexpr std::string_view kHeader = "tile.header";
constexpr int64_t kHeaderBytesMax = coffer::KiB(64);
constexpr int64_t kCellBytesMax = coffer::GiB(1);

std::string HeaderKey(const std::string& prefix) { return prefix + std::string(kHeader); }

/// A whole number from `min` on, with no other way to write it.
std::optional<int64_t> ParseNumber(std::string_view text, int64_t min) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < min) return {};
  if (std::to_string(value) != text) return {};
  return value;
}

std::string Numbers(const Shape& shape) {
  std::string text;
  for (const int64_t extent : shape) text += " " + std::to_string(extent);
  return text;
}

/// A header, understood.
struct Header {
  coffer::DataType type = coffer::DataType::kUint8;
  Shape shape = {};
  Shape cell = {};
  std::string codec = "none";
  std::string configuration = {};
  bool checksum = true;

  std::string Text() const {
    return "tile 1\ntype " + type.name() + "\nshape" + Numbers(shape) + "\ncell" + Numbers(cell) +
           "\ncodec " + codec + (codec == "none" ? "" : " " + configuration) + "\nchecksum " +
           (checksum ? "yes" : "no") + "\n";
  }
};

Status Wrong(std::string_view line, std::string_view expected) {
  return coffer::InvalidArgumentError("line \"" + std::string(line.substr(0, 80)) +
                                      "\": expected " + std::string(expected));
}

/// Takes the next line off `text`: what stands behind `name`.
Result<std::string_view> TakeLine(std::string_view& text, std::string_view name) {
  const size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  if (end == text.npos || !line.starts_with(name)) return Wrong(line, name);
  text.remove_prefix(end + 1);
  line.remove_prefix(name.size());
  return line;
}

Result<Shape> ParseShape(std::string_view text, int64_t min) {
  Shape shape;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' ', 1), text.size());
    const auto number = ParseNumber(text.substr(1, end - 1), min);
    if (text[0] != ' ' || !number)
      return Wrong(text, "numbers from " + std::to_string(min) + " on");
    if (shape.rank() == coffer::kMaxRank) return Wrong(text, "at most 32 dimensions");
    shape.push_back(*number);
    text.remove_prefix(end);
  }
  return shape;
}

Result<Header> ParseHeader(std::string_view text) {
  Header header;
  COFFER_ASSIGN_OR_RETURN(const std::string_view version, TakeLine(text, "tile "));
  if (version != "1") return coffer::UnimplementedError("tile version " + std::string(version));
  COFFER_ASSIGN_OR_RETURN(const std::string_view type, TakeLine(text, "type "));
  COFFER_ASSIGN_OR_RETURN(header.type, coffer::DataType::Parse(type));
  COFFER_ASSIGN_OR_RETURN(const std::string_view shape, TakeLine(text, "shape"));
  COFFER_ASSIGN_OR_RETURN(header.shape, ParseShape(shape, 0));
  COFFER_ASSIGN_OR_RETURN(const std::string_view cell, TakeLine(text, "cell"));
  COFFER_ASSIGN_OR_RETURN(header.cell, ParseShape(cell, 1));
  COFFER_ASSIGN_OR_RETURN(const std::string_view codec, TakeLine(text, "codec "));
  const size_t space = std::min(codec.find(' '), codec.size());
  header.codec = codec.substr(0, space);
  header.configuration = codec.substr(std::min(space + 1, codec.size()));
  COFFER_ASSIGN_OR_RETURN(const std::string_view checksum, TakeLine(text, "checksum "));
  if (checksum != "yes" && checksum != "no") return Wrong(checksum, "yes or no");
  header.checksum = checksum == "yes";
  if (!text.empty()) return Wrong(text, "nothing more");
  // Every product is checked before anything is bound to it.
  const auto elements = coffer::NumElements(header.shape);
  const auto in_cell = coffer::NumElements(header.cell);
  if (!elements || !coffer::CheckedMul(*elements, header.type.size())) {
    return coffer::InvalidArgumentError("shape: the array has too many bytes");
  }
  if (!in_cell || *in_cell > kCellBytesMax / header.type.size()) {
    return coffer::UnimplementedError("cell: more than a gibibyte");
  }
  return header;
}

class TileArray final : public StoredArray {
 public:
  std::string CellKey(const Index& cell) const override {
    std::string key = prefix + "tile";
    for (const int64_t at : cell) key += "." + std::to_string(at);
    return key;
  }
  std::optional<Index> ParseCellKey(std::string_view key) const override {
    const std::string start = prefix + "tile";
    if (!key.starts_with(start)) return std::nullopt;
    key.remove_prefix(start.size());
    Index cell;
    while (!key.empty()) {
      const size_t end = std::min(key.find('.', 1), key.size());
      const auto at = ParseNumber(key.substr(1, end - 1), 0);
      if (key[0] != '.' || !at || cell.rank() == shape().rank()) return std::nullopt;
      cell.push_back(*at);
      key.remove_prefix(end);
    }
    if (cell.rank() != shape().rank()) return std::nullopt;
    return cell;
  }
  bool IsMetadataKey(std::string_view key) const override { return key == HeaderKey(prefix); }
};

struct Document {
  std::string text;
  Generation generation;
  bool exists = true;
};

class TileDriver final : public coffer::ArrayDriver {
 public:
  std::string_view name() const override { return "tile"; }

  Result<NodeKind> Find(const KvStorePtr& store, const std::string& prefix) const override {
    COFFER_ASSIGN_OR_RETURN(const Document document, Read(*store, prefix));
    return document.exists ? NodeKind::kArray : NodeKind::kNone;
  }

  Result<StoredArrayPtr> Open(const KvStorePtr& store, const std::string& prefix,
                              const coffer::Context& context) const override {
    COFFER_ASSIGN_OR_RETURN(Document document, Read(*store, prefix));
    if (!document.exists) {
      return coffer::NotFoundError(store->Describe(HeaderKey(prefix)) + ": no array is here");
    }
    return Understand(store, prefix, std::move(document), context);
  }

  Result<StoredArrayPtr> Create(const KvStorePtr& store, const std::string& prefix,
                                const CreateOptions& options) const override {
    Result<Header> header = FromOptions(options);
    if (!header.ok()) return header.status().Annotate(store->Describe(prefix));
    COFFER_RETURN_IF_ERROR(
        Understand(store, prefix, {header->Text(), Generation::Unknown()}, options.context));
    COFFER_RETURN_IF_ERROR(CheckAbove(store, prefix));
    COFFER_ASSIGN_OR_RETURN(const Document old, Read(*store, prefix));
    if (old.exists) {
      if (!options.format.delete_existing) return AlreadyThere(*store, prefix);
      COFFER_RETURN_IF_ERROR(store->Write(HeaderKey(prefix), std::nullopt).Get());
      COFFER_RETURN_IF_ERROR(store->DeleteRange(coffer::KeyRange::Prefix(prefix)).Get());
    }
    Document made{header->Text(), Generation::Unknown()};
    COFFER_ASSIGN_OR_RETURN(const bool done, Write(*store, prefix, Generation::Missing(), made));
    if (!done) return AlreadyThere(*store, prefix);
    return Understand(store, prefix, std::move(made), options.context);
  }

  Result<StoredArrayPtr> Update(const StoredArray& stored, const std::optional<Shape>& shape,
                                const std::optional<std::string>& attributes,
                                const coffer::Context& context) const override {
    const std::string key = stored.Describe(HeaderKey(stored.prefix));
    if (attributes) return coffer::UnimplementedError(key + ": tile has no attributes");
    COFFER_ASSIGN_OR_RETURN(Header header, ParseHeader(stored.metadata));
    if (shape) header.shape = *shape;
    Document made{header.Text(), Generation::Unknown()};
    COFFER_RETURN_IF_ERROR(Understand(stored.store, stored.prefix, made, context));
    COFFER_ASSIGN_OR_RETURN(const bool done,
                            Write(*stored.store, stored.prefix, stored.metadata_generation, made));
    if (!done) return coffer::AbortedError(key + ": changed by someone else in the meantime");
    return Understand(stored.store, stored.prefix, std::move(made), context);
  }

  Result<StoredGroup> OpenGroup(const KvStorePtr& store, const std::string& prefix) const override {
    return coffer::NotFoundError(store->Describe(prefix) + ": tile has no groups");
  }
  Result<StoredGroup> CreateGroup(const KvStorePtr& store, const std::string& prefix,
                                  const coffer::GroupOptions&) const override {
    return coffer::UnimplementedError(store->Describe(prefix) + ": tile has no groups");
  }
  Result<StoredGroup> UpdateGroup(const KvStorePtr& store, const std::string& prefix,
                                  std::string_view) const override {
    return coffer::UnimplementedError(store->Describe(prefix) + ": tile has no groups");
  }

  std::optional<std::string> NodeOfKey(std::string_view key) const override {
    if (!key.ends_with(kHeader)) return std::nullopt;
    const std::string_view prefix = key.substr(0, key.size() - kHeader.size());
    if (!prefix.empty() && prefix.back() != '/') return std::nullopt;
    return std::string(prefix);
  }
  bool IsNodeName(std::string_view name) const override {
    while (true) {
      const size_t end = std::min(name.find('/'), name.size());
      const std::string_view segment = name.substr(0, end);
      if (segment.empty() || segment == "." || segment == ".." || segment == kHeader) return false;
      if (end == name.size()) return true;
      name.remove_prefix(end + 1);
    }
  }

 private:
  static Status AlreadyThere(const coffer::KvStore& store, const std::string& prefix) {
    return coffer::AlreadyExistsError(store.Describe(HeaderKey(prefix)) +
                                      ": an array is already here");
  }

  static Result<Document> Read(coffer::KvStore& store, const std::string& prefix) {
    COFFER_ASSIGN_OR_RETURN(const coffer::ReadResult read,
                            store.Read(HeaderKey(prefix), {.max_bytes = kHeaderBytesMax}).Get());
    return Document{std::string(read.value.text()), read.generation,
                    read.state == coffer::ReadResult::State::kValue};
  }

  /// False if the header is another one by now.
  static Result<bool> Write(coffer::KvStore& store, const std::string& prefix,
                            const Generation& if_equal, Document& document) {
    coffer::WriteOptions options;
    const coffer::Capabilities can = store.capabilities();
    if (can.conditional_write || (can.conditional_create && if_equal.missing())) {
      options.if_equal = if_equal;
    } else {
      COFFER_ASSIGN_OR_RETURN(const Document now, Read(store, prefix));
      if (now.generation != if_equal) return false;
    }
    COFFER_ASSIGN_OR_RETURN(
        const coffer::WriteResult written,
        store.Write(HeaderKey(prefix), coffer::Bytes::Copy(document.text), options).Get());
    document.generation = written.generation;
    return written.state == coffer::WriteResult::State::kWritten;
  }

  Status CheckAbove(const KvStorePtr& store, const std::string& prefix) const {
    for (size_t slash = 0; slash + 1 < prefix.size(); slash = prefix.find('/', slash) + 1) {
      const std::string above = prefix.substr(0, slash);
      COFFER_ASSIGN_OR_RETURN(const NodeKind kind, Find(store, above));
      if (kind == NodeKind::kNone) continue;
      return coffer::FailedPreconditionError(store->Describe(HeaderKey(above)) +
                                             ": is an array, so no other can stand below it");
    }
    return {};
  }

  static Result<Header> FromOptions(const CreateOptions& options) {
    const auto& format = options.format;
    if (!options.shard_shape.empty() || !format.codecs.empty() || !format.fill_value.empty() ||
        !format.dimension_names.empty() || !format.dimension_units.empty()) {
      return coffer::UnimplementedError(
          "tile has no shards, codec lists, fill values, dimension names or units");
    }
    if (!options.attributes.empty() && options.attributes != "{}") {
      return coffer::UnimplementedError("tile has no attributes");
    }
    Header header{.type = options.data_type, .shape = options.shape, .cell = options.chunk_shape};
    header.checksum = format.checksum;
    if (header.cell.empty()) header.cell = Shape::Filled(header.shape.rank(), 32);
    if (!options.codec.name.empty()) {
      header.codec = options.codec.name;
      header.configuration =
          options.codec.configuration.empty() ? "{}" : options.codec.configuration;
    }
    return header;
  }

  Result<StoredArrayPtr> Understand(const KvStorePtr& store, const std::string& prefix,
                                    Document document, const coffer::Context& context) const {
    auto stored = std::make_shared<TileArray>();
    stored->driver = this;
    stored->store = store;
    stored->prefix = prefix;
    stored->attributes = "{}";
    stored->metadata_key = HeaderKey(prefix);
    const Status status = Bind(document.text, context.Get<coffer::CodecTable>(), *stored);
    if (!status.ok()) return status.Annotate(store->Describe(HeaderKey(prefix)));
    stored->metadata = std::move(document.text);
    stored->metadata_generation = std::move(document.generation);
    return stored;
  }

  static Status Bind(std::string_view text, const coffer::CodecTable& table, TileArray& stored) {
    COFFER_ASSIGN_OR_RETURN(const Header header, ParseHeader(text));
    COFFER_ASSIGN_OR_RETURN(stored.grid, coffer::RegularGrid::Make(header.shape, header.cell));
    std::vector<coffer::CodecPtr> codecs(1);
    COFFER_ASSIGN_OR_RETURN(codecs[0], table.Make("bytes", R"({"endian":"little"})"));
    if (header.codec != "none") {
      COFFER_ASSIGN_OR_RETURN(coffer::CodecPtr codec,
                              table.Make(header.codec, header.configuration));
      codecs.push_back(std::move(codec));
    }
    if (header.checksum) {
      COFFER_ASSIGN_OR_RETURN(coffer::CodecPtr crc, table.Make("crc32c", "{}"));
      codecs.push_back(std::move(crc));
    }
    const std::vector<std::byte> zero(static_cast<size_t>(header.type.size()));
    COFFER_ASSIGN_OR_RETURN(stored.chain,
                            coffer::BindCodecs(codecs, {header.type, header.cell, zero}));
    return {};
  }
};

}  // namespace

std::shared_ptr<const coffer::ArrayDriver> MakeTileDriver() {
  return std::make_shared<TileDriver>();
}
