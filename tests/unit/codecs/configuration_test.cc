// Goal: every configuration that a codec must refuse is refused, with the path and what was
// expected; every one that it accepts is written back complete. Method: a table per codec.
#include <gtest/gtest.h>

#include "tests/support/codecs.h"

namespace coffer {
namespace {

using testing::Codecs;

struct Refused {
  const char* name;
  const char* configuration;
  const char* message;
};

constexpr Refused kRefused[] = {
    {"bytes", R"([])", "at $: expected an object, got []"},
    {"bytes", R"({"endian": "native"})",
     "at $.endian: expected \"little\" or \"big\", got \"native\""},
    {"bytes", R"({"endian": 1})", "at $.endian: expected \"little\" or \"big\", got 1"},
    {"bytes", R"({"endian": null})", "at $.endian: expected \"little\" or \"big\", got null"},
    {"bytes", R"({"order": "C"})", "at $: unknown member \"order\""},

    {"transpose", R"({})", "at $: missing member \"order\""},
    {"transpose", R"({"order": "C"})", "at $.order: expected an array, got \"C\""},
    {"transpose", R"({"order": "F"})", "at $.order: expected an array, got \"F\""},
    {"transpose", R"({"order": [0, 0]})", "at $.order[1]: expected each dimension once, got 0"},
    {"transpose", R"({"order": [1, 2]})", "at $.order[1]: expected an integer from 0 to 1, got 2"},
    {"transpose", R"({"order": [0, -1]})",
     "at $.order[1]: expected an integer from 0 to 1, got -1"},
    {"transpose", R"({"order": [1.0, 0]})",
     "at $.order[0]: expected an integer from 0 to 1, got 1.0"},
    {"transpose", R"({"order": [0], "extra": 1})", "at $: unknown member \"extra\""},

    {"crc32c", R"({"location": "start"})", "at $: unknown member \"location\""},

    {"gzip", R"({})", "at $: missing member \"level\""},
    {"gzip", R"({"level": 10})", "at $.level: expected an integer from 0 to 9, got 10"},
    {"gzip", R"({"level": -1})", "at $.level: expected an integer from 0 to 9, got -1"},
    {"gzip", R"({"level": 5.0})", "at $.level: expected an integer from 0 to 9, got 5.0"},
    {"gzip", R"({"level": true})", "at $.level: expected an integer from 0 to 9, got true"},
    {"gzip", R"({"level": 5, "window": 1})", "at $: unknown member \"window\""},

    {"zstd", R"({})", "at $: missing member \"level\""},
    {"zstd", R"({"level": 23})", "at $.level: expected an integer from -131072 to 22, got 23"},
    {"zstd", R"({"level": -131073})",
     "at $.level: expected an integer from -131072 to 22, got -131073"},
    {"zstd", R"({"level": 1, "checksum": 0})", "at $.checksum: expected true or false, got 0"},
    {"zstd", R"({"level": 1, "long": true})", "at $: unknown member \"long\""},

    {"blosc", R"({"clevel": 5, "shuffle": "noshuffle", "blocksize": 0})",
     "at $: missing member \"cname\""},
    {"blosc", R"({"cname": "brotli", "clevel": 5, "shuffle": "noshuffle", "blocksize": 0})",
     "at $.cname: expected blosclz, lz4, lz4hc, snappy, zlib or zstd, got \"brotli\""},
    {"blosc", R"({"cname": 1, "clevel": 5, "shuffle": "noshuffle", "blocksize": 0})",
     "at $.cname: expected blosclz, lz4, lz4hc, snappy, zlib or zstd, got 1"},
    {"blosc", R"({"cname": "lz4", "shuffle": "noshuffle", "blocksize": 0})",
     "at $: missing member \"clevel\""},
    {"blosc", R"({"cname": "lz4", "clevel": 10, "shuffle": "noshuffle", "blocksize": 0})",
     "at $.clevel: expected an integer from 0 to 9, got 10"},
    {"blosc", R"({"cname": "lz4", "clevel": 5, "blocksize": 0})",
     "at $: missing member \"shuffle\""},
    {"blosc", R"({"cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0})",
     "at $.shuffle: expected noshuffle, shuffle or bitshuffle, got 1"},
    {"blosc", R"({"cname": "lz4", "clevel": 5, "shuffle": "byte", "blocksize": 0})",
     "at $.shuffle: expected noshuffle, shuffle or bitshuffle, got \"byte\""},
    {"blosc", R"({"cname": "lz4", "clevel": 5, "shuffle": "shuffle", "blocksize": 0})",
     "at $: missing member \"typesize\""},
    {"blosc",
     R"({"cname": "lz4", "clevel": 5, "shuffle": "shuffle", "typesize": 0, "blocksize": 0})",
     "at $.typesize: expected an integer from 1 to 2147483647, got 0"},
    {"blosc", R"({"cname": "lz4", "clevel": 5, "shuffle": "noshuffle", "blocksize": -1})",
     "at $.blocksize: expected an integer from 0 to 715827542, got -1"},
    {"blosc", R"({"cname": "lz4", "clevel": 5, "shuffle": "noshuffle", "blocksize": 0, "n": 1})",
     "at $: unknown member \"n\""},

