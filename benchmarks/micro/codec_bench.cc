// What a codec chain costs over the bare library call: blocks of 64 KiB and 4 MiB of smooth uint16
// with four bits of noise, encoded and decoded by a chain and by the library alone with a context
// kept from call to call. The goal is less than 5 % above the library.
#include <benchmark/benchmark.h>
#include <blosc.h>
#include <libdeflate.h>
#include <zstd.h>

#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "coffer/async/buffer.h"
#include "coffer/codec/codec.h"
#include "src/base/json.h"
#include "src/codec/chain.h"
#include "src/codec/metadata.h"

namespace {

using coffer::CodecChain;
using Values = std::vector<uint16_t>;
using ByteVector = std::vector<std::byte>;

const std::string kBytes = R"({"name": "bytes", "configuration": {"endian": "little"}})";
const std::string kZstd = R"({"name": "zstd", "configuration": {"level": 1}})";
const std::string kGzip = R"({"name": "gzip", "configuration": {"level": 1}})";
const std::string kBlosc =
    R"({"name": "blosc", "configuration":
        {"cname": "lz4", "clevel": 5, "shuffle": "shuffle", "typesize": 2}})";

Values MakeValues(int64_t bytes) {
  Values values(static_cast<size_t>(bytes) / 2);
  uint64_t seed = 1;
  for (size_t i = 0; i < values.size(); ++i) {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    values[i] = static_cast<uint16_t>(i / 64 * 16 + (seed >> 60));
  }
  return values;
}

size_t SizeOf(const Values& values) { return values.size() * sizeof(uint16_t); }

coffer::BufferPool& Pool() {
  static coffer::BufferPool pool(coffer::MiB(256));
  return pool;
}

std::shared_ptr<const CodecChain> MakeChain(const std::string& codecs, int64_t bytes) {
  const coffer::CodecTable table;
  const coffer::Json list = coffer::Json::Parse("[" + codecs + "]").OrDie();
  const auto parsed = coffer::CodecsFromJson(list, "$", table).OrDie();
  const coffer::ChunkSpec chunk{coffer::DataType::kUint16, {bytes / 2}, ByteVector(2)};
  return CodecChain::Bind(parsed, chunk).OrDie();
}

void ChainEncode(benchmark::State& state, const std::string& codecs) {
  const Values values = MakeValues(state.range(0));
  const auto chain = MakeChain(codecs, state.range(0));
  const coffer::BufferPool::OperationScope operation(Pool());
  ByteVector stored(static_cast<size_t>(chain->max_encoded_size()));
  for (auto _ : state) {
    const auto size =
        chain->Encode(coffer::Ref(values.data(), chain->chunk().shape), stored, {&Pool()});
    benchmark::DoNotOptimize(*size);
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

void ChainDecode(benchmark::State& state, const std::string& codecs) {
  Values values = MakeValues(state.range(0));
  const auto chain = MakeChain(codecs, state.range(0));
  const coffer::BufferPool::OperationScope operation(Pool());
  const coffer::View view = coffer::Ref(values.data(), chain->chunk().shape);
  ByteVector stored(static_cast<size_t>(chain->max_encoded_size()));
  stored.resize(chain->Encode(view, stored, {&Pool()}).OrDie());
  for (auto _ : state) {
    if (!chain->Decode(stored, view, {&Pool()}).ok()) state.SkipWithError("decode");
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

// A library by itself, on whole buffers.
struct Library {
  size_t (*encode)(std::span<const std::byte> in, std::span<std::byte> out);
  void (*decode)(std::span<const std::byte> in, std::span<std::byte> out);
};

constexpr Library kZstdLibrary = {
    [](std::span<const std::byte> in, std::span<std::byte> out) {
      static ZSTD_CCtx* const context = ZSTD_createCCtx();
      return ZSTD_compressCCtx(context, out.data(), out.size(), in.data(), in.size(), 1);
    },
    [](std::span<const std::byte> in, std::span<std::byte> out) {
      static ZSTD_DCtx* const context = ZSTD_createDCtx();
      ZSTD_decompressDCtx(context, out.data(), out.size(), in.data(), in.size());
    }};

constexpr Library kGzipLibrary = {
    [](std::span<const std::byte> in, std::span<std::byte> out) {
      static libdeflate_compressor* const context = libdeflate_alloc_compressor(1);
      return libdeflate_gzip_compress(context, in.data(), in.size(), out.data(), out.size());
    },
    [](std::span<const std::byte> in, std::span<std::byte> out) {
      static libdeflate_decompressor* const context = libdeflate_alloc_decompressor();
      libdeflate_gzip_decompress(context, in.data(), in.size(), out.data(), out.size(), nullptr);
    }};

constexpr Library kBloscLibrary = {
    [](std::span<const std::byte> in, std::span<std::byte> out) {
      return static_cast<size_t>(blosc_compress_ctx(5, BLOSC_SHUFFLE, 2, in.size(), in.data(),
                                                    out.data(), out.size(), "lz4", 0, 1));
    },
    [](std::span<const std::byte> in, std::span<std::byte> out) {
      blosc_decompress_ctx(in.data(), out.data(), out.size(), 1);
    }};

constexpr Library kCopyLibrary = {[](std::span<const std::byte> in, std::span<std::byte> out) {
                                    std::memcpy(out.data(), in.data(), in.size());
                                    benchmark::ClobberMemory();
                                    return in.size();
                                  },
                                  [](std::span<const std::byte> in, std::span<std::byte> out) {
                                    std::memcpy(out.data(), in.data(), out.size());
                                    benchmark::ClobberMemory();
                                  }};

void LibraryEncode(benchmark::State& state, const Library& library) {
  const Values values = MakeValues(state.range(0));
  ByteVector stored(2 * SizeOf(values) + 1024);
  for (auto _ : state) {
    benchmark::DoNotOptimize(library.encode(std::as_bytes(std::span(values)), stored));
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

void LibraryDecode(benchmark::State& state, const Library& library) {
  Values values = MakeValues(state.range(0));
  ByteVector stored(2 * SizeOf(values) + 1024);
  stored.resize(library.encode(std::as_bytes(std::span(values)), stored));
  for (auto _ : state) library.decode(stored, std::as_writable_bytes(std::span(values)));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

void Register(const std::string& name, const std::string& codecs, const Library& library) {
  const auto add = [&name](const char* what, auto function) {
    benchmark::RegisterBenchmark((name + what).c_str(), function)->Arg(64 << 10)->Arg(4 << 20);
  };
  add("/encode/library", [library](benchmark::State& s) { LibraryEncode(s, library); });
  add("/encode/chain", [codecs](benchmark::State& s) { ChainEncode(s, codecs); });
  add("/decode/library", [library](benchmark::State& s) { LibraryDecode(s, library); });
  add("/decode/chain", [codecs](benchmark::State& s) { ChainDecode(s, codecs); });
}

}  // namespace

int main(int argc, char** argv) {
  Register("none", kBytes, kCopyLibrary);
  Register("none+crc32c", kBytes + ", \"crc32c\"", kCopyLibrary);
  Register("zstd:1", kBytes + ", " + kZstd, kZstdLibrary);
  Register("zstd:1+crc32c", kBytes + ", " + kZstd + ", \"crc32c\"", kZstdLibrary);
  Register("gzip:1", kBytes + ", " + kGzip, kGzipLibrary);
  Register("blosc:lz4:5", kBytes + ", " + kBlosc, kBloscLibrary);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
