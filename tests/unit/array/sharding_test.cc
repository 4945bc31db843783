// Goal: arrays of shards of every legal form are read, written, changed in part, verified and kept
// within what they say that they need; shards that other writers laid out strangely are read, and
// what would be unsafe is refused by name.
// Method: random writes held against a plain array in memory, for each form of shard; shards
// assembled by hand; traces of what is asked of the store; the pool's peak.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <optional>
#include <ostream>
#include <thread>

#include "coffer/array/array.h"
#include "coffer/array/driver.h"
#include "coffer/array/repair.h"
#include "coffer/array/verify.h"
#include "coffer/kvstore/adapters.h"
#include "coffer/kvstore/stores.h"
#include "src/codec/shard_layout.h"
#include "tests/support/codecs.h"
#include "tests/support/peak_bytes.h"
#include "tests/support/soak.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/array/forwarding_store.h"
#include "tests/unit/array/model.h"

namespace coffer {
namespace {

using testing::kMemoryIsAsWithoutSanitizers;
using testing::Later;
using testing::ModelArray;
using testing::NewStore;
using testing::PeakBytes;
using testing::RandomBytes;
using testing::RandomTransform;
using testing::Scratch;
using testing::ViewOf;

const char kBytes[] = R"({"name": "bytes", "configuration": {"endian": "little"}}, "crc32c")";
const char kZstd[] = R"({"name": "bytes", "configuration": {"endian": "little"}},
                        {"name": "zstd", "configuration": {"level": 1}}, "crc32c")";
const char kIndex[] = R"([{"name": "bytes", "configuration": {"endian": "little"}}, "crc32c"])";

std::string Sharding(const std::string& chunk, const std::string& codecs,
                     const std::string& location = "end", const std::string& index = kIndex) {
  return R"({"name": "sharding_indexed", "configuration": {"chunk_shape": )" + chunk +
         R"(, "codecs": [)" + codecs + R"(], "index_codecs": )" + index +
         R"(, "index_location": ")" + location + R"("}})";
}
std::string Transpose(const std::string& order) {
  return R"({"name": "transpose", "configuration": {"order": )" + order + "}}";
}

/// An array whose write chunks, of 8 x 6 x 4, are laid out by these codecs.
CreateOptions Form(const std::string& codecs, const Shape& shape = {11, 13, 7}) {
  CreateOptions options{.shape = shape, .data_type = DataType::kUint16, .chunk_shape = {8, 6, 4}};
  options.format.codecs = "[" + codecs + "]";
  options.format.fill_value = "3";
  return options;
}

struct ShardForm {
  const char* name;
  std::string codecs;
  Shape chunk_shape;  // As the array shows it.

  friend void PrintTo(const ShardForm& form, std::ostream* out) { *out << form.name; }
};

std::vector<ShardForm> Forms() {
  const std::string big =
      R"([{"name": "transpose", "configuration": {"order": [3, 1, 0, 2]}},
          {"name": "bytes", "configuration": {"endian": "big"}}])";
  const Shape whole = {8, 6, 4};
  return {
      {"IndexAtTheEnd", Sharding("[4, 3, 2]", kZstd), {4, 3, 2}},
      {"IndexAtTheStart", Sharding("[4, 3, 2]", kZstd, "start"), {4, 3, 2}},
      {"OddIndexCodecs", Sharding("[2, 3, 4]", kBytes, "start", big), {2, 3, 4}},
      {"Nested", Sharding("[4, 6, 2]", Sharding("[2, 3, 1]", kZstd)), {4, 6, 2}},
      {"NestedTwice",
       Sharding("[4, 6, 4]", Sharding("[4, 3, 2]", Sharding("[1, 3, 1]", kBytes, "start")),
                "start"),
       {4, 6, 4}},
      {"TransposedInside", Sharding("[4, 3, 2]", Transpose("[2, 0, 1]") + ", " + kZstd), {4, 3, 2}},
      // The shard is 4 x 8 x 6 for the sharding codec, and its inner chunks 2 x 4 x 3.
      {"TransposedBefore", Transpose("[2, 0, 1]") + ", " + Sharding("[2, 4, 3]", kZstd), {4, 3, 2}},
      {"TransposedTwiceBefore",
       Transpose("[1, 2, 0]") + ", " + Transpose("[0, 2, 1]") + ", " +
           Sharding("[3, 2, 1]", Transpose("[1, 0, 2]") + ", " + kZstd, "start", big),
       {2, 3, 1}},
      {"TransposedNested",
       Transpose("[2, 1, 0]") + ", " + Sharding("[2, 3, 8]", Sharding("[1, 3, 4]", kZstd)),
       {8, 3, 2}},
      {"CodecsAfterwards",
       Sharding("[4, 3, 2]", kBytes) + R"(, {"name": "gzip", "configuration": {"level": 1}})",
       whole},
      {"ChecksumAfterwards", Sharding("[4, 3, 2]", kZstd) + ", \"crc32c\"", whole},
  };
}

