// Goal: chunks so large that the budget has room for one alone are read side by side all the same,
// by what their heads say, and never with more memory than that; what becomes of a chunk between
// the two reads is noticed.
// Method: chunks of 16 MiB in a budget of 32; a store that replaces a chunk once its head was read.
#include <gtest/gtest.h>
#include <zstd.h>

#include <algorithm>
#include <optional>
#include <random>
#include <utility>

#include "coffer/array/array.h"
#include "tests/unit/array/forwarding_store.h"
#include "tests/unit/array/model.h"

namespace coffer {
namespace {

using testing::NewStore;
using testing::ViewOf;

const Shape kShape = {512, 256, 512};  // Four chunks, two along the first and the last dimension.
const Shape kChunk = {256, 256, 256};
constexpr int64_t kBudget = MiB(32);

/// Half as long when compressed.
const std::vector<std::byte>& Elements() {
  static const std::vector<std::byte> elements = [] {
    std::minstd_rand dice(7);
    std::vector<std::byte> made(static_cast<size_t>(*NumElements(kShape)));
    for (std::byte& element : made) element = static_cast<std::byte>(dice() >> 8 & 15);
    return made;
  }();
  return elements;
}

class ChunkHead : public ::testing::Test {
 protected:
  ChunkHead() {
    const CreateOptions options{.shape = kShape, .chunk_shape = kChunk, .codec = Zstd(1)};
    const Array array = Array::Create(base_, "", options).OrDie();
    array.Write(Box::Full(kShape), ViewOf(Elements(), DataType::kUint8, kShape)).OrDie();
  }

  void ExpectAll(const KvStorePtr& store, const Context& context) {
    const Array array = Array::Open(store, "", {.context = context}).OrDie();
    const OwnedArray read = array.ReadOwned(IndexTransform::Identity(kShape)).OrDie();
    EXPECT_TRUE(std::equal(read.bytes().begin(), read.bytes().end(), Elements().begin()));
    EXPECT_EQ(context.budget().held_bytes(), 0);
    EXPECT_EQ(context.buffers().held_bytes(), 0);
  }

  const Context context_ = Context::Create({.threads = 2, .budget_bytes = kBudget});
  const KvStorePtr base_ = NewStore(context_);
};

TEST_F(ChunkHead, LetsLargeChunksBeReadSideBySide) {
  ExpectAll(base_, context_);
  // Of two at once; one whose size is not known takes 32 alone.
  EXPECT_LT(context_.budget().held_bytes_peak(), MiB(26));
  EXPECT_GT(context_.budget().held_bytes_peak(), MiB(16));
  EXPECT_LE(context_.buffers().held_bytes_peak(), context_.budget().held_bytes_peak());
}

TEST_F(ChunkHead, AlsoForABoxOfEach) {
  const Array array = Array::Open(base_, "", {.context = context_}).OrDie();
  const Box box = Box::FromSize({5, 7, 9}, {480, 200, 300});
  std::vector<uint8_t> read(static_cast<size_t>(*NumElements(box.shape)));
  EXPECT_EQ(array.Read(box, Ref(read.data(), box.shape)), Status());
  const ConstView wanted = ViewOf(Elements(), DataType::kUint8, kShape).Subview(box);
  for (int64_t i = 0; i < box.shape[0]; i += 17) {
    for (int64_t j = 0; j < box.shape[1]; j += 13) {
      const auto* row = wanted.data + i * wanted.strides[0] + j * wanted.strides[1];
      const auto* got = read.data() + (i * box.shape[1] + j) * box.shape[2];
      ASSERT_EQ(std::memcmp(row, got, static_cast<size_t>(box.shape[2])), 0) << i << ' ' << j;
    }
  }
  EXPECT_LT(context_.budget().held_bytes_peak(), MiB(26));
}

TEST_F(ChunkHead, StepsTakeTheWholeChunk) {
  const Array array = Array::Open(base_, "", {.context = context_}).OrDie();
  const auto region = IndexTransform::Parse(kShape, "::3,::5,::7").OrDie();
  const OwnedArray read = array.ReadOwned(region).OrDie();
  EXPECT_EQ(read.bytes()[1], Elements()[7]);
  EXPECT_GT(context_.buffers().held_bytes_peak(), MiB(15));
  EXPECT_LE(context_.buffers().held_bytes_peak(), context_.budget().held_bytes_peak());
}

/// Replaces a chunk as soon as somebody has read its head.
class ReplacingStore final : public testing::ForwardingStore {
 public:
  ReplacingStore(KvStorePtr base, std::string value)
      : ForwardingStore(base), base_(std::move(base)), value_(std::move(value)) {}
  Future<ReadResult> Read(std::string key, ReadOptions options) override {
    const bool head = options.range == ByteRange::Span(0, 64);
    Future<ReadResult> read = ForwardingStore::Read(key, std::move(options));
    read.Wait();
    if (head && key == "c/0/0/0") {
      ++heads;
      base_->Write(key, BytesChain(Bytes::Copy(value_))).Get().OrDie();
    }
    return read;
  }
  std::atomic<int> heads = 0;

