// ArrayDriver, StoredArray: what an array format must provide, and DriverTable, where formats are
// found by name.
//
// A driver knows metadata, keys and layout of one format; it never moves chunk data. From a
// metadata document it makes a StoredArray: one immutable state of one array, with its codecs bound
// (BindCodecs in coffer/codec/chain.h). Reading, writing, resizing, copying and verifying work on
// that alone. A program adds its own formats before it opens arrays of them:
//
//     context.Get<DriverTable>().Add(std::make_shared<TileDriver>()).OrThrow();
//     Array tiles = Array::Open("file:///data/x|tile:", {.context = context}).OrThrow();
//
// docs/adding-a-driver.md builds one; coffer/testing/driver_conformance.h is the suite for it.
//
// Keys and prefixes. A node (array or group) owns a prefix: "" or text that ends with "/". Every
// key here is relative to the store and has its prefix. Documents and cells of an array lie below
// its prefix, also when other arrays lie deeper there.
//
// Conditions. Metadata is changed by many writers, so a driver
//  * creates a document on the condition that its key is missing (Generation::Missing()), and
//    changes one on the condition that it still has the generation that was read: in
//    WriteOptions::if_equal, never by looking first. Only where the store's capabilities() have no
//    conditional_write, and for a new document no conditional_create either, does it look just
//    before it writes;
//  * reports a lost condition as AlreadyExists when creating, as Aborted when changing;
//  * writes a document only if it could open it: what it writes it has parsed and bound before;
//  * where a node has several documents, writes the one that Find() looks for last when creating,
//    and deletes it first.
//
// Errors name store and key (KvStore::Describe) and where in the document. Bad documents are
// InvalidArgument, what is valid but not supported Unimplemented by name; a store that fails gives
// its own error and never counts as "nothing here". Documents come from outside: every number is
// checked before it is multiplied, allocated or trusted, and a document's size is limited
// (ReadOptions::max_bytes; a longer one is a bad document, no failing store).
//
// A method that returns a Result may throw; the operation then fails with an Internal error that
// names the place, the driver and the method (bad_alloc: with ResourceExhausted), as it does where
// an array is null or lacks driver, store or chain. The others only compute; of these name() and
// alias() must not throw, and what the rest throw is Internal, but may name less.
//
// Thread safety: all methods from any thread; drivers and stored arrays are immutable. Metadata
// operations are plain blocking code, run on the caller's thread.
#ifndef COFFER_ARRAY_DRIVER_H_
#define COFFER_ARRAY_DRIVER_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coffer/array/group.h"
#include "coffer/array/options.h"
#include "coffer/base/data_type.h"
#include "coffer/base/export.h"
#include "coffer/base/result.h"
#include "coffer/codec/chain.h"
#include "coffer/kvstore/kvstore.h"
#include "coffer/nd/grid.h"
#include "coffer/nd/shape.h"

namespace coffer::inline v0 {

class ArrayDriver;

/// One state of one array. A driver derives from it, fills all members, and then hands it out as
/// const; it must not hold a Context, and the store in `store` alone (it may be a view that serves
/// for opening, and is then replaced by the real one).
class COFFER_EXPORT StoredArray {
 public:
  virtual ~StoredArray();

  /// Where the bytes of a cell of `grid` are, prefix included. Different cells have different keys,
  /// and none is a metadata key.
  virtual std::string CellKey(const Index& cell) const = 0;
  /// The inverse: ParseCellKey(key) == cell only if CellKey(cell) == key, for cells outside the
  /// present grid, too (that is how shrinking finds what it deletes). nullopt for any other key,
  /// such as one with other digits for the same numbers.
  virtual std::optional<Index> ParseCellKey(std::string_view key) const = 0;
  /// Whether the format itself keeps this key, which is no cell's, for this array: its documents.
  virtual bool IsMetadataKey(std::string_view key) const = 0;

  std::string Describe(std::string_view key) const { return store->Describe(key); }

  const ArrayDriver* driver = nullptr;  ///< The one that made it.
  KvStorePtr store;
  std::string prefix;  ///< "" or ending with "/".
  /// Of write chunks: shards where there are any. Every cell is stored whole, also at the edge.
  RegularGrid grid;
  /// For one cell of the grid: bound to its shape, the data type and the fill value.
  CodecChainPtr chain;
  std::vector<std::optional<std::string>> dimension_names;  ///< One per dimension, or none.
  std::string attributes;                                   ///< JSON object text.
  std::string metadata;  ///< The document as stored; Update() begins from it.
  /// Of the document: the condition under which Update() replaces it.
  Generation metadata_generation;
  /// Key of the document with the shape, which has that generation. By it writers look whether the
  /// shape has changed while they wrote; "": they ask Open(), which costs more.
  std::string metadata_key;

  /// The codecs of `chain` as Zarr v3 lists them, and the fill value as it spells it: JSON text,
  /// for copies into other formats and for people. "" if that cannot be said.
  std::string codecs;
  std::string fill_value;
  /// Readers may see anything where nothing was written (Zarr v2's null), so chunks in which every
  /// element is the fill value are stored, too.
  bool fill_value_undefined = false;

