// Goal: codec lists of documents are read in both forms, written in the long one, and every
// malformed one is refused with the path of what is wrong. Method: tables of documents.
#include "src/codec/metadata.h"

#include <gtest/gtest.h>

#include "tests/support/codecs.h"

namespace coffer {
namespace {

using testing::ParseCodecs;

std::string Rewritten(std::string_view list) {
  const auto codecs = ParseCodecs(list);
  return codecs.ok() ? CodecsToJson(*codecs).Dump() : codecs.status().ToString();
}

TEST(CodecsFromJson, ReadsBothFormsAndWritesTheLongOne) {
  EXPECT_EQ(Rewritten(R"(["bytes", "crc32c"])"), R"([{"name":"bytes"},{"name":"crc32c"}])");
  EXPECT_EQ(Rewritten(R"([{"name": "bytes", "configuration": {"endian": "big"}},
                          {"name": "crc32c", "configuration": {}, "must_understand": true},
                          {"name": "zstd", "configuration": {"level": -3}}])"),
            R"([{"name":"bytes","configuration":{"endian":"big"}},{"name":"crc32c"},)"
            R"({"name":"zstd","configuration":{"level":-3,"checksum":false}}])");
  EXPECT_EQ(Rewritten("[]"), "[]");
}

TEST(CodecsFromJson, ReadsTheDraftNameOfBytes) {
  EXPECT_EQ(Rewritten(R"([{"name": "endian", "configuration": {"endian": "little"}}])"),
            R"([{"name":"bytes","configuration":{"endian":"little"}}])");
}

TEST(CodecsFromJson, SkipsAnUnknownCodecOnlyIfItSaysSo) {
  EXPECT_EQ(Rewritten(R"(["bytes", {"name": "odd", "must_understand": false}])"),
            R"([{"name":"bytes"}])");
  EXPECT_EQ(Rewritten(R"(["bytes", {"name": "odd", "must_understand": true}])"),
            "Unimplemented: at $.codecs[1]: codec \"odd\" is not known here");
  EXPECT_EQ(Rewritten(R"(["odd"])"),
            "Unimplemented: at $.codecs[0]: codec \"odd\" is not known here");
  // Known ones are never skipped.
  EXPECT_EQ(Rewritten(R"([{"name": "gzip", "must_understand": false}])"),
            "InvalidArgument: at $.codecs[0].configuration: missing member \"level\"");
}

TEST(CodecsFromJson, NamesThePathOfWhatIsMalformed) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({})", "at $.codecs: expected an array, got {}"},
      {R"([1])", "at $.codecs[0]: expected a codec (a name or an object), got 1"},
      {R"(["bytes", null])", "at $.codecs[1]: expected a codec (a name or an object), got null"},
      {R"([{}])", "at $.codecs[0]: missing member \"name\""},
      {R"([{"name": 1}])", "at $.codecs[0].name: expected a string, got 1"},
      {R"([{"name": "bytes", "extra": 1}])", "at $.codecs[0]: unknown member \"extra\""},
      {R"([{"name": "bytes", "configuration": []}])",
       "at $.codecs[0].configuration: expected an object, got []"},
      {R"([{"name": "bytes", "must_understand": "false"}])",
       "at $.codecs[0].must_understand: expected true or false, got \"false\""},
      {R"(["bytes", {"name": "gzip", "configuration": {"level": "high"}}])",
       "at $.codecs[1].configuration.level: expected an integer from 0 to 9, got \"high\""},
      {R"([{"name": "sharding_indexed", "configuration": {"chunk_shape": [2],
           "codecs": ["bytes", {"name": "zstd", "configuration": {"level": 23}}],
           "index_codecs": ["bytes"]}}])",
       "at $.codecs[0].configuration.codecs[1].configuration.level: expected an integer from "
       "-131072 to 22, got 23"},
  };
  for (const auto& [list, message] : cases) {
    EXPECT_EQ(ParseCodecs(list).status(), InvalidArgumentError(message)) << list;
  }
}

}  // namespace
}  // namespace coffer
