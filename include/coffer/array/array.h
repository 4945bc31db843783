// Array: a chunked n-dimensional array in a store.
//
//     Array volume = Array::Create("file:///data/brain.zarr",
//         {.shape = {1024, 1024, 1024}, .data_type = DataType::kUint16,
//          .chunk_shape = {64, 64, 64}, .shard_shape = {512, 512, 512},
//          .codec = Zstd(3)}).OrThrow();
//     Box box = Box::FromSize({0, 0, 0}, {512, 512, 512});
//     volume.Write(box, Ref(pixels, {512, 512, 512})).OrThrow();
//     NdArray<uint16_t> slice = volume.Read<uint16_t>({{.dim = 0, .at = 100}}).OrThrow();
//
// A place is named by a URL (a plain path, file:///..., memory://name/..., optionally followed by
// "|zarr3:") or by a JSON spec as TensorStore writes them:
// {"driver": "zarr3", "kvstore": {"driver": "file", "path": "/data/brain.zarr"}}.
//
// Every method blocks and has an ...Async twin where it moves data. Memory beyond source and
// destination stays within max(context budget, largest single task) + 64 MiB.
//
// What is atomic: one write chunk (the shard, or the chunk where there are no shards). A write that
// covers a part of one reads it, changes it and writes it back under its generation; concurrent
// writers of parts of one chunk never lose each other's data: the one that cannot win in the
// bounded number of attempts gets Aborted. A write over several chunks is not atomic as a whole.
// Durable: when Write returns OK, where the store is (see KvStore).
//
// An Array is a handle on one state of the metadata; copies share it. Resize, Append and
// SetAttributes change the stored metadata (under its generation: Aborted if someone else did;
// Append tries again) and this handle. Other handles keep their shape: a read through one sees the
// fill value where the array was made smaller; a write through one fails with FailedPrecondition if
// its region is no longer all inside, and then leaves nothing outside.
//
// Errors everywhere: InvalidArgument (malformed metadata, a wrong argument), DataLoss (stored bytes
// are wrong), OutOfRange (a box beyond the shape), and the store's own; texts name store, key and
// reason. A read of a shard that others replace 16 times before all of it is read in one state is
// Aborted: read again.
//
// Thread safety: all methods from any thread; Resize, Append and SetAttributes not at the same time
// as other methods of the same handle (of its copies: yes).
#ifndef COFFER_ARRAY_ARRAY_H_
#define COFFER_ARRAY_ARRAY_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coffer/array/options.h"
#include "coffer/array/owned_array.h"
#include "coffer/async/future.h"
#include "coffer/base/export.h"
#include "coffer/kvstore/kvstore.h"
#include "coffer/nd/index_transform.h"

namespace coffer::inline v0 {

class StoredArray;
struct Place;

/// What an asynchronous write offers. `committed` implies `copied`.
struct WriteFutures {
  Future<void> copied;     ///< The source may be reused.
  Future<void> committed;  ///< Every chunk is acknowledged by the store.
};

/// What is actually stored of an array.
struct StoredChunks {
  int64_t count = 0;     ///< Stored write chunks (shards, or chunks where there are none).
  int64_t possible = 0;  ///< Write chunks of the whole grid.
  int64_t bytes = 0;     ///< Their size together, where the store says.
};

class COFFER_EXPORT Array {
 public:
  /// Errors also: AlreadyExists if there is an array or group (unless format.delete_existing).
  static Result<Array> Create(std::string_view place, const CreateOptions& options);
  /// Errors also: NotFound; FailedPrecondition if there is a group instead.
  static Result<Array> Open(std::string_view place, const OpenOptions& options = {});
  /// Opens, or creates if nothing is there. Errors also: FailedPrecondition if what is there has
  /// another shape, data type, chunk shape or shard shape than asked for.
  static Result<Array> OpenOrCreate(std::string_view place, const CreateOptions& options);
  /// In an open store, below `prefix` ("" or ending with "/").
  static Result<Array> Open(KvStorePtr store, std::string prefix, const OpenOptions& options = {});
  static Result<Array> Create(KvStorePtr store, std::string prefix, const CreateOptions& options);
  /// In the format that the place names.
  static Result<Array> Open(const Place& place, const OpenOptions& options = {});
  static Result<Array> Create(const Place& place, const CreateOptions& options);

