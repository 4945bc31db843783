// Bench: the workloads of `coffer bench` on one array (and on many small ones) below a prefix. What
// a read gives is compared with what was written, in every workload, outside the time measured.
//
// Memory beyond what reading and writing take: one block of whole shards or chunks, of which there
// are as many as threads, at least 64 MiB and at most 512 MiB (but always one); or, where that is
// more, one plane of the array.
//
// Thread safety: belongs to one thread.
#ifndef COFFER_TOOLS_COFFER_BENCH_WORKLOADS_H_
#define COFFER_TOOLS_COFFER_BENCH_WORKLOADS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "coffer/array/array.h"
#include "coffer/array/group.h"
#include "tools/coffer/bench/meter.h"
#include "tools/coffer/bench/volume.h"

namespace coffer::inline v0::tool {

class Bench;

struct BenchTask {
  Measurement& measurement;
  ProgressFunction on_progress = nullptr;
};

struct Workload {
  std::string_view name;
  bool per_call;      ///< See Measurement.
  bool needs_volume;  ///< Reads or writes the large array.
  Status (Bench::*run)(BenchTask& task);
};
/// In the order in which they can run one after the other.
std::span<const Workload> AllWorkloads();

struct BenchOptions {
  Place place;           ///< Of a group, which is there, with nothing in it.
  CreateOptions create;  ///< Of the array.
  int64_t calls = 1;     ///< Of a workload whose calls are alike, at most; >= 1.
  int64_t small_arrays = 1;
  CancelToken cancel = {};
};

class Bench {
 public:
  explicit Bench(const BenchOptions& options);

  /// Runs a workload, and before it, not measured, what it needs. Errors: DataLoss for a read that
  /// gives anything but what was written; those of arrays.
  Status Run(const Workload& workload, BenchTask task);

  // The workloads; each requires what Run() sees to.
  Status WriteAll(BenchTask& task);
  Status ReadAll(BenchTask& task);
  Status ReadChunks(BenchTask& task);
  Status ReadRandomChunks(BenchTask& task);
  Status ReadBoxes(BenchTask& task);
  template <int kDim>
  Status ReadPlanes(BenchTask& task);
  Status ReadStrided(BenchTask& task);
  Status OpenAndReadOne(BenchTask& task);
  Status WriteParts(BenchTask& task);
  Status WriteSmall(BenchTask& task);
  Status ReadSmall(BenchTask& task);
  Status List(BenchTask& task);

 private:
  int64_t BytesOf(const Shape& shape) const;
  Place PlaceOfVolume() const;
  Place PlaceOfSmall(int64_t n) const;
  Status CreateVolume();
  Status CheckInterruption() const;
  /// Cells of `cell` each, in C order, at most `cells_max`.
  template <class See>
  Status ForEachCell(const Shape& cell, int64_t cells_max, const See& see) const;
  Status ReadBlock(BenchTask& task, const IndexTransform& transform, const Lattice& lattice);
  Status ReadBox(BenchTask& task, const Box& box);
  Status Differs(std::string_view url, const std::optional<Index>& at, const BenchTask& task) const;
  Status CheckPatched(const Box& unit, const Box& patch, const BenchTask& task);
  void Report(const BenchTask& task, int64_t bytes_planned) const;

  BenchOptions options_;
  Context context_;
  SyntheticVolume volume_;
  Shape unit_;   // What is written as a whole.
  Shape block_;  // What is moved in one call where all is.
  std::optional<Array> array_;
  bool small_written_ = false;
  std::vector<std::byte> buffer_;
};

}  // namespace coffer::inline v0::tool

#endif  // COFFER_TOOLS_COFFER_BENCH_WORKLOADS_H_
