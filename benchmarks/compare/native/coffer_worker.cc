// coffer as a peer of the comparison, in C++: does what the driver tells it.
//
//     bench_coffer_worker JOB_FILE
//
// Reads commands from standard input, one a line, and answers each with a line of JSON: what was
// used (Usage), or {"error": TEXT}. Paths have no spaces. What is timed, and what is checked
// outside the clock, is said in benchmarks/compare/README.md; worker.py does the same with the
// other peers.
//   create PATH | verify PATH                not timed: write all; compare all
//   job JOB_FILE                             other selections from now on
//   write PATH | read PATH | open PATH | update PATH | reencode FROM TO
//   gather PATH                              the selections, kGathered at a time
//   tree_save PATH | tree_restore PATH       a checkpoint whose leaf i is the i-th selection
//   tree_verify PATH                         not timed: the same leaves as arrays of a group
//   small_write PATH N FIRST | small_read PATH N FIRST | list PATH N    (arrays of values FIRST...)
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <deque>
#include <functional>
#include <iostream>
#include <map>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "benchmarks/compare/native/job.h"
#include "benchmarks/compare/native/usage.h"
#include "coffer/array/copy.h"
#include "coffer/checkpoint/checkpoint.h"

namespace coffer_compare {
namespace {

using coffer::Array;
using coffer::ConstView;
using coffer::IndexTransform;

constexpr size_t kGathered = 32;
constexpr int kSmallWriters = 32;  // Small writes wait for the disk, not for a processor.

class Worker {
 public:
  Worker(const std::string& job_file, int64_t budget_bytes)
      : job_(ReadJob(job_file)),
        context_(coffer::Context::Create({.threads = job_.cores, .budget_bytes = budget_bytes})) {
    if (!job_.source.empty()) Map();
  }

  std::string Run(const std::string& line) {
    std::istringstream words(line);
    std::string verb, path, other;
    int first = 0;
    words >> verb >> path >> other >> first;
    if (verb == "job") {
      return Measured([&](Usage&) { job_.selections = ReadJob(path).selections; });
    }
    if (verb == "create") return Measured([&](Usage&) { Write(path); });
    if (verb == "verify") return Measured([&](Usage& usage) { Verify(path, usage); });
    if (verb == "write") return Measured([&](Usage& u) { u.Time([&] { Write(path); }); });
    if (verb == "read") return Measured([&](Usage& usage) { Read(path, usage); });
    if (verb == "open") return Measured([&](Usage& usage) { OpenEach(path, usage); });
    if (verb == "update") return Measured([&](Usage& usage) { Update(path, usage); });
    if (verb == "gather") return Measured([&](Usage& usage) { Gather(path, usage); });
    if (verb == "tree_save") return Measured([&](Usage& usage) { TreeSave(path, usage); });
    if (verb == "tree_restore") return Measured([&](Usage& usage) { TreeRestore(path, usage); });
    if (verb == "tree_verify") return Measured([&](Usage& usage) { TreeVerify(path, usage); });
    if (verb == "reencode") return Measured([&](Usage& u) { u.Time([&] { Copy(path, other); }); });
    const int count = other.empty() ? 0 : std::atoi(other.c_str());
    if (verb == "list") return Measured([&](Usage& u) { List(path, count, u); });
    if (verb == "small_write")
      return Measured([&](Usage& u) { SmallWrite(path, count, first, u); });
    if (verb == "small_read") return Measured([&](Usage& u) { SmallRead(path, count, first, u); });
    throw std::runtime_error("unknown command " + verb);
  }

 private:
  static std::string Measured(const std::function<void(Usage&)>& work) {
    Usage usage;
    work(usage);
    return usage.Report();
  }

