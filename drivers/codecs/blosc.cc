// c-blosc's own checks are relied on only after blosc_cbuffer_validate() has compared the sizes in
// the header with the real ones: blosc_decompress_ctx() takes no source size.
#include "drivers/codecs/blosc.h"

#include <blosc.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "coffer/base/checked.h"
#include "src/base/compress.h"
#include "src/base/json.h"
#include "src/codec/metadata.h"

namespace coffer::inline v0 {
namespace {

// Measured with c-blosc 1.21 over all compressors, levels and type sizes: the block size that it
// chooses is at most 1 MiB, and it holds two blocks, four elements longer, beside the context of
// the compressor, which sees one block. Other writers may use blocks of four times that size.
constexpr int64_t kOwnBlocksizeMax = MiB(1);
constexpr int64_t kForeignBlocksizeMax = MiB(4);
constexpr int64_t kOtherCompressorBytes = KiB(512);  // zlib and lz4hc hold about half of this.
constexpr int kOneThread = 1;

struct Options {
  std::string cname;
  int clevel = 5;
  int shuffle = BLOSC_NOSHUFFLE;
  std::optional<int64_t> typesize;
  int64_t blocksize = 0;
};

constexpr std::pair<std::string_view, int> kShuffles[] = {
    {"noshuffle", BLOSC_NOSHUFFLE}, {"shuffle", BLOSC_SHUFFLE}, {"bitshuffle", BLOSC_BITSHUFFLE}};

class BoundBlosc final : public BoundBytesToBytes {
 public:
  BoundBlosc(Options options, int64_t max_decoded_size)
      : options_(std::move(options)), max_decoded_size_(max_decoded_size) {}

  int64_t max_encoded_size() const override { return max_decoded_size_ + BLOSC_MAX_OVERHEAD; }

  int64_t decode_scratch_bytes() const override {
    return BlockBytes(BlocksizeMax(kForeignBlocksizeMax)) +
           static_cast<int64_t>(ZstdDecompressMemory());
  }
  int64_t encode_scratch_bytes() const override {
    const int64_t blocksize = BlocksizeMax(kOwnBlocksizeMax);
    if (options_.cname != "zstd") return BlockBytes(blocksize) + kOtherCompressorBytes;
    const int level = options_.clevel < 9 ? 2 * options_.clevel - 1 : kZstdLevelMax;
    return BlockBytes(blocksize) +
           static_cast<int64_t>(ZstdCompressMemory(level, static_cast<size_t>(blocksize)));
  }

  Result<size_t> Encode(std::span<const std::byte> decoded,
                        std::span<std::byte> destination) const override {
    // Given more room, c-blosc would rather fill it than store the bytes as they are.
    const size_t room = std::min(destination.size(), decoded.size() + BLOSC_MAX_OVERHEAD);
    const int size = blosc_compress_ctx(
        options_.clevel, options_.shuffle, static_cast<size_t>(options_.typesize.value_or(1)),
        decoded.size(), decoded.data(), destination.data(), room, options_.cname.c_str(),
        static_cast<size_t>(options_.blocksize), kOneThread);
    if (size <= 0) {
      return InternalError("c-blosc could not compress " + std::to_string(decoded.size()) +
                           " bytes: " + std::to_string(size));
    }
    return static_cast<size_t>(size);
  }

  Result<size_t> Decode(std::span<const std::byte> encoded,
                        std::span<std::byte> destination) const override {
    size_t size = 0;
    if (blosc_cbuffer_validate(encoded.data(), encoded.size(), &size) < 0) {
      return DataLossError("damaged blosc data: no header of a buffer of " +
                           std::to_string(encoded.size()) + " bytes");
    }
    if (size > destination.size()) {
      return DataLossError("blosc data decodes to " + std::to_string(size) +
                           " bytes, more than the " + std::to_string(destination.size()) +
                           " expected");
    }
    size_t stored_size = 0;
    size_t blocksize = 0;
    blosc_cbuffer_sizes(encoded.data(), &size, &stored_size, &blocksize);
    blocksize = static_cast<uint32_t>(blocksize);  // c-blosc extends what it takes for a sign.
    const int64_t blocksize_max = std::max(options_.blocksize, kForeignBlocksizeMax);
    if (blocksize > static_cast<size_t>(blocksize_max)) {
      return DataLossError("blosc data in blocks of " + std::to_string(blocksize) +
                           " bytes, expected at most " + std::to_string(blocksize_max));
    }
    const int decoded =
        blosc_decompress_ctx(encoded.data(), destination.data(), destination.size(), kOneThread);
    if (decoded < 0 || static_cast<size_t>(decoded) != size) {
      return DataLossError("damaged blosc data: c-blosc says " + std::to_string(decoded));
    }
    return size;
  }

