#include "tools/coffer/bench/workloads.h"

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <utility>

#include "coffer/array/driver.h"
#include "tools/coffer/blocks.h"

namespace coffer::inline v0::tool {
namespace {

constexpr int kRank = 3;
constexpr int64_t kAll = std::numeric_limits<int64_t>::max();
constexpr int64_t kStep = 4;          // Of the strided subsample.
constexpr int64_t kSmallExtent = 16;  // Of a small array.
// Of element types of one and two bytes, none has it: a read that leaves memory as it was shows.
constexpr std::byte kUntouched{0xa5};

// Editions of the volumes whose noise must differ.
constexpr int64_t kPatchEdition = 1;
constexpr int64_t kSmallEdition = 2;

constexpr Workload kWorkloads[] = {
    {"write-all", false, true, &Bench::WriteAll},
    {"read-all", false, true, &Bench::ReadAll},
    {"chunks", true, true, &Bench::ReadChunks},
    {"random-chunks", true, true, &Bench::ReadRandomChunks},
    {"boxes", true, true, &Bench::ReadBoxes},
    {"planes-0", true, true, &Bench::ReadPlanes<0>},
    {"planes-1", true, true, &Bench::ReadPlanes<1>},
    {"planes-2", true, true, &Bench::ReadPlanes<2>},
    {"strided", false, true, &Bench::ReadStrided},
    {"open", true, true, &Bench::OpenAndReadOne},
    // The volume is no longer what the workloads above expect after this one.
    {"partial-write", true, true, &Bench::WriteParts},
    {"small-write", true, false, &Bench::WriteSmall},
    {"small-read", true, false, &Bench::ReadSmall},
    {"list", true, true, &Bench::List},
};

// Positions are the same in every run, whatever else runs.
class Positions {
 public:
  int64_t Below(int64_t end) {
    return static_cast<int64_t>(random_() % static_cast<uint64_t>(end));
  }

