// StoredArray, ArrayDriver: what an array format must provide.
//
// A driver knows metadata, keys and layout of one format; it never moves chunk data. From a
// metadata document it makes a StoredArray: one immutable state of one array, with its codecs
// bound. The read and write planners work on that alone.
//
// Metadata operations are plain blocking code.
#ifndef COFFER_SRC_ARRAY_DRIVER_H_
#define COFFER_SRC_ARRAY_DRIVER_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coffer/array/group.h"
#include "coffer/array/options.h"
#include "coffer/kvstore/kvstore.h"
#include "src/codec/chain.h"
#include "src/nd/grid.h"

namespace coffer::inline v0 {

class ArrayDriver;

class StoredArray {
 public:
  virtual ~StoredArray();

  /// Where the bytes of a cell of `grid` are: relative to the store, prefix included.
  virtual std::string CellKey(const Index& cell) const = 0;
  /// The inverse; nullopt if the key (prefix included) does not name a cell of any grid of this
  /// rank. The cell may lie outside the present grid.
  virtual std::optional<Index> ParseCellKey(std::string_view key) const = 0;
  /// Whether the format itself keeps a non-chunk key here (metadata documents).
  virtual bool IsMetadataKey(std::string_view key) const = 0;

  std::string Describe(std::string_view key) const { return store->Describe(key); }

  const ArrayDriver* driver = nullptr;
  KvStorePtr store;
  std::string prefix;                       // "" or ending with "/".
  RegularGrid grid;                         // Of write chunks (shards where there are any).
  std::shared_ptr<const CodecChain> chain;  // For one cell of the grid; has type and fill value.
  std::vector<std::optional<std::string>> dimension_names;
  std::string attributes;  // JSON object text.
  std::string metadata;    // The whole document as stored.
  Generation metadata_generation;

  const Shape& shape() const { return grid.shape(); }
  DataType data_type() const { return chain->chunk().data_type; }
};

using StoredArrayPtr = std::shared_ptr<const StoredArray>;

/// A group's document.
struct StoredGroup {
  std::string attributes;  // JSON object text.
  Generation generation;
};

class ArrayDriver {
 public:
  virtual ~ArrayDriver();
  /// "zarr3": in JSON specs and URL adapters.
  virtual std::string_view name() const = 0;

  /// What stands at this prefix in this format. Errors only if the store fails.
  virtual Result<NodeKind> Find(const KvStorePtr& store, const std::string& prefix) const = 0;
  /// NotFound; FailedPrecondition if it is a group.
  virtual Result<StoredArrayPtr> Open(const KvStorePtr& store, const std::string& prefix,
                                      const Context& context) const = 0;
  /// Writes the metadata (only if nothing is there: AlreadyExists).
  virtual Result<StoredArrayPtr> Create(const KvStorePtr& store, const std::string& prefix,
                                        const CreateOptions& options) const = 0;
  /// Writes changed metadata under the generation of `stored`: Aborted if it is no longer that.
  virtual Result<StoredArrayPtr> Update(const StoredArray& stored,
                                        const std::optional<Shape>& shape,
                                        const std::optional<std::string>& attributes,
                                        const Context& context) const = 0;

  /// NotFound; FailedPrecondition if it is an array.
  virtual Result<StoredGroup> OpenGroup(const KvStorePtr& store,
                                        const std::string& prefix) const = 0;
  virtual Result<StoredGroup> CreateGroup(const KvStorePtr& store, const std::string& prefix,
                                          const GroupOptions& options) const = 0;
  virtual Result<StoredGroup> UpdateGroup(const KvStorePtr& store, const std::string& prefix,
                                          std::string_view attributes) const = 0;
  /// If `key` is the metadata document of a node, the prefix of that node ("" or ending with "/").
  /// For listing groups.
  virtual std::optional<std::string> NodeOfKey(std::string_view key) const = 0;
  /// Whether a node below a group may have this name: of one segment, or several with "/" between.
  virtual bool IsNodeName(std::string_view name) const = 0;
};

/// The drivers that a context knows, in the order in which formats are detected. A resource of the
/// context.
class DriverTable {
 public:
  DriverTable();  // With the built-in drivers.
  Status Add(std::unique_ptr<ArrayDriver> driver);
  /// InvalidArgument naming the known ones.
  Result<const ArrayDriver*> Find(std::string_view name) const;
  const std::vector<std::unique_ptr<ArrayDriver>>& drivers() const { return drivers_; }
  /// The driver that creates by default: the first.
  const ArrayDriver& standard() const { return *drivers_.front(); }

 private:
  std::vector<std::unique_ptr<ArrayDriver>> drivers_;
};

/// Defined in src/registry/: adds the drivers that coffer is built with.
void AddBuiltinDrivers(DriverTable& table);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_ARRAY_DRIVER_H_
