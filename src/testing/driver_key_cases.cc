// Keys: of cells to text and back; of documents; of no one.
#include <set>

#include "src/testing/driver_cases.h"

namespace coffer::inline v0::testing {
namespace {

/// For arrays of several ranks at several prefixes.
template <class F>
void ForEachArray(const DriverSubject& s, F see) {
  for (const std::string prefix : {"", "a/", "deep/er/"}) {
    for (const Shape& shape : {Shape{}, Shape{25}, Shape{25, 4}, Shape{3, 3, 12}}) {
      ASSERT_TRUE(s.store->DeleteRange({}).Get().ok());
      const StoredArrayPtr stored =
          s.Create(prefix, s.Options(shape, Shape::Filled(shape.rank(), 1)));
      ASSERT_NE(stored, nullptr);
      SCOPED_TRACE("\"" + prefix + "\" " + ToString(shape));
      see(*stored);
    }
  }
}

/// In C order: small ones, and some far outside the grid.
std::vector<Index> CellsOf(const StoredArray& stored) {
  std::vector<Index> cells = {Index()};
  for (int d = 0; d < stored.shape().rank(); ++d) {
    std::vector<Index> longer;
    for (const Index& cell : cells) {
      for (const int64_t at : {0, 1, 2, 10, 11, 99, 1'000'000'007}) {
        longer.push_back(cell);
        longer.back().push_back(at);
      }
    }
    cells = std::move(longer);
  }
  return cells;
}

/// A key that somebody else may have put there: it is no cell's, or exactly that cell's.
void ExpectStrict(const StoredArray& stored, const std::string& key) {
  const std::optional<Index> cell = stored.ParseCellKey(key);
  if (!cell) return;
  EXPECT_EQ(cell->rank(), stored.shape().rank()) << key;
  EXPECT_EQ(stored.CellKey(*cell), key) << "a cell has two keys";
}

constexpr DriverCase kCases[] = {
    {"CellsHaveKeysOfTheirOwn",
     [](const DriverSubject& s) {
       ForEachArray(s, [](const StoredArray& stored) {
         std::set<std::string> keys;
         for (const Index& cell : CellsOf(stored)) {
           const std::string key = stored.CellKey(cell);
           EXPECT_TRUE(key.starts_with(stored.prefix)) << key;
           EXPECT_TRUE(keys.insert(key).second) << key << " is of two cells";
           EXPECT_FALSE(stored.IsMetadataKey(key)) << key;
           EXPECT_EQ(stored.ParseCellKey(key), std::optional(cell)) << key;
         }
       });
     }},
    {"OtherKeysAreNoCells",
     [](const DriverSubject& s) {
       ForEachArray(s, [](const StoredArray& stored) {
         for (const Index& cell : CellsOf(stored)) {
           const std::string key = stored.CellKey(cell);
           for (const char* end : {"0", "/", "/0", ".", " ", "x", "__lock"}) {
             ExpectStrict(stored, key + end);
           }
           for (size_t i = stored.prefix.size(); i < key.size(); ++i) {
             ExpectStrict(stored, key.substr(0, i));
             for (const char* middle : {"0", "+", "-", "/", ".", "18446744073709551616"}) {
               ExpectStrict(stored, key.substr(0, i) + middle + key.substr(i));
             }
           }
           EXPECT_EQ(stored.ParseCellKey("other/" + key), std::nullopt);
           EXPECT_EQ(stored.ParseCellKey(""), std::nullopt);
           if (stored.prefix.empty()) continue;
           EXPECT_EQ(stored.ParseCellKey(key.substr(stored.prefix.size())), std::nullopt);
         }
       });
     }},
    {"DocumentsAreKnown",
     [](const DriverSubject& s) {
       ForEachArray(s, [&](const StoredArray& stored) {
         int documents = 0;
         for (const std::string& key : s.Keys()) {
           const std::optional<std::string> node = s.driver.NodeOfKey(key);
           EXPECT_EQ(node.has_value() && *node == stored.prefix, stored.IsMetadataKey(key)) << key;
           EXPECT_EQ(stored.ParseCellKey(key), std::nullopt) << key;
           EXPECT_FALSE(stored.IsMetadataKey("other/" + key)) << key;
           documents += stored.IsMetadataKey(key) ? 1 : 0;
         }
         EXPECT_GE(documents, 1);
         for (const Index& cell : CellsOf(stored)) {
           EXPECT_EQ(s.driver.NodeOfKey(stored.CellKey(cell)), std::nullopt);
         }
       });
     }},
    {"NamesOfNodes",
     [](const DriverSubject& s) {
       for (const char* name : {"x", "layer0", "a/b", "7"}) {
         EXPECT_TRUE(s.driver.IsNodeName(name)) << name;
         EXPECT_NE(s.Create(std::string(name) + "/", s.Options({2})), nullptr);
         ASSERT_TRUE(s.store->DeleteRange({}).Get().ok());
       }
       for (const char* name : {"", "/", "a/", "/a", "a//b", "..", ".", "a/.."}) {
         EXPECT_FALSE(s.driver.IsNodeName(name)) << name;
       }
     }},
};

}  // namespace

std::span<const DriverCase> DriverKeyCases() { return kCases; }

}  // namespace coffer::inline v0::testing
