// coffer behind a C interface, for Python's ctypes: so that coffer and the peers that are used
// through Python pay the same way in. A tool of the benchmark; no ABI, not installed.
//
// Every function returns null or a negative number on failure; shim_error() then says why, for the
// calling thread. Regions are begin, end, step of each dimension; strides are in bytes.
#include <cstdint>
#include <exception>
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

/// `small`: a small array instead of the job's.
[[gnu::visibility("default")]] Array* shim_create(const Handle* handle, const char* path,
                                                  int small) {
  return Guarded(
      [&] {
        const coffer::Place place = PlaceOf(handle->job, path, handle->context);
        const coffer::CreateOptions options = small != 0
                                                  ? SmallLayoutOf(handle->job, handle->context)
                                                  : LayoutOf(handle->job, handle->context);
        return new Array(Array::Create(place, options).OrThrow());
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
