// Goal: a chain binds only what is in order, knows its sizes, gives back every element in every
// view, takes no more scratch than it says, and never hands out a chunk of the wrong size.
// Method: chains over all kinds of codecs and views; a probe codec that watches the pool from
// inside the chain; stored bytes cut, lengthened and altered bit by bit.
#include "src/codec/chain.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <complex>

#include "src/nd/copy.h"
#include "tests/support/codecs.h"
#include "tests/support/peak_bytes.h"

namespace coffer {
namespace {

using testing::Bind;
using testing::BytesOf;
using testing::ByteVector;
using testing::ChunkOf;
using testing::Codecs;
using testing::Encode;
using testing::Hex;
using testing::Iota;
using testing::PeakBytes;
using testing::Pool;
using testing::Scratch;

constexpr std::string_view kLittle = R"({"name": "bytes", "configuration": {"endian": "little"}})";
constexpr std::string_view kBig = R"({"name": "bytes", "configuration": {"endian": "big"}})";
constexpr std::string_view kZstd = R"({"name": "zstd", "configuration": {"level": 1}})";
constexpr std::string_view kGzip = R"({"name": "gzip", "configuration": {"level": 1}})";
constexpr std::string_view kBlosc =
    R"({"name": "blosc", "configuration":
        {"cname": "lz4", "clevel": 5, "shuffle": "shuffle", "typesize": 2, "blocksize": 0}})";
constexpr std::string_view kCrc = R"("crc32c")";

std::string Transpose(std::string_view order) {
  return R"({"name": "transpose", "configuration": {"order": )" + std::string(order) + "}}";
}

template <class... Items>
std::string List(const Items&... items) {
  std::string list;
  ((list += (list.empty() ? "[" : ", ") + std::string(items)), ...);
  return list + "]";
}

Status BindError(const std::string& list, const ChunkSpec& chunk = ChunkOf<uint16_t>({4, 6})) {
  return Bind(list, chunk).status();
}

TEST(ChainBind, RequiresTheOrderOfKinds) {
  EXPECT_EQ(BindError("[]"), InvalidArgumentError("codecs: no array -> bytes codec"));
  EXPECT_EQ(BindError(List(kCrc)), InvalidArgumentError("codecs: no array -> bytes codec"));
  EXPECT_EQ(BindError(List(kLittle, kBig)),
            InvalidArgumentError("codecs[1] (bytes): a second array -> bytes codec"));
  EXPECT_EQ(BindError(List(kLittle, Transpose("[1, 0]"))),
            InvalidArgumentError("codecs[1] (transpose): array -> array cannot follow "
                                 "array -> bytes (bytes)"));
  EXPECT_EQ(BindError(List(kGzip, kLittle)),
            InvalidArgumentError("codecs[1] (bytes): array -> bytes cannot follow "
                                 "bytes -> bytes (gzip)"));
}

TEST(ChainBind, NamesTheCodecThatRefuses) {
  EXPECT_EQ(BindError(R"(["bytes"])"),
            InvalidArgumentError("codecs[0] (bytes): \"endian\" is required for uint16"));
  EXPECT_EQ(BindError(List(Transpose("[1, 0]"), Transpose("[0]"), kLittle)),
            InvalidArgumentError("codecs[1] (transpose): \"order\" has 1 dimensions, the chunk 2"));
  EXPECT_TRUE(Bind(R"(["bytes"])", ChunkOf<uint8_t>({4})).ok());
  EXPECT_EQ(BindError(List(kLittle, kBlosc), ChunkOf<uint16_t>({1 << 16, 1 << 15})),
            InvalidArgumentError("codecs[1] (blosc): chunks of up to 4294967296 bytes, blosc holds "
                                 "at most 2147483631"));
}

