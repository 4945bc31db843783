// Goal: a store and a codec need nothing but what is installed, and are full members there.
// Method: the installed conformance suite on the store; an array made and opened again by URL
// through both, with the stored bytes decoded by hand.
#include <coffer/coffer.h>
#include <coffer/testing/kvstore_conformance.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <numeric>
#include <vector>

#include "mask_codec.h"
#include "shelf_store.h"

namespace {

const int kCases =
    coffer::testing::RegisterKvStoreConformance({.name = "Shelf", .make = MakeShelfStore});

TEST(Plugin, SuiteHasItsSixtyCases) { EXPECT_GE(kCases, 60); }

TEST(Plugin, ArrayThroughForeignStoreAndCodec) {
  coffer::Context context = coffer::Context::Create();
  context.Get<coffer::StoreTable>().Add(ShelfDriver()).OrThrow();
  context.Get<coffer::CodecTable>().Add(MaskDriver()).OrThrow();
  std::vector<uint16_t> numbers(60);
  std::iota(numbers.begin(), numbers.end(), uint16_t{1});

  coffer::CreateOptions options{.shape = {6, 10}, .data_type = coffer::DataType::kUint16};
  options.chunk_shape = {6, 10};
  options.format.codecs =
      R"([{"name":"bytes","configuration":{"endian":"little"}},{"name":"mask"}])";
  options.context = context;
  coffer::Array made = coffer::Array::Create("shelf://a/|zarr3:", options).OrThrow();
  made.Write(coffer::Box::FromSize({0, 0}, {6, 10}), coffer::Ref(numbers.data(), {6, 10}))
      .OrThrow();

  coffer::Array opened = coffer::Array::Open("shelf://a/|zarr3:", {.context = context}).OrThrow();
  coffer::NdArray<uint16_t> read = opened.Read<uint16_t>({}).OrThrow();
  EXPECT_TRUE(std::equal(numbers.begin(), numbers.end(), read.data()));

  coffer::KvStorePtr store = coffer::OpenKvStore("shelf://a/", context).OrThrow();
  coffer::ReadResult chunk = store->Read("c/0/0").Get().OrThrow();
  ASSERT_EQ(chunk.value.size(), 120u);
  EXPECT_EQ(chunk.value.data()[0], std::byte{0x01 ^ 0x5A});
  EXPECT_EQ(chunk.value.data()[1], std::byte{0x5A});
}

}  // namespace
