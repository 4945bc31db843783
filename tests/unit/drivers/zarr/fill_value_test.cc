// Goal: fill values are read to the exact bits that the specification means, and written so that
// they are read back as the same bits.
// Method: tables of JSON and bits for every data type, with the corner cases of rounding; every
// float16 and bfloat16 there is goes to JSON and back; random bits of the wider types do.
#include "drivers/zarr/fill_value.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "tests/support/codecs.h"

namespace coffer::zarr {
namespace {

// The element as hexadecimal digits, most significant byte first (raw and complex: as stored).
std::string Hex(std::span<const std::byte> bytes, bool reversed) {
  std::vector<std::byte> ordered(bytes.begin(), bytes.end());
  if (reversed) std::reverse(ordered.begin(), ordered.end());
  return testing::Hex(ordered);
}

Result<std::vector<std::byte>> Read(std::string_view type, std::string_view json) {
  return FillValueFromJson(Json::ParseNonFinite(json).value(), DataType::Parse(type).value(),
                           "$.fill_value");
}

std::string Bits(std::string_view type, std::string_view json) {
  const auto bytes = Read(type, json);
  if (!bytes.ok()) return std::string(bytes.status().message());
  return Hex(*bytes, type[0] != 'r' && type[0] != 'c');
}

std::string Written(std::string_view type, std::string_view json) {
  return FillValueToJson(Read(type, json).value(), DataType::Parse(type).value()).Dump();
}

struct BitsCase {
  std::string_view type, json, bits;
};

constexpr BitsCase kIntegers[] = {
    {"bool", "false", "00"},
    {"bool", "true", "01"},
    {"int8", "-128", "80"},
    {"int8", "127", "7f"},
    {"int8", "-7.0", "f9"},
    {"uint16", "1e3", "03e8"},
    {"int64", "9007199254740992.0", "0020000000000000"},
    {"int16", "-2", "fffe"},
    {"int32", "-2147483648", "80000000"},
    {"int64", "-9223372036854775808", "8000000000000000"},
    {"int64", "9223372036854775807", "7fffffffffffffff"},
    {"uint8", "255", "ff"},
    {"uint16", "65535", "ffff"},
    {"uint32", "4294967295", "ffffffff"},
    {"uint64", "9007199254740993", "0020000000000001"},
    {"uint64", "18446744073709551615", "ffffffffffffffff"},
    {"r8", "[255]", "ff"},
    {"r24", "[1, 2, 255]", "0102ff"},
};

TEST(FillValue, IntegersBoolsAndRawBytes) {
  for (const auto& [type, json, bits] : kIntegers) {
    EXPECT_EQ(Bits(type, json), bits) << type << " " << json;
  }
}

constexpr BitsCase kFloats[] = {
    {"float16", "0", "0000"},
    {"float16", "-0.0", "8000"},
    {"float16", "1", "3c00"},
    {"float16", "-1.5", "be00"},
    {"float16", "65504", "7bff"},
    {"float16", "65519.99", "7bff"},
    {"float16", "0.1", "2e66"},
    // Halfway between 1 and its successor, and between that and the next: to even.
    {"float16", "1.00048828125", "3c00"},
    {"float16", "1.00146484375", "3c02"},
    // The smallest subnormal, half of it (to even: zero), and a bit more than half.
    {"float16", "5.960464477539063e-8", "0001"},
    {"float16", "2.9802322387695312e-8", "0000"},
    {"float16", "2.9802322387695316e-8", "0001"},
    // The largest subnormal rounds up into the normal numbers.
    {"float16", "6.1020e-5", "0400"},
    {"bfloat16", "1", "3f80"},
    {"bfloat16", "1.00390625", "3f80"},
    {"bfloat16", "1.01171875", "3f82"},
    {"bfloat16", "3.3895313892515355e38", "7f7f"},
    {"bfloat16", "0.1", "3dcd"},
    {"float32", "0.1", "3dcccccd"},
    {"float32", "16777217", "4b800000"},
    {"float32", "16777219", "4b800002"},
    {"float32", "1e-45", "00000001"},
    {"float32", "-3.4028234663852886e38", "ff7fffff"},
    {"float64", "0.1", "3fb999999999999a"},
    {"float64", "5e-324", "0000000000000001"},
    {"float64", "1.7976931348623157e308", "7fefffffffffffff"},
    {"float64", "9007199254740993", "4340000000000000"},
    {"float64", "18446744073709551615", "43f0000000000000"},
    {"float16", R"("NaN")", "7e00"},
    {"bfloat16", R"("NaN")", "7fc0"},
    {"float32", R"("NaN")", "7fc00000"},
    {"float64", R"("NaN")", "7ff8000000000000"},
    {"float16", R"("Infinity")", "7c00"},
    {"bfloat16", R"("-Infinity")", "ff80"},
    {"float32", R"("-Infinity")", "ff800000"},
    {"float64", R"("Infinity")", "7ff0000000000000"},
    {"float16", R"("0x7d00")", "7d00"},
    {"bfloat16", R"("0x7f81")", "7f81"},
    {"float32", R"("0x7fa00000")", "7fa00000"},
    {"float64", R"("0x7ff4000000000000")", "7ff4000000000000"},
    {"float64", R"("0xFFF8000000000ABC")", "fff8000000000abc"},
    {"float32", R"("0x3f800000")", "3f800000"},
    {"complex64", R"([1, "-Infinity"])", "0000803f000080ff"},
    {"complex64", R"(["NaN", "0x7fa00001"])", "0000c07f0100a07f"},
    {"complex128", "[0.5, -2]", "000000000000e03f00000000000000c0"},
};

TEST(FillValue, FloatsRoundHalfToEven) {
  for (const auto& [type, json, bits] : kFloats) {
    EXPECT_EQ(Bits(type, json), bits) << type << " " << json;
  }
}

struct WrittenCase {
  std::string_view type, json, written;
};

TEST(FillValue, WrittenForms) {
  constexpr WrittenCase kCases[] = {
      {"bool", "true", "true"},
      {"int8", "-128", "-128"},
      {"int64", "-9223372036854775808", "-9223372036854775808"},
      {"uint64", "18446744073709551615", "18446744073709551615"},
      {"r16", "[0, 255]", "[0,255]"},
      {"float16", "0.1", "0.0999755859375"},
      {"float32", "0.1", "0.1"},
      {"float32", "7", "7.0"},
      {"float64", "0.1", "0.1"},
      {"float64", "-0.0", "-0.0"},
      {"float32", R"("NaN")", R"("NaN")"},
      {"float32", R"("0x7fc00000")", R"("NaN")"},
      {"float32", R"("0xffc00000")", R"("0xffc00000")"},
      {"float16", R"("0x7D00")", R"("0x7d00")"},
      {"bfloat16", R"("0x7fc1")", R"("0x7fc1")"},
      {"float64", R"("0x7ff0000000000001")", R"("0x7ff0000000000001")"},
      {"float64", R"("0xfff0000000000000")", R"("-Infinity")"},
      {"complex128", R"([1, "NaN"])", R"([1.0,"NaN"])"},
      {"complex64", R"(["0x7fc00001", "Infinity"])", R"(["0x7fc00001","Infinity"])"},
  };
  for (const auto& [type, json, written] : kCases) {
    EXPECT_EQ(Written(type, json), written) << type << " " << json;
  }
}

TEST(FillValue, BadValues) {
  const std::string number = "a number, \"NaN\", \"Infinity\", \"-Infinity\" or \"0x\" and ";
  const struct {
    std::string_view type, json;
    std::string expected, got;
  } kCases[] = {
      {"bool", "0", "true or false", "0"},
      {"bool", R"("true")", "true or false", R"("true")"},
      {"bool", "null", "true or false", "null"},
      {"int8", "128", "an integer from -128 to 127", "128"},
      {"int8", "1.5", "an integer from -128 to 127", "1.5"},
      {"int8", "128.0", "an integer from -128 to 127", "128"},
      {"int8", "NaN", "an integer from -128 to 127", "NaN"},
      {"uint64", "9007199254740994.0", "an integer >= 0", "9007199254740994.0"},
      {"int8", R"("1")", "an integer from -128 to 127", R"("1")"},
      {"int8", "true", "an integer from -128 to 127", "true"},
      {"int16", "-32769", "an integer from -32768 to 32767", "-32769"},
      {"int64", "9223372036854775808", "an integer below 2^63", "9223372036854775808"},
      {"uint8", "256", "an integer from 0 to 255", "256"},
      {"uint8", "-1", "an integer from 0 to 255", "-1"},
      {"uint64", "18446744073709551616", "an integer >= 0", "18446744073709551616.0"},
      {"float32", R"("nan")", number + "8 hexadecimal digits", R"("nan")"},
      {"float32", R"("inf")", number + "8 hexadecimal digits", R"("inf")"},
      {"float32", R"("+Infinity")", number + "8 hexadecimal digits", R"("+Infinity")"},
      {"float32", R"("1.5")", number + "8 hexadecimal digits", R"("1.5")"},
      {"float32", R"("0x7fc0")", number + "8 hexadecimal digits", R"("0x7fc0")"},
      {"float32", R"("0X7fc00000")", number + "8 hexadecimal digits", R"("0X7fc00000")"},
      {"float32", R"("0x7fc0000g")", number + "8 hexadecimal digits", R"("0x7fc0000g")"},
      {"float32", R"("0x-fc00000")", number + "8 hexadecimal digits", R"("0x-fc00000")"},
      {"float32", "null", number + "8 hexadecimal digits", "null"},
      {"float32", "true", number + "8 hexadecimal digits", "true"},
      {"bfloat16", R"("0x7fc00000")", number + "4 hexadecimal digits", R"("0x7fc00000")"},
      {"float16", "65520", "a number within the data type's range", "65520"},
      {"bfloat16", "3.4e38", "a number within the data type's range", "3.4e+38"},
      {"float32", "1e39", "a number within the data type's range", "1e+39"},
      {"complex64", "[1]", "a list of two numbers", "[1]"},
      {"complex64", "[1, 2, 3]", "a list of two numbers", "[1,2,3]"},
      {"complex64", "1", "a list of two numbers", "1"},
      {"r32", "[1, 2, 3]", "a list of 4 bytes", "[1,2,3]"},
      {"r8", "1", "a list of 1 bytes", "1"},
  };
  for (const auto& [type, json, expected, got] : kCases) {
    EXPECT_EQ(Bits(type, json), "at $.fill_value: expected " + expected + ", got " + got);
  }
  EXPECT_EQ(Bits("r16", "[0, 256]"),
            "at $.fill_value[1]: expected an integer from 0 to 255, got 256");
  EXPECT_EQ(Bits("complex64", R"([0, "x"])"),
            "at $.fill_value[1]: expected " + number + "8 hexadecimal digits, got \"x\"");
}

// JSON text and back: what a reader of the document sees.
std::vector<std::byte> ThroughText(std::span<const std::byte> element, DataType type) {
  const std::string text = FillValueToJson(element, type).Dump();
  return FillValueFromJson(Json::Parse(text).value(), type, "$").value();
}

TEST(FillValue, EveryTwoByteFloatIsReadBack) {
  for (DataType type : {DataType::kFloat16, DataType::kBfloat16}) {
    for (uint32_t bits = 0; bits < 65536; ++bits) {
      const std::vector<std::byte> element = {static_cast<std::byte>(bits),
                                              static_cast<std::byte>(bits >> 8)};
      ASSERT_EQ(ThroughText(element, type), element) << type.name() << " " << bits;
    }
  }
}

TEST(FillValue, AnyElementIsReadBack) {
  for (DataType type :
       {DataType::kInt8, DataType::kInt16, DataType::kInt32, DataType::kInt64, DataType::kUint8,
        DataType::kUint16, DataType::kUint32, DataType::kUint64, DataType::kFloat32,
        DataType::kFloat64, DataType::kComplex64, DataType::kComplex128, DataType::Raw(5)}) {
    const bool held = rc::check("any element of " + type.name(), [type] {
      std::vector<std::byte> element;
      for (int64_t i = 0; i < type.size(); ++i) {
        element.push_back(static_cast<std::byte>(*rc::gen::arbitrary<uint8_t>()));
      }
      RC_ASSERT(ThroughText(element, type) == element);
    });
    EXPECT_TRUE(held);
  }
}

TEST(FillValue, Float32RoundsAsTheMachineDoes) {
  // Any float32, and between it and the next whatever float64 there is.
  const bool held = rc::check("float64 to float32", [](uint32_t bits, uint64_t between) {
    const auto start = static_cast<double>(std::bit_cast<float>(bits));
    const auto number =
        std::bit_cast<double>(std::bit_cast<uint64_t>(start) | (between & 0x1fffffff));
    const auto rounded = static_cast<float>(number);
    RC_PRE(std::isfinite(number) && std::isfinite(rounded));
    const auto bytes = FillValueFromJson(Json(number), DataType::kFloat32, "$").value();
    RC_ASSERT(std::memcmp(bytes.data(), &rounded, 4) == 0);
  });
  EXPECT_TRUE(held);
}

}  // namespace
}  // namespace coffer::zarr
