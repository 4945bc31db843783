// coffer info URL: what stands at a place, and how it is stored.
#include <memory>

#include "coffer/array/chunks.h"
#include "tools/coffer/checkpoints.h"
#include "tools/coffer/commands/commands.h"
#include "tools/coffer/nodes.h"
#include "tools/coffer/text.h"

namespace coffer::inline v0::tool {
namespace {

struct Arguments {
  std::string url;
  bool coverage = false;
};

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

// What is stored of an array, as far as its store can list that: members for DescribeArray().
Result<Json::Object> DescribeStored(const Array& array, bool coverage) {
  StoredChunks stored;
  stored.possible = NumElements(array.stored()->grid.grid_shape()).value_or(INT64_MAX);
  const bool lists = array.stored()->store->capabilities().listable;
  if (lists) {
    COFFER_ASSIGN_OR_RETURN(stored, array.CountStored());
  }
  Json::Object members = {{"stored_chunks", lists ? Json(stored.count) : Json()},
                          {"possible_chunks", stored.possible},
                          {"stored_bytes", lists ? Json(stored.bytes) : Json()}};
  if (!coverage || !array.shard_shape()) return members;
  COFFER_ASSIGN_OR_RETURN(const CoverageCounts counts, CountCoverage(array, {.inner = true}));
  COFFER_ASSIGN_OR_RETURN(const RegularGrid grid,
                          RegularGrid::Make(array.shape(), array.chunk_shape()));
  members.push_back({"stored_inner_chunks", counts.inner_chunks.present});
  members.push_back({"possible_inner_chunks", NumElements(grid.grid_shape()).value_or(INT64_MAX)});
  return members;
}

Result<Json> DescribeArray(const Array& array, bool coverage) {
  auto optional_json = [](const std::string& text) {
    return text.empty() ? Result<Json>(Json()) : Json::Parse(text);
  };
  COFFER_ASSIGN_OR_RETURN(Json codecs, optional_json(array.codecs()));
  COFFER_ASSIGN_OR_RETURN(Json fill_value, optional_json(array.fill_value_json()));
  COFFER_ASSIGN_OR_RETURN(Json attributes, Json::ParseNonFinite(array.attributes()));
  COFFER_ASSIGN_OR_RETURN(Json::Object stored, DescribeStored(array, coverage));
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
  Json description(
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
                   {"bytes", bytes ? Json(*bytes) : Json()}});
  for (auto& member : stored) description.object().push_back(std::move(member));
  description.Set("largest_task_bytes", array.largest_task_bytes());
  return description;
}

// "3 of 4 shards, 1.2 MiB for 4 MiB (3.3x)".
std::string StoredText(const Json& info, bool sharded) {
  const auto number = [&](std::string_view name) { return info.Find(name)->AsInt64(name).OrDie(); };
  const std::string possible = FormatCount(number("possible_chunks"), sharded ? "shard" : "chunk");
  if (info.Find("stored_chunks")->is_null()) return "of " + possible + ": the store does not list";
  std::string text = info.Find("stored_chunks")->Dump() + " of " + possible + ", " +
                     FormatBytes(number("stored_bytes"));
  if (info.Find("bytes")->is_null()) return text;
  return text + " for " + FormatBytes(number("bytes")) + " (" +
         FormatRatio(number("bytes"), number("stored_bytes")) + ")";
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
  table.Add({"stored", StoredText(info, sharded)});
  if (info.Find("stored_inner_chunks") != nullptr) {
    table.Add(
        {"inner chunks", member("stored_inner_chunks") + " of " + member("possible_inner_chunks")});
  }
  table.Add({"largest task", FormatBytes(bytes("largest_task_bytes"))});
  return table.ToString("  ");
}

Status ShowArray(Session& session, const Arguments& arguments) {
  COFFER_ASSIGN_OR_RETURN(Array array, Array::Open(arguments.url, {.context = session.context()}));
  COFFER_ASSIGN_OR_RETURN(Json info, DescribeArray(array, arguments.coverage));
  if (session.options().json) {
    session.PrintJson(info);
  } else {
    session.Print(Printable(array.url()) + "\n" + ArrayText(info));
  }
  return Status();
}

Status ShowGroup(Session& session, const Arguments& arguments) {
  COFFER_ASSIGN_OR_RETURN(OpenGroup opened, OpenGroupAt(arguments.url, session.context()));
  COFFER_ASSIGN_OR_RETURN(std::vector<NodeEntry> nodes, opened.NodesBelow());
  int64_t arrays = 0;
  for (const NodeEntry& node : nodes) arrays += node.kind == NodeKind::kArray ? 1 : 0;
  int64_t groups = std::ssize(nodes) - arrays;
  Json attributes{Json::Object()};
  if (!opened.group.attributes().empty()) {
    COFFER_ASSIGN_OR_RETURN(attributes, Json::ParseNonFinite(opened.group.attributes()));
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

Status ShowCheckpoint(Session& session, const Arguments& arguments) {
  COFFER_ASSIGN_OR_RETURN(checkpoint::CheckpointInfo info,
                          checkpoint::Info(arguments.url, true, session.context()));
  ShowCheckpointInfo(session, arguments.url, info);
  return Status();
}

}  // namespace

void AddInfo(const CommandLine& line) {
  Session& session = line.session();
  auto arguments = std::make_shared<Arguments>();
  CommandLine command = line.Command(
      "info", "Show what stands at a place and how it is stored",
      [&session, arguments]() -> Result<int> {
        COFFER_ASSIGN_OR_RETURN(Kind kind, RequireKind(arguments->url, session.context()));
        auto show = kind == Kind::kArray   ? ShowArray
                    : kind == Kind::kGroup ? ShowGroup
                                           : ShowCheckpoint;
        COFFER_RETURN_IF_ERROR(show(session, *arguments));
        return kDone;
      });
  command.Text("URL", &arguments->url, "an array, a group or a checkpoint");
  command.Flag("--coverage", &arguments->coverage,
               "of a sharded array: count the inner chunks that are stored (reads every index)");
}

}  // namespace coffer::inline v0::tool
