// Goal: a copy with skip_stored copies exactly what the first left undone, whatever the layout, and
// says how much it skipped; what cannot be judged by its key is copied again.
// Method: a source that notes every box that is read; first copies that are broken off; keys that
// look like cells and are none.
#include <gtest/gtest.h>

#include <vector>

#include "coffer/array/copy.h"
#include "coffer/array/driver.h"
#include "src/base/mutex.h"
#include "src/nd/copy.h"
#include "tests/unit/array/forwarding_store.h"
#include "tests/unit/array/model.h"

namespace coffer {
namespace {

using testing::ForwardingStore;
using testing::Later;
using testing::NewStore;

/// 1, 2, 3, ... in C order; zeros where `zeros` says so. Notes what is read.
class Numbers : public BlockSource {
 public:
  explicit Numbers(Shape shape, Box zeros = {}) : shape_(std::move(shape)), zeros_(zeros) {}
  DataType data_type() const override { return DataType::kUint16; }
  const Shape& shape() const override { return shape_; }
  int64_t task_bytes(const Box&) const override { return 0; }
  Status ReadBlock(const Box& box, const View& destination, Reservation&,
                   const CancelToken&) override {
    const std::vector<uint16_t> values = ValuesOf(box);
    CopyView(Ref(values.data(), box.shape), destination);
    MutexLock lock(mutex_);
    elements_ += std::ssize(values);
    return Status();
  }
  std::vector<uint16_t> ValuesOf(const Box& box) const {
    std::vector<uint16_t> values;
    testing::ForEachIndex(box.shape, [&](const Index& index) {
      int64_t number = 0;
      bool zero = zeros_.rank() > 0;
      for (int d = 0; d < index.rank(); ++d) {
        const int64_t at = box.origin[d] + index[d];
        number = number * shape_[d] + at;
        if (zero) zero = at >= zeros_.origin[d] && at < zeros_.origin[d] + zeros_.shape[d];
      }
      values.push_back(zero ? 0 : static_cast<uint16_t>(number + 1));
    });
    return values;
  }
  /// Of the blocks since the last call.
  int64_t TakeElements() {
    MutexLock lock(mutex_);
    return std::exchange(elements_, 0);
  }

