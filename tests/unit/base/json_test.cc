// Goal: every JSON text is either read exactly or refused with its place; no input crashes,
// recurses deeply or is half understood. Method: tables of good and bad documents with exact
// results and texts, seeded random documents that must survive Dump and Parse, every truncation and
// every flipped bit of a sample.
#include "src/base/json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace coffer {
namespace {

std::string Error(std::string_view text) {
  const Result<Json> parsed = Json::Parse(text);
  if (parsed.ok()) return "parsed as " + parsed->Dump();
  EXPECT_EQ(parsed.status().code(), StatusCode::kInvalidArgument);
  return std::string(parsed.status().message());
}

std::string RoundTrip(std::string_view text) { return Json::Parse(text).OrDie().Dump(); }

TEST(JsonParse, GoodDocuments) {
  const std::pair<std::string, std::string> table[] = {
      {"null", "null"},
      {" \t\r\n true ", "true"},
      {"false", "false"},
      {"[]", "[]"},
      {"{}", "{}"},
      {"[ ]", "[]"},
      {"[1, [2, {\"a\" : [] } ] ,3]", "[1,[2,{\"a\":[]}],3]"},
      {"{\"b\": 1, \"a\": 2, \"\": 3}", "{\"b\":1,\"a\":2,\"\":3}"},  // Order is kept.
      {"{\"a\":{\"a\":{\"a\":1}}}", "{\"a\":{\"a\":{\"a\":1}}}"},     // No duplicates.
      {"0", "0"},
      {"-0", "0"},
      {"-0.0", "-0.0"},
      {"9223372036854775807", "9223372036854775807"},
      {"9223372036854775808", "9223372036854775808"},
      {"-9223372036854775808", "-9223372036854775808"},
      {"18446744073709551615", "18446744073709551615"},
      {"18446744073709551616", "18446744073709551616.0"},  // Beyond: the nearest double.
      {"-9223372036854775809", "-9223372036854775808.0"},
      {"1e2", "100.0"},
      {"1E+22", "1e+22"},
      {"1.0", "1.0"},
      {"0.1", "0.1"},
      {"5e-324", "5e-324"},
      {"1e-400", "0.0"},
      {"1.7976931348623157e308", "1.7976931348623157e+308"},
      {"\"\"", "\"\""},
      {"\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0001\"", "\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\""},
      {"\"\\u0000\"", "\"\\u0000\""},
      {"\"\\u001f\\u007f\"", "\"\\u001f\x7f\""},
      {"\"\\u00e9\\u20AC\\ud83d\\ude00\"", "\"\u00e9\u20ac\U0001f600\""},
      {"\"\u00e9\u20ac\U0001f600\U0010ffff\"", "\"\u00e9\u20ac\U0001f600\U0010ffff\""},
      {"\xef\xbb\xbf[1]", "[1]"},  // A byte order mark is allowed and dropped.
  };
  for (const auto& [text, expected] : table) EXPECT_EQ(RoundTrip(text), expected) << text;
}

TEST(JsonParse, TypesOfNumbers) {
  auto type = [](std::string_view text) { return Json::Parse(text).OrDie().type(); };
  EXPECT_EQ(type("-9223372036854775808"), Json::Type::kInt);
  EXPECT_EQ(type("9223372036854775807"), Json::Type::kInt);
  EXPECT_EQ(type("9223372036854775808"), Json::Type::kUint);
  EXPECT_EQ(type("18446744073709551616"), Json::Type::kDouble);
  EXPECT_EQ(type("1.0"), Json::Type::kDouble);
  EXPECT_EQ(type("1e0"), Json::Type::kDouble);
}

TEST(JsonParse, BadDocuments) {
  const std::pair<std::string, std::string> table[] = {
      {"",
       "JSON, line 1, column 1: syntax error while parsing value - unexpected end of input; "
       "expected '[', '{', or a literal"},
      {"[1,",
       "JSON, line 1, column 4: syntax error while parsing value - unexpected end of input; "
       "expected '[', '{', or a literal"},
      {"[1\n,2\n 3]",
       "JSON, line 3, column 2: syntax error while parsing array - unexpected "
       "number literal; expected ']'"},
      {"{\"a\": 1,\n  \"b\" 2}",
       "JSON, line 2, column 7: syntax error while parsing object "
       "separator - unexpected number literal; expected ':'"},
      {"NaN", "JSON, line 1, column 1: syntax error while parsing value - invalid literal"},
      {"[Infinity]", "JSON, line 1, column 2: syntax error while parsing value - invalid literal"},
      {"1e400", "JSON, line 1, column 5: number overflow"},
      {"-1e400", "JSON, line 1, column 6: number overflow"},
      {"\"\xff\"",
       "JSON, line 1, column 2: syntax error while parsing value - invalid string: "
       "ill-formed UTF-8 byte"},
      {std::string("1\0x", 3), "JSON, line 1, column 2: a NUL byte"},
      {std::string("[1]\n\0", 5), "JSON, line 2, column 1: a NUL byte"},
      {"{\"a\":1,\n \"a\":2}", "JSON, line 2, column 4: duplicate key \"a\""},
      {"{\"a\":1,\"\\u0061\":2}", "JSON, line 1, column 15: duplicate key \"a\""},
      {"{\"\u00e9\":{}, \"\u00e9\":1}", "JSON, line 1, column 14: duplicate key \"\u00e9\""},
  };
  for (const auto& [text, expected] : table) EXPECT_EQ(Error(text), expected) << text;
}

TEST(JsonParse, RefusesWhatIsAlmostJson) {
  for (const std::string text : {" ",
                                 "nul",
                                 "nulll",
                                 "TRUE",
                                 "+1",
                                 "01",
                                 "1.",
                                 ".5",
                                 "1e",
                                 "1e+",
                                 "-",
                                 "--1",
                                 "0x10",
                                 "1 2",
                                 "[1,]",
                                 "[,1]",
                                 "[1",
                                 "]",
                                 "[}",
                                 "{",
                                 "{\"a\"}",
                                 "{\"a\":}",
                                 "{\"a\":1,}",
                                 "{a:1}",
                                 "{1:1}",
                                 "{'a':1}",
                                 "{null:1}",
                                 "'a'",
                                 "\"",
                                 "\"a",
                                 "\"\\\"",
                                 "\"\\x\"",
                                 "\"\\u12\"",
                                 "\"\\u12g4\"",
                                 "\"a\nb\"",
                                 "\"a\tb\"",
                                 "-Infinity",
                                 "nan",
                                 "// c\n1",
                                 "/* c */ 1",
                                 "[1]]",
                                 "[1][2]",
                                 "{}{}",
                                 "\"\\ud800\"",
                                 "\"\\udc00\"",
                                 "\"\\ud800\\ud800\"",
                                 "\"\\ud800x\"",
                                 "\"\x80\"",
                                 "\"\xc0\xaf\"",
                                 "\"\xed\xa0\x80\"",
                                 "\"\xf4\x90\x80\x80\"",
                                 "\"\xe2\x82\"",
                                 "\xff\xfe",
                                 "\xef\xbb",
                                 "{\"\xff\":1}",
                                 "\"\xf8\x88\x80\x80\x80\""}) {
    EXPECT_EQ(Error(text).substr(0, 11), "JSON, line ") << text;
  }
}

TEST(JsonParse, EveryTruncationOfADocumentIsRefused) {
  const std::string text =
      R"({"shape":[10,-2.5e3],"a":{"b":[true,false,null,"x\u20ac\n"]},"c":[[],{}]})";
  ASSERT_TRUE(Json::Parse(text).ok());
  for (size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(Json::Parse(text.substr(0, size)).ok()) << size;
  }
}

TEST(JsonParse, WhateverAFlippedBitGivesRoundTrips) {
  const std::string text = R"({"k":[1,2.5e3,"\u20ac",true,{"x":null}],"z":-7})";
  for (size_t bit = 0; bit < 8 * text.size(); ++bit) {
    std::string flipped = text;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    const Result<Json> parsed = Json::Parse(flipped);
    if (!parsed.ok()) continue;
    EXPECT_EQ(Json::Parse(parsed->Dump()).OrDie(), *parsed) << flipped;
  }
}

std::string Nested(int depth) {
  std::string text;
  for (int i = 0; i < depth; ++i) text += i % 2 == 0 ? "[" : "{\"a\":";
  text += "1";
  for (int i = depth - 1; i >= 0; --i) text += i % 2 == 0 ? "]" : "}";
  return text;
}

TEST(JsonParse, DepthIsLimited) {
  EXPECT_EQ(RoundTrip(Nested(64)), Nested(64));
  EXPECT_EQ(Error(Nested(65)), "JSON, line 1, column 193: nested deeper than 64");
  EXPECT_EQ(Error(std::string(100000, '[')), "JSON, line 1, column 65: nested deeper than 64");
  const std::string balanced = std::string(100000, '[') + std::string(100000, ']');
  EXPECT_EQ(Error(balanced), "JSON, line 1, column 65: nested deeper than 64");
  EXPECT_EQ(Json::Parse("[[1]]", {.depth_max = 1}).status().message(),
            "JSON, line 1, column 2: nested deeper than 1");
  EXPECT_TRUE(Json::Parse("1", {.depth_max = 0}).ok());
}

TEST(JsonParse, SizeIsCheckedFirst) {
  EXPECT_EQ(Json::Parse("[1, x", {.size_max = 4}).status().message(),
            "JSON of 5 bytes: larger than the limit of 4");
  EXPECT_TRUE(Json::Parse("[12]", {.size_max = 4}).ok());
  const std::string large = "\"" + std::string(size_t{16} << 20, 'x') + "\"";
  EXPECT_EQ(Error(large), "JSON of 16777218 bytes: larger than the limit of 16777216");
}

// Method: texts whose values take many times their size, just within the limit and just above it.
TEST(JsonParse, MemoryIsLimited) {
  const auto error = [](std::string_view text, size_t memory_max) {
    return std::string(Json::Parse(text, {.memory_max = memory_max}).status().message());
  };
  constexpr size_t kValue = sizeof(Json);
  constexpr size_t kMember = sizeof(Json::Member);
  EXPECT_EQ(error("[1,[],{}]", 4 * kValue), "");
  EXPECT_EQ(error("[1,[],{}]", 4 * kValue - 1), "JSON, line 1, column 9: more values than " +
                                                    std::to_string(4 * kValue - 1) +
                                                    " bytes of memory hold");
  EXPECT_EQ(error(R"({"ab":"cde"})", kValue + kMember + 5), "");
  EXPECT_EQ(error(R"({"ab":"cde"})", kValue + kMember + 4),
            "JSON, line 1, column 12: more values than " + std::to_string(kValue + kMember + 4) +
                " bytes of memory hold");
  std::string zeros = "[0";
  while (zeros.size() < size_t{15} << 20) zeros += ",0";
  EXPECT_EQ(Error(zeros + "]"),
            "JSON, line 1, column 1677723: more values than 33554432 bytes of memory hold");
}

TEST(JsonParse, DuplicateKeysAreFoundAmongMany) {
  for (int count : {1, 15, 16, 17, 18, 40, 20000}) {
    std::string text = "{";
    for (int i = 0; i < count; ++i) {
      text += "\"k" + std::to_string(i) + "\":{\"k0\":0},";
    }
    EXPECT_TRUE(Json::Parse(text + "\"last\":0}").ok()) << count;
    for (int again : {0, count / 2, count - 1}) {
      const std::string key = "\"k" + std::to_string(again) + "\"";
      EXPECT_NE(Error(text + key + ":0}").find("duplicate key " + key), std::string::npos) << count;
    }
  }
}

TEST(JsonParse, DuplicatesAmongManyAreToldAtTheObjectsEnd) {
  std::string text = "[{\"first\":0,";
  for (int i = 0; i < 16; ++i) text += "\"k" + std::to_string(i) + "\":0,";
  text += "\n\"first\":1";
  EXPECT_EQ(Error(text + "}]"), "JSON, line 2, column 10: duplicate key \"first\"");
}

TEST(JsonParse, NothingOfTheTextIsQuotedInErrors) {
  for (const std::string text :
       {R"(["CANARY\q"])", R"(["CANARY)", "[CANARY]", R"({"a":"CANARY" "b"})", "[\"CANARY\n\"]",
        R"(["CANARY'; expected ']'; expected CANARY)", R"(["CANARY; last read: CANARY)",
        "[\"CANARY\xff\"]", R"({"a" "CANARY"})", R"(["\uCANARY"])", "[-CANARY]", "[1eCANARY]"}) {
    const std::string error = Error(text);
    EXPECT_EQ(error.substr(0, 14), "JSON, line 1, ") << text;
    EXPECT_EQ(error.find("CAN"), std::string::npos) << error;
  }
  EXPECT_EQ(Error("[123" + std::string(400, '0') + ".5]").find("123"), std::string::npos);
}

