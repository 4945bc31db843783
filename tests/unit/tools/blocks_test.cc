// Goal: what is written to a file is what is stored, whatever region, chunks and budget, with no
// chunk decoded twice where the region allows it; and pictures show the values they should.
// Method: arrays in memory:// written whole, read through WriteToFile into a temporary file,
// compared with index arithmetic; the context counts decoded chunks.
#include "tools/coffer/blocks.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "tests/unit/tools/formats_support.h"
#include "tools/coffer/picture.h"

namespace coffer::inline v0::tool {
namespace {

class BlocksTest : public ::testing::Test {
 protected:
  // A uint16 array whose element (i, j, k) is 1000 i + 30 j + k, with one chunk layout.
  Array Make(const Shape& shape, const Shape& chunks, int64_t budget) {
    context_ = Context::Create({.threads = 2, .budget_bytes = budget});
    Array array = Array::Create("memory://blocks-test", {.shape = shape,
                                                         .data_type = DataType::kUint16,
                                                         .chunk_shape = chunks,
                                                         .shard_shape = {},
                                                         .attributes = {},
                                                         .format = {.fill_value = {},
                                                                    .dimension_names = {},
                                                                    .dimension_units = {},
                                                                    .codecs = {},
                                                                    .delete_existing = true},
                                                         .context = context_})
                      .OrDie();
    std::vector<uint16_t> values;
    for (int64_t i = 0; i < shape[0]; ++i) {
      for (int64_t j = 0; j < shape[1]; ++j) {
        for (int64_t k = 0; k < shape[2]; ++k) {
          values.push_back(static_cast<uint16_t>(1000 * i + 30 * j + k));
        }
      }
    }
    array.Write(Box::Full(shape), Ref(values.data(), shape)).OrDie();
    return array;
  }

  // The elements of a region, by WriteToFile.
  std::vector<uint16_t> Through(const Array& array, std::string_view region) {
    IndexTransform transform = IndexTransform::Parse(array.shape(), region).OrDie();
    formats::FileArray file;
    file.file = formats::File::Temporary("test").OrDie();
    file.layout = formats::ArrayLayout::Make(DataType::kUint16, transform.view_shape().span(),
                                             formats::Order::kC, 0)
                      .OrDie();
    int64_t last = 0;
    ArrayReadOptions options;
    options.on_progress = [&](int64_t done, int64_t all) {
      EXPECT_GT(done, last);
      EXPECT_EQ(all, file.layout.bytes);
      last = done;
    };
    WriteToFile(array, transform, file, options).OrDie();
    EXPECT_EQ(last, file.layout.bytes);
    std::vector<uint16_t> values(static_cast<size_t>(file.layout.bytes / 2));
    file.file->ReadAt(0, std::as_writable_bytes(std::span(values))).OrDie();
    return values;
  }

