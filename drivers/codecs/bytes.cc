#include "drivers/codecs/bytes.h"

#include <bit>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "src/base/json.h"
#include "src/codec/metadata.h"
#include "src/nd/copy.h"

namespace coffer::inline v0 {
namespace {

static_assert(std::endian::native == std::endian::little);

class BoundBytes final : public BoundArrayToBytes {
 public:
  BoundBytes(ChunkSpec in, bool swap) : in_(std::move(in)), swap_(swap) {}

  int64_t max_encoded_size() const override { return in_.num_bytes(); }
  bool fixed_size() const override { return true; }
  bool is_identity() const override { return !swap_; }

  Result<size_t> Encode(const ConstView& chunk, std::span<std::byte> destination,
                        const CodecScratch&) const override {
    Copy(chunk, View(destination.data(), in_.data_type, in_.shape));
    return static_cast<size_t>(in_.num_bytes());
  }

  Status Decode(std::span<const std::byte> encoded, const View& chunk,
                const CodecScratch&) const override {
    if (encoded.size() != static_cast<size_t>(in_.num_bytes())) {
      return DataLossError("got " + std::to_string(encoded.size()) + " bytes, expected " +
                           std::to_string(in_.num_bytes()));
    }
    Copy(ConstView(encoded.data(), in_.data_type, in_.shape), chunk);
    return Status();
  }

 private:
  void Copy(const ConstView& from, const View& to) const {
    swap_ ? CopyViewSwapped(from, to) : CopyView(from, to);
  }

  const ChunkSpec in_;
  const bool swap_;
};

class BytesCodec final : public Codec {
 public:
  explicit BytesCodec(std::optional<std::endian> endian) : endian_(endian) {}

  Kind kind() const override { return Kind::kArrayToBytes; }
  std::string name() const override { return "bytes"; }
  std::string configuration() const override {
    if (!endian_) return "";
    const char* const endian = *endian_ == std::endian::little ? "little" : "big";
    return Json(Json::Object{{"endian", endian}}).Dump();
  }

  Result<std::unique_ptr<BoundArrayToBytes>> BindArrayToBytes(const ChunkSpec& in) const override {
    const bool wide = in.data_type.swap_size() > 1;
    if (wide && !endian_) {
      return InvalidArgumentError("\"endian\" is required for " + in.data_type.name());
    }
    return std::make_unique<BoundBytes>(in, wide && *endian_ == std::endian::big);
  }

 private:
  const std::optional<std::endian> endian_;
};

}  // namespace

Result<CodecPtr> MakeBytesCodec(std::string_view configuration, const CodecTable&) {
  COFFER_ASSIGN_OR_RETURN(const Json json, ParseConfiguration(configuration, {"endian"}));
  const Json* const endian = json.Find("endian");
  if (endian == nullptr) return std::make_shared<BytesCodec>(std::nullopt);
  if (*endian == Json("little")) return std::make_shared<BytesCodec>(std::endian::little);
  if (*endian == Json("big")) return std::make_shared<BytesCodec>(std::endian::big);
  return endian->Unexpected("$.endian", "\"little\" or \"big\"");
}

}  // namespace coffer::inline v0
