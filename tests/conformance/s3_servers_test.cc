// Goal: on real S3 servers a wrong key or bucket is never taken for "missing"; what arrays and
// checkpoints write under conditions reaches the server with those conditions; writers of several
// contexts lose nothing.
// Method: every operation with a wrong secret and in a bucket that does not exist; the audit log of
// MinIO, which has the headers of every request, after a shard was read, changed and written back
// and a checkpoint was saved; counters in one shard, by threads with a context each.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "coffer/array/array.h"
#include "coffer/checkpoint/checkpoint.h"
#include "coffer/kvstore/adapters.h"
#include "src/base/json.h"
#include "tests/support/servers.h"

namespace coffer {
namespace {

using testing::FreshPrefix;
using testing::IsMissing;
using testing::MakeBucket;
using testing::OptionsOf;
using testing::S3Server;

class RealS3 : public ::testing::TestWithParam<S3Server> {
 protected:
  void SetUp() override {
    if (IsMissing(GetParam())) GTEST_SKIP();
  }
};

INSTANTIATE_TEST_SUITE_P(Servers, RealS3, ::testing::Values(S3Server::kVersitygw, S3Server::kMinio),
                         [](const auto& each) { return testing::NameOf(each.param); });

/// Each operation, and what it gave.
std::map<std::string, Status> EveryOperation(KvStore& store, const std::string& prefix) {
  const std::string key = prefix + "k";
  const Generation some{"\"9a0364b9e99bb480dd25e1f0284c8555\""};
  std::map<std::string, Status> statuses;
  const auto write = [&](std::optional<BytesChain> value, const Generation& if_equal) {
    return store.Write(key, std::move(value), {.if_equal = if_equal}).Get().status();
  };
  std::string memory(1, '.');
  const std::span<std::byte> span(reinterpret_cast<std::byte*>(memory.data()), 1);
  statuses["read"] = store.Read(key).Get().status();
  statuses["read a range"] = store.Read(key, {.range = ByteRange::Last(1)}).Get().status();
  statuses["read under a condition"] = store.Read(key, {.if_not_equal = some}).Get().status();
  statuses["stat"] = store.Read(key, {.range = ByteRange::Stat()}).Get().status();
  statuses["read into"] = store.ReadInto(key, span).Get().status();
  statuses["read ranges"] =
      store.ReadRanges(key, {ByteRange::Span(0, 1), ByteRange::Last(1)}).Get().status();
  statuses["write"] = write(Bytes::Copy("v"), Generation::Unknown());
  statuses["create"] = write(Bytes::Copy("v"), Generation::Missing());
  statuses["replace"] = write(Bytes::Copy("v"), some);
  statuses["delete"] = write(std::nullopt, Generation::Unknown());
  statuses["delete under a condition"] = write(std::nullopt, some);
  statuses["delete what is missing"] = write(std::nullopt, Generation::Missing());
  statuses["writer"] = store.OpenWriter(key).OrDie()->Commit().Get().status();
  const auto large = store.OpenWriter(key).OrDie();
  const std::string piece(static_cast<size_t>(MiB(6)), 'p');  // More than a part.
  statuses["upload"] = large->Append(AsBytes(piece));
  if (statuses["upload"].ok()) statuses["upload"] = large->Commit().Get().status();
  statuses["list"] = ListAll(store, {.range = KeyRange::Prefix(prefix)}).status();
  statuses["list a folder"] = ListFolder(store, prefix).status();
  statuses["delete a range"] = store.DeleteRange(KeyRange::Prefix(prefix)).Get();
  statuses["clear debris"] = store.ClearDebris(KeyRange::Prefix(prefix)).Get().status();
  return statuses;
}

TEST_P(RealS3, AWrongSecretIsPermissionDenied) {
  S3StoreOptions options = OptionsOf(GetParam());
  const std::string prefix = FreshPrefix();
  const KvStorePtr right = MakeBucket(options);
  right->Write(prefix + "k", Bytes::Copy("v")).Get().OrDie();
  options.credentials.secret_access_key = Secret("wrong");
  options.part_bytes = MiB(5);
  const KvStorePtr store = MakeBucket(options, Context::Create({.threads = 1}));
  for (const auto& [operation, status] : EveryOperation(*store, prefix)) {
    EXPECT_EQ(status.code(), StatusCode::kPermissionDenied) << operation << ": " << status;
    EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr(store->Describe(prefix)))
        << operation;
    EXPECT_THAT(std::string(status.message()), ::testing::Not(::testing::HasSubstr("wrong")));
  }
  EXPECT_EQ(right->Read(prefix + "k").Get().OrDie().value.text(), "v");
}

TEST_P(RealS3, ABucketThatIsNotThereIsNotFound) {
  S3StoreOptions options = OptionsOf(GetParam());
  options.part_bytes = MiB(5);
  const KvStorePtr store =
      MakeS3Store("coffer-no-such-bucket", options, Context::Create({.threads = 1})).OrDie();
  for (const auto& [operation, status] : EveryOperation(*store, "p/")) {
    EXPECT_EQ(status.code(), StatusCode::kNotFound) << operation << ": " << status;
    EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("NoSuchBucket")) << operation;
  }
}

