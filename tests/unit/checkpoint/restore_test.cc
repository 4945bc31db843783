// Goal: what comes back is what was saved: every kind, type, name and shape; or the part and the
// shape that was asked for, padded with zeros and cut at the end.
// Method: trees saved into memory and file stores and compared down to the bytes; padded and
// truncated results compared with what NumPy would give, computed element by element.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <limits>

#include "coffer/checkpoint/checkpoint.h"
#include "coffer/kvstore/adapters.h"
#include "coffer/kvstore/stores.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/checkpoint/checkpoints.h"
#include "tests/unit/checkpoint/stores.h"
#include "tests/unit/checkpoint/trees.h"

namespace coffer {
namespace {

using coffer::testing::Difference;
using coffer::testing::ElementsOf;
using coffer::testing::ExpectStored;
using coffer::testing::KeysOf;
using coffer::testing::Remove;
using coffer::testing::Sample;
using ::testing::HasSubstr;

void ExpectRoundTrip(const KvStorePtr& store, const Tree& tree,
                     const checkpoint::SaveOptions& options = {}) {
  ASSERT_EQ(checkpoint::Save(store, "c/", tree, options), Status());
  ExpectStored(store, "c/", tree);
}

TEST(Restore, EveryDataTypeAndManyShapes) {
  const char* const types[] = {"bool",     "int8",    "int16",   "int32",     "int64",
                               "uint8",    "uint16",  "uint32",  "uint64",    "float16",
                               "bfloat16", "float32", "float64", "complex64", "complex128",
                               "r8",       "r24",     "r136"};
  Tree tree = Tree::Dict();
  uint32_t seed = 0;
  for (const char* name : types) {
    const DataType type = DataType::Parse(name).OrDie();
    Tree shapes = Tree::List();
    for (const Shape& shape : {Shape(), Shape{1}, Shape{0}, Shape{7}, Shape{3, 0, 2},
                               Shape{2, 3, 4}, Shape{1, 2, 1, 2, 3}}) {
      shapes.Append(Sample(type, shape, ++seed));
    }
    tree.Set(name, shapes);
  }
  ExpectRoundTrip(MakeMemoryStore(), tree);
}

TEST(Restore, EveryKindOfLeafAndEmptyContainers) {
  Tree tree = Tree::Dict();
  tree.Set("none", Tree()).Set("true", Tree(true)).Set("int", Tree(INT64_MIN));
  tree.Set("nan", Tree(std::numeric_limits<double>::quiet_NaN())).Set("-0", Tree(-0.0));
  tree.Set("text", Tree("a\nb")).Set("bytes", Tree::FromBytes(std::string("\0\xff", 2)));
  tree.Set("dict", Tree::Dict()).Set("list", Tree::List());
  tree.Set("nested", Tree::List().Append(Tree::List().Append(Tree::Dict())).Append(Tree()));
  ExpectRoundTrip(MakeMemoryStore(), tree);
}

TEST(Restore, RootsThatAreNoDict) {
  ExpectRoundTrip(MakeMemoryStore(), Sample(DataType::kInt8, {3}));
  ExpectRoundTrip(MakeMemoryStore(), Tree("alone"));
  ExpectRoundTrip(MakeMemoryStore(), Tree());
  ExpectRoundTrip(MakeMemoryStore(), Tree::List());
}

TEST(Restore, HostileNamesNeverBecomePaths) {
  const TempDir dir;
  const KvStorePtr store = MakeFileStore(dir / "store", {.sync = false}).OrDie();
  Tree tree = Tree::Dict();
  uint32_t seed = 0;
  for (const std::string& name :
       {std::string(""), std::string("."), std::string(".."), std::string("../../etc/passwd"),
        std::string("/"), std::string("a/b"), std::string("a\0b", 3), std::string(" "),
        std::string("zarr.json"), std::string("commit"), std::string("größe \xf0\x9f\x9a\xb2"),
        std::string(1024, 'x'), std::string("a\\b\"c\n")}) {
    tree.Set(name, Sample(DataType::kUint8, {3}, ++seed));
  }
  Tree collide = Tree::Dict();  // 1 and "1", a/b and a then b.
  collide.Set("1", Sample(DataType::kUint8, {2}, 50));
  collide.Set("a", Tree::Dict().Set("b", Sample(DataType::kUint8, {2}, 51)));
  tree.Set("list", Tree::List().Append(Tree()).Append(Sample(DataType::kUint8, {2}, 52)));
  tree.Set("a", collide);
  ExpectRoundTrip(store, tree);
}

TEST(Restore, ManyChunksAndShards) {
  Tree tree = Tree::Dict();
  tree.Set("rows", Sample(DataType::kFloat32, {1000, 37}));
  tree.Set("wide", Sample(DataType::kUint16, {3, 5, 4001}));
  tree.Set("cube", Sample(DataType::kInt64, {17, 19, 23}));
  for (const int64_t shard_bytes : {int64_t{0}, KiB(8), KiB(64)}) {
    ExpectRoundTrip(MakeMemoryStore(), tree, {.chunk_bytes = KiB(2), .shard_bytes = shard_bytes});
  }
  ExpectRoundTrip(MakeMemoryStore(), tree, {.codec = Uncompressed(), .chunk_bytes = KiB(3)});
  ExpectRoundTrip(MakeMemoryStore(), tree, {.checksum = false, .chunk_bytes = KiB(3)});
}

TEST(Restore, SavesFromStridedMemory) {
  std::vector<int32_t> values(60);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<int32_t>(i);
  const ConstView whole = Ref(values.data(), {3, 4, 5});
  const int order[] = {2, 0, 1};
  const Tree tree = Tree::Dict().Set("t", Tree(whole.Transposed(order)));
  ExpectRoundTrip(MakeMemoryStore(), tree);
}

TEST(Restore, ArraysOfZerosAreStoredAndWhole) {
  std::vector<float> zeros(5000, 0.0F);
  const KvStorePtr store = MakeMemoryStore();
  const Tree tree = Tree::Dict().Set("z", Tree(Ref(zeros.data(), {5000})));
  ExpectRoundTrip(store, tree, {.chunk_bytes = KiB(4), .shard_bytes = 0});
  int chunks = 0;
  for (const std::string& key : KeysOf(*store)) chunks += key.find("/c.") != key.npos ? 1 : 0;
  EXPECT_EQ(chunks, 5);
}

TEST(Restore, AnAbsentChunkIsDataLoss) {
  const KvStorePtr store = MakeMemoryStore();
  const Tree tree = Tree::Dict().Set("w", Sample(DataType::kFloat32, {5000}));
  ASSERT_EQ(checkpoint::Save(store, "c/", tree, {.chunk_bytes = KiB(4), .shard_bytes = 0}),
            Status());
  std::string removed;
  for (const std::string& key : KeysOf(*store)) {
    if (key.ends_with("/c.3")) Remove(*store, removed = key);
  }
  ASSERT_NE(removed, "");
  const Status status = checkpoint::Restore(store, "c/").status();
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("at w: "));
  EXPECT_THAT(std::string(status.message()), HasSubstr(removed));
  const Result<Tree> without = checkpoint::Restore(  // Chunks of 1,000: this needs the first two.
      store, "c/",
      {.shapes = {{TreePath().Key("w"), {2000}}}, .shape_policy = ShapePolicy::kTruncate});
  EXPECT_TRUE(without.ok()) << without.status();
}

/// `from` padded with zeros and cut to `shape`, one element at a time.
std::string Reshaped(const Tree& from, const Shape& shape) {
  const ConstView view = from.array();
  const auto item = static_cast<size_t>(view.data_type.size());
  std::string bytes;
  Index at = Index::Filled(shape.rank(), 0);
  for (int64_t n = *NumElements(shape); n > 0; --n) {
    bool inside = true;
    const std::byte* element = view.data;
    for (int d = 0; d < shape.rank(); ++d) {
      inside = inside && at[d] < view.shape[d];
      element += at[d] * view.strides[d];
    }
    bytes += inside ? std::string(reinterpret_cast<const char*>(element), item)
                    : std::string(item, '\0');
    for (int d = shape.rank() - 1; d >= 0 && ++at[d] == shape[d]; --d) at[d] = 0;
  }
  return bytes;
}

TEST(Restore, PadsAndTruncatesInEveryDimensionAtOnce) {
  const KvStorePtr store = MakeMemoryStore();
  const Tree w = Sample(DataType::kInt16, {5, 6, 7});
  ASSERT_EQ(checkpoint::Save(store, "c/", Tree::Dict().Set("w", w),
                             {.chunk_bytes = 60, .shard_bytes = 250}),
            Status());
  const int64_t extents[3][4] = {{0, 3, 5, 8}, {0, 1, 6, 9}, {0, 4, 7, 11}};
  for (int64_t a : extents[0]) {
    for (int64_t b : extents[1]) {
      for (int64_t c : extents[2]) {
        const Shape shape = {a, b, c};
        const Tree restored = checkpoint::Restore(store, "c/",
                                                  {.shapes = {{TreePath().Key("w"), shape}},
                                                   .shape_policy = ShapePolicy::kPadOrTruncate})
                                  .OrDie();
        EXPECT_EQ(restored.Find("w")->array().shape, shape);
        EXPECT_EQ(ElementsOf(*restored.Find("w")), Reshaped(w, shape)) << shape;
      }
    }
  }
}

TEST(Restore, PadsWithZeroForEveryWidth) {
  const KvStorePtr store = MakeMemoryStore();
  Tree tree = Tree::Dict();
  for (const char* name : {"bool", "uint8", "bfloat16", "r24", "float32", "int64", "complex128"}) {
    tree.Set(name, Sample(DataType::Parse(name).OrDie(), {3, 2}));
  }
  ASSERT_EQ(checkpoint::Save(store, "c/", tree), Status());
  checkpoint::RestoreOptions options;
  options.shape_policy = ShapePolicy::kPad;
  for (const auto& [path, leaf] : tree.Leaves()) options.shapes.push_back({path, {4, 5}});
  const Tree restored = checkpoint::Restore(store, "c/", options).OrDie();
  for (const auto& [path, leaf] : tree.Leaves()) {
    EXPECT_EQ(ElementsOf(*restored.Find(path)), Reshaped(*leaf, {4, 5})) << path.ToString();
  }
}

TEST(Restore, TruncatingReadsOnlyWhatItNeeds) {
  const KvStorePtr memory = MakeMemoryStore();
  ASSERT_EQ(checkpoint::Save(memory, "c/",
                             Tree::Dict()
                                 .Set("w", Sample(DataType::kUint8, {100, 1000}))
                                 .Set("other", Sample(DataType::kUint8, {5})),
                             {.chunk_bytes = 1000, .shard_bytes = 0}),
            Status());
  std::atomic<int> chunks{0}, others{0};
  const KvStorePtr traced = MakeTraceStore(memory, [&](const TraceEvent& event) {
    if (event.key.find("/arrays/0/c.") != event.key.npos) ++chunks;
    if (event.key.find("/arrays/1/") != event.key.npos) ++others;
  });
  ASSERT_TRUE(checkpoint::Restore(traced, "c/",
                                  {.shapes = {{TreePath().Key("w"), {3, 1000}}},
                                   .shape_policy = ShapePolicy::kTruncate,
                                   .subtree = TreePath().Key("w")})
                  .ok());
  EXPECT_EQ(chunks, 3);
  EXPECT_EQ(others, 0);
}

TEST(Restore, ErrorsOfTheCallNamePlaceAndLeafAndReadNoArray) {
  const KvStorePtr memory = MakeMemoryStore();
  ASSERT_EQ(checkpoint::Save(memory, "c/", Tree::Dict().Set("b", Sample(DataType::kInt8, {3}))),
            Status());
  std::atomic<int> arrays{0};
  const KvStorePtr traced = MakeTraceStore(memory, [&](const TraceEvent& event) {
    if (event.key.find("/arrays/") != event.key.npos) ++arrays;
  });
  const Tree target = Tree::Dict().Set("b", Sample(DataType::kInt8, {4}));
  EXPECT_EQ(checkpoint::Restore(traced, "c/", {.target = &target}).status(),
            InvalidArgumentError(traced->Describe("c/") +
                                 ": at b: stored shape [3] does not match the wanted [4]; pass "
                                 "ShapePolicy::kPad"));
  EXPECT_EQ(arrays, 0);
}

TEST(Restore, WhatIsNoCheckpointIsNotFound) {
  const KvStorePtr store = MakeMemoryStore();
  EXPECT_EQ(checkpoint::Restore(store, "c/").status(),
            NotFoundError(store->Describe("c/") + ": no checkpoint: nothing is there"));
  Array::Create(store, "c/", {.shape = {2}}).OrDie();
  EXPECT_EQ(
      checkpoint::Restore(store, "c/").status(),
      NotFoundError(store->Describe("c/") + ": no checkpoint: what is there has no commit marker"));
  EXPECT_EQ(checkpoint::IsCheckpoint(store, "c/").OrDie(), false);
}

TEST(Restore, AFailingStoreIsNoMissingCheckpoint) {
  const auto faulty = MakeFaultStore(MakeMemoryStore());
  ASSERT_EQ(checkpoint::Save(faulty, "c/", Tree(1)), Status());
  faulty->Inject({.operation = KvOperation::kRead, .times = -1});
  EXPECT_EQ(checkpoint::Restore(faulty, "c/").status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(checkpoint::IsCheckpoint(faulty, "c/").status().code(), StatusCode::kUnavailable);
}

TEST(Restore, PlacesByUrlPathAndSpec) {
  const TempDir dir;
  const Tree tree = Tree::Dict().Set("w", Sample(DataType::kInt8, {3}));
  const std::string path = dir / "runs/a b/7";
  const std::string url = "file://" + (dir / "runs/a%20b/7");
  const std::string spec = R"({"driver": "file", "path": ")" + path + R"("})";
  ASSERT_EQ(checkpoint::Save(url + "/", tree), Status());
  for (const std::string& place : {url, url + "/", url + "//", path, path + "/", spec}) {
    const Result<Tree> restored = checkpoint::Restore(place);
    ASSERT_TRUE(restored.ok()) << place << restored.status();
    EXPECT_EQ(Difference(tree, *restored), "") << place;
    EXPECT_EQ(checkpoint::IsCheckpoint(place).OrDie(), true) << place;
  }
  const Context context = Context::Create();
  ASSERT_EQ(checkpoint::Save("memory://m/x/y", tree, {.context = context}), Status());
  ASSERT_EQ(checkpoint::Save("memory://n", tree, {.context = context}), Status());
  EXPECT_TRUE(checkpoint::Restore("memory://m/x/y", {.context = context}).ok());
  EXPECT_TRUE(checkpoint::Restore("memory://n/", {.context = context}).ok());
  EXPECT_EQ(checkpoint::Restore("memory://m/x", {.context = context}).status().code(),
            StatusCode::kNotFound);
  const std::string one_segment = R"({"driver": "memory", "path": "one"})";
  ASSERT_EQ(checkpoint::Save(one_segment, tree, {.context = context}), Status());
  EXPECT_TRUE(checkpoint::Restore(one_segment, {.context = context}).ok());
  EXPECT_TRUE(checkpoint::Restore("memory://one", {.context = context}).ok());
}

TEST(Restore, PlacesThatAreNone) {
  const std::pair<std::string, std::string> cases[] = {
      {"file:///x/c|zarr3:", "and what stands behind \"|\" opens none"},
      {"/x/c|zarr3:", "and what stands behind \"|\" opens none"},
      {R"({"driver": "zarr3", "kvstore": "memory://x"})", "at $.kvstore: a checkpoint is a place"},
      {R"({"driver": "file", "path": 7})", "at $.path: expected a string"},
      {"gopher://x/y", "unknown scheme"}};
  for (const auto& [place, message] : cases) {
    const Status status = checkpoint::Restore(place).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << place;
    EXPECT_THAT(std::string(status.message()), HasSubstr(message)) << place;
  }
}

TEST(Restore, PlacesThatAreReachedByOtherNames) {
  const TempDir dir;
  Tree tree = Tree::Dict();
  tree.Set("w", Sample(DataType::kUint8, {4, 3}));
  ASSERT_EQ(checkpoint::Save(dir / "c", tree), Status());
  std::filesystem::create_symlink("c", dir / "latest");
  for (const std::string place : {"c/.", "c/../c", "latest"}) {
    const Result<Tree> restored = checkpoint::Restore(dir / place);
    ASSERT_TRUE(restored.ok()) << restored.status();
    EXPECT_EQ(Difference(tree, *restored), "") << place;
  }
  // What is published needs a name of its own.
  const Status status = checkpoint::Save(dir / "c/.", tree);
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("a checkpoint's name cannot be \".\""));
}

TEST(Restore, ManySmallLeaves) {
  Tree tree = Tree::Dict();
  for (uint32_t i = 0; i < 2000; ++i) {
    tree.Set("leaf" + std::to_string(i), Sample(DataType::kUint8, {4}, i));
  }
  ExpectRoundTrip(MakeMemoryStore(), tree);
}

}  // namespace
}  // namespace coffer
