// One small piece of coffer's work at a time, for check.py to count its instructions.
//
//     bench_instructions --list       the names, one a line
//     bench_instructions --about      what the counts depend on, "key: value" a line
//     bench_instructions NAME         does that piece of work
//
//  1. What a piece needs is set up: from fixed seeds, in memory where that can be, in a context in
//     which everything happens on this thread, in one order.
//  2. It is done once, so that what is made at first use is there and pools are filled.
//  3. It is done again inside coffer_measured(): callgrind counts that call alone. Pieces that must
//     find nothing in a cache take a fresh context each time.
// No step depends on time.
#include <blosc.h>
#include <gnu/libc-version.h>
#include <libdeflate.h>
#include <zstd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "coffer/array/array.h"
#include "coffer/async/future.h"
#include "coffer/kvstore/stores.h"
#include "coffer/nd/index_transform.h"
#include "drivers/zarr3/metadata.h"
#include "src/base/crc32c.h"
#include "src/base/json.h"
#include "src/codec/shard_layout.h"
#include "src/nd/copy.h"
#include "tests/support/codecs.h"
#include "tests/support/one_thread.h"
#include "tests/support/temp_dir.h"

namespace {

using coffer::Array;
using coffer::Box;
using coffer::ConstView;
using coffer::Context;
using coffer::CreateOptions;
using coffer::DataType;
using coffer::IndexTransform;
using coffer::Json;
using coffer::KvStorePtr;
using coffer::Shape;
using coffer::View;
using coffer::testing::ByteVector;
using coffer::testing::OneThreadContext;
using coffer::testing::Scratch;

using Body = std::function<void()>;
using Values = std::vector<uint16_t>;

struct Benchmark {
  std::string name;
  std::function<Body()> set_up;
};

// Smooth, with four bits of noise.
Values MakeValues(int64_t count) {
  Values values(static_cast<size_t>(count));
  uint64_t seed = 1;
  for (size_t i = 0; i < values.size(); ++i) {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    values[i] = static_cast<uint16_t>(i / 64 * 16 + (seed >> 60));
  }
  return values;
}

// Memory for a value that bodies, which are copied, share.
template <class T>
std::shared_ptr<T> Shared(T value) {
  return std::make_shared<T>(std::move(value));
}

// Copies between views.

// 2^16 elements in rows of `length`, out of rows 32 elements longer.
Body CopyRows(int64_t length) {
  const int64_t rows = (1 << 16) / length;
  const auto source = Shared(MakeValues(rows * (length + 32)));
  const auto destination = Shared(Values(1 << 16));
  return [=] {
    ConstView from = coffer::Ref(std::as_const(*source).data(), {rows, length});
    from.strides[0] = (length + 32) * 2;
    coffer::CopyView(from, coffer::Ref(destination->data(), {rows, length}));
  };
}

Body Copy(const Shape& shape, bool transposed, void (*copy)(const ConstView&, const View&)) {
  const int64_t count = *coffer::NumElements(shape);
  const auto source = Shared(MakeValues(count));
  const auto destination = Shared(Values(static_cast<size_t>(count)));
  std::vector<int> order;
  for (int d = 0; d < shape.rank(); ++d) order.push_back(transposed ? shape.rank() - 1 - d : d);
  return [=] {
    const ConstView from = coffer::Ref(std::as_const(*source).data(), shape).Transposed(order);
    copy(from, coffer::Ref(destination->data(), from.shape));
  };
}

void AddCopies(std::vector<Benchmark>& all) {
  all.push_back({"copy/rows_of_1", [] { return CopyRows(1); }});
  all.push_back({"copy/rows_of_4", [] { return CopyRows(4); }});
  all.push_back({"copy/rows_of_64", [] { return CopyRows(64); }});
  all.push_back({"copy/transpose_2d", [] { return Copy({256, 256}, true, coffer::CopyView); }});
  all.push_back({"copy/transpose_3d", [] { return Copy({40, 40, 40}, true, coffer::CopyView); }});
  all.push_back({"copy/same_layout", [] { return Copy({256, 256}, false, coffer::CopyView); }});
  all.push_back({"copy/swap", [] { return Copy({256, 256}, false, coffer::CopyViewSwapped); }});
}

// Checksums and codecs.

Body Checksum() {
  const auto values = Shared(MakeValues(32 << 10));
  return [=] {
    if (coffer::Crc32c(std::as_bytes(std::span(*values))) == 0) std::abort();
  };
}

const Shape kCodecChunk = {32, 32, 32};

std::shared_ptr<const coffer::CodecChain> MakeChain(const std::string& compressor) {
  const std::string bytes = R"({"name": "bytes", "configuration": {"endian": "little"}})";
  return coffer::testing::Bind("[" + bytes + compressor + "]",
                               coffer::testing::ChunkOf<uint16_t>(kCodecChunk))
      .OrDie();
}

Body Encode(const std::string& compressor) {
  const auto chain = MakeChain(compressor);
  const auto values = Shared(MakeValues(*coffer::NumElements(kCodecChunk)));
  const auto stored = Shared(ByteVector(static_cast<size_t>(chain->max_encoded_size())));
  return
      [=] { chain->Encode(coffer::Ref(values->data(), kCodecChunk), *stored, Scratch()).OrDie(); };
}

Body Decode(const std::string& compressor) {
  const auto chain = MakeChain(compressor);
  const auto values = Shared(MakeValues(*coffer::NumElements(kCodecChunk)));
  const View view = coffer::Ref(values->data(), kCodecChunk);
  const auto stored = Shared(coffer::testing::Encode(*chain, view));
  return [values, view, chain, stored] { chain->Decode(*stored, view, Scratch()).OrDie(); };
}

void AddCodecs(std::vector<Benchmark>& all) {
  all.push_back({"crc32c/64_kib", Checksum});
  const std::pair<const char*, const char*> codecs[] = {
      {"bytes", ""},
      {"zstd", R"(, {"name": "zstd", "configuration": {"level": 1}})"},
      {"blosc", R"(, {"name": "blosc", "configuration":
                    {"cname": "lz4", "clevel": 5, "shuffle": "shuffle", "typesize": 2}})"},
      {"gzip", R"(, {"name": "gzip", "configuration": {"level": 1}})"}};
  for (const auto& [name, compressor] : codecs) {
    const std::string text = compressor;
    all.push_back({std::string("encode/") + name, [text] { return Encode(text); }});
    all.push_back({std::string("decode/") + name, [text] { return Decode(text); }});
  }
}

