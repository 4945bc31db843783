// A node is there if its .zarray or .zgroup is. What belongs together and stands under two keys:
//
// Creating a node:
//  1. Its document is made from the options and read back by the code that opens arrays, so what
//     could not be opened is never written.
//  2. Its place is prepared (drivers/zarr/new_node.h).
//  3. .zattrs, under the generation that it has where there is no node (missing, or what a killed
//     creator left, which is deleted where the new node has no attributes). If that has changed,
//     somebody else is creating here.
//  4. .zarray or .zgroup, on the condition that the key is missing. From here on the node is seen,
//     with its attributes. Of two that create at the same moment one has lost; the attributes may
//     be those of either.
//
// Changing a shape: .zarray, under the generation that was read. Attributes are another document,
// which may have changed in between; they are not touched.
//
// Changing attributes: .zarray is compared with what was read, since the array may have been
// replaced; then .zattrs is written under the generation that was read with it. An array that is
// replaced between these two steps gets the attributes.
#include "drivers/zarr2/driver.h"

#include <array>
#include <memory>
#include <utility>

#include "drivers/zarr/document.h"
#include "drivers/zarr/layout.h"
#include "drivers/zarr/new_node.h"
#include "drivers/zarr/understood.h"
#include "drivers/zarr2/metadata.h"
#include "src/codec/chain.h"

namespace coffer::inline v0 {
namespace {

using zarr::ChangedMeanwhile;
using zarr::Document;
using zarr::GenerationNow;
using zarr::ReadDocument;
using zarr::WriteDocument;
using zarr2::ArrayMetadata;

constexpr std::string_view kArray = ".zarray";
constexpr std::string_view kGroup = ".zgroup";
constexpr std::string_view kAttributes = ".zattrs";
constexpr std::string_view kConsolidated = ".zmetadata";
constexpr std::array kDocuments = {kArray, kGroup, kAttributes, kConsolidated};

class Zarr2Array final : public StoredArray {
 public:
  std::string CellKey(const Index& cell) const override { return prefix + keys.Key(cell); }
  std::optional<Index> ParseCellKey(std::string_view key) const override {
    if (!key.starts_with(prefix)) return std::nullopt;
    return keys.Parse(key.substr(prefix.size()), grid.shape().rank());
  }
  bool IsMetadataKey(std::string_view key) const override {
    if (!key.starts_with(prefix)) return false;
    const std::string_view name = key.substr(prefix.size());
    return name == kArray || name == kAttributes;
  }

