#include "src/codec/metadata.h"

#include <string>
#include <utility>

namespace coffer::inline v0 {
namespace {

constexpr int64_t kBloscTypesizeMax = 255;

// An error of a codec's own configuration, its path "$..." made relative to the whole document.
Status MovePath(const Status& status, const std::string& path) {
  constexpr std::string_view kStart = "at $";
  const std::string_view message = status.message();
  if (!message.starts_with(kStart)) return status.Annotate("at " + path);
  return Status(status.code(),
                "at " + path + ".configuration" + std::string(message.substr(kStart.size())));
}

struct Item {
  std::string name;
  std::string configuration = "{}";
  bool must_understand = true;
};

Result<Item> ParseItem(const Json& json, const std::string& path) {
  Item item;
  if (json.is_string()) {
    item.name = json.string();
    return item;
  }
  if (!json.is_object()) return json.Unexpected(path, "a codec (a name or an object)");
  COFFER_RETURN_IF_ERROR(json.CheckMembers(path, {"name", "configuration", "must_understand"}));
  const Json* const name = json.Find("name");
  if (name == nullptr) return InvalidArgumentError("at " + path + ": missing member \"name\"");
  COFFER_ASSIGN_OR_RETURN(item.name, name->AsString(path + ".name"));
  if (const Json* configuration = json.Find("configuration")) {
    COFFER_RETURN_IF_ERROR(configuration->AsObject(path + ".configuration"));
    item.configuration = configuration->Dump();
  }
  if (const Json* must_understand = json.Find("must_understand")) {
    COFFER_ASSIGN_OR_RETURN(item.must_understand,
                            must_understand->AsBool(path + ".must_understand"));
  }
  return item;
}

bool Knows(const CodecTable& table, const std::string& name) {
  for (const std::string& known : table.names()) {
    if (known == name) return true;
  }
  return false;
}

}  // namespace

Result<std::vector<CodecPtr>> CodecsFromJson(const Json& list, std::string_view path,
                                             const CodecTable& table) {
  COFFER_ASSIGN_OR_RETURN(const Json::Array* items, list.AsArray(path));
  std::vector<CodecPtr> codecs;
  for (size_t i = 0; i < items->size(); ++i) {
    const std::string item_path = std::string(path) + "[" + std::to_string(i) + "]";
    COFFER_ASSIGN_OR_RETURN(Item item, ParseItem((*items)[i], item_path));
    if (!item.must_understand && !Knows(table, item.name)) continue;
    Result<CodecPtr> codec = table.Make(item.name, item.configuration);
    if (!codec.ok()) return MovePath(codec.status(), item_path);
    codecs.push_back(*std::move(codec));
  }
  return codecs;
}

Json CodecsToJson(std::span<const CodecPtr> codecs) {
  Json::Array list;
  for (const CodecPtr& codec : codecs) {
    Json item(Json::Object{{"name", codec->name()}});
    const std::string configuration = codec->configuration();
    // What a codec says of itself is JSON; a plug-in that breaks this is left without it.
    if (Result<Json> parsed = Json::Parse(configuration); parsed.ok()) {
      item.Set("configuration", *std::move(parsed));
    }
    list.push_back(std::move(item));
  }
  return list;
}

Result<CodecSpec> ResolveCodecSpec(const CodecSpec& spec, DataType data_type) {
  if (spec.name != "blosc") return spec;
  COFFER_ASSIGN_OR_RETURN(Json configuration, Json::Parse(spec.configuration));
  COFFER_RETURN_IF_ERROR(configuration.AsObject("$"));
  const bool wide = data_type.size() > 1 && data_type.size() <= kBloscTypesizeMax;
  if (configuration.Find("shuffle") == nullptr) {
    configuration.Set("shuffle", wide ? "shuffle" : "noshuffle");
  }
  if (configuration.Find("typesize") == nullptr) {
    configuration.Set("typesize", wide ? data_type.size() : 1);
  }
  if (configuration.Find("blocksize") == nullptr) configuration.Set("blocksize", 0);
  return CodecSpec{spec.name, configuration.Dump()};
}

Result<Json> ParseConfiguration(std::string_view text,
                                std::initializer_list<std::string_view> known) {
  COFFER_ASSIGN_OR_RETURN(Json configuration, Json::Parse(text));
  COFFER_RETURN_IF_ERROR(configuration.AsObject("$"));
  COFFER_RETURN_IF_ERROR(configuration.CheckMembers("$", known));
  return configuration;
}

Result<const Json*> RequireMember(const Json& object, std::string_view name) {
  const Json* const member = object.Find(name);
  if (member == nullptr) {
    return InvalidArgumentError("at $: missing member \"" + std::string(name) + "\"");
  }
  return member;
}

}  // namespace coffer::inline v0
