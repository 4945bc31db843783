// coffer info URL: what stands at a place, and how it is stored.
#include <memory>

#include "tools/coffer/checkpoints.h"
#include "tools/coffer/commands/commands.h"
#include "tools/coffer/nodes.h"
#include "tools/coffer/text.h"

namespace coffer::inline v0::tool {
namespace {

// "bytes, zstd(level=3), crc32c", shards as "sharding_indexed[...]".
std::string CodecsText(const Json& codecs) {
  std::string text;
  if (!codecs.is_array()) return codecs.Dump();
  for (const Json& codec : codecs.array()) {
    if (!text.empty()) text += ", ";
    const Json* name = codec.Find("name");
    text += name != nullptr && name->is_string() ? name->string() : codec.Dump();
    const Json* configuration = codec.Find("configuration");
    if (configuration == nullptr || !configuration->is_object()) continue;
    if (const Json* inner = configuration->Find("codecs")) {
      text += "[" + CodecsText(*inner) + "]";
    } else if (const Json* level = configuration->Find("level")) {
      text += "(" + level->Dump() + ")";
    } else if (const Json* cname = configuration->Find("cname")) {
      const Json* clevel = configuration->Find("clevel");
      text += "(" + cname->string() + (clevel != nullptr ? " " + clevel->Dump() : "") + ")";
    }
  }
  return text;
}

Result<Json> DescribeArray(const Array& array) {
  auto optional_json = [](const std::string& text) {
    return text.empty() ? Result<Json>(Json()) : Json::Parse(text);
  };
  COFFER_ASSIGN_OR_RETURN(Json codecs, optional_json(array.codecs()));
  COFFER_ASSIGN_OR_RETURN(Json fill_value, optional_json(array.fill_value_json()));
  COFFER_ASSIGN_OR_RETURN(Json attributes, Json::Parse(array.attributes()));
  COFFER_ASSIGN_OR_RETURN(StoredChunks stored, array.CountStored());
  std::optional<int64_t> elements = NumElements(array.shape());
  std::optional<int64_t> bytes =
      elements ? CheckedMul(*elements, array.data_type().size()) : std::nullopt;
  Json names;
  if (!array.dimension_names().empty()) {
    names = Json(Json::Array());
    for (const auto& name : array.dimension_names()) {
      names.array().push_back(name ? Json(*name) : Json());
    }
  }
  return Json(
      Json::Object{{"url", array.url()},
                   {"format", array.format()},
                   {"kind", "array"},
                   {"shape", ToJson(array.shape())},
                   {"data_type", array.data_type().name()},
                   {"chunk_shape", ToJson(array.chunk_shape())},
                   {"shard_shape", array.shard_shape() ? ToJson(*array.shard_shape()) : Json()},
                   {"codecs", std::move(codecs)},
                   {"fill_value", std::move(fill_value)},
                   {"dimension_names", std::move(names)},
                   {"attributes", std::move(attributes)},
                   {"bytes", bytes ? Json(*bytes) : Json()},
                   {"stored_chunks", stored.count},
                   {"possible_chunks", stored.possible},
                   {"stored_bytes", stored.bytes},
                   {"largest_task_bytes", array.largest_task_bytes()}});
}

std::string ArrayText(const Json& info) {
  auto member = [&](std::string_view name) { return info.Find(name)->Dump(); };
  auto bytes = [&](std::string_view name) { return info.Find(name)->AsInt64(name).OrDie(); };
  bool sharded = !info.Find("shard_shape")->is_null();
  Table table("ll");
  table.Add({"format", info.Find("format")->string()});
  table.Add({"kind", "array"});
  table.Add({"shape", member("shape")});
  table.Add({"data type", info.Find("data_type")->string()});
  table.Add({"chunk shape", member("chunk_shape")});
  if (sharded) table.Add({"shard shape", member("shard_shape")});
  table.Add({"codecs", CodecsText(*info.Find("codecs"))});
  table.Add({"fill value", member("fill_value")});
  if (!info.Find("dimension_names")->is_null()) {
    table.Add({"dimensions", member("dimension_names")});
  }
  if (!info.Find("attributes")->object().empty()) {
    table.Add({"attributes", Printable(member("attributes"))});
  }
  std::string stored = member("stored_chunks") + " of " +
                       FormatCount(bytes("possible_chunks"), sharded ? "shard" : "chunk") + ", " +
                       FormatBytes(bytes("stored_bytes"));
  if (!info.Find("bytes")->is_null()) {
    stored += " for " + FormatBytes(bytes("bytes"));
    stored += " (" + FormatRatio(bytes("bytes"), bytes("stored_bytes")) + ")";
  }
  table.Add({"stored", stored});
  table.Add({"largest task", FormatBytes(bytes("largest_task_bytes"))});
  return table.ToString("  ");
}

Status ShowArray(Session& session, const std::string& url) {
  COFFER_ASSIGN_OR_RETURN(Array array, Array::Open(url, {.context = session.context()}));
  COFFER_ASSIGN_OR_RETURN(Json info, DescribeArray(array));
  if (session.options().json) {
    session.PrintJson(info);
  } else {
    session.Print(Printable(array.url()) + "\n" + ArrayText(info));
  }
  return Status();
}

Status ShowGroup(Session& session, const std::string& url) {
  COFFER_ASSIGN_OR_RETURN(OpenGroup opened, OpenGroupAt(url, session.context()));
  COFFER_ASSIGN_OR_RETURN(std::vector<NodeEntry> nodes, opened.NodesBelow());
  int64_t arrays = 0;
  for (const NodeEntry& node : nodes) arrays += node.kind == NodeKind::kArray ? 1 : 0;
  int64_t groups = std::ssize(nodes) - arrays;
  Json attributes{Json::Object()};
  if (!opened.group.attributes().empty()) {
    COFFER_ASSIGN_OR_RETURN(attributes, Json::Parse(opened.group.attributes()));
  }
  if (session.options().json) {
    session.PrintJson(Json(Json::Object{{"url", opened.group.url()},
                                        {"format", opened.group.format()},
                                        {"kind", "group"},
                                        {"arrays", arrays},
                                        {"groups", groups},
                                        {"attributes", std::move(attributes)}}));
    return Status();
  }
  Table table("ll");
  table.Add({"format", opened.group.format()});
  table.Add({"kind", "group"});
  table.Add({"holds", FormatCount(arrays, "array") + ", " + FormatCount(groups, "group")});
  if (!attributes.object().empty()) table.Add({"attributes", Printable(attributes.Dump())});
  session.Print(Printable(opened.group.url()) + "\n" + table.ToString("  "));
  return Status();
}

Status ShowCheckpoint(Session& session, const std::string& url) {
  COFFER_ASSIGN_OR_RETURN(checkpoint::CheckpointInfo info,
                          checkpoint::Info(url, true, session.context()));
  ShowCheckpointInfo(session, url, info);
  return Status();
}

}  // namespace

void AddInfo(const CommandLine& line) {
  Session& session = line.session();
  auto url = std::make_shared<std::string>();
  CommandLine command = line.Command(
      "info", "Show what stands at a place and how it is stored", [&session, url]() -> Result<int> {
        COFFER_ASSIGN_OR_RETURN(Kind kind, RequireKind(*url, session.context()));
        auto show = kind == Kind::kArray   ? ShowArray
                    : kind == Kind::kGroup ? ShowGroup
                                           : ShowCheckpoint;
        COFFER_RETURN_IF_ERROR(show(session, *url));
        return kDone;
      });
  command.Text("URL", url.get(), "an array, a group or a checkpoint");
}

}  // namespace coffer::inline v0::tool
