// coffer behind a C interface, for Python's ctypes: so that coffer and the peers that are used
// through Python pay the same way in. A tool of the benchmark; no ABI, not installed.
//
// Every function returns null or a negative number on failure; shim_error() then says why, for the
// calling thread. Regions are begin, end, step of each dimension; strides are in bytes.
#include <cstdint>
#include <exception>
#include <memory>
#include <string>

#include "benchmarks/compare/native/job.h"
#include "coffer/array/copy.h"

namespace {

using coffer::Array;
using coffer::IndexTransform;

thread_local std::string error_text;

struct Handle {
  coffer_compare::Job job;
  coffer::Context context;
};

/// Where small arrays are, and who reads and writes them side by side.
struct Folder {
  const Handle& handle;
  coffer::KvStorePtr store;
  std::shared_ptr<coffer::Executor> threads;
};
using Pending = coffer::Future<void>;

constexpr int kSmallWriters = 32;  // Small writes wait for the disk, not for a processor.

/// Runs `work` on one of the folder's threads.
template <class Work>
Pending* Begin(const Folder& folder, Work work) {
  const coffer::Promise<void> promise;
  folder.threads->Submit([promise, work] { promise.Set(work()); });
  return new Pending(promise.future());
}

template <class Work>
auto Guarded(const Work& work, decltype(work()) failed) -> decltype(work()) {
  try {
    return work();
  } catch (const std::exception& error) {
    error_text = error.what();
    return failed;
  }
}

IndexTransform Region(const Array& array, const int64_t* region) {
  std::vector<coffer::Selection> parts;
  for (int d = 0; d < array.rank(); ++d, region += 3) {
    parts.push_back({.dim = d, .begin = region[0], .end = region[1], .step = region[2]});
  }
  return IndexTransform::FromSelections(array.shape(), parts).OrThrow();
}

}  // namespace

extern "C" {

[[gnu::visibility("default")]] const char* shim_error() { return error_text.c_str(); }

[[gnu::visibility("default")]] Handle* shim_start(const char* job_file) {
  return Guarded(
      [&] {
        coffer_compare::Job job = coffer_compare::ReadJob(job_file);
        coffer::Context context = coffer::Context::Create({.threads = job.cores});
        return new Handle{std::move(job), std::move(context)};
      },
      static_cast<Handle*>(nullptr));
}

/// What a call costs that does nothing.
[[gnu::visibility("default")]] int shim_null(const Array*, const int64_t*, void*) { return 0; }

[[gnu::visibility("default")]] Array* shim_open(const Handle* handle, const char* path) {
  return Guarded(
      [&] {
        const coffer::Place place = PlaceOf(handle->job, path, handle->context);
        return new Array(Array::Open(place, {.context = handle->context}).OrThrow());
      },
      static_cast<Array*>(nullptr));
}

[[gnu::visibility("default")]] Array* shim_create(const Handle* handle, const char* path) {
  return Guarded(
      [&] {
        const coffer::Place place = PlaceOf(handle->job, path, handle->context);
        return new Array(Array::Create(place, LayoutOf(handle->job, handle->context)).OrThrow());
      },
      static_cast<Array*>(nullptr));
}

[[gnu::visibility("default")]] void shim_close(Array* array) { delete array; }

/// Into memory in C order.
[[gnu::visibility("default")]] int shim_read(const Array* array, const int64_t* region,
                                             void* data) {
  return Guarded(
      [&] {
        const IndexTransform transform = Region(*array, region);
        const coffer::View view(static_cast<std::byte*>(data), array->data_type(),
                                transform.view_shape());
        array->Read(transform, view).OrThrow();
        return 0;
      },
      -1);
}

[[gnu::visibility("default")]] int shim_write(const Array* array, const int64_t* region,
                                              const void* data, const int64_t* strides) {
  return Guarded(
      [&] {
        const IndexTransform transform = Region(*array, region);
        coffer::ConstView view(static_cast<const std::byte*>(data), array->data_type(),
                               transform.view_shape());
        for (int d = 0; d < array->rank(); ++d) view.strides[d] = strides[d];
        array->Write(transform, view).OrThrow();
        return 0;
      },
      -1);
}

[[gnu::visibility("default")]] int shim_copy(const Array* from, const Array* to) {
  return Guarded([&] { return coffer::Copy(*from, *to).OrThrow(), 0; }, -1);
}

/// A group for small arrays, which is made if `create`.
[[gnu::visibility("default")]] Folder* shim_folder(const Handle* handle, const char* path,
                                                   int create) {
  return Guarded(
      [&] {
        const coffer::Place place = PlaceOf(handle->job, path, handle->context);
        if (create != 0) coffer::Group::Create(place, {.context = handle->context}).OrThrow();
        return new Folder{*handle, place.store,
                          coffer::MakeThreadPool(create != 0 ? kSmallWriters : handle->job.cores)};
      },
      static_cast<Folder*>(nullptr));
}

[[gnu::visibility("default")]] void shim_folder_close(Folder* folder) { delete folder; }

/// Creates and writes the small array of this number. `data` is left alone until shim_wait().
[[gnu::visibility("default")]] Pending* shim_small_write(const Folder* folder, int number,
                                                         const float* data) {
  return Begin(*folder, [folder, number, data]() -> coffer::Status {
    const coffer::Shape shape = {coffer_compare::kSmallSide, coffer_compare::kSmallSide};
    const coffer::Result<Array> array =
        Array::Create(folder->store, std::to_string(number) + "/",
                      SmallLayoutOf(folder->handle.job, folder->handle.context));
    if (!array.ok()) return array.status();
    return array->Write(coffer::Box::Full(shape), coffer::Ref(data, shape));
  });
}

/// Opens and reads it. `data` is filled at shim_wait().
[[gnu::visibility("default")]] Pending* shim_small_read(const Folder* folder, int number,
                                                        float* data) {
  return Begin(*folder, [folder, number, data]() -> coffer::Status {
    const coffer::Shape shape = {coffer_compare::kSmallSide, coffer_compare::kSmallSide};
    const coffer::Result<Array> array = Array::Open(folder->store, std::to_string(number) + "/",
                                                    {.context = folder->handle.context});
    if (!array.ok()) return array.status();
    return array->Read(coffer::Box::Full(shape), coffer::Ref(data, shape));
  });
}

[[gnu::visibility("default")]] int shim_wait(Pending* pending) {
  const std::unique_ptr<Pending> owned(pending);
  return Guarded([&] { return owned->Get().OrThrow(), 0; }, -1);
}

/// How many folders are directly below `path`.
[[gnu::visibility("default")]] int64_t shim_list(const Handle* handle, const char* path) {
  return Guarded(
      [&] {
        const coffer::Place place = PlaceOf(handle->job, path, handle->context);
        return static_cast<int64_t>(coffer::ListFolder(*place.store, "").OrThrow().folders.size());
      },
      int64_t{-1});
}

}  // extern "C"
