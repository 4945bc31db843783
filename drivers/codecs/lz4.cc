#include "drivers/codecs/lz4.h"

#include <memory>
#include <string>

#include "src/base/compress.h"
#include "src/base/json.h"
#include "src/codec/metadata.h"

namespace coffer::inline v0 {
namespace {

class BoundLz4 final : public BoundBytesToBytes {
 public:
  BoundLz4(int acceleration, int64_t max_decoded_size)
      : acceleration_(acceleration), max_decoded_size_(static_cast<size_t>(max_decoded_size)) {}

  int64_t max_encoded_size() const override {
    return static_cast<int64_t>(Lz4Bound(max_decoded_size_));
  }
  int64_t encode_scratch_bytes() const override {
    return static_cast<int64_t>(Lz4CompressMemory());
  }
  Result<size_t> Encode(std::span<const std::byte> decoded,
                        std::span<std::byte> destination) const override {
    return Lz4Compress(decoded, acceleration_, destination);
  }
  Result<size_t> Decode(std::span<const std::byte> encoded,
                        std::span<std::byte> destination) const override {
    return Lz4Decompress(encoded, destination);
  }

 private:
  const int acceleration_;
  const size_t max_decoded_size_;
};

class Lz4Codec final : public Codec {
 public:
  explicit Lz4Codec(int acceleration) : acceleration_(acceleration) {}

  Kind kind() const override { return Kind::kBytesToBytes; }
  std::string name() const override { return "lz4"; }
  std::string configuration() const override {
    return Json(Json::Object{{"acceleration", acceleration_}}).Dump();
  }

  Result<std::unique_ptr<BoundBytesToBytes>> BindBytesToBytes(
      int64_t max_decoded_size) const override {
    if (max_decoded_size > static_cast<int64_t>(kLz4SizeMax)) {
      return InvalidArgumentError("chunks of up to " + std::to_string(max_decoded_size) +
                                  " bytes, lz4 holds at most " + std::to_string(kLz4SizeMax));
    }
    return std::make_unique<BoundLz4>(acceleration_, max_decoded_size);
  }

 private:
  const int acceleration_;
};

}  // namespace

Result<CodecPtr> MakeLz4Codec(std::string_view configuration, const CodecTable&) {
  COFFER_ASSIGN_OR_RETURN(const Json json, ParseConfiguration(configuration, {"acceleration"}));
  const Json* const member = json.Find("acceleration");
  if (member == nullptr) return std::make_shared<Lz4Codec>(1);
  COFFER_ASSIGN_OR_RETURN(const int64_t acceleration,
                          member->AsInt64("$.acceleration", INT32_MIN, INT32_MAX));
  return std::make_shared<Lz4Codec>(static_cast<int>(acceleration));
}

}  // namespace coffer::inline v0