// Documents, indexes, transforms.

CreateOptions Sharded(const Shape& shape, const Shape& chunk, const Shape& shard) {
  return {.shape = shape,
          .data_type = DataType::kUint16,
          .chunk_shape = chunk,
          .shard_shape = shard,
          .codec = coffer::Zstd(1)};
}

CreateOptions Documented() {
  CreateOptions options = Sharded({1024, 1024, 1024}, {32, 32, 32}, {256, 256, 256});
  options.attributes = R"({"made_by": "a microscope", "voxel_size": [0.5, 0.25, 0.25], "id": 17})";
  options.format.dimension_names = {"z", "y", "x"};
  return options;
}

Body ParseMetadata() {
  const std::string text = coffer::zarr3::ArrayToJson(Documented()).OrDie().Dump(2);
  return [=] {
    const Json document = Json::ParseNonFinite(text).OrDie();
    coffer::zarr3::ArrayFromJson(document, coffer::testing::Codecs()).OrDie();
  };
}

Body WriteMetadata() {
  const CreateOptions options = Documented();
  return [=] {
    if (coffer::zarr3::ArrayToJson(options).OrDie().Dump(2).empty()) std::abort();
  };
}

Body ParseIndex() {
  const auto chain = coffer::testing::Bind(
                         R"([{"name": "sharding_indexed", "configuration": {"chunk_shape": [1, 1],
                              "codecs": ["bytes"], "index_location": "end", "index_codecs": [
                              {"name": "bytes", "configuration": {"endian": "little"}},
                              "crc32c"]}}])",
                         coffer::testing::ChunkOf<uint8_t>({100, 100}))
                         .OrDie();
  const coffer::ShardLayout& layout = *chain->shard_layout();
  coffer::ShardIndex index;
  for (int64_t n = 0; n < layout.num_entries(); ++n) index.push_back({static_cast<uint64_t>(n), 1});
  const coffer::Bytes encoded = layout.EncodeIndex(index, Scratch()).OrDie();
  const int64_t shard_size = layout.num_entries() + layout.index_size();
  return [=] { chain->shard_layout()->ParseIndex(encoded, shard_size, Scratch()).OrDie(); };
}

