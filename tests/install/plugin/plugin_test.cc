// Goal: stores, a codec and an array format need nothing but what is installed, and are full
// members there. Method: the installed conformance suites on each; arrays made and opened again by
// URL and JSON through all of them together, with the stored bytes decoded by hand.
#include <coffer/coffer.h>
#include <coffer/testing/codec_conformance.h>
#include <coffer/testing/driver_conformance.h>
#include <coffer/testing/kvstore_conformance.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <numeric>
#include <vector>

#include "parts.h"

namespace {

using coffer::testing::RegisterCodecConformance, coffer::testing::RegisterDriverConformance,
    coffer::testing::RegisterKvStoreConformance;

const int kStoreCases =
    RegisterKvStoreConformance({.name = "Shelf", .make = MakeShelfStore}) +
    RegisterKvStoreConformance({.name = "Remote", .make = MakeRemoteStore, .effort = 0.5});
const int kCodecCases = RegisterCodecConformance(
    {.name = "Mask",
     .codec = "mask",
     .add = [](coffer::CodecTable& table) { return table.Add(MaskDriver()); },
     .refused = {R"({"key": 7})"}});
const int kDriverCases = RegisterDriverConformance(
    {.name = "Tile", .make = MakeTileDriver, .attributes = false, .groups = false});

TEST(Outside, SuitesHaveTheirCases) {
  EXPECT_GE(kStoreCases, 2 * 60);
  EXPECT_GE(kCodecCases, 16);
  EXPECT_GE(kDriverCases, 32);
}

TEST(Outside, OneStoreWorksAtOnceAndOneAnswersLater) {
  EXPECT_TRUE(MakeShelfStore()->capabilities().local);
  EXPECT_FALSE(MakeRemoteStore()->capabilities().local);
}

void MakeAndReadBack(const coffer::Context& context, const std::string& place) {
  std::vector<uint16_t> numbers(60);
  std::iota(numbers.begin(), numbers.end(), uint16_t{1});
  coffer::CreateOptions options{.shape = {6, 10},
                                .data_type = coffer::DataType::kUint16,
                                .chunk_shape = {6, 10},
                                .codec = {"mask", "{}"}};
  options.format.checksum = false;
  options.context = context;
  coffer::Array made = coffer::Array::Create(place, options).OrThrow();
  made.Write(coffer::Box::FromSize({0, 0}, {6, 10}), coffer::Ref(numbers.data(), {6, 10}))
      .OrThrow();
  coffer::Array opened = coffer::Array::Open(place, {.context = context}).OrThrow();
  coffer::NdArray<uint16_t> read = opened.Read<uint16_t>({}).OrThrow();
  EXPECT_TRUE(std::equal(numbers.begin(), numbers.end(), read.data()));
}

void ExpectMasked(const coffer::Context& context, const std::string& store_name,
                  const std::string& key) {
  coffer::KvStorePtr store = coffer::OpenKvStore(store_name, context).OrThrow();
  coffer::ReadResult chunk = store->Read(key).Get().OrThrow();
  ASSERT_EQ(chunk.value.size(), 120u) << store->Describe(key);
  EXPECT_EQ(chunk.value.data()[0], std::byte{0x01 ^ 0x5A});
  EXPECT_EQ(chunk.value.data()[1], std::byte{0x5A});
}

TEST(Outside, ByUrlAndJsonInOneContext) {
  const coffer::Context context = coffer::Context::Create();
  coffer::AddPlugin({.name = "outside", .make = AddAllParts}, context).OrThrow();
  MakeAndReadBack(context, "shelf://a/|zarr3:");
  ExpectMasked(context, "shelf://a/", "c/0/0");
  MakeAndReadBack(context, "remote://b/|tile:");
  ExpectMasked(context, "remote://b/", "tile.0.0");
  const std::string remote = R"({"driver":"remote","path":"c"})";
  MakeAndReadBack(context, R"({"driver": "tile", "path": "x", "kvstore": )" + remote + "}");
  ExpectMasked(context, remote, "x/tile.0.0");
  EXPECT_EQ(coffer::OpenKvStore("shelf://a/").status().code(),
            coffer::StatusCode::kInvalidArgument);  // Nobody told the default context.
}

TEST(Outside, ForTheWholeProcess) {
  coffer::AddPlugin({.name = "outside", .make = AddAllParts}).OrThrow();
  MakeAndReadBack(coffer::Context::Default(), "shelf://process/|tile:");
  MakeAndReadBack(coffer::Context::Create(), "remote://process/|zarr3:");
}

}  // namespace
