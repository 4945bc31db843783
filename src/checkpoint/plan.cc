#include "src/checkpoint/plan.h"

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "src/checkpoint/document.h"

namespace coffer::inline v0 {
namespace {

std::string PolicyFor(bool pad, bool truncate) {
  return pad && truncate ? "kPadOrTruncate" : pad ? "kPad" : "kTruncate";
}

bool Allows(ShapePolicy policy, bool pad, bool truncate) {
  const bool may_pad = policy == ShapePolicy::kPad || policy == ShapePolicy::kPadOrTruncate;
  const bool may_truncate =
      policy == ShapePolicy::kTruncate || policy == ShapePolicy::kPadOrTruncate;
  return (!pad || may_pad) && (!truncate || may_truncate);
}

std::string Describe(const Tree& node) {
  if (node.kind() != Tree::Kind::kArray) return std::string(KindName(node.kind()));
  return "array of " + node.array().data_type.name();
}

class Planner {
 public:
  Planner(const Tree& stored, const checkpoint::RestoreOptions& options)
      : root_(stored), options_(options) {}

  Result<RestorePlan> Run() {
    COFFER_RETURN_IF_ERROR(Prepare());
    COFFER_ASSIGN_OR_RETURN(std::optional<Tree> tree, Select(root_, options_.target, TreePath()));
    if (tree) {
      plan_.tree = *std::move(tree);
    } else if (root_.kind() == Tree::Kind::kDict) {
      plan_.tree = Tree::Dict();
    } else if (root_.kind() == Tree::Kind::kList) {
      plan_.tree = Tree::List();
    }
    return std::move(plan_);
  }

 private:
  using Selected = Result<std::optional<Tree>>;  // nullopt: left out.

  Status Prepare() {
    if (root_.Find(options_.subtree) == nullptr) return NotStored(options_.subtree);
    size_t number = 0;
    for (const auto& [path, leaf] : root_.Leaves()) {
      if (leaf->kind() == Tree::Kind::kArray) numbers_.emplace(leaf, number++);
    }
    for (const checkpoint::TargetShape& wanted : options_.shapes) {
      const Tree* leaf = root_.Find(wanted.path);
      if (leaf == nullptr) return NotStored(wanted.path);
      if (leaf->kind() != Tree::Kind::kArray) {
        return InvalidArgumentError(At(wanted.path) + ": a shape is wanted of a " +
                                    Describe(*leaf));
      }
      if (!shapes_.emplace(wanted.path, wanted.shape).second) {
        return InvalidArgumentError(At(wanted.path) + ": two shapes are wanted");
      }
    }
    return Status();
  }

  Selected Select(const Tree& stored, const Tree* target, const TreePath& path) {
    const bool inside = path.StartsWith(options_.subtree);
    if (!inside && !options_.subtree.StartsWith(path)) return std::optional<Tree>();
    if (target != nullptr && target->kind() == Tree::Kind::kNone) target = nullptr;
    if (stored.is_leaf() && !IsWanted(path)) return std::optional<Tree>();
    if (target != nullptr && target->kind() != stored.kind()) {
      return InvalidArgumentError(At(path) + ": stored " + Describe(stored) +
                                  " is not the wanted " + Describe(*target));
    }
    if (stored.kind() == Tree::Kind::kDict) return SelectDict(stored, target, path);
    if (stored.kind() == Tree::Kind::kList) return SelectList(stored, target, path);
    if (stored.kind() == Tree::Kind::kArray) return SelectArray(stored, target, path);
    return std::optional<Tree>(stored);
  }

  bool IsWanted(const TreePath& path) const {
    return path.StartsWith(options_.subtree) && (options_.only == nullptr || options_.only(path));
  }

  bool KeepsEmpty(const TreePath& path) const {
    return path.StartsWith(options_.subtree) && options_.only == nullptr;
  }

  Selected SelectDict(const Tree& stored, const Tree* target, const TreePath& path) {
    Tree dict = Tree::Dict();
    const Tree::Members& wanted = target == nullptr ? stored.members() : target->members();
    for (const auto& [name, node] : wanted) {
      const TreePath below = path.Key(name);
      const Tree* child = stored.Find(name);
      if (child == nullptr) {
        COFFER_RETURN_IF_ERROR(Missing(node, below));
        continue;
      }
      COFFER_ASSIGN_OR_RETURN(std::optional<Tree> selected,
                              Select(*child, target == nullptr ? nullptr : &node, below));
      if (selected) dict.Set(name, *std::move(selected));
    }
    if (dict.members().empty() && !(wanted.empty() && KeepsEmpty(path))) {
      return std::optional<Tree>();
    }
    return std::optional<Tree>(std::move(dict));
  }

