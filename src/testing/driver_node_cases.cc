// Nodes: found, created, opened; once, also by many; groups; documents that are damaged; stores
// that fail.
#include <atomic>
#include <thread>

#include "coffer/kvstore/adapters.h"
#include "src/testing/driver_cases.h"

namespace coffer::inline v0::testing {
namespace {

bool IsOneOf(const Status& status, std::initializer_list<StatusCode> codes) {
  for (const StatusCode code : codes) {
    if (status.code() == code) return true;
  }
  return false;
}

bool Names(const Status& status, const std::string& what) {
  return status.message().find(what) != std::string_view::npos;
}

void ExpectSame(const StoredArray& a, const StoredArray& b) {
  EXPECT_EQ(a.shape(), b.shape());
  EXPECT_EQ(a.grid.cell_shape(), b.grid.cell_shape());
  EXPECT_EQ(a.data_type(), b.data_type());
  EXPECT_EQ(a.prefix, b.prefix);
  EXPECT_EQ(a.driver, b.driver);
  EXPECT_EQ(a.store, b.store);
  EXPECT_EQ(a.attributes, b.attributes);
  EXPECT_EQ(a.dimension_names, b.dimension_names);
  EXPECT_EQ(a.metadata, b.metadata);
  EXPECT_EQ(a.metadata_generation, b.metadata_generation);
  EXPECT_EQ(a.metadata_key, b.metadata_key);
  EXPECT_EQ(a.codecs, b.codecs);
  EXPECT_EQ(a.fill_value, b.fill_value);
  EXPECT_EQ(a.fill_value_undefined, b.fill_value_undefined);
}

/// The key by which writers look for changes, if there is one, is that of the document.
void ExpectKeyOfDocument(const StoredArray& stored) {
  if (stored.metadata_key.empty()) return;
  EXPECT_TRUE(stored.IsMetadataKey(stored.metadata_key)) << stored.metadata_key;
  EXPECT_EQ(stored.store->Read(stored.metadata_key).Get().OrDie().generation,
            stored.metadata_generation);
}

/// The n-th write of a new array's documents, and then another writer is faster.
void ExpectLosingACreation(const DriverSubject& s, int loses_before_write) {
  auto watched = std::make_shared<WatchedStore>(s.store);
  int writes = 0;
  watched->before_write = [&](const std::string&, bool, const Generation& if_equal) {
    EXPECT_TRUE(if_equal.missing()) << "a document is created without the condition Missing()";
    if (writes++ == loses_before_write) s.Create("x/", s.Options({3}));
  };
  CreateOptions options = s.Options({7});
  if (s.parameters.attributes) options.attributes = R"({"number":7})";
  const Status lost = s.driver.Create(watched, "x/", options).status();
  if (writes <= loses_before_write) return;  // It writes no more than that.
  EXPECT_EQ(lost.code(), StatusCode::kAlreadyExists) << lost;
  const StoredArrayPtr winner = s.Open("x/");
  ASSERT_NE(winner, nullptr);
  EXPECT_EQ(winner->shape(), Shape({3}));
}

/// Opens a damaged document: whatever it is, its state is whole or the error says where.
void ExpectUnderstoodOrNamed(const DriverSubject& s, const std::string& key,
                             const std::string& text) {
  ASSERT_TRUE(s.store->Write(key, Bytes::Copy(text)).Get().ok());
  const Result<StoredArrayPtr> opened = s.driver.Open(s.store, "x/", s.context);
  EXPECT_TRUE(s.driver.Find(s.store, "x/").ok());
  if (opened.ok()) {
    ASSERT_NE((*opened)->chain, nullptr);
    EXPECT_EQ((*opened)->grid.cell_shape().rank(), (*opened)->shape().rank());
    return;
  }
  EXPECT_TRUE(IsOneOf(opened.status(), {StatusCode::kInvalidArgument, StatusCode::kUnimplemented,
                                        StatusCode::kDataLoss, StatusCode::kFailedPrecondition}))
      << opened.status();
  EXPECT_TRUE(Names(opened.status(), s.store->Describe("x/"))) << opened.status();
}

constexpr DriverCase kCases[] = {
    {"NothingIsNotFound",
     [](const DriverSubject& s) {
       for (const std::string prefix : {"", "a/", "a/b/"}) {
         EXPECT_EQ(s.driver.Find(s.store, prefix).OrDie(), NodeKind::kNone);
         for (const Status& status : {s.driver.Open(s.store, prefix, s.context).status(),
                                      s.driver.OpenGroup(s.store, prefix).status()}) {
           EXPECT_EQ(status.code(), StatusCode::kNotFound) << status;
           EXPECT_TRUE(Names(status, s.store->Describe(prefix))) << status;
         }
       }
     }},
    {"WhatIsCreatedIsOpened",
     [](const DriverSubject& s) {
       int count = 0;
       for (const DataType type : s.parameters.data_types) {
         for (const Shape& shape : {Shape{}, Shape{0}, Shape{7}, Shape{5, 3}, Shape{4, 1, 6}}) {
           const std::string prefix = "n" + std::to_string(++count) + "/";
           CreateOptions options = s.Options(shape, shape.rank() == 2 ? Shape{2, 2} : Shape());
           options.data_type = type;
           if (s.parameters.attributes) options.attributes = R"({"number":7})";
           const StoredArrayPtr created = s.Create(prefix, options);
           ASSERT_NE(created, nullptr);
           EXPECT_EQ(created->shape(), shape);
           EXPECT_EQ(created->data_type(), type);
           EXPECT_EQ(created->prefix, prefix);
           EXPECT_EQ(created->driver, &s.driver);
           EXPECT_EQ(created->store, s.store);
           EXPECT_TRUE(created->metadata_generation.known());
           ExpectKeyOfDocument(*created);
           if (shape.rank() == 2) {
             EXPECT_EQ(created->grid.cell_shape(), Shape({2, 2}));
           }
           if (s.parameters.attributes) {
             EXPECT_EQ(created->attributes, R"({"number":7})");
           }
           const StoredArrayPtr opened = s.Open(prefix);
           ASSERT_NE(opened, nullptr);
           ExpectSame(*created, *opened);
           EXPECT_EQ(s.driver.Find(s.store, prefix).OrDie(), NodeKind::kArray);
         }
       }
     }},
    {"AtTheRootOfAStore",
     [](const DriverSubject& s) {
       const StoredArrayPtr created = s.Create("", s.Options({4}));
       const StoredArrayPtr opened = s.Open("");
       ASSERT_TRUE(created != nullptr && opened != nullptr);
       ExpectSame(*created, *opened);
     }},
    {"CreatesOnce",
     [](const DriverSubject& s) {
       s.Create("x/", s.Options({7}));
       const std::string before = s.State();
       const Status again = s.driver.Create(s.store, "x/", s.Options({9})).status();
       EXPECT_EQ(again.code(), StatusCode::kAlreadyExists) << again;
       EXPECT_TRUE(Names(again, s.store->Describe("x/"))) << again;
       EXPECT_EQ(s.State(), before);
     }},
    {"LosesAgainstWhoComesFirst",
     [](const DriverSubject& s) {
       for (int write = 0; write < 3; ++write) {
         ASSERT_TRUE(s.store->DeleteRange({}).Get().ok());
         ExpectLosingACreation(s, write);
       }
     }},
    {"OfManyCreatorsOneWins",
     [](const DriverSubject& s) {
       std::atomic<int> created{0};
       std::vector<std::thread> threads;
       for (int i = 0; i < 8; ++i) {
         threads.emplace_back([&, i] {
           const Status status = s.driver.Create(s.store, "x/", s.Options({i + 1})).status();
           created += status.ok() ? 1 : 0;
           EXPECT_TRUE(IsOneOf(status, {StatusCode::kOk, StatusCode::kAlreadyExists})) << status;
         });
       }
       for (std::thread& thread : threads) thread.join();
       EXPECT_EQ(created, 1);
       EXPECT_NE(s.Open("x/"), nullptr);
     }},
    {"DeleteExistingReplaces",
     [](const DriverSubject& s) {
       const StoredArrayPtr old = s.Create("x/", s.Options({7}));
       ASSERT_NE(old, nullptr);
       ASSERT_TRUE(s.store->Write(old->CellKey({0}), Bytes::Copy("cell")).Get().ok());
       CreateOptions options = s.Options({9});
       options.format.delete_existing = true;
       const StoredArrayPtr made = s.Create("x/", options);
       ASSERT_NE(made, nullptr);
       EXPECT_EQ(s.store->Read(old->CellKey({0})).Get().OrDie().state, ReadResult::State::kMissing);
       ExpectSame(*made, *s.Open("x/"));
     }},
    {"BadOptionsWriteNothing",
     [](const DriverSubject& s) {
       CreateOptions bad_chunk = s.Options({4, 4}, {2});
       CreateOptions negative = s.Options({-1});
       CreateOptions zero_chunk = s.Options({4}, {0});
       CreateOptions attributes = s.Options({4});
       attributes.attributes = "[1";
       for (const CreateOptions& options : {bad_chunk, negative, zero_chunk, attributes}) {
         const Status status = s.driver.Create(s.store, "x/", options).status();
         EXPECT_TRUE(IsOneOf(status, {StatusCode::kInvalidArgument, StatusCode::kUnimplemented}))
             << status;
       }
       EXPECT_EQ(s.State(), "");
     }},
    {"GroupsAreNodes",
     [](const DriverSubject& s) {
       const GroupOptions options{.attributes = R"({"a":1})", .context = s.context};
       const Result<StoredGroup> group = s.driver.CreateGroup(s.store, "g/", options);
       if (!s.parameters.groups) {
         EXPECT_EQ(group.status().code(), StatusCode::kUnimplemented);
         EXPECT_EQ(s.driver.UpdateGroup(s.store, "g/", "{}").status().code(),
                   StatusCode::kUnimplemented);
         return;
       }
       ASSERT_TRUE(group.ok()) << group.status();
       EXPECT_EQ(group->attributes, R"({"a":1})");
       EXPECT_EQ(s.driver.Find(s.store, "g/").OrDie(), NodeKind::kGroup);
       EXPECT_EQ(s.driver.OpenGroup(s.store, "g/").OrDie().attributes, R"({"a":1})");
       EXPECT_EQ(s.driver.CreateGroup(s.store, "g/", options).status().code(),
                 StatusCode::kAlreadyExists);
       EXPECT_EQ(s.driver.UpdateGroup(s.store, "g/", R"({"b":2})").OrDie().attributes,
                 R"({"b":2})");
       EXPECT_EQ(s.driver.OpenGroup(s.store, "g/").OrDie().attributes, R"({"b":2})");
       EXPECT_EQ(s.driver.UpdateGroup(s.store, "g/", "7").status().code(),
                 StatusCode::kInvalidArgument);
       EXPECT_EQ(s.driver.UpdateGroup(s.store, "h/", "{}").status().code(), StatusCode::kNotFound);
     }},
    {"ArraysAndGroupsAreToldApart",
     [](const DriverSubject& s) {
       s.Create("x/", s.Options({7}));
       const StatusCode wrong_kind =
           s.parameters.groups ? StatusCode::kFailedPrecondition : StatusCode::kNotFound;
       EXPECT_EQ(s.driver.OpenGroup(s.store, "x/").status().code(), wrong_kind);
       if (!s.parameters.groups) return;
       ASSERT_TRUE(s.driver.CreateGroup(s.store, "g/", {.context = s.context}).ok());
       EXPECT_EQ(s.driver.Open(s.store, "g/", s.context).status().code(),
                 StatusCode::kFailedPrecondition);
       EXPECT_EQ(s.driver.Create(s.store, "g/", s.Options({7})).status().code(),
                 StatusCode::kAlreadyExists);
       EXPECT_EQ(s.driver.CreateGroup(s.store, "x/", {.context = s.context}).status().code(),
                 StatusCode::kAlreadyExists);
     }},
    {"DamagedDocumentsAreNamed",
     [](const DriverSubject& s) {
       CreateOptions options = s.Options({7, 5}, {2, 2});
       if (s.parameters.attributes) options.attributes = R"({"number":7})";
       const StoredArrayPtr made = s.Create("x/", options);
       ASSERT_NE(made, nullptr);
       for (const std::string& key : s.Keys()) {
         if (!made->IsMetadataKey(key)) continue;
         const std::string text(s.store->Read(key).Get().OrDie().value.text());
         for (size_t length = 0; length < text.size(); ++length) {
           ExpectUnderstoodOrNamed(s, key, text.substr(0, length));
         }
         for (size_t i = 0; i < text.size(); ++i) {
           for (const int mask : {1, 2, 16, 128}) {
             std::string damaged = text;
             damaged[i] = static_cast<char>(damaged[i] ^ mask);
             ExpectUnderstoodOrNamed(s, key, damaged);
           }
         }
         ASSERT_TRUE(s.store->Write(key, Bytes::Copy("")).Get().ok());
         EXPECT_EQ(s.driver.Create(s.store, "x/", s.Options({7})).status().code(),
                   StatusCode::kAlreadyExists)
             << "a node is created over a document that cannot be understood";
         ASSERT_TRUE(s.store->Write(key, Bytes::Copy(text)).Get().ok());
       }
     }},
    {"AFailingStoreIsNotNothing",
     [](const DriverSubject& s) {
       s.Create("x/", s.Options({7}));
       const std::shared_ptr<FaultStore> failing = MakeFaultStore(s.store);
       failing->Inject({.operation = KvOperation::kRead, .times = -1});
       failing->Inject({.operation = KvOperation::kReadInto, .times = -1});
       for (const std::string prefix : {"x/", "y/"}) {
         EXPECT_EQ(s.driver.Find(failing, prefix).status().code(), StatusCode::kUnavailable);
         EXPECT_EQ(s.driver.Open(failing, prefix, s.context).status().code(),
                   StatusCode::kUnavailable);
         EXPECT_EQ(s.driver.Create(failing, prefix, s.Options({7})).status().code(),
                   StatusCode::kUnavailable);
       }
       failing->Clear();
       failing->Inject({.operation = KvOperation::kWrite, .times = -1});
       EXPECT_EQ(s.driver.Create(failing, "z/", s.Options({7})).status().code(),
                 StatusCode::kUnavailable);
       EXPECT_EQ(s.driver.Find(s.store, "z/").OrDie(), NodeKind::kNone);
       failing->Clear();
       EXPECT_NE(s.Create("z/", s.Options({7})), nullptr);
     }},
};

}  // namespace

std::span<const DriverCase> DriverNodeCases() { return kCases; }

}  // namespace coffer::inline v0::testing