  const Shape& shape() const;
  DataType data_type() const;
  int rank() const { return shape().rank(); }
  /// The smallest unit of reading: the inner chunk where there are shards.
  const Shape& chunk_shape() const;
  /// The unit of writing, or nullopt where there are no shards.
  std::optional<Shape> shard_shape() const;
  /// One element, native byte order.
  std::span<const std::byte> fill_value() const;
  /// Empty, or one per dimension.
  const std::vector<std::optional<std::string>>& dimension_names() const;
  /// JSON object text; numbers that are not finite, which only Python writes, are bare words (NaN).
  std::string attributes() const;
  std::string metadata() const;  ///< The format's own document, as JSON text.
  /// The codecs as Zarr v3 lists them, and the fill value as it spells it, whatever the format:
  /// JSON text, "" where the format cannot say.
  std::string codecs() const;
  std::string fill_value_json() const;
  std::string format() const;  ///< "zarr3", "zarr2".
  std::string url() const;     ///< How errors name the array.
  /// Bytes that the largest single read or write task of this array reserves. A task that copies
  /// into it also reserves what its source needs.
  int64_t largest_task_bytes() const;
  const Context& context() const;

  /// Reads a box into the caller's memory (same shape, same data type, any strides).
  Status Read(const Box& box, const View& destination, const ArrayReadOptions& options = {}) const;
  Future<void> ReadAsync(const Box& box, const View& destination,
                         const ArrayReadOptions& options = {}) const;
  /// The same for any transform; destination.shape must be transform.view_shape().
  Status Read(const IndexTransform& transform, const View& destination,
              const ArrayReadOptions& options = {}) const;
  Future<void> ReadAsync(const IndexTransform& transform, const View& destination,
                         const ArrayReadOptions& options = {}) const;
  /// Reads into memory that the result owns (of 2 to 8 MiB: of context().buffers()). Read<T>({})
  /// reads all; InvalidArgument if T is not the data type.
  template <class T>
  Result<NdArray<T>> Read(std::initializer_list<Selection> selections,
                          const ArrayReadOptions& options = {}) const {
    COFFER_RETURN_IF_ERROR(CheckDataType(DataType::Of<T>()));
    COFFER_ASSIGN_OR_RETURN(
        IndexTransform transform,
        IndexTransform::FromSelections(shape(), {selections.begin(), selections.size()}));
    COFFER_ASSIGN_OR_RETURN(OwnedArray array, ReadOwned(transform, options));
    return NdArray<T>(std::move(array));
  }
  Result<OwnedArray> ReadOwned(const IndexTransform& transform,
                               const ArrayReadOptions& options = {}) const;

  /// Writes the caller's memory over a box. The source must not change until the call returns (the
  /// asynchronous form: until `copied`).
  Status Write(const Box& box, const ConstView& source,
               const ArrayWriteOptions& options = {}) const;
  Status Write(const IndexTransform& transform, const ConstView& source,
               const ArrayWriteOptions& options = {}) const;
  WriteFutures WriteAsync(const Box& box, const ConstView& source,
                          const ArrayWriteOptions& options = {}) const;
  WriteFutures WriteAsync(const IndexTransform& transform, const ConstView& source,
                          const ArrayWriteOptions& options = {}) const;

  /// Changes the shape. What falls outside is deleted, and what remains of a chunk at the new edge
  /// is cleared, so growing again shows the fill value. Growing writes metadata only.
  Status Resize(const Shape& shape);
  /// Makes dimension `dim` longer by source.shape[dim] and writes the source there; its other
  /// extents must be the array's. Of many that append at once, in threads or processes, each gets a
  /// range of its own, which is returned: disjoint, without gaps, in the order in which the array
  /// grew. This handle then has the new shape. Where a writer fails or dies in between, its range
  /// stays, and shows the fill value where it was not written.
  ///
  /// Errors also: Aborted if others changed the metadata again and again; FailedPrecondition if the
  /// store has no conditional writes.
  Result<Box> Append(int dim, const ConstView& source, const ArrayWriteOptions& options = {});
  /// Replaces all attributes by this JSON object.
  Status SetAttributes(std::string_view json);

  /// Lists the stored chunks. Time in proportion to their number.
  Result<StoredChunks> CountStored() const;

  /// For engine code.
  const std::shared_ptr<const StoredArray>& stored() const { return stored_; }

 private:
  Array(std::shared_ptr<const StoredArray> stored, Context context)
      : stored_(std::move(stored)), context_(std::move(context)) {}
  friend class Group;
  Status CheckDataType(DataType type) const;
  Status CheckView(const IndexTransform& transform, DataType type, const Shape& shape) const;

  std::shared_ptr<const StoredArray> stored_;
  Context context_;
};

}  // namespace coffer::inline v0

#endif  // COFFER_ARRAY_ARRAY_H_