  const Shape& shape() const { return grid.shape(); }
  /// Requires `chain`.
  DataType data_type() const;
};

using StoredArrayPtr = std::shared_ptr<const StoredArray>;

/// A group's document.
struct StoredGroup {
  std::string attributes;  ///< JSON object text.
  Generation generation;
};

/// One node in a snapshot.
struct NodeSnapshot {
  NodeKind kind = NodeKind::kNone;
  std::string document;           ///< An array's document as text.
  std::string attributes = "{}";  ///< JSON object text, where `document` does not hold them.
};
/// The documents of all nodes below a group, as they were when somebody gathered them
/// ("consolidated metadata"), by name relative to the group.
struct GroupSnapshot {
  std::map<std::string, NodeSnapshot, std::less<>> nodes;
};
using GroupSnapshotPtr = std::shared_ptr<const GroupSnapshot>;

/// One array format.
class COFFER_EXPORT ArrayDriver {
 public:
  virtual ~ArrayDriver();
  /// "zarr3": in JSON specs, URL adapters and `coffer info`. Lower-case letters, digits and "_".
  virtual std::string_view name() const = 0;
  /// Another name under which specs and adapters find it; "" for none.
  virtual std::string_view alias() const { return {}; }

  /// What stands at this prefix in this format; kNone where another format's node stands. A
  /// document that cannot be understood counts as an array: opening it says what is wrong. Errors:
  /// only the store's.
  virtual Result<NodeKind> Find(const KvStorePtr& store, const std::string& prefix) const = 0;
  /// Errors: NotFound, naming the document's key; FailedPrecondition if it is a group; what is
  /// wrong with the document. Codecs are looked up in context.Get<CodecTable>().
  virtual Result<StoredArrayPtr> Open(const KvStorePtr& store, const std::string& prefix,
                                      const Context& context) const = 0;
  /// Writes the metadata. Errors: AlreadyExists if a node of this format is there (unless
  /// options.format.delete_existing, which deletes it, its documents first);
  /// InvalidArgument naming an option; Unimplemented for an option that the format cannot express;
  /// FailedPrecondition below an array.
  virtual Result<StoredArrayPtr> Create(const KvStorePtr& store, const std::string& prefix,
                                        const CreateOptions& options) const = 0;
  /// Writes metadata with another shape or other attributes (a JSON object's text), and all else as
  /// it was, under `stored.metadata_generation`. Stored cells are the caller's business. Errors:
  /// Aborted if the document is no longer that one; InvalidArgument, before anything is written.
  virtual Result<StoredArrayPtr> Update(const StoredArray& stored,
                                        const std::optional<Shape>& shape,
                                        const std::optional<std::string>& attributes,
                                        const Context& context) const = 0;

  /// Errors: NotFound; FailedPrecondition if it is an array. A format without groups says NotFound
  /// here, and Unimplemented in the next two.
  virtual Result<StoredGroup> OpenGroup(const KvStorePtr& store,
                                        const std::string& prefix) const = 0;
  /// Errors as Create().
  virtual Result<StoredGroup> CreateGroup(const KvStorePtr& store, const std::string& prefix,
                                          const GroupOptions& options) const = 0;
  /// Replaces the attributes (a JSON object's text). Errors: as OpenGroup(); Aborted if the
  /// document was changed between reading and writing it.
  virtual Result<StoredGroup> UpdateGroup(const KvStorePtr& store, const std::string& prefix,
                                          std::string_view attributes) const = 0;
  /// If `key` is a metadata document of a node, the prefix of that node ("" or ending with "/"), by
  /// the key alone. For listing groups.
  virtual std::optional<std::string> NodeOfKey(std::string_view key) const = 0;
  /// Whether a node below a group may have this name: of one segment, or several with "/" between.
  virtual bool IsNodeName(std::string_view name) const = 0;

  /// The snapshot that a group keeps of what is below it; nullptr if it keeps none.
  virtual Result<GroupSnapshotPtr> ReadSnapshot(const KvStorePtr& store,
                                                const std::string& prefix) const;
  /// The array at `prefix` as a snapshot has it, without reading the store. Its generation is
  /// unknown: Update() reads the document first, and is Aborted unless it still says the same.
  virtual Result<StoredArrayPtr> OpenSnapshot(const KvStorePtr& store, const std::string& prefix,
                                              const NodeSnapshot& node,
                                              const Context& context) const;
};

/// The drivers that a context knows, in the order in which formats are detected: the built-in ones,
/// those that were added for the process, its own. A resource of the context:
/// context.Get<DriverTable>(). All drivers live as long as the table.
class COFFER_EXPORT DriverTable {
 public:
  /// On top of Process().
  DriverTable() : DriverTable(&Process()) {}
  /// An empty table that knows what `below` knows, too, now and later. nullptr: nothing.
  explicit DriverTable(const DriverTable* below);
  ~DriverTable();
  DriverTable(const DriverTable&) = delete;
  DriverTable& operator=(const DriverTable&) = delete;

  /// What every context knows: the built-in drivers, and what was added for all.
  static DriverTable& Process();

  /// Errors: AlreadyExists if the name or the alias is taken, as either; InvalidArgument for one
  /// that no URL adapter can have, or "auto".
  Status Add(std::shared_ptr<const ArrayDriver> driver);
  /// Errors: InvalidArgument naming the known ones.
  Result<const ArrayDriver*> Find(std::string_view name) const;
  std::vector<const ArrayDriver*> drivers() const;
  /// The driver that creates by default: the first. Requires one.
  const ArrayDriver& standard() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace coffer::inline v0

#endif  // COFFER_ARRAY_DRIVER_H_