Json RandomJson(std::mt19937_64& engine, int depth) {
  auto below = [&](uint64_t n) { return engine() % n; };
  auto random_text = [&] {
    static const std::string kPieces[] = {"a", "\"",     "\\",         "\n",   std::string(1, '\0'),
                                          "/", "\u00e9", "\U0001f600", "\x7f", "\x1f",
                                          " "};
    std::string text;
    for (uint64_t n = below(6); n > 0; --n) text += kPieces[below(std::size(kPieces))];
    return text;
  };
  switch (below(depth > 5 ? 6 : 8)) {
    case 0:
      return Json();
    case 1:
      return Json(below(2) == 0);
    case 2:
      return Json(static_cast<int64_t>(engine() >> below(64)));
    case 3:
      return Json(engine());
    case 4: {
      const uint64_t bits = engine();
      double value = 0;
      std::memcpy(&value, &bits, sizeof(value));
      return Json(std::isfinite(value) ? value : static_cast<double>(below(1000)));
    }
    case 5:
      return Json(random_text());
    case 6: {
      Json::Array array;
      for (uint64_t n = below(5); n > 0; --n) array.push_back(RandomJson(engine, depth + 1));
      return Json(array);
    }
    default: {
      Json object{Json::Object()};
      for (uint64_t n = below(5); n > 0; --n)
        object.Set(random_text(), RandomJson(engine, depth + 1));
      return object;
    }
  }
}

