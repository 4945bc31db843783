// Goal: trees keep what they are given: kinds, order, paths that never collide, copy on write.
// Method: small trees whose every accessor, path and copy is compared with exact values.
#include "coffer/checkpoint/tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <thread>

namespace coffer {
namespace {

using testing::ElementsAre;

std::vector<std::string> LeafNames(const Tree& tree) {
  std::vector<std::string> names;
  for (const auto& [path, leaf] : tree.Leaves()) names.push_back(path.ToString());
  return names;
}

TEST(TreePath, ToStringJoinsStepsAndEscapesControlCharacters) {
  EXPECT_EQ(TreePath().ToString(), "");
  EXPECT_EQ(TreePath().Key("layers").Index(0).Key("bias").ToString(), "layers/0/bias");
  EXPECT_EQ(TreePath().Key(std::string("a\0b\x7f\n", 5)).ToString(), "a\\x00b\\x7f\\x0a");
  EXPECT_EQ(TreePath().Key("größe").ToString(), "größe");
}

TEST(TreePath, StepsKeepTheirKind) {
  EXPECT_NE(TreePath().Key("1"), TreePath().Index(1));
  EXPECT_NE(TreePath().Key("a/b"), TreePath().Key("a").Key("b"));
  EXPECT_EQ(TreePath().Key("a").Index(2), TreePath().Key("a").Index(2));
  const TreePath named = TreePath().Key("1"), indexed = TreePath().Index(1);
  EXPECT_NE(named < indexed, indexed < named);
}

TEST(TreePath, StartsWithIsByWholeSteps) {
  const TreePath path = TreePath().Key("layers").Index(1);
  EXPECT_TRUE(path.StartsWith(TreePath()));
  EXPECT_TRUE(path.StartsWith(TreePath().Key("layers")));
  EXPECT_TRUE(path.StartsWith(path));
  EXPECT_FALSE(path.StartsWith(TreePath().Key("lay")));
  EXPECT_FALSE(path.StartsWith(path.Key("x")));
  EXPECT_FALSE(path.StartsWith(TreePath().Key("layers").Key("1")));
}

TEST(Tree, KindsAndValues) {
  EXPECT_EQ(Tree().kind(), Tree::Kind::kNone);
  EXPECT_EQ(Tree(true).kind(), Tree::Kind::kBool);
  EXPECT_TRUE(Tree(true).bool_value());
  EXPECT_EQ(Tree(-7).kind(), Tree::Kind::kInt);
  EXPECT_EQ(Tree(INT64_MIN).int_value(), INT64_MIN);
  EXPECT_EQ(Tree(uint32_t{4000000000}).int_value(), 4000000000);
  EXPECT_EQ(Tree(0.5F).kind(), Tree::Kind::kDouble);
  EXPECT_EQ(Tree(0.1).double_value(), 0.1);
  EXPECT_EQ(Tree("text").kind(), Tree::Kind::kString);  // Not a bool.
  EXPECT_EQ(Tree("text").text(), "text");
  EXPECT_EQ(Tree(std::string("a\0b", 3)).text().size(), 3U);
  EXPECT_EQ(Tree::FromBytes("\xff").kind(), Tree::Kind::kBytes);
  EXPECT_EQ(Tree::FromBytes("\xff").text(), "\xff");
  EXPECT_EQ(Tree::Dict().kind(), Tree::Kind::kDict);
  EXPECT_EQ(Tree::List().kind(), Tree::Kind::kList);
  EXPECT_FALSE(Tree::Dict().is_leaf());
  EXPECT_FALSE(Tree::List().is_leaf());
  EXPECT_TRUE(Tree().is_leaf());
}

TEST(Tree, ArrayRefersToTheCallersMemory) {
  float values[6] = {0, 1, 2, 3, 4, 5};
  const Tree tree(Ref(values, {2, 3}));
  EXPECT_EQ(tree.kind(), Tree::Kind::kArray);
  EXPECT_EQ(tree.array().shape, (Shape{2, 3}));
  EXPECT_EQ(tree.array().data_type, DataType::kFloat32);
  EXPECT_EQ(tree.array().data, reinterpret_cast<const std::byte*>(values));
}

TEST(Tree, SetReplacesInPlaceAndAppendsAtTheEnd) {
  Tree tree = Tree::Dict();
  tree.Set("b", Tree(1)).Set("a", Tree(2)).Set("b", Tree(3));
  ASSERT_EQ(tree.members().size(), 2U);
  EXPECT_EQ(tree.members()[0].first, "b");
  EXPECT_EQ(tree.members()[0].second.int_value(), 3);
  EXPECT_EQ(tree.members()[1].first, "a");
}

TEST(Tree, LargeDictsFindEveryMember) {
  Tree tree = Tree::Dict();
  for (int i = 0; i < 3000; ++i) tree.Set("key" + std::to_string(i), Tree(i));
  for (int i = 0; i < 3000; i += 3) tree.Set("key" + std::to_string(i), Tree(-i));
  ASSERT_EQ(tree.members().size(), 3000U);
  for (int i = 0; i < 3000; ++i) {
    const Tree* member = tree.Find("key" + std::to_string(i));
    ASSERT_NE(member, nullptr) << i;
    EXPECT_EQ(member->int_value(), i % 3 == 0 ? -i : i);
  }
  EXPECT_EQ(tree.Find("key3000"), nullptr);
}

TEST(Tree, CopiesAreChangedApart) {
  Tree inner = Tree::Dict().Set("x", Tree(1));
  Tree first = Tree::Dict().Set("inner", inner).Set("n", Tree(1));
  Tree second = first;
  second.Set("n", Tree(2));
  inner.Set("x", Tree(5));
  EXPECT_EQ(first.Find("n")->int_value(), 1);
  EXPECT_EQ(second.Find("n")->int_value(), 2);
  EXPECT_EQ(first.Find(TreePath().Key("inner").Key("x"))->int_value(), 1);

  Tree list = Tree::List().Append(Tree(1));
  const Tree before = list;
  list.Append(list);  // A tree may hold an earlier state of itself.
  EXPECT_EQ(before.items().size(), 1U);
  ASSERT_EQ(list.items().size(), 2U);
  EXPECT_EQ(list.items()[1].items().size(), 1U);
}

TEST(Tree, ChangesInPlaceWhereNobodyShares) {
  Tree tree = Tree::List();
  tree.Append(Tree(0));
  const std::vector<Tree>* items = &tree.items();
  tree.Append(Tree(1));
  EXPECT_EQ(&tree.items(), items);
}

TEST(Tree, FindFollowsNamesAndIndexes) {
  Tree tree = Tree::Dict();
  tree.Set("1", Tree("name")).Set("list", Tree::List().Append(Tree("index")));
  tree.Set("a/b", Tree("slash")).Set("a", Tree::Dict().Set("b", Tree("nested")));
  EXPECT_EQ(tree.Find(TreePath()), &tree);
  EXPECT_EQ(tree.Find(TreePath().Key("1"))->text(), "name");
  EXPECT_EQ(tree.Find(TreePath().Index(1)), nullptr);
  EXPECT_EQ(tree.Find(TreePath().Key("list").Index(0))->text(), "index");
  EXPECT_EQ(tree.Find(TreePath().Key("list").Key("0")), nullptr);
  EXPECT_EQ(tree.Find(TreePath().Key("list").Index(1)), nullptr);
  EXPECT_EQ(tree.Find(TreePath().Key("list").Index(-1)), nullptr);
  EXPECT_EQ(tree.Find(TreePath().Key("a/b"))->text(), "slash");
  EXPECT_EQ(tree.Find(TreePath().Key("a").Key("b"))->text(), "nested");
  EXPECT_EQ(tree.Find(TreePath().Key("1").Key("x")), nullptr);
}

TEST(Tree, LeavesComeDepthFirstInOrder) {
  Tree tree = Tree::Dict();
  tree.Set("z", Tree(1));
  tree.Set("list", Tree::List().Append(Tree(2)).Append(Tree::Dict().Set("y", Tree())));
  tree.Set("empty", Tree::Dict());
  tree.Set("a", Tree(3));
  EXPECT_THAT(LeafNames(tree), ElementsAre("z", "list/0", "list/1/y", "a"));
  EXPECT_EQ(tree.Leaves()[1].first, TreePath().Key("list").Index(0));
  EXPECT_EQ(tree.Leaves()[1].second->int_value(), 2);
  EXPECT_THAT(LeafNames(Tree(1)), ElementsAre(""));
  EXPECT_THAT(LeafNames(Tree::List()), ElementsAre());
}

TEST(Tree, CopiesMayBeReadAndDroppedOnOtherThreads) {
  Tree tree = Tree::List().Append(Tree(1));
  size_t seen = 0;
  std::thread reader([copy = tree, &seen] { seen = copy.items().size(); });
  tree.Append(Tree(2));
  reader.join();
  tree.Append(Tree(3));
  EXPECT_EQ(seen, 1U);
  EXPECT_EQ(tree.items().size(), 3U);
}

TEST(TreeDeathTest, WrongKindAbortsWithBothKinds) {
  EXPECT_DEATH(Tree(1).text(), "a Tree was used as a text but is int");
  EXPECT_DEATH(Tree().members(), "a Tree was used as a dict but is none");
  EXPECT_DEATH(Tree::Dict().Append(Tree()), "a Tree was used as a list but is dict");
}

}  // namespace
}  // namespace coffer
