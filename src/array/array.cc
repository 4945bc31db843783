#include "coffer/array/array.h"

#include <algorithm>
#include <utility>

#include "src/array/array_caches.h"
#include "src/array/guarded_driver.h"
#include "src/array/metadata_cache.h"
#include "src/array/node.h"
#include "src/array/read.h"
#include "src/array/resize.h"
#include "src/array/write.h"
#include "src/codec/chain.h"

namespace coffer::inline v0 {

Result<Array> Array::Create(const Place& place, const CreateOptions& options) {
  COFFER_ASSIGN_OR_RETURN(const ArrayDriver* driver, DriverToCreate(place, options.context));
  COFFER_RETURN_IF_ERROR(CheckNoOtherFormat(place, *driver, options.context));
  const NodeWriteMark mark(options.context, *place.store, place.prefix,
                           options.format.delete_existing);
  COFFER_ASSIGN_OR_RETURN(StoredArrayPtr stored,
                          GuardedDriver(*driver).Create(place.store, place.prefix, options));
  return Array(std::move(stored), options.context);
}

Result<Array> Array::Open(const Place& place, const OpenOptions& options) {
  for (const ArrayDriver* driver : options.context.Get<DriverTable>().drivers()) {
    if (!place.driver.empty() && driver->name() != place.driver) continue;
    Result<StoredArrayPtr> stored = OpenThroughCache(*driver, place, options);
    if (stored.ok()) return Array(*std::move(stored), options.context);
    if (stored.status().code() != StatusCode::kNotFound) return stored.status();
  }
  return NotFoundError(place.store->Describe(place.prefix) + ": no array is here");
}

Result<Array> Array::Create(std::string_view place_name, const CreateOptions& options) {
  COFFER_RETURN_IF_ERROR(CheckNoArrayAbove(place_name, options.context));
  COFFER_ASSIGN_OR_RETURN(const Place place, OpenPlace(place_name, options.context));
  return Create(place, options);
}

Result<Array> Array::Create(KvStorePtr store, std::string prefix, const CreateOptions& options) {
  return Create(Place{std::move(store), std::move(prefix), ""}, options);
}

Result<Array> Array::Open(std::string_view place_name, const OpenOptions& options) {
  COFFER_ASSIGN_OR_RETURN(const Place place, OpenPlace(place_name, options.context));
  return Open(place, options);
}

Result<Array> Array::Open(KvStorePtr store, std::string prefix, const OpenOptions& options) {
  return Open(Place{std::move(store), std::move(prefix), ""}, options);
}

Result<Array> Array::OpenOrCreate(std::string_view place_name, const CreateOptions& options) {
  COFFER_ASSIGN_OR_RETURN(const Place place, OpenPlace(place_name, options.context));
  Result<Array> opened = Open(place, {.context = options.context});
  if (!opened.ok() && opened.status().code() == StatusCode::kNotFound) {
    COFFER_RETURN_IF_ERROR(CheckNoArrayAbove(place_name, options.context));
    Result<Array> created = Create(place, options);
    if (created.ok() || created.status().code() != StatusCode::kAlreadyExists) return created;
    opened = Open(place, {.context = options.context});  // Someone else created it just now.
  }
  COFFER_RETURN_IF_ERROR(opened);
  auto differs = [&](const std::string& what, const std::string& there, const std::string& wanted) {
    return FailedPreconditionError(opened->url() + ": the array has " + what + " " + there +
                                   ", wanted " + wanted);
  };
  if (opened->shape() != options.shape) {
    return differs("shape", ToString(opened->shape()), ToString(options.shape));
  }
  if (opened->data_type() != options.data_type) {
    return differs("data type", opened->data_type().name(), options.data_type.name());
  }
  if (!options.chunk_shape.empty() && opened->chunk_shape() != options.chunk_shape) {
    return differs("chunk shape", ToString(opened->chunk_shape()), ToString(options.chunk_shape));
  }
  const Shape shard_shape = opened->shard_shape().value_or(Shape());
  if (shard_shape != options.shard_shape) {
    return differs("shard shape", ToString(shard_shape), ToString(options.shard_shape));
  }
  return opened;
}

const Shape& Array::shape() const { return stored_->shape(); }
DataType Array::data_type() const { return stored_->data_type(); }

const Shape& Array::chunk_shape() const {
  const ShardLayout* layout = stored_->chain->shard_layout();
  return layout != nullptr ? layout->inner_chunk_shape() : stored_->grid.cell_shape();
}

std::optional<Shape> Array::shard_shape() const {
  if (stored_->chain->shard_layout() == nullptr) return std::nullopt;
  return stored_->grid.cell_shape();
}

std::span<const std::byte> Array::fill_value() const { return stored_->chain->chunk().fill_value; }

const std::vector<std::optional<std::string>>& Array::dimension_names() const {
  return stored_->dimension_names;
}

std::string Array::attributes() const { return stored_->attributes; }
std::string Array::metadata() const { return stored_->metadata; }
std::string Array::codecs() const { return stored_->codecs; }
std::string Array::fill_value_json() const { return stored_->fill_value; }
std::string Array::format() const { return std::string(stored_->driver->name()); }
std::string Array::url() const { return stored_->Describe(stored_->prefix); }

int64_t Array::largest_task_bytes() const {
  return std::max(LargestReadTask(*stored_), LargestWriteTask(*stored_));
}

const Context& Array::context() const { return context_; }

Status Array::CheckDataType(DataType type) const {
  if (type == data_type()) return Status();
  return InvalidArgumentError(url() + ": the array has data type " + data_type().name() +
                              ", the memory given has " + type.name());
}

Status Array::CheckView(const IndexTransform& transform, DataType type, const Shape& shape) const {
  COFFER_RETURN_IF_ERROR(CheckDataType(type));
  COFFER_RETURN_IF_ERROR(CheckRegion(*stored_, transform));
  if (transform.view_shape() != shape) {
    return InvalidArgumentError(url() + ": the region has shape " +
                                ToString(transform.view_shape()) + ", the memory given " +
                                ToString(shape));
  }
  return Status();
}

Status Array::Read(const Box& box, const View& destination, const ArrayReadOptions& options) const {
  Result<IndexTransform> transform = IndexTransform::FromBox(shape(), box);
  if (!transform.ok()) return transform.status().Annotate(url());
  return Read(*transform, destination, options);
}

Status Array::Read(const IndexTransform& transform, const View& destination,
                   const ArrayReadOptions& options) const {
  COFFER_RETURN_IF_ERROR(CheckView(transform, destination.data_type, destination.shape));
  return StartRead(stored_, transform, destination, options, context_, StartOn::kCaller).Get();
}

Future<void> Array::ReadAsync(const Box& box, const View& destination,
                              const ArrayReadOptions& options) const {
  Result<IndexTransform> transform = IndexTransform::FromBox(shape(), box);
  if (!transform.ok()) return Future<void>::Ready(transform.status().Annotate(url()));
  return ReadAsync(*transform, destination, options);
}

Future<void> Array::ReadAsync(const IndexTransform& transform, const View& destination,
                              const ArrayReadOptions& options) const {
  const Status checked = CheckView(transform, destination.data_type, destination.shape);
  if (!checked.ok()) return Future<void>::Ready(checked);
  return StartRead(stored_, transform, destination, options, context_, StartOn::kExecutor);
}

Result<OwnedArray> Array::ReadOwned(const IndexTransform& transform,
                                    const ArrayReadOptions& options) const {
  COFFER_ASSIGN_OR_RETURN(
      OwnedArray array,
      OwnedArray::Allocate(data_type(), transform.view_shape(), context_.buffers()));
  COFFER_RETURN_IF_ERROR(Read(transform, array.view(), options));
  return array;
}

Status Array::Write(const Box& box, const ConstView& source,
                    const ArrayWriteOptions& options) const {
  Result<IndexTransform> transform = IndexTransform::FromBox(shape(), box);
  if (!transform.ok()) return transform.status().Annotate(url());
  return Write(*transform, source, options);
}

Status Array::Write(const IndexTransform& transform, const ConstView& source,
                    const ArrayWriteOptions& options) const {
  COFFER_RETURN_IF_ERROR(CheckView(transform, source.data_type, source.shape));
  const WriteMark mark(context_, *stored_->store, stored_->prefix);
  const Status written =
      StartWrite(stored_, transform, source, options, context_, StartOn::kCaller).committed.Get();
  const Status checked = CheckShapeAfterWrite(stored_, transform, options, context_).Get();
  return written.ok() ? checked : written;
}

WriteFutures Array::WriteAsync(const Box& box, const ConstView& source,
                               const ArrayWriteOptions& options) const {
  Result<IndexTransform> transform = IndexTransform::FromBox(shape(), box);
  if (transform.ok()) return WriteAsync(*transform, source, options);
  const Status status = transform.status().Annotate(url());
  return {Future<void>::Ready(status), Future<void>::Ready(status)};
}

WriteFutures Array::WriteAsync(const IndexTransform& transform, const ConstView& source,
                               const ArrayWriteOptions& options) const {
  const Status checked = CheckView(transform, source.data_type, source.shape);
  if (!checked.ok()) return {Future<void>::Ready(checked), Future<void>::Ready(checked)};
  auto mark = std::make_shared<const WriteMark>(context_, *stored_->store, stored_->prefix);
  WriteFutures futures =
      StartWrite(stored_, transform, source, options, context_, StartOn::kExecutor);
  if (!options.exclusive && !transform.empty()) {
    futures.committed = futures.committed.Then(
        context_.executor(),
        [stored = stored_, transform, options,
         context = context_](const Status& written) -> Future<void> {
          const Future<void> shape = CheckShapeAfterWrite(stored, transform, options, context);
          if (written.ok()) return shape;
          return shape.Then(context.executor(), [written](const Status&) { return written; });
        });
  }
  futures.committed.OnReady([mark = std::move(mark)](const Status&) mutable { mark.reset(); });
  return futures;
}

Status Array::Resize(const Shape& shape) {
  const WriteMark mark(context_, *stored_->store, stored_->prefix);
  return ResizeStored(stored_, shape, context_);
}

Result<Box> Array::Append(int dim, const ConstView& source, const ArrayWriteOptions& options) {
  COFFER_RETURN_IF_ERROR(CheckDataType(source.data_type));
  const WriteMark mark(context_, *stored_->store, stored_->prefix);
  COFFER_ASSIGN_OR_RETURN(const Box box,
                          GrowStored(stored_, dim, source.shape, context_, options.cancel));
  if (box.empty()) return box;
  ArrayWriteOptions shared = options;
  shared.exclusive = false;
  const Status written = Write(box, source, shared);
  if (written.ok()) return box;
  return written.Annotate(ToString(box) + " is the array's now, but not all of it is written");
}

Status Array::SetAttributes(std::string_view json) {
  const WriteMark mark(context_, *stored_->store, stored_->prefix);
  COFFER_ASSIGN_OR_RETURN(
      StoredArrayPtr updated,
      GuardedDriver(*stored_->driver).Update(*stored_, std::nullopt, std::string(json), context_));
  stored_ = std::move(updated);
  return Status();
}

Result<StoredChunks> Array::CountStored() const {
  StoredChunks stored;
  stored.possible = NumElements(stored_->grid.grid_shape()).value_or(INT64_MAX);
  const auto count = [&](std::span<const ListEntry> page) {
    for (const ListEntry& entry : page) {
      const std::optional<Index> cell = stored_->ParseCellKey(entry.key);
      if (!cell || !IsInGrid(*stored_, *cell)) continue;
      ++stored.count;
      stored.bytes += std::max<int64_t>(entry.size, 0);
    }
    return Status();
  };
  COFFER_RETURN_IF_ERROR(
      ForEachPage(*stored_->store, {.range = KeyRange::Prefix(stored_->prefix)}, count));
  return stored;
}

}  // namespace coffer::inline v0