 private:
  const KvStorePtr base_;
  const std::string value_;
};

std::string Frame(std::span<const std::byte> from, int level) {
  std::string frame(ZSTD_compressBound(from.size()), '\0');
  frame.resize(ZSTD_compress(frame.data(), frame.size(), from.data(), from.size(), level));
  return frame;
}

/// The elements of the first chunk.
std::vector<std::byte> FirstChunk() {
  std::vector<std::byte> chunk;
  for (int64_t i = 0; i < kChunk[0] * kChunk[1]; ++i) {
    const std::byte* row = Elements().data() + i * kShape[2];
    chunk.insert(chunk.end(), row, row + kChunk[2]);
  }
  return chunk;
}

/// All of Elements(), the first chunk as `first` and no checksums.
KvStorePtr StoreWith(const std::string& first, const Context& context) {
  const KvStorePtr base = NewStore(context);
  Array::Create(base, "",
                {.shape = kShape,
                 .chunk_shape = kChunk,
                 .codec = Zstd(1),
                 .format = {.checksum = false},
                 .context = context})
      .OrDie()
      .Write(Box::Full(kShape), ViewOf(Elements(), DataType::kUint8, kShape))
      .OrDie();
  base->Write("c/0/0/0", BytesChain(Bytes::Copy(first))).Get().OrDie();
  return base;
}

TEST_F(ChunkHead, WhatReplacesTheChunkIsReadAnew) {
  const std::vector<std::byte> chunk = FirstChunk();
  const std::span<const std::byte> all(chunk);
  const std::string longer = Frame(all, -50);
  const std::string shorter = Frame(all, 1);
  const std::string frames = Frame(all.first(1000), 1) + Frame(all.subspan(1000), 1);
  const std::string first = Frame(all, 3);
  ASSERT_GT(longer.size(), shorter.size());
  // Two frames have no pieces, so they take more memory, however short they are.
  ASSERT_LT(frames.size(), first.size());
  for (const auto& [before, after] : {std::pair(shorter, longer), {first, frames}}) {
    const Context context = Context::Create({.threads = 2, .budget_bytes = kBudget});
    const auto store = std::make_shared<ReplacingStore>(StoreWith(before, context), after);
    const Context reading = Context::Create({.threads = 2, .budget_bytes = MiB(4)});
    ExpectAll(store, reading);
    EXPECT_EQ(store->heads, 1);
    EXPECT_LE(reading.buffers().held_bytes_peak(), reading.budget().held_bytes_peak());
  }
}

/// Where others are at work on a chunk: longer once its head was read, and shorter again, or gone,
/// once it was too long to be read.
class SwingingStore final : public testing::ForwardingStore {
 public:
  SwingingStore(KvStorePtr base, std::string longer, std::optional<std::string> shorter)
      : ForwardingStore(base),
        base_(std::move(base)),
        longer_(std::move(longer)),
        shorter_(std::move(shorter)) {}
  Future<ReadResult> Read(std::string key, ReadOptions options) override {
    const bool chunk = key == "c/0/0/0";
    const bool head = options.range == ByteRange::Span(0, 64);
    Future<ReadResult> read = ForwardingStore::Read(key, std::move(options));
    read.Wait();
    if (chunk && head) base_->Write(key, BytesChain(Bytes::Copy(longer_))).Get().OrDie();
    if (chunk && !read.Get().ok()) {
      ++refused;
      std::optional<BytesChain> value;
      if (shorter_) value = BytesChain(Bytes::Copy(*shorter_));
      base_->Write(key, std::move(value)).Get().OrDie();
    }
    return read;
  }
  std::atomic<int> refused = 0;

 private:
  const KvStorePtr base_;
  const std::string longer_;
  const std::optional<std::string> shorter_;
};

TEST_F(ChunkHead, AChunkThatGrowsAndShrinksMeanwhileIsRead) {
  const std::vector<std::byte> chunk = FirstChunk();
  const std::string shorter = Frame(chunk, 1);
  for (const bool gone : {false, true}) {
    const Context context = Context::Create({.threads = 2, .budget_bytes = kBudget});
    const auto store = std::make_shared<SwingingStore>(
        StoreWith(shorter, context), Frame(chunk, -50),
        gone ? std::optional<std::string>() : std::optional(shorter));
    const Context reading = Context::Create({.threads = 2, .budget_bytes = kBudget});
    const Array array = Array::Open(store, "", {.context = reading}).OrDie();
    const Result<OwnedArray> read = array.ReadOwned(IndexTransform::Identity(kShape));
    ASSERT_EQ(read.status(), Status());
    EXPECT_EQ(store->refused, 1);
    EXPECT_EQ(read->bytes()[1], gone ? std::byte{0} : Elements()[1]);
  }
}

/// Does not say how long a value is, which a store may.
class SilentStore final : public testing::ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  Future<ReadResult> Read(std::string key, ReadOptions options) override {
    const bool stat = options.range == ByteRange::Stat();
    Result<ReadResult> read = ForwardingStore::Read(std::move(key), std::move(options)).Get();
    if (read.ok() && !stat) read->total_size = -1;
    return Future<ReadResult>::Ready(std::move(read));
  }
};

TEST_F(ChunkHead, AnUnknownLengthIsNotNone) {
  ExpectAll(std::make_shared<SilentStore>(base_), context_);
  EXPECT_GT(context_.budget().held_bytes_peak(), MiB(16));
  EXPECT_LE(context_.buffers().held_bytes_peak(), context_.budget().held_bytes_peak());
}

TEST_F(ChunkHead, AShortOrMissingChunkIsToldAsEver) {
  base_->Write("c/0/0/1", BytesChain(Bytes::Copy(std::string("short")))).Get().OrDie();
  const Array array = Array::Open(base_, "", {.context = context_}).OrDie();
  const Status status = array.ReadOwned(IndexTransform::Identity(kShape)).status();
  EXPECT_EQ(status.code(), StatusCode::kDataLoss) << status.ToString();
  EXPECT_NE(status.ToString().find("c/0/0/1"), std::string::npos) << status.ToString();
  base_->Write("c/0/0/1", std::nullopt).Get().OrDie();
  const OwnedArray read = array.ReadOwned(IndexTransform::Identity(kShape)).OrDie();
  EXPECT_EQ(read.bytes()[256], std::byte{0});
  EXPECT_EQ(read.bytes()[0], Elements()[0]);
}

}  // namespace
}  // namespace coffer