// MinIO refuses to list by some prefixes that keys do have.
TEST_P(RealS3, ListsByPartsOfSegmentsAndCharacters) {
  const KvStorePtr store = testing::MakeFreshS3(GetParam());
  for (const char* key : {"a/.zarray", "a/..x", "a/b", "\xc3\xbc", "\xc3\xa4"}) {
    store->Write(key, Bytes::Copy("v")).Get().OrDie();
  }
  const auto keys = [&](const std::string& prefix) {
    std::vector<std::string> found;
    for (const bool fold : {false, true}) {
      for (const ListEntry& entry :
           ListAll(*store, {.range = KeyRange::Prefix(prefix), .fold = fold}).OrDie()) {
        found.push_back(entry.key);
      }
    }
    return found;
  };
  using ::testing::ElementsAre;
  EXPECT_THAT(keys("a/."), ElementsAre("a/..x", "a/.zarray", "a/..x", "a/.zarray"));
  EXPECT_THAT(keys("a/.."), ElementsAre("a/..x", "a/..x"));
  EXPECT_THAT(keys("\xc3"), ElementsAre("\xc3\xa4", "\xc3\xbc", "\xc3\xa4", "\xc3\xbc"));
}

TEST_P(RealS3, WritersOfOneShardLoseNothing) {
  constexpr int kWriters = 3;
  constexpr int kEach = 6;
  const std::string prefix = FreshPrefix();
  const auto open = [&](const Context& context) {
    return MakePrefixStore(MakeBucket(OptionsOf(GetParam()), context), prefix);
  };
  Array::Create(open(Context::Default()), "a/",
                {.shape = {kWriters * kEach},
                 .data_type = DataType::kInt32,
                 .chunk_shape = {2},
                 .shard_shape = {kWriters * kEach}})
      .OrDie();
  std::vector<std::thread> writers;
  for (int writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([&, writer] {
      const Context context = Context::Create({.threads = 1});
      Array array = Array::Open(open(context), "a/", {.context = context}).OrDie();
      for (int i = 0; i < kEach; ++i) {
        const int64_t at = i * kWriters + writer;
        const int32_t value = static_cast<int32_t>(at + 1);
        const Status status = array.Write(Box::FromSize({at}, {1}), Ref(&value, {1}));
        EXPECT_TRUE(status.ok()) << status;
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  std::vector<int32_t> all(kWriters * kEach);
  Array array = Array::Open(open(Context::Default()), "a/").OrDie();
  array.Read(Box::FromSize({0}, {kWriters * kEach}), Ref(all.data(), {kWriters * kEach})).OrDie();
  for (size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i], static_cast<int32_t>(i) + 1);
}

/// A member that is a string; empty if there is none.
std::string TextOf(const Json& object, const char* name) {
  const Json* member = object.Find(name);
  return member != nullptr && member->is_string() ? member->string() : "";
}

/// What MinIO's audit log says of the writes below a prefix of the bucket: of each key, without the
/// prefix, the condition and the status, sorted by time.
std::map<std::string, std::vector<std::string>> LoggedWrites(const std::string& prefix) {
  std::map<std::string, std::map<std::string, std::string>> by_time;
  std::ifstream log(testing::ServerVariable("COFFER_TEST_MINIO_LOG"));
  const std::string path = "/" + testing::ServerVariable("COFFER_TEST_S3_BUCKET") + "/" + prefix;
  for (std::string line; std::getline(log, line);) {
    const Result<Json> entry = Json::Parse(line);
    if (!entry.ok()) continue;  // Half a line.
    const std::string where = TextOf(*entry, "requestPath");
    if (TextOf(*entry->Find("api"), "name") != "PutObject" || !where.starts_with(path)) continue;
    const Json& headers = *entry->Find("requestHeader");
    std::string condition = "none";
    for (const char* header : {"If-Match", "If-None-Match"}) {
      const Json* value = headers.Find(header);
      if (value != nullptr) condition = std::string(header) + ": " + value->string();
    }
    const int64_t status = entry->Find("api")->Find("statusCode")->AsInt64("$", 0, 999).OrDie();
    by_time[where.substr(path.size())][entry->Find("time")->string()] =
        condition + " -> " + std::to_string(status);
  }
  std::map<std::string, std::vector<std::string>> writes;
  for (const auto& [key, lines] : by_time) {
    for (const auto& [time, line] : lines) writes[key].push_back(line);
  }
  return writes;
}

TEST(MinioLog, ShowsTheConditionsOfArraysAndCheckpoints) {
  if (IsMissing(S3Server::kMinio)) GTEST_SKIP();
  const std::string prefix = FreshPrefix();
  const KvStorePtr store = MakePrefixStore(MakeBucket(OptionsOf(S3Server::kMinio)), prefix);
  Array array =
      Array::Create(
          store, "a/",
          {.shape = {8}, .data_type = DataType::kInt32, .chunk_shape = {2}, .shard_shape = {4}})
          .OrDie();
  std::vector<std::string> etags;
  for (const int64_t at : {0, 1, 3}) {
    const auto value = static_cast<int32_t>(at + 10);
    array.Write(Box::FromSize({at}, {1}), Ref(&value, {1})).OrDie();
    const std::string generation =
        store->Read("a/c/0", {.range = ByteRange::Stat()}).Get().OrDie().generation.value;
    etags.push_back(generation.substr(0, generation.find('#')));
  }
  Tree tree = Tree::Dict();
  tree.Set("step", Tree(7));
  checkpoint::Save(store, "ck/", tree).OrDie();
  const std::vector<std::string> created = {"If-None-Match: * -> 200"};
  const std::vector<std::string> shard = {created[0], "If-Match: " + etags[0] + " -> 200",
                                          "If-Match: " + etags[1] + " -> 200"};
  // Lines come a moment after the answer; a request each time is pause enough.
  std::map<std::string, std::vector<std::string>> writes;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  do {
    store->Read("none").Get().OrDie();
    writes = LoggedWrites(prefix);
  } while ((writes["a/c/0"].size() < shard.size() || writes["ck/commit"].empty()) &&
           std::chrono::steady_clock::now() < deadline);
  EXPECT_EQ(writes["a/zarr.json"], created);
  EXPECT_EQ(writes["a/c/0"], shard);
  EXPECT_EQ(writes["ck/commit"], created);
}

}  // namespace
}  // namespace coffer
