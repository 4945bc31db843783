// Goal: arguments are read strictly, and what people see is exact.
// Method: tables of inputs and outputs, limits on both sides.
#include "tools/coffer/text.h"
#include "tools/coffer/nodes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tools/coffer/layout_options.h"

namespace coffer::inline v0::tool {
namespace {

using ::testing::HasSubstr;

TEST(TextTest, ByteSizes) {
  const std::pair<const char*, int64_t> good[] = {
      {"0", 0},       {"4096", 4096},    {"1K", 1024},       {"256M", 256 << 20},
      {"2G", GiB(2)}, {"1T", GiB(1024)}, {"64MiB", MiB(64)}, {"8388607T", 8388607 * GiB(1024)}};
  for (const auto& [text, bytes] : good) EXPECT_EQ(ParseByteSize(text).OrDie(), bytes) << text;
  for (const char* text :
       {"", "M", "-1", "1.5G", "1MB", "1 M", "1m", "8388608T", "99999999999999999999", "1KK"}) {
    EXPECT_EQ(
        ParseByteSize(text).status().ToString(),
        "InvalidArgument: \"" + std::string(text) + "\" is no size (examples: 4096, 256M, 2G)");
  }
}

TEST(TextTest, Shapes) {
  EXPECT_EQ(ParseShape("64,1,0").OrDie(), (Shape{64, 1, 0}));
  EXPECT_EQ(ParseShape("7").OrDie(), Shape{7});
  EXPECT_EQ(ParseShape("").OrDie(), Shape());
  for (const char* text : {"1,", ",1", "1,,2", "1 2", "-1", "a", "9223372036854775808"}) {
    EXPECT_THAT(ParseShape(text).status().message(), HasSubstr("is no list of integers from 0 on"))
        << text;
  }
  EXPECT_THAT(ParseShape("4,0", 1).status().message(), HasSubstr("from 1 on"));
  std::string ones = "1";
  for (int d = 1; d < 32; ++d) ones += ",1";
  EXPECT_EQ(ParseShape(ones).OrDie().rank(), 32);
  EXPECT_EQ(ParseShape(ones + ",1").status().message(), "more than 32 dimensions");
}

TEST(TextTest, Numbers) {
  const std::pair<int64_t, const char*> bytes[] = {
      {0, "0 B"},          {999, "999 B"},
      {1000, "0.98 KiB"},  {1023, "1 KiB"},
      {1024, "1 KiB"},     {1260, "1.23 KiB"},
      {MiB(64), "64 MiB"}, {MiB(1) * 10 + 52429, "10.1 MiB"},
      {INT64_MAX, "8 EiB"}};
  for (const auto& [value, text] : bytes) EXPECT_EQ(FormatBytes(value), text);
  EXPECT_EQ(FormatRate(MiB(100), 2), "50 MiB/s");
  EXPECT_EQ(FormatSeconds(0.4), "0 s");
  EXPECT_EQ(FormatSeconds(59.4), "59 s");
  EXPECT_EQ(FormatSeconds(60), "1 min 0 s");
  EXPECT_EQ(FormatSeconds(3725), "1 h 2 min");
  EXPECT_EQ(FormatRatio(100, 40), "2.5x");
  EXPECT_EQ(FormatRatio(100, 0), "-");
  EXPECT_EQ(FormatCount(1, "chunk"), "1 chunk");
  EXPECT_EQ(FormatCount(0, "chunk"), "0 chunks");
  EXPECT_EQ(FormatCount(1234567, "chunk"), "1,234,567 chunks");
  EXPECT_EQ(FormatCount(123, "chunk"), "123 chunks");
}

TEST(TextTest, TablesAlignByCharacters) {
  Table table("lrl");
  table.Add({"a", "1", "x"});
  table.Add({"\xc3\xa9\xc3\xa9\xc3\xa9", "1000"});
  EXPECT_EQ(table.ToString("> "), "> a       1  x\n> \xc3\xa9\xc3\xa9\xc3\xa9  1000\n");
}

TEST(TextTest, NamesCannotPlayTricksOnATerminal) {
  EXPECT_EQ(Printable("a b/\xc3\xa9"), "a b/\xc3\xa9");
  EXPECT_EQ(Printable("\x1b[2Jx\n\x7f"), "\\u001b[2Jx\\n\\u007f");
  EXPECT_EQ(Printable("\xff"), "\xef\xbf\xbd");
  // U+0085, U+009B (an escape sequence's begin for some terminals); U+00A0 is none.
  EXPECT_EQ(Printable("a\xc2\x85\xc2\x9b"
                      "b"),
            "a\\u0085\\u009bb");
  EXPECT_EQ(Printable("\xc2\xa0\n"), "\xc2\xa0\\n");
}

TEST(TextTest, NoCharacterIsCut) {
  EXPECT_EQ(Shortened("abcdef", 6), "abcdef");
  EXPECT_EQ(Shortened("abcdefg", 6), "abc...");
  EXPECT_EQ(Shortened("ab\xc3\xa9"
                      "def",
                      6),
            "ab...");
  EXPECT_EQ(Shortened("a\xe2\x82\xac"
                      "def",
                      6),
            "a...");
  EXPECT_EQ(Shortened("\xc3\xa9"
                      "bcdef",
                      6),
            "\xc3\xa9"
            "b...");
}

TEST(NodesTest, JoinedNamesKeepEveryStep) {
  EXPECT_EQ(JoinedName(TreePath()), "");
  EXPECT_EQ(JoinedName(TreePath().Key("a").Index(1).Key("b.c")), "a.1.b.c");
  EXPECT_EQ(JoinedName(TreePath().Key("").Key("x")), ".x");
}

TEST(LayoutOptionsTest, CodecsOfZarr2) {
  auto dump = [](const char* text) {
    Result<CodecSpec> spec = ParseCodecOfAnyFormat(text);
    return spec.ok() ? spec->name + " " + spec->configuration : spec.status().ToString();
  };
  EXPECT_EQ(dump("zstd:7"), "zstd " + Zstd(7).configuration);
  EXPECT_EQ(dump("lz4"), R"(lz4 {"acceleration":1})");
  EXPECT_EQ(dump("lz4:9"), R"(lz4 {"acceleration":9})");
  EXPECT_EQ(dump("zlib"), R"(zlib {"level":1})");
  EXPECT_EQ(dump("bz2:9"), R"(bz2 {"level":9})");
  EXPECT_EQ(dump("lzma"), R"(lzma {"preset":6})");
  EXPECT_EQ(dump("lzma:x"), "InvalidArgument: \"x\" is no level of lzma");
  EXPECT_EQ(dump("lz4:1:2"), "InvalidArgument: \"1:2\" is no level of lz4");
  EXPECT_FALSE(ParseCodec("lz4").ok());
}

TEST(LayoutOptionsTest, Codecs) {
  auto dump = [](const char* text) {
    CodecSpec spec = ParseCodec(text).OrDie();
    return spec.name + " " + spec.configuration;
  };
  auto expected = [](const CodecSpec& spec) { return spec.name + " " + spec.configuration; };
  EXPECT_EQ(dump("none"), expected(Uncompressed()));
  EXPECT_EQ(dump("zstd"), expected(Zstd(3)));
  EXPECT_EQ(dump("zstd:-5"), expected(Zstd(-5)));
  EXPECT_EQ(dump("gzip"), expected(Gzip(6)));
  EXPECT_EQ(dump("gzip:1"), expected(Gzip(1)));
  EXPECT_EQ(dump("blosc"), expected(Blosc("lz4", 5, "")));
  EXPECT_EQ(dump("blosc:zstd:9:bitshuffle"), expected(Blosc("zstd", 9, "bitshuffle")));
  const std::pair<const char*, const char*> bad[] = {
      {"", "is no codec"},
      {"zst", "is no codec"},
      {"zstd:", "is no level of zstd"},
      {"zstd:3x", "is no level"},
      {"none:1", "too many parts for none"},
      {"gzip:1:2", "too many parts"},
      {"blosc:lz4:5:shuffle:x", "too many parts for blosc"}};
  for (const auto& [text, reason] : bad) {
    EXPECT_THAT(ParseCodec(text).status().message(), HasSubstr(reason)) << text;
  }
}

TEST(LayoutOptionsTest, FillValuesAreJsonOrNames) {
  EXPECT_EQ(FillValueJson(""), "");
  EXPECT_EQ(FillValueJson("7"), "7");
  EXPECT_EQ(FillValueJson("[1, 0]"), "[1, 0]");
  EXPECT_EQ(FillValueJson("NaN"), "\"NaN\"");
  EXPECT_EQ(FillValueJson("0x7fc0"), "\"0x7fc0\"");
}

TEST(LayoutOptionsTest, TypesAreRenamedButNeverConverted) {
  EXPECT_EQ(RenamedType(DataType::kInt32, std::nullopt).OrDie(), DataType::kInt32);
  EXPECT_EQ(RenamedType(DataType::kInt32, DataType::kInt32).OrDie(), DataType::kInt32);
  EXPECT_EQ(RenamedType(DataType::kUint16, DataType::kBfloat16).OrDie(), DataType::kBfloat16);
  EXPECT_EQ(RenamedType(DataType::Raw(4), DataType::kFloat32).OrDie(), DataType::kFloat32);
  for (auto [from, to] : {std::pair(DataType::kUint16, DataType::kInt16),
                          std::pair(DataType::kUint16, DataType::kFloat16),
                          std::pair(DataType::kUint32, DataType::kBfloat16),
                          std::pair(DataType::kFloat16, DataType::kBfloat16)}) {
    EXPECT_EQ(RenamedType(from, to).status().code(), StatusCode::kUnimplemented);
  }
}

}  // namespace
}  // namespace coffer::inline v0::tool
