#include "coffer/codec/codec.h"

#include <utility>

#include "src/base/json.h"
#include "src/codec/builtin.h"

namespace coffer::inline v0 {
namespace {

Status NotOfThisKind(const Codec& codec, std::string_view kind) {
  return InternalError("codec \"" + codec.name() + "\" does not turn " + std::string(kind));
}

}  // namespace

BoundArrayToArray::~BoundArrayToArray() = default;

Status BoundArrayToArray::Encode(const ConstView&, const View&) const {
  return InternalError("this codec has neither a dimension order nor Encode");
}

Status BoundArrayToArray::Decode(const ConstView&, const View&) const {
  return InternalError("this codec has neither a dimension order nor Decode");
}

BoundArrayToBytes::~BoundArrayToBytes() = default;

BoundBytesToBytes::~BoundBytesToBytes() = default;

std::optional<Result<std::span<const std::byte>>> BoundBytesToBytes::DecodeInPlace(
    std::span<const std::byte>) const {
  return std::nullopt;
}

Result<size_t> BoundBytesToBytes::EncodeInPlace(std::span<std::byte>, size_t) const {
  return InternalError("this codec does not encode in place");
}

Codec::~Codec() = default;

Result<std::unique_ptr<BoundArrayToArray>> Codec::BindArrayToArray(const ChunkSpec&) const {
  return NotOfThisKind(*this, "arrays into arrays");
}

Result<std::unique_ptr<BoundArrayToBytes>> Codec::BindArrayToBytes(const ChunkSpec&) const {
  return NotOfThisKind(*this, "arrays into bytes");
}

Result<std::unique_ptr<BoundBytesToBytes>> Codec::BindBytesToBytes(int64_t) const {
  return NotOfThisKind(*this, "bytes into bytes");
}

CodecTable::CodecTable() { AddBuiltinCodecs(*this); }

Status CodecTable::Add(CodecDriver driver) {
  std::string name = driver.name;
  if (!drivers_.emplace(name, std::move(driver)).second) {
    return AlreadyExistsError("codec \"" + name + "\" is already known");
  }
  return Status();
}

Result<CodecPtr> CodecTable::Make(std::string_view name, std::string_view configuration) const {
  const auto found = drivers_.find(name);
  if (found == drivers_.end()) {
    return UnimplementedError("codec \"" + std::string(name) + "\" is not known here");
  }
  return found->second.make(configuration, *this);
}

std::vector<std::string> CodecTable::names() const {
  std::vector<std::string> names;
  for (const auto& [name, driver] : drivers_) names.push_back(name);
  return names;
}

CodecSpec Uncompressed() { return {}; }

CodecSpec Zstd(int level) {
  return {"zstd", Json(Json::Object{{"level", level}, {"checksum", false}}).Dump()};
}

CodecSpec Gzip(int level) { return {"gzip", Json(Json::Object{{"level", level}}).Dump()}; }

CodecSpec Blosc(std::string_view cname, int level, std::string_view shuffle) {
  Json configuration(Json::Object{{"cname", cname}, {"clevel", level}});
  if (!shuffle.empty()) configuration.Set("shuffle", shuffle);
  return {"blosc", configuration.Dump()};
}

}  // namespace coffer::inline v0
