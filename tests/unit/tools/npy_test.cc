// Goal: .npy and .npz files of the real NumPy are read bit for bit, whatever is malformed is named,
// and what is written reads back.
// Method: tests/data/formats/ (made by NumPy; every byte known from a formula); a table of damaged
// headers; random round trips. tests/cli compares written files with the real NumPy.
#include "tools/formats/npy.h"

#include <zlib.h>

#include "tests/unit/tools/formats_support.h"
#include "tools/formats/npz.h"

namespace coffer::inline v0::formats {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const Shape kShape = {2, 3, 4};

TEST(NpyTest, ReadsEveryTypeOfNumPy) {
  const std::pair<const char*, DataType> cases[] = {
      {"b1", DataType::kBool},      {"i1", DataType::kInt8},        {"i2", DataType::kInt16},
      {"i4", DataType::kInt32},     {"i8", DataType::kInt64},       {"u1", DataType::kUint8},
      {"u2", DataType::kUint16},    {"u4", DataType::kUint32},      {"u8", DataType::kUint64},
      {"f2", DataType::kFloat16},   {"f4", DataType::kFloat32},     {"f8", DataType::kFloat64},
      {"c8", DataType::kComplex64}, {"c16", DataType::kComplex128}, {"V3", DataType::Raw(3)}};
  for (const auto& [name, type] : cases) {
    FileArray array = OpenOnly(DataFile(std::string("c_") + name + ".npy"));
    EXPECT_EQ(array.layout.data_type, type) << name;
    EXPECT_EQ(array.layout.shape, kShape);
    EXPECT_EQ(ReadAllText(array), Pattern(type, kShape)) << name;
  }
}

TEST(NpyTest, ReadsBigEndianFortranOrder) {
  const std::pair<const char*, DataType> cases[] = {{"i2", DataType::kInt16},
                                                    {"u4", DataType::kUint32},
                                                    {"f8", DataType::kFloat64},
                                                    {"c8", DataType::kComplex64},
                                                    {"c16", DataType::kComplex128}};
  for (const auto& [name, type] : cases) {
    FileArray array = OpenOnly(DataFile(std::string("f_") + name + ".npy"));
    EXPECT_EQ(array.layout.strides[0], type.size());
    EXPECT_EQ(ReadAllText(array), Pattern(type, kShape)) << name;
  }
}

TEST(NpyTest, ReadsOddShapesAndVersions) {
  for (const auto& [name, shape] : {std::pair<const char*, Shape>{"rank0", {}},
                                    {"rank1", {5}},
                                    {"empty", {3, 0, 2}},
                                    {"version2", kShape},
                                    {"version3", kShape}}) {
    FileArray array = OpenOnly(DataFile(std::string(name) + ".npy"));
    EXPECT_EQ(array.layout.shape, shape) << name;
    EXPECT_EQ(ReadAllText(array), Pattern(DataType::kInt32, shape)) << name;
  }
}

TEST(NpyTest, RefusesWhatItCannotHoldByName) {
  EXPECT_EQ(OpenError(DataFile("object.npy")),
            "InvalidArgument: object.npy: data type '|O' holds Python objects; pickles are never "
            "read");
  EXPECT_EQ(OpenError(DataFile("text.npy")),
            "InvalidArgument: text.npy: data type '<U2' is not supported");
  EXPECT_EQ(OpenError(DataFile("date.npy")),
            "InvalidArgument: date.npy: data type '<M8[s]' is not supported");
  EXPECT_EQ(OpenError(DataFile("record.npy")),
            "InvalidArgument: record.npy: records (structured types) are not supported");
}

std::string Npy(std::string_view dictionary, size_t data_bytes) {
  std::string file("\x93NUMPY\x01\x00", 8);
  file += static_cast<char>(dictionary.size() & 0xff);
  file += static_cast<char>(dictionary.size() >> 8);
  return file.append(dictionary) + std::string(data_bytes, 'x');
}

std::string ParseError(std::string_view file) {
  return ParseNpy(AsBytes(file), std::ssize(file)).status().ToString();
}

TEST(NpyTest, MalformedHeaders) {
  const std::string good = "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }";
  EXPECT_EQ(ParseError(Npy(good, 24)), "OK");
  const std::tuple<std::string, std::string, std::string> cases[] = {
      {"(2, 3)", "(2, -3)", "shape [2, -3] has a negative extent"},
      {"(2, 3)", "(2)", "header, at character 53: expected a tuple"},
      {"(2, 3)", "(2 3)", "header, at character 53: expected ',' or ')'"},
      {"(2, 3)", "(99999999999999999999,)",
       "header, at character 51: expected an extent below 2^63"},
      {"(2, 3)", "(4294967296, 4294967296)",
       "shape [4294967296, 4294967296] of int32 is more bytes than fit 63 bits"},
      {"(2, 3)", "__import__('os')", "header, at character 50: expected '('"},
      {"False", "0", "header, at character 34: expected True or False"},
      {"<i4", "<i3", "data type '<i3' is not supported"},
      {"<i4", "<f16", "data type '<f16' is not supported"},
      {"<i4", "|V65537", "data type '|V65537' is not supported"},
      {"<i4", "", "data type '' is not supported"},
      {"'descr'", "'type'", "header has an unknown or repeated key 'type'"},
      {"'fortran_order'", "'descr'", "header has an unknown or repeated key 'descr'"},
      {", 'shape': (2, 3)", "", "header lacks 'shape'"},
      {"'<i4'", "'<i4", "header, at character 17: expected '}'"},
      {", }", "", "header, at character 56: expected '}'"},
      {", }", ", } 1", "header, at character 60: expected nothing after the dictionary"},
  };
  for (const auto& [find, replace, reason] : cases) {
    std::string bad = good;
    bad.replace(bad.find(find), find.size(), replace);
    EXPECT_THAT(ParseError(Npy(bad, 24)), StartsWith("InvalidArgument: ")) << bad;
    EXPECT_THAT(ParseError(Npy(bad, 24)), HasSubstr(reason)) << bad;
  }
}

TEST(NpyTest, SizesAreCheckedAgainstTheFile) {
  const std::string header = "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }";
  EXPECT_EQ(ParseError(Npy(header, 23)),
            "DataLoss: shape [2, 3] of int32 needs 24 bytes from byte 69 on, but the file has 92");
  EXPECT_EQ(ParseError(Npy(header, 25)),
            "InvalidArgument: 1 bytes follow the array of shape [2, 3]");
  EXPECT_EQ(
      ParseError(Npy("{'descr': '|u1', 'fortran_order': False, 'shape': (1125899906842624,)}", 9)),
      "DataLoss: shape [1125899906842624] of uint8 needs 1125899906842624 bytes from byte 80 "
      "on, but the file has 89");
  EXPECT_EQ(ParseError(Npy(header, 24).substr(0, 40)),
            "DataLoss: the .npy header of 59 bytes is longer than the file");
  EXPECT_EQ(ParseError("\x93NUMPY\x01"), "DataLoss: ends within the .npy header");
  EXPECT_EQ(ParseError("\x93NUMPY\x04 and so on"),
            "InvalidArgument: .npy version 4 is not supported");
  EXPECT_EQ(ParseError("NUMPY"), "InvalidArgument: not a .npy file (no \\x93NUMPY)");
  std::string long_header("\x93NUMPY\x02\x00\x00\x00\x02\x00", 12);
  std::string start = long_header + std::string(kNpyHeaderMax - 12, ' ');
  EXPECT_EQ(ParseNpy(AsBytes(start), 1 << 20).status().ToString(),
            "InvalidArgument: the .npy header of 131072 bytes is longer than the 65536 that are "
            "read");
}

TEST(NpyTest, HeadersReadBackAndAreAligned) {
  const std::pair<DataType, DataType> types[] = {{DataType::kBool, DataType::kBool},
                                                 {DataType::kInt8, DataType::kInt8},
                                                 {DataType::kUint64, DataType::kUint64},
                                                 {DataType::kFloat16, DataType::kFloat16},
                                                 {DataType::kBfloat16, DataType::kUint16},
                                                 {DataType::kFloat64, DataType::kFloat64},
                                                 {DataType::kComplex128, DataType::kComplex128},
                                                 {DataType::Raw(1), DataType::Raw(1)},
                                                 {DataType::Raw(24), DataType::Raw(24)}};
  Shape shape;
  for (const auto& [written, read] : types) {
    std::string header = NpyHeader(written, shape);
    EXPECT_EQ(header.size() % 64, 0u);
    EXPECT_EQ(header.back(), '\n');
    ArrayLayout layout =
        ParseNpy(AsBytes(header), std::ssize(header) + *NumElements(shape) * written.size())
            .OrDie();
    EXPECT_EQ(layout.data_type, read);
    EXPECT_EQ(layout.shape, shape);
    EXPECT_EQ(layout.offset, std::ssize(header));
    shape.push_back(shape.rank() + 1);
  }
}

TEST(NpzTest, ReadsStoredAndDeflatedMembers) {
  for (const char* name : {"stored.npz", "deflated.npz"}) {
    ArrayFile file = OpenArrayFile(DataFile(name)).OrDie();
    EXPECT_EQ(file.format, "npz");
    EXPECT_THAT(file.names, ElementsAre("a", "layer/b", "scalar", "long"));
    const std::pair<DataType, Shape> expected[] = {{DataType::kInt32, kShape},
                                                   {DataType::kFloat64, kShape},
                                                   {DataType::kUint16, {}},
                                                   {DataType::kUint16, {100, 40}}};
    for (size_t i = 0; i < 4; ++i) {
      FileArray array = file.get(i).OrDie();
      EXPECT_EQ(array.layout.data_type, expected[i].first);
      EXPECT_EQ(array.layout.shape, expected[i].second);
      EXPECT_EQ(ReadAllText(array), Pattern(expected[i].first, expected[i].second)) << name << i;
    }
  }
  EXPECT_TRUE(OpenArrayFile(DataFile("none.npz")).OrDie().names.empty());
}

TEST(NpzTest, EveryFlippedByteGivesAnErrorOrTheRightElements) {
  ScratchFolder scratch;
  for (const char* name : {"stored.npz", "deflated.npz"}) {
    std::string good = ReadText(DataFile(name));
    int errors = 0;
    for (size_t at = 0; at < good.size(); at += good.size() > 4000 ? 41 : 5) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ 0x21);
      Result<ArrayFile> file = OpenArrayFile(scratch.Write("bad.npz", bad));
      Result<FileArray> array = file.ok() && file->names.size() == 4
                                    ? file->get(3)
                                    : Result<FileArray>(InvalidArgumentError("not opened"));
      errors += array.ok() ? 0 : 1;
      if (!array.ok()) continue;
      ASSERT_EQ(ReadAllText(*array), Pattern(DataType::kUint16, {100, 40})) << name << at;
    }
    EXPECT_GT(errors, 50) << name;
  }
}

