// Copy on write: copies of a Tree share one Node. Set and Append first make sure that they are its
// only owner (Own), copying one level of the tree, whose children stay shared.
#include "coffer/checkpoint/tree.h"

#include <unordered_map>

namespace coffer::inline v0 {

struct Tree::Node {
  struct DictNode {
    // Linear search until there are many; then an index of names.
    static constexpr size_t kFew = 16;
    Members members;
    std::unordered_map<std::string, size_t> positions;

    const size_t* Position(const std::string& key) const {
      auto found = positions.find(key);
      return found == positions.end() ? nullptr : &found->second;
    }
    Tree* Find(std::string_view key) {
      if (members.size() > kFew) {
        const size_t* position = Position(std::string(key));
        return position == nullptr ? nullptr : &members[*position].second;
      }
      for (auto& [name, child] : members) {
        if (name == key) return &child;
      }
      return nullptr;
    }
    void Add(std::string_view key, Tree child) {
      members.emplace_back(key, std::move(child));
      if (members.size() <= kFew) return;
      for (size_t i = positions.size(); i < members.size(); ++i) {
        positions.emplace(members[i].first, i);
      }
    }
  };
  struct ArrayNode {
    OwnedArray owner;  // Keeps the elements; empty for a view of the caller's.
    ConstView view;
  };
  struct TextNode {
    std::string text;
    bool bytes = false;
  };

  std::variant<DictNode, std::vector<Tree>, ArrayNode, Scalar, TextNode> value;
};

namespace {

std::string Printable(std::string_view text) {
  constexpr std::string_view kHexDigits = "0123456789abcdef";
  std::string out;
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) {
      out += c;
    } else {
      out += {'\\', 'x', kHexDigits[byte >> 4], kHexDigits[byte & 15]};
    }
  }
  return out;
}

[[noreturn]] void DieOfKind(std::string_view wanted, Tree::Kind kind) {
  internal::DieOfStatus(InvalidArgumentError("a Tree was used as " + std::string(wanted) +
                                             " but is " + std::string(KindName(kind))));
}

}  // namespace

TreePath TreePath::Key(std::string_view name) const {
  TreePath path = *this;
  path.steps_.emplace_back(std::string(name));
  return path;
}

TreePath TreePath::Index(int64_t index) const {
  TreePath path = *this;
  path.steps_.emplace_back(index);
  return path;
}

std::string TreePath::ToString() const {
  std::string text;
  for (const Step& step : steps_) {
    if (&step != steps_.data()) text += '/';
    if (const auto* name = std::get_if<std::string>(&step)) {
      text += Printable(*name);
    } else {
      text += std::to_string(std::get<int64_t>(step));
    }
  }
  return text;
}

bool TreePath::StartsWith(const TreePath& prefix) const {
  return steps_.size() >= prefix.steps_.size() &&
         std::equal(prefix.steps_.begin(), prefix.steps_.end(), steps_.begin());
}

std::string_view KindName(Tree::Kind kind) {
  switch (kind) {
    case Tree::Kind::kNone:
      return "none";
    case Tree::Kind::kDict:
      return "dict";
    case Tree::Kind::kList:
      return "list";
    case Tree::Kind::kArray:
      return "array";
    case Tree::Kind::kBool:
      return "bool";
    case Tree::Kind::kInt:
      return "int";
    case Tree::Kind::kDouble:
      return "double";
    case Tree::Kind::kString:
      return "string";
    case Tree::Kind::kBytes:
      return "bytes";
  }
  return "unknown";
}

Tree Tree::Dict() { return Tree(std::make_shared<Node>(Node{Node::DictNode{}})); }
Tree Tree::List() { return Tree(std::make_shared<Node>(Node{std::vector<Tree>{}})); }
Tree::Tree(OwnedArray array) {
  const ConstView view = array.view();
  node_ = std::make_shared<Node>(Node{Node::ArrayNode{std::move(array), view}});
}
Tree::Tree(const ConstView& view)
    : node_(std::make_shared<Node>(Node{Node::ArrayNode{OwnedArray(), view}})) {}
Tree::Tree(Scalar value) : node_(std::make_shared<Node>(Node{value})) {}
Tree::Tree(std::string_view text)
    : node_(std::make_shared<Node>(Node{Node::TextNode{std::string(text), false}})) {}
Tree Tree::FromBytes(std::string bytes) {
  return Tree(std::make_shared<Node>(Node{Node::TextNode{std::move(bytes), true}}));
}