Body Select() {
  return [] {
    const coffer::Selection selections[] = {{.dim = 0, .at = 100},
                                            {.dim = 2, .begin = 5, .end = 1000, .step = 3}};
    IndexTransform::FromSelections({1024, 1024, 1024, 3}, selections).OrDie();
  };
}

Body ParseRegion() {
  return [] { IndexTransform::Parse({1024, 1024, 1024, 3}, "0:10,5:20:2,100,:").OrDie(); };
}

Body Compose() {
  const IndexTransform all = IndexTransform::Identity({1024, 1024, 1024});
  return [all] {
    const IndexTransform turned = all.Transpose(std::vector<int>{2, 0, 1}).OrDie();
    const IndexTransform part =
        turned.Reverse(1).OrDie().Subview({{8, 8, 8}, {99, 99, 99}}).OrDie();
    const Box cell{part.StoredBounds().origin, {32, 32, 32}};
    if (coffer::Intersect(part, cell).view_box.empty()) std::abort();
  };
}

void AddDocuments(std::vector<Benchmark>& all) {
  all.push_back({"metadata/parse", ParseMetadata});
  all.push_back({"metadata/write", WriteMetadata});
  all.push_back({"shard/parse_index", ParseIndex});
  all.push_back({"transform/selections", Select});
  all.push_back({"transform/parse", ParseRegion});
  all.push_back({"transform/compose", Compose});
}

// Arrays in a memory store.

// An array full of values, in a store of its own.
struct Stored {
  Context context = OneThreadContext();
  KvStorePtr store = coffer::MakeMemoryStore(context);
  std::shared_ptr<Values> values;
  Array array;

  explicit Stored(CreateOptions options)
      : values(Shared(MakeValues(*coffer::NumElements(options.shape)))),
        array(Create(std::move(options))) {
    array.Write(Box::Full(array.shape()), view()).OrDie();
  }
  View view() const { return coffer::Ref(values->data(), array.shape()); }
  /// The same array, whose documents, chunks and indexes no cache of its context has.
  Array OpenAnew() const {
    return Array::Open(store, "a/", {.context = OneThreadContext()}).OrDie();
  }

 private:
  Array Create(CreateOptions options) {
    options.context = context;
    return Array::Create(store, "a/", options).OrDie();
  }
};

CreateOptions Chunked() {
  return {.shape = {64, 64, 64},
          .data_type = DataType::kUint16,
          .chunk_shape = {16, 16, 16},
          .codec = coffer::Uncompressed(),
          .format = {.checksum = false}};
}
CreateOptions OneLargeChunk() {
  return {.shape = {128, 128, 128},
          .data_type = DataType::kUint16,
          .chunk_shape = {128, 128, 128},
          .codec = coffer::Zstd(1),
          .format = {.checksum = false}};
}
CreateOptions OneShard() { return Sharded({64, 64, 64}, {16, 16, 16}, {64, 64, 64}); }

Body Open() {
  const auto stored = Shared(Stored(OneShard()));
  // Contexts are made beforehand: for the first call and for the one that counts.
  const auto contexts = Shared(std::vector<Context>{OneThreadContext(), OneThreadContext()});
  return [=] {
    Array::Open(stored->store, "a/", {.context = contexts->back()}).OrDie();
    contexts->pop_back();
  };
}

Body OpenAgain() {
  const auto stored = Shared(Stored(OneShard()));
  const Context context = OneThreadContext();
  return [=] { Array::Open(stored->store, "a/", {.context = context}).OrDie(); };
}

Body ReadBox(const CreateOptions& options, const Box& box) {
  const auto stored = Shared(Stored(options));
  return [=] { stored->array.Read(box, stored->view().Subview(box)).OrDie(); };
}

Body ReadInnerCold() {
  const auto stored = Shared(Stored(OneShard()));
  const auto arrays = Shared(std::vector<Array>{stored->OpenAnew(), stored->OpenAnew()});
  return [=] {
    const Box box = Box::FromSize({16, 16, 16}, {16, 16, 16});
    arrays->back().Read(box, stored->view().Subview(box)).OrDie();
    arrays->pop_back();
  };
}

Body WriteBox(const CreateOptions& options, const Box& box) {
  const auto stored = Shared(Stored(options));
  return [=] { stored->array.Write(box, stored->view().Subview(box)).OrDie(); };
}

