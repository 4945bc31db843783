#include "tools/coffer/checkpoints.h"

#include <algorithm>

#include "src/base/shown.h"
#include "tools/coffer/nodes.h"
#include "tools/coffer/text.h"

namespace coffer::inline v0::tool {
namespace {

std::string StepText(const TreePath::Step& step) {
  if (std::holds_alternative<int64_t>(step)) {
    return "[" + std::to_string(std::get<int64_t>(step)) + "]";
  }
  return Printable(std::get<std::string>(step));
}

Json StoredJson(int64_t bytes) { return bytes < 0 ? Json() : Json(bytes); }

// "8 KiB for 16 KiB (2.0x)".
std::string StoredText(const checkpoint::CheckpointInfo& info) {
  if (info.stored_bytes < 0)
    return "unknown for " + FormatBytes(info.array_bytes) + ": the store does not list";
  return FormatBytes(info.stored_bytes) + " for " + FormatBytes(info.array_bytes) + " (" +
         FormatRatio(info.array_bytes, info.stored_bytes) + ")";
}

Json LeafJson(const checkpoint::LeafInfo& leaf) {
  Json path{Json::Array()};
  for (const TreePath::Step& step : leaf.path.steps()) {
    path.array().push_back(std::holds_alternative<int64_t>(step)
                               ? Json(std::get<int64_t>(step))
                               : Json(std::get<std::string>(step)));
  }
  Json line{Json::Object{
      {"name", JoinedName(leaf.path)}, {"path", std::move(path)}, {"kind", KindName(leaf.kind)}}};
  if (leaf.kind != Tree::Kind::kArray) {
    line.Set("value", leaf.value);
    return line;
  }
  line.Set("data_type", leaf.data_type.name());
  line.Set("shape", ToJson(leaf.shape));
  line.Set("chunk_shape", ToJson(leaf.chunk_shape));
  line.Set("shard_shape", leaf.shard_shape.empty() ? Json() : ToJson(leaf.shard_shape));
  line.Set("bytes", BytesOf(leaf));
  line.Set("stored_bytes", StoredJson(leaf.stored_bytes));
  return line;
}

}  // namespace

int64_t BytesOf(const checkpoint::LeafInfo& leaf) {
  if (leaf.kind != Tree::Kind::kArray) return 0;
  return NumElements(leaf.shape).value_or(0) * leaf.data_type.size();
}

void ShowCheckpointInfo(Session& session, const std::string& url,
                        const checkpoint::CheckpointInfo& info) {
  int64_t arrays = 0;
  int64_t largest = 0;
  for (const checkpoint::LeafInfo& leaf : info.leaves) {
    if (leaf.kind == Tree::Kind::kArray) ++arrays;
    largest = std::max(largest, BytesOf(leaf));
  }
  int64_t others = std::ssize(info.leaves) - arrays;
  if (session.options().json) {
    session.PrintJson(Json(Json::Object{{"url", ShownPlace(url)},
                                        {"format", info.format},
                                        {"kind", "checkpoint"},
                                        {"created_at", info.created_at},
                                        {"arrays", arrays},
                                        {"other_leaves", others},
                                        {"bytes", info.array_bytes},
                                        {"stored_bytes", StoredJson(info.stored_bytes)},
                                        {"largest_array_bytes", largest}}));
    return;
  }
  Table table("ll");
  table.Add({"format", info.format});
  table.Add({"kind", "checkpoint"});
  table.Add({"created", info.created_at});
  table.Add({"holds", FormatCount(arrays, "array") + ", " + FormatCount(others, "other value")});
  table.Add({"stored", StoredText(info)});
  table.Add({"largest array", FormatBytes(largest)});
  session.Print(Printable(ShownPlace(url)) + "\n" + table.ToString("  "));
}

void ShowCheckpointTree(Session& session, const std::string& url,
                        const checkpoint::CheckpointInfo& info) {
  if (session.options().json) {
    for (const checkpoint::LeafInfo& leaf : info.leaves) session.PrintJson(LeafJson(leaf));
    return;
  }
  Table table("lllrrr");
  std::vector<TreePath::Step> shown;  // The inner nodes above the last line.
  for (const checkpoint::LeafInfo& leaf : info.leaves) {
    const std::vector<TreePath::Step>& steps = leaf.path.steps();
    size_t same = 0;
    while (same < shown.size() && same + 1 < steps.size() && shown[same] == steps[same]) ++same;
    shown.resize(same);
    for (; shown.size() + 1 < steps.size(); shown.push_back(steps[shown.size()])) {
      table.Add({std::string(2 * shown.size(), ' ') + StepText(steps[shown.size()]) + "/"});
    }
    std::string name =
        std::string(2 * shown.size(), ' ') + (steps.empty() ? "(root)" : StepText(steps.back()));
    if (leaf.kind != Tree::Kind::kArray) {
      table.Add({name, std::string(KindName(leaf.kind)), Shortened(Printable(leaf.value), 60)});
      continue;
    }
    std::vector<std::string> row = {name, leaf.data_type.name(), ToString(leaf.shape),
                                    FormatBytes(BytesOf(leaf))};
    if (leaf.stored_bytes >= 0) {
      row.push_back(FormatBytes(leaf.stored_bytes));
      row.push_back(FormatRatio(BytesOf(leaf), leaf.stored_bytes));
    }
    table.Add(std::move(row));
  }
  session.Print(Printable(ShownPlace(url)) + "\n" + table.ToString("  "));
  session.Print("  " + FormatCount(std::ssize(info.leaves), "value") + ", " +
                FormatBytes(info.array_bytes) + " in " +
                (info.stored_bytes < 0
                     ? "an unknown size: the store does not list"
                     : FormatBytes(info.stored_bytes) + " (" +
                           FormatRatio(info.array_bytes, info.stored_bytes) + ")") +
                "\n");
}

}  // namespace coffer::inline v0::tool