 private:
  static int64_t BlockBytes(int64_t blocksize) { return 2 * (blocksize + 4 * BLOSC_MAX_TYPESIZE); }
  int64_t BlocksizeMax(int64_t chosen_max) const {
    return std::min(max_decoded_size_, std::max(options_.blocksize, chosen_max));
  }

  const Options options_;
  const int64_t max_decoded_size_;
};

class BloscCodec final : public Codec {
 public:
  explicit BloscCodec(Options options) : options_(std::move(options)) {}

  Kind kind() const override { return Kind::kBytesToBytes; }
  std::string name() const override { return "blosc"; }
  std::string configuration() const override {
    Json json(Json::Object{{"cname", options_.cname}, {"clevel", options_.clevel}});
    json.Set("shuffle", kShuffles[options_.shuffle].first);
    if (options_.typesize) json.Set("typesize", *options_.typesize);
    json.Set("blocksize", options_.blocksize);
    return json.Dump();
  }

  Result<std::unique_ptr<BoundBytesToBytes>> BindBytesToBytes(
      int64_t max_decoded_size) const override {
    if (max_decoded_size > BLOSC_MAX_BUFFERSIZE) {
      return InvalidArgumentError("chunks of up to " + std::to_string(max_decoded_size) +
                                  " bytes, blosc holds at most " +
                                  std::to_string(BLOSC_MAX_BUFFERSIZE));
    }
    return std::make_unique<BoundBlosc>(options_, max_decoded_size);
  }

 private:
  const Options options_;
};

Result<std::string> ParseCname(const Json& member) {
  constexpr std::string_view kNames[] = {"blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd"};
  if (!member.is_string() || std::ranges::count(kNames, member.string()) == 0) {
    return member.Unexpected("$.cname", "blosclz, lz4, lz4hc, snappy, zlib or zstd");
  }
  if (blosc_compname_to_compcode(member.string().c_str()) < 0) {
    return UnimplementedError("at $.cname: this build of c-blosc lacks \"" + member.string() +
                              "\"");
  }
  return member.string();
}

Result<int> ParseShuffle(const Json& member) {
  for (const auto& [name, value] : kShuffles) {
    if (member == Json(name)) return value;
  }
  return member.Unexpected("$.shuffle", "noshuffle, shuffle or bitshuffle");
}

}  // namespace

Result<CodecPtr> MakeBloscCodec(std::string_view configuration, const CodecTable&) {
  COFFER_ASSIGN_OR_RETURN(
      const Json json,
      ParseConfiguration(configuration, {"cname", "clevel", "shuffle", "typesize", "blocksize"}));
  Options options;
  COFFER_ASSIGN_OR_RETURN(const Json* cname, RequireMember(json, "cname"));
  COFFER_ASSIGN_OR_RETURN(options.cname, ParseCname(*cname));
  COFFER_ASSIGN_OR_RETURN(const Json* clevel_member, RequireMember(json, "clevel"));
  COFFER_ASSIGN_OR_RETURN(const int64_t clevel, clevel_member->AsInt64("$.clevel", 0, 9));
  options.clevel = static_cast<int>(clevel);
  COFFER_ASSIGN_OR_RETURN(const Json* shuffle, RequireMember(json, "shuffle"));
  COFFER_ASSIGN_OR_RETURN(options.shuffle, ParseShuffle(*shuffle));
  if (const Json* typesize = json.Find("typesize")) {
    COFFER_ASSIGN_OR_RETURN(options.typesize, typesize->AsInt64("$.typesize", 1, INT32_MAX));
  } else if (options.shuffle != BLOSC_NOSHUFFLE) {
    COFFER_RETURN_IF_ERROR(RequireMember(json, "typesize"));
  }
  if (const Json* blocksize = json.Find("blocksize")) {
    COFFER_ASSIGN_OR_RETURN(options.blocksize,
                            blocksize->AsInt64("$.blocksize", 0, BLOSC_MAX_BLOCKSIZE));
  }
  return std::make_shared<BloscCodec>(std::move(options));
}

}  // namespace coffer::inline v0