class Sharded : public ::testing::TestWithParam<ShardForm> {};
INSTANTIATE_TEST_SUITE_P(Forms, Sharded, ::testing::ValuesIn(Forms()),
                         [](const auto& form) { return form.param.name; });

void RunSequence(uint64_t seed, const ShardForm& form, const KvStorePtr& store) {
  SCOPED_TRACE("seed=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  CreateOptions options = Form(form.codecs);
  options.format.delete_existing = true;
  Array array = Array::Create(store, "a/", options).OrDie();
  const std::byte three[] = {std::byte{3}, std::byte{0}};
  ModelArray model(options.data_type, options.shape, {three, three + 2});
  for (int step = 0; step < 10; ++step) {
    const IndexTransform transform = RandomTransform(array.shape(), random);
    if (random() % 6 == 0) {
      Shape shape;
      for (int64_t extent : options.shape) {
        shape.push_back(static_cast<int64_t>(random() % static_cast<uint64_t>(extent + 4)));
      }
      array.Resize(shape).OrDie();
      model.Resize(shape);
      continue;
    }
    const auto size = static_cast<size_t>(*NumElements(transform.view_shape()) * 2);
    std::vector<std::byte> bytes = RandomBytes(size, random);
    if (random() % 4 == 0) {
      for (size_t i = 0; i < size; ++i) bytes[i] = three[i % 2];
    }
    array.Write(transform, ViewOf(bytes, options.data_type, transform.view_shape())).OrDie();
    model.Write(transform, bytes);
    for (const IndexTransform& reads :
         {IndexTransform::Identity(array.shape()), RandomTransform(array.shape(), random)}) {
      const OwnedArray read = array.ReadOwned(reads).OrDie();
      const std::vector<std::byte> expected = model.Read(reads);
      ASSERT_TRUE(
          std::equal(expected.begin(), expected.end(), read.bytes().begin(), read.bytes().end()));
    }
  }
  EXPECT_EQ(VerifyArray(array, {.deep = true}).OrDie().num_findings, 0);
}

TEST_P(Sharded, DoesWhatAPlainArrayDoes) {
  for (uint64_t seed = 1; seed <= Soaked(12); ++seed) {
    ASSERT_NO_FATAL_FAILURE(RunSequence(seed, GetParam(), NewStore()));
    ASSERT_NO_FATAL_FAILURE(RunSequence(seed, GetParam(), Later(NewStore())));
  }
}

// What the planners put together inner chunk by inner chunk is what the codec makes of the whole.
TEST_P(Sharded, TheCodecAloneReadsTheSame) {
  const KvStorePtr store = NewStore();
  const Array array = Array::Create(store, "", Form(GetParam().codecs, {8, 6, 4})).OrDie();
  std::vector<uint16_t> values(192);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<uint16_t>(i);
  array.Write(Box::Full({8, 6, 4}), Ref(values.data(), {8, 6, 4})).OrDie();
  const uint16_t changed = 999;
  array.Write(Box::FromSize({3, 4, 1}, {1, 1, 1}), Ref(&changed, {1, 1, 1})).OrDie();
  values[3 * 24 + 4 * 4 + 1] = changed;
  const Bytes stored = store->Read("c/0/0/0", {}).Get().OrDie().value;
  std::vector<uint16_t> decoded(192);
  const CodecChain& chain = *array.stored()->chain;
  chain.Decode(stored, Ref(decoded.data(), {8, 6, 4}), Scratch()).OrDie();
  EXPECT_EQ(decoded, values);
  // And the other way round.
  std::vector<std::byte> encoded(static_cast<size_t>(chain.max_encoded_size()));
  for (uint16_t& value : decoded) value = static_cast<uint16_t>(value + 1);
  encoded.resize(chain.Encode(Ref(decoded.data(), {8, 6, 4}), encoded, Scratch()).OrDie());
  store->Write("c/0/0/0", Bytes::Copy(AsText(encoded))).Get().OrDie();
  const NdArray<uint16_t> read = array.Read<uint16_t>({}).OrDie();
  EXPECT_TRUE(std::equal(decoded.begin(), decoded.end(), read.values().begin()));
}

TEST_P(Sharded, OneChunkIsReadByItselfWhereItCanBe) {
  const ShardForm& form = GetParam();
  const KvStorePtr base = NewStore();
  std::atomic<int64_t> bytes_read = 0;
  const KvStorePtr store = MakeTraceStore(base, [&](const TraceEvent& event) {
    if (event.key.starts_with("c/")) bytes_read += event.bytes;
  });
  const Array array = Array::Create(store, "", Form(form.codecs, {8, 6, 4})).OrDie();
  std::vector<uint16_t> values(192);
  std::mt19937_64 random(1);
  for (uint16_t& value : values) value = static_cast<uint16_t>(random());
  array.Write(Box::Full({8, 6, 4}), Ref(values.data(), {8, 6, 4})).OrDie();
  const int64_t size = base->Read("c/0/0/0").Get().OrDie().total_size;
  const Box one{{0, 0, 0}, array.chunk_shape()};
  std::vector<uint16_t> out(192);
  const View view = Ref(out.data(), one.shape);
  array.Read(one, view).OrDie();  // The index is cached now.
  bytes_read = 0;
  array.Read(one, view).OrDie();
  if (form.chunk_shape == Shape({8, 6, 4})) {
    EXPECT_EQ(bytes_read, size);
  } else {
    EXPECT_LT(bytes_read, size / 2);
    EXPECT_GT(bytes_read, 0);
  }
}

TEST_P(Sharded, ChunksOfFillValuesAreRemovedAndAnEmptiedShardIsDeleted) {
  const KvStorePtr store = NewStore();
  const Array array = Array::Create(store, "", Form(GetParam().codecs, {8, 6, 4})).OrDie();
  const std::vector<uint16_t> values(192, 9);
  const std::vector<uint16_t> threes(192, 3);
  array.Write(Box::Full({8, 6, 4}), Ref(values.data(), {8, 6, 4})).OrDie();
  const int64_t before = store->Read("c/0/0/0", {}).Get().OrDie().total_size;
  array.Write(Box::FromSize({0, 0, 0}, {4, 6, 4}), Ref(threes.data(), {4, 6, 4})).OrDie();
  if (GetParam().chunk_shape != Shape({8, 6, 4}) && GetParam().chunk_shape[0] < 8) {
    EXPECT_LT(store->Read("c/0/0/0", {}).Get().OrDie().total_size, before);
  }
  EXPECT_EQ(array.Read<uint16_t>({}).OrDie()(0, 0, 0), 3);
  EXPECT_EQ(array.Read<uint16_t>({}).OrDie()(4, 0, 0), 9);
  array.Write(Box::FromSize({4, 0, 0}, {4, 6, 4}), Ref(threes.data(), {4, 6, 4})).OrDie();
  EXPECT_EQ(store->Read("c/0/0/0", {}).Get().OrDie().state, ReadResult::State::kMissing);
}

// Whatever the form: under the smallest budget its tasks run one by one, and hold no more than
// said.
TEST_P(Sharded, SaysWhatItsTasksHold) {
  for (const bool local : {false, true}) {
    for (const bool later : {false, true}) {
      const TempDir dir;
      const Context context = Context::Create({.threads = 2, .budget_bytes = 1});
      const KvStorePtr store =
          local ? OpenKvStore(dir / "store", context).OrDie() : NewStore(context);
      CreateOptions options = Form(GetParam().codecs);
      options.context = context;
      const Array array = Array::Create(later ? Later(store) : store, "", options).OrDie();
      std::vector<uint16_t> values(11 * 13 * 7, 1);
      array.Write(Box::Full(array.shape()), Ref(values.data(), array.shape())).OrDie();
      array.Write(Box::FromSize({1, 1, 1}, {9, 11, 5}), Ref(values.data(), {9, 11, 5})).OrDie();
      array.Read(Box::Full(array.shape()), Ref(values.data(), array.shape())).OrDie();
      EXPECT_EQ(VerifyArray(array, {.deep = true}).OrDie().num_findings, 0);
      EXPECT_LE(context.budget().held_bytes_peak(), array.largest_task_bytes())
          << local << " " << later;
      EXPECT_LE(context.buffers().held_bytes_peak(), array.largest_task_bytes())
          << local << " " << later;
    }
  }
}

/// A store for which each inner chunk is a span of its own.
class SpanByChunk : public testing::ForwardingStore {
 public:
  explicit SpanByChunk(std::function<void(int64_t)> before_read)
      : ForwardingStore(NewStore()), before_read_(std::move(before_read)) {}
  Future<ReadResult> Read(std::string key, ReadOptions options) override {
    if (key.starts_with("c/")) before_read_(++reads_);
    return ForwardingStore::Read(std::move(key), std::move(options));
  }
  Capabilities capabilities() const override {
    Capabilities capabilities = ForwardingStore::capabilities();
    capabilities.coalesce_size_max_bytes = 0;
    return capabilities;
  }
  int64_t reads() const { return reads_; }

 private:
  const std::function<void(int64_t)> before_read_;
  std::atomic<int64_t> reads_ = 0;
};

// Spans are made a few at a time; a shard that is replaced in between is read anew as a whole.
TEST(ShardSpans, HundredsOfThemAndAReplacementInBetween) {
  for (const bool replaced : {false, true}) {
    const Context context = Context::Create({.threads = 2});
    std::vector<uint16_t> ones(400, 1);
    std::vector<uint16_t> twos(400, 2);
    std::optional<Array> array;
    const auto store = std::make_shared<SpanByChunk>([&](int64_t read) {
      if (!replaced || read != 200) return;
      std::thread([&] {
        array->Write(Box::Full({400}), Ref(twos.data(), {400}), {.exclusive = true}).OrDie();
      }).join();
    });
    array = Array::Create(store, "",
                          {.shape = {400},
                           .data_type = DataType::kUint16,
                           .chunk_shape = {1},
                           .shard_shape = {400},
                           .context = context})
                .OrDie();
    array->Write(Box::Full({400}), Ref(ones.data(), {400})).OrDie();
    std::vector<uint16_t> out(400);
    array->Read(Box::Full({400}), Ref(out.data(), {400})).OrDie();
    EXPECT_EQ(out, replaced ? twos : ones);
    if (replaced) {
      EXPECT_LT(store->reads(), 401 + 200 + 2 * 66);
    } else {
      EXPECT_EQ(store->reads(), 401);  // The index, and each chunk.
    }
  }
}

// A shard of four chunks of two uint8 each, assembled by hand.
class HandMade {
 public:
  explicit HandMade(const std::string& location = "end", const Shape& shape = {8})
      : store_(NewStore()) {
    CreateOptions options{.shape = shape, .data_type = DataType::kUint8, .chunk_shape = {8}};
    options.format.codecs = "[" + Sharding("[2]", "\"bytes\"", location) + "]";
    array_ = Array::Create(store_, "", options).OrDie();
  }
  void Store(const std::string& data, const ShardIndex& index) {
    const Bytes encoded = layout().EncodeIndex(index, Scratch()).OrDie();
    const bool first = layout().index_location() == ShardLayout::IndexLocation::kStart;
    BytesChain shard;
    if (first) shard.Append(encoded);
    shard.Append(Bytes::Copy(data));
    if (!first) shard.Append(encoded);
    store_->Write("c/0", std::move(shard)).Get().OrDie();
  }
  Result<std::string> Read() const {
    std::string text(8, '?');
    COFFER_RETURN_IF_ERROR(array_->Read(
        Box::Full({8}), View(reinterpret_cast<std::byte*>(text.data()), DataType::kUint8, {8})));
    return text;
  }
  Status Write(int64_t at, const std::string& text) const {
    const auto size = static_cast<int64_t>(text.size());
    return array_->Write(
        Box::FromSize({at}, {size}),
        ConstView(reinterpret_cast<const std::byte*>(text.data()), DataType::kUint8, {size}));
  }
  const ShardLayout& layout() const { return *array_->stored()->chain->shard_layout(); }
  int64_t size() const { return store_->Read("c/0").Get().OrDie().total_size; }
  const Array& array() const { return *array_; }

 private:
  const KvStorePtr store_;
  std::optional<Array> array_;
};

TEST(StrangeShards, AnyOrderGapsAndSharedBytesAreReadAndChanged) {
  for (const char* location : {"start", "end"}) {
    HandMade shard(location);
    const uint64_t at = shard.layout().index_location() == ShardLayout::IndexLocation::kStart
                            ? static_cast<uint64_t>(shard.layout().index_size())
                            : 0;
    // Backwards with a gap; two chunks of the same bytes; two that overlap in part; one absent.
    const std::pair<ShardIndex, std::string> cases[] = {
        {{{at + 7, 2}, {at + 5, 2}, {at + 2, 2}, {at, 2}}, "hifgcdab"},
        {{{at, 2}, {at, 2}, {at + 2, 2}, {at + 2, 2}}, "ababcdcd"},
        {{{at, 2}, {at + 1, 2}, {at + 2, 2}, {at + 3, 2}}, "abbccdde"},
        {{{at + 7, 2}, {}, {at, 2}, {}}, std::string("hi\0\0ab\0\0", 8)},
    };
    for (const auto& [index, expected] : cases) {
      shard.Store("abcdefghi", index);
      EXPECT_EQ(shard.Read().OrDie(), expected);
      std::string changed = expected;
      changed.replace(2, 2, "XY");
      shard.Write(2, "XY").OrDie();  // One whole chunk; the others move.
      EXPECT_EQ(shard.Read().OrDie(), changed);
      changed.replace(5, 1, "Z");
      shard.Write(5, "Z").OrDie();  // A part of one.
      EXPECT_EQ(shard.Read().OrDie(), changed);
      EXPECT_LE(shard.size(), 8 + shard.layout().index_size());  // Compact.
      EXPECT_EQ(VerifyArray(shard.array(), {.deep = true}).OrDie().num_findings, 0);
    }
  }
}

TEST(StrangeShards, EntriesThatReachIntoTheIndexOrOutAreRefused) {
  for (const char* location : {"start", "end"}) {
    HandMade shard(location);
    const bool first = shard.layout().index_location() == ShardLayout::IndexLocation::kStart;
    const auto index_size = static_cast<uint64_t>(shard.layout().index_size());
    const uint64_t at = first ? index_size : 0;
    const ShardEntry bad[] = {
        first ? ShardEntry{index_size - 1, 2} : ShardEntry{8, 2},  // Into the index.
        {at + 8, 1 << 20},                                         // Beyond the end.
        {~uint64_t{0} - 1, 2},                                     // Overflows.
        {~uint64_t{0}, 2},                                         // Half absent.
    };
    for (const ShardEntry& entry : bad) {
      shard.Store("abcdefghi", {{at, 2}, entry, {at + 2, 2}, {at + 4, 2}});
      EXPECT_EQ(shard.Read().status().code(), StatusCode::kDataLoss);
      const Status changed = shard.Write(0, "XY");
      EXPECT_EQ(changed.code(), StatusCode::kDataLoss);
      EXPECT_NE(changed.message().find("inner chunk [1] at offset"), std::string::npos) << changed;
      EXPECT_EQ(VerifyArray(shard.array()).OrDie().num_findings, 1);
      EXPECT_EQ(shard.Write(0, "XYXYXYXY"), Status());  // Nothing of it is needed.
      EXPECT_EQ(shard.Read().OrDie(), "XYXYXYXY");
    }
  }
}

// Also where the shard sticks out of the array, so that what lies beyond would be kept.
TEST(StrangeShards, ADamagedShardAtTheEdgeIsWrittenOver) {
  HandMade shard("end", {7});
  shard.Store("abcdefghi", {{0, 2}, {8, 2}, {2, 2}, {4, 2}});
  EXPECT_EQ(shard.Write(0, "XY").code(), StatusCode::kDataLoss);
  EXPECT_EQ(shard.Write(0, "XYXYXYX"), Status());
  EXPECT_TRUE(shard.array().Read<uint8_t>({}).ok());
}

// An index that gives many chunks the same bytes must not become a shard without bound.
TEST(StrangeShards, SharedBytesThatWouldUnfoldBeyondAShardAreReadOnly) {
  const KvStorePtr store = NewStore();
  CreateOptions options{.shape = {1 << 12}, .chunk_shape = {1 << 12}};
  options.format.codecs = "[" + Sharding("[1]", R"("bytes", {"name": "gzip", "configuration":
                                                       {"level": 1}})") +
                          "]";
  const Array array = Array::Create(store, "", options).OrDie();
  const ShardLayout& layout = *array.stored()->chain->shard_layout();
  // gzip of one byte, its name in the header as long as an encoder may make it.
  std::string chunk("\x1f\x8b\x08\x08\0\0\0\0\0\xff", 10);
  chunk += std::string(4000, 'n') + std::string("\0\x4b\x04\0\x43\xbe\xb7\xe8\x01\0\0\0", 12);
  BytesChain shard{Bytes::Copy(chunk)};
  shard.Append(
      layout.EncodeIndex(ShardIndex(1 << 12, ShardEntry{0, chunk.size()}), Scratch()).OrDie());
  store->Write("c/0", std::move(shard)).Get().OrDie();
  const NdArray<uint8_t> all = array.Read<uint8_t>({}).OrDie();
  EXPECT_EQ(all(0), 'a');
  EXPECT_EQ(all(4095), 'a');
  const uint8_t b = 'b';
  const Status changed = array.Write(Box::FromSize({5}, {1}), Ref(&b, {1}));
  EXPECT_EQ(changed.code(), StatusCode::kFailedPrecondition);
  EXPECT_NE(changed.message().find("inner chunks share bytes"), std::string::npos) << changed;
  const RepairReport repaired = RepairArray(array).OrDie();
  ASSERT_EQ(repaired.items.size(), 1u);
  EXPECT_EQ(repaired.items[0].outcome, RepairReport::Outcome::kLeft);
  EXPECT_NE(repaired.items[0].action.find("its chunks share bytes"), std::string::npos);
  const std::vector<uint8_t> bs(1 << 12, 'b');
  EXPECT_EQ(array.Write(Box::Full({1 << 12}), Ref(bs.data(), {1 << 12})), Status());
}

