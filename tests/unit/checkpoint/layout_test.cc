// Goal: chunks and shards of saved arrays are about the asked size, keep rows whole, and cost small
// arrays nothing.
// Method: layouts of typical and extreme shapes against exact values; properties over many shapes.
#include "src/checkpoint/layout.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "coffer/base/checked.h"

namespace coffer {
namespace {

TEST(Layout, SmallArraysAreOneChunkWithoutShards) {
  const ArrayLayout layout = ChooseLayout({384}, 4, MiB(1), MiB(32));
  EXPECT_EQ(layout.chunk_shape, (Shape{384}));
  EXPECT_EQ(layout.shard_shape, Shape());
}

TEST(Layout, RankZeroAndNoElements) {
  EXPECT_EQ(ChooseLayout(Shape(), 8, MiB(1), MiB(32)).chunk_shape, Shape());
  EXPECT_EQ(ChooseLayout(Shape(), 8, MiB(1), MiB(32)).shard_shape, Shape());
  EXPECT_EQ(ChooseLayout({0, 3}, 8, MiB(1), MiB(32)).chunk_shape, (Shape{1, 3}));
  EXPECT_EQ(ChooseLayout({3, 0}, 8, MiB(1), MiB(32)).chunk_shape, (Shape{3, 1}));
  EXPECT_EQ(ChooseLayout({3, 0}, 8, MiB(1), MiB(32)).shard_shape, Shape());
}

TEST(Layout, EmbeddingMatrixKeepsItsRowsWhole) {
  // 682 rows of 1,536 bytes fit into 1 MiB: 45 chunks, evenly 679 rows each. 32 of these fit into
  // 32 MiB: 2 shards, evenly of 23.
  const ArrayLayout layout = ChooseLayout({30522, 384}, 4, MiB(1), MiB(32));
  EXPECT_EQ(layout.chunk_shape, (Shape{679, 384}));
  EXPECT_EQ(layout.shard_shape, (Shape{679 * 23, 384}));
}

TEST(Layout, RowsLargerThanAChunkAreCut) {
  const ArrayLayout layout = ChooseLayout({4, 1000000}, 1, 300000, 1000000);
  EXPECT_EQ(layout.chunk_shape, (Shape{1, 250000}));
  EXPECT_EQ(layout.shard_shape, (Shape{1, 1000000}));
}

TEST(Layout, WithoutShardBytesNoShards) {
  const ArrayLayout layout = ChooseLayout({1000, 1000}, 8, MiB(1), 0);
  EXPECT_EQ(layout.chunk_shape, (Shape{125, 1000}));
  EXPECT_EQ(layout.shard_shape, Shape());
}

TEST(Layout, ElementsLargerThanAChunk) {
  const ArrayLayout layout = ChooseLayout({5, 2}, 65536, 100, 100);
  EXPECT_EQ(layout.chunk_shape, (Shape{1, 1}));
  EXPECT_EQ(layout.shard_shape, Shape());
}

TEST(Layout, Properties) {
  rc::check("cells are bounded, contiguous runs of rows, and shards are whole chunks", [] {
    Shape shape;
    const int rank = *rc::gen::inRange(0, 6);
    for (int d = 0; d < rank; ++d) shape.push_back(*rc::gen::inRange(0, 200));
    const int64_t item = *rc::gen::inRange(1, 17);
    const int64_t chunk_bytes = *rc::gen::inRange(1, 100000);
    const int64_t shard_bytes = *rc::gen::inRange(0, 1000000);
    const ArrayLayout layout = ChooseLayout(shape, item, chunk_bytes, shard_bytes);
    RC_ASSERT(layout.chunk_shape.rank() == rank);
    const int64_t bytes = *NumElements(layout.chunk_shape) * item;
    RC_ASSERT(bytes <= std::max(chunk_bytes, item));
    bool cut = false;  // From the last dimension: whole ones, one cut, ones.
    for (int d = rank - 1; d >= 0; --d) {
      RC_ASSERT(layout.chunk_shape[d] >= 1);
      RC_ASSERT(layout.chunk_shape[d] <= std::max<int64_t>(shape[d], 1));
      if (cut) RC_ASSERT(layout.chunk_shape[d] == 1);
      cut = cut || layout.chunk_shape[d] < shape[d];
    }
    if (layout.shard_shape.rank() == 0) return;
    RC_ASSERT(layout.shard_shape.rank() == rank);
    RC_ASSERT(*NumElements(layout.shard_shape) * item <= shard_bytes);
    RC_ASSERT(*NumElements(layout.shard_shape) > *NumElements(layout.chunk_shape));
    for (int d = 0; d < rank; ++d) {
      RC_ASSERT(layout.shard_shape[d] % layout.chunk_shape[d] == 0);
      RC_ASSERT(layout.shard_shape[d] - layout.chunk_shape[d] < std::max<int64_t>(shape[d], 1));
    }
  });
}

}  // namespace
}  // namespace coffer
