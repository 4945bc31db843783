// Tree: nested dicts and lists whose leaves are arrays, scalars, strings, bytes or none.
//
//     Tree params = Tree::Dict();
//     params.Set("step", Tree(7));
//     params.Set("weight", Tree(Ref(weights, {30522, 384})));      // refers to the caller's memory
//     const Tree* bias = params.Find(TreePath().Key("layers").Index(0).Key("bias"));
//
// Paths keep the kind of each step (name or index), so that 1 and "1", "a.b" and a/b never collide.
//
// Copies share their content until one of them is changed. A tree is freed recursively, so do not
// nest one deeper than some thousand levels (a checkpoint takes kTreeDepthMax).
//
// Accessors named after a kind require that kind and abort with a message on another.
//
// Thread safety: as for a standard container.
#ifndef COFFER_CHECKPOINT_TREE_H_
#define COFFER_CHECKPOINT_TREE_H_

#include <concepts>
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

/// The deepest nesting of dicts and lists that a checkpoint holds.
inline constexpr int kTreeDepthMax = 64;

/// A way from a tree's root to a node.
class COFFER_EXPORT TreePath {
 public:
  using Step = std::variant<std::string, int64_t>;
  TreePath Key(std::string_view name) const;
  TreePath Index(int64_t index) const;
  const std::vector<Step>& steps() const { return steps_; }
  bool empty() const { return steps_.empty(); }
  /// For people and messages: steps joined by "/", e.g. "layers/0/bias", control characters as
  /// "\x00", the root as "". Not unique.
  std::string ToString() const;
  /// Whether `prefix` leads to this node or to one above it.
  bool StartsWith(const TreePath& prefix) const;
  friend bool operator==(const TreePath&, const TreePath&) = default;
  /// Any total order.
  friend bool operator<(const TreePath& a, const TreePath& b) { return a.steps_ < b.steps_; }

 private:
  std::vector<Step> steps_;
};

class COFFER_EXPORT Tree {
 public:
  enum class Kind { kNone, kDict, kList, kArray, kBool, kInt, kDouble, kString, kBytes };
  using Members = std::vector<std::pair<std::string, Tree>>;

  Tree() = default;  ///< None.
  static Tree Dict();
  static Tree List();
  explicit Tree(OwnedArray array);
  /// An array in the caller's memory, which must outlive the tree and its copies.
  explicit Tree(const ConstView& view);
  /// A scalar: a bool, an integer that fits int64_t, a double.
  template <std::same_as<bool> B>
  explicit Tree(B value) : Tree(Scalar(value)) {}
  template <std::integral I>
    requires(!std::same_as<I, bool> && (std::signed_integral<I> || sizeof(I) < sizeof(int64_t)))
  explicit Tree(I value) : Tree(Scalar(static_cast<int64_t>(value))) {}
  template <std::floating_point F>
  explicit Tree(F value) : Tree(Scalar(static_cast<double>(value))) {}
  /// UTF-8; see FromBytes for anything else.
  explicit Tree(std::string_view text);
  static Tree FromBytes(std::string bytes);

  Kind kind() const;
  bool is_leaf() const { return kind() != Kind::kDict && kind() != Kind::kList; }

  /// The array's elements.
  ConstView array() const;
  bool bool_value() const;
  int64_t int_value() const;
  double double_value() const;
  const std::string& text() const;         ///< kString or kBytes.
  const Members& members() const;          ///< kDict, in insertion order.
  const std::vector<Tree>& items() const;  ///< kList.

  /// Sets or replaces a member of a dict; a new one comes last.
  Tree& Set(std::string_view key, Tree value);
  /// Appends an item to a list.
  Tree& Append(Tree item);

  /// nullptr if absent, or if this is no dict.
  const Tree* Find(std::string_view key) const;
  /// nullptr if absent.
  const Tree* Find(const TreePath& path) const;

  /// All leaves with their paths, depth first. Empty dicts and lists hold none.
  std::vector<std::pair<TreePath, const Tree*>> Leaves() const;

 private:
  struct Node;
  using Scalar = std::variant<bool, int64_t, double>;
  explicit Tree(Scalar value);
  explicit Tree(std::shared_ptr<Node> node) : node_(std::move(node)) {}
  /// The node, shared with nobody, to be changed.
  Node& Own();

  std::shared_ptr<Node> node_;  // nullptr: none. Shared by copies until changed.
};

/// "none", "dict", "list", "array", "bool", "int", "double", "string", "bytes".
COFFER_EXPORT std::string_view KindName(Tree::Kind kind);

}  // namespace coffer::inline v0

#endif  // COFFER_CHECKPOINT_TREE_H_