 private:
  std::mt19937_64 random_{1};
};

Index CellAt(const Shape& grid, int64_t number) {
  Index cell = Index::Filled(grid.rank(), 0);
  for (int d = grid.rank() - 1; d >= 0; --d) {
    cell[d] = number % grid[d];
    number /= grid[d];
  }
  return cell;
}

// Keys of chunks, of one page at a time.
int64_t CountCells(const StoredArray& stored, const std::vector<ListEntry>& page) {
  return std::count_if(page.begin(), page.end(), [&](const ListEntry& entry) {
    return stored.ParseCellKey(entry.key).has_value();
  });
}

}  // namespace

std::span<const Workload> AllWorkloads() { return kWorkloads; }

Bench::Bench(const BenchOptions& options)
    : options_(options),
      context_(options.create.context),
      volume_(options.create.shape, options.create.data_type),
      unit_(options.create.shard_shape.empty() ? options.create.chunk_shape
                                               : options.create.shard_shape) {
  const int64_t bytes =
      BytesOf(unit_) > MiB(512) ? MiB(512) : context_.options().threads * BytesOf(unit_);
  block_ = BlockOfUnits(volume_.shape(), unit_, volume_.data_type().size(),
                        std::clamp(bytes, MiB(64), MiB(512)));
}

Status Bench::Run(const Workload& workload, BenchTask task) {
  if (workload.needs_volume && !array_) {
    COFFER_RETURN_IF_ERROR(CreateVolume());
    Measurement unmeasured("", false);
    BenchTask fill{unmeasured, task.on_progress};
    if (workload.run != &Bench::WriteAll) COFFER_RETURN_IF_ERROR(WriteAll(fill));
  }
  if (workload.run == &Bench::ReadSmall && !small_written_) {
    Measurement unmeasured("", false);
    BenchTask fill{unmeasured, task.on_progress};
    COFFER_RETURN_IF_ERROR(WriteSmall(fill));
  }
  return (this->*workload.run)(task);
}

int64_t Bench::BytesOf(const Shape& shape) const {
  return *NumElements(shape) * volume_.data_type().size();
}

Place Bench::PlaceOfVolume() const {
  return {options_.place.store, options_.place.prefix + "array/", options_.place.driver};
}

Place Bench::PlaceOfSmall(int64_t n) const {
  return {options_.place.store, options_.place.prefix + "small-" + std::to_string(n) + "/",
          options_.place.driver};
}

Status Bench::CreateVolume() {
  COFFER_ASSIGN_OR_RETURN(Array array, Array::Create(PlaceOfVolume(), options_.create));
  array_ = std::move(array);
  return Status();
}

Status Bench::CheckInterruption() const {
  return options_.cancel.cancelled() ? CancelledError("interrupted") : Status();
}

void Bench::Report(const BenchTask& task, int64_t bytes_planned) const {
  if (task.on_progress) task.on_progress(task.measurement.bytes(), bytes_planned);
}

template <class See>
Status Bench::ForEachCell(const Shape& cell, int64_t cells_max, const See& see) const {
  COFFER_ASSIGN_OR_RETURN(const RegularGrid grid, RegularGrid::Make(volume_.shape(), cell));
  const int64_t cells = std::min(*NumElements(grid.grid_shape()), cells_max);
  for (int64_t n = 0; n < cells; ++n) {
    COFFER_RETURN_IF_ERROR(see(grid.ClippedCellBox(CellAt(grid.grid_shape(), n)), cells));
  }
  return Status();
}

Status Bench::Differs(std::string_view url, const std::optional<Index>& at,
                      const BenchTask& task) const {
  if (!at) return Status();
  return DataLossError(std::string(url) + ": " + task.measurement.name() + ": the element at " +
                       ToString(*at) + " is not what was written");
}

Status Bench::ReadBlock(BenchTask& task, const IndexTransform& transform, const Lattice& lattice) {
  COFFER_RETURN_IF_ERROR(CheckInterruption());
  const int64_t bytes = BytesOf(transform.view_shape());
  buffer_.assign(static_cast<size_t>(bytes), kUntouched);
  const View view(buffer_.data(), volume_.data_type(), transform.view_shape());
  COFFER_RETURN_IF_ERROR(task.measurement.Time(
      context_, bytes, [&] { return array_->Read(transform, view, {.cancel = options_.cancel}); }));
  return Differs(array_->url(), volume_.FindDifference(lattice, buffer_), task);
}

Status Bench::ReadBox(BenchTask& task, const Box& box) {
  COFFER_ASSIGN_OR_RETURN(const IndexTransform transform,
                          IndexTransform::FromBox(volume_.shape(), box));
  return ReadBlock(task, transform, Lattice::Of(box));
}

Status Bench::WriteAll(BenchTask& task) {
  return ForEachCell(block_, kAll, [&](const Box& box, int64_t) -> Status {
    COFFER_RETURN_IF_ERROR(CheckInterruption());
    buffer_.resize(static_cast<size_t>(BytesOf(box.shape)));
    volume_.Fill(Lattice::Of(box), buffer_);
    const ConstView view(buffer_.data(), volume_.data_type(), box.shape);
    COFFER_RETURN_IF_ERROR(task.measurement.Time(context_, BytesOf(box.shape), [&] {
      return array_->Write(box, view, {.store_fill_chunks = true, .cancel = options_.cancel});
    }));
    Report(task, BytesOf(volume_.shape()));
    return Status();
  });
}

Status Bench::ReadAll(BenchTask& task) {
  return ForEachCell(block_, kAll, [&](const Box& box, int64_t) -> Status {
    COFFER_RETURN_IF_ERROR(ReadBox(task, box));
    Report(task, BytesOf(volume_.shape()));
    return Status();
  });
}

Status Bench::ReadChunks(BenchTask& task) {
  return ForEachCell(options_.create.chunk_shape, options_.calls,
                     [&](const Box& box, int64_t cells) -> Status {
                       COFFER_RETURN_IF_ERROR(ReadBox(task, box));
                       Report(task, cells * BytesOf(box.shape));
                       return Status();
                     });
}

Status Bench::ReadRandomChunks(BenchTask& task) {
  const Shape& chunk = options_.create.chunk_shape;
  Positions positions;
  for (int64_t n = 0; n < options_.calls; ++n) {
    Box box = Box::FromSize(Index::Filled(kRank, 0), chunk);
    for (int d = 0; d < kRank; ++d) {
      box.origin[d] = positions.Below(volume_.shape()[d] / chunk[d]) * chunk[d];
    }
    COFFER_RETURN_IF_ERROR(ReadBox(task, box));
    Report(task, options_.calls * BytesOf(chunk));
  }
  return Status();
}

// Boxes of a chunk's size (at least 2 elements long), with a border between chunks in the middle of
// each dimension that has one.
Status Bench::ReadBoxes(BenchTask& task) {
  const Shape& chunk = options_.create.chunk_shape;
  Positions positions;
  for (int64_t n = 0; n < options_.calls; ++n) {
    Box box = Box::FromSize(Index::Filled(kRank, 0), chunk);
    for (int d = 0; d < kRank; ++d) {
      const int64_t borders = volume_.shape()[d] / chunk[d] - 1;
      if (borders == 0) continue;
      const int64_t border = (1 + positions.Below(borders)) * chunk[d];
      box.origin[d] = border - std::max<int64_t>(chunk[d] / 2, 1);
      box.shape[d] = std::max<int64_t>(chunk[d], 2);
    }
    COFFER_RETURN_IF_ERROR(ReadBox(task, box));
    Report(task, options_.calls * BytesOf(box.shape));
  }
  return Status();
}

// A plane touches many chunks: a tenth of the calls is enough.
template <int kDim>
Status Bench::ReadPlanes(BenchTask& task) {
  const int64_t planes = CeilDiv(options_.calls, 10);
  Positions positions;
  for (int64_t n = 0; n < planes; ++n) {
    const Selection plane[] = {{.dim = kDim, .at = positions.Below(volume_.shape()[kDim])}};
    COFFER_ASSIGN_OR_RETURN(const IndexTransform transform,
                            IndexTransform::FromSelections(volume_.shape(), plane));
    Box box = Box::Full(volume_.shape());
    box.origin[kDim] = plane[0].at;
    box.shape[kDim] = 1;
    COFFER_RETURN_IF_ERROR(ReadBlock(task, transform, Lattice::Of(box)));
    Report(task, planes * BytesOf(box.shape));
  }
  return Status();
}

Status Bench::ReadStrided(BenchTask& task) {
  Selection every[kRank];
  for (int d = 0; d < kRank; ++d) every[d] = {.dim = d, .step = kStep};
  COFFER_ASSIGN_OR_RETURN(const IndexTransform whole,
                          IndexTransform::FromSelections(volume_.shape(), every));
  const Shape block = BlockShape(*array_, whole, BytesOf(block_));
  COFFER_ASSIGN_OR_RETURN(const RegularGrid grid, RegularGrid::Make(whole.view_shape(), block));
  const int64_t blocks = *NumElements(grid.grid_shape());
  for (int64_t n = 0; n < blocks; ++n) {
    const Box box = grid.ClippedCellBox(CellAt(grid.grid_shape(), n));
    COFFER_ASSIGN_OR_RETURN(const IndexTransform part, whole.Subview(box));
    Lattice lattice = Lattice::Of(box);
    lattice.step = Index::Filled(kRank, kStep);
    for (int64_t& first : lattice.first) first *= kStep;
    COFFER_RETURN_IF_ERROR(ReadBlock(task, part, lattice));
    Report(task, BytesOf(whole.view_shape()));
  }
  return Status();
}

Status Bench::OpenAndReadOne(BenchTask& task) {
  const int64_t bytes = volume_.data_type().size();
  Positions positions;
  for (int64_t n = 0; n < options_.calls; ++n) {
    COFFER_RETURN_IF_ERROR(CheckInterruption());
    Box box = Box::FromSize(Index::Filled(kRank, 0), Shape::Filled(kRank, 1));
    for (int d = 0; d < kRank; ++d) box.origin[d] = positions.Below(volume_.shape()[d]);
    buffer_.assign(static_cast<size_t>(bytes), kUntouched);
    const View view(buffer_.data(), volume_.data_type(), box.shape);
    COFFER_RETURN_IF_ERROR(task.measurement.Time(context_, bytes, [&]() -> Status {
      COFFER_ASSIGN_OR_RETURN(const Array array,
                              Array::Open(PlaceOfVolume(), {.context = context_}));
      return array.Read(box, view, {.cancel = options_.cancel});
    }));
    const std::optional<Index> at = volume_.FindDifference(Lattice::Of(box), buffer_);
    COFFER_RETURN_IF_ERROR(Differs(array_->url(), at, task));
    Report(task, options_.calls * bytes);
  }
  return Status();
}

Status Bench::CheckPatched(const Box& unit, const Box& patch, const BenchTask& task) {
  buffer_.assign(static_cast<size_t>(BytesOf(unit.shape)), kUntouched);
  const View view(buffer_.data(), volume_.data_type(), unit.shape);
  COFFER_RETURN_IF_ERROR(array_->Read(unit, view, {.cancel = options_.cancel}));
  const SyntheticVolume patched(volume_.shape(), volume_.data_type(), kPatchEdition);
  const SyntheticVolume::Patch expected{patched, patch};
  const std::optional<Index> at = volume_.FindDifference(Lattice::Of(unit), buffer_, &expected);
  return Differs(array_->url(), at, task);
}

// In each of some shards (or chunks), spread over the array, a box of at most a chunk's size that
// begins in the middle of its first chunk. All of it is read afterwards: neighbours must be kept.
Status Bench::WriteParts(BenchTask& task) {
  COFFER_ASSIGN_OR_RETURN(const RegularGrid grid, RegularGrid::Make(volume_.shape(), unit_));
  const SyntheticVolume patched(volume_.shape(), volume_.data_type(), kPatchEdition);
  const int64_t units = *NumElements(grid.grid_shape());
  const int64_t calls = std::min(options_.calls, units);
  for (int64_t n = 0; n < calls; ++n) {
    COFFER_RETURN_IF_ERROR(CheckInterruption());
    // Rounded down from n * units / calls, which might overflow.
    const int64_t number = n * (units / calls) + n * (units % calls) / calls;
    const Box unit = grid.CellBox(CellAt(grid.grid_shape(), number));
    Box box = unit;
    for (int d = 0; d < kRank; ++d) {
      const int64_t chunk = options_.create.chunk_shape[d];
      box.origin[d] += chunk / 2;
      box.shape[d] = std::min(chunk, unit.shape[d] - chunk / 2);
    }
    std::vector<std::byte> values(static_cast<size_t>(BytesOf(box.shape)));
    patched.Fill(Lattice::Of(box), values);
    const ConstView view(values.data(), volume_.data_type(), box.shape);
    COFFER_RETURN_IF_ERROR(task.measurement.Time(context_, BytesOf(box.shape), [&] {
      return array_->Write(box, view, {.store_fill_chunks = true, .cancel = options_.cancel});
    }));
    COFFER_RETURN_IF_ERROR(CheckPatched(unit, box, task));
    Report(task, calls * BytesOf(box.shape));
  }
  return Status();
}

Status Bench::WriteSmall(BenchTask& task) {
  CreateOptions create = options_.create;
  create.shape = create.chunk_shape = Shape::Filled(kRank, kSmallExtent);
  create.shard_shape = Shape();
  const Box box = Box::Full(create.shape);
  const int64_t bytes = BytesOf(box.shape);
  for (int64_t n = 0; n < options_.small_arrays; ++n) {
    COFFER_RETURN_IF_ERROR(CheckInterruption());
    buffer_.resize(static_cast<size_t>(bytes));
    SyntheticVolume(box.shape, create.data_type, kSmallEdition + n).Fill(Lattice::Of(box), buffer_);
    const ConstView view(buffer_.data(), create.data_type, box.shape);
    COFFER_RETURN_IF_ERROR(task.measurement.Time(context_, bytes, [&]() -> Status {
      COFFER_ASSIGN_OR_RETURN(const Array array, Array::Create(PlaceOfSmall(n), create));
      return array.Write(box, view, {.store_fill_chunks = true, .cancel = options_.cancel});
    }));
    Report(task, options_.small_arrays * bytes);
  }
  small_written_ = true;
  return Status();
}

Status Bench::ReadSmall(BenchTask& task) {
  const Box box = Box::Full(Shape::Filled(kRank, kSmallExtent));
  const int64_t bytes = BytesOf(box.shape);
  for (int64_t n = 0; n < options_.small_arrays; ++n) {
    COFFER_RETURN_IF_ERROR(CheckInterruption());
    buffer_.assign(static_cast<size_t>(bytes), kUntouched);
    const View view(buffer_.data(), volume_.data_type(), box.shape);
    std::string url;
    COFFER_RETURN_IF_ERROR(task.measurement.Time(context_, bytes, [&]() -> Status {
      COFFER_ASSIGN_OR_RETURN(const Array array,
                              Array::Open(PlaceOfSmall(n), {.context = context_}));
      url = array.url();
      return array.Read(box, view, {.cancel = options_.cancel});
    }));
    const SyntheticVolume expected(box.shape, volume_.data_type(), kSmallEdition + n);
    const std::optional<Index> at = expected.FindDifference(Lattice::Of(box), buffer_);
    COFFER_RETURN_IF_ERROR(Differs(url, at, task));
    Report(task, options_.small_arrays * bytes);
  }
  return Status();
}

Status Bench::List(BenchTask& task) {
  const StoredArray& stored = *array_->stored();
  COFFER_ASSIGN_OR_RETURN(const std::unique_ptr<KvListing> listing,
                          stored.store->List({.range = KeyRange::Prefix(stored.prefix)}));
  int64_t cells = 0;
  for (bool more = true; more;) {
    COFFER_RETURN_IF_ERROR(CheckInterruption());
    COFFER_ASSIGN_OR_RETURN(
        const std::vector<ListEntry> page,
        task.measurement.Time(context_, 0, [&] { return listing->Next().Get(); }));
    cells += CountCells(stored, page);
    more = !page.empty();
  }
  const int64_t expected = *NumElements(stored.grid.grid_shape());
  if (cells == expected) return Status();
  return DataLossError(array_->url() + ": " + task.measurement.name() + ": " +
                       std::to_string(cells) + " keys of the " + std::to_string(expected) +
                       " that were written");
}

}  // namespace coffer::inline v0::tool