TEST(LargeShards, AMillionInnerChunksAreReadAndChangedInBoundedMemory) {
  const TempDir dir;
  const Context context = Context::Create({.threads = 2, .budget_bytes = MiB(64)});
  const KvStorePtr file =
      OpenKvStore(R"({"driver": "file", "path": ")" + dir.path() + R"(", "file_io_sync": false})",
                  context)
          .OrDie();
  std::atomic<int64_t> bytes_read = 0;
  const KvStorePtr store = MakeTraceStore(file, [&](const TraceEvent& event) {
    if (event.operation == KvOperation::kRead || event.operation == KvOperation::kReadInto) {
      bytes_read += event.bytes;
    }
  });
  const Array array = Array::Create(store, "",
                                    {.shape = {1024, 1024, 4},
                                     .chunk_shape = {1, 1, 4},
                                     .shard_shape = {1024, 1024, 4},
                                     .codec = Uncompressed(),
                                     .context = context})
                          .OrDie();
  EXPECT_LT(array.largest_task_bytes(), MiB(128));
  const int64_t before = PeakBytes();
  const std::vector<uint8_t> ones(size_t{1} << 22, 1);
  array.Write(Box::Full({1024, 1024, 4}), Ref(ones.data(), {1024, 1024, 4})).OrDie();
  const std::vector<uint8_t> twos(1024 * 4, 2);
  array.Write(Box::FromSize({2, 0, 0}, {1, 1024, 4}), Ref(twos.data(), {1, 1024, 4})).OrDie();
  std::vector<uint8_t> out(4);
  const auto read = [&](int64_t i, int64_t j) {
    array.Read(Box::FromSize({i, j, 0}, {1, 1, 4}), Ref(out.data(), {1, 1, 4})).OrDie();
    return out[3];
  };
  EXPECT_EQ(read(0, 7), 1);
  bytes_read = 0;
  EXPECT_EQ(read(1, 1000), 1);
  EXPECT_EQ(bytes_read, 8);  // Four elements and their checksum: the index was cached.
  EXPECT_EQ(read(2, 1000), 2);
  EXPECT_EQ(read(1000, 1000), 1);
  EXPECT_EQ(array.Read<uint8_t>({{.dim = 2, .at = 0}}).OrDie()(2, 5), 2);
  if (kMemoryIsAsWithoutSanitizers) {
    EXPECT_LT(PeakBytes() - before, MiB(256));
  }
  EXPECT_LE(context.budget().held_bytes_peak(),
            std::max(context.budget().limit_bytes(), array.largest_task_bytes()));
}