TEST(JsonDump, IsReadBackAsTheSameValue) {
  for (uint64_t seed = 1; seed <= 3000; ++seed) {
    std::mt19937_64 engine(seed);
    const Json value = RandomJson(engine, 0);
    for (int indent : {-1, 0, 2}) {
      const std::string text = value.Dump(indent);
      ASSERT_EQ(Json::Parse(text).OrDie(), value) << "seed " << seed << "\n" << text;
    }
  }
}

TEST(JsonDump, Indented) {
  const Json value = Json::Parse(R"({"a":[1,2.0],"b":{},"c":[],"d":{"e":null}})").OrDie();
  EXPECT_EQ(value.Dump(2),
            "{\n  \"a\": [\n    1,\n    2.0\n  ],\n  \"b\": {},\n  \"c\": [],\n"
            "  \"d\": {\n    \"e\": null\n  }\n}");
  EXPECT_EQ(Json::Parse("[1]").OrDie().Dump(0), "[\n1\n]");
}

TEST(JsonDump, TextThatIsNotUtf8BecomesValidJson) {
  const std::pair<std::string, std::string> table[] = {
      {"a\xff"
       "b",
       "\"a\ufffdb\""},
      {"\xc3", "\"\ufffd\""},
      {"\xc0\xaf", "\"\ufffd\ufffd\""},            // Overlong
      {"\xe0\x9f\xbf", "\"\ufffd\ufffd\ufffd\""},  // in three bytes
      {"\xf0\x8f\xbf\xbf", "\"\ufffd\ufffd\ufffd\ufffd\""},
      {"\xed\xa0\x80", "\"\ufffd\ufffd\ufffd\""},            // A surrogate
      {"\xf4\x90\x80\x80", "\"\ufffd\ufffd\ufffd\ufffd\""},  // Above U+10FFFF
      {"\xf5\x80\x80\x80", "\"\ufffd\ufffd\ufffd\ufffd\""},
      {"\xc3(", "\"\ufffd(\""},
      // The first and last of each length that are right.
      {"\xc2\x80\xdf\xbf", "\"\xc2\x80\xdf\xbf\""},
      {"\xe0\xa0\x80\xef\xbf\xbf", "\"\xe0\xa0\x80\xef\xbf\xbf\""},
      {"\xed\x9f\xbf\xee\x80\x80", "\"\xed\x9f\xbf\xee\x80\x80\""},
      {"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", "\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\""},
  };
  for (const auto& [text, expected] : table) {
    EXPECT_EQ(Json(text).Dump(), expected);
    EXPECT_TRUE(Json::Parse(Json(text).Dump()).ok());
  }
}

