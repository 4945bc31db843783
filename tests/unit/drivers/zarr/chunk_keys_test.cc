// Goal: chunk keys are exactly those of the specification, and only they are read back.
// Method: tables of keys for both encodings and separators; every key is parsed back; a table of
// texts that are no keys.
#include "drivers/zarr/chunk_keys.h"

#include <gtest/gtest.h>

#include <vector>

namespace coffer::zarr {
namespace {

using Encoding = ChunkKeys::Encoding;

struct KeyCase {
  ChunkKeys keys;
  Index cell;
  std::string key;
};

std::vector<KeyCase> KeyCases() {
  return {
      {ChunkKeys(Encoding::kDefault, '/'), Index(), "c"},
      {ChunkKeys(Encoding::kDefault, '/'), Index({7}), "c/7"},
      {ChunkKeys(Encoding::kDefault, '/'), Index({1, 23, 45}), "c/1/23/45"},
      {ChunkKeys(Encoding::kDefault, '.'), Index(), "c"},
      {ChunkKeys(Encoding::kDefault, '.'), Index({1, 23, 45}), "c.1.23.45"},
      {ChunkKeys(Encoding::kV2, '.'), Index(), "0"},
      {ChunkKeys(Encoding::kV2, '.'), Index({7}), "7"},
      {ChunkKeys(Encoding::kV2, '.'), Index({0, 10, 0}), "0.10.0"},
      {ChunkKeys(Encoding::kV2, '/'), Index(), "0"},
      {ChunkKeys(Encoding::kV2, '/'), Index({0, 10, 0}), "0/10/0"},
      {ChunkKeys(Encoding::kDefault, '/'), Index({INT64_MAX, int64_t{0}}),
       "c/9223372036854775807/0"},
  };
}

TEST(ChunkKeys, KeysAreThoseOfTheSpecification) {
  for (const KeyCase& test : KeyCases()) EXPECT_EQ(test.keys.Key(test.cell), test.key);
}

TEST(ChunkKeys, KeysAreReadBack) {
  for (const KeyCase& test : KeyCases()) {
    EXPECT_EQ(test.keys.Parse(test.key, test.cell.rank()), std::optional(test.cell)) << test.key;
  }
}

TEST(ChunkKeys, KeysOfAnotherRankAreNone) {
  for (const KeyCase& test : KeyCases()) {
    if (test.key == "0") continue;  // Of v2: rank 0, or the first cell of rank 1.
    EXPECT_EQ(test.keys.Parse(test.key, test.cell.rank() + 1), std::nullopt) << test.key;
    if (test.cell.rank() < 2) continue;
    EXPECT_EQ(test.keys.Parse(test.key, test.cell.rank() - 1), std::nullopt) << test.key;
  }
  EXPECT_EQ(ChunkKeys(Encoding::kDefault, '/').Parse("c/0", 0), std::nullopt);
  EXPECT_EQ(ChunkKeys(Encoding::kV2, '.').Parse("0.0", 0), std::nullopt);
  EXPECT_EQ(ChunkKeys(Encoding::kV2, '.').Parse("1", 0), std::nullopt);
}

TEST(ChunkKeys, OtherTextsAreNoKeys) {
  const ChunkKeys slash(Encoding::kDefault, '/');
  for (std::string_view text : {"",
                                "c",
                                "c/",
                                "c//0",
                                "c/0/",
                                "/c/0/0",
                                "c/0/00",
                                "c/01/0",
                                "c/+1/0",
                                "c/-1/0",
                                "c/-0/0",
                                "c/1 /0",
                                "c/ 1/0",
                                "c/0x1/0",
                                "c/1.0",
                                "c.1.0",
                                "C/1/0",
                                "0/1",
                                "c/1/0/zarr.json",
                                "c/9223372036854775808/0",
                                "c/99999999999999999999999/0",
                                "c/1/a",
                                "c1/0",
                                "zarr.json"}) {
    EXPECT_EQ(slash.Parse(text, 2), std::nullopt) << text;
  }
  const ChunkKeys v2(Encoding::kV2, '.');
  for (std::string_view text : {"", ".", "0", "0.", ".0", "0..0", "0/0", "c.0.0", "00.0", "0.0."}) {
    EXPECT_EQ(v2.Parse(text, 2), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace coffer::zarr
