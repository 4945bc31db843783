#include "drivers/zarr2/compressor.h"

#include <string>
#include <utility>

#include "drivers/codecs/bz2.h"
#include "drivers/codecs/lz4.h"
#include "drivers/codecs/lzma.h"
#include "drivers/codecs/zlib.h"

namespace coffer::inline v0::zarr2 {
namespace {

// By numcodecs' number.
constexpr std::string_view kShuffles[] = {"noshuffle", "shuffle", "bitshuffle"};

void SetDefault(Json& object, std::string_view name, Json value) {
  const Json* const member = object.Find(name);
  if (member == nullptr || member->is_null()) object.Set(name, std::move(value));
}

void Remove(Json& object, std::string_view name) {
  std::erase_if(object.object(), [&](const Json::Member& member) { return member.first == name; });
}

// numcodecs' members as Zarr v3 has them.
Status TranslateBlosc(Json& configuration, DataType type) {
  SetDefault(configuration, "cname", "lz4");
  SetDefault(configuration, "clevel", 5);
  SetDefault(configuration, "shuffle", 1);
  SetDefault(configuration, "blocksize", 0);
  SetDefault(configuration, "typesize", type.size());
  COFFER_ASSIGN_OR_RETURN(int64_t shuffle,
                          configuration.Find("shuffle")->AsInt64("$.shuffle", -1, 2));
  if (shuffle < 0) shuffle = type.size() == 1 ? 2 : 1;
  configuration.Set("shuffle", kShuffles[shuffle]);
  return Status();
}

Result<CodecPtr> Make(const std::string& id, Json configuration, DataType type,
                      const CodecTable& table) {
  if (id == "zlib") return MakeZlibCodec(configuration.Dump(), table);
  if (id == "bz2") return MakeBz2Codec(configuration.Dump(), table);
  if (id == "lz4") return MakeLz4Codec(configuration.Dump(), table);
  if (id == "lzma") return MakeLzmaCodec(configuration.Dump(), table);
  if (id == "gzip") {
    SetDefault(configuration, "level", 1);
  } else if (id == "zstd") {
    SetDefault(configuration, "level", 0);
    SetDefault(configuration, "checksum", true);
  } else if (id == "blosc") {
    COFFER_RETURN_IF_ERROR(TranslateBlosc(configuration, type));
  } else {
    return UnimplementedError("at $.id: compressor " + Json(id).Dump() + " is not supported yet");
  }
  return table.Make(id, configuration.Dump());
}

}  // namespace

Result<CodecPtr> CompressorFromJson(const Json& json, std::string_view path, DataType type,
                                    const CodecTable& table) {
  if (json.is_null()) return CodecPtr();
  if (!json.is_object()) return json.Unexpected(path, "null or an object");
  const Json* const id = json.Find("id");
  if (id == nullptr) {
    return InvalidArgumentError("at " + std::string(path) + ": missing member \"id\"");
  }
  COFFER_ASSIGN_OR_RETURN(const std::string name, id->AsString(std::string(path) + ".id"));
  Json configuration = json;
  Remove(configuration, "id");
  Result<CodecPtr> codec = Make(name, std::move(configuration), type, table);
  if (codec.ok()) return codec;
  // A codec's own paths begin at its configuration.
  constexpr std::string_view kStart = "at $";
  const std::string_view message = codec.status().message();
  if (!message.starts_with(kStart)) return codec.status().Annotate("at " + std::string(path));
  return Status(codec.status().code(),
                "at " + std::string(path) + std::string(message.substr(kStart.size())));
}

Result<Json> CompressorToJson(const CodecSpec& spec, bool checksum) {
  if (spec.name.empty()) return Json();
  Json json(Json::Object{{"id", spec.name}});
  Result<Json> configuration = Json::Parse(spec.configuration.empty() ? "{}" : spec.configuration);
  if (configuration.ok() && !configuration->is_object()) {
    configuration = configuration->Unexpected("$", "an object");
  }
  if (!configuration.ok()) return configuration.status().Annotate("codec \"" + spec.name + "\"");
  for (auto& [name, value] : configuration->object()) json.Set(name, std::move(value));
  if (spec.name == "zstd") {
    Remove(json, "checksum");
    if (!checksum) json.Set("checksum", false);
  }
  const Json* const shuffle = json.Find("shuffle");
  if (spec.name == "blosc" && shuffle == nullptr) json.Set("shuffle", -1);
  if (spec.name == "blosc" && shuffle != nullptr && shuffle->is_string()) {
    for (int number = 0; number < 3; ++number) {
      if (*shuffle != Json(kShuffles[number])) continue;
      json.Set("shuffle", number);
      break;
    }
  }
  return json;
}

}  // namespace coffer::inline v0::zarr2
