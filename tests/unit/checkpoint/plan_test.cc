// Goal: what is restored, into which shapes, is decided exactly as the options say, before anything
// is read.
// Method: plans over one stored tree with every combination of target, shapes, policy, subtree and
// filter that differs in outcome; messages compared in full.
#include "src/checkpoint/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/checkpoint/trees.h"

namespace coffer {
namespace {

using checkpoint::RestoreOptions;
using coffer::testing::Difference;
using ::testing::ElementsAre;

Tree F32(const Shape& shape) { return Tree(ConstView(nullptr, DataType::kFloat32, shape)); }

Tree Stored() {
  Tree layer0 = Tree::Dict().Set("weight", F32({4, 3})).Set("bias", F32({3}));
  Tree layer1 = Tree::Dict().Set("weight", F32({3, 2})).Set("bias", F32({2}));
  Tree tree = Tree::Dict();
  tree.Set("step", Tree(7)).Set("name", Tree("m")).Set("empty", Tree::Dict());
  tree.Set("layers", Tree::List().Append(layer0).Append(layer1));
  return tree;
}

TreePath Layer(int64_t i) { return TreePath().Key("layers").Index(i); }

std::vector<std::string> ReadsOf(const RestorePlan& plan) {
  std::vector<std::string> reads;
  for (const LeafRead& read : plan.reads) {
    reads.push_back(std::to_string(read.number) + " " + read.path.ToString() + " " +
                    ToString(read.wanted));
  }
  return reads;
}

TEST(PlanRestore, WithoutOptionsAllAsStored) {
  const RestorePlan plan = PlanRestore(Stored(), {}).OrDie();
  EXPECT_THAT(ReadsOf(plan), ElementsAre("0 layers/0/weight [4, 3]", "1 layers/0/bias [3]",
                                         "2 layers/1/weight [3, 2]", "3 layers/1/bias [2]"));
  ASSERT_EQ(plan.tree.Leaves().size(), 6U);
  EXPECT_EQ(plan.tree.Find("empty")->kind(), Tree::Kind::kDict);
}

TEST(PlanRestore, SubtreeKeepsTheWayAndTheIndexes) {
  RestoreOptions options;
  options.subtree = Layer(1).Key("bias");
  const RestorePlan plan = PlanRestore(Stored(), options).OrDie();
  EXPECT_THAT(ReadsOf(plan), ElementsAre("3 layers/1/bias [2]"));
  ASSERT_EQ(plan.tree.members().size(), 1U);
  const Tree& layers = *plan.tree.Find("layers");
  ASSERT_EQ(layers.items().size(), 2U);
  EXPECT_EQ(layers.items()[0].kind(), Tree::Kind::kNone);
  ASSERT_EQ(layers.items()[1].members().size(), 1U);
  EXPECT_NE(plan.tree.Find(options.subtree), nullptr);
}

TEST(PlanRestore, SubtreeThatIsEmptyStaysAndOneThatIsAbsentIsNotFound) {
  RestoreOptions options;
  options.subtree = TreePath().Key("empty");
  EXPECT_EQ(Difference(PlanRestore(Stored(), options).OrDie().tree,
                       Tree::Dict().Set("empty", Tree::Dict())),
            "");
  options.subtree = Layer(2);
  EXPECT_EQ(PlanRestore(Stored(), options).status(),
            NotFoundError("at layers/2: not in the checkpoint"));
}

TEST(PlanRestore, OnlyAsksForEveryLeafOnceAndDropsEmptyParts) {
  RestoreOptions options;
  std::vector<std::string> asked;
  options.only = [&](const TreePath& path) {
    asked.push_back(path.ToString());
    return path.ToString().ends_with("bias");
  };
  const RestorePlan plan = PlanRestore(Stored(), options).OrDie();
  EXPECT_THAT(asked, ElementsAre("step", "name", "layers/0/weight", "layers/0/bias",
                                 "layers/1/weight", "layers/1/bias"));
  EXPECT_THAT(ReadsOf(plan), ElementsAre("1 layers/0/bias [3]", "3 layers/1/bias [2]"));
  ASSERT_EQ(plan.tree.members().size(), 1U);
  options.only = [](const TreePath&) { return false; };
  EXPECT_EQ(Difference(PlanRestore(Stored(), options).OrDie().tree, Tree::Dict()), "");
}

TEST(PlanRestore, TargetChoosesLeavesInItsOrder) {
  Tree target = Tree::Dict();
  target.Set("layers", Tree::List().Append(Tree::Dict().Set("bias", F32({3}))));
  target.Set("step", Tree(0));
  RestoreOptions options;
  options.target = &target;
  const RestorePlan plan = PlanRestore(Stored(), options).OrDie();
  EXPECT_THAT(ReadsOf(plan), ElementsAre("1 layers/0/bias [3]"));
  EXPECT_EQ(plan.tree.members()[0].first, "layers");
  EXPECT_EQ(plan.tree.Find("layers")->items().size(), 1U);
  EXPECT_EQ(plan.tree.Find("step")->int_value(), 7);
  EXPECT_EQ(plan.tree.members().size(), 2U);
}

TEST(PlanRestore, NoneInTheTargetTakesWhateverIsStored) {
  const Tree target = Tree::Dict().Set("step", Tree()).Set("layers", Tree());
  RestoreOptions options;
  options.target = &target;
  const RestorePlan plan = PlanRestore(Stored(), options).OrDie();
  EXPECT_EQ(plan.reads.size(), 4U);
  EXPECT_EQ(plan.tree.Find("step")->int_value(), 7);
}

TEST(PlanRestore, LeavesOnlyTheTargetHasAreNotFoundUnlessLeftOut) {
  const Tree target =
      Tree::Dict().Set("layers", Tree()).Set("extra", Tree::Dict().Set("x", Tree(1)));
  RestoreOptions options;
  options.target = &target;
  EXPECT_EQ(PlanRestore(Stored(), options).status(),
            NotFoundError("at extra: not in the checkpoint"));
  options.subtree = TreePath().Key("layers");
  EXPECT_EQ(PlanRestore(Stored(), options).OrDie().reads.size(), 4U);

  const Tree longer =
      Tree::Dict().Set("layers", Tree::List().Append(Tree()).Append(Tree()).Append(Tree()));
  options = {};
  options.target = &longer;
  EXPECT_EQ(PlanRestore(Stored(), options).status(),
            NotFoundError("at layers/2: not in the checkpoint"));
  options.only = [](const TreePath& path) { return path.ToString() != "layers/2"; };
  EXPECT_EQ(PlanRestore(Stored(), options).OrDie().tree.Find("layers")->items().size(), 3U);
}

TEST(PlanRestore, OtherKindsAndTypesAreNamed) {
  RestoreOptions options;
  const std::pair<Tree, std::string> cases[] = {
      {Tree::List(), "at the root: stored dict is not the wanted list"},
      {Tree::Dict().Set("step", Tree("7")), "at step: stored int is not the wanted string"},
      {Tree::Dict().Set("step", Tree(7.0)), "at step: stored int is not the wanted double"},
      {Tree::Dict().Set("step", F32({1})),
       "at step: stored int is not the wanted array of float32"},
      {Tree::Dict().Set("layers", Tree(1)), "at layers: stored list is not the wanted int"},
      {Tree::Dict().Set("layers", Tree::List().Append(Tree::Dict().Set("bias", Tree(1)))),
       "at layers/0/bias: stored array of float32 is not the wanted int"},
      {Tree::Dict().Set("layers", Tree::List().Append(Tree::Dict().Set(
                                      "bias", Tree(ConstView(nullptr, DataType::kFloat16, {3}))))),
       "at layers/0/bias: stored data type float32 is not the wanted float16"},
      {Tree::Dict().Set("layers", Tree::List().Append(Tree::Dict().Set(
                                      "bias", Tree(ConstView(nullptr, DataType::kInt32, {3}))))),
       "at layers/0/bias: stored data type float32 is not the wanted int32"},
  };
  for (const auto& [target, message] : cases) {
    options.target = &target;
    EXPECT_EQ(PlanRestore(Stored(), options).status(), InvalidArgumentError(message));
  }
}

/// The outcome of wanting `wanted` of a stored [4, 3].
Status PlanShape(const Shape& wanted, ShapePolicy policy) {
  const Tree stored = Tree::Dict().Set("w", F32({4, 3}));
  const Tree target = Tree::Dict().Set("w", F32(wanted));
  RestoreOptions options;
  options.target = &target;
  options.shape_policy = policy;
  Result<RestorePlan> plan = PlanRestore(stored, options);
  if (plan.ok()) {
    EXPECT_EQ(plan->reads[0].wanted, wanted);
  }
  return plan.status();
}

TEST(PlanRestore, PoliciesAllowWhatTheirNamesSay) {
  constexpr ShapePolicy kPolicies[] = {ShapePolicy::kExact, ShapePolicy::kPad,
                                       ShapePolicy::kTruncate, ShapePolicy::kPadOrTruncate};
  struct Case {
    Shape wanted;
    bool allowed[4];
    std::string advice;
  };
  const Case cases[] = {
      {{4, 3}, {true, true, true, true}, ""},
      {{5, 3}, {false, true, false, true}, "kPad"},
      {{4, 9}, {false, true, false, true}, "kPad"},
      {{3, 3}, {false, false, true, true}, "kTruncate"},
      {{4, 0}, {false, false, true, true}, "kTruncate"},
      {{5, 2}, {false, false, false, true}, "kPadOrTruncate"},
      {{1, 4}, {false, false, false, true}, "kPadOrTruncate"},
  };
  for (const Case& item : cases) {
    for (size_t p = 0; p < 4; ++p) {
      const Status expected =
          item.allowed[p]
              ? Status()
              : InvalidArgumentError("at w: stored shape [4, 3] does not match the wanted " +
                                     ToString(item.wanted) + "; pass ShapePolicy::" + item.advice);
      EXPECT_EQ(PlanShape(item.wanted, kPolicies[p]), expected) << p;
    }
  }
}

TEST(PlanRestore, ShapesThatNoPolicyAllows) {
  const std::string start = "at w: stored shape [4, 3] does not match the wanted ";
  EXPECT_EQ(PlanShape({4}, ShapePolicy::kPadOrTruncate),
            InvalidArgumentError(start + "[4]: another rank"));
  EXPECT_EQ(PlanShape({4, 3, 1}, ShapePolicy::kPadOrTruncate),
            InvalidArgumentError(start + "[4, 3, 1]: another rank"));
  EXPECT_EQ(PlanShape({4, -1}, ShapePolicy::kPadOrTruncate),
            InvalidArgumentError(start + "[4, -1]: a negative extent"));
  EXPECT_EQ(PlanShape({int64_t{1} << 40, int64_t{1} << 40}, ShapePolicy::kPad),
            InvalidArgumentError(start + "[1099511627776, 1099511627776]: more bytes than 2^63"));
}

TEST(PlanRestore, ShapesGivenByPath) {
  RestoreOptions options;
  options.shape_policy = ShapePolicy::kPadOrTruncate;
  options.shapes = {{Layer(0).Key("weight"), {8, 2}}, {Layer(1).Key("bias"), {1}}};
  EXPECT_THAT(ReadsOf(PlanRestore(Stored(), options).OrDie()),
              ElementsAre("0 layers/0/weight [8, 2]", "1 layers/0/bias [3]",
                          "2 layers/1/weight [3, 2]", "3 layers/1/bias [1]"));
  const Tree target =
      Tree::Dict().Set("layers", Tree::List().Append(Tree::Dict().Set("weight", F32({5, 5}))));
  options.target = &target;  // A shape given by path wins.
  EXPECT_THAT(ReadsOf(PlanRestore(Stored(), options).OrDie()),
              ElementsAre("0 layers/0/weight [8, 2]"));

  options.shapes = {{Layer(0).Key("wieght"), {1}}};
  EXPECT_EQ(PlanRestore(Stored(), options).status(),
            NotFoundError("at layers/0/wieght: not in the checkpoint"));
  options.shapes = {{TreePath().Key("step"), {1}}};
  EXPECT_EQ(PlanRestore(Stored(), options).status(),
            InvalidArgumentError("at step: a shape is wanted of a int"));
  options.shapes = {{Layer(1).Key("bias"), {1}}, {Layer(1).Key("bias"), {2}}};
  EXPECT_EQ(PlanRestore(Stored(), options).status(),
            InvalidArgumentError("at layers/1/bias: two shapes are wanted"));
}

TEST(PlanRestore, RootLeaf) {
  EXPECT_THAT(ReadsOf(PlanRestore(F32({2}), {}).OrDie()), ElementsAre("0  [2]"));
  EXPECT_EQ(PlanRestore(Tree("x"), {}).OrDie().tree.text(), "x");
  RestoreOptions options;
  options.only = [](const TreePath&) { return false; };
  EXPECT_EQ(PlanRestore(F32({2}), options).OrDie().tree.kind(), Tree::Kind::kNone);
}

TEST(LeafRead, CommonIsTheSmallerOfEachExtent) {
  LeafRead read;
  read.stored = ConstView(nullptr, DataType::kInt8, {4, 3, 2});
  read.wanted = {2, 5, 2};
  EXPECT_EQ(read.Common(), (Shape{2, 3, 2}));
  EXPECT_EQ(read.wanted_bytes(), 20);
}

}  // namespace
}  // namespace coffer
