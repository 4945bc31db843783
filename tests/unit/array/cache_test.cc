// Goal: caches save requests and bytes and are never wrong: what is asked of the store, byte by
// byte; the staleness bound; own and others' writes (another context, another process); limits.
// Method: stores whose operations are traced, a clock that the test sets; two contexts; a fork.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <latch>
#include <thread>

#include "coffer/array/array.h"
#include "coffer/array/group.h"
#include "src/array/array_caches.h"
#include "src/array/lru_cache.h"
#include "src/base/json.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/array/forwarding_store.h"
#include "tests/unit/array/traced.h"

namespace coffer {
namespace {

using std::chrono::seconds;
using testing::Clock;
using testing::NewStore;
using testing::Traced;
using Lines = std::vector<std::string>;

Context CachingContext(const Clock& clock, int64_t chunk_cache_bytes = 0, int threads = 1) {
  return Context::Create(
      {.threads = threads, .chunk_cache_bytes = chunk_cache_bytes, .clock = clock.function()});
}

CreateOptions Layout(const Context& context, bool sharded) {
  CreateOptions options{.shape = {8, 8}, .data_type = DataType::kUint16, .chunk_shape = {4, 4}};
  if (sharded) options.shard_shape = {8, 8};
  options.context = context;
  return options;
}

/// All elements have this value.
void Fill(const Array& array, uint16_t value) {
  const std::vector<uint16_t> values(64, value);
  array.Write(Box::Full({8, 8}), Ref(values.data(), {8, 8})).OrDie();
}

/// All elements, if they are the same.
int Uniform(const Array& array, const ArrayReadOptions& options = {}) {
  const NdArray<uint16_t> all = array.Read<uint16_t>({}, options).OrDie();
  for (const uint16_t value : all.values()) {
    if (value != all.values()[0]) return -1;
  }
  return all.values()[0];
}

int64_t BytesRead(const Lines& lines) {
  int64_t bytes = 0;
  for (const std::string& line : lines) {
    if (line.starts_with("Read")) bytes += std::stoll(line.substr(line.rfind(' ') + 1));
  }
  return bytes;
}

TEST(LruCache, EvictsWhatWasNotUsedForLongestAndStaysWithinItsLimit) {
  LruCache<std::string> cache(10'000);
  const auto put = [&](const std::string& name, int64_t bytes) {
    cache.Put(name, std::make_shared<const std::string>(name), bytes);
    EXPECT_LE(cache.held_bytes(), cache.limit_bytes());
  };
  put("a", 2000);
  put("b", 2000);
  put("c", 2000);
  put("d", 2000);
  EXPECT_NE(cache.Find("a"), nullptr);  // Now b is the oldest.
  put("e", 2000);
  EXPECT_EQ(cache.Find("b"), nullptr);
  EXPECT_EQ(*cache.Find("a"), "a");
  EXPECT_NE(cache.Find("c"), nullptr);
  EXPECT_NE(cache.Find("e"), nullptr);
  put("a", 4000);  // Replaced, not added; then d had been unused for longest.
  EXPECT_EQ(cache.Find("d"), nullptr);
  EXPECT_NE(cache.Find("c"), nullptr);
  const int64_t before = cache.held_bytes();
  put("huge", 10'001);
  EXPECT_EQ(cache.Find("huge"), nullptr);
  EXPECT_EQ(cache.held_bytes(), before);
  put("a", 10'001);  // What it replaces goes, too.
  EXPECT_EQ(cache.Find("a"), nullptr);
  EXPECT_LT(cache.held_bytes(), before - 3000);
}

TEST(MetadataCache, UnchangedMetadataIsAskedForAndNotFetched) {
  const Traced traced;
  const Clock clock;
  const Context context = CachingContext(clock);
  const int64_t size = std::ssize(
      Array::Create(traced.store, "a/", Layout(Context::Create(), false)).OrDie().metadata());
  traced.Take();
  const OpenOptions options{.context = context};
  EXPECT_EQ(Array::Open(traced.store, "a/", options).OrDie().shape(), Shape({8, 8}));
  EXPECT_EQ(traced.Take(), Lines{"Read a/zarr.json " + std::to_string(size)});
  EXPECT_EQ(Array::Open(traced.store, "a/", options).OrDie().shape(), Shape({8, 8}));
  EXPECT_EQ(traced.Take(), Lines{"Read a/zarr.json 0"});
  // Any clock: a bound of 0 asks.
  clock.Advance(-100);
  EXPECT_TRUE(Array::Open(traced.store, "a/", options).ok());
  EXPECT_EQ(traced.Take(), Lines{"Read a/zarr.json 0"});
}

TEST(MetadataCache, ABoundIsKeptToTheSecond) {
  const Traced traced;
  const Clock clock;
  const Context context = CachingContext(clock);
  const Context other = Context::Create({.threads = 1});
  Array theirs = Array::Create(traced.store, "a/", Layout(other, false)).OrDie();
  const OpenOptions bounded{.context = context, .max_staleness = seconds(10)};
  EXPECT_EQ(Array::Open(traced.store, "a/", bounded).OrDie().shape(), Shape({8, 8}));
  theirs.Resize({16, 8}).OrDie();
  traced.Take();
  clock.Advance(10);
  EXPECT_EQ(Array::Open(traced.store, "a/", bounded).OrDie().shape(), Shape({8, 8}));
  EXPECT_EQ(traced.Take(), Lines());
  // A stricter reader sees the change, and from then on so does everybody.
  EXPECT_EQ(Array::Open(traced.store, "a/", {.context = context}).OrDie().shape(), Shape({16, 8}));
  EXPECT_EQ(Array::Open(traced.store, "a/", bounded).OrDie().shape(), Shape({16, 8}));
  EXPECT_EQ(traced.Take().size(), 1u);
  clock.Advance(11);
  theirs.Resize({24, 8}).OrDie();
  EXPECT_EQ(Array::Open(traced.store, "a/", bounded).OrDie().shape(), Shape({24, 8}));
  // An answer that was proved anew has the age of the proof.
  clock.Advance(6);
  EXPECT_TRUE(Array::Open(traced.store, "a/", {.context = context}).ok());
  clock.Advance(6);
  traced.Take();
  EXPECT_TRUE(Array::Open(traced.store, "a/", bounded).ok());
  EXPECT_EQ(traced.Take(), Lines());
}

TEST(MetadataCache, GroupsAndDetectionUseIt) {
  const Traced traced;
  const Clock clock;
  const Context context = CachingContext(clock);
  Group::Create(traced.store, "g/", {.attributes = R"({"a":1})"}).OrDie();
  traced.Take();
  const OpenOptions bounded{.context = context, .max_staleness = seconds(10)};
  EXPECT_EQ(Group::Open(traced.store, "g/", bounded).OrDie().attributes(), R"({"a":1})");
  EXPECT_NE(BytesRead(traced.Take()), 0);
  EXPECT_EQ(Group::Open(traced.store, "g/", bounded).OrDie().attributes(), R"({"a":1})");
  EXPECT_EQ(traced.Take(), Lines());
  EXPECT_EQ(Array::Open(traced.store, "g/", bounded).status().code(),
            StatusCode::kFailedPrecondition);
  EXPECT_EQ(traced.Take(), Lines());
  EXPECT_TRUE(Group::Open(traced.store, "g/", context).ok());
  EXPECT_EQ(BytesRead(traced.Take()), 0);
}

TEST(MetadataCache, AGroupHandsItsBoundOnToWhatIsBelow) {
  const Traced traced;
  const Clock clock;
  const Context context = CachingContext(clock);
  Group::Create(traced.store, "g/", {}).OrDie();
  Group::Create(traced.store, "g/h/", {}).OrDie();
  Array::Create(traced.store, "g/h/a/", Layout(Context::Default(), false)).OrDie();
  const OpenOptions bounded{.context = context, .max_staleness = seconds(10)};
  const auto open = [&](const Group& group) {
    return group.OpenGroup("h").OrDie().OpenArray("a").OrDie().shape();
  };
  const Group group = Group::Open(traced.store, "g/", bounded).OrDie();
  EXPECT_EQ(open(group), Shape({8, 8}));
  traced.Take();
  clock.Advance(10);
  EXPECT_EQ(open(group), Shape({8, 8}));
  EXPECT_EQ(traced.Take(), Lines());
  // One that was opened without a bound asks.
  EXPECT_EQ(open(Group::Open(traced.store, "g/", context).OrDie()), Shape({8, 8}));
  EXPECT_EQ(traced.Take(),
            (Lines{"Read g/zarr.json 0", "Read g/h/zarr.json 0", "Read g/h/a/zarr.json 0"}));
  clock.Advance(11);
  EXPECT_EQ(open(group), Shape({8, 8}));
  EXPECT_EQ(traced.Take(), (Lines{"Read g/h/zarr.json 0", "Read g/h/a/zarr.json 0"}));
}

TEST(MetadataCache, ThatNothingIsThereIsRememberedUntilThisContextWritesIt) {
  const Context context = Context::Create({.threads = 1});
  const std::string url = "memory://nothing_there";
  const OpenOptions bounded{.context = context, .max_staleness = seconds(1000)};
  EXPECT_EQ(Array::Open(url + "/x/y", bounded).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(*FindNode(url + "/x", bounded), NodeKind::kNone);
  const int64_t asked = context.stats().read_requests;
  EXPECT_EQ(Array::Open(url + "/x/y", bounded).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(*FindNode(url + "/x", bounded), NodeKind::kNone);
  EXPECT_EQ(context.stats().read_requests, asked);
  // Created below a store of another root, with a group that is made on the way.
  Array::Create(OpenKvStore(url, context).OrDie(), "x/y/", Layout(context, false)).OrDie();
  EXPECT_TRUE(Array::Open(url + "/x/y", bounded).ok());
  EXPECT_EQ(*FindNode(url + "/x", bounded), NodeKind::kGroup);
}

TEST(MetadataCache, OwnChangesAreSeenAtOnce) {
  const Context context = Context::Create({.threads = 1});
  const std::string url = "memory://own_changes";
  const OpenOptions bounded{.context = context, .max_staleness = seconds(1000)};
  Array array = Array::Create(url + "/a", Layout(context, false)).OrDie();
  EXPECT_EQ(Array::Open(url + "/a", bounded).OrDie().shape(), Shape({8, 8}));
  array.Resize({4, 4}).OrDie();
  EXPECT_EQ(Array::Open(url + "/a", bounded).OrDie().shape(), Shape({4, 4}));
  array.SetAttributes(R"({"b":2})").OrDie();
  EXPECT_EQ(Array::Open(url + "/a", bounded).OrDie().attributes(), R"({"b":2})");
  CreateOptions again = Layout(context, true);
  again.format.delete_existing = true;
  Array::Create(url + "/a", again).OrDie();
  EXPECT_EQ(Array::Open(url + "/a", bounded).OrDie().shard_shape(), Shape({8, 8}));
  Group group = Group::Create(url + "/g", {.context = context}).OrDie();
  EXPECT_TRUE(Group::Open(url + "/g", bounded).ok());
  group.SetAttributes(R"({"c":3})").OrDie();
  EXPECT_EQ(Group::Open(url + "/g", bounded).OrDie().attributes(), R"({"c":3})");
  DeleteNode(url + "/a", context).OrDie();
  EXPECT_EQ(Array::Open(url + "/a", bounded).status().code(), StatusCode::kNotFound);
  DeleteNode(url + "/g", context).OrDie();
  EXPECT_EQ(*FindNode(url + "/g", bounded), NodeKind::kNone);
}

TEST(MetadataCache, ADeletedGroupTakesWhatWasBelow) {
  const Context context = Context::Create({.threads = 1});
  const std::string url = "memory://deleted_group";
  const OpenOptions bounded{.context = context, .max_staleness = seconds(1000)};
  Group::Create(url + "/g", {.context = context}).OrDie();
  Array::Create(url + "/g/deep/a", Layout(context, false)).OrDie();
  EXPECT_TRUE(Array::Open(url + "/g/deep/a", bounded).ok());
  DeleteNode(url + "/g", context).OrDie();
  EXPECT_EQ(Array::Open(url + "/g/deep/a", bounded).status().code(), StatusCode::kNotFound);
}

TEST(MetadataCache, StoresThatAreDescribedAlikeAreToldApart) {
  const Context context = Context::Create({.threads = 1});
  const OpenOptions bounded{.context = context, .max_staleness = seconds(1000)};
  KvStorePtr one = MakePrefixStore(OpenKvStore("memory://alike", Context::Create()).OrDie(), "p/");
  KvStorePtr two = MakePrefixStore(OpenKvStore("memory://alike", Context::Create()).OrDie(), "p/");
  ASSERT_EQ(one->Describe("k"), two->Describe("k"));
  CreateOptions options = Layout(Context::Create(), false);
  Array::Create(one, "", options).OrDie();
  options.shape = {3, 3};
  Array::Create(two, "", options).OrDie();
  EXPECT_EQ(Array::Open(one, "", bounded).OrDie().shape(), Shape({8, 8}));
  EXPECT_EQ(Array::Open(two, "", bounded).OrDie().shape(), Shape({3, 3}));
  // The address of a store that has gone may be that of the next one.
  for (int n = 1; n < 50; ++n) {
    KvStorePtr next = OpenKvStore("memory://alike", Context::Create()).OrDie();
    options.shape = {n};
    options.chunk_shape = {1};
    Array::Create(next, "", options).OrDie();
    ASSERT_EQ(Array::Open(next, "", bounded).OrDie().shape(), Shape({n}));
  }
}

TEST(MetadataCache, AnotherProcessIsSeenWhenTheBoundSaysSo) {
  const TempDir dir;
  const std::string path = dir / "a";
  const Clock clock;
  const Context context = CachingContext(clock);
  const Array array = Array::Create(path, Layout(context, true)).OrDie();
  Fill(array, 1);
  const OpenOptions bounded{.context = context, .max_staleness = seconds(10)};
  const ArrayReadOptions read{.max_staleness = seconds(10)};
  EXPECT_EQ(Array::Open(path, bounded).OrDie().attributes(), array.attributes());
  EXPECT_EQ(Uniform(array, read), 1);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {  // Fresh: it asks, though its parent would not.
    Result<Array> theirs = Array::Open(path, {.max_staleness = seconds(1000)});
    const bool ok = theirs.ok() && theirs->SetAttributes(R"({"by":"child"})").ok();
    std::vector<uint16_t> twos(64, 2);
    _exit(ok && theirs->Write(Box::Full({8, 8}), Ref(twos.data(), {8, 8})).ok() ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  EXPECT_EQ(Array::Open(path, bounded).OrDie().attributes(), array.attributes());
  EXPECT_EQ(Array::Open(path, {.context = context}).OrDie().attributes(), R"({"by":"child"})");
  EXPECT_EQ(Uniform(array, read), 2);  // Its index is proved by every fetch.
  clock.Advance(11);
  EXPECT_EQ(Array::Open(path, bounded).OrDie().attributes(), R"({"by":"child"})");
}

TEST(ShardIndexCache, AnIndexWithoutSpansIsAskedForAndNotFetched) {
  const Traced traced;
  const Clock clock;
  const Context context = CachingContext(clock);
  const Array array = Array::Create(traced.store, "", Layout(context, true)).OrDie();
  const std::vector<uint16_t> ones(16, 1);
  array.Write(Box::FromSize({0, 0}, {4, 4}), Ref(ones.data(), {4, 4})).OrDie();
  std::vector<uint16_t> out(16, 9);
  const Box absent = Box::FromSize({4, 4}, {4, 4});
  const auto read = [&](MaxStaleness bound) {
    traced.Take();
    array.Read(absent, Ref(out.data(), {4, 4}), {.max_staleness = bound}).OrDie();
    EXPECT_EQ(out[0], 0);
    return traced.Take();
  };
  EXPECT_EQ(read(seconds(0)), Lines{"Read c/0/0 68"});
  EXPECT_EQ(read(seconds(0)), Lines{"Read c/0/0 0"});
  EXPECT_EQ(read(seconds(5)), Lines());
  clock.Advance(6);
  EXPECT_EQ(read(seconds(5)), Lines{"Read c/0/0 0"});
  EXPECT_EQ(read(seconds(5)), Lines());
  // Another context stores it: seen when the bound has passed; at once without one.
  const Array theirs =
      Array::Open(traced.store, "", {.context = Context::Create({.threads = 1})}).OrDie();
  theirs.Write(absent, Ref(ones.data(), {4, 4})).OrDie();
  EXPECT_EQ(read(seconds(5)), Lines());
  clock.Advance(6);
  array.Read(absent, Ref(out.data(), {4, 4}), {.max_staleness = seconds(5)}).OrDie();
  EXPECT_EQ(out[0], 1);
}

TEST(ShardIndexCache, AShardUnderOtherCodecsHasAnotherIndex) {
  const KvStorePtr store = NewStore();
  const Context context = Context::Create({.threads = 1});
  const std::string sharding =
      R"({"name":"sharding_indexed","configuration":{"chunk_shape":[4,4],)"
      R"("codecs":[{"name":"bytes","configuration":{"endian":"little"}}],)"
      R"("index_codecs":[{"name":"bytes","configuration":{"endian":"little"}},"crc32c"]}})";
  CreateOptions options = Layout(context, false);
  options.chunk_shape = {8, 8};
  options.format.codecs = "[" + sharding + "]";
  const Array array = Array::Create(store, "", options).OrDie();
  std::vector<uint16_t> values(64);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<uint16_t>(i);
  array.Write(Box::Full({8, 8}), Ref(values.data(), {8, 8})).OrDie();
  EXPECT_EQ(array.Read<uint16_t>({}).OrDie()(0, 5), 5);  // The index is kept.
  Json document = Json::Parse(array.metadata()).OrDie();
  const std::string transposed =
      R"([{"name":"transpose","configuration":{"order":[1,0]}},)" + sharding + "]";
  document.Set("codecs", Json::Parse(transposed).OrDie());
  store->Write("zarr.json", Bytes::Copy(document.Dump())).Get().OrDie();
  EXPECT_EQ(Array::Open(store, "", {.context = context}).OrDie().Read<uint16_t>({}).OrDie()(0, 5),
            40);
}

TEST(ShardIndexCache, OwnWritesAreSeenAtOnce) {
  const Context context = Context::Create({.threads = 2});
  const Array array = Array::Create(NewStore(), "", Layout(context, true)).OrDie();
  const ArrayReadOptions bounded{.max_staleness = seconds(1000)};
  EXPECT_EQ(Uniform(array, bounded), 0);  // No shard: remembered.
  Fill(array, 3);
  EXPECT_EQ(Uniform(array, bounded), 3);
  const std::vector<uint16_t> zeros(64);
  array.WriteAsync(Box::Full({8, 8}), Ref(zeros.data(), {8, 8})).committed.Get().OrDie();
  EXPECT_EQ(Uniform(array, bounded), 0);
  Fill(array, 4);
  EXPECT_EQ(Uniform(array, bounded), 4);
}

TEST(ShardIndexCache, AStaleIndexMakesNoChunkMissing) {
  const KvStorePtr store = NewStore();
  const Array array =
      Array::Create(store, "", Layout(Context::Create({.threads = 1}), true)).OrDie();
  const std::vector<uint16_t> ones(16, 1);
  array.Write(Box::FromSize({0, 0}, {4, 4}), Ref(ones.data(), {4, 4})).OrDie();
  const ArrayReadOptions strict{.missing = ArrayReadOptions::Missing::kError};
  std::vector<uint16_t> out(64);
  array.Read(Box::FromSize({0, 0}, {4, 4}), Ref(out.data(), {4, 4}), strict).OrDie();
  const Array theirs = Array::Open(store, "", {.context = Context::Create({.threads = 1})}).OrDie();
  Fill(theirs, 2);
  // One chunk is where the remembered index says; three are absent in it.
  const Status status = array.Read(Box::Full({8, 8}), Ref(out.data(), {8, 8}), strict);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(out, std::vector<uint16_t>(64, 2));
}

/// A store that tells no generations.
class NoGenerations : public testing::ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  Future<ReadResult> Read(std::string key, ReadOptions options) override {
    Result<ReadResult> read = ForwardingStore::Read(std::move(key), std::move(options)).Get();
    if (read.ok() && read->state == ReadResult::State::kValue) read->generation = {};
    return Future<ReadResult>::Ready(std::move(read));
  }
};

TEST(Caches, KeepNothingOfAStoreThatTellsNoGenerations) {
  for (const bool sharded : {false, true}) {
    const auto store = std::make_shared<NoGenerations>(NewStore());
    const Context context = Context::Create({.threads = 1, .chunk_cache_bytes = MiB(1)});
    Fill(Array::Create(store, "", Layout(Context::Create(), sharded)).OrDie(), 3);
    const OpenOptions bounded{.context = context, .max_staleness = seconds(1000)};
    // What the document says is kept by its text, which is no answer of the store's.
    const auto& kept = context.Get<ArrayCaches>().documents_and_indexes();
    const Array array = Array::Open(store, "", bounded).OrDie();
    const int64_t understood = kept.held_bytes();
    EXPECT_EQ(Uniform(array, {.max_staleness = seconds(1000)}), 3);
    EXPECT_EQ(Uniform(Array::Open(store, "", bounded).OrDie(), {.max_staleness = seconds(1000)}),
              3);
    EXPECT_EQ(kept.held_bytes(), understood);
    EXPECT_EQ(context.Get<ArrayCaches>().chunks().held_bytes(), 0);
    Array changed = Array::Open(store, "", {.context = Context::Create()}).OrDie();
    changed.SetAttributes(R"({"k": 1})").OrDie();
    EXPECT_EQ(Array::Open(store, "", bounded).OrDie().attributes(), R"({"k":1})");
  }
}

TEST(ChunkCache, IsOffByDefault) {
  const Traced traced;
  const Array array = Array::Create(traced.store, "", Layout(Context::Create(), false)).OrDie();
  Fill(array, 1);
  Uniform(array);
  const int64_t first = BytesRead(traced.Take());
  Uniform(array, {.max_staleness = seconds(1000)});
  EXPECT_EQ(BytesRead(traced.Take()), first);
  EXPECT_GT(first, 0);
  EXPECT_EQ(array.context().Get<ArrayCaches>().chunks().held_bytes(), 0);
}

TEST(ChunkCache, HitsFetchAndDecodeNothing) {
  for (const bool sharded : {false, true}) {
    const Traced traced;
    const Clock clock;
    const Context context = CachingContext(clock, MiB(1));
    const Array array = Array::Create(traced.store, "", Layout(context, sharded)).OrDie();
    Fill(array, 7);
    EXPECT_EQ(Uniform(array), 7);
    traced.Take();
    const int64_t decoded = context.stats().chunks_decoded;
    EXPECT_EQ(Uniform(array), 7);  // As of this call: asked, not fetched.
    Lines asked = traced.Take();
    EXPECT_EQ(asked.size(), sharded ? 1u : 4u);
    EXPECT_EQ(BytesRead(asked), 0);
    EXPECT_EQ(Uniform(array, {.max_staleness = seconds(1)}), 7);
    EXPECT_EQ(traced.Take(), Lines());
    // A part of a chunk, and a new handle, too.
    const Array again = Array::Open(traced.store, "", {.context = context}).OrDie();
    traced.Take();
    const NdArray<uint16_t> part =
        again
            .Read<uint16_t>({{.dim = 0, .at = 3}, {.dim = 1, .begin = 1, .end = 7, .step = 2}},
                            {.max_staleness = seconds(1)})
            .OrDie();
    EXPECT_EQ(part.values()[2], 7);
    EXPECT_EQ(traced.Take(), Lines());
    EXPECT_EQ(context.stats().chunks_decoded, decoded);
    EXPECT_GE(context.Get<ArrayCaches>().chunks().held_bytes(), 4 * 32);
  }
}

TEST(ChunkCache, OthersWritesAreSeenAsTheBoundSays) {
  for (const bool sharded : {false, true}) {
    const KvStorePtr store = NewStore();
    const Clock clock;
    const Context context = CachingContext(clock, MiB(1));
    const Array array = Array::Create(store, "", Layout(context, sharded)).OrDie();
    const Array theirs =
        Array::Open(store, "", {.context = Context::Create({.threads = 1})}).OrDie();
    const ArrayReadOptions bounded{.max_staleness = seconds(10)};
    EXPECT_EQ(Uniform(array, bounded), 0);
    Fill(theirs, 1);
    EXPECT_EQ(Uniform(array, bounded), 0);  // That nothing was there is remembered, too.
    EXPECT_EQ(Uniform(array), 1);
    Fill(theirs, 2);
    EXPECT_EQ(Uniform(array, bounded), 1);
    clock.Advance(10);
    EXPECT_EQ(Uniform(array, bounded), 1);
    clock.Advance(1);
    EXPECT_EQ(Uniform(array, bounded), 2);
    Fill(theirs, 3);
    EXPECT_EQ(Uniform(array), 3);
    Fill(theirs, 0);  // Deleted.
    EXPECT_EQ(Uniform(array), 0);
    Fill(array, 4);
    EXPECT_EQ(Uniform(array, bounded), 4);
    const std::vector<uint16_t> fives(1, 5);
    array.Write(Box::FromSize({0, 0}, {1, 1}), Ref(fives.data(), {1, 1})).OrDie();
    EXPECT_EQ(Uniform(array, bounded), -1);
  }
}

TEST(ChunkCache, StaysWithinItsLimit) {
  const Context context = Context::Create({.threads = 2, .chunk_cache_bytes = KiB(64)});
  CreateOptions options{
      .shape = {64, 1024}, .data_type = DataType::kUint32, .chunk_shape = {1, 1024}};
  options.context = context;
  const Array array = Array::Create(NewStore(), "", options).OrDie();
  const std::vector<uint32_t> values(64 * 1024, 5);
  array.Write(Box::Full({64, 1024}), Ref(values.data(), {64, 1024})).OrDie();
  auto& chunks = context.Get<ArrayCaches>().chunks();
  for (int pass = 0; pass < 2; ++pass) {
    EXPECT_EQ(array.Read<uint32_t>({}).OrDie()(63, 1023), 5u);
    EXPECT_GT(chunks.held_bytes(), KiB(48));
    EXPECT_LE(chunks.held_bytes(), KiB(64));
    EXPECT_LE(context.Get<ArrayCaches>().chunk_buffers().held_bytes(), KiB(64));
  }
  EXPECT_EQ(context.buffers().held_bytes(), 0);
}

TEST(ChunkCache, AChunkLargerThanTheLimitIsReadAsWithoutOne) {
  const Context context = Context::Create({.threads = 1, .chunk_cache_bytes = 64});
  for (const bool sharded : {false, true}) {
    const Array array = Array::Create(NewStore(), "", Layout(context, sharded)).OrDie();
    Fill(array, 6);
    EXPECT_EQ(Uniform(array), 6);
    EXPECT_EQ(Uniform(array), 6);
  }
}

TEST(ChunkCache, TheSameBytesUnderOtherMetadataAreOtherElements) {
  const KvStorePtr store = NewStore();
  const Context context = Context::Create({.threads = 1, .chunk_cache_bytes = MiB(1)});
  CreateOptions options = Layout(context, false);
  options.format.checksum = false;
  options.codec = CodecSpec();
  options.format.codecs = R"([{"name":"bytes","configuration":{"endian":"little"}}])";
  Fill(Array::Create(store, "", options).OrDie(), 0x0102);
  EXPECT_EQ(Uniform(Array::Open(store, "", {.context = context}).OrDie()), 0x0102);
  ReadResult document = store->Read("zarr.json").Get().OrDie();
  std::string text(document.value.text());
  const size_t at = text.find("little");
  ASSERT_NE(at, std::string::npos);
  text.replace(at, 6, "big");
  store->Write("zarr.json", BytesChain(Bytes::Take(text))).Get().OrDie();
  EXPECT_EQ(Uniform(Array::Open(store, "", {.context = context}).OrDie()), 0x0201);
}

TEST(ChunkCache, ManyReadersFetchAChunkOnce) {
  for (const bool sharded : {false, true}) {
    const Traced traced(
        MakeLatencyStore(NewStore(), {.per_request = std::chrono::milliseconds(2)}));
    const Context context = Context::Create({.threads = 4, .chunk_cache_bytes = MiB(1)});
    const Array array = Array::Create(traced.store, "", Layout(context, sharded)).OrDie();
    Fill(array, 8);
    Uniform(array);
    const int64_t once = BytesRead(traced.Take());
    const Context other = Context::Create({.threads = 4, .chunk_cache_bytes = MiB(1)});
    const Array shared = Array::Open(traced.store, "", {.context = other}).OrDie();
    traced.Take();
    std::latch start(8);
    std::vector<std::thread> readers;
    for (int n = 0; n < 8; ++n) {
      readers.emplace_back([&] {
        start.arrive_and_wait();
        EXPECT_EQ(Uniform(shared), 8);
      });
    }
    for (std::thread& reader : readers) reader.join();
    EXPECT_EQ(other.stats().chunks_decoded, 4);
    const int64_t bytes = BytesRead(traced.Take());
    // Each of them may fetch a shard's index.
    EXPECT_GE(bytes, once);
    EXPECT_LE(bytes, sharded ? once + 7 * 68 : once);
  }
}

TEST(ChunkCache, WhoWaitsForAFetchThatFailsFetchesItself) {
  for (const bool sharded : {false, true}) {
    const std::shared_ptr<FaultStore> faulty = MakeFaultStore(NewStore());
    const KvStorePtr store =
        MakeLatencyStore(faulty, {.per_request = std::chrono::milliseconds(2)});
    const Context context = Context::Create({.threads = 4, .chunk_cache_bytes = MiB(1)});
    const Array array = Array::Create(store, "", Layout(context, sharded)).OrDie();
    Fill(array, 9);
    for (const KvOperation operation : {KvOperation::kRead, KvOperation::kReadInto}) {
      faulty->Inject({.operation = operation, .key_prefix = "c/", .skip = 1, .times = 2});
    }
    std::latch start(8);
    std::atomic<int> failed = 0;
    std::vector<std::thread> readers;
    for (int n = 0; n < 8; ++n) {
      readers.emplace_back([&] {
        start.arrive_and_wait();
        const Result<NdArray<uint16_t>> all = array.Read<uint16_t>({});
        if (!all.ok()) {
          EXPECT_EQ(all.status().code(), StatusCode::kUnavailable) << all.status();
          ++failed;
          return;
        }
        for (const uint16_t value : all->values()) EXPECT_EQ(value, 9);
      });
    }
    for (std::thread& reader : readers) reader.join();
    EXPECT_LE(failed, faulty->injected());
    faulty->Clear();
    EXPECT_EQ(Uniform(array), 9);
  }
}

TEST(ChunkCache, ReadersNeverSeeAMixtureWhileOthersWrite) {
  const KvStorePtr store = NewStore();
  const Context context = Context::Create({.threads = 2, .chunk_cache_bytes = MiB(1)});
  const Array array = Array::Create(store, "", Layout(context, true)).OrDie();
  const Array theirs = Array::Open(store, "", {.context = Context::Create()}).OrDie();
  Fill(theirs, 1);
  std::atomic<int> written = 1;
  std::thread writer([&] {
    for (uint16_t n = 2; n < 200; ++n) {
      Fill(theirs, n);
      written = n;
    }
  });
  while (written < 199) {
    const int before = written;
    const Result<NdArray<uint16_t>> all = array.Read<uint16_t>({});
    if (all.status().code() == StatusCode::kAborted) continue;  // Lost to the writer 16 times.
    EXPECT_TRUE(all.ok()) << all.status();
    if (!all.ok()) break;
    EXPECT_GE(all->values()[0], before);
    for (const uint16_t value : all->values()) EXPECT_EQ(value, all->values()[0]);
  }
  writer.join();
  EXPECT_EQ(Uniform(array), 199);
}

}  // namespace
}  // namespace coffer