TEST(JsonParseNonFinite, ReadsAndDumpsTheBareWords) {
  const std::string text =
      R"({"NaN":NaN,"b":[Infinity,-Infinity,-1.5],"c":"NaN","d\"":"\\","e":"-Infinity: NaN"})";
  const Json json = Json::ParseNonFinite(text).OrDie();
  EXPECT_TRUE(std::isnan(json.Find("NaN")->number()));
  EXPECT_EQ(json.Find("b")->array()[1].number(), -std::numeric_limits<double>::infinity());
  EXPECT_TRUE(json.Find("c")->is_string());
  EXPECT_EQ(json.Dump(), text);
}

TEST(JsonParseNonFinite, TellsErrorsOfTheTextAsItIs) {
  for (const char* text : {"[NaN, nan]", "[NaN,", "{\"a\": NaN, \"a\": NaN}", "[1, +Infinity]",
                           "[\"\\u0000NaN\", NaN]", "NaNNaN", "[--Infinity]"}) {
    EXPECT_EQ(Json::ParseNonFinite(text).status(), Json::Parse(text).status()) << text;
    EXPECT_FALSE(Json::ParseNonFinite(text).ok()) << text;
  }
  EXPECT_EQ(Json::ParseNonFinite(R"("\u0000NaN")").OrDie().string(), std::string("\0NaN", 4));
  EXPECT_FALSE(Json::Parse("[NaN]").ok());
}