 private:
  const Shape shape_;
  const Box zeros_;
  Mutex mutex_;
  int64_t elements_ COFFER_GUARDED_BY(mutex_) = 0;
};

std::vector<uint16_t> Elements(const Array& array, const Box& box) {
  std::vector<uint16_t> values(static_cast<size_t>(*NumElements(box.shape)));
  array.Read(box, Ref(values.data(), box.shape)).OrDie();
  return values;
}

struct Layout {
  std::string name;
  KvStorePtr store;
  CreateOptions options;
};

/// With a budget for one task at a time: else all cells of a remote store are on their way at once.
std::vector<Layout> Layouts(const Shape& shape) {
  const CreateOptions plain{.shape = shape,
                            .data_type = DataType::kUint16,
                            .chunk_shape = {4, 6},
                            .codec = Zstd(1),
                            .context = Context::Create({.threads = 2, .budget_bytes = 1})};
  CreateOptions sharded = plain;
  sharded.chunk_shape = {2, 3};
  sharded.shard_shape = {4, 6};
  CreateOptions old_keys = plain;
  old_keys.format.chunk_key_encoding = "v2";
  old_keys.format.chunk_key_separator = '.';
  return {{"chunks", NewStore(), plain},
          {"shards", NewStore(), sharded},
          {"keys of v2", NewStore(), old_keys},
          {"chunks that come later", Later(NewStore()), plain},
          {"shards below a prefix", MakePrefixStore(Later(NewStore()), "deep/"), sharded}};
}

// 3 x 4 cells of 4 x 6, those at both edges are cut.
const Shape kShape{10, 20};

TEST(CopyResume, GoesOnWhereTheFirstCopyWasBrokenOff) {
  for (const bool exclusive : {true, false}) {
    for (const Layout& layout : Layouts(kShape)) {
      SCOPED_TRACE(layout.name + (exclusive ? ", exclusive" : ""));
      const Array array = Array::Create(layout.store, "a/", layout.options).OrDie();
      Numbers source(kShape);
      const CancelSource cancel;
      int64_t skipped = -1;
      const auto stop_at_half = [&](int64_t done, int64_t all) {
        EXPECT_EQ(all, 400);
        if (done >= 200) cancel.Cancel();
      };
      EXPECT_EQ(CopyInto(source, array, {0, 0},
                         {.on_progress = stop_at_half,
                          .cancel = cancel.token(),
                          .exclusive = exclusive,
                          .skip_stored = true,
                          .skipped_bytes = &skipped})
                    .code(),
                StatusCode::kCancelled);
      EXPECT_EQ(skipped, 0);
      source.TakeElements();
      const int64_t stored = array.CountStored().OrDie().count;
      EXPECT_GT(stored, 0);
      EXPECT_LT(stored, 12);

      int64_t last = 0;
      ASSERT_EQ(CopyInto(source, array, {0, 0},
                         {.on_progress = [&](int64_t done, int64_t) { last = done; },
                          .exclusive = exclusive,
                          .skip_stored = true,
                          .skipped_bytes = &skipped}),
                Status());
      EXPECT_EQ(last, 400);
      EXPECT_GT(skipped, 0);
      EXPECT_EQ(2 * source.TakeElements() + skipped, 400);
      EXPECT_EQ(Elements(array, Box::Full(kShape)), source.ValuesOf(Box::Full(kShape)));

      // Of what is finished nothing is read.
      ASSERT_EQ(CopyInto(source, array, {0, 0},
                         {.exclusive = exclusive, .skip_stored = true, .skipped_bytes = &skipped}),
                Status());
      EXPECT_EQ(skipped, 400);
      EXPECT_EQ(source.TakeElements(), 0);
    }
  }
}

TEST(CopyResume, LooksForNothingUnlessAsked) {
  const Layout layout = Layouts(kShape).front();
  const Array array = Array::Create(layout.store, "", layout.options).OrDie();
  Numbers source(kShape);
  int64_t skipped = -1;
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(CopyInto(source, array, {0, 0}, {.skipped_bytes = &skipped}), Status());
    EXPECT_EQ(skipped, 0);
    EXPECT_EQ(source.TakeElements(), 200);
  }
}

TEST(CopyResume, WhatIsThereStaysUnlessTheCopyCoversItInPart) {
  for (const Layout& layout : Layouts(kShape)) {
    SCOPED_TRACE(layout.name);
    const Array array = Array::Create(layout.store, "a/", layout.options).OrDie();
    const std::vector<uint16_t> old(200, 9000);
    array.Write(Box::Full(kShape), Ref(old.data(), kShape)).OrDie();
    // Covers the cells (1, 2), (2, 2), (1, 3) and (2, 3), at the array's two edges, and a part of
    // five others.
    const Box box = Box::FromSize({3, 11}, {7, 9});
    Numbers source(box.shape);
    int64_t skipped = -1;
    ASSERT_EQ(CopyInto(source, array, box.origin, {.skip_stored = true, .skipped_bytes = &skipped}),
              Status());
    const Box covered = Box::FromSize({4, 12}, {6, 8});
    EXPECT_EQ(skipped, 2 * 6 * 8);
    EXPECT_EQ(source.TakeElements(), 7 * 9 - 6 * 8);
    EXPECT_EQ(Elements(array, covered), std::vector<uint16_t>(48, 9000));
    EXPECT_EQ(Elements(array, Box::FromSize({3, 11}, {1, 9})),
              source.ValuesOf(Box::FromSize({0, 0}, {1, 9})));
    EXPECT_EQ(Elements(array, Box::FromSize({3, 11}, {7, 1})),
              source.ValuesOf(Box::FromSize({0, 0}, {7, 1})));
    EXPECT_EQ(Elements(array, Box::FromSize({0, 0}, {3, 20})), std::vector<uint16_t>(60, 9000));
  }
}

TEST(CopyResume, FillValuesAreReadAgainUnlessTheyAreStored) {
  for (const bool store_fill_chunks : {false, true}) {
    const Layout layout = Layouts(kShape).front();
    const Array array = Array::Create(layout.store, "", layout.options).OrDie();
    Numbers source(kShape, Box::FromSize({0, 0}, {4, 12}));  // Two cells.
    CopyOptions options{.store_fill_chunks = store_fill_chunks, .skip_stored = true};
    ASSERT_EQ(CopyInto(source, array, {0, 0}, options), Status());
    EXPECT_EQ(source.TakeElements(), 200);
    int64_t skipped = -1;
    options.skipped_bytes = &skipped;
    ASSERT_EQ(CopyInto(source, array, {0, 0}, options), Status());
    EXPECT_EQ(source.TakeElements(), store_fill_chunks ? 0 : 48);
    EXPECT_EQ(skipped, store_fill_chunks ? 400 : 304);
    EXPECT_EQ(Elements(array, Box::Full(kShape)), source.ValuesOf(Box::Full(kShape)));
  }
}

TEST(CopyResume, OtherKeysAreNoCells) {
  const Layout layout = Layouts(kShape).front();
  const Array array = Array::Create(layout.store, "a/", layout.options).OrDie();
  for (const char* key : {"a/c/3/0", "a/c/0/4", "a/c/0", "a/c/0/0/0", "a/c/00/0", "a/c/0/0.part",
                          "a2/c/0/0", "c/0/0", "a/0.0", "a/c/x/0"}) {
    layout.store->Write(key, Bytes::Copy("x")).Get().OrThrow();
  }
  Numbers source(kShape);
  int64_t skipped = -1;
  ASSERT_EQ(CopyInto(source, array, {0, 0}, {.skip_stored = true, .skipped_bytes = &skipped}),
            Status());
  EXPECT_EQ(skipped, 0);
  EXPECT_EQ(source.TakeElements(), 200);
}

TEST(CopyResume, ManyCellsAreLookedForInWindows) {
  // A window has 16 cells then.
  const Context context = Context::Create({.threads = 2, .budget_bytes = 8});
  const Array array =
      Array::Create(
          NewStore(context), "",
          {.shape = {100}, .data_type = DataType::kUint16, .chunk_shape = {2}, .context = context})
          .OrDie();
  Numbers source({100});
  ASSERT_EQ(CopyInto(source, array, {0}), Status());
  for (const int cell : {0, 15, 16, 40, 49}) {
    array.stored()->store->Write("c/" + std::to_string(cell), std::nullopt).Get().OrThrow();
  }
  source.TakeElements();
  int64_t skipped = -1;
  ASSERT_EQ(CopyInto(source, array, {0}, {.skip_stored = true, .skipped_bytes = &skipped}),
            Status());
  EXPECT_EQ(source.TakeElements(), 10);
  EXPECT_EQ(skipped, 180);
  EXPECT_EQ(Elements(array, Box::Full({100})), source.ValuesOf(Box::Full({100})));
}

TEST(CopyResume, AnArrayOfOneElementHasOneCell) {
  const Array array = Array::Create(NewStore(), "", {.data_type = DataType::kUint16}).OrDie();
  Numbers source(Shape{});
  int64_t skipped = -1;
  for (const int64_t expected : {0, 2}) {
    ASSERT_EQ(CopyInto(source, array, {}, {.skip_stored = true, .skipped_bytes = &skipped}),
              Status());
    EXPECT_EQ(skipped, expected);
    EXPECT_EQ(source.TakeElements(), expected == 0 ? 1 : 0);
  }
}

/// Lists for ever, and is cancelled at its third page.
class EndlessStore : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  Result<std::unique_ptr<KvListing>> List(ListOptions) override {
    return std::unique_ptr<KvListing>(std::make_unique<Pages>(this));
  }