void AddArrays(std::vector<Benchmark>& all) {
  const Box whole = Box::Full({64, 64, 64});
  const Box inner = Box::FromSize({16, 16, 16}, {16, 16, 16});
  const Box part = Box::FromSize({8, 8, 8}, {20, 20, 20});
  const Box element = Box::FromSize({20, 20, 20}, {1, 1, 1});
  all.push_back({"array/open", Open});
  all.push_back({"array/open_again", OpenAgain});
  all.push_back({"array/read_element", [=] { return ReadBox(OneShard(), element); }});
  all.push_back({"array/read_inner_cold", ReadInnerCold});
  all.push_back({"array/read_inner_warm", [=] { return ReadBox(OneShard(), inner); }});
  const Box plane = Box::FromSize({3, 0, 0}, {1, 128, 128});
  all.push_back({"array/read_early_plane", [=] { return ReadBox(OneLargeChunk(), plane); }});
  all.push_back({"array/read_64_chunks", [=] { return ReadBox(Chunked(), whole); }});
  all.push_back({"array/write_64_chunks", [=] { return WriteBox(Chunked(), whole); }});
  all.push_back({"array/update_shard", [=] { return WriteBox(OneShard(), part); }});
}

// Stores and futures.

Body ListFolder() {
  const KvStorePtr store = coffer::MakeMemoryStore(OneThreadContext());
  for (int n = 0; n < 1000; ++n) {
    const std::string key = "folder/" + std::to_string(n);
    store->Write(key, coffer::Bytes::Copy("value")).Get().OrDie();
  }
  return [=] {
    if (coffer::ListFolder(*store, "folder/").OrDie().keys.size() != 1000) std::abort();
  };
}

Body ReadFile() {
  const auto directory = std::make_shared<coffer::TempDir>();
  const KvStorePtr store = coffer::MakeFileStore(directory->path(), {}, OneThreadContext()).OrDie();
  store->Write("value", coffer::Bytes::Take(ByteVector(4096))).Get().OrDie();
  return [directory, store] {
    if (store->Read("value").Get().OrDie().value.size() != 4096) std::abort();
  };
}

Body ChainFutures() {
  const Context context = OneThreadContext();
  return [=] {
    const coffer::Promise<int> first(context.shared_executor());
    coffer::Future<int> last = first.future();
    for (int n = 0; n < 1000; ++n) {
      last = last.Then([](const coffer::Result<int>& value) { return value.value() + 1; });
    }
    first.Set(0);
    if (last.Get().value() != 1000) std::abort();
  };
}

std::vector<Benchmark> AllBenchmarks() {
  std::vector<Benchmark> all;
  AddCopies(all);
  AddCodecs(all);
  AddDocuments(all);
  AddArrays(all);
  all.push_back({"store/list_1000_keys", ListFolder});
  all.push_back({"store/read_file_4_kib", ReadFile});
  all.push_back({"future/chain_1000", ChainFutures});
  return all;
}

void PrintAbout() {
#ifdef __clang__
  std::puts("compiler: clang " __clang_version__);
#else
  std::puts("compiler: g++ " __VERSION__);
#endif
  std::printf("glibc: %s\n", gnu_get_libc_version());
  std::puts("zstd: " ZSTD_VERSION_STRING);
  std::puts("blosc: " BLOSC_VERSION_STRING);
  std::puts("libdeflate: " LIBDEFLATE_VERSION_STRING);
  // As valgrind shows it, which knows no wider vectors.
  std::printf("cpu: %s\n", __builtin_cpu_supports("avx2") ? "AVX2" : "no AVX2");
}

}  // namespace

// Found by its name. Something follows the call, or it would become a jump that never returns here.
extern "C" [[gnu::noinline]] void coffer_measured(const Body& body) {
  body();
  asm volatile("" ::: "memory");
}

int main(int argc, char** argv) {
  const std::string wanted = argc == 2 ? argv[1] : "";
  if (wanted == "--about") {
    PrintAbout();
    return 0;
  }
  for (const Benchmark& benchmark : AllBenchmarks()) {
    if (wanted == "--list") std::puts(benchmark.name.c_str());
    if (wanted != benchmark.name) continue;
    const Body body = benchmark.set_up();
    body();
    coffer_measured(body);
    return 0;
  }
  if (wanted == "--list") return 0;
  std::fprintf(stderr, "usage: bench_instructions --list | --about | NAME\n");
  return 2;
}