TEST(Json, IsMadeOfEveryKindOfValue) {
  EXPECT_EQ(Json(nullptr).type(), Json::Type::kNull);
  EXPECT_EQ(Json(true).type(), Json::Type::kBool);
  EXPECT_EQ(Json(uint8_t{7}).type(), Json::Type::kInt);
  EXPECT_EQ(Json(INT64_MIN).Dump(), "-9223372036854775808");
  EXPECT_EQ(Json(UINT64_MAX).Dump(), "18446744073709551615");
  EXPECT_EQ(Json(uint64_t{INT64_MAX}).type(), Json::Type::kInt);
  EXPECT_EQ(Json(1.0f).Dump(), "1.0");
  EXPECT_EQ(Json("text").string(), "text");
  EXPECT_EQ(Json(std::string_view("text")), Json(std::string("text")));
  EXPECT_EQ(Json(Json::Array{1, "a", 2.5}).Dump(), "[1,\"a\",2.5]");
  EXPECT_EQ(Json(Json::Object{{"a", 1}, {"b", nullptr}}).Dump(), "{\"a\":1,\"b\":null}");
  EXPECT_NE(Json(1), Json(1.0));
}

TEST(Json, NumberIsTheNearestDouble) {
  EXPECT_EQ(Json(-3).number(), -3.0);
  EXPECT_EQ(Json(UINT64_MAX).number(), 18446744073709551616.0);
  EXPECT_EQ(Json(0.25).number(), 0.25);
}

TEST(Json, FindAndSet) {
  Json object = Json::Object();
  object.Set("b", 1);
  object.Set("a", 2);
  object.Set("b", Json::Array{3});
  EXPECT_EQ(object.Dump(), "{\"b\":[3],\"a\":2}");
  EXPECT_EQ(object.Find("a")->number(), 2.0);
  EXPECT_EQ(object.Find("c"), nullptr);
  EXPECT_EQ(Json(Json::Array{1}).Find("a"), nullptr);
}

TEST(JsonAccess, GivesTheValue) {
  EXPECT_EQ(*Json(true).AsBool("$"), true);
  EXPECT_EQ(*Json(-5).AsInt64("$"), -5);
  EXPECT_EQ(*Json(5).AsInt64("$", 5, 5), 5);
  EXPECT_EQ(*Json(UINT64_MAX).AsUint64("$"), UINT64_MAX);
  EXPECT_EQ(*Json(7).AsUint64("$", 7), 7u);
  EXPECT_EQ(*Json("x").AsString("$"), "x");
  EXPECT_EQ((*Json(Json::Array{1, 2}).AsArray("$"))->size(), 2u);
  EXPECT_EQ((*Json(Json::Object{{"a", 1}}).AsObject("$"))->front().first, "a");
}

