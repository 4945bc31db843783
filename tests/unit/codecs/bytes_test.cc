// Goal: "bytes" stores elements in C order and the chosen byte order, component by component.
// Method: golden bytes for every width.
#include <gtest/gtest.h>

#include <complex>

#include "tests/support/codecs.h"

namespace coffer {
namespace {

using testing::Bind;
using testing::ByteVector;
using testing::ChunkOf;
using testing::Encode;
using testing::Hex;
using testing::Scratch;

template <class T>
std::string Stored(const char* endian, std::vector<T> values) {
  const Shape shape = {static_cast<int64_t>(values.size())};
  const std::string list =
      R"([{"name": "bytes", "configuration": {"endian": ")" + std::string(endian) + "\"}}]";
  const auto chain = Bind(list, ChunkOf<T>(shape)).OrDie();
  const ByteVector stored = Encode(*chain, Ref(values.data(), shape));
  std::vector<T> read(values.size());
  EXPECT_TRUE(chain->Decode(stored, Ref(read.data(), shape), Scratch()).ok());
  EXPECT_EQ(read, values);
  return Hex(stored);
}

TEST(BytesCodec, StoresBothByteOrders) {
  EXPECT_EQ(Stored<uint16_t>("little", {0x1234, 5}), "34120500");
  EXPECT_EQ(Stored<uint16_t>("big", {0x1234, 5}), "12340005");
  EXPECT_EQ(Stored<int32_t>("big", {-2}), "fffffffe");
  EXPECT_EQ(Stored<uint64_t>("big", {0x0102030405060708}), "0102030405060708");
  EXPECT_EQ(Stored<float>("big", {1.0F}), "3f800000");
  EXPECT_EQ(Stored<uint8_t>("big", {1, 2}), "0102");
}

TEST(BytesCodec, SwapsEachComponentOfAComplexNumber) {
  EXPECT_EQ(Stored<std::complex<float>>("little", {{1.0F, 2.0F}}), "0000803f00000040");
  EXPECT_EQ(Stored<std::complex<float>>("big", {{1.0F, 2.0F}}), "3f80000040000000");
  EXPECT_EQ(Stored<std::complex<double>>("big", {{1.0, 2.0}}), "3ff00000000000004000000000000000");
}

TEST(BytesCodec, NeverSwapsRawElements) {
  for (const char* list :
       {R"([{"name": "bytes", "configuration": {"endian": "big"}}])", R"(["bytes"])"}) {
    const auto chain = Bind(list, {DataType::Raw(3), {2}, ByteVector(3)}).OrDie();
    EXPECT_TRUE(chain->is_identity());
    ByteVector data = {std::byte{1}, std::byte{2}, std::byte{3},
                       std::byte{4}, std::byte{5}, std::byte{6}};
    EXPECT_EQ(Hex(Encode(*chain, ConstView(data.data(), DataType::Raw(3), {2}))), "010203040506");
  }
}

TEST(BytesCodec, NeedsNoByteOrderForOneByte) {
  for (DataType type : {DataType::kBool, DataType::kInt8, DataType::kUint8, DataType::Raw(4)}) {
    EXPECT_TRUE(
        Bind(R"(["bytes"])", {type, {2}, ByteVector(static_cast<size_t>(type.size()))}).ok());
  }
  for (DataType type : {DataType::kInt16, DataType::kBfloat16, DataType::kComplex64}) {
    EXPECT_EQ(
        Bind(R"(["bytes"])", {type, {2}, ByteVector(static_cast<size_t>(type.size()))}).status(),
        InvalidArgumentError("codecs[0] (bytes): \"endian\" is required for " + type.name()));
  }
}

TEST(BytesCodec, ChecksTheSizeItself) {
  const CodecPtr codec = testing::Codecs().Make("bytes", "{}").OrDie();
  const auto bound = codec->BindArrayToBytes(ChunkOf<uint8_t>({4})).OrDie();
  std::vector<uint8_t> read(4);
  EXPECT_EQ(bound->Decode(ByteVector(3), Ref(read.data(), {4}), Scratch()),
            DataLossError("got 3 bytes, expected 4"));
}

}  // namespace
}  // namespace coffer