Tree::Kind Tree::kind() const {
  if (node_ == nullptr) return Kind::kNone;
  if (std::holds_alternative<Node::DictNode>(node_->value)) return Kind::kDict;
  if (std::holds_alternative<std::vector<Tree>>(node_->value)) return Kind::kList;
  if (std::holds_alternative<Node::ArrayNode>(node_->value)) return Kind::kArray;
  if (const auto* text = std::get_if<Node::TextNode>(&node_->value)) {
    return text->bytes ? Kind::kBytes : Kind::kString;
  }
  constexpr Kind kScalars[] = {Kind::kBool, Kind::kInt, Kind::kDouble};
  return kScalars[std::get<Scalar>(node_->value).index()];
}

ConstView Tree::array() const {
  if (kind() != Kind::kArray) DieOfKind("an array", kind());
  return std::get<Node::ArrayNode>(node_->value).view;
}

bool Tree::bool_value() const {
  if (kind() != Kind::kBool) DieOfKind("a bool", kind());
  return std::get<bool>(std::get<Scalar>(node_->value));
}

int64_t Tree::int_value() const {
  if (kind() != Kind::kInt) DieOfKind("an int", kind());
  return std::get<int64_t>(std::get<Scalar>(node_->value));
}

double Tree::double_value() const {
  if (kind() != Kind::kDouble) DieOfKind("a double", kind());
  return std::get<double>(std::get<Scalar>(node_->value));
}

const std::string& Tree::text() const {
  if (kind() != Kind::kString && kind() != Kind::kBytes) DieOfKind("a text", kind());
  return std::get<Node::TextNode>(node_->value).text;
}

const Tree::Members& Tree::members() const {
  if (kind() != Kind::kDict) DieOfKind("a dict", kind());
  return std::get<Node::DictNode>(node_->value).members;
}

const std::vector<Tree>& Tree::items() const {
  if (kind() != Kind::kList) DieOfKind("a list", kind());
  return std::get<std::vector<Tree>>(node_->value);
}

Tree::Node& Tree::Own() {
  if (node_.use_count() != 1) {
    node_ = std::make_shared<Node>(*node_);
  } else {
    // Whatever the last other owner read, it has read before this one writes: giving back a second
    // reference acquires what it released. (A fence would do, but ThreadSanitizer knows none.)
    const std::shared_ptr<Node> second = node_;
  }
  return *node_;
}

Tree& Tree::Set(std::string_view key, Tree value) {
  if (kind() != Kind::kDict) DieOfKind("a dict", kind());
  auto& dict = std::get<Node::DictNode>(Own().value);
  if (Tree* child = dict.Find(key)) {
    *child = std::move(value);
  } else {
    dict.Add(key, std::move(value));
  }
  return *this;
}

Tree& Tree::Append(Tree item) {
  if (kind() != Kind::kList) DieOfKind("a list", kind());
  std::get<std::vector<Tree>>(Own().value).push_back(std::move(item));
  return *this;
}

const Tree* Tree::Find(std::string_view key) const {
  if (kind() != Kind::kDict) return nullptr;
  return std::get<Node::DictNode>(node_->value).Find(key);
}

const Tree* Tree::Find(const TreePath& path) const {
  const Tree* node = this;
  for (const TreePath::Step& step : path.steps()) {
    if (const auto* name = std::get_if<std::string>(&step)) {
      node = node->Find(*name);
    } else {
      const int64_t index = std::get<int64_t>(step);
      const bool inside = node->kind() == Kind::kList && index >= 0 &&
                          static_cast<size_t>(index) < node->items().size();
      node = inside ? &node->items()[static_cast<size_t>(index)] : nullptr;
    }
    if (node == nullptr) return nullptr;
  }
  return node;
}

std::vector<std::pair<TreePath, const Tree*>> Tree::Leaves() const {
  std::vector<std::pair<TreePath, const Tree*>> leaves;
  std::vector<std::pair<TreePath, const Tree*>> open = {{TreePath(), this}};
  while (!open.empty()) {
    const auto [path, node] = std::move(open.back());
    open.pop_back();
    if (node->kind() == Kind::kDict) {
      const Members& members = node->members();
      for (auto member = members.rbegin(); member != members.rend(); ++member) {
        open.emplace_back(path.Key(member->first), &member->second);
      }
    } else if (node->kind() == Kind::kList) {
      const std::vector<Tree>& items = node->items();
      for (size_t i = items.size(); i-- > 0;) {
        open.emplace_back(path.Index(static_cast<int64_t>(i)), &items[i]);
      }
    } else {
      leaves.emplace_back(path, node);
    }
  }
  return leaves;
}

}  // namespace coffer::inline v0
