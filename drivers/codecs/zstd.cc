#include "drivers/codecs/zstd.h"

#include <memory>
#include <string>

#include "src/base/compress.h"
#include "src/base/json.h"
#include "src/codec/metadata.h"

namespace coffer::inline v0 {
namespace {

class BoundZstd final : public BoundBytesToBytes {
 public:
  BoundZstd(const ZstdOptions& options, int64_t max_decoded_size)
      : options_(options), max_decoded_size_(static_cast<size_t>(max_decoded_size)) {}

  int64_t max_encoded_size() const override {
    return static_cast<int64_t>(ZstdBound(max_decoded_size_));
  }
  int64_t encode_scratch_bytes() const override {
    return static_cast<int64_t>(ZstdCompressMemory(options_.level, max_decoded_size_));
  }
  int64_t decode_scratch_bytes() const override {
    return static_cast<int64_t>(ZstdDecompressMemory());
  }
  bool has_checksum(std::span<const std::byte> encoded) const override {
    return ZstdHasChecksum(encoded);
  }
  Result<size_t> Encode(std::span<const std::byte> decoded,
                        std::span<std::byte> destination) const override {
    return ZstdCompress(decoded, options_, destination);
  }
  Result<size_t> Decode(std::span<const std::byte> encoded,
                        std::span<std::byte> destination) const override {
    return ZstdDecompress(encoded, destination);
  }
  std::optional<int64_t> pieces_scratch_bytes(std::span<const std::byte> head,
                                              bool whole) const override {
    const std::optional<size_t> bytes = ZstdPiecesMemory(head, max_decoded_size_, whole);
    return bytes ? std::optional(static_cast<int64_t>(*bytes)) : std::nullopt;
  }
  Result<size_t> DecodePieces(std::span<const std::byte> encoded, std::span<std::byte> piece,
                              const TakePiece& take) const override {
    return ZstdDecompressPieces(encoded, piece, take);
  }

 private:
  const ZstdOptions options_;
  const size_t max_decoded_size_;
};

class ZstdCodec final : public Codec {
 public:
  explicit ZstdCodec(const ZstdOptions& options) : options_(options) {}

  Kind kind() const override { return Kind::kBytesToBytes; }
  std::string name() const override { return "zstd"; }
  std::string configuration() const override {
    return Json(Json::Object{{"level", options_.level}, {"checksum", options_.checksum}}).Dump();
  }

  Result<std::unique_ptr<BoundBytesToBytes>> BindBytesToBytes(
      int64_t max_decoded_size) const override {
    return std::make_unique<BoundZstd>(options_, max_decoded_size);
  }

 private:
  const ZstdOptions options_;
};

}  // namespace

Result<CodecPtr> MakeZstdCodec(std::string_view configuration, const CodecTable&) {
  COFFER_ASSIGN_OR_RETURN(const Json json,
                          ParseConfiguration(configuration, {"level", "checksum"}));
  COFFER_ASSIGN_OR_RETURN(const Json* member, RequireMember(json, "level"));
  COFFER_ASSIGN_OR_RETURN(const int64_t level,
                          member->AsInt64("$.level", kZstdLevelMin, kZstdLevelMax));
  ZstdOptions options;
  options.level = static_cast<int>(level);
  if (const Json* checksum = json.Find("checksum")) {
    COFFER_ASSIGN_OR_RETURN(options.checksum, checksum->AsBool("$.checksum"));
  }
  return std::make_shared<ZstdCodec>(options);
}

}  // namespace coffer::inline v0
