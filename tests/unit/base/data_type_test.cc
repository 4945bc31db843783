// Goal: the data types of Zarr v3, by name, size and byte order unit, and nothing else.
// Method: the table of the specification; names just beside it.
#include "coffer/base/data_type.h"

#include <gtest/gtest.h>

#include <complex>
#include <cstddef>
#include <cstdint>
#include <string>

namespace coffer {
namespace {

using Kind = DataType::Kind;

struct Row {
  DataType type;
  std::string name;
  Kind kind;
  int64_t size;
  int64_t swap_size;
};

const Row kRows[] = {
    {DataType::kBool, "bool", Kind::kBool, 1, 1},
    {DataType::kInt8, "int8", Kind::kInt, 1, 1},
    {DataType::kInt16, "int16", Kind::kInt, 2, 2},
    {DataType::kInt32, "int32", Kind::kInt, 4, 4},
    {DataType::kInt64, "int64", Kind::kInt, 8, 8},
    {DataType::kUint8, "uint8", Kind::kUint, 1, 1},
    {DataType::kUint16, "uint16", Kind::kUint, 2, 2},
    {DataType::kUint32, "uint32", Kind::kUint, 4, 4},
    {DataType::kUint64, "uint64", Kind::kUint, 8, 8},
    {DataType::kFloat16, "float16", Kind::kFloat, 2, 2},
    {DataType::kBfloat16, "bfloat16", Kind::kBfloat, 2, 2},
    {DataType::kFloat32, "float32", Kind::kFloat, 4, 4},
    {DataType::kFloat64, "float64", Kind::kFloat, 8, 8},
    {DataType::kComplex64, "complex64", Kind::kComplex, 8, 4},
    {DataType::kComplex128, "complex128", Kind::kComplex, 16, 8},
    {DataType::Raw(1), "r8", Kind::kRaw, 1, 1},
    {DataType::Raw(3), "r24", Kind::kRaw, 3, 1},
    {DataType::Raw(65536), "r524288", Kind::kRaw, 65536, 1},
};

TEST(DataType, TableOfTheSpecification) {
  for (const Row& row : kRows) {
    EXPECT_EQ(row.type.name(), row.name);
    EXPECT_EQ(row.type.kind(), row.kind) << row.name;
    EXPECT_EQ(row.type.size(), row.size) << row.name;
    EXPECT_EQ(row.type.swap_size(), row.swap_size) << row.name;
    EXPECT_EQ(DataType::Parse(row.name).OrDie(), row.type) << row.name;
  }
  for (const Row& a : kRows) {
    for (const Row& b : kRows) EXPECT_EQ(a.type == b.type, a.name == b.name);
  }
}

TEST(DataType, OfCppTypes) {
  static_assert(DataType::Of<bool>() == DataType::kBool);
  static_assert(DataType::Of<int8_t>() == DataType::kInt8);
  static_assert(DataType::Of<const uint16_t>() == DataType::kUint16);
  static_assert(DataType::Of<int32_t>() == DataType::kInt32);
  static_assert(DataType::Of<long>() == DataType::kInt64);
  static_assert(DataType::Of<long long>() == DataType::kInt64);
  static_assert(DataType::Of<uint64_t>() == DataType::kUint64);
  static_assert(DataType::Of<float>() == DataType::kFloat32);
  static_assert(DataType::Of<double>() == DataType::kFloat64);
  static_assert(DataType::Of<std::complex<float>>() == DataType::kComplex64);
  static_assert(DataType::Of<std::complex<double>>() == DataType::kComplex128);
  static_assert(DataType::Of<std::byte>() == DataType::Raw(1));
}

TEST(DataType, UnknownNames) {
  for (const std::string name : {"", "float128", "Int8", "int8 ", "int", "r", "r0", "r08", "r-8",
                                 "r8x", "r+8", "raw8", "r99999999999999999999", "string"}) {
    EXPECT_EQ(DataType::Parse(name).status().ToString(),
              "InvalidArgument: unknown data type \"" + name + "\"");
  }
}

TEST(DataType, RawBitsMustBeWholeBytesAndFew) {
  for (const std::string name : {"r4", "r12", "r524296", "r2147483640"}) {
    EXPECT_EQ(DataType::Parse(name).status().ToString(),
              "InvalidArgument: data type \"" + name +
                  "\": the bits of r<N> must be a multiple of 8 up to 524288");
  }
}

}  // namespace
}  // namespace coffer
