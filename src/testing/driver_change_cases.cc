// Changes of metadata: exactly what was asked for, and only over the state that was read.
#include <thread>
#include <utility>

#include "src/testing/driver_cases.h"

namespace coffer::inline v0::testing {
namespace {

/// Update with a shape alone.
Result<StoredArrayPtr> Reshape(const DriverSubject& s, const StoredArray& stored,
                               const Shape& shape) {
  return s.driver.Update(stored, shape, std::nullopt, s.context);
}

constexpr DriverCase kCases[] = {
    {"UpdateChangesTheShapeAlone",
     [](const DriverSubject& s) {
       CreateOptions options = s.Options({7, 5}, {2, 3});
       if (s.parameters.attributes) options.attributes = R"({"kept":true})";
       const StoredArrayPtr old = s.Create("x/", options);
       ASSERT_NE(old, nullptr);
       for (const Shape& shape : {Shape{100, 5}, Shape{1, 0}, Shape{7, 5}}) {
         const StoredArrayPtr before = s.Open("x/");
         const Result<StoredArrayPtr> updated = Reshape(s, *before, shape);
         ASSERT_TRUE(updated.ok()) << updated.status();
         EXPECT_EQ((*updated)->shape(), shape);
         EXPECT_EQ((*updated)->grid.cell_shape(), old->grid.cell_shape());
         EXPECT_EQ((*updated)->data_type(), old->data_type());
         EXPECT_EQ((*updated)->attributes, old->attributes);
         EXPECT_NE((*updated)->metadata_generation, before->metadata_generation);
         EXPECT_EQ((*updated)->metadata_generation, s.Open("x/")->metadata_generation);
         EXPECT_EQ((*updated)->metadata, s.Open("x/")->metadata);
       }
       EXPECT_EQ(old->shape(), Shape({7, 5}));  // States do not change.
     }},
    {"UpdateChangesAttributesAlone",
     [](const DriverSubject& s) {
       const StoredArrayPtr old = s.Create("x/", s.Options({7}));
       ASSERT_NE(old, nullptr);
       const std::string text = R"({"b":[1,null],"a":"\u00e9"})";
       const Result<StoredArrayPtr> updated = s.driver.Update(*old, std::nullopt, text, s.context);
       if (!s.parameters.attributes) {
         EXPECT_EQ(updated.status().code(), StatusCode::kUnimplemented) << updated.status();
         return;
       }
       ASSERT_TRUE(updated.ok()) << updated.status();
       EXPECT_EQ((*updated)->shape(), old->shape());
       EXPECT_EQ((*updated)->attributes, s.Open("x/")->attributes);
       EXPECT_NE((*updated)->attributes, old->attributes);
       const Result<StoredArrayPtr> cleared =
           s.driver.Update(**updated, std::nullopt, "{}", s.context);
       ASSERT_TRUE(cleared.ok()) << cleared.status();
       EXPECT_EQ((*cleared)->attributes, "{}");
       EXPECT_EQ((*cleared)->shape(), Shape({7}));
     }},
    {"UpdateOfAnOldStateIsAborted",
     [](const DriverSubject& s) {
       const StoredArrayPtr old = s.Create("x/", s.Options({7}));
       ASSERT_NE(old, nullptr);
       ASSERT_TRUE(Reshape(s, *old, {8}).ok());
       const std::string before = s.State();
       const Status lost = Reshape(s, *old, {9}).status();
       EXPECT_EQ(lost.code(), StatusCode::kAborted) << lost;
       EXPECT_EQ(s.State(), before);
     }},
    {"UpdateOfADeletedArrayIsAborted",
     [](const DriverSubject& s) {
       const StoredArrayPtr old = s.Create("x/", s.Options({7}));
       ASSERT_NE(old, nullptr);
       ASSERT_TRUE(s.store->DeleteRange({}).Get().ok());
       EXPECT_EQ(Reshape(s, *old, {9}).status().code(), StatusCode::kAborted);
       EXPECT_EQ(s.State(), "");
     }},
    {"UpdateLosesAgainstWhoComesFirst",
     [](const DriverSubject& s) {
       auto watched = std::make_shared<WatchedStore>(s.store);
       ASSERT_TRUE(s.driver.Create(watched, "x/", s.Options({7})).ok());
       const Result<StoredArrayPtr> old = s.driver.Open(watched, "x/", s.context);
       ASSERT_TRUE(old.ok()) << old.status();
       bool first = true;
       watched->before_write = [&](const std::string&, bool, const Generation& if_equal) {
         EXPECT_TRUE(if_equal.known()) << "a document is changed without a condition";
         if (!std::exchange(first, false)) return;
         EXPECT_TRUE(Reshape(s, *s.Open("x/"), {3}).ok());
       };
       const Status lost = Reshape(s, **old, {9}).status();
       EXPECT_EQ(lost.code(), StatusCode::kAborted) << lost;
       EXPECT_FALSE(first);
       EXPECT_EQ(s.Open("x/")->shape(), Shape({3}));
     }},
    {"UpdatesOfManyThreadsLoseNothing",
     [](const DriverSubject& s) {
       constexpr int kThreads = 4;
       constexpr int kEach = 10;
       s.Create("x/", s.Options({0}, {4}));
       std::vector<std::thread> threads;
       for (int t = 0; t < kThreads; ++t) {
         threads.emplace_back([&] {
           for (int done = 0; done < kEach;) {
             const Result<StoredArrayPtr> now = s.driver.Open(s.store, "x/", s.context);
             ASSERT_TRUE(now.ok()) << now.status();
             const Status status = Reshape(s, **now, {(*now)->shape()[0] + 1}).status();
             ASSERT_TRUE(status.ok() || status.code() == StatusCode::kAborted) << status;
             done += status.ok() ? 1 : 0;
           }
         });
       }
       for (std::thread& thread : threads) thread.join();
       EXPECT_EQ(s.Open("x/")->shape(), Shape({kThreads * kEach}));
     }},
    {"BadChangesWriteNothing",
     [](const DriverSubject& s) {
       const StoredArrayPtr stored = s.Create("x/", s.Options({7}));
       ASSERT_NE(stored, nullptr);
       const std::string before = s.State();
       for (const Shape& shape : {Shape{}, Shape{7, 7}, Shape{-1}}) {
         EXPECT_EQ(Reshape(s, *stored, shape).status().code(), StatusCode::kInvalidArgument)
             << ToString(shape);
       }
       const StatusCode expected =
           s.parameters.attributes ? StatusCode::kInvalidArgument : StatusCode::kUnimplemented;
       for (const char* attributes : {"[]", "{", "7", R"({"a":1,"a":2})"}) {
         const Status status =
             s.driver.Update(*stored, std::nullopt, attributes, s.context).status();
         EXPECT_EQ(status.code(), expected) << attributes << ": " << status;
       }
       EXPECT_EQ(s.State(), before);
     }},
    {"SnapshotsAreChangedOnlyWhileTheyAreTrue",
     [](const DriverSubject& s) {
       CreateOptions options = s.Options({7});
       if (s.parameters.attributes) options.attributes = R"({"number":7})";
       const StoredArrayPtr made = s.Create("x/", options);
       ASSERT_NE(made, nullptr);
       const Result<StoredArrayPtr> opened = s.driver.OpenSnapshot(
           s.store, "x/", {NodeKind::kArray, made->metadata, made->attributes}, s.context);
       if (!s.parameters.snapshots) {
         EXPECT_EQ(opened.status().code(), StatusCode::kUnimplemented);
         return;
       }
       ASSERT_TRUE(opened.ok()) << opened.status();
       EXPECT_FALSE((*opened)->metadata_generation.known());
       EXPECT_EQ((*opened)->shape(), Shape({7}));
       EXPECT_EQ((*opened)->attributes, made->attributes);
       ASSERT_TRUE(Reshape(s, **opened, {8}).ok());
       EXPECT_EQ(s.Open("x/")->shape(), Shape({8}));
       EXPECT_EQ(s.Open("x/")->attributes, made->attributes);
       EXPECT_EQ(Reshape(s, **opened, {9}).status().code(), StatusCode::kAborted);
       EXPECT_EQ(s.Open("x/")->shape(), Shape({8}));
     }},
    {"StoresWithoutConditions",
     [](const DriverSubject& s) {
       auto watched = std::make_shared<WatchedStore>(s.store);
       watched->conditional = false;
       const Result<StoredArrayPtr> made = s.driver.Create(watched, "x/", s.Options({7}));
       ASSERT_TRUE(made.ok()) << made.status();
       EXPECT_EQ(s.driver.Create(watched, "x/", s.Options({7})).status().code(),
                 StatusCode::kAlreadyExists);
       ASSERT_TRUE(Reshape(s, **made, {8}).ok());
       EXPECT_EQ(Reshape(s, **made, {9}).status().code(), StatusCode::kAborted);
       EXPECT_EQ(s.Open("x/")->shape(), Shape({8}));
     }},
    {"StoresWithConditionsOnCreationAlone",
     [](const DriverSubject& s) {
       auto watched = std::make_shared<WatchedStore>(s.store);
       watched->conditional = false;
       watched->conditional_create = true;
       bool planted = false;
       watched->before_write = [&](const std::string& key, bool deletes, const Generation&) {
         if (deletes || !key.starts_with("x/") || std::exchange(planted, true)) return;
         s.Create("x/", s.Options({7}));
       };
       EXPECT_EQ(s.driver.Create(watched, "x/", s.Options({8})).status().code(),
                 StatusCode::kAlreadyExists);
       EXPECT_TRUE(planted);
       const StoredArrayPtr made = s.Open("x/");
       EXPECT_EQ(made->shape(), Shape({7}));
       ASSERT_TRUE(Reshape(s, *s.driver.Open(watched, "x/", s.context).OrDie(), {9}).ok());
       EXPECT_EQ(s.Open("x/")->shape(), Shape({9}));
     }},
};

}  // namespace

std::span<const DriverCase> DriverChangeCases() { return kCases; }

}  // namespace coffer::inline v0::testing