  Context context_;
};

TEST_F(BlocksTest, RegionsOfAllKinds) {
  for (int64_t budget : {int64_t{1}, int64_t{4000}, MiB(1)}) {
    Array array = Make({9, 20, 30}, {4, 5, 7}, budget);
    std::vector<uint16_t> whole = Through(array, "");
    ASSERT_EQ(whole.size(), 9u * 20 * 30);
    for (size_t n = 0; n < whole.size(); ++n) {
      ASSERT_EQ(whole[n], 1000 * (n / 600) + 30 * (n / 30 % 20) + n % 30);
    }
    std::vector<uint16_t> part = Through(array, "2:9,3:20:2,5:28");
    ASSERT_EQ(part.size(), 7u * 9 * 23);
    for (size_t n = 0; n < part.size(); ++n) {
      ASSERT_EQ(part[n], 1000 * (2 + n / 207) + 30 * (3 + 2 * (n / 23 % 9)) + 5 + n % 23);
    }
    std::vector<uint16_t> row = Through(array, "8,:,29");
    ASSERT_EQ(row.size(), 20u);
    for (size_t n = 0; n < row.size(); ++n) ASSERT_EQ(row[n], 8000 + 30 * n + 29);
  }
}

TEST_F(BlocksTest, NoChunkIsDecodedTwice) {
  Array array = Make({12, 20, 28}, {4, 5, 7}, 4000);
  auto decoded = [&](std::string_view region) {
    int64_t before = context_.stats().chunks_decoded;
    Through(array, region);
    return context_.stats().chunks_decoded - before;
  };
  EXPECT_EQ(decoded(""), 3 * 4 * 4);
  EXPECT_EQ(decoded("2:12,3:20,5:28"), 3 * 4 * 4);
  EXPECT_EQ(decoded("4:8,0:5,0:7"), 1);
}

TEST_F(BlocksTest, BlocksAreWholeChunksLongInTheLastDimensions) {
  Array array = Make({12, 20, 28}, {4, 5, 7}, MiB(1));
  IndexTransform all = IndexTransform::Identity(array.shape());
  EXPECT_EQ(BlockShape(array, all, 1), (Shape{4, 5, 7}));
  EXPECT_EQ(BlockShape(array, all, 4 * 5 * 14 * 2), (Shape{4, 5, 14}));
  EXPECT_EQ(BlockShape(array, all, 4 * 10 * 28 * 2), (Shape{4, 10, 28}));
  EXPECT_EQ(BlockShape(array, all, MiB(1)), (Shape{12, 20, 28}));
  IndexTransform stepped = IndexTransform::Parse(array.shape(), "3,::2,:").OrDie();
  EXPECT_EQ(BlockShape(array, stepped, 1), (Shape{2, 7}));
}

OwnedArray Values(std::vector<double> values) {
  Shape shape = {int64_t{1}, std::ssize(values)};
  OwnedArray array = OwnedArray::Allocate(DataType::kFloat64, shape).OrDie();
  std::copy(values.begin(), values.end(), reinterpret_cast<double*>(array.view().data));
  return array;
}

std::vector<int> Greys(const OwnedArray& picture) {
  std::vector<int> greys;
  for (std::byte grey : picture.bytes()) greys.push_back(std::to_integer<int>(grey));
  return greys;
}

TEST(PictureTest, ScalesFromTheExtremesOrTheWindow) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInf = std::numeric_limits<double>::infinity();
  OwnedArray values = Values({-10, 0, 41, kNan, kInf, -kInf});
  EXPECT_EQ(Greys(MakePicture(values, std::nullopt).OrDie()),
            (std::vector<int>{0, 50, 255, 0, 255, 0}));
  EXPECT_EQ(Greys(MakePicture(values, Window{0, 82}).OrDie()),
            (std::vector<int>{0, 0, 128, 0, 255, 0}));
  EXPECT_EQ(Greys(MakePicture(Values({5, 5}), std::nullopt).OrDie()), (std::vector<int>{0, 0}));
}

TEST(PictureTest, ReadsEveryNumber) {
  auto picture = [](DataType type, uint64_t low, uint64_t high) {
    OwnedArray array = OwnedArray::Allocate(type, {1, 2}).OrDie();
    for (int64_t i = 0; i < 2; ++i) {
      uint64_t value = i == 0 ? low : high;
      std::copy_n(reinterpret_cast<const std::byte*>(&value), type.size(),
                  array.view().data + i * type.size());
    }
    return Greys(MakePicture(array, Window{-1, 2}).OrDie());
  };
  const std::vector<int> minus1_and_1 = {0, 170};
  EXPECT_EQ(picture(DataType::kInt8, 0xff, 1), minus1_and_1);
  EXPECT_EQ(picture(DataType::kInt16, 0xffff, 1), minus1_and_1);
  EXPECT_EQ(picture(DataType::kInt64, ~uint64_t{0}, 1), minus1_and_1);
  EXPECT_EQ(picture(DataType::kFloat16, 0xbc00, 0x3c00), minus1_and_1);
  EXPECT_EQ(picture(DataType::kBfloat16, 0xbf80, 0x3f80), minus1_and_1);
  EXPECT_EQ(picture(DataType::kFloat32, 0xbf800000, 0x3f800000), minus1_and_1);
  EXPECT_EQ(picture(DataType::kUint32, 0, 1), (std::vector<int>{85, 170}));
  EXPECT_EQ(picture(DataType::kBool, 0, 1), (std::vector<int>{85, 170}));
  // The smallest float16 above zero, and infinity.
  EXPECT_EQ(picture(DataType::kFloat16, 1, 0x7c00), (std::vector<int>{85, 255}));
}

TEST(PictureTest, KeepsPicturesAndRefusesWhatHasNoGrey) {
  OwnedArray grey = OwnedArray::Allocate(DataType::kUint16, {1, 1}).OrDie();
  EXPECT_EQ(MakePicture(grey, std::nullopt).OrDie().view().data, grey.view().data);
  OwnedArray complex = OwnedArray::Allocate(DataType::kComplex64, {1, 1}).OrDie();
  EXPECT_EQ(MakePicture(complex, std::nullopt).status().ToString(),
            "InvalidArgument: elements of type complex64 have no grey");
}

TEST(PictureTest, Windows) {
  Window window = ParseWindow("-1.5:2e3").OrDie();
  EXPECT_EQ(window.low, -1.5);
  EXPECT_EQ(window.high, 2000);
  for (const char* text : {"", "1", "1:", ":1", "2:1", "1:1", "0:nan", "0:inf", "0:1x"}) {
    EXPECT_EQ(ParseWindow(text).status().ToString(),
              "InvalidArgument: \"" + std::string(text) + "\" is no window (example: 0:255)");
  }
}

}  // namespace
}  // namespace coffer::inline v0::tool
