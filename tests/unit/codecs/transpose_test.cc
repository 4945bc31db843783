// Goal: dimension i of the encoded array is dimension order[i] of the decoded one, for every
// permutation. Method: elements that spell their own position.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "tests/support/codecs.h"

namespace coffer {
namespace {

using testing::Bind;
using testing::ByteVector;
using testing::ChunkOf;
using testing::Encode;
using testing::Hex;
using testing::Iota;
using testing::Scratch;

TEST(TransposeCodec, StoresColumnsFirst) {
  const auto values = Iota<uint8_t>(6);
  const auto chain = Bind(R"([{"name": "transpose", "configuration": {"order": [1, 0]}}, "bytes"])",
                          ChunkOf<uint8_t>({2, 3}))
                         .OrDie();
  EXPECT_EQ(Hex(Encode(*chain, Ref(values.data(), {2, 3}))), "000301040205");
}

TEST(TransposeCodec, EveryPermutationOfFourDimensions) {
  const Shape shape = {2, 3, 4, 5};
  const auto values = Iota<uint8_t>(120);
  std::vector<int> order = {0, 1, 2, 3};
  do {
    std::string list = R"([{"name": "transpose", "configuration": {"order": [)";
    for (int d : order) list += std::to_string(d) + (d == order.back() ? "" : ",");
    const auto chain = Bind(list + "]}}, \"bytes\"]", ChunkOf<uint8_t>(shape)).OrDie();
    const ByteVector stored = Encode(*chain, Ref(values.data(), shape));
    size_t at = 0;
    Index e;  // A position in the encoded array.
    for (int i = 0; i < 4; ++i) e.push_back(0);
    while (at < stored.size()) {
      Index decoded = e;
      for (size_t i = 0; i < 4; ++i) decoded[order[i]] = e[i];
      const int64_t value = ((decoded[0] * 3 + decoded[1]) * 4 + decoded[2]) * 5 + decoded[3];
      ASSERT_EQ(std::to_integer<int64_t>(stored[at]), value);
      ++at;
      for (size_t i = 4; i-- > 0;) {
        if (++e[i] < shape[order[i]]) break;
        e[i] = 0;
      }
    }
    std::vector<uint8_t> read(120);
    ASSERT_TRUE(chain->Decode(stored, Ref(read.data(), shape), Scratch()).ok());
    EXPECT_EQ(read, values);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(TransposeCodec, PermutesTheSpec) {
  const CodecPtr codec = testing::Codecs().Make("transpose", R"({"order": [2, 0, 1]})").OrDie();
  const auto bound = codec->BindArrayToArray(ChunkOf<uint16_t>({4, 5, 6}, 7)).OrDie();
  EXPECT_EQ(bound->encoded().shape, Shape({6, 4, 5}));
  EXPECT_EQ(bound->encoded().data_type, DataType::kUint16);
  EXPECT_EQ(bound->encoded().fill_value, testing::BytesOf(uint16_t{7}));
}

}  // namespace
}  // namespace coffer
