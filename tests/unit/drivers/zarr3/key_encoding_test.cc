// Goal: a chunk key encoding is understood in all its spellings and written in one. Method: tables.
#include "drivers/zarr3/key_encoding.h"

#include <gtest/gtest.h>

namespace coffer::zarr3 {
namespace {

TEST(KeyEncoding, JsonTakesShortAndLongForms) {
  const auto key = [](std::string_view json) {
    return ChunkKeysFromJson(*Json::Parse(json), "$.k").value().Key({1, 2});
  };
  EXPECT_EQ(key(R"("default")"), "c/1/2");
  EXPECT_EQ(key(R"("v2")"), "1.2");
  EXPECT_EQ(key(R"({"name": "default"})"), "c/1/2");
  EXPECT_EQ(key(R"({"name": "v2", "configuration": {}})"), "1.2");
  EXPECT_EQ(key(R"({"name": "default", "configuration": {"separator": "."}})"), "c.1.2");
  EXPECT_EQ(key(R"({"name": "v2", "configuration": {"separator": "/"}})"), "1/2");
  EXPECT_EQ(key(R"({"name": "v2", "must_understand": true})"), "1.2");
}

TEST(KeyEncoding, JsonIsWrittenInTheLongForm) {
  EXPECT_EQ(ChunkKeysToJson(ChunkKeys()).Dump(),
            R"({"name":"default","configuration":{"separator":"/"}})");
  EXPECT_EQ(ChunkKeysToJson(ChunkKeys(ChunkKeys::Encoding::kV2, '.')).Dump(),
            R"({"name":"v2","configuration":{"separator":"."}})");
}

}  // namespace
}  // namespace coffer::zarr3
