// A codec that XORs every byte with 0x5A.
#include <coffer/base/status.h>

#include <algorithm>
#include <cstddef>

#include "parts.h"

namespace {

constexpr std::byte kKey{0x5A};

class BoundMask final : public coffer::BoundBytesToBytes {
 public:
  explicit BoundMask(int64_t size) : size_(size) {}
  int64_t max_encoded_size() const override { return size_; }
  bool fixed_size() const override { return true; }
  coffer::Result<size_t> Encode(std::span<const std::byte> decoded,
                                std::span<std::byte> destination) const override {
    std::transform(decoded.begin(), decoded.end(), destination.begin(),
                   [](std::byte b) { return b ^ kKey; });
    return decoded.size();
  }
  coffer::Result<size_t> Decode(std::span<const std::byte> encoded,
                                std::span<std::byte> destination) const override {
    if (encoded.size() > destination.size()) {
      return coffer::DataLossError("mask: " + std::to_string(encoded.size()) + " bytes, expected " +
                                   std::to_string(destination.size()));
    }
    return Encode(encoded, destination);
  }

 private:
  int64_t size_;
};

class Mask final : public coffer::Codec {
 public:
  Kind kind() const override { return Kind::kBytesToBytes; }
  std::string name() const override { return "mask"; }
  std::string configuration() const override { return ""; }
  coffer::Result<std::unique_ptr<coffer::BoundBytesToBytes>> BindBytesToBytes(
      int64_t max_decoded_size) const override {
    return std::unique_ptr<coffer::BoundBytesToBytes>(new BoundMask(max_decoded_size));
  }
};

}  // namespace

coffer::CodecDriver MaskDriver() {
  return {.name = "mask",
          .make = [](std::string_view configuration,
                     const coffer::CodecTable&) -> coffer::Result<coffer::CodecPtr> {
            if (configuration != "{}") {
              return coffer::InvalidArgumentError("at $: mask takes no configuration");
            }
            return std::make_shared<const Mask>();
          }};
}