  zarr::ChunkKeys keys;
  Generation attributes_generation;
};

std::string Key(const std::string& prefix, std::string_view document) {
  return prefix + std::string(document);
}

bool IsSegmentOfName(std::string_view segment) {
  if (segment.empty() || segment == "." || segment == "..") return false;
  for (std::string_view document : kDocuments) {
    if (segment == document) return false;
  }
  return segment.find('\\') == std::string_view::npos;  // The specification reads it as a slash.
}

struct Attributes {
  std::string json = "{}";
  Generation generation = Generation::Missing();
};

Result<Attributes> ReadAttributes(KvStore& store, const std::string& prefix) {
  const std::string key = Key(prefix, kAttributes);
  COFFER_ASSIGN_OR_RETURN(std::optional<Document> document, ReadDocument(store, key));
  if (!document) return Attributes();
  Result<std::string> json = zarr2::AttributesFromText(document->text);
  if (!json.ok()) return json.status().Annotate(store.Describe(key));
  return Attributes{*std::move(json), std::move(document->generation)};
}

// Something has this name: a value, or (a FIFO) what opening it tells.
Result<bool> IsThere(KvStore& store, const std::string& key) {
  const Result<Generation> generation = GenerationNow(store, key);
  if (generation.status().code() == StatusCode::kFailedPrecondition) return true;
  COFFER_RETURN_IF_ERROR(generation);
  return !generation->missing();
}

// The document of a node, a group's parsed. `other` is that of the other kind of node.
Result<Document> ReadNode(KvStore& store, const std::string& prefix, std::string_view name,
                          std::string_view other) {
  const bool array = name == kArray;
  const std::string key = Key(prefix, name);
  // A node with both documents is an array.
  if (!array) {
    COFFER_ASSIGN_OR_RETURN(const bool is_array, IsThere(store, Key(prefix, other)));
    if (is_array) {
      return FailedPreconditionError(store.Describe(Key(prefix, other)) +
                                     ": here is an array, not a group");
    }
  }
  COFFER_ASSIGN_OR_RETURN(std::optional<Document> document, ReadDocument(store, key));
  if (!document) {
    if (array) {
      COFFER_ASSIGN_OR_RETURN(const bool is_group, IsThere(store, Key(prefix, other)));
      if (is_group) {
        return FailedPreconditionError(store.Describe(Key(prefix, other)) +
                                       ": here is a group, not an array");
      }
    }
    return NotFoundError(store.Describe(key) + ": no " + (array ? "array" : "group") +
                         " is here: the key does not exist");
  }
  if (!array) {
    COFFER_RETURN_IF_ERROR(zarr::ParseDocument(store, key, *document));
    const Status checked = zarr2::CheckGroup(document->json);
    if (!checked.ok()) return checked.Annotate(store.Describe(key));
  }
  return *std::move(document);
}

Result<Document> ReadGroup(KvStore& store, const std::string& prefix) {
  return ReadNode(store, prefix, kGroup, kArray);
}

// Step 3: the generation that .zattrs has afterwards, or nullopt if somebody else creates here.
Result<std::optional<Generation>> WriteNewAttributes(KvStore& store, const std::string& prefix,
                                                     const Json& attributes) {
  const std::string key = Key(prefix, kAttributes);
  COFFER_ASSIGN_OR_RETURN(const Generation debris, GenerationNow(store, key));
  if (!attributes.object().empty()) {
    Generation written;
    COFFER_ASSIGN_OR_RETURN(const bool done,
                            WriteDocument(store, key, attributes.Dump(2), debris, written));
    return done ? std::optional(std::move(written)) : std::nullopt;
  }
  if (debris.missing()) return std::optional(debris);
  WriteOptions options;
  if (store.capabilities().conditional_delete) options.if_equal = debris;
  COFFER_ASSIGN_OR_RETURN(const WriteResult deleted, store.Write(key, std::nullopt, options).Get());
  const bool done = deleted.state == WriteResult::State::kWritten;
  return done ? std::optional(Generation::Missing()) : std::nullopt;
}

struct NewNode {
  Generation document;
  Generation attributes;
};

// Steps 2 to 4 of the protocol. `chunks`: nullptr for a group.
Result<NewNode> WriteNewNode(const ArrayDriver& driver, const KvStorePtr& store,
                             const std::string& prefix, std::string document,
                             const Json& attributes, const zarr::NewChunks* chunks,
                             bool delete_existing) {
  const zarr::NodeFormat format{.driver = driver,
                                .array_document = kArray,
                                .group_document = kGroup,
                                .group_text = zarr2::GroupToJson().Dump(2),
                                .is_name = IsSegmentOfName};
  const std::string key = Key(prefix, chunks != nullptr ? kArray : kGroup);
  COFFER_RETURN_IF_ERROR(zarr::PrepareNode(format, store, prefix, chunks, delete_existing));
  NewNode made;
  COFFER_ASSIGN_OR_RETURN(std::optional<Generation> written,
                          WriteNewAttributes(*store, prefix, attributes));
  if (!written) return zarr::AlreadyThere(*store, key);
  made.attributes = *std::move(written);
  COFFER_ASSIGN_OR_RETURN(const bool done, WriteDocument(*store, key, std::move(document),
                                                         Generation::Missing(), made.document));
  if (!done) return zarr::AlreadyThere(*store, key);
  return made;
}

// The document of an array is understood, or the error says which one is not.
Result<std::shared_ptr<const ArrayMetadata>> Understand(const KvStore& store,
                                                        const std::string& prefix,
                                                        const std::string& text,
                                                        const Context& context) {
  return zarr::UnderstandOnce<ArrayMetadata>(
      context, "zarr2", text, [&]() -> Result<ArrayMetadata> {
        Document document{Json(), text, {}};
        COFFER_RETURN_IF_ERROR(zarr::ParseDocument(store, Key(prefix, kArray), document));
        Result<ArrayMetadata> metadata =
            zarr2::ArrayFromJson(document.json, context.Get<CodecTable>());
        if (metadata.ok()) return metadata;
        return metadata.status().Annotate(store.Describe(Key(prefix, kArray)));
      });
}

StoredArrayPtr MakeStored(const ArrayDriver& driver, const KvStorePtr& store,
                          const std::string& prefix, const ArrayMetadata& metadata,
                          Document document, Attributes attributes) {
  auto stored = std::make_shared<Zarr2Array>();
  stored->driver = &driver;
  stored->store = store;
  stored->prefix = prefix;
  stored->grid = metadata.grid;
  stored->chain = metadata.chain;
  stored->codecs = metadata.codecs;
  stored->fill_value = metadata.fill_value;
  stored->fill_value_undefined = metadata.fill_value_undefined;
  stored->keys = metadata.keys;
  stored->attributes = std::move(attributes.json);
  stored->attributes_generation = std::move(attributes.generation);
  stored->metadata = std::move(document.text);
  stored->metadata_generation = std::move(document.generation);
  stored->metadata_key = Key(prefix, kArray);
  return stored;
}

// The new text of .zattrs, under the generation that the array was read with.
Result<Attributes> ReplaceAttributes(const Zarr2Array& stored, const Json& attributes) {
  KvStore& store = *stored.store;
  const std::string key = Key(stored.prefix, kAttributes);
  COFFER_ASSIGN_OR_RETURN(const Generation wanted,
                          zarr::GenerationToReplace(store, Key(stored.prefix, kArray),
                                                    stored.metadata, stored.metadata_generation));
  COFFER_ASSIGN_OR_RETURN(const Generation now, GenerationNow(store, Key(stored.prefix, kArray)));
  if (now != wanted) return ChangedMeanwhile(store, Key(stored.prefix, kArray));
  Attributes written{attributes.Dump(), stored.attributes_generation};
  if (!written.generation.known()) {  // Of a snapshot.
    COFFER_ASSIGN_OR_RETURN(const Attributes present, ReadAttributes(store, stored.prefix));
    if (!zarr::SaysTheSame(present.json, stored.attributes)) return ChangedMeanwhile(store, key);
    written.generation = present.generation;
  }
  const Generation condition = written.generation;
  COFFER_ASSIGN_OR_RETURN(const bool done, WriteDocument(store, key, attributes.Dump(2), condition,
                                                         written.generation));
  if (!done) return ChangedMeanwhile(store, key);
  return written;
}

}  // namespace

Result<NodeKind> Zarr2Driver::Find(const KvStorePtr& store, const std::string& prefix) const {
  COFFER_ASSIGN_OR_RETURN(const bool array, IsThere(*store, Key(prefix, kArray)));
  if (array) return NodeKind::kArray;
  COFFER_ASSIGN_OR_RETURN(const bool group, IsThere(*store, Key(prefix, kGroup)));
  return group ? NodeKind::kGroup : NodeKind::kNone;
}

Result<StoredArrayPtr> Zarr2Driver::Open(const KvStorePtr& store, const std::string& prefix,
                                         const Context& context) const {
  COFFER_ASSIGN_OR_RETURN(Document document, ReadNode(*store, prefix, kArray, kGroup));
  COFFER_ASSIGN_OR_RETURN(const auto metadata, Understand(*store, prefix, document.text, context));
  COFFER_ASSIGN_OR_RETURN(Attributes attributes, ReadAttributes(*store, prefix));
  return MakeStored(*this, store, prefix, *metadata, std::move(document), std::move(attributes));
}

Result<StoredArrayPtr> Zarr2Driver::Create(const KvStorePtr& store, const std::string& prefix,
                                           const CreateOptions& options) const {
  Result<Json> json = zarr2::ArrayToJson(options);
  if (!json.ok()) return json.status().Annotate(store->Describe(prefix));
  Result<Json> attributes = zarr::AttributesOf(options);
  if (!attributes.ok()) return attributes.status().Annotate(store->Describe(prefix));
  Document document{Json(), json->Dump(2), {}};
  COFFER_ASSIGN_OR_RETURN(const auto metadata,
                          Understand(*store, prefix, document.text, options.context));
  const zarr::NewChunks chunks{metadata->keys, metadata->grid.shape().rank()};
  COFFER_ASSIGN_OR_RETURN(NewNode made,
                          WriteNewNode(*this, store, prefix, document.text, *attributes, &chunks,
                                       options.format.delete_existing));
  document.generation = std::move(made.document);
  return MakeStored(*this, store, prefix, *metadata, std::move(document),
                    {attributes->Dump(), std::move(made.attributes)});
}

Result<StoredArrayPtr> Zarr2Driver::Update(const StoredArray& stored,
                                           const std::optional<Shape>& shape,
                                           const std::optional<std::string>& attributes,
                                           const Context& context) const {
  const auto& old = static_cast<const Zarr2Array&>(stored);
  const std::string key = Key(stored.prefix, kArray);
  const std::string name = stored.Describe(key);
  if (shape && attributes) {
    return UnimplementedError(name + ": shape and attributes cannot be changed in one step");
  }
  Document document{Json(), stored.metadata, stored.metadata_generation};
  Attributes kept{stored.attributes, old.attributes_generation};
  if (attributes) {
    Result<Json> parsed = zarr::ParseAttributes(*attributes);
    if (!parsed.ok()) return parsed.status().Annotate(name);
    COFFER_ASSIGN_OR_RETURN(kept, ReplaceAttributes(old, *parsed));
  }
  if (shape) {
    COFFER_RETURN_IF_ERROR(zarr::ParseDocument(*stored.store, key, document));
    document.json.Set("shape", zarr::ToJson(*shape));
    document.text = document.json.Dump(2);
  }
  COFFER_ASSIGN_OR_RETURN(const auto metadata,
                          Understand(*stored.store, stored.prefix, document.text, context));
  if (shape) {
    COFFER_ASSIGN_OR_RETURN(
        const Generation condition,
        zarr::GenerationToReplace(*stored.store, key, stored.metadata, stored.metadata_generation));
    COFFER_ASSIGN_OR_RETURN(const bool done, WriteDocument(*stored.store, key, document.text,
                                                           condition, document.generation));
    if (!done) return ChangedMeanwhile(*stored.store, key);
  }
  return MakeStored(*this, stored.store, stored.prefix, *metadata, std::move(document),
                    std::move(kept));
}

Result<StoredGroup> Zarr2Driver::OpenGroup(const KvStorePtr& store,
                                           const std::string& prefix) const {
  COFFER_ASSIGN_OR_RETURN(Document document, ReadGroup(*store, prefix));
  COFFER_ASSIGN_OR_RETURN(Attributes attributes, ReadAttributes(*store, prefix));
  return StoredGroup{std::move(attributes.json), std::move(document.generation)};
}

Result<StoredGroup> Zarr2Driver::CreateGroup(const KvStorePtr& store, const std::string& prefix,
                                             const GroupOptions& options) const {
  Result<Json> parsed = zarr::ParseAttributes(options.attributes);
  if (!parsed.ok()) return parsed.status().Annotate(store->Describe(prefix));
  COFFER_ASSIGN_OR_RETURN(NewNode made,
                          WriteNewNode(*this, store, prefix, zarr2::GroupToJson().Dump(2), *parsed,
                                       nullptr, options.delete_existing));
  return StoredGroup{parsed->Dump(), std::move(made.document)};
}

Result<StoredGroup> Zarr2Driver::UpdateGroup(const KvStorePtr& store, const std::string& prefix,
                                             std::string_view attributes) const {
  const std::string key = Key(prefix, kAttributes);
  Result<Json> parsed = zarr::ParseAttributes(attributes);
  if (!parsed.ok()) return parsed.status().Annotate(store->Describe(key));
  COFFER_ASSIGN_OR_RETURN(Document document, ReadGroup(*store, prefix));
  COFFER_ASSIGN_OR_RETURN(const Attributes present, ReadAttributes(*store, prefix));
  Generation written;
  COFFER_ASSIGN_OR_RETURN(const bool done,
                          WriteDocument(*store, key, parsed->Dump(2), present.generation, written));
  if (!done) return ChangedMeanwhile(*store, key);
  return StoredGroup{parsed->Dump(), std::move(document.generation)};
}

std::optional<std::string> Zarr2Driver::NodeOfKey(std::string_view key) const {
  for (std::string_view document : kDocuments) {
    if (std::optional<std::string> prefix = zarr::PrefixOfDocument(key, document)) return prefix;
  }
  return std::nullopt;
}

bool Zarr2Driver::IsNodeName(std::string_view name) const {
  return zarr::AreNames(name, IsSegmentOfName);
}

Result<GroupSnapshotPtr> Zarr2Driver::ReadSnapshot(const KvStorePtr& store,
                                                   const std::string& prefix) const {
  const std::string key = Key(prefix, kConsolidated);
  COFFER_ASSIGN_OR_RETURN(std::optional<Document> document, ReadDocument(*store, key));
  if (!document) return GroupSnapshotPtr();
  Result<GroupSnapshot> snapshot = zarr2::SnapshotFromText(document->text);
  if (!snapshot.ok()) return snapshot.status().Annotate(store->Describe(key));
  for (const auto& [name, node] : snapshot->nodes) {
    if (IsNodeName(name)) continue;
    return InvalidArgumentError(store->Describe(key) + ": the name " + Json(name).Dump() +
                                " cannot be that of a node");
  }
  return std::make_shared<const GroupSnapshot>(*std::move(snapshot));
}

Result<StoredArrayPtr> Zarr2Driver::OpenSnapshot(const KvStorePtr& store, const std::string& prefix,
                                                 const NodeSnapshot& node,
                                                 const Context& context) const {
  Document document{Json(), node.document, Generation::Unknown()};
  COFFER_ASSIGN_OR_RETURN(const auto metadata, Understand(*store, prefix, document.text, context));
  return MakeStored(*this, store, prefix, *metadata, std::move(document),
                    {node.attributes, Generation::Unknown()});
}

}  // namespace coffer::inline v0
