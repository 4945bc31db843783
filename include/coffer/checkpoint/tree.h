// Tree: nested dicts and lists whose leaves are arrays, scalars, strings, bytes or none.
//
//     Tree params = Tree::Dict();
//     params.Set("step", Tree(int64_t{7}));
//     params.Set("weight", Tree(Ref(weights, {30522, 384})));      // refers to the caller's memory
//     const Tree* bias = params.Find(TreePath().Key("layers").Index(0).Key("bias"));
//
// Paths keep the kind of each step (name or index), so that 1 and "1", "a.b" and a/b never collide.
//
// Thread safety: as for a standard container.
#ifndef COFFER_CHECKPOINT_TREE_H_
#define COFFER_CHECKPOINT_TREE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "coffer/array/owned_array.h"
#include "coffer/base/export.h"
#include "coffer/base/result.h"
#include "coffer/nd/view.h"

namespace coffer::inline v0 {

/// A way from a tree's root to a node.
class COFFER_EXPORT TreePath {
 public:
  using Step = std::variant<std::string, int64_t>;
  TreePath Key(std::string_view name) const;
  TreePath Index(int64_t index) const;
  const std::vector<Step>& steps() const { return steps_; }
  bool empty() const { return steps_.empty(); }
  /// For people and messages: steps joined by "/", e.g. "layers/0/bias". Not unique.
  std::string ToString() const;
  bool StartsWith(const TreePath& prefix) const;
  friend bool operator==(const TreePath&, const TreePath&) = default;

 private:
  std::vector<Step> steps_;
};

class COFFER_EXPORT Tree {
 public:
  enum class Kind { kNone, kDict, kList, kArray, kBool, kInt, kDouble, kString, kBytes };
  using Members = std::vector<std::pair<std::string, Tree>>;

  Tree() = default;  ///< None.
  static Tree Dict() { return Tree(Value(Members())); }
  static Tree List() { return Tree(Value(std::vector<Tree>())); }
  explicit Tree(OwnedArray array);
  /// An array in the caller's memory, which must outlive the tree and its copies.
  explicit Tree(const ConstView& view);
  explicit Tree(bool value);
  explicit Tree(int64_t value);
  explicit Tree(double value);
  explicit Tree(std::string text);
  static Tree FromBytes(std::string bytes);

  Kind kind() const;
  bool is_leaf() const { return kind() != Kind::kDict && kind() != Kind::kList; }

  /// The array's elements. Requires kArray.
  ConstView array() const;
  /// Requires the kind.
  bool bool_value() const;
  int64_t int_value() const;
  double double_value() const;
  const std::string& text() const;         ///< kString or kBytes.
  const Members& members() const;          ///< kDict, in insertion order.
  const std::vector<Tree>& items() const;  ///< kList.

  /// Sets or replaces a member. Requires kDict.
  Tree& Set(std::string_view key, Tree value);
  /// Appends an item. Requires kList.
  Tree& Append(Tree item);

  const Tree* Find(std::string_view key) const;  ///< nullptr if absent.
  const Tree* Find(const TreePath& path) const;

  /// All leaves with their paths, depth first.
  std::vector<std::pair<TreePath, const Tree*>> Leaves() const;

 private:
  struct Text {
    std::string text;
    bool bytes;
  };
  struct ArrayLeaf {
    OwnedArray owner;  // Keeps the elements; empty for a view of the caller's.
    ConstView view;
  };
  using Value = std::variant<std::monostate, Members, std::vector<Tree>, ArrayLeaf, bool, int64_t,
                             double, Text>;
  explicit Tree(Value value);
  std::shared_ptr<Value> value_;  // Shared by copies until changed (copy on write).
};

}  // namespace coffer::inline v0

#endif  // COFFER_CHECKPOINT_TREE_H_