  int pages = 0;
  CancelSource cancel;

 private:
  struct Pages : KvListing {
    explicit Pages(EndlessStore* of) : store(of) {}
    Future<std::vector<ListEntry>> Next() override {
      if (++store->pages == 3) store->cancel.Cancel();
      if (store->pages == 100) return Future<std::vector<ListEntry>>::Ready(AbortedError("enough"));
      return Future<std::vector<ListEntry>>::Ready({{{"c/x" + std::to_string(store->pages)}}});
    }
    EndlessStore* const store;
  };
};

TEST(CopyResume, CancellingEndsTheLookAtWhatIsStored) {
  const KvStorePtr base = NewStore();
  Array::Create(base, "", {.shape = {4}, .data_type = DataType::kUint16}).OrDie();
  const auto store = std::make_shared<EndlessStore>(base);
  const Array array = Array::Open(store, "").OrDie();
  Numbers source({4});
  EXPECT_EQ(
      CopyInto(source, array, {0}, {.cancel = store->cancel.token(), .skip_stored = true}).code(),
      StatusCode::kCancelled);
  EXPECT_EQ(store->pages, 3);
  EXPECT_EQ(source.TakeElements(), 0);
}

TEST(CopyResume, AStoreThatCannotListSaysSo) {
  const Array array = Array::Create(std::make_shared<ForwardingStore>(NewStore()), "",
                                    {.shape = {4}, .data_type = DataType::kUint16})
                          .OrDie();
  Numbers source({4});
  EXPECT_EQ(CopyInto(source, array, {0}, {.skip_stored = true}).code(), StatusCode::kUnimplemented);
  EXPECT_EQ(source.TakeElements(), 0);
}

}  // namespace
}  // namespace coffer
