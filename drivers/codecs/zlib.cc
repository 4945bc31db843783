#include "drivers/codecs/zlib.h"

#include <memory>
#include <string>

#include "src/base/compress.h"
#include "src/base/json.h"
#include "src/codec/metadata.h"

namespace coffer::inline v0 {
namespace {

constexpr int kDefaultLevel = 6;  // What zlib makes of -1.

class BoundZlib final : public BoundBytesToBytes {
 public:
  BoundZlib(int level, int64_t max_decoded_size)
      : level_(level), max_decoded_size_(static_cast<size_t>(max_decoded_size)) {}

  int64_t max_encoded_size() const override {
    return static_cast<int64_t>(ZlibBound(max_decoded_size_));
  }
  int64_t encode_scratch_bytes() const override {
    return static_cast<int64_t>(GzipCompressMemory());
  }
  int64_t decode_scratch_bytes() const override {
    return static_cast<int64_t>(GzipDecompressMemory());
  }
  bool has_checksum(std::span<const std::byte>) const override { return true; }  // Its Adler-32.
  Result<size_t> Encode(std::span<const std::byte> decoded,
                        std::span<std::byte> destination) const override {
    return ZlibCompress(decoded, level_ < 0 ? kDefaultLevel : level_, destination);
  }
  Result<size_t> Decode(std::span<const std::byte> encoded,
                        std::span<std::byte> destination) const override {
    return ZlibDecompress(encoded, destination);
  }

 private:
  const int level_;
  const size_t max_decoded_size_;
};

class ZlibCodec final : public Codec {
 public:
  explicit ZlibCodec(int level) : level_(level) {}

  Kind kind() const override { return Kind::kBytesToBytes; }
  std::string name() const override { return "zlib"; }
  std::string configuration() const override {
    return Json(Json::Object{{"level", level_}}).Dump();
  }

  Result<std::unique_ptr<BoundBytesToBytes>> BindBytesToBytes(
      int64_t max_decoded_size) const override {
    return std::make_unique<BoundZlib>(level_, max_decoded_size);
  }

 private:
  const int level_;
};

}  // namespace

Result<CodecPtr> MakeZlibCodec(std::string_view configuration, const CodecTable&) {
  COFFER_ASSIGN_OR_RETURN(const Json json, ParseConfiguration(configuration, {"level"}));
  const Json* const member = json.Find("level");
  if (member == nullptr) return std::make_shared<ZlibCodec>(1);
  COFFER_ASSIGN_OR_RETURN(const int64_t level, member->AsInt64("$.level", -1, kGzipLevelMax));
  return std::make_shared<ZlibCodec>(static_cast<int>(level));
}

}  // namespace coffer::inline v0
