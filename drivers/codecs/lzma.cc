#include "drivers/codecs/lzma.h"

#include <array>
#include <memory>
#include <string>
#include <utility>

#include "src/base/compress.h"
#include "src/base/json.h"
#include "src/codec/metadata.h"

namespace coffer::inline v0 {
namespace {

constexpr int64_t kCheckMax = 15;
constexpr int64_t kFormatXz = 1;
constexpr int64_t kFormatRaw = 3;

class BoundLzma final : public BoundBytesToBytes {
 public:
  BoundLzma(LzmaOptions options, int64_t max_decoded_size)
      : options_(std::move(options)), max_decoded_size_(static_cast<size_t>(max_decoded_size)) {}

  int64_t max_encoded_size() const override {
    return static_cast<int64_t>(LzmaBound(max_decoded_size_));
  }
  int64_t encode_scratch_bytes() const override {
    return static_cast<int64_t>(LzmaCompressMemory(options_, max_decoded_size_));
  }
  int64_t decode_scratch_bytes() const override {
    return static_cast<int64_t>(LzmaDecompressMemory(options_));
  }
  bool has_checksum(std::span<const std::byte> encoded) const override {
    return LzmaHasChecksum(encoded, options_);
  }
  Result<size_t> Encode(std::span<const std::byte> decoded,
                        std::span<std::byte> destination) const override {
    return LzmaCompress(decoded, options_, destination);
  }
  Result<size_t> Decode(std::span<const std::byte> encoded,
                        std::span<std::byte> destination) const override {
    return LzmaDecompress(encoded, options_, destination);
  }

 private:
  const LzmaOptions options_;
  const size_t max_decoded_size_;
};

class LzmaCodec final : public Codec {
 public:
  LzmaCodec(LzmaOptions options, std::string configuration)
      : options_(std::move(options)), configuration_(std::move(configuration)) {}

  Kind kind() const override { return Kind::kBytesToBytes; }
  std::string name() const override { return "lzma"; }
  std::string configuration() const override { return configuration_; }

  Result<std::unique_ptr<BoundBytesToBytes>> BindBytesToBytes(
      int64_t max_decoded_size) const override {
    return std::make_unique<BoundLzma>(options_, max_decoded_size);
  }

 private:
  const LzmaOptions options_;
  const std::string configuration_;
};

// The member, if it is there and not null.
const Json* Given(const Json& object, std::string_view name) {
  const Json* const member = object.Find(name);
  return member != nullptr && !member->is_null() ? member : nullptr;
}

Result<LzmaFilter> ParseFilter(const Json& json, const std::string& path) {
  COFFER_RETURN_IF_ERROR(json.AsObject(path));
  COFFER_RETURN_IF_ERROR(
      json.CheckMembers(path, {"id", "preset", "dict_size", "lc", "lp", "pb", "mode", "nice_len",
                               "mf", "depth", "dist", "start_offset"}));
  LzmaFilter filter;
  const Json* const id = json.Find("id");
  if (id == nullptr) return InvalidArgumentError("at " + path + ": missing member \"id\"");
  COFFER_ASSIGN_OR_RETURN(filter.id, id->AsUint64(path + ".id"));
  const std::array<std::pair<const char*, std::optional<uint32_t>*>, 8> optional_members = {
      {{"dict_size", &filter.dict_size},
       {"lc", &filter.lc},
       {"lp", &filter.lp},
       {"pb", &filter.pb},
       {"mode", &filter.mode},
       {"nice_len", &filter.nice_len},
       {"mf", &filter.mf},
       {"depth", &filter.depth}}};
  for (const auto& [name, value] : optional_members) {
    if (const Json* member = Given(json, name)) {
      COFFER_ASSIGN_OR_RETURN(const uint64_t number,
                              member->AsUint64(path + "." + name, UINT32_MAX));
      *value = static_cast<uint32_t>(number);
    }
  }
  const std::array<std::pair<const char*, uint32_t*>, 3> members = {
      {{"preset", &filter.preset},
       {"dist", &filter.distance},
       {"start_offset", &filter.start_offset}}};
  for (const auto& [name, value] : members) {
    if (const Json* member = Given(json, name)) {
      COFFER_ASSIGN_OR_RETURN(const uint64_t number,
                              member->AsUint64(path + "." + name, UINT32_MAX));
      *value = static_cast<uint32_t>(number);
    }
  }
  return filter;
}

Result<LzmaOptions> ParseOptions(const Json& json) {
  LzmaOptions options;
  if (const Json* format = json.Find("format")) {
    COFFER_ASSIGN_OR_RETURN(const int64_t number,
                            format->AsInt64("$.format", kFormatXz, kFormatRaw));
    options.container = static_cast<LzmaOptions::Container>(number - kFormatXz);
  }
  if (const Json* check = json.Find("check")) {
    COFFER_ASSIGN_OR_RETURN(const int64_t number, check->AsInt64("$.check", -1, kCheckMax));
    options.check = static_cast<int>(number);
  }
  if (const Json* preset = Given(json, "preset")) {
    COFFER_ASSIGN_OR_RETURN(const uint64_t number, preset->AsUint64("$.preset", UINT32_MAX));
    options.preset = static_cast<uint32_t>(number);
  }
  if (const Json* filters = Given(json, "filters")) {
    COFFER_ASSIGN_OR_RETURN(const Json::Array* list, filters->AsArray("$.filters"));
    for (size_t i = 0; i < list->size(); ++i) {
      COFFER_ASSIGN_OR_RETURN(LzmaFilter filter,
                              ParseFilter((*list)[i], "$.filters[" + std::to_string(i) + "]"));
      options.filters.push_back(filter);
    }
  }
  return options;
}

}  // namespace

Result<CodecPtr> MakeLzmaCodec(std::string_view configuration, const CodecTable&) {
  COFFER_ASSIGN_OR_RETURN(
      const Json json, ParseConfiguration(configuration, {"format", "check", "preset", "filters"}));
  COFFER_ASSIGN_OR_RETURN(LzmaOptions options, ParseOptions(json));
  const Status checked = CheckLzmaOptions(options);
  if (!checked.ok()) return checked.Annotate("at $");
  return std::make_shared<LzmaCodec>(std::move(options), json.Dump());
}

}  // namespace coffer::inline v0
