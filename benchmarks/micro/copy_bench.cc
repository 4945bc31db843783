// How fast views are copied, in bytes of payload a second, beside memcpy of as many bytes.
// Names: <what>/<element bytes>/<extent>. Sizes within the L2 cache and far beyond the last level.
#include <benchmark/benchmark.h>

#include <cstring>
#include <vector>

#include "src/nd/copy.h"

namespace coffer {
namespace {

DataType TypeOf(int64_t size) {
  return size == 1   ? DataType::kUint8
         : size == 2 ? DataType::kUint16
         : size == 4 ? DataType::kFloat32
         : size == 8 ? DataType::kFloat64
                     : DataType::kComplex128;
}

struct Pair {
  std::vector<std::byte> source, destination;
  explicit Pair(int64_t bytes)
      : source(static_cast<size_t>(bytes), std::byte{1}),
        destination(static_cast<size_t>(bytes), std::byte{2}) {}
};

void Count(benchmark::State& state, int64_t bytes) {
  state.SetBytesProcessed(state.iterations() * bytes);
}

void BM_Memcpy(benchmark::State& state) {
  const int64_t bytes = state.range(0) * state.range(1) * state.range(1);
  Pair pair(bytes);
  for (auto _ : state) {
    std::memcpy(pair.destination.data(), pair.source.data(), static_cast<size_t>(bytes));
    benchmark::ClobberMemory();
  }
  Count(state, bytes);
}

void BM_Transpose(benchmark::State& state) {
  const int64_t size = state.range(0), n = state.range(1);
  Pair pair(size * n * n);
  const Shape shape = {n, n};
  ConstView source(pair.source.data(), TypeOf(size), shape);
  source.strides = {size, size * n};
  const View destination(pair.destination.data(), TypeOf(size), shape);
  for (auto _ : state) {
    CopyView(source, destination);
    benchmark::ClobberMemory();
  }
  Count(state, size * n * n);
}

void BM_Swap(benchmark::State& state) {
  const int64_t size = state.range(0), n = state.range(1);
  Pair pair(size * n * n);
  const ConstView source(pair.source.data(), TypeOf(size), {n, n});
  const View destination(pair.destination.data(), TypeOf(size), {n, n});
  for (auto _ : state) {
    CopyViewSwapped(source, destination);
    benchmark::ClobberMemory();
  }
  Count(state, size * n * n);
}

// Rows of range(1) bytes out of a wider array into a dense one: a box read out of a chunk.
void BM_Rows(benchmark::State& state) {
  const int64_t bytes = state.range(1), rows = (int64_t{1} << 18) / bytes;
  Pair pair(rows * (bytes + 64));
  const DataType type = TypeOf(state.range(0));
  ConstView source(pair.source.data(), type, {rows, bytes / type.size()});
  source.strides[0] = bytes + 64;
  const View destination(pair.destination.data(), type, source.shape);
  for (auto _ : state) {
    CopyView(source, destination);
    benchmark::ClobberMemory();
  }
  Count(state, rows * bytes);
}

void BM_MemcpyRows(benchmark::State& state) {
  const int64_t bytes = state.range(1), rows = (int64_t{1} << 18) / bytes;
  Pair pair(rows * (bytes + 64));
  for (auto _ : state) {
    for (int64_t row = 0; row < rows; ++row) {
      std::memcpy(pair.destination.data() + row * bytes, pair.source.data() + row * (bytes + 64),
                  static_cast<size_t>(bytes));
    }
    benchmark::ClobberMemory();
  }
  Count(state, rows * bytes);
}

void BM_EverySecond(benchmark::State& state) {
  const int64_t size = state.range(0), n = state.range(1);
  Pair pair(2 * size * n * n);
  ConstView source(pair.source.data(), TypeOf(size), {n * n});
  source.strides[0] = 2 * size;
  const View destination(pair.destination.data(), TypeOf(size), source.shape);
  for (auto _ : state) {
    CopyView(source, destination);
    benchmark::ClobberMemory();
  }
  Count(state, size * n * n);
}

void BM_Fill(benchmark::State& state) {
  const int64_t size = state.range(0), n = state.range(1);
  Pair pair(size * n * n);
  const View destination(pair.destination.data(), TypeOf(size), {n, n});
  std::vector<std::byte> element(static_cast<size_t>(size));
  element[0] = std::byte{1};
  for (auto _ : state) {
    FillView(destination, element);
    benchmark::ClobberMemory();
  }
  Count(state, size * n * n);
}

void BM_AllEqual(benchmark::State& state) {
  const int64_t size = state.range(0), n = state.range(1);
  Pair pair(size * n * n);
  const std::vector<std::byte> element(static_cast<size_t>(size), std::byte{1});
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        AllEqual(ConstView(pair.source.data(), TypeOf(size), {n, n}), element));
  }
  Count(state, size * n * n);
}

// What a call costs before the first byte moves.
void BM_OneElement(benchmark::State& state) {
  Pair pair(8);
  const ConstView source(pair.source.data(), DataType::kFloat64, {1, 1, 1});
  const View destination(pair.destination.data(), DataType::kFloat64, {1, 1, 1});
  for (auto _ : state) {
    CopyView(source, destination);
    benchmark::ClobberMemory();
  }
}

BENCHMARK(BM_OneElement);
BENCHMARK(BM_Memcpy)->ArgsProduct({{2}, {256, 4096}});
BENCHMARK(BM_Transpose)->ArgsProduct({{1, 2, 4, 8, 16}, {256, 4096}});
BENCHMARK(BM_Swap)->ArgsProduct({{2, 4, 8}, {256, 4096}});
BENCHMARK(BM_EverySecond)->ArgsProduct({{2, 4}, {256, 4096}});
BENCHMARK(BM_Fill)->ArgsProduct({{1, 2, 4}, {256, 4096}});
BENCHMARK(BM_AllEqual)->ArgsProduct({{2, 4}, {256, 4096}});
BENCHMARK(BM_Rows)->ArgsProduct({{2}, {16, 32, 64, 128, 256, 1024}});
BENCHMARK(BM_MemcpyRows)->ArgsProduct({{2}, {16, 32, 64, 128, 256, 1024}});

}  // namespace
}  // namespace coffer

BENCHMARK_MAIN();
