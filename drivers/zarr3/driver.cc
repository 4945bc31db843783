// Creating a node:
//  1. Its document is made from the options and read back by the code that opens arrays, so what
//     could not be opened is never written.
//  2. Its place is prepared (drivers/zarr/new_node.h).
//  3. The document, on the condition that the key is missing.
//
// Changing a node: the document as it was read keeps all its members and their order; only the
// changed ones are replaced, and it is written on the condition that it is still the one read.
#include "drivers/zarr3/driver.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "drivers/zarr/document.h"
#include "drivers/zarr/layout.h"
#include "drivers/zarr/new_node.h"
#include "drivers/zarr/understood.h"
#include "drivers/zarr3/metadata.h"
#include "src/base/json.h"

namespace coffer::inline v0 {
namespace {

using zarr::ChangedMeanwhile;
using zarr::Document;
using zarr::ReadDocument;
using zarr::WriteDocument;
using zarr3::ArrayMetadata;

constexpr std::string_view kDocument = "zarr.json";

class Zarr3Array final : public StoredArray {
 public:
  std::string CellKey(const Index& cell) const override { return prefix + keys.Key(cell); }
  std::optional<Index> ParseCellKey(std::string_view key) const override {
    if (!key.starts_with(prefix)) return std::nullopt;
    return keys.Parse(key.substr(prefix.size()), grid.shape().rank());
  }
  bool IsMetadataKey(std::string_view key) const override {
    return key.starts_with(prefix) && key.substr(prefix.size()) == kDocument;
  }