  void Map() {
    const int file = open(job_.source.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat stat = {};
    if (file < 0 || fstat(file, &stat) != 0) throw std::runtime_error("cannot read source");
    const auto size = static_cast<size_t>(stat.st_size);
    void* data = mmap(nullptr, size, PROT_READ, MAP_SHARED | MAP_POPULATE, file, 0);
    if (data == MAP_FAILED) throw std::runtime_error("cannot map source");
    close(file);
    source_ = ConstView(static_cast<const std::byte*>(data), job_.data_type, job_.shape);
  }

  Array Open(const std::string& path) const {
    return Array::Open(PlaceOf(job_, path, context_), {.context = context_}).OrThrow();
  }
  Array Create(const std::string& path) const {
    return Array::Create(PlaceOf(job_, path, context_), LayoutOf(job_, context_)).OrThrow();
  }
  void Write(const std::string& path) const {
    Create(path).Write(IndexTransform::Identity(job_.shape), source_).OrThrow();
  }

  /// The source's part that a region takes.
  ConstView Part(const std::vector<coffer::Selection>& region) const {
    ConstView part = source_;
    for (size_t d = 0; d < region.size(); ++d) {
      part.data += region[d].begin * part.strides[d];
      part.shape[d] = (region[d].end - region[d].begin + region[d].step - 1) / region[d].step;
      part.strides[d] *= region[d].step;
    }
    return part;
  }

  /// Compares row by row, holding nothing.
  static bool Same(const ConstView& a, const ConstView& b, int dim = 0) {
    if (a.IsCOrderContiguous() && b.IsCOrderContiguous()) {
      const auto bytes = static_cast<size_t>(*coffer::NumElements(a.shape) * a.data_type.size());
      return std::memcmp(a.data, b.data, bytes) == 0;
    }
    if (dim == a.rank()) {
      return std::memcmp(a.data, b.data, static_cast<size_t>(a.data_type.size())) == 0;
    }
    coffer::Box row = coffer::Box::Full(a.shape);
    row.shape[dim] = 1;
    for (int64_t i = 0; i < a.shape[dim]; ++i) {
      row.origin[dim] = i;
      if (!Same(a.Subview(row), b.Subview(row), dim + 1)) return false;
    }
    return true;
  }

  void ReadRegion(const Array& array, const std::vector<coffer::Selection>& region,
                  Usage& usage) const {
    coffer::OwnedArray result;
    usage.Time([&] {
      const auto transform = IndexTransform::FromSelections(job_.shape, region).OrThrow();
      result = array.ReadOwned(transform).OrThrow();
    });
    usage.Result(static_cast<int64_t>(result.bytes().size()));
    if (!Same(result.view(), Part(region))) usage.Wrong("a read gave other bytes");
  }

  /// A read of everything includes opening; calls on a part do not.
  void Read(const std::string& path, Usage& usage) const {
    if (!job_.selections.empty()) {
      const Array array = Open(path);
      for (const auto& region : job_.selections) ReadRegion(array, region, usage);
      return;
    }
    coffer::OwnedArray result;
    usage.Time(
        [&] { result = Open(path).ReadOwned(IndexTransform::Identity(job_.shape)).OrThrow(); });
    usage.Result(static_cast<int64_t>(result.bytes().size()));
    if (!Same(result.view(), source_)) usage.Wrong("a read gave other bytes");
  }

  /// One read for each region, the oldest awaited when there are enough under way.
  void Gather(const std::string& path, Usage& usage) const {
    const Array array = Open(path);
    std::vector<std::vector<std::byte>> results(job_.selections.size());
    std::vector<coffer::View> views;
    usage.Time([&] {
      std::deque<coffer::Future<void>> reading;
      for (const auto& region : job_.selections) {
        const auto transform = IndexTransform::FromSelections(job_.shape, region).OrThrow();
        const coffer::Shape shape = Part(region).shape;
        std::vector<std::byte>& bytes = results[views.size()];
        bytes.resize(static_cast<size_t>(*coffer::NumElements(shape) * job_.data_type.size()));
        views.emplace_back(bytes.data(), job_.data_type, shape);
        reading.push_back(array.ReadAsync(transform, views.back()));
        if (reading.size() < kGathered) continue;
        reading.front().Get().OrThrow();
        reading.pop_front();
      }
      for (const auto& read : reading) read.Get().OrThrow();
    });
    size_t total = 0;
    for (size_t i = 0; i < results.size(); ++i) {
      total += results[i].size();
      if (!Same(views[i], Part(job_.selections[i]))) usage.Wrong("a read gave other bytes");
    }
    usage.Result(static_cast<int64_t>(total));
  }

  static std::string LeafName(size_t number) { return "leaf_" + std::to_string(number); }

  void TreeSave(const std::string& path, Usage& usage) const {
    coffer::Tree tree = coffer::Tree::Dict();
    for (size_t i = 0; i < job_.selections.size(); ++i) {
      tree.Set(LeafName(i), coffer::Tree(Part(job_.selections[i])));
    }
    usage.Time([&] {
      coffer::checkpoint::Save(PlaceOf(job_, path, context_).store, "", tree, {.context = context_})
          .OrThrow();
    });
  }

  void TreeRestore(const std::string& path, Usage& usage) const {
    coffer::Tree tree;
    usage.Time([&] {
      tree = coffer::checkpoint::Restore(PlaceOf(job_, path, context_).store, "",
                                         {.context = context_})
                 .OrThrow();
    });
    int64_t total = 0;
    for (size_t i = 0; i < job_.selections.size(); ++i) {
      const coffer::Tree* leaf = tree.Find(LeafName(i));
      const ConstView wanted = Part(job_.selections[i]);
      total += *coffer::NumElements(wanted.shape) * wanted.data_type.size();
      if (leaf == nullptr || leaf->array().shape != wanted.shape || !Same(leaf->array(), wanted)) {
        usage.Wrong("a restored leaf has other bytes");
      }
    }
    usage.Result(total);
  }

  void TreeVerify(const std::string& path, Usage& usage) const {
    for (size_t i = 0; i < job_.selections.size(); ++i) {
      const Array array = Open(path + "/" + LeafName(i));
      const ConstView wanted = Part(job_.selections[i]);
      if (array.shape() != wanted.shape ||
          !Same(array.ReadOwned(IndexTransform::Identity(wanted.shape)).OrThrow().view(), wanted)) {
        usage.Wrong("a saved leaf holds other bytes");
      }
    }
  }

  void OpenEach(const std::string& path, Usage& usage) const {
    for (const auto& region : job_.selections) {
      coffer::OwnedArray result;
      usage.Time([&] {
        const auto transform = IndexTransform::FromSelections(job_.shape, region).OrThrow();
        result = Open(path).ReadOwned(transform).OrThrow();
      });
      if (!Same(result.view(), Part(region))) usage.Wrong("a read gave other bytes");
    }
  }

  void Update(const std::string& path, Usage& usage) const {
    const Array array = Open(path);
    for (const auto& region : job_.selections) {
      const auto transform = IndexTransform::FromSelections(job_.shape, region).OrThrow();
      usage.Time([&] { array.Write(transform, Part(region)).OrThrow(); });
    }
  }

  /// In blocks along the first dimension, so that it fits beside the source.
  void Verify(const std::string& path, Usage& usage) const {
    const Array array = Open(path);
    const int64_t step = std::max<int64_t>(array.shard_shape().value_or(array.chunk_shape())[0], 1);
    for (int64_t begin = 0; begin < job_.shape[0]; begin += step) {
      const coffer::Selection rows{
          .dim = 0, .begin = begin, .end = std::min(begin + step, job_.shape[0])};
      const auto transform =
          IndexTransform::FromSelections(job_.shape, std::span(&rows, 1)).OrThrow();
      coffer::Box box = coffer::Box::Full(job_.shape);
      box.origin[0] = begin;
      box.shape[0] = rows.end - begin;
      if (!Same(array.ReadOwned(transform).OrThrow().view(), source_.Subview(box))) {
        usage.Wrong("the array holds other bytes");
      }
    }
  }

  void Copy(const std::string& from, const std::string& to) const {
    const Array source = Open(from);
    coffer::Copy(source, Create(to)).OrThrow();
  }

  /// Runs `work(0)` to `work(count - 1)`, on some threads.
  static void InParallel(int threads, int count, const std::function<void(int)>& work) {
    std::atomic<int> next = 0;
    std::mutex mutex;
    std::exception_ptr failure;  // Guarded by mutex.
    std::vector<std::thread> pool;
    for (int t = 0; t < threads; ++t) {
      pool.emplace_back([&] {
        try {
          for (int i = next++; i < count; i = next++) work(i);
        } catch (...) {
          const std::lock_guard lock(mutex);
          failure = std::current_exception();
        }
      });
    }
    for (std::thread& thread : pool) thread.join();
    if (failure != nullptr) std::rethrow_exception(failure);
  }

  static std::vector<float> SmallValues(int number) {
    std::vector<float> values(kSmallSide * kSmallSide);
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<float>(number) + static_cast<float>(i) / 1024;
    }
    return values;
  }

