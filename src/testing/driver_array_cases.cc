// Arrays through the driver, as users have them: by URL and JSON, written, read, resized, verified.
#include <random>
#include <thread>

#include "coffer/array/array.h"
#include "coffer/array/group.h"
#include "coffer/array/verify.h"
#include "src/testing/driver_cases.h"

namespace coffer::inline v0::testing {
namespace {

constexpr int64_t kRows = 9;
constexpr int64_t kColumns = 7;

/// An array of bytes at memory://suite/x, by this driver's URL.
Result<Array> CreateByUrl(const DriverSubject& s) {
  CreateOptions options = s.Options({kRows, kColumns}, {4, 3});
  options.data_type = DataType::kUint8;
  return Array::Create("memory://suite/x|" + s.Name() + ":", options);
}

/// A plain array in memory, and the one under test.
struct Twins {
  std::vector<uint8_t> plain = std::vector<uint8_t>(kRows * kColumns, 0);
  Array array;

  void WriteSome(std::mt19937& random) {
    const auto pick = [&](int64_t extent) {
      const int64_t begin = static_cast<int64_t>(random() % static_cast<uint64_t>(extent));
      const int64_t size =
          1 + static_cast<int64_t>(random() % static_cast<uint64_t>(extent - begin));
      return std::pair(begin, size);
    };
    const auto [row, rows] = pick(kRows);
    const auto [column, columns] = pick(kColumns);
    std::vector<uint8_t> part(static_cast<size_t>(rows * columns));
    for (uint8_t& value : part) value = static_cast<uint8_t>(random() % 256);
    const Box box{{row, column}, {rows, columns}};
    ASSERT_EQ(array.Write(box, Ref(std::as_const(part).data(), {rows, columns})), Status());
    for (int64_t i = 0; i < rows * columns; ++i) {
      plain[static_cast<size_t>((row + i / columns) * kColumns + column + i % columns)] =
          part[static_cast<size_t>(i)];
    }
  }
  void ExpectEqual() const {
    std::vector<uint8_t> read(plain.size());
    ASSERT_EQ(array.Read(Box::Full({kRows, kColumns}), Ref(read.data(), {kRows, kColumns})),
              Status());
    EXPECT_EQ(read, plain);
  }
};

constexpr DriverCase kCases[] = {
    {"ArraysReadWhatWasWritten",
     [](const DriverSubject& s) {
       Result<Array> made = CreateByUrl(s);
       ASSERT_TRUE(made.ok()) << made.status();
       Twins twins{.array = *std::move(made)};
       std::mt19937 random(7);
       for (int i = 0; i < 40; ++i) {
         twins.WriteSome(random);
         twins.ExpectEqual();
       }
       const VerifyReport report = VerifyArray(twins.array, {.deep = true}).OrDie();
       EXPECT_EQ(report.num_findings, 0)
           << (report.findings.empty() ? "" : report.findings[0].reason);
     }},
    {"ArraysAreOpenedByUrlJsonAndDetection",
     [](const DriverSubject& s) {
       ASSERT_TRUE(CreateByUrl(s).ok());
       const std::string json = R"({"driver": ")" + s.Name() +
                                R"(", "kvstore": {"driver": "memory", "path": "suite/x"}})";
       std::vector<std::string> places = {"memory://suite/x|" + s.Name() + ":", json,
                                          "memory://suite/x"};
       if (!s.driver.alias().empty()) {
         places.push_back("memory://suite/x|" + std::string(s.driver.alias()) + ":");
       }
       for (const std::string& place : places) {
         const Result<Array> array = Array::Open(place, {.context = s.context});
         ASSERT_TRUE(array.ok()) << place << ": " << array.status();
         EXPECT_EQ(array->format(), s.Name());
         EXPECT_EQ(array->shape(), Shape({kRows, kColumns}));
         EXPECT_EQ(FindNode(place, s.context).OrDie(), NodeKind::kArray);
       }
     }},
    {"ShrinkingAndGrowingShowsTheFillValue",
     [](const DriverSubject& s) {
       Result<Array> made = CreateByUrl(s);
       ASSERT_TRUE(made.ok()) << made.status();
       Twins twins{.array = *std::move(made)};
       std::vector<uint8_t> ones(kRows * kColumns, 1);
       const Box all = Box::Full({kRows, kColumns});
       ASSERT_EQ(twins.array.Write(all, Ref(std::as_const(ones).data(), {kRows, kColumns})),
                 Status());
       ASSERT_EQ(twins.array.Resize({5, 2}), Status());
       ASSERT_EQ(twins.array.Resize({kRows, kColumns}), Status());
       for (int64_t row = 0; row < 5; ++row) {
         for (int64_t column = 0; column < 2; ++column) {
           twins.plain[static_cast<size_t>(row * kColumns + column)] = 1;
         }
       }
       twins.ExpectEqual();
     }},
    {"VerifyNamesWhatLiesOutside",
     [](const DriverSubject& s) {
       Result<Array> made = CreateByUrl(s);
       ASSERT_TRUE(made.ok()) << made.status();
       const KvStorePtr store = OpenKvStore("memory://suite/x", s.context).OrDie();
       const StoredArrayPtr stored = s.driver.Open(store, "", s.context).OrDie();
       ASSERT_TRUE(store->Write(stored->CellKey({100, 0}), Bytes::Copy("x")).Get().ok());
       ASSERT_TRUE(store->Write("no such cell", Bytes::Copy("x")).Get().ok());
       EXPECT_EQ(VerifyArray(*made).OrDie().num_findings, 2);
     }},
    {"AttributesAreSet",
     [](const DriverSubject& s) {
       Result<Array> made = CreateByUrl(s);
       ASSERT_TRUE(made.ok()) << made.status();
       const Status set = made->SetAttributes(R"({"unit":"mm"})");
       if (!s.parameters.attributes) {
         EXPECT_EQ(set.code(), StatusCode::kUnimplemented);
         return;
       }
       EXPECT_EQ(set, Status());
       EXPECT_EQ(Array::Open("memory://suite/x", {.context = s.context}).OrDie().attributes(),
                 R"({"unit":"mm"})");
     }},
    {"GroupsListTheirNodes",
     [](const DriverSubject& s) {
       if (!s.parameters.groups) return;
       const std::string adapter = "|" + s.Name() + ":";
       ASSERT_TRUE(Group::Create("memory://suite" + adapter, {.context = s.context}).ok());
       ASSERT_TRUE(Group::Create("memory://suite/g" + adapter, {.context = s.context}).ok());
       ASSERT_TRUE(CreateByUrl(s).ok());
       const Group group = Group::Open("memory://suite", s.context).OrDie();
       const std::vector<NodeEntry> nodes = group.List().OrDie();
       ASSERT_EQ(nodes.size(), 2u);
       EXPECT_EQ(nodes[0].name + " " + nodes[1].name, "g x");
       EXPECT_EQ(nodes[0].kind, NodeKind::kGroup);
       EXPECT_EQ(nodes[1].kind, NodeKind::kArray);
       EXPECT_EQ(group.FindStrays().OrDie().count, 0);
     }},
    {"DeletedNodesAreGone",
     [](const DriverSubject& s) {
       ASSERT_TRUE(CreateByUrl(s).ok());
       const std::string place = "memory://suite/x|" + s.Name() + ":";
       EXPECT_EQ(DeleteNode(place, s.context), Status());
       EXPECT_EQ(Array::Open(place, {.context = s.context}).status().code(), StatusCode::kNotFound);
       EXPECT_TRUE(CreateByUrl(s).ok());
     }},
    {"ThreadsOpenAndReadTogether",
     [](const DriverSubject& s) {
       Result<Array> made = CreateByUrl(s);
       ASSERT_TRUE(made.ok()) << made.status();
       Twins twins{.array = *std::move(made)};
       std::mt19937 random(11);
       twins.WriteSome(random);
       std::vector<std::thread> threads;
       for (int t = 0; t < 4; ++t) {
         threads.emplace_back([&] {
           for (int i = 0; i < 10; ++i) {
             Result<Array> array = Array::Open("memory://suite/x", {.context = s.context});
             ASSERT_TRUE(array.ok()) << array.status();
             Twins{.plain = twins.plain, .array = *std::move(array)}.ExpectEqual();
           }
         });
       }
       for (std::thread& thread : threads) thread.join();
     }},
};

}  // namespace

std::span<const DriverCase> DriverArrayCases() { return kCases; }

}  // namespace coffer::inline v0::testing
