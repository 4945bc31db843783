// Goal: files of the real safetensors library are read bit for bit, every malformed header is
// refused by name before anything is allocated, and what is written reads back.
// Method: tests/data/formats/types.safetensors (made by the real library; every byte known from a
// formula), a table of bad headers, plans compared field by field.
#include "tools/formats/safetensors.h"

#include "tests/unit/tools/formats_support.h"

namespace coffer::inline v0::formats {
namespace {

using ::testing::HasSubstr;

const Shape kShape = {2, 3, 4};

TEST(SafetensorsTest, ReadsEveryTypeOfTheRealLibrary) {
  ArrayFile file = OpenArrayFile(DataFile("types.safetensors")).OrDie();
  EXPECT_EQ(file.format, "safetensors");
  EXPECT_EQ(file.metadata, (std::map<std::string, std::string>{
                               {"format", "np"}, {"note", "made by the real library"}}));
  std::map<std::string, DataType> types = {
      {"bool", DataType::kBool},           {"uint8", DataType::kUint8},
      {"int8", DataType::kInt8},           {"uint16", DataType::kUint16},
      {"int16", DataType::kInt16},         {"uint32", DataType::kUint32},
      {"int32", DataType::kInt32},         {"uint64", DataType::kUint64},
      {"int64", DataType::kInt64},         {"float16", DataType::kFloat16},
      {"bfloat16", DataType::kBfloat16},   {"float32", DataType::kFloat32},
      {"float64", DataType::kFloat64},     {"complex64", DataType::kComplex64},
      {"float8_e4m3fn", DataType::Raw(1)}, {"float8_e5m2", DataType::Raw(1)}};
  EXPECT_EQ(file.names.size(), types.size() + 2);
  EXPECT_TRUE(std::is_sorted(file.names.begin(), file.names.end()));
  for (size_t i = 0; i < file.names.size(); ++i) {
    FileArray array = file.get(i).OrDie();
    std::string name = file.names[i];
    DataType type = DataType::kInt32;
    Shape shape;
    if (name == "empty") {
      type = DataType::kFloat32;
      shape = {3, 0};
    } else if (name != "rank0") {
      type = types.at(name.substr(0, name.find(' ')));
      shape = kShape;
    }
    EXPECT_EQ(array.name, name);
    EXPECT_EQ(array.layout.data_type, type) << name;
    EXPECT_EQ(array.layout.shape, shape) << name;
    EXPECT_EQ(ReadAllText(array), Pattern(type, shape)) << name;
    std::string attributes = name == "float8_e4m3fn tensor" ? R"({"safetensors_dtype":"F8_E4M3"})"
                             : name == "float8_e5m2 tensor" ? R"({"safetensors_dtype":"F8_E5M2"})"
                                                            : "{}";
    EXPECT_EQ(array.attributes.Dump(), attributes);
  }
}

std::string WithHeader(std::string_view header, size_t data_bytes) {
  std::string file;
  for (int i = 0; i < 8; ++i) file += static_cast<char>((header.size() >> (8 * i)) & 0xff);
  return file.append(header) + std::string(data_bytes, 'x');
}

TEST(SafetensorsTest, MalformedHeaders) {
  ScratchFolder scratch;
  const std::string a = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  EXPECT_EQ(OpenError(scratch.Write("f", WithHeader(a, 8))), "OK");
  const std::tuple<std::string, std::string, std::string> cases[] = {
      {"[0,8]", "[0,4]", "4 bytes, but shape [2] of F32 has 8"},
      {"[0,8]", "[8,0]", "data_offsets[1]: expected"},
      {"[0,8]", "[-8,0]", "data_offsets[0]: expected"},
      {"[0,8]", "[0,9223372036854775807]", "ends at byte 9223372036854775807 of the data"},
      {"[0,8]", "[0,18446744073709551615]", "data_offsets[1]: expected"},
      {"[0,8]", "[0]", "expected two integers"},
      {"[2]", "[1]", "8 bytes, but shape [1] of F32 has 4"},
      {"[2]", "[1.5]", "$[\"a\"].shape: expected"},
      {"[2]", "[-2]", "$[\"a\"].shape: expected"},
      {"[2]", "[4611686018427387904,4]", "is more bytes than fit 63 bits"},
      {"[2]", "7", "$[\"a\"].shape: expected an array"},
      {"F32", "F4", "at $[\"a\"].dtype: type \"F4\" is not supported"},
      {"\"F32\"", "32", "$[\"a\"].dtype: expected a string"},
      {"\"shape\"", "\"size\"", "unknown member \"size\""},
      {R"("shape":[2],)", "", "$[\"a\"].shape: expected an array"},
      {R"({"a":{)", R"({"a":3,"b":{)", "$[\"a\"]"},
      {R"({"a":)", R"({"__metadata__":{"x":1},"a":)", "$.__metadata__.x: expected a string"},
  };
  for (const auto& [find, replace, reason] : cases) {
    std::string bad = a;
    bad.replace(bad.find(find), find.size(), replace);
    EXPECT_THAT(OpenError(scratch.Write("f", WithHeader(bad, 8))), HasSubstr(reason)) << bad;
  }
  std::string repeated = a.substr(0, a.size() - 1) + "," + a.substr(1);
  EXPECT_NE(OpenError(scratch.Write("f", WithHeader(repeated, 8))), "OK");
  EXPECT_NE(OpenError(scratch.Write("f", WithHeader(std::string(100000, '['), 8))), "OK");
}

TEST(SafetensorsTest, TensorsCoverTheDataExactly) {
  ScratchFolder scratch;
  auto two = [&](std::string a, std::string b, size_t size) {
    std::string header = R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)" + a +
                         R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)" + b + "}}";
    return OpenError(scratch.Write("f", WithHeader(header, size)));
  };
  EXPECT_EQ(two("[4,8]", "[0,4]", 8), "OK");
  EXPECT_EQ(two("[0,4]", "[2,6]", 6),
            "InvalidArgument: f: tensor \"b\" begins at byte 2 of the data, but the one before "
            "overlaps it up to 4");
  EXPECT_EQ(two("[0,4]", "[6,10]", 10),
            "InvalidArgument: f: tensor \"b\" begins at byte 6 of the data, but the one before "
            "leaves a hole from 4");
  EXPECT_EQ(two("[0,4]", "[4,8]", 11),
            "InvalidArgument: f: the last 3 bytes of the file belong to no tensor");
  EXPECT_EQ(two("[0,4]", "[4,8]", 7),
            "DataLoss: f: at $[\"b\"].data_offsets: ends at byte 8 of the data, which has 7");
}