  void SmallWrite(const std::string& path, int count, int first, Usage& usage) const {
    const coffer::Place place = PlaceOf(job_, path, context_);
    usage.Time([&] {
      coffer::Group::Create(place, {.context = context_}).OrThrow();
      InParallel(kSmallWriters, count, [&](int i) {
        const std::vector<float> values = SmallValues(first + i);
        const coffer::Shape shape = {kSmallSide, kSmallSide};
        const Array array =
            Array::Create(place.store, std::to_string(i) + "/", SmallLayoutOf(job_, context_))
                .OrThrow();
        array.Write(coffer::Box::Full(shape), coffer::Ref(values.data(), shape)).OrThrow();
      });
    });
  }

  void SmallRead(const std::string& path, int count, int first, Usage& usage) const {
    const coffer::Place place = PlaceOf(job_, path, context_);
    std::vector<coffer::NdArray<float>> results(static_cast<size_t>(count));
    usage.Time([&] {
      InParallel(job_.cores, count, [&](int i) {
        const Array array =
            Array::Open(place.store, std::to_string(i) + "/", {.context = context_}).OrThrow();
        results[static_cast<size_t>(i)] = array.Read<float>({}).OrThrow();
      });
    });
    usage.Result(int64_t{count} * kSmallSide * kSmallSide * static_cast<int64_t>(sizeof(float)));
    for (int i = 0; i < count; ++i) {
      const std::vector<float> wanted = SmallValues(first + i);
      if (!std::equal(wanted.begin(), wanted.end(), results[static_cast<size_t>(i)].data())) {
        usage.Wrong("a small array holds other values");
      }
    }
  }