/// Keeps conditions on writes, and refuses them on deletes, as MinIO's conditions are.
class NoConditionalDeletes final : public testing::ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  Future<WriteResult> Write(std::string key, std::optional<BytesChain> value,
                            WriteOptions options) override {
    if (!value && options.if_equal.known() && !options.if_equal.missing()) {
      return Future<WriteResult>::Ready(FailedPreconditionError("no conditions on deletes"));
    }
    return ForwardingStore::Write(std::move(key), std::move(value), std::move(options));
  }
  Capabilities capabilities() const override {
    Capabilities can = ForwardingStore::capabilities();
    can.conditional_delete = false;
    can.local = false;
    return can;
  }
};

TEST(StoresWithoutConditionalDeletes, KeepWhatHoldsOnlyFillValues) {
  for (const std::string& codecs : {Sharding("[4, 3, 2]", kZstd), std::string(kZstd)}) {
    const auto store = std::make_shared<NoConditionalDeletes>(MakeMemoryStore());
    const Shape shape = {8, 6, 4};
    const Array array = Array::Create(store, "", Form(codecs, shape)).OrDie();
    std::vector<uint16_t> values(8 * 6 * 4, 9);
    array.Write(Box::Full(shape), Ref(values.data(), shape)).OrDie();
    const std::vector<uint16_t> fill(4 * 6 * 4, 3);
    for (const int64_t begin : {0, 4}) {
      array.Write(Box::FromSize({begin, 0, 0}, {4, 6, 4}), Ref(fill.data(), {4, 6, 4})).OrDie();
    }
    EXPECT_EQ(store->Read("c/0/0/0", {}).Get().OrDie().state, ReadResult::State::kValue) << codecs;
    array.Read(Box::Full(shape), Ref(values.data(), shape)).OrDie();
    EXPECT_EQ(values, std::vector<uint16_t>(8 * 6 * 4, 3)) << codecs;
  }
}