TEST(SafetensorsTest, HeaderSizes) {
  auto error = [](uint64_t length, int64_t file_size) {
    std::string first8;
    for (int i = 0; i < 8; ++i) first8 += static_cast<char>((length >> (8 * i)) & 0xff);
    Result<int64_t> size = SafetensorsHeaderSize(AsBytes(first8), file_size);
    return size.ok() ? std::to_string(*size) : size.status().ToString();
  };
  EXPECT_EQ(error(2, 10), "10");
  EXPECT_EQ(error(3, 10),
            "DataLoss: the safetensors header of 3 bytes is longer than the file of 10");
  EXPECT_EQ(error(100'000'000, INT64_MAX), "100000008");
  EXPECT_EQ(error(100'000'001, INT64_MAX),
            "InvalidArgument: not a safetensors file: a header of 100000001 bytes is above "
            "100000000");
  EXPECT_EQ(error(UINT64_MAX, INT64_MAX),
            "InvalidArgument: not a safetensors file: a header of 18446744073709551615 bytes is "
            "above 100000000");
}

TEST(SafetensorsTest, PlanAlignsSortsAndKeepsTrueTypes) {
  std::vector<TensorSpec> specs = {{"z", DataType::kUint8, {3}},
                                   {"b", DataType::kComplex128, {2}},
                                   {"a", DataType::Raw(3), {1, 2}},
                                   {"c", DataType::kBfloat16, {5}},
                                   {"d", DataType::Raw(4), {}}};
  SafetensorsPlan plan = PlanSafetensors(specs, {{"note", "x"}}).OrDie();
  EXPECT_EQ(plan.header.substr(8, plan.header.find_last_not_of(' ') - 7),
            R"({"__metadata__":{"coffer.data_type:a":"r24","coffer.data_type:b":"complex128",)"
            R"("coffer.data_type:d":"r32","note":"x"},)"
            R"("a":{"dtype":"U8","shape":[1,2,3],"data_offsets":[46,52]},)"
            R"("b":{"dtype":"U8","shape":[2,16],"data_offsets":[0,32]},)"
            R"("c":{"dtype":"BF16","shape":[5],"data_offsets":[36,46]},)"
            R"("d":{"dtype":"U32","shape":[],"data_offsets":[32,36]},)"
            R"("z":{"dtype":"U8","shape":[3],"data_offsets":[52,55]}})");
  EXPECT_EQ(plan.header.size() % 8, 0u);
  EXPECT_EQ(plan.file_size, std::ssize(plan.header) + 55);
  EXPECT_EQ(plan.layouts[1].offset, std::ssize(plan.header));
  Safetensors read = ParseSafetensors(AsBytes(plan.header), plan.file_size).OrDie();
  ASSERT_EQ(read.tensors.size(), 5u);
  const size_t order[] = {2, 1, 3, 4, 0};  // By name.
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(read.tensors[i].name, specs[order[i]].name);
    EXPECT_EQ(read.tensors[i].layout.data_type, specs[order[i]].data_type);
    EXPECT_EQ(read.tensors[i].layout.shape, specs[order[i]].shape);
    EXPECT_EQ(read.tensors[i].layout.offset, plan.layouts[order[i]].offset);
  }
}

