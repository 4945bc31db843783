// Goal: the trailer is the CRC-32C in little endian, and whatever does not match it is refused.
#include <gtest/gtest.h>

#include "coffer/base/bytes.h"
#include "tests/support/codecs.h"

namespace coffer {
namespace {

using testing::ByteVector;
using testing::Hex;

std::unique_ptr<BoundBytesToBytes> Bound(int64_t size_max) {
  return testing::Codecs().Make("crc32c", "{}").OrDie()->BindBytesToBytes(size_max).OrDie();
}

TEST(Crc32cCodec, AppendsTheChecksum) {
  const auto crc = Bound(9);
  EXPECT_EQ(crc->max_encoded_size(), 13);
  EXPECT_TRUE(crc->fixed_size());
  EXPECT_TRUE(crc->is_checksum());
  ByteVector out(13);
  EXPECT_EQ(*crc->Encode(AsBytes("123456789"), out), 13U);
  EXPECT_EQ(Hex(out), "313233343536373839839206e3");

  ByteVector in_place(13);
  std::copy_n(out.begin(), 9, in_place.begin());
  EXPECT_EQ(*crc->EncodeInPlace(in_place, 9), 13U);
  EXPECT_EQ(in_place, out);
}

TEST(Crc32cCodec, DecodesInPlaceOrNot) {
  const auto crc = Bound(9);
  ByteVector stored(13);
  ASSERT_TRUE(crc->Encode(AsBytes("123456789"), stored).ok());
  const auto part = *crc->DecodeInPlace(stored);
  ASSERT_TRUE(part.ok());
  EXPECT_EQ(part->data(), stored.data());
  EXPECT_EQ(part->size(), 9U);
  ByteVector out(9);
  EXPECT_EQ(*crc->Decode(stored, out), 9U);
  EXPECT_EQ(AsText(out), "123456789");
  EXPECT_EQ(crc->Decode(stored, std::span(out).first(8)).status(),
            DataLossError("got 9 bytes, expected at most 8"));
}

TEST(Crc32cCodec, RefusesAnotherChecksum) {
  const auto crc = Bound(9);
  ByteVector stored(13);
  ASSERT_TRUE(crc->Encode(AsBytes("123456789"), stored).ok());
  stored[12] ^= std::byte{0x80};
  EXPECT_EQ((*crc->DecodeInPlace(stored)).status(),
            DataLossError("checksum of 9 bytes is 0xe3069283, stored is 0x63069283"));
}

TEST(Crc32cCodec, RefusesFewerThanFourBytes) {
  const auto crc = Bound(9);
  EXPECT_EQ((*crc->DecodeInPlace(ByteVector(3))).status(),
            DataLossError("got 3 bytes, fewer than a checksum has"));
  EXPECT_TRUE((*crc->DecodeInPlace(ByteVector(4))).ok());  // No bytes, and their checksum 0.
}

}  // namespace
}  // namespace coffer
