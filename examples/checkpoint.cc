// A tree of arrays, saved in one atomic step, restored into other shapes.
//
//     checkpoint [PLACE]      a path or URL; else ./coffer-checkpoint, removed at the end
#include <coffer/coffer.h>

#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  using coffer::Ref, coffer::Tree, coffer::TreePath;
  namespace checkpoint = coffer::checkpoint;
  const std::string place = argc > 1 ? argv[1] : "coffer-checkpoint";

  // The tree refers to the arrays of the program; saving copies none of them.
  std::vector<float> embedding(1000 * 16, 0.5F), bias(16, 1.0F);
  Tree layer = Tree::Dict();
  layer.Set("bias", Tree(Ref(bias.data(), {16})));
  Tree params = Tree::Dict();
  params.Set("step", Tree(7));
  params.Set("embedding", Tree(Ref(embedding.data(), {1000, 16})));
  params.Set("layers", Tree::List().Append(layer));
  checkpoint::Save(place, params, {.overwrite = true}).OrThrow();

  // What is there, without reading the arrays.
  for (const checkpoint::LeafInfo& leaf : checkpoint::Info(place).OrThrow().leaves) {
    std::cout << leaf.path.ToString() << "  " << coffer::KindName(leaf.kind) << "  " << leaf.shape
              << "  " << leaf.stored_bytes << " bytes\n";
  }

  // The vocabulary has grown: more rows, the new ones zero.
  const TreePath rows = TreePath().Key("embedding");
  const Tree larger = checkpoint::Restore(place, {.shapes = {{rows, {1024, 16}}},
                                                  .shape_policy = coffer::ShapePolicy::kPad})
                          .OrThrow();

  // One layer alone; nothing else is read.
  const TreePath first = TreePath().Key("layers").Index(0);
  const Tree part = checkpoint::Restore(place, {.subtree = first}).OrThrow();

  // Every chunk read and checked.
  const coffer::VerifyReport report = checkpoint::Verify(place, {.deep = true}).OrThrow();
  std::cout << report.chunks_checked << " chunks checked, " << report.num_findings << " findings\n";

  const auto* values = reinterpret_cast<const float*>(larger.Find("embedding")->array().data);
  const bool right = larger.Find("embedding")->array().shape == coffer::Shape{1024, 16} &&
                     values[999 * 16] == 0.5F && values[1000 * 16] == 0.0F &&
                     larger.Find("step")->int_value() == 7 && part.Find("embedding") == nullptr &&
                     part.Find(first.Key("bias")) != nullptr && report.num_findings == 0;
  std::cout << (right ? "as expected" : "NOT as expected") << "\n";
  if (argc <= 1) std::filesystem::remove_all(place);
  return right ? 0 : 1;
}
