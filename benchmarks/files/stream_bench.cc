// What the file store's ways to write cost: streams through the page cache and past it, and values
// with and without room asked for beforehand. All durable: fsync is part of the time.
// Names: <what>/<MiB of a value>. The folder is $COFFER_BENCH_DIR, or the current one.
#include <benchmark/benchmark.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "kvstore/file/file.h"
#include "src/base/platform_file.h"

namespace coffer {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;
constexpr int64_t kTotal = 256 * kMiB;

/// As on a file system that cannot give room beforehand.
class NoRoom final : public SystemFileOps {
 public:
  int Preallocate(int, int64_t, int64_t) override { return -EOPNOTSUPP; }
};

SystemFileOps& OpsOf(bool room) {
  static NoRoom& without = *new NoRoom();
  return room ? SystemFileOps::Get() : without;
}

std::string Root() {
  const char* const folder = std::getenv("COFFER_BENCH_DIR");
  return std::string(folder != nullptr ? folder : ".") + "/coffer_bench_files";
}

void Streams(benchmark::State& state, bool direct, bool room) {
  const int64_t size = state.range(0) * kMiB;
  const std::vector<std::byte> piece(kMiB, std::byte{7});
  const KvStorePtr store =
      MakeFileStore(Root(), {.direct_streams = direct}, Context::Default(), OpsOf(room)).OrDie();
  for (auto _ : state) {
    for (int64_t done = 0; done < kTotal; done += size) {
      const auto writer = store->OpenWriter("k" + std::to_string(done)).OrDie();
      for (int64_t at = 0; at < size; at += kMiB) {
        if (!writer->Append(piece).ok()) return state.SkipWithError("append");
      }
      if (!writer->Commit().Get().ok()) return state.SkipWithError("commit");
    }
  }
  state.SetBytesProcessed(state.iterations() * kTotal);
  std::filesystem::remove_all(Root());
}

void Values(benchmark::State& state, bool room) {
  const int64_t size = state.range(0) * kMiB;
  const Bytes value = Bytes::Take(std::vector<std::byte>(static_cast<size_t>(size), std::byte{7}));
  const KvStorePtr store = MakeFileStore(Root(), {}, Context::Default(), OpsOf(room)).OrDie();
  for (auto _ : state) {
    std::vector<Future<WriteResult>> writes;
    for (int64_t done = 0; done < kTotal; done += size) {
      writes.push_back(store->Write("k" + std::to_string(done), value));
    }
    for (const Future<WriteResult>& write : writes) {
      if (!write.Get().ok()) return state.SkipWithError("write");
    }
  }
  state.SetBytesProcessed(state.iterations() * kTotal);
  std::filesystem::remove_all(Root());
}

BENCHMARK_CAPTURE(Streams, cached, false, true)
    ->Arg(16)
    ->Arg(256)
    ->UseRealTime()
    ->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(Streams, cached_no_room, false, false)
    ->Arg(16)
    ->Arg(256)
    ->UseRealTime()
    ->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(Streams, direct, true, true)
    ->Arg(16)
    ->Arg(256)
    ->UseRealTime()
    ->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(Streams, direct_no_room, true, false)
    ->Arg(16)
    ->Arg(256)
    ->UseRealTime()
    ->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(Values, room, true)
    ->Arg(1)
    ->Arg(4)
    ->Arg(32)
    ->UseRealTime()
    ->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(Values, no_room, false)
    ->Arg(1)
    ->Arg(4)
    ->Arg(32)
    ->UseRealTime()
    ->MeasureProcessCPUTime();

}  // namespace
}  // namespace coffer

BENCHMARK_MAIN();
