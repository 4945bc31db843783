// Goal: a context finds array formats by name, takes new ones, and keeps the order of detection.
// Method: drivers that have nothing but a name; exact error texts.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "coffer/array/array.h"
#include "coffer/array/driver.h"

namespace coffer {
namespace {

/// A format that nothing is ever in.
class NamedDriver final : public ArrayDriver {
 public:
  explicit NamedDriver(std::string name, std::string alias = "")
      : name_(std::move(name)), alias_(std::move(alias)) {}
  std::string_view name() const override { return name_; }
  std::string_view alias() const override { return alias_; }
  Result<NodeKind> Find(const KvStorePtr&, const std::string&) const override {
    return NodeKind::kNone;
  }
  Result<StoredArrayPtr> Open(const KvStorePtr&, const std::string&,
                              const Context&) const override {
    return NotFoundError(name_ + " has nothing");
  }
  Result<StoredArrayPtr> Create(const KvStorePtr&, const std::string&,
                                const CreateOptions&) const override {
    return UnimplementedError(name_ + " makes nothing");
  }
  Result<StoredArrayPtr> Update(const StoredArray&, const std::optional<Shape>&,
                                const std::optional<std::string>&, const Context&) const override {
    return UnimplementedError(name_ + " changes nothing");
  }
  Result<StoredGroup> OpenGroup(const KvStorePtr&, const std::string&) const override {
    return NotFoundError(name_ + " has no groups");
  }
  Result<StoredGroup> CreateGroup(const KvStorePtr&, const std::string&,
                                  const GroupOptions&) const override {
    return UnimplementedError(name_ + " has no groups");
  }
  Result<StoredGroup> UpdateGroup(const KvStorePtr&, const std::string&,
                                  std::string_view) const override {
    return UnimplementedError(name_ + " has no groups");
  }
  std::optional<std::string> NodeOfKey(std::string_view) const override { return std::nullopt; }
  bool IsNodeName(std::string_view) const override { return true; }

 private:
  std::string name_;
  std::string alias_;
};

TEST(DriverTable, NewDriversComeAfterTheBuiltInOnes) {
  DriverTable table;
  const std::vector<const ArrayDriver*> before = table.drivers();
  const auto tile = std::make_shared<NamedDriver>("tile_2");
  ASSERT_EQ(table.Add(tile), Status());
  std::vector<const ArrayDriver*> expected = before;
  expected.push_back(tile.get());
  EXPECT_EQ(table.drivers(), expected);
  EXPECT_EQ(&table.standard(), before.front());
  EXPECT_EQ(table.Find("tile_2").value(), tile.get());
  EXPECT_EQ(table.Add(std::make_shared<NamedDriver>("tile_2")),
            AlreadyExistsError("driver \"tile_2\" is already known"));
  EXPECT_EQ(table.drivers(), expected);
}

TEST(DriverTable, NamesMustFitIntoUrls) {
  DriverTable table;
  const size_t before = table.drivers().size();
  for (const char* name : {"", "auto", "a:b", "A", "a b", "a|b"}) {
    const Status status = table.Add(std::make_shared<NamedDriver>(name));
    EXPECT_EQ(status,
              InvalidArgumentError("an array driver cannot have the name \"" + std::string(name) +
                                   "\": expected lower-case letters, digits and \"_\", "
                                   "and not \"auto\""));
  }
  EXPECT_EQ(table.drivers().size(), before);
}

TEST(DriverTable, AliasesAreNames) {
  DriverTable table;
  const auto tile = std::make_shared<NamedDriver>("tile", "mosaic");
  ASSERT_EQ(table.Add(tile), Status());
  EXPECT_EQ(table.Find("mosaic").value(), tile.get());
  const size_t before = table.drivers().size();
  DriverTable above(&table);
  for (DriverTable* at : {&table, &above}) {
    for (const char* taken : {"zarr3", "zarr2", "zarr", "tile", "mosaic"}) {
      const Status expected =
          AlreadyExistsError("driver \"" + std::string(taken) + "\" is already known");
      EXPECT_EQ(at->Add(std::make_shared<NamedDriver>(taken)), expected);
      EXPECT_EQ(at->Add(std::make_shared<NamedDriver>("other", taken)), expected);
    }
  }
  EXPECT_EQ(table.Add(std::make_shared<NamedDriver>("other", "a:b")).code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(table.drivers().size(), before);
  EXPECT_EQ(above.drivers().size(), before);
}

TEST(DriverTable, IsAskedByUrlAndJson) {
  const Context context = Context::Create();
  ASSERT_EQ(context.Get<DriverTable>().Add(std::make_shared<NamedDriver>("tile")), Status());
  const Status made = UnimplementedError("tile makes nothing");
  EXPECT_EQ(Array::Create("memory://|tile:", {.context = context}).status(), made);
  EXPECT_EQ(
      Array::Create(R"({"driver": "tile", "kvstore": {"driver": "memory"}})", {.context = context})
          .status(),
      made);
  EXPECT_EQ(Array::Open("memory://|tile:").status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace coffer