  zarr3::ChunkKeys keys;
};

std::string DocumentKey(const std::string& prefix) { return prefix + std::string(kDocument); }

// The document of a node of this type ("array" or "group"), not yet parsed.
Result<Document> ReadNode(KvStore& store, const std::string& prefix, const std::string& type) {
  COFFER_ASSIGN_OR_RETURN(std::optional<Document> document,
                          ReadDocument(store, DocumentKey(prefix)));
  if (document) return *std::move(document);
  return NotFoundError(store.Describe(DocumentKey(prefix)) + ": no " + type +
                       " is here: the key does not exist");
}

// Parses it; FailedPrecondition if it is of another type.
Status ParseNode(const KvStore& store, const std::string& prefix, std::string_view type,
                 Document& document) {
  const std::string name = store.Describe(DocumentKey(prefix));
  COFFER_RETURN_IF_ERROR(zarr::ParseDocument(store, DocumentKey(prefix), document));
  Result<std::string> found = zarr3::NodeTypeOf(document.json);
  if (!found.ok()) return found.status().Annotate(name);
  if (*found != type) {
    return FailedPreconditionError(
        name + ": here is " +
        (*found == "array" ? "an array, not a group" : "a group, not an array"));
  }
  return Status();
}

Result<Document> ReadGroup(KvStore& store, const std::string& prefix) {
  COFFER_ASSIGN_OR_RETURN(Document document, ReadNode(store, prefix, "group"));
  COFFER_RETURN_IF_ERROR(ParseNode(store, prefix, "group", document));
  return document;
}

// What could not be opened is never written.
Status CheckDocument(const KvStore& store, const std::string& prefix, std::string_view text) {
  return Json::ParseNonFinite(text).status().Annotate(store.Describe(DocumentKey(prefix)));
}

// The names that the specification allows a node; "__" is reserved.
bool IsSegmentOfName(std::string_view segment) {
  const bool dots = segment.find_first_not_of('.') == std::string_view::npos;  // Or empty.
  return !dots && !segment.starts_with("__") && segment != kDocument;
}

// Steps 2 and 3 of the protocol. `chunks`: nullptr for a group.
Result<Generation> WriteNewNode(const ArrayDriver& driver, const KvStorePtr& store,
                                const std::string& prefix, std::string text,
                                const zarr::NewChunks* chunks, bool delete_existing) {
  const zarr::NodeFormat format{.driver = driver,
                                .array_document = kDocument,
                                .group_document = kDocument,
                                .group_text = zarr3::GroupToJson(Json(Json::Object())).Dump(2),
                                .is_name = IsSegmentOfName};
  COFFER_RETURN_IF_ERROR(zarr::PrepareNode(format, store, prefix, chunks, delete_existing));
  Generation written;
  COFFER_ASSIGN_OR_RETURN(
      const bool done,
      WriteDocument(*store, DocumentKey(prefix), std::move(text), Generation::Missing(), written));
  if (!done) return zarr::AlreadyThere(*store, DocumentKey(prefix));
  return written;
}

StoredArrayPtr MakeStored(const ArrayDriver& driver, const KvStorePtr& store,
                          const std::string& prefix, const ArrayMetadata& metadata,
                          Document document) {
  auto stored = std::make_shared<Zarr3Array>();
  stored->driver = &driver;
  stored->store = store;
  stored->prefix = prefix;
  stored->grid = metadata.grid;
  stored->chain = metadata.chain;
  stored->codecs = metadata.codecs;
  stored->fill_value = metadata.fill_value;
  stored->keys = metadata.keys;
  stored->dimension_names = metadata.dimension_names;
  stored->attributes = metadata.attributes;
  stored->metadata = std::move(document.text);
  stored->metadata_generation = std::move(document.generation);
  stored->metadata_key = DocumentKey(prefix);
  return stored;
}

// The document of an array is understood, or the error says which one is not.
Result<std::shared_ptr<const ArrayMetadata>> Understand(const KvStore& store,
                                                        const std::string& prefix,
                                                        const std::string& text,
                                                        const Context& context) {
  return zarr::UnderstandOnce<ArrayMetadata>(
      context, "zarr3", text, [&]() -> Result<ArrayMetadata> {
        Document document{Json(), text, {}};
        COFFER_RETURN_IF_ERROR(ParseNode(store, prefix, "array", document));
        Result<ArrayMetadata> metadata =
            zarr3::ArrayFromJson(document.json, context.Get<CodecTable>());
        if (metadata.ok()) return metadata;
        return metadata.status().Annotate(store.Describe(DocumentKey(prefix)));
      });
}

}  // namespace

Result<NodeKind> Zarr3Driver::Find(const KvStorePtr& store, const std::string& prefix) const {
  const Result<std::optional<Document>> document = ReadDocument(*store, DocumentKey(prefix));
  // Whoever opens the node learns what is there.
  if (zarr::IsThereButNoDocument(document.status())) return NodeKind::kArray;
  COFFER_RETURN_IF_ERROR(document);
  if (!*document) return NodeKind::kNone;
  const Result<Json> json = Json::ParseNonFinite((*document)->text);
  if (!json.ok()) return NodeKind::kArray;
  const Json* const type = json->Find("node_type");
  return type != nullptr && *type == Json("group") ? NodeKind::kGroup : NodeKind::kArray;
}

Result<StoredArrayPtr> Zarr3Driver::Open(const KvStorePtr& store, const std::string& prefix,
                                         const Context& context) const {
  COFFER_ASSIGN_OR_RETURN(Document document, ReadNode(*store, prefix, "array"));
  COFFER_ASSIGN_OR_RETURN(const auto metadata, Understand(*store, prefix, document.text, context));
  return MakeStored(*this, store, prefix, *metadata, std::move(document));
}

Result<StoredArrayPtr> Zarr3Driver::Create(const KvStorePtr& store, const std::string& prefix,
                                           const CreateOptions& options) const {
  Document document;
  Result<Json> json = zarr3::ArrayToJson(options);
  if (!json.ok()) return json.status().Annotate(store->Describe(prefix));
  document.text = json->Dump(2);
  COFFER_ASSIGN_OR_RETURN(const auto metadata,
                          Understand(*store, prefix, document.text, options.context));
  const zarr::NewChunks chunks{metadata->keys, metadata->grid.shape().rank()};
  COFFER_ASSIGN_OR_RETURN(
      document.generation,
      WriteNewNode(*this, store, prefix, document.text, &chunks, options.format.delete_existing));
  return MakeStored(*this, store, prefix, *metadata, std::move(document));
}

Result<StoredArrayPtr> Zarr3Driver::Update(const StoredArray& stored,
                                           const std::optional<Shape>& shape,
                                           const std::optional<std::string>& attributes,
                                           const Context& context) const {
  const std::string name = stored.Describe(DocumentKey(stored.prefix));
  Document document;
  Result<Json> json = Json::ParseNonFinite(stored.metadata);
  if (!json.ok()) return json.status().Annotate(name);
  if (shape) {
    Json::Array extents;
    for (int64_t extent : *shape) extents.push_back(extent);
    json->Set("shape", std::move(extents));
  }
  if (attributes) {
    Result<Json> parsed = zarr::ParseAttributes(*attributes);
    if (!parsed.ok()) return parsed.status().Annotate(name);
    json->Set("attributes", *std::move(parsed));
  }
  document.text = json->Dump(2);
  COFFER_ASSIGN_OR_RETURN(const auto metadata,
                          Understand(*stored.store, stored.prefix, document.text, context));
  COFFER_ASSIGN_OR_RETURN(const Generation condition,
                          zarr::GenerationToReplace(*stored.store, DocumentKey(stored.prefix),
                                                    stored.metadata, stored.metadata_generation));
  COFFER_ASSIGN_OR_RETURN(const bool done,
                          WriteDocument(*stored.store, DocumentKey(stored.prefix), document.text,
                                        condition, document.generation));
  if (!done) return ChangedMeanwhile(*stored.store, DocumentKey(stored.prefix));
  return MakeStored(*this, stored.store, stored.prefix, *metadata, std::move(document));
}

Result<StoredGroup> Zarr3Driver::OpenGroup(const KvStorePtr& store,
                                           const std::string& prefix) const {
  COFFER_ASSIGN_OR_RETURN(Document document, ReadGroup(*store, prefix));
  Result<std::string> attributes = zarr3::GroupFromJson(document.json);
  if (!attributes.ok()) return attributes.status().Annotate(store->Describe(DocumentKey(prefix)));
  return StoredGroup{*std::move(attributes), std::move(document.generation)};
}

Result<StoredGroup> Zarr3Driver::CreateGroup(const KvStorePtr& store, const std::string& prefix,
                                             const GroupOptions& options) const {
  Result<Json> parsed = zarr::ParseAttributes(options.attributes);
  if (!parsed.ok()) return parsed.status().Annotate(store->Describe(prefix));
  StoredGroup group{parsed->Dump(), {}};
  std::string text = zarr3::GroupToJson(*std::move(parsed)).Dump(2);
  COFFER_RETURN_IF_ERROR(CheckDocument(*store, prefix, text));
  COFFER_ASSIGN_OR_RETURN(group.generation, WriteNewNode(*this, store, prefix, std::move(text),
                                                         nullptr, options.delete_existing));
  return group;
}

Result<StoredGroup> Zarr3Driver::UpdateGroup(const KvStorePtr& store, const std::string& prefix,
                                             std::string_view attributes) const {
  const std::string name = store->Describe(DocumentKey(prefix));
  Result<Json> parsed = zarr::ParseAttributes(attributes);
  if (!parsed.ok()) return parsed.status().Annotate(name);
  COFFER_ASSIGN_OR_RETURN(Document document, ReadGroup(*store, prefix));
  const Status understood = zarr3::GroupFromJson(document.json).status();
  if (!understood.ok()) return understood.Annotate(name);
  StoredGroup group{parsed->Dump(), {}};
  document.json.Set("attributes", *std::move(parsed));
  document.text = document.json.Dump(2);
  COFFER_RETURN_IF_ERROR(CheckDocument(*store, prefix, document.text));
  COFFER_ASSIGN_OR_RETURN(const bool done, WriteDocument(*store, DocumentKey(prefix), document.text,
                                                         document.generation, group.generation));
  if (!done) return ChangedMeanwhile(*store, DocumentKey(prefix));
  return group;
}

std::optional<std::string> Zarr3Driver::NodeOfKey(std::string_view key) const {
  return zarr::PrefixOfDocument(key, kDocument);
}

bool Zarr3Driver::IsNodeName(std::string_view name) const {
  return zarr::AreNames(name, IsSegmentOfName);
}

Result<GroupSnapshotPtr> Zarr3Driver::ReadSnapshot(const KvStorePtr& store,
                                                   const std::string& prefix) const {
  const std::string key = DocumentKey(prefix);
  COFFER_ASSIGN_OR_RETURN(std::optional<Document> document, ReadDocument(*store, key));
  if (!document) return GroupSnapshotPtr();
  Result<Json> json = zarr::ParseSnapshot(document->text);
  if (!json.ok()) return json.status().Annotate(store->Describe(key));
  Result<std::optional<GroupSnapshot>> snapshot = zarr3::SnapshotFromJson(*json);
  if (!snapshot.ok()) return snapshot.status().Annotate(store->Describe(key));
  if (!*snapshot) return GroupSnapshotPtr();
  for (const auto& [name, node] : (*snapshot)->nodes) {
    if (IsNodeName(name)) continue;
    return InvalidArgumentError(store->Describe(key) + ": the name " + Json(name).Dump() +
                                " cannot be that of a node");
  }
  return std::make_shared<const GroupSnapshot>(**std::move(snapshot));
}

Result<StoredArrayPtr> Zarr3Driver::OpenSnapshot(const KvStorePtr& store, const std::string& prefix,
                                                 const NodeSnapshot& node,
                                                 const Context& context) const {
  Document document{Json(), node.document, Generation::Unknown()};
  COFFER_ASSIGN_OR_RETURN(const auto metadata, Understand(*store, prefix, document.text, context));
  return MakeStored(*this, store, prefix, *metadata, std::move(document));
}

}  // namespace coffer::inline v0
