// What stands at a place, and walking over it.
#ifndef COFFER_TOOLS_COFFER_NODES_H_
#define COFFER_TOOLS_COFFER_NODES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "coffer/array/array.h"
#include "coffer/array/group.h"
#include "coffer/base/result.h"
#include "coffer/checkpoint/tree.h"
#include "src/array/survey.h"
#include "tools/coffer/session.h"

namespace coffer::inline v0::tool {

enum class Kind { kNothing, kArray, kGroup, kCheckpoint };

/// "array", "group", "checkpoint", "nothing".
std::string_view KindName(Kind kind);

/// What stands at a place. kNothing where no known node does (there may be keys).
Result<Kind> KindOf(std::string_view place, const Context& context);
/// The same; NotFound for kNothing.
Result<Kind> RequireKind(std::string_view place, const Context& context);

/// A group opened with its store, so that its nodes can be reached by name. Where the store lists
/// nothing (plain HTTP), they are those of its consolidated metadata, if it has any.
struct OpenGroup {
  Group group;
  Context context;

  /// "" or ending with "/".
  std::string PrefixOf(const std::string& name) const;
  Result<Array> OpenArray(const std::string& name) const;
  /// The nodes below, none of a checkpoint or an unfinished one among them.
  Result<std::vector<NodeEntry>> NodesBelow() const;
  /// Everything below, from one listing; checkpoints are its `others`.
  Result<GroupSurvey> Survey(size_t strays_max) const;
  /// Prefixes of checkpoints among the folders that are none of `nodes`.
  Result<std::vector<std::string>> CheckpointsDirectlyBelow(
      const std::vector<NodeEntry>& nodes) const;
};
Result<OpenGroup> OpenGroupAt(std::string_view place, const Context& context);

/// The path's steps joined by ".": the names of leaves in flat files, and what --only and --shape
/// of `checkpoint restore` look at.
std::string JoinedName(const TreePath& path);

/// `place` with "/" and `name`, which needs no percent escapes, after it; in a spec that is its
/// path. InvalidArgument for places that name nodes.
Result<std::string> ChildPlace(std::string_view place, std::string_view name,
                               const Context& context);

/// The text of --step.
Result<std::optional<int64_t>> ParseStep(const std::string& text);

/// The name of a folder that ListFolder found below a prefix.
std::string FolderName(const std::string& prefix, const std::string& folder);

/// The checkpoints directly below a place whose names are integers, in their order, damaged ones
/// too.
Result<std::vector<std::pair<int64_t, std::string>>> StepsBelow(std::string_view place,
                                                                const Context& context);
/// The checkpoint at a place: the place itself if it is one, else the step below it that was asked
/// for, else the newest. A damaged one counts: reading it says what is wrong. NotFound.
Result<std::string> FindCheckpoint(const std::string& place, std::optional<int64_t> step,
                                   const Context& context);

}  // namespace coffer::inline v0::tool

#endif  // COFFER_TOOLS_COFFER_NODES_H_