TEST(JsonAccess, ErrorsNamePathExpectationAndValue) {
  auto text = [](const Status& status) { return status.ToString(); };
  EXPECT_EQ(text(Json("high").AsInt64("$.codecs[1].configuration.level").status()),
            "InvalidArgument: at $.codecs[1].configuration.level: expected an integer, got "
            "\"high\"");
  EXPECT_EQ(text(Json(1).AsBool("$.x").status()),
            "InvalidArgument: at $.x: expected true or false, got 1");
  EXPECT_EQ(text(Json(1.0).AsInt64("$").status()),
            "InvalidArgument: at $: expected an integer, got 1.0");
  EXPECT_EQ(text(Json(10).AsInt64("$", 0, 9).status()),
            "InvalidArgument: at $: expected an integer from 0 to 9, got 10");
  EXPECT_EQ(text(Json("a").AsInt64("$", 0, 9).status()),
            "InvalidArgument: at $: expected an integer from 0 to 9, got \"a\"");
  EXPECT_EQ(text(Json(0).AsInt64("$", 1).status()),
            "InvalidArgument: at $: expected an integer >= 1, got 0");
  EXPECT_EQ(text(Json(3).AsInt64("$", INT64_MIN, 2).status()),
            "InvalidArgument: at $: expected an integer <= 2, got 3");
  EXPECT_EQ(text(Json(UINT64_MAX).AsInt64("$").status()),
            "InvalidArgument: at $: expected an integer below 2^63, got 18446744073709551615");
  EXPECT_EQ(text(Json(UINT64_MAX).AsInt64("$", 1).status()),
            "InvalidArgument: at $: expected an integer >= 1 and below 2^63, got "
            "18446744073709551615");
  EXPECT_EQ(text(Json(-1).AsUint64("$").status()),
            "InvalidArgument: at $: expected an integer >= 0, got -1");
  EXPECT_EQ(text(Json(256).AsUint64("$", 255).status()),
            "InvalidArgument: at $: expected an integer from 0 to 255, got 256");
  EXPECT_EQ(text(Json().AsString("$").status()),
            "InvalidArgument: at $: expected a string, got null");
  EXPECT_EQ(text(Json(Json::Object{{"a", 1}}).AsArray("$.shape").status()),
            "InvalidArgument: at $.shape: expected an array, got {\"a\":1}");
  EXPECT_EQ(text(Json(Json::Array{}).AsObject("$").status()),
            "InvalidArgument: at $: expected an object, got []");
  EXPECT_EQ(text(Json(std::nan("")).AsInt64("$").status()),
            "InvalidArgument: at $: expected an integer, got NaN");
}

TEST(JsonAccess, ErrorsShowOnlyTheStartOfTheValue) {
  const std::string start = "InvalidArgument: at $: expected an integer, got ";
  const std::string sixty(60, 'x');
  EXPECT_EQ(Json(std::string(58, 'x')).AsInt64("$").status().ToString(),
            start + "\"" + std::string(58, 'x') + "\"");
  EXPECT_EQ(Json(std::string(1000, 'x')).AsInt64("$").status().ToString(),
            start + "\"" + std::string(59, 'x') + "...");
  // Never half a character.
  EXPECT_EQ(Json(std::string(58, 'x') + "\u20ac\u20ac").AsInt64("$").status().ToString(),
            start + "\"" + std::string(58, 'x') + "...");
  Json::Array array;
  for (int i = 0; i < 1000; ++i) array.push_back(100);
  const std::string text = Json(array).AsInt64("$").status().ToString();
  EXPECT_EQ(text.size(), start.size() + 63);
  EXPECT_EQ(text.substr(start.size(), 9), "[100,100,");
}

TEST(JsonAccess, CheckMembers) {
  const Json object = Json::Parse(R"({"x":1,"y":2})").OrDie();
  EXPECT_EQ(object.CheckMembers("$.x", {"x", "y", "z"}), Status());
  EXPECT_EQ(object.CheckMembers("$.x", {"x"}).ToString(),
            "InvalidArgument: at $.x: unknown member \"y\"");
  EXPECT_EQ(Json(1).CheckMembers("$", {}).ToString(),
            "InvalidArgument: at $: expected an object, got 1");
}

}  // namespace
}  // namespace coffer
