#include "drivers/codecs/crc32c.h"

#include <array>
#include <cstring>
#include <memory>
#include <string>

#include "src/base/crc32c.h"
#include "src/codec/metadata.h"

namespace coffer::inline v0 {
namespace {

constexpr size_t kTrailerSize = sizeof(uint32_t);

std::string Hex(uint32_t value) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text = "0x";
  for (int shift = 28; shift >= 0; shift -= 4) text += kDigits[(value >> shift) & 15U];
  return text;
}

class BoundCrc32c final : public BoundBytesToBytes {
 public:
  explicit BoundCrc32c(int64_t max_decoded_size) : max_decoded_size_(max_decoded_size) {}

  int64_t max_encoded_size() const override {
    return max_decoded_size_ + static_cast<int64_t>(kTrailerSize);
  }
  bool fixed_size() const override { return true; }
  bool is_checksum() const override { return true; }

  std::optional<Result<std::span<const std::byte>>> DecodeInPlace(
      std::span<const std::byte> encoded) const override {
    return Verify(encoded);
  }

  Result<size_t> EncodeInPlace(std::span<std::byte> buffer, size_t size) const override {
    const uint32_t crc = Crc32c(buffer.first(size));
    std::memcpy(buffer.subspan(size, kTrailerSize).data(), &crc, kTrailerSize);
    return size + kTrailerSize;
  }

  Result<size_t> Encode(std::span<const std::byte> decoded,
                        std::span<std::byte> destination) const override {
    if (!decoded.empty()) std::memcpy(destination.data(), decoded.data(), decoded.size());
    return EncodeInPlace(destination, decoded.size());
  }

  Result<size_t> Decode(std::span<const std::byte> encoded,
                        std::span<std::byte> destination) const override {
    COFFER_ASSIGN_OR_RETURN(const std::span<const std::byte> decoded, Verify(encoded));
    if (decoded.size() > destination.size()) {
      return DataLossError("got " + std::to_string(decoded.size()) + " bytes, expected at most " +
                           std::to_string(destination.size()));
    }
    std::memcpy(destination.data(), decoded.data(), decoded.size());
    return decoded.size();
  }

 private:
  static Result<std::span<const std::byte>> Verify(std::span<const std::byte> encoded) {
    if (encoded.size() < kTrailerSize) {
      return DataLossError("got " + std::to_string(encoded.size()) +
                           " bytes, fewer than a checksum has");
    }
    const auto decoded = encoded.first(encoded.size() - kTrailerSize);
    uint32_t stored = 0;
    std::memcpy(&stored, encoded.data() + decoded.size(), kTrailerSize);
    const uint32_t crc = Crc32c(decoded);
    if (crc != stored) {
      return DataLossError("checksum of " + std::to_string(decoded.size()) + " bytes is " +
                           Hex(crc) + ", stored is " + Hex(stored));
    }
    return decoded;
  }

  const int64_t max_decoded_size_;
};

class Crc32cCodec final : public Codec {
 public:
  Kind kind() const override { return Kind::kBytesToBytes; }
  std::string name() const override { return "crc32c"; }
  std::string configuration() const override { return ""; }

  Result<std::unique_ptr<BoundBytesToBytes>> BindBytesToBytes(
      int64_t max_decoded_size) const override {
    return std::make_unique<BoundCrc32c>(max_decoded_size);
  }
};

}  // namespace

Result<CodecPtr> MakeCrc32cCodec(std::string_view configuration, const CodecTable&) {
  COFFER_RETURN_IF_ERROR(ParseConfiguration(configuration, {}));
  return std::make_shared<Crc32cCodec>();
}

}  // namespace coffer::inline v0