TEST(ChainBind, ChecksTheChunk) {
  EXPECT_EQ(BindError(List(kLittle), ChunkOf<uint16_t>({4, 0})),
            InvalidArgumentError("chunk shape [4, 0]: extents must be >= 1"));
  const int64_t huge = int64_t{1} << 40;
  EXPECT_EQ(
      BindError(List(kLittle), ChunkOf<uint16_t>({huge, huge})),
      InvalidArgumentError("chunk shape [1099511627776, 1099511627776] of uint16: too many bytes"));
  EXPECT_EQ(BindError(List(kLittle), ChunkOf<uint16_t>({int64_t{1} << 62})).code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(BindError(List(kLittle), {DataType::kUint16, {4}, ByteVector(1)}),
            InvalidArgumentError("fill value of 1 bytes for uint16"));
}

TEST(ChainSizes, AreKnown) {
  const ChunkSpec chunk = ChunkOf<uint16_t>({4, 6});
  const auto plain = Bind(List(kLittle), chunk).OrDie();
  EXPECT_EQ(plain->max_encoded_size(), 48);
  EXPECT_TRUE(plain->fixed_size());
  EXPECT_EQ(plain->decode_scratch_bytes(), 0);
  EXPECT_EQ(plain->encode_scratch_bytes(), 0);

  const auto checked = Bind(List(kLittle, kCrc, kCrc), chunk).OrDie();
  EXPECT_EQ(checked->max_encoded_size(), 56);
  EXPECT_TRUE(checked->fixed_size());
  EXPECT_EQ(checked->decode_scratch_bytes(), 0);

  const auto packed = Bind(List(kLittle, kZstd, kCrc), chunk).OrDie();
  EXPECT_GT(packed->max_encoded_size(), 52);
  EXPECT_FALSE(packed->fixed_size());
  EXPECT_GE(packed->decode_scratch_bytes(), 48);
}

TEST(ChainSizes, IdentityIsPlainBytesInMemoryOrder) {
  const ChunkSpec chunk = ChunkOf<uint16_t>({4, 6});
  EXPECT_TRUE(Bind(List(kLittle), chunk).OrDie()->is_identity());
  EXPECT_TRUE(Bind(List(Transpose("[0, 1]"), kLittle), chunk).OrDie()->is_identity());
  EXPECT_FALSE(Bind(List(Transpose("[1, 0]"), kLittle), chunk).OrDie()->is_identity());
  EXPECT_FALSE(Bind(List(kBig), chunk).OrDie()->is_identity());
  EXPECT_TRUE(Bind(List(kBig), ChunkOf<uint8_t>({4, 6})).OrDie()->is_identity());
  EXPECT_FALSE(Bind(List(kLittle, kCrc), chunk).OrDie()->is_identity());
}

TEST(ChainSizes, ChecksumMustBeLast) {
  const ChunkSpec chunk = ChunkOf<uint16_t>({4, 6});
  EXPECT_TRUE(Bind(List(kLittle, kCrc), chunk).OrDie()->has_checksum());
  EXPECT_TRUE(Bind(List(kLittle, kZstd, kCrc), chunk).OrDie()->has_checksum());
  EXPECT_FALSE(Bind(List(kLittle, kCrc, kZstd), chunk).OrDie()->has_checksum());
  EXPECT_FALSE(Bind(List(kLittle), chunk).OrDie()->has_checksum());
  EXPECT_FALSE(
      Bind(List(kLittle, R"({"name": "zstd", "configuration": {"level": 1, "checksum": true}})"),
           chunk)
          .OrDie()
          ->has_checksum());
}

// A codec that fills all the room it is given.
class Greedy final : public BoundBytesToBytes {
 public:
  explicit Greedy(int64_t size_max) : size_max_(size_max) {}
  int64_t max_encoded_size() const override { return size_max_ + 10; }
  bool fixed_size() const override { return true; }
  Result<size_t> Encode(std::span<const std::byte> decoded,
                        std::span<std::byte> destination) const override {
    std::copy(decoded.begin(), decoded.end(), destination.begin());
    return destination.size();
  }
  Result<size_t> Decode(std::span<const std::byte> encoded,
                        std::span<std::byte> destination) const override {
    std::copy_n(encoded.begin(), destination.size(), destination.begin());
    return destination.size();
  }

 private:
  const int64_t size_max_;
};

class GreedyCodec final : public Codec {
 public:
  Kind kind() const override { return Kind::kBytesToBytes; }
  std::string name() const override { return "greedy"; }
  std::string configuration() const override { return ""; }
  Result<std::unique_ptr<BoundBytesToBytes>> BindBytesToBytes(int64_t size_max) const override {
    return std::make_unique<Greedy>(size_max);
  }
};

TEST(Chain, LeavesRoomForTheChecksumBehindAGreedyCodec) {
  CodecTable table;
  table
      .Add({"greedy",
            [](std::string_view, const CodecTable&) -> Result<CodecPtr> {
              return std::make_shared<GreedyCodec>();
            }})
      .OrDie();
  auto values = Iota<uint16_t>(64);
  for (const std::string& list : {List(kLittle, R"("greedy")", kCrc),
                                  List(kLittle, R"("greedy")", kCrc, R"("greedy")", kCrc)}) {
    const auto chain = Bind(list, ChunkOf<uint16_t>({64}), table).OrDie();
    ByteVector stored(1000);
    stored.resize(chain->Encode(Ref(values.data(), {64}), stored, Scratch()).OrDie());
    EXPECT_EQ(static_cast<int64_t>(stored.size()), chain->max_encoded_size());
    std::vector<uint16_t> read(64);
    ASSERT_TRUE(chain->Decode(stored, Ref(read.data(), {64}), Scratch()).ok());
    EXPECT_EQ(read, values);
  }
}

// An array -> array codec that is more than a dimension order: stores the bitwise complement.
class Complement final : public BoundArrayToArray {
 public:
  explicit Complement(ChunkSpec chunk) : chunk_(std::move(chunk)) {}
  const ChunkSpec& encoded() const override { return chunk_; }
  Status Encode(const ConstView& decoded, const View& encoded) const override {
    CopyView(decoded, encoded);
    for (int64_t i = 0; i < chunk_.num_bytes(); ++i) encoded.data[i] = ~encoded.data[i];
    return Status();
  }
  Status Decode(const ConstView& encoded, const View& decoded) const override {
    ByteVector turned(static_cast<size_t>(chunk_.num_bytes()));
    const View turned_view(turned.data(), chunk_.data_type, chunk_.shape);
    CopyView(encoded, turned_view);
    for (std::byte& byte : turned) byte = ~byte;
    CopyView(turned_view, decoded);
    return Status();
  }

 private:
  const ChunkSpec chunk_;
};

class ComplementCodec final : public Codec {
 public:
  Kind kind() const override { return Kind::kArrayToArray; }
  std::string name() const override { return "complement"; }
  std::string configuration() const override { return ""; }
  Result<std::unique_ptr<BoundArrayToArray>> BindArrayToArray(const ChunkSpec& in) const override {
    return std::make_unique<Complement>(in);
  }
};

// A bytes -> bytes codec that adds one byte in front and remembers how much of the pool was held.
struct Watch {
  int64_t held_max = 0;
  int64_t scratch = 0;  // What the probe says it takes.
};

class Probe final : public BoundBytesToBytes {
 public:
  Probe(int64_t size_max, Watch* watch) : size_max_(size_max), watch_(watch) {}
  int64_t max_encoded_size() const override { return size_max_ + 1; }
  int64_t encode_scratch_bytes() const override { return watch_->scratch; }
  int64_t decode_scratch_bytes() const override { return watch_->scratch; }
  Result<size_t> Encode(std::span<const std::byte> decoded,
                        std::span<std::byte> destination) const override {
    Look();
    EXPECT_GE(destination.size(), decoded.size() + 1);
    destination[0] = std::byte{'P'};
    std::copy(decoded.begin(), decoded.end(), destination.begin() + 1);
    return decoded.size() + 1;
  }
  Result<size_t> Decode(std::span<const std::byte> encoded,
                        std::span<std::byte> destination) const override {
    Look();
    if (encoded.empty() || encoded[0] != std::byte{'P'}) return DataLossError("no probe");
    if (encoded.size() - 1 > destination.size()) return DataLossError("too much");
    std::copy(encoded.begin() + 1, encoded.end(), destination.begin());
    return encoded.size() - 1;
  }

 private:
  void Look() const {
    watch_->held_max = std::max(watch_->held_max, Pool().held_bytes() + watch_->scratch);
  }
  const int64_t size_max_;
  Watch* const watch_;
};

class ProbeCodec final : public Codec {
 public:
  explicit ProbeCodec(Watch* watch) : watch_(watch) {}
  Kind kind() const override { return Kind::kBytesToBytes; }
  std::string name() const override { return "probe"; }
  std::string configuration() const override { return ""; }
  Result<std::unique_ptr<BoundBytesToBytes>> BindBytesToBytes(int64_t size_max) const override {
    return std::make_unique<Probe>(size_max, watch_);
  }

 private:
  Watch* const watch_;
};

CodecTable TestTable(Watch* watch) {
  CodecTable table;
  table
      .Add({"complement",
            [](std::string_view, const CodecTable&) -> Result<CodecPtr> {
              return std::make_shared<ComplementCodec>();
            }})
      .OrDie();
  table
      .Add({"probe",
            [watch](std::string_view, const CodecTable&) -> Result<CodecPtr> {
              return std::make_shared<ProbeCodec>(watch);
            }})
      .OrDie();
  return table;
}

// Views of one shape over memory of their own: contiguous, transposed, padded, reversed.
struct Memory {
  std::vector<uint16_t> words = std::vector<uint16_t>(4000);
  View view;
};

std::vector<Memory> ViewsOf(const Shape& shape) {
  std::vector<Memory> views(4);
  for (size_t kind = 0; kind < views.size(); ++kind) {
    View& view = views[kind].view;
    view = Ref(views[kind].words.data(), shape);
    const int rank = shape.rank();
    int64_t stride = kind == 0 ? 2 : 4;
    for (int i = 0; i < rank; ++i) {
      const int d = kind == 1 ? i : rank - 1 - i;
      view.strides[d] = stride;
      stride *= shape[d];
    }
    if (kind == 3) {
      view.data += (shape[0] - 1) * view.strides[0];
      view.strides[0] = -view.strides[0];
    }
  }
  return views;
}

const std::vector<std::string>& RoundTripLists() {
  static const std::vector<std::string> lists = {
      List(kLittle),
      List(kBig),
      List(kLittle, kCrc),
      List(kBig, kCrc, kCrc),
      List(kLittle, kZstd),
      List(kLittle, kGzip, kCrc),
      List(kBig, kBlosc),
      List(kLittle, kCrc, kZstd, kCrc),
      List(kLittle, kGzip, kZstd),
      List(kLittle, kGzip, kCrc, kBlosc, kCrc, kZstd, kCrc),
      List(Transpose("[2, 0, 1]"), kLittle),
      List(Transpose("[2, 0, 1]"), kLittle, kZstd, kCrc),
      List(Transpose("[2, 0, 1]"), Transpose("[1, 0, 2]"), kBig, kBlosc),
      List(R"("complement")", kLittle, kZstd),
      List(Transpose("[1, 2, 0]"), R"("complement")", Transpose("[2, 1, 0]"), kBig, kCrc),
      List(R"("complement")", R"("complement")", kLittle, R"("probe")", R"("probe")"),
      List(kLittle, R"("probe")", kCrc, R"("probe")", kCrc)};
  return lists;
}

TEST(Chain, RoundTripsThroughEveryView) {
  const Shape shape = {3, 4, 5};
  const auto values = Iota<uint16_t>(60);
  Watch watch;
  const CodecTable table = TestTable(&watch);
  for (const std::string& list : RoundTripLists()) {
    const auto chain = Bind(list, ChunkOf<uint16_t>(shape), table).OrDie();
    ByteVector first;
    for (Memory& source : ViewsOf(shape)) {
      CopyView(Ref(values.data(), shape), source.view);
      const ByteVector encoded = Encode(*chain, source.view);
      if (first.empty()) first = encoded;
      EXPECT_EQ(encoded, first) << list;  // The stored bytes do not depend on the view.
      for (Memory& target : ViewsOf(shape)) {
        ASSERT_TRUE(chain->Decode(encoded, target.view, Scratch()).ok()) << list;
        std::vector<uint16_t> read(60);
        CopyView(target.view, Ref(read.data(), shape));
        EXPECT_EQ(read, values) << list;
      }
    }
  }
  EXPECT_EQ(Pool().held_bytes(), 0);
}

TEST(Chain, TakesExactlyTheScratchItSays) {
  const Shape shape = {30, 40, 5};
  for (const char* list : {R"(["bytes", "probe"])", R"(["bytes", "probe", "probe"])",
                           R"(["bytes", "crc32c", "probe", "crc32c", "probe", "crc32c"])",
                           R"(["complement", "complement", "bytes", "probe", "probe", "probe"])"}) {
    Watch watch;
    watch.scratch = 12345;
    const CodecTable table = TestTable(&watch);
    const auto chain = Bind(list, ChunkOf<uint8_t>(shape), table).OrDie();
    std::vector<uint8_t> data(12000);
    View strided(reinterpret_cast<std::byte*>(data.data()), DataType::kUint8, shape,
                 Strides{1, 30, 1200});
    strided.shape = shape;
    const ByteVector encoded = Encode(*chain, strided);
    EXPECT_EQ(watch.held_max, chain->encode_scratch_bytes()) << list;
    watch.held_max = 0;
    ASSERT_TRUE(chain->Decode(encoded, strided, Scratch()).ok());
    EXPECT_EQ(watch.held_max, chain->decode_scratch_bytes()) << list;
  }
}

TEST(Chain, DecodesIntoAContiguousViewWithoutScratch) {
  Watch watch;
  const CodecTable table = TestTable(&watch);
  const auto chain = Bind(R"(["bytes", "probe", "crc32c"])", ChunkOf<uint8_t>({64}), table).OrDie();
  auto data = Iota<uint8_t>(64);
  const ByteVector encoded = Encode(*chain, Ref(data.data(), {64}));
  ASSERT_TRUE(chain->Decode(encoded, Ref(data.data(), {64}), Scratch()).ok());
  EXPECT_EQ(watch.held_max, 0);
}

TEST(Chain, ReadsUnalignedStoredBytes) {
  const auto values = Iota<uint64_t>(24);
  for (const std::string& list : {List(kLittle, kCrc), List(kBig), List(kBig, kZstd)}) {
    const auto chain = Bind(list, ChunkOf<uint64_t>({4, 6})).OrDie();
    ByteVector stored = Encode(*chain, Ref(values.data(), {4, 6}));
    stored.insert(stored.begin(), 3, std::byte{0});
    std::vector<uint64_t> read(24);
    const auto unaligned = std::span(stored).subspan(3);
    ASSERT_TRUE(chain->Decode(unaligned, Ref(read.data(), {4, 6}), Scratch()).ok());
    EXPECT_EQ(read, values);
  }
}

TEST(Chain, RefusesViewsAndDestinationsThatDoNotFit) {
  const auto chain = Bind(List(kLittle, kCrc), ChunkOf<uint16_t>({4, 6})).OrDie();
  std::vector<uint16_t> data(24);
  ByteVector encoded(52);
  EXPECT_EQ(chain->Decode(encoded, Ref(data.data(), {6, 4}), Scratch()),
            InvalidArgumentError("a view of [6, 4] uint16 for a chunk of [4, 6] uint16"));
  std::vector<uint32_t> wide(24);
  EXPECT_EQ(chain->Encode(Ref(wide.data(), {4, 6}), encoded, Scratch()).status(),
            InvalidArgumentError("a view of [4, 6] uint32 for a chunk of [4, 6] uint16"));
  EXPECT_EQ(
      chain->Encode(Ref(data.data(), {4, 6}), std::span(encoded).first(51), Scratch()).status(),
      InvalidArgumentError("a destination of 51 bytes for a chunk that may need 52"));
}

// Chunks of another size than expected, made by binding the same codecs to another shape.
Status DecodeAs(const std::string& list, int64_t stored, int64_t expected) {
  const auto values = Iota<uint16_t>(static_cast<size_t>(stored));
  const auto writer = Bind(list, ChunkOf<uint16_t>({stored})).OrDie();
  const auto reader = Bind(list, ChunkOf<uint16_t>({expected})).OrDie();
  const ByteVector encoded = Encode(*writer, Ref(values.data(), {stored}));
  std::vector<uint16_t> guarded(static_cast<size_t>(expected) + 16, 0xa5a5);
  const Status status = reader->Decode(encoded, Ref(guarded.data(), {expected}), Scratch());
  for (size_t i = static_cast<size_t>(expected); i < guarded.size(); ++i) {
    EXPECT_EQ(guarded[i], 0xa5a5) << i;
  }
  return status;
}

TEST(Chain, SaysHowManyBytesThereAreAndShouldBe) {
  EXPECT_EQ(DecodeAs(List(kLittle), 10, 11),
            DataLossError("the chunk decodes to 20 bytes, expected 22"));
  EXPECT_EQ(DecodeAs(List(kLittle, kCrc), 11, 10),
            DataLossError("the chunk decodes to 22 bytes, expected 20"));
  EXPECT_EQ(DecodeAs(List(kBig, kZstd), 10, 11),
            DataLossError("codecs[1] (zstd): the chunk decodes to 20 bytes, expected 22"));
  EXPECT_EQ(
      DecodeAs(List(kLittle, kZstd), 11, 10),
      DataLossError("codecs[1] (zstd): zstd data decodes to more than the 20 bytes expected"));
  EXPECT_EQ(DecodeAs(List(kLittle, kGzip), 10, 11),
            DataLossError("codecs[1] (gzip): the chunk decodes to 20 bytes, expected 22"));
  EXPECT_EQ(
      DecodeAs(List(kLittle, kGzip, kCrc), 11, 10),
      DataLossError("codecs[1] (gzip): gzip data decodes to more than the 20 bytes expected"));
  EXPECT_EQ(DecodeAs(List(kLittle, kBlosc), 10, 11),
            DataLossError("codecs[1] (blosc): the chunk decodes to 20 bytes, expected 22"));
  EXPECT_EQ(DecodeAs(List(kLittle, kBlosc), 11, 10),
            DataLossError(
                "codecs[1] (blosc): blosc data decodes to 22 bytes, more than the 20 expected"));
  EXPECT_EQ(DecodeAs(List(kLittle, kCrc, kZstd), 10, 11),
            DataLossError("codecs[2] (zstd): the chunk decodes to 24 bytes, expected 26"));
}

TEST(Chain, AllowsForeignCompressorsSomeSlackInTheMiddle) {
  // A gzip stream of many empty members is longer than any that we would write.
  const auto inner = Bind(List(kLittle, kGzip), ChunkOf<uint8_t>({100})).OrDie();
  const auto nothing = Bind(List(kLittle, kGzip), ChunkOf<uint8_t>({1})).OrDie();
  const auto chain = Bind(List(kLittle, kGzip, kZstd), ChunkOf<uint8_t>({100})).OrDie();
  const auto values = Iota<uint8_t>(100);
  ByteVector stored = Encode(*inner, Ref(values.data(), {100}));
  ByteVector empty_member = {std::byte{0x1f}, std::byte{0x8b}, std::byte{8}};
  empty_member.resize(10);
  empty_member.insert(empty_member.end(), {std::byte{3}, std::byte{0}});
  empty_member.resize(20);
  while (stored.size() < 2000) {
    stored.insert(stored.end(), empty_member.begin(), empty_member.end());
  }
  const CodecPtr zstd = Codecs().Make("zstd", R"({"level": 1})").OrDie();
  const auto packer = zstd->BindBytesToBytes(10000).OrDie();
  ByteVector packed(static_cast<size_t>(packer->max_encoded_size()));
  packed.resize(packer->Encode(stored, packed).OrDie());
  std::vector<uint8_t> read(100);
  ASSERT_TRUE(chain->Decode(packed, Ref(read.data(), {100}), Scratch()).ok());
  EXPECT_EQ(read, values);

  stored.resize(6000);  // Beyond any slack.
  packed.resize(static_cast<size_t>(packer->max_encoded_size()));
  packed.resize(packer->Encode(stored, packed).OrDie());
  const Status status = chain->Decode(packed, Ref(read.data(), {100}), Scratch());
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
  EXPECT_TRUE(status.message().starts_with("codecs[2] (zstd): zstd data decodes to more than the "))
      << status;
}

TEST(Chain, EveryFlippedBitIsNoticedUnderAChecksum) {
  const auto values = Iota<uint16_t>(64);
  for (const std::string& list : {List(kLittle, kZstd, kCrc), List(kLittle, kCrc),
                                  List(kLittle, kGzip, kCrc), List(kLittle, kBlosc, kCrc)}) {
    const auto chain = Bind(list, ChunkOf<uint16_t>({64})).OrDie();
    ASSERT_TRUE(chain->has_checksum());
    const ByteVector stored = Encode(*chain, Ref(values.data(), {64}));
    for (size_t bit = 0; bit < stored.size() * 8; ++bit) {
      ByteVector altered = stored;
      altered[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
      std::vector<uint16_t> read(64);
      const Status status = chain->Decode(altered, Ref(read.data(), {64}), Scratch());
      EXPECT_EQ(status.code(), StatusCode::kDataLoss) << list << " bit " << bit;
    }
    for (size_t size = 0; size < stored.size(); ++size) {
      std::vector<uint16_t> read(64);
      const Status status =
          chain->Decode(std::span(stored).first(size), Ref(read.data(), {64}), Scratch());
      EXPECT_EQ(status.code(), StatusCode::kDataLoss) << list << " size " << size;
    }
  }
}

TEST(Chain, DamageWithoutAChecksumNeverCrashes) {
  const auto values = Iota<uint16_t>(64);
  for (const std::string& list :
       {List(kLittle, kZstd), List(kLittle, kGzip), List(kLittle, kBlosc)}) {
    const auto chain = Bind(list, ChunkOf<uint16_t>({64})).OrDie();
    const ByteVector stored = Encode(*chain, Ref(values.data(), {64}));
    for (size_t bit = 0; bit < stored.size() * 8; ++bit) {
      ByteVector altered = stored;
      altered[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
      std::vector<uint16_t> read(64 + 8, 0xa5a5);
      const Status status = chain->Decode(altered, Ref(read.data(), {64}), Scratch());
      if (!status.ok()) {
        EXPECT_EQ(status.code(), StatusCode::kDataLoss) << status;
      }
      for (size_t i = 64; i < read.size(); ++i) EXPECT_EQ(read[i], 0xa5a5);
    }
  }
}

TEST(Chain, BombsAreRefusedInBoundedMemory) {
  // 128 MiB of zeros, stored under the same codecs as a chunk of 64 KiB.
  constexpr int64_t kBomb = int64_t{128} << 20;
  constexpr int64_t kChunk = 65536;
  for (const std::string& list : {List(kLittle, kZstd), List(kLittle, kGzip), List(kLittle, kBlosc),
                                  List(kBig, kGzip, kZstd)}) {
    const auto writer = Bind(list, ChunkOf<uint8_t>({kBomb})).OrDie();
    const auto reader = Bind(list, ChunkOf<uint8_t>({kChunk})).OrDie();
    ByteVector bomb;
    {
      std::unique_ptr<uint8_t, void (*)(void*)> zeros(
          static_cast<uint8_t*>(std::calloc(1, static_cast<size_t>(kBomb))), std::free);
      bomb = Encode(*writer, Ref(zeros.get(), {kBomb}));
    }
    EXPECT_LT(bomb.size(), static_cast<size_t>(kBomb / 100)) << list;
    std::vector<uint8_t> read(kChunk);
    const int64_t before = PeakBytes();
    const Status status = reader->Decode(bomb, Ref(read.data(), {kChunk}), Scratch());
    EXPECT_EQ(status.code(), StatusCode::kDataLoss) << list << status;
    EXPECT_LT(PeakBytes() - before, int64_t{8} << 20) << list;
  }
}

TEST(Chain, RankZero) {
  const uint16_t value = 0x1234;
  for (const std::string& list :
       {List(kBig), List(Transpose("[]"), kLittle, kZstd, kCrc), List(Transpose("[]"), kBig)}) {
    const auto chain = Bind(list, ChunkOf<uint16_t>({})).OrDie();
    const ByteVector stored = Encode(*chain, Ref(&value, Shape()));
    uint16_t read = 0;
    ASSERT_TRUE(chain->Decode(stored, Ref(&read, Shape()), Scratch()).ok());
    EXPECT_EQ(read, value);
  }
  EXPECT_EQ(Hex(Encode(*Bind(List(kBig), ChunkOf<uint16_t>({})).OrDie(), Ref(&value, Shape()))),
            "1234");
}

// Each bound is checked before the next is made from it.
TEST(CodecChainTest, BoundsThatGrowBeyondAllMemoryAreRefused) {
  const auto chunk = ChunkOf<uint8_t>({4});
  for (const auto& [codec, count] : {std::pair(kZstd, 10'000), std::pair(kGzip, 100'000)}) {
    std::string list(kLittle);
    for (int i = 0; i < count; ++i) list += ", " + std::string(codec);
    const Status refused = Bind("[" + list + "]", chunk).status();
    EXPECT_EQ(refused.code(), StatusCode::kInvalidArgument);
    EXPECT_NE(refused.message().find("an encoded chunk may have"), std::string::npos) << refused;
  }
  std::string checked(kLittle);
  for (int i = 0; i < 100'000; ++i) checked += ", " + std::string(kCrc);
  EXPECT_EQ(Bind("[" + checked + "]", chunk).OrDie()->max_encoded_size(), 400'004);
}

}  // namespace
}  // namespace coffer
