// Goal: no stored bytes make a chain crash, read or write outside its buffers, or return another
// error than DataLoss. Method: the first byte chooses a chain, the second a view, the rest is the
// stored chunk; what decodes is encoded and decoded again and must be the same.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "src/nd/copy.h"
#include "tests/support/codecs.h"

namespace {

using coffer::testing::Bind;
using coffer::testing::ByteVector;
using coffer::testing::ChunkOf;
using coffer::testing::Scratch;

const std::vector<std::shared_ptr<const coffer::CodecChain>>& Chains() {
  static const auto* chains = [] {
    const std::string little = R"({"name": "bytes", "configuration": {"endian": "little"}})";
    const std::string big = R"({"name": "bytes", "configuration": {"endian": "big"}})";
    const std::string turn = R"({"name": "transpose", "configuration": {"order": [1, 0]}})";
    const std::string zstd = R"({"name": "zstd", "configuration": {"level": 1}})";
    const std::string gzip = R"({"name": "gzip", "configuration": {"level": 1}})";
    const auto blosc = [](const char* cname, const char* shuffle) {
      return std::string(R"({"name": "blosc", "configuration": {"cname": ")") + cname +
             R"(", "clevel": 5, "shuffle": ")" + shuffle + R"(", "typesize": 2}})";
    };
    const auto shard = [](const std::string& shape, const std::string& codecs,
                          const std::string& index, const char* location) {
      return R"({"name": "sharding_indexed", "configuration": {"chunk_shape": )" + shape +
             R"(, "codecs": [)" + codecs + R"(], "index_codecs": [)" + index +
             R"(], "index_location": ")" + location + "\"}}";
    };
    const std::string lists[] = {
        little,
        big + ", \"crc32c\"",
        little + ", " + zstd,
        turn + ", " + big + ", " + zstd,
        little + ", " + gzip,
        little + ", " + gzip + ", " + zstd,
        little + ", " + blosc("lz4", "shuffle"),
        little + ", " + blosc("blosclz", "bitshuffle"),
        little + ", " + blosc("zstd", "shuffle"),
        little + ", " + blosc("zlib", "noshuffle"),
        shard("[2, 4]", little, little, "end"),
        shard("[2, 4]", little + ", " + zstd, little, "start"),
        turn + ", " + shard("[4, 2]", big + ", " + gzip, big, "end"),
        shard("[4, 8]", shard("[2, 4]", little, big, "start"), little, "end"),
        shard("[2, 4]", little, little, "end") + ", " + zstd};
    auto* bound = new std::vector<std::shared_ptr<const coffer::CodecChain>>;
    for (const std::string& list : lists) {
      bound->push_back(Bind("[" + list + "]", ChunkOf<uint16_t>({8, 16}, 7)).OrDie());
    }
    return bound;
  }();
  return *chains;
}

void Check(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const auto& chain = *Chains()[data[0] % Chains().size()];
  // A copy of its own, so that reading past its end is seen.
  const auto input = std::as_bytes(std::span(data + 2, size - 2));
  const ByteVector stored(input.begin(), input.end());
  std::vector<uint16_t> memory(128);
  coffer::View view = coffer::Ref(memory.data(), {8, 16});
  if (data[1] % 2 == 1) view.strides = coffer::Strides{2, 16};
  const coffer::Status status = chain.Decode(stored, view, Scratch());
  if (!status.ok()) {
    Check(status.code() == coffer::StatusCode::kDataLoss);
    return 0;
  }
  const ByteVector encoded = coffer::testing::Encode(chain, view);
  std::vector<uint16_t> again(128);
  coffer::View again_view = coffer::Ref(again.data(), {8, 16});
  again_view.strides = view.strides;
  Check(chain.Decode(encoded, again_view, Scratch()).ok());
  Check(again == memory);
  return 0;
}