TEST(NpzTest, RefusesWhatIsNoArchiveOfArrays) {
  ScratchFolder scratch;
  std::string good = ReadText(DataFile("stored.npz"));
  EXPECT_THAT(OpenError(scratch.Write("cut.npz", good.substr(0, good.size() - 30))),
              StartsWith("InvalidArgument: cut.npz: not a whole .npz archive: "));
  std::string renamed = good;
  for (size_t at = 0; (at = renamed.find("scalar.npy", at)) != std::string::npos;) {
    renamed.replace(at, 10, "scalar.txt");
  }
  EXPECT_EQ(OpenError(scratch.Write("other.npz", renamed)),
            "InvalidArgument: other.npz: member \"scalar.txt\" is no .npy file");
}

TEST(NpzTest, WritesWhatItReads) {
  ScratchFolder scratch;
  std::string path = scratch.Path("out.npz");
  std::vector<ArrayFileWriter::Spec> specs = {{"a", DataType::kInt32, kShape},
                                              {"b/c", DataType::kBfloat16, {5}},
                                              {"\xc3\xa9", DataType::kUint8, {}},
                                              {"none", DataType::kFloat64, {0, 3}}};
  std::unique_ptr<ArrayFileWriter> writer = ArrayFileWriter::Create(path, specs, {}).OrDie();
  for (size_t i : {size_t{2}, size_t{0}, size_t{3}, size_t{1}}) {
    std::string bytes = Pattern(specs[i].data_type, specs[i].shape);
    const FileArray& array = writer->array(i);
    ConstView view(AsBytes(bytes).data(), specs[i].data_type, specs[i].shape);
    WriteBox(*array.file, array.layout, Box::Full(specs[i].shape), view).OrDie();
  }
  writer->Commit().OrDie();
  ArrayFile file = OpenArrayFile(path).OrDie();
  EXPECT_THAT(file.names, ElementsAre("a", "b/c", "\xc3\xa9", "none"));
  for (size_t i = 0; i < specs.size(); ++i) {
    FileArray array = file.get(i).OrDie();
    EXPECT_EQ(array.layout.shape, specs[i].shape);
    EXPECT_EQ(ReadAllText(array), Pattern(specs[i].data_type, specs[i].shape));
  }
  EXPECT_EQ(ArrayFileWriter::Create(path, {specs[0], specs[0]}, {}).status().ToString(),
            "AlreadyExists: " + path + ": two arrays are named \"a\"");
  EXPECT_EQ(ArrayFileWriter::Create(path, specs, {{"note", "x"}}).status().ToString(),
            "InvalidArgument: " + path +
                ": .npz has no place for \"note\", which is no array; .safetensors has");
}

}  // namespace
}  // namespace coffer::inline v0::formats
