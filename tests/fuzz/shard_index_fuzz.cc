// Goal: whatever an index claims, ParseIndex accepts only entries that lie inside the shard and
// outside the index, and refuses the rest as DataLoss. Method: structure-aware. The input is a list
// of entries and a shard size; they are encoded with a right checksum, so that the claims get past
// it, then parsed; an independent check in 128-bit arithmetic says what should have been accepted.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "src/codec/shard_layout.h"
#include "tests/support/codecs.h"

namespace {

using coffer::ShardEntry;
using coffer::ShardLayout;
using coffer::testing::Bind;
using coffer::testing::ChunkOf;
using coffer::testing::Scratch;

constexpr size_t kEntries = 4;

std::shared_ptr<const coffer::CodecChain> MakeChain(const char* location) {
  return Bind(std::string(R"([{"name": "sharding_indexed", "configuration": {"chunk_shape": [2],
              "codecs": ["bytes"], "index_codecs": [
              {"name": "bytes", "configuration": {"endian": "little"}}, "crc32c"],
              "index_location": ")") +
                  location + "\"}}]",
              ChunkOf<uint8_t>({8}))
      .OrDie();
}

void Check(bool condition) {
  if (!condition) std::abort();
}

bool Legal(const ShardEntry& entry, bool at_start, int64_t index_size, int64_t shard_size) {
  using Wide = __int128;
  if (entry.absent()) return true;
  if (entry.offset == ~uint64_t{0} || entry.size == ~uint64_t{0}) return false;
  const Wide begin = entry.offset, end = begin + entry.size;
  if (end > Wide{INT64_MAX}) return false;
  if (at_start && begin < index_size) return false;
  if (shard_size < 0) return true;
  return end <= (at_start ? shard_size : shard_size - index_size);
}

// One byte of kind, then as many bytes as the kind takes: small numbers and the edges of uint64 are
// as likely as any.
struct Reader {
  const uint8_t* data;
  size_t size;

  uint8_t Byte() {
    if (size == 0) return 0;
    --size;
    return *data++;
  }
  uint64_t Number() {
    const uint8_t kind = Byte();
    uint64_t value = 0;
    for (int i = 0; i < kind % 9; ++i) value = value << 8 | Byte();
    return (kind & 0x80) != 0 ? ~value : value;
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto* at_end = new auto(MakeChain("end"));
  static const auto* at_start = new auto(MakeChain("start"));
  Reader reader{data, size};
  const uint8_t flags = reader.Byte();
  const bool start = (flags & 1) != 0;
  const ShardLayout& layout = *(start ? *at_start : *at_end)->shard_layout();
  const int64_t shard_size =
      (flags & 2) != 0 ? -1 : layout.index_size() + static_cast<int64_t>(reader.Number() >> 2);
  coffer::ShardIndex index;
  bool legal = true;
  for (size_t i = 0; i < kEntries; ++i) {
    index.push_back({reader.Number(), reader.Number()});
    legal = legal && Legal(index.back(), start, layout.index_size(), shard_size);
  }
  const coffer::Bytes encoded = layout.EncodeIndex(index, Scratch()).OrDie();
  const auto parsed = layout.ParseIndex(encoded, shard_size, Scratch());
  Check(parsed.ok() == legal);
  if (parsed.ok()) {
    Check(*parsed == index);
  } else {
    Check(parsed.status().code() == coffer::StatusCode::kDataLoss);
  }

  // The same bytes with one altered: never accepted.
  coffer::testing::ByteVector altered(encoded.span().begin(), encoded.span().end());
  const uint8_t change = reader.Byte();
  altered[reader.Byte() % altered.size()] ^= std::byte{change};
  const auto reparsed = layout.ParseIndex(altered, shard_size, Scratch());
  Check(change == 0 ? reparsed.ok() == legal : !reparsed.ok());
  return 0;
}