TEST(StreamingShards, NeedLittleWhereTheLayoutAllowsAndSayWhatTheyNeedElsewhere) {
  // A shard of 16 MiB in inner chunks of 16 KiB.
  const auto largest = [](const KvStorePtr& store, const std::string& codecs) {
    CreateOptions options{.shape = {1 << 24}, .chunk_shape = {1 << 24}};
    options.format.codecs = "[" + codecs + "]";
    options.format.delete_existing = true;
    return Array::Create(store, "", options).OrDie().largest_task_bytes();
  };
  const TempDir dir;
  const KvStorePtr file = OpenKvStore(dir.path()).OrDie();
  const std::string inner = "[16384]";
  EXPECT_LT(largest(file, Sharding(inner, "\"bytes\"")), MiB(8));
  EXPECT_GT(largest(file, Sharding(inner, "\"bytes\"", "start")), MiB(16));
  EXPECT_GT(largest(file, Sharding(inner, "\"bytes\"") + ", \"crc32c\""), MiB(32));
  EXPECT_GT(largest(file, Sharding("[8388608]", Sharding(inner, "\"bytes\""))), MiB(16));
  EXPECT_GT(largest(Later(NewStore()), Sharding(inner, "\"bytes\"")), MiB(16));
}

}  // namespace
}  // namespace coffer
