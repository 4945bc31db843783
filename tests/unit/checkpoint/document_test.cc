// Goal: a document says exactly what the tree was, and anything else is refused by name.
// Method: one document spelled out byte by byte; round trips of every kind of leaf; a table of
// documents with one thing wrong each, with the error each must give.
#include "src/checkpoint/document.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/unit/checkpoint/trees.h"

namespace coffer {
namespace {

Tree ShapeOnly(DataType type, const Shape& shape) { return Tree(ConstView(nullptr, type, shape)); }

Document RoundTrip(const Document& document) { return Document::Parse(document.Dump()).OrDie(); }

TEST(Document, IsSpelledLikeThis) {
  Document document;
  document.created_at = "2026-01-02T03:04:05Z";
  document.tree = Tree::Dict();
  document.tree.Set("step", Tree(7));
  document.tree.Set("layers", Tree::List().Append(ShapeOnly(DataType::kFloat32, {3, 4})));
  document.arrays.push_back({Shape{1, 4}, Shape{2, 4}, Digest::Of("123456789")});
  EXPECT_EQ(document.Dump(),
            R"({"format":"coffer-first-slice","version":1,"created_at":"2026-01-02T03:04:05Z",)"
            R"("tree":{"dict":{"step":{"int":7},"layers":{"list":[{"array":0,)"
            R"("data_type":"float32","shape":[3,4],"chunk_shape":[1,4],"shard_shape":[2,4],)"
            R"("metadata":{"size":9,"crc32c":"e3069283"}}]}}}})");
}

TEST(Document, EveryKindOfLeafSurvives) {
  const double kNan = std::bit_cast<double>(uint64_t{0x7ff8dead0000beef});
  Document document;
  document.tree = Tree::List();
  document.tree.Append(Tree()).Append(Tree(true)).Append(Tree(false));
  document.tree.Append(Tree(INT64_MIN)).Append(Tree(INT64_MAX)).Append(Tree(0));
  for (double value :
       {0.0, -0.0, 0.1, -1e300, 5e-324, 3.0, kNan, std::numeric_limits<double>::infinity(),
        -std::numeric_limits<double>::infinity()}) {
    document.tree.Append(Tree(value));
  }
  document.tree.Append(Tree("")).Append(Tree(std::string("a\0\"\\\n/\x7f", 7)));
  document.tree.Append(Tree("grö\xc3\x9f\xf0\x9f\x9a\xb2"));
  document.tree.Append(Tree::FromBytes("")).Append(Tree::FromBytes(std::string("\0\xff", 2)));
  document.tree.Append(Tree::Dict()).Append(Tree::List());
  EXPECT_EQ(coffer::testing::Difference(document.tree, RoundTrip(document).tree), "");
}

TEST(Document, ArraysKeepShapesAndDigests) {
  Document document;
  document.tree = Tree::Dict();
  document.tree.Set("b", ShapeOnly(DataType::Parse("r24").OrDie(), Shape()));
  document.tree.Set("a", ShapeOnly(DataType::kBool, {0, 5}));
  document.arrays.push_back({Shape(), Shape(), Digest{INT64_MAX, 0xffffffff}});
  document.arrays.push_back({Shape{1, 5}, Shape(), Digest{0, 1}});
  const Document read = RoundTrip(document);
  EXPECT_EQ(read.tree.Find("b")->array().data_type.name(), "r24");
  EXPECT_EQ(read.tree.Find("b")->array().shape, Shape());
  EXPECT_EQ(read.tree.Find("a")->array().shape, (Shape{0, 5}));
  ASSERT_EQ(read.arrays.size(), 2U);
  EXPECT_EQ(read.arrays[0].metadata, (Digest{INT64_MAX, 0xffffffff}));
  EXPECT_EQ(read.arrays[1].metadata, (Digest{0, 1}));
  EXPECT_EQ(read.arrays[1].chunk_shape, (Shape{1, 5}));
  EXPECT_EQ(read.arrays[1].shard_shape, Shape());
}

std::string WithTree(const std::string& tree) {
  return R"({"format":"coffer-first-slice","version":1,"created_at":"x","tree":)" + tree + "}";
}

std::string WithArray(const std::string& from, const std::string& to) {
  std::string array =
      R"({"array":0,"data_type":"int8","shape":[3,4],"chunk_shape":[3,4],"shard_shape":[],)"
      R"("metadata":{"size":9,"crc32c":"e3069283"}})";
  array.replace(array.find(from), from.size(), to);
  return WithTree(array);
}

TEST(Document, TakesTheArrayThatTheErrorsBelowVary) {
  EXPECT_EQ(Document::Parse(WithArray("[3,4]", "[3,4]")).status(), Status());
}

TEST(Document, RefusesWhatIsWrong) {
  struct Case {
    std::string text;
    std::string error;
  };
  const Case cases[] = {
      {"", "JSON, line 1"},
      {"[]", "at $: expected \"format\": \"coffer-first-slice\", got []"},
      {R"({"format":"other"})", "expected \"format\": \"coffer-first-slice\""},
      {R"({"format":"coffer-first-slice"})", "at $: expected a version"},
      {R"({"format":"coffer-first-slice","version":1})",
       "at $: expected \"created_at\" and \"tree\""},
      {WithTree("[]"), "at $.tree: expected a tree node, got []"},
      {WithTree("{}"), "at $.tree: expected a tree node, got {}"},
      {WithTree(R"({"tuple":[]})"), "at $.tree.tuple: unknown kind of node"},
      {WithTree(R"({"int":1,"extra":2})"), "at $.tree: unknown member \"extra\""},
      {WithTree(R"({"int":1.5})"), "at $.tree.int: expected an integer"},
      {WithTree(R"({"int":9223372036854775808})"), "at $.tree.int: expected an integer"},
      {WithTree(R"({"bool":1})"), "at $.tree.bool: expected true or false, got 1"},
      {WithTree(R"({"none":0})"), "at $.tree.none: expected null, got 0"},
      {WithTree(R"({"double":1})"), "at $.tree.double: expected a number with a fraction"},
      {WithTree(R"({"double":"0x3ff0000000000000"})"), "at $.tree.double: expected a number"},
      {WithTree(R"({"double":"0x7FF0000000000000"})"), "at $.tree.double: expected a number"},
      {WithTree(R"({"bytes":"?"})"), "at $.tree.bytes: expected base64, got \"?\""},
      {WithTree(R"({"string":7})"), "at $.tree.string: expected a string, got 7"},
      {WithTree(R"({"dict":[]})"), "at $.tree.dict: expected an object, got []"},
      {WithTree(R"({"list":{}})"), "at $.tree.list: expected an array, got {}"},
      {WithTree(R"({"dict":{"a\u0000b":{"list":[{"int":1},{"int":"x"}]}}})"),
       "at $.tree.dict[\"a\\u0000b\"].list[1].int: expected an integer, got \"x\""},
      {WithTree(R"({"dict":{"a":{"none":null},"a":{"none":null}}})"), "duplicate key \"a\""},
      {WithArray("\"array\":0", "\"array\":1"), "at $.tree.array: expected an integer"},
      {WithArray("\"array\":0", "\"array\":-1"), "at $.tree.array: expected an integer"},
      {WithArray("int8", "int9"), "at $.tree.data_type: "},
      {WithArray("[3,4]", "[3,-4]"), "at $.tree.shape: expected an integer >= 0, got -4"},
      {WithArray("[3,4]", "[3,4.0]"), "at $.tree.shape: expected an integer >= 0, got 4.0"},
      {WithArray("\"chunk_shape\":[3,4]", "\"chunk_shape\":[0,4]"),
       "at $.tree.chunk_shape: expected an integer >= 1, got 0"},
      {WithArray("\"shard_shape\":[]", "\"shard_shape\":null"),
       "at $.tree.shard_shape: expected an array, got null"},
      {WithArray("[3,4]", "[4294967296,4294967296]"), "at $.tree.shape: more bytes than 2^63"},
      {WithArray("[3,4]", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]"),
       "at $.tree.shape: expected at most 32 dimensions"},
      {WithArray("\"size\":9", "\"size\":-9"), "at $.tree.metadata.size: expected an integer"},
      {WithArray("\"size\":9,", ""), "at $.tree.metadata: expected \"size\" and \"crc32c\""},
      {WithArray("e3069283", "e306928"), "at $.tree.metadata.crc32c: expected 8 hexadecimal"},
      {WithArray("e3069283", "E3069283"), "at $.tree.metadata.crc32c: expected 8 hexadecimal"},
      {WithArray("e3069283", "0xe30692"), "at $.tree.metadata.crc32c: expected 8 hexadecimal"},
      {WithArray("\"crc32c\"", "\"x\":1,\"crc32c\""), "at $.tree.metadata: unknown member \"x\""},
      {WithArray("\"shard_shape\":[],", ""), "at $.tree: expected six members of an array"},
      {WithArray("\"shape\"", "\"shapes\""), "at $.tree: unknown member \"shapes\""},
  };
  for (const Case& wrong : cases) {
    const Status status = Document::Parse(wrong.text).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << wrong.text;
    EXPECT_NE(status.message().find(wrong.error), std::string_view::npos)
        << wrong.text << "\ngave " << status << "\nexpected " << wrong.error;
  }
}

TEST(Document, AnotherVersionIsUnimplemented) {
  const Status status =
      Document::Parse(R"({"format":"coffer-first-slice","version":2,"new":1})").status();
  EXPECT_EQ(status,
            UnimplementedError("at $.version: version 2 of coffer-first-slice is not known here"));
}

TEST(Document, TheSumOfAllArraysIsChecked) {
  const std::string half =
      R"("data_type":"int8","shape":[4611686018427387904],"chunk_shape":[1],"shard_shape":[],)"
      R"("metadata":{"size":9,"crc32c":"e3069283"}})";
  const Status status =
      Document::Parse(WithTree(R"({"list":[{"array":0,)" + half + R"(,{"array":1,)" + half + "]}"))
          .status();
  EXPECT_EQ(status, InvalidArgumentError("at $.tree.list[1].shape: more bytes than 2^63"));
}

Tree Nested(int depth) {
  Tree tree(1);
  for (int i = 0; i < depth; ++i) {
    tree = i % 2 == 0 ? Tree::List().Append(tree) : Tree::Dict().Set("d", tree);
  }
  return tree;
}

TEST(Document, NestingIsLimitedWhenWritingAndWhenReading) {
  Document document;
  document.tree = Nested(kTreeDepthMax);
  EXPECT_EQ(CheckTree(document.tree), Status());
  EXPECT_EQ(coffer::testing::Difference(document.tree, RoundTrip(document).tree), "");
  document.tree = Nested(kTreeDepthMax + 1);
  const Status status = CheckTree(document.tree);
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find(": nested deeper than 64"), std::string_view::npos) << status;
  EXPECT_EQ(Document::Parse(document.Dump()).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(CheckTree(Nested(5000)).code(), StatusCode::kInvalidArgument);
}

TEST(CheckTree, NamesPathAndReason) {
  EXPECT_EQ(CheckTree(Tree::Dict().Set("a", Tree::Dict().Set("\xff", Tree()))),
            InvalidArgumentError("at a/\xff: the name is not UTF-8"));
  EXPECT_EQ(CheckTree(Tree::List().Append(Tree("\xc0\x80"))),
            InvalidArgumentError("at 0: the string is not UTF-8; see Tree::FromBytes"));
  EXPECT_EQ(CheckTree(Tree::List().Append(ShapeOnly(DataType::kInt8, {2}))),
            InvalidArgumentError("at 0: the array has a shape but no elements"));
  EXPECT_EQ(CheckTree(Tree(OwnedArray())),
            InvalidArgumentError("at the root: the array has a shape but no elements"));
  EXPECT_EQ(CheckTree(ShapeOnly(DataType::kInt8, {0, 2})), Status());
  EXPECT_EQ(CheckTree(ShapeOnly(DataType::kInt8, {0, -2})),
            InvalidArgumentError("at the root: negative extent in shape [0, -2]"));
  EXPECT_EQ(CheckTree(ShapeOnly(DataType::kInt16, {INT64_MAX})),
            InvalidArgumentError("at the root: more bytes than 2^63"));
}

TEST(Document, LeavesAreLimited) {
  Tree many = Tree::List();
  for (int64_t i = 0; i < kLeavesMax; ++i) many.Append(Tree());
  EXPECT_EQ(CheckTree(many), Status());
  many.Append(Tree());
  EXPECT_EQ(CheckTree(many), InvalidArgumentError("the tree has more than 1000000 leaves"));
  std::string list = R"({"none":null})";
  for (int64_t i = 0; i < kLeavesMax; ++i) list += R"(,{"none":null})";
  EXPECT_EQ(Document::Parse(WithTree(R"({"list":[)" + list + "]}")).status(),
            InvalidArgumentError("at $.tree.list[1000000].none: more than 1000000 leaves"));
}

TEST(Marker, IsSpelledLikeThisAndReadsBack) {
  const Marker marker{"data-0123456789abcdef", Digest::Of("123456789")};
  const std::string text =
      R"({"format":"coffer-first-slice","version":1,"data":"data-0123456789abcdef","size":9,)"
      R"("crc32c":"e3069283"})";
  EXPECT_EQ(marker.Dump(), text);
  const Marker read = Marker::Parse(text).OrDie();
  EXPECT_EQ(read.data, marker.data);
  EXPECT_EQ(read.document, marker.document);
}

TEST(Marker, NamesADataDirectoryAndNothingElse) {
  for (const char* name :
       {"", "data-", "data-0123456789abcde", "data-0123456789abcdeF", "data-0123456789abcdef0",
        "../data-0123456789abcdef", "data-../../../../../..", "Data-0123456789abcdef"}) {
    const std::string text = Marker{name, Digest()}.Dump();
    const Status status = Marker::Parse(text).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << name;
    EXPECT_NE(status.message().find("at $.data: expected \"data-\" and 16 hexadecimal digits"),
              std::string_view::npos)
        << status;
  }
  EXPECT_TRUE(IsDataName("data-00000000ffffffff"));
}

TEST(Marker, RefusesSizesBeyondTheLimit) {
  const Marker marker{"data-0123456789abcdef", Digest{kDocumentBytesMax + 1, 0}};
  EXPECT_EQ(Marker::Parse(marker.Dump()).status().code(), StatusCode::kInvalidArgument);
}

TEST(LeafAsJson, ShowsValues) {
  EXPECT_EQ(LeafAsJson(Tree(7)), "7");
  EXPECT_EQ(LeafAsJson(Tree("a\"b")), "\"a\\\"b\"");
  EXPECT_EQ(LeafAsJson(Tree()), "null");
  EXPECT_EQ(LeafAsJson(Tree(0.5)), "0.5");
  EXPECT_EQ(LeafAsJson(Tree(true)), "true");
}

}  // namespace
}  // namespace coffer