    {"sharding_indexed", R"({"codecs": ["bytes"], "index_codecs": ["bytes"]})",
     "at $: missing member \"chunk_shape\""},
    {"sharding_indexed", R"({"chunk_shape": [2], "index_codecs": ["bytes"]})",
     "at $: missing member \"codecs\""},
    {"sharding_indexed", R"({"chunk_shape": [2], "codecs": ["bytes"]})",
     "at $: missing member \"index_codecs\""},
    {"sharding_indexed", R"({"chunk_shape": [2], "codecs": [], "index_codecs": ["bytes"]})",
     "at $.codecs: expected at least one codec, got []"},
    {"sharding_indexed", R"({"chunk_shape": [2], "codecs": ["bytes"], "index_codecs": []})",
     "at $.index_codecs: expected at least one codec, got []"},
    {"sharding_indexed", R"({"chunk_shape": 2, "codecs": ["bytes"], "index_codecs": ["bytes"]})",
     "at $.chunk_shape: expected an array, got 2"},
    {"sharding_indexed",
     R"({"chunk_shape": [2, 0], "codecs": ["bytes"], "index_codecs": ["bytes"]})",
     "at $.chunk_shape[1]: expected an integer >= 1, got 0"},
    {"sharding_indexed",
     R"({"chunk_shape": [2.0], "codecs": ["bytes"], "index_codecs": ["bytes"]})",
     "at $.chunk_shape[0]: expected an integer >= 1, got 2.0"},
    {"sharding_indexed",
     R"({"chunk_shape": [2], "codecs": ["bytes"], "index_codecs": ["bytes"],
         "index_location": "middle"})",
     "at $.index_location: expected \"start\" or \"end\", got \"middle\""},
    {"sharding_indexed",
     R"({"chunk_shape": [2], "codecs": ["bytes"], "index_codecs": ["bytes"], "order": 1})",
     "at $: unknown member \"order\""},
    {"sharding_indexed",
     R"({"chunk_shape": [2], "codecs": ["bytes"], "index_codecs": [{"name": "gzip"}]})",
     "at $.index_codecs[0].configuration: missing member \"level\""},
};

TEST(CodecConfiguration, RefusesWithPathAndExpectation) {
  for (const Refused& refused : kRefused) {
    EXPECT_EQ(Codecs().Make(refused.name, refused.configuration).status(),
              InvalidArgumentError(refused.message))
        << refused.name << " " << refused.configuration;
  }
}

TEST(CodecConfiguration, RefusesOverlongShapes) {
  std::string list = "0";
  for (int i = 1; i < 33; ++i) list += "," + std::to_string(i);
  EXPECT_EQ(Codecs().Make("transpose", "{\"order\": [" + list + "]}").status().code(),
            StatusCode::kInvalidArgument);
  list[0] = '1';
  EXPECT_EQ(Codecs()
                .Make("sharding_indexed", "{\"chunk_shape\": [" + list +
                                              "], \"codecs\": [\"bytes\"], "
                                              "\"index_codecs\": [\"bytes\"]}")
                .status()
                .code(),
            StatusCode::kInvalidArgument);
}

TEST(CodecConfiguration, RefusesWhatIsNoJson) {
  for (const std::string& name : Codecs().names()) {
    EXPECT_EQ(Codecs().Make(name, "{").status().code(), StatusCode::kInvalidArgument) << name;
    EXPECT_EQ(Codecs().Make(name, "").status().code(), StatusCode::kInvalidArgument) << name;
  }
}

struct Accepted {
  const char* name;
  const char* configuration;
  const char* written;
};

constexpr Accepted kAccepted[] = {
    {"bytes", R"({})", ""},
    {"bytes", R"({"endian": "little"})", R"({"endian":"little"})"},
    {"bytes", R"({"endian": "big"})", R"({"endian":"big"})"},
    {"endian", R"({"endian": "big"})", R"({"endian":"big"})"},
    {"transpose", R"({"order": []})", R"({"order":[]})"},
    {"transpose", R"({"order": [2, 0, 1]})", R"({"order":[2,0,1]})"},
    {"crc32c", R"({})", ""},
    {"gzip", R"({"level": 0})", R"({"level":0})"},
    {"gzip", R"({"level": 9})", R"({"level":9})"},
    {"zstd", R"({"level": -131072})", R"({"level":-131072,"checksum":false})"},
    {"zstd", R"({"level": 22, "checksum": true})", R"({"level":22,"checksum":true})"},
    {"blosc", R"({"cname": "lz4", "clevel": 0, "shuffle": "noshuffle"})",
     R"({"cname":"lz4","clevel":0,"shuffle":"noshuffle","blocksize":0})"},
    {"blosc",
     R"({"cname": "zstd", "clevel": 9, "shuffle": "bitshuffle", "typesize": 300,
         "blocksize": 4096})",
     R"({"cname":"zstd","clevel":9,"shuffle":"bitshuffle","typesize":300,"blocksize":4096})"},
    {"sharding_indexed",
     R"({"chunk_shape": [2, 3], "codecs": ["bytes"], "index_codecs": ["bytes", "crc32c"]})",
     R"({"chunk_shape":[2,3],"codecs":[{"name":"bytes"}],)"
     R"("index_codecs":[{"name":"bytes"},{"name":"crc32c"}],"index_location":"end"})"},
    {"sharding_indexed",
     R"({"chunk_shape": [], "codecs": ["bytes"], "index_codecs": ["bytes"],
         "index_location": "start"})",
     R"({"chunk_shape":[],"codecs":[{"name":"bytes"}],"index_codecs":[{"name":"bytes"}],)"
     R"("index_location":"start"})"},
};

TEST(CodecConfiguration, WritesBackWhatItAccepts) {
  for (const Accepted& accepted : kAccepted) {
    const auto codec = Codecs().Make(accepted.name, accepted.configuration);
    ASSERT_TRUE(codec.ok()) << codec.status();
    EXPECT_EQ((*codec)->configuration(), accepted.written);
    if (*accepted.written == '\0') continue;
    const auto again = Codecs().Make(accepted.name, accepted.written);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ((*again)->configuration(), accepted.written);
  }
}

}  // namespace
}  // namespace coffer
