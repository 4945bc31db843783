// Goal: stores open by URL, path and JSON spec; what is wrong is refused by name.
// Method: exact texts of the errors; what was opened is told by Describe() and by what it stores.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coffer/kvstore/kvstore.h"
#include "coffer/kvstore/store_table.h"
#include "coffer/kvstore/stores.h"
#include "kvstore/file/spec.h"
#include "tests/support/temp_dir.h"

namespace coffer {
namespace {

std::string TextOf(KvStore& store, const std::string& key) {
  const ReadResult read = store.Read(key).Get().OrDie();
  return read.state == ReadResult::State::kValue ? std::string(read.value.text()) : "(missing)";
}

Status OpenError(std::string_view text) {
  return OpenKvStore(text, Context::Create({.threads = 1})).status();
}

TEST(OpenKvStore, FileByUrlPathAndSpecAreTheSameStore) {
  const TempDir dir;
  const Context context = Context::Create({.threads = 1});
  const std::string path = dir / "a b%41";
  const KvStorePtr by_path = OpenKvStore(path, context).OrDie();
  by_path->Write("k", Bytes::Copy("value")).Get().OrDie();
  const std::string url = "file://" + dir.path() + "/a%20b%2541/";
  const KvStorePtr by_url = OpenKvStore(url, context).OrDie();
  EXPECT_EQ(TextOf(*by_url, "k"), "value");
  EXPECT_EQ(by_url->Describe("x y"), "file://" + dir.path() + "/a%20b%2541/x%20y");
  const KvStorePtr by_spec =
      OpenKvStore(R"( {"driver": "file", "path": ")" + path + R"("})", context).OrDie();
  EXPECT_EQ(TextOf(*by_spec, "k"), "value");
  EXPECT_TRUE(by_spec->capabilities().durable);
  EXPECT_TRUE(by_spec->capabilities().conditional_write);
}

TEST(OpenKvStore, FileOptionsOfTheSpec) {
  const TempDir dir;
  const KvStorePtr store =
      OpenKvStore(R"({"driver": "file", "path": ")" + dir.path() +
                  R"(", "file_io_sync": false, "file_io_locking": {"mode": "none"}})")
          .OrDie();
  EXPECT_FALSE(store->capabilities().durable);
  EXPECT_FALSE(store->capabilities().conditional_write);
  EXPECT_FALSE(store->capabilities().conditional_delete);
}

