#include "drivers/codecs/bz2.h"

#include <memory>
#include <string>

#include "src/base/compress.h"
#include "src/base/json.h"
#include "src/codec/metadata.h"

namespace coffer::inline v0 {
namespace {

class BoundBz2 final : public BoundBytesToBytes {
 public:
  BoundBz2(int level, int64_t max_decoded_size)
      : level_(level), max_decoded_size_(static_cast<size_t>(max_decoded_size)) {}

  int64_t max_encoded_size() const override {
    return static_cast<int64_t>(Bzip2Bound(max_decoded_size_));
  }
  int64_t encode_scratch_bytes() const override {
    return static_cast<int64_t>(Bzip2CompressMemory(level_));
  }
  int64_t decode_scratch_bytes() const override {
    return static_cast<int64_t>(Bzip2DecompressMemory());
  }
  bool has_checksum(std::span<const std::byte>) const override { return true; }  // Its CRC-32.
  Result<size_t> Encode(std::span<const std::byte> decoded,
                        std::span<std::byte> destination) const override {
    return Bzip2Compress(decoded, level_, destination);
  }
  Result<size_t> Decode(std::span<const std::byte> encoded,
                        std::span<std::byte> destination) const override {
    return Bzip2Decompress(encoded, destination);
  }

 private:
  const int level_;
  const size_t max_decoded_size_;
};

class Bz2Codec final : public Codec {
 public:
  explicit Bz2Codec(int level) : level_(level) {}

  Kind kind() const override { return Kind::kBytesToBytes; }
  std::string name() const override { return "bz2"; }
  std::string configuration() const override {
    return Json(Json::Object{{"level", level_}}).Dump();
  }

  Result<std::unique_ptr<BoundBytesToBytes>> BindBytesToBytes(
      int64_t max_decoded_size) const override {
    return std::make_unique<BoundBz2>(level_, max_decoded_size);
  }

 private:
  const int level_;
};

}  // namespace

Result<CodecPtr> MakeBz2Codec(std::string_view configuration, const CodecTable&) {
  COFFER_ASSIGN_OR_RETURN(const Json json, ParseConfiguration(configuration, {"level"}));
  const Json* const member = json.Find("level");
  if (member == nullptr) return std::make_shared<Bz2Codec>(1);
  COFFER_ASSIGN_OR_RETURN(const int64_t level, member->AsInt64("$.level", 1, kBzip2LevelMax));
  return std::make_shared<Bz2Codec>(static_cast<int>(level));
}

}  // namespace coffer::inline v0
