// Goal: CRC-32C as the whole world computes it, continued over any split, at any alignment.
// Method: the vectors of RFC 3720 B.4, and a bit-by-bit implementation.
#include "src/base/crc32c.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "coffer/base/bytes.h"

namespace coffer {
namespace {

uint32_t BitByBit(std::span<const std::byte> bytes) {
  uint32_t crc = 0xffffffff;
  for (std::byte byte : bytes) {
    crc ^= static_cast<uint32_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78 : 0);
  }
  return ~crc;
}

std::vector<std::byte> Pattern(size_t size) {
  std::vector<std::byte> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * i * 31 + i / 7);
  return bytes;
}

TEST(Crc32c, PublishedVectors) {
  EXPECT_EQ(Crc32c(AsBytes("")), 0u);
  EXPECT_EQ(Crc32c(AsBytes("123456789")), 0xe3069283u);
  EXPECT_EQ(Crc32c(AsBytes(std::string(32, '\0'))), 0x8a9136aau);
  EXPECT_EQ(Crc32c(AsBytes(std::string(32, '\xff'))), 0x62a8ab43u);
  EXPECT_EQ(Crc32c(AsBytes(std::string(64, '\xff'))), 0x2fcd4e66u);
  std::string rising, falling;
  for (char c = 0; c < 32; ++c) {
    rising += c;
    falling += static_cast<char>(31 - c);
  }
  EXPECT_EQ(Crc32c(AsBytes(rising)), 0x46dd794eu);
  EXPECT_EQ(Crc32c(AsBytes(falling)), 0x113fdb5cu);
}

TEST(Crc32c, AgreesWithTheDefinitionAtEveryLengthAndAlignment) {
  const std::vector<std::byte> bytes = Pattern(4200);
  const std::span<const std::byte> all(bytes);
  for (size_t size = 0; size < 4100; size = size < 300 ? size + 1 : size + 97) {
    const auto part = all.subspan(size % 17, size);
    ASSERT_EQ(Crc32c(part), BitByBit(part)) << size;
  }
}

TEST(Crc32c, ContinuesOverAnySplit) {
  const std::vector<std::byte> bytes = Pattern(1000);
  const std::span<const std::byte> all(bytes);
  const uint32_t whole = Crc32c(all);
  for (size_t split = 0; split <= all.size(); ++split) {
    ASSERT_EQ(Crc32c(all.subspan(split), Crc32c(all.first(split))), whole) << split;
  }
}

}  // namespace
}  // namespace coffer