  Selected SelectList(const Tree& stored, const Tree* target, const TreePath& path) {
    Tree list = Tree::List();
    bool any = false;
    const std::vector<Tree>& wanted = target == nullptr ? stored.items() : target->items();
    for (size_t i = 0; i < wanted.size(); ++i) {
      const TreePath below = path.Index(static_cast<int64_t>(i));
      if (i >= stored.items().size()) {
        COFFER_RETURN_IF_ERROR(Missing(wanted[i], below));
        list.Append(Tree());
        continue;
      }
      COFFER_ASSIGN_OR_RETURN(
          std::optional<Tree> selected,
          Select(stored.items()[i], target == nullptr ? nullptr : &wanted[i], below));
      any = any || selected;
      list.Append(selected ? *std::move(selected) : Tree());
    }
    if (!any && !(wanted.empty() && KeepsEmpty(path))) return std::optional<Tree>();
    return std::optional<Tree>(std::move(list));
  }

  Selected SelectArray(const Tree& stored, const Tree* target, const TreePath& path) {
    LeafRead read;
    read.number = numbers_.at(&stored);
    read.path = path;
    read.stored = stored.array();
    read.wanted = target == nullptr ? read.stored.shape : target->array().shape;
    if (const auto given = shapes_.find(path); given != shapes_.end()) read.wanted = given->second;
    if (target != nullptr && target->array().data_type != read.stored.data_type) {
      return InvalidArgumentError(At(path) + ": stored data type " + read.stored.data_type.name() +
                                  " is not the wanted " + target->array().data_type.name());
    }
    COFFER_RETURN_IF_ERROR(CheckShape(read));
    const ConstView shape_only(nullptr, read.stored.data_type, read.wanted);
    plan_.reads.push_back(std::move(read));
    return std::optional<Tree>(Tree(shape_only));
  }

  Status CheckShape(const LeafRead& read) {
    const std::string shapes = At(read.path) + ": stored shape " + ToString(read.stored.shape) +
                               " does not match the wanted " + ToString(read.wanted);
    if (read.wanted.rank() != read.stored.shape.rank()) {
      return InvalidArgumentError(shapes + ": another rank");
    }
    bool pad = false, truncate = false;
    for (int d = 0; d < read.wanted.rank(); ++d) {
      if (read.wanted[d] < 0) return InvalidArgumentError(shapes + ": a negative extent");
      pad = pad || read.wanted[d] > read.stored.shape[d];
      truncate = truncate || read.wanted[d] < read.stored.shape[d];
    }
    if (!Allows(options_.shape_policy, pad, truncate)) {
      return InvalidArgumentError(shapes + "; pass ShapePolicy::" + PolicyFor(pad, truncate));
    }
    const std::optional<int64_t> elements = NumElements(read.wanted);
    std::optional<int64_t> bytes =
        elements ? CheckedMul(*elements, read.stored.data_type.size()) : std::nullopt;
    if (bytes) bytes = CheckedAdd(bytes_, *bytes);
    if (!bytes) return InvalidArgumentError(shapes + ": more bytes than 2^63");
    bytes_ = *bytes;
    return Status();
  }

  /// A node that only the target has; no matter where it is not asked for.
  Status Missing(const Tree& node, const TreePath& path) const {
    const bool on_the_way = options_.subtree.StartsWith(path);
    if (!path.StartsWith(options_.subtree) && !on_the_way) return Status();
    if (node.is_leaf() && !IsWanted(path)) return Status();
    return NotStored(path);
  }

  static Status NotStored(const TreePath& path) {
    return NotFoundError(At(path) + ": not in the checkpoint");
  }

  const Tree& root_;
  const checkpoint::RestoreOptions& options_;
  std::unordered_map<const Tree*, size_t> numbers_;  // Of the stored array leaves.
  std::map<TreePath, Shape> shapes_;
  int64_t bytes_ = 0;
  RestorePlan plan_;
};

}  // namespace

Shape LeafRead::Common() const {
  Shape common = wanted;
  for (int d = 0; d < common.rank(); ++d) common[d] = std::min(common[d], stored.shape[d]);
  return common;
}

Result<RestorePlan> PlanRestore(const Tree& stored, const checkpoint::RestoreOptions& options) {
  return Planner(stored, options).Run();
}

}  // namespace coffer::inline v0