TEST(SafetensorsTest, PlanRefusesNamesTheFormatCannotHold) {
  TensorSpec a = {"a", DataType::kUint8, {}};
  EXPECT_EQ(PlanSafetensors({a, a}, {}).status().ToString(),
            "InvalidArgument: two tensors are named \"a\"");
  a.name = "__metadata__";
  EXPECT_EQ(PlanSafetensors({a}, {}).status().ToString(),
            "InvalidArgument: safetensors cannot name a tensor \"__metadata__\"");
  a.name = "\xff";
  EXPECT_EQ(PlanSafetensors({a}, {}).status().code(), StatusCode::kInvalidArgument);
  a.name = "\"\n\\";
  SafetensorsPlan plan = PlanSafetensors({a}, {}).OrDie();
  EXPECT_EQ(ParseSafetensors(AsBytes(plan.header), plan.file_size).OrDie().tensors[0].name, a.name);
}

TEST(ArrayFileTest, TheFirstBytesTellTheFormat) {
  ScratchFolder scratch;
  EXPECT_EQ(OpenError(scratch.Write("x.npy", "hello, world")),
            "InvalidArgument: x.npy: neither .npy, .npz, NIfTI nor safetensors");
  EXPECT_EQ(OpenError(scratch.Write("x", "")),
            "InvalidArgument: x: neither .npy, .npz, NIfTI nor safetensors");
  std::string npy = ReadText(DataFile("c_i4.npy"));
  EXPECT_EQ(OpenError(scratch.Write("really.safetensors", npy)), "OK");
  EXPECT_EQ(OpenError(scratch.Path("absent")),
            "NotFound: absent: cannot open: No such file or directory");
  // A header of 348 bytes, the number that NIfTI files begin with.
  std::string header = R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})";
  header.resize(348, ' ');
  EXPECT_EQ(OpenArrayFile(scratch.Write("s", WithHeader(header, 0))).OrDie().format, "safetensors");
  EXPECT_EQ(ArrayFileWriter::Create("out.bin", {}, {}).status().ToString(),
            "InvalidArgument: out.bin: expected a name that ends in .safetensors or .npz");
}

}  // namespace
}  // namespace coffer::inline v0::formats