  void List(const std::string& path, int count, Usage& usage) const {
    int seen = 0;
    usage.Time([&] {
      const coffer::Place place = PlaceOf(job_, path, context_);
      seen = static_cast<int>(coffer::ListFolder(*place.store, "").OrThrow().folders.size());
    });
    if (seen != count) usage.Wrong("a listing shows " + std::to_string(seen) + " arrays");
  }

  Job job_;
  const coffer::Context context_;
  ConstView source_;
};

}  // namespace
}  // namespace coffer_compare

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) {
    std::cerr << "usage: bench_coffer_worker JOB_FILE [BUDGET_MIB]\n";
    return 2;
  }
  try {
    const int64_t budget_bytes =
        argc == 3 ? int64_t{std::atoi(argv[2])} << 20 : coffer::ContextOptions().budget_bytes;
    coffer_compare::Worker worker(argv[1], budget_bytes);
    for (std::string line; std::getline(std::cin, line);) {
      std::cout << worker.Run(line) << std::endl;
    }
  } catch (const std::exception& error) {
    std::string text = error.what();
    for (char& c : text) c = c == '"' || c == '\\' || c == '\n' ? '\'' : c;
    std::cout << "{\"error\": \"" << text << "\"}" << std::endl;
    return 1;
  }
  return 0;
}