TEST(OpenKvStore, FileLockTimeoutsOfTheSpec) {
  const auto open = [](const std::string& timeout) {
    return ParseFileStoreSpec(R"({"driver": "file", "path": "/x", "file_io_locking": )"
                              R"({"mode": "lockfile", "acquire_timeout": )" +
                              timeout + "}}");
  };
  for (const auto& [text, ms] : std::vector<std::pair<std::string, int64_t>>{{R"("60s")", 60'000},
                                                                             {R"("1m30s")", 90'000},
                                                                             {R"("1.5s")", 1'500},
                                                                             {R"("250ms")", 250},
                                                                             {R"("2h")", 7'200'000},
                                                                             {R"("1500us")", 1},
                                                                             {R"("0s")", 0}}) {
    const FileStoreSpec spec = open(text).OrDie();
    EXPECT_EQ(spec.options.lock_timeout.count(), ms) << text;
    EXPECT_EQ(spec.options.locking, FileStoreOptions::Locking::kLockfile);
  }
  for (const std::string text : {R"("")", R"("60")", R"("-1s")", R"("s")", R"("1d")",
                                 R"("9999999h")", R"("1s ")", R"("inf")", R"("infs")", "60"}) {
    EXPECT_EQ(open(text).status().code(), StatusCode::kInvalidArgument) << text;
  }
  EXPECT_EQ(open(R"("soon")").status().ToString(),
            "InvalidArgument: at $.file_io_locking.acquire_timeout: expected a duration of at most "
            "a year, such as \"60s\" or \"1m30s\", got \"soon\"");
}

TEST(OpenKvStore, MemoryStoresAreNamedPerContext) {
  const Context context = Context::Create({.threads = 1});
  const KvStorePtr store = OpenKvStore("memory://scratch", context).OrDie();
  store->Write("run/k", Bytes::Copy("value")).Get().OrDie();
  EXPECT_EQ(TextOf(*OpenKvStore("memory://scratch/run", context).OrDie(), "k"), "value");
  EXPECT_EQ(
      TextOf(*OpenKvStore(R"({"driver": "memory", "path": "scratch/run/"})", context).OrDie(), "k"),
      "value");
  EXPECT_EQ(TextOf(*OpenKvStore("memory://other", context).OrDie(), "run/k"), "(missing)");
  EXPECT_EQ(
      TextOf(*OpenKvStore("memory://scratch", Context::Create({.threads = 1})).OrDie(), "run/k"),
      "(missing)");
  EXPECT_EQ(TextOf(*MakeMemoryStore("scratch", context), "run/k"), "value");
  EXPECT_EQ(TextOf(*MakeMemoryStore(context), "run/k"), "(missing)");
  EXPECT_EQ(store->Describe("run/k"), "memory://scratch/run/k");
}

TEST(OpenKvStore, RefusesWrongUrls) {
  EXPECT_EQ(OpenError(" ").ToString(),
            "InvalidArgument: expected a store's URL, path or JSON spec, got nothing");
  EXPECT_EQ(OpenError("tape://x").ToString(),
            "InvalidArgument: URL \"tape://x\": unknown scheme \"tape\" (known: file, http, "
            "https, memory, s3)");
  EXPECT_EQ(
      OpenError("file://host/x").ToString(),
      "InvalidArgument: URL \"file://host/x\": host \"host\": a file URL names no host (three "
      "slashes: file:///path)");
  EXPECT_EQ(OpenError("file://").ToString(),
            "InvalidArgument: URL \"file://\": expected file:///path");
  EXPECT_EQ(OpenError("file:///x?y=1").ToString(),
            "InvalidArgument: URL \"file:///x\": a query (\"?\") has no meaning for a store; in "
            "a path it is percent-encoded");
  EXPECT_EQ(OpenError("file:///x/|zarr3:").ToString(),
            "InvalidArgument: URL \"file:///x/|zarr3:\": an adapter (\"|\") has no meaning for a "
            "store; in a path it is percent-encoded");
  EXPECT_EQ(
      OpenError("file:///x%2").ToString(),
      "InvalidArgument: URL \"file:///x%2\": \"%2\" is no percent escape (write a percent sign "
      "as %25)");
  EXPECT_EQ(OpenError("file:///x%00").ToString(),
            "InvalidArgument: the path of a file store has no NUL byte");
}

TEST(OpenKvStore, RefusesWrongSpecs) {
  EXPECT_EQ(OpenError(R"({"path": "/x"})").ToString(),
            "InvalidArgument: at $: a store's spec needs the member \"driver\"");
  EXPECT_EQ(OpenError(R"({"driver": "tape"})").ToString(),
            "InvalidArgument: at $.driver: unknown store driver \"tape\" (known: cache, file, "
            "http, memory, s3, zip)");
  EXPECT_EQ(OpenError(R"({"driver": "file"})").ToString(),
            "InvalidArgument: at $: the spec of a file store needs the member \"path\"");
  EXPECT_EQ(OpenError(R"({"driver": "file", "path": "/x", "pth": 1})").ToString(),
            "InvalidArgument: at $: unknown member \"pth\"");
  EXPECT_EQ(OpenError(R"({"driver": "file", "path": "/x", "file_io_mode": {}})").ToString(),
            "Unimplemented: at $: member \"file_io_mode\" of TensorStore is not supported");
  EXPECT_EQ(OpenError(R"({"driver": "memory", "path": "x", "atomic": true})").ToString(),
            "Unimplemented: at $: member \"atomic\" of TensorStore is not supported");
  EXPECT_EQ(
      OpenError(R"({"driver": "file", "path": "/x", "file_io_locking": {"mode": "non_atomic"}})")
          .ToString(),
      "Unimplemented: at $.file_io_locking.mode: mode \"non_atomic\" of TensorStore is not "
      "supported (\"os\", \"lockfile\" and \"none\" are)");
  EXPECT_EQ(
      OpenError(R"({"driver": "file", "path": "/x", "file_io_locking": {"mode": "x"}})").ToString(),
      "InvalidArgument: at $.file_io_locking.mode: expected \"os\", \"lockfile\" or \"none\", "
      "got \"x\"");
  EXPECT_EQ(
      OpenError(R"({"driver": "file", "path": "/x", "file_io_direct_streams": 1})").ToString(),
      "InvalidArgument: at $.file_io_direct_streams: expected true or false, got 1");
  EXPECT_EQ(OpenError("{").code(), StatusCode::kInvalidArgument);
}

TEST(StoreTable, TakesStoresOfUsers) {
  const Context context = Context::Create({.threads = 1});
  auto& table = context.Get<StoreTable>();
  const KvStorePtr mine = MakeMemoryStore();  // Of another context: see StoreDriver.
  EXPECT_TRUE(table
                  .Add({.name = "mine",
                        .schemes = {"mine"},
                        .open_url = [mine](std::string_view, const Context&) { return mine; },
                        .open_json = [mine](std::string_view, const Context&) { return mine; }})
                  .ok());
  mine->Write("k", Bytes::Copy("value")).Get().OrDie();
  for (const std::string text : {"mine://x", R"({"driver": "mine"})"}) {
    const KvStorePtr opened = OpenKvStore(text, context).OrDie();
    EXPECT_EQ(TextOf(*opened, "k"), "value") << text;
    EXPECT_EQ(opened->Describe("k"), mine->Describe("k")) << text;
  }
  EXPECT_THAT(table.schemes(),
              testing::ElementsAre("file", "http", "https", "memory", "mine", "s3"));
  EXPECT_EQ(table.Add({.name = "mine"}).ToString(),
            "AlreadyExists: a store driver named \"mine\" is there already");
  EXPECT_EQ(table.Add({.name = "other", .schemes = {"file"}}).ToString(),
            "AlreadyExists: URL scheme \"file\" belongs to store driver \"file\" already");
  EXPECT_EQ(table.Add({.name = "loud", .schemes = {"Loud"}}).ToString(),
            "InvalidArgument: store driver \"loud\": \"Loud\" is no URL scheme in lower case");
  EXPECT_EQ(table.Add({.name = "none", .schemes = {""}}).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(table.Add({.name = ""}).ToString(), "InvalidArgument: a store driver needs a name");
}

}  // namespace
}  // namespace coffer
