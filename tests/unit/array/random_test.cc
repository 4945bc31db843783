// Goal: any sequence of reads, writes, resizes and reopenings of an array gives what a plain array
// in memory gives. Method: random operations with printed seeds, on random layouts, held against
// ModelArray after every step, on a local store, a file store and a store that answers later.
#include <gtest/gtest.h>

#include <filesystem>

#include "coffer/array/array.h"
#include "tests/support/soak.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/array/model.h"

namespace coffer {
namespace {

using testing::Later;
using testing::ModelArray;
using testing::RandomBytes;
using testing::RandomTransform;
using testing::ViewOf;

class RandomLayout {
 public:
  explicit RandomLayout(std::mt19937_64& random) : random_(random) {}

  CreateOptions Make() {
    CreateOptions options;
    const int rank = static_cast<int>(Pick(5));
    for (int d = 0; d < rank; ++d) {
      options.shape.push_back(Pick(rank > 2 ? 9 : 40));
      options.chunk_shape.push_back(1 + Pick(6));
    }
    if (rank > 0 && Pick(2) == 0) {
      for (int d = 0; d < rank; ++d) {
        options.shard_shape.push_back(options.chunk_shape[d] * (1 + Pick(4)));
      }
    }
    static constexpr DataType kTypes[] = {DataType::kUint8, DataType::kInt16, DataType::kFloat32,
                                          DataType::kComplex128, DataType::Raw(3)};
    options.data_type = kTypes[Pick(5)];
    const CodecSpec codecs[] = {Uncompressed(), Zstd(1), Gzip(1), Blosc("lz4", 3)};
    options.codec = codecs[Pick(4)];
    options.format.checksum = Pick(2) == 0;
    return options;
  }
  int64_t Pick(int64_t below) {
    return static_cast<int64_t>(random_() % static_cast<uint64_t>(below));
  }

 private:
  std::mt19937_64& random_;
};

void ExpectSame(const Array& array, const ModelArray& model, const IndexTransform& transform) {
  const OwnedArray read = array.ReadOwned(transform).OrDie();
  const std::vector<std::byte> expected = model.Read(transform);
  ASSERT_EQ(read.bytes().size(), expected.size());
  ASSERT_TRUE(std::equal(expected.begin(), expected.end(), read.bytes().begin()));
}

void RunSequence(uint64_t seed, const KvStorePtr& store) {
  SCOPED_TRACE("seed=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  RandomLayout layout(random);
  CreateOptions options = layout.Make();
  options.format.delete_existing = true;
  SCOPED_TRACE("shape=" + ToString(options.shape) + " chunk=" + ToString(options.chunk_shape) +
               " shard=" + ToString(options.shard_shape) + " " + options.data_type.name() + " " +
               options.codec.name);
  Array array = Array::Create(store, "a/", options).OrDie();
  ModelArray model(options.data_type, options.shape,
                   {array.fill_value().begin(), array.fill_value().end()});
  for (int step = 0; step < 12; ++step) {
    const IndexTransform transform = RandomTransform(array.shape(), random);
    switch (layout.Pick(8)) {
      case 0:
        array = Array::Open(store, "a/").OrDie();
        break;
      case 1: {
        Shape shape;
        for (int64_t extent : array.shape()) shape.push_back(layout.Pick(2 * extent + 2));
        array.Resize(shape).OrDie();
        model.Resize(shape);
        break;
      }
      default: {
        const size_t size =
            static_cast<size_t>(*NumElements(transform.view_shape()) * options.data_type.size());
        const std::vector<std::byte> bytes = RandomBytes(size, random);
        array.Write(transform, ViewOf(bytes, options.data_type, transform.view_shape())).OrDie();
        model.Write(transform, bytes);
      }
    }
    ASSERT_NO_FATAL_FAILURE(ExpectSame(array, model, IndexTransform::Identity(array.shape())));
    ASSERT_NO_FATAL_FAILURE(ExpectSame(array, model, RandomTransform(array.shape(), random)));
  }
}

uint64_t FirstSeed() {
  const char* seed = std::getenv("COFFER_SEED");
  return seed != nullptr ? std::strtoull(seed, nullptr, 10) : 1000;
}

TEST(RandomArrayTest, MemoryStore) {
  const KvStorePtr store = OpenKvStore("memory://random").OrDie();
  for (uint64_t i = 0; i < Soaked(150); ++i) {
    ASSERT_NO_FATAL_FAILURE(RunSequence(FirstSeed() + i, store));
  }
}

TEST(RandomArrayTest, FileStore) {
  const TempDir dir;
  const KvStorePtr store =
      OpenKvStore(R"({"driver": "file", "path": ")" + dir.path() + R"(/x", "file_io_sync": false})")
          .OrDie();
  for (uint64_t i = 0; i < Soaked(40); ++i) {
    ASSERT_NO_FATAL_FAILURE(RunSequence(FirstSeed() + i, store));
  }
}

TEST(RandomArrayTest, StoreThatAnswersLater) {
  const KvStorePtr store = Later(OpenKvStore("memory://later").OrDie());
  for (uint64_t i = 0; i < Soaked(40); ++i) {
    ASSERT_NO_FATAL_FAILURE(RunSequence(FirstSeed() + i, store));
  }
}

}  // namespace
}  // namespace coffer
