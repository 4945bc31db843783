#include "drivers/codecs/deflate.h"

#include <memory>
#include <string>

#include "src/base/compress.h"
#include "src/base/json.h"

namespace coffer::inline v0 {
namespace {

class BoundDeflate final : public BoundBytesToBytes {
 public:
  BoundDeflate(const DeflateFormat& format, int level, int64_t max_decoded_size)
      : format_(format), level_(level), max_decoded_size_(static_cast<size_t>(max_decoded_size)) {}

  int64_t max_encoded_size() const override {
    return static_cast<int64_t>(format_.bound(max_decoded_size_));
  }
  int64_t encode_scratch_bytes() const override {
    return static_cast<int64_t>(GzipCompressMemory());
  }
  int64_t decode_scratch_bytes() const override {
    return static_cast<int64_t>(GzipDecompressMemory());
  }
  bool has_checksum(std::span<const std::byte>) const override { return true; }  // Its own.
  Result<size_t> Encode(std::span<const std::byte> decoded,
                        std::span<std::byte> destination) const override {
    return format_.compress(decoded, level_, destination);
  }
  Result<size_t> Decode(std::span<const std::byte> encoded,
                        std::span<std::byte> destination) const override {
    return format_.decompress(encoded, destination);
  }

 private:
  const DeflateFormat& format_;
  const int level_;
  const size_t max_decoded_size_;
};

class DeflateCodec final : public Codec {
 public:
  DeflateCodec(const DeflateFormat& format, int level) : format_(format), level_(level) {}

  Kind kind() const override { return Kind::kBytesToBytes; }
  std::string name() const override { return std::string(format_.name); }
  std::string configuration() const override {
    return Json(Json::Object{{"level", level_}}).Dump();
  }

  Result<std::unique_ptr<BoundBytesToBytes>> BindBytesToBytes(
      int64_t max_decoded_size) const override {
    return std::make_unique<BoundDeflate>(format_, level_, max_decoded_size);
  }

 private:
  const DeflateFormat& format_;
  const int level_;
};

}  // namespace

CodecPtr MakeDeflateCodec(const DeflateFormat& format, int level) {
  return std::make_shared<DeflateCodec>(format, level);
}

}  // namespace coffer::inline v0
