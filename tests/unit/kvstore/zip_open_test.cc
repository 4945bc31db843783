// Goal: an archive opens by URL, path and JSON spec, inside another archive too, and an array in it
// through both; what names no key is refused by name. Other adapters find their base the same way.
// Method: archives in a directory and in memory; exact texts of errors.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "coffer/array/array.h"
#include "coffer/kvstore/adapters.h"
#include "coffer/kvstore/store_table.h"
#include "coffer/kvstore/stores.h"
#include "src/kvstore/url.h"
#include "tests/support/temp_dir.h"
#include "tests/support/zip_writer.h"

namespace coffer {
namespace {

using ::testing::HasSubstr;

std::string TextOf(KvStore& store, const std::string& key) {
  const Result<ReadResult> read = store.Read(key).Get();
  if (!read.ok()) return read.status().ToString();
  return read->state == ReadResult::State::kValue ? std::string(read->value.text()) : "(missing)";
}

Status OpenError(std::string_view text) {
  return OpenKvStore(text, Context::Create({.threads = 1})).status();
}

class ZipOpenTest : public ::testing::Test {
 protected:
  ZipOpenTest() {
    const std::string inner = MakeZip({MakeZipMember("k", "inner", false)});
    std::ofstream(dir_ / "a b.zip", std::ios::binary)
        << MakeZip({MakeZipMember("k", "root", false), MakeZipMember("p/k", "below", true),
                    MakeZipMember("p/in%.zip", inner, true)});
  }

  const TempDir dir_;
  const std::string url_ = "file://" + dir_.path() + "/a%20b.zip";
  const std::string path_ = dir_ / "a b.zip";
};

TEST_F(ZipOpenTest, ByUrlPathAndSpec) {
  for (const std::string& base : {url_, path_}) {
    EXPECT_EQ(TextOf(*OpenKvStore(base + "|zip:").OrDie(), "k"), "root") << base;
    EXPECT_EQ(TextOf(*OpenKvStore(base + "|zip").OrDie(), "k"), "root") << base;
    EXPECT_EQ(TextOf(*OpenKvStore(base + "|zip:p/").OrDie(), "k"), "below") << base;
    EXPECT_EQ(TextOf(*OpenKvStore(base + "|zip:p").OrDie(), "k"), "below") << base;
    EXPECT_EQ(TextOf(*OpenKvStore(base + "|zip:%70/").OrDie(), "k"), "below") << base;
  }
  const std::string file = R"({"driver": "file", "path": ")" + path_ + R"("})";
  for (const std::string& base : {file, "\"" + url_ + "\""}) {
    const std::string spec = R"({"driver": "zip", "base": )" + base;
    EXPECT_EQ(TextOf(*OpenKvStore(spec + "}").OrDie(), "k"), "root");
    EXPECT_EQ(TextOf(*OpenKvStore(spec + R"(, "path": "p"})").OrDie(), "k"), "below");
  }
  EXPECT_EQ(OpenKvStore(url_ + "|zip:p").OrDie()->Describe("x y"), url_ + "|zip:p/x%20y");
}

TEST_F(ZipOpenTest, OneArchiveInAnother) {
  EXPECT_EQ(TextOf(*OpenKvStore(url_ + "|zip:p/in%25.zip|zip:").OrDie(), "k"), "inner");
  EXPECT_EQ(TextOf(*OpenKvStore(R"({"driver": "zip", "base": {"driver": "zip", "base": ")" + url_ +
                                R"(", "path": "p/in%.zip"}})")
                        .OrDie(),
                   "k"),
            "inner");
}

TEST_F(ZipOpenTest, AnArrayInAnArchive) {
  const Context context = Context::Create({.threads = 2});
  Array array = Array::Create("memory://m/in/", {.shape = {4, 6},
                                                 .data_type = DataType::kUint16,
                                                 .chunk_shape = {2, 3},
                                                 .context = context})
                    .OrDie();
  std::vector<uint16_t> values(24);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<uint16_t>(i * 7);
  array.Write(Box::FromSize({0, 0}, {4, 6}), Ref(values.data(), {4, 6})).OrDie();
  const KvStorePtr memory = OpenKvStore("memory://m", context).OrDie();
  std::vector<ZipMember> members;
  for (const ListEntry& entry : ListAll(*memory).OrDie()) {
    members.push_back(MakeZipMember(entry.key, TextOf(*memory, entry.key), false));
  }
  memory->Write("z.zip", Bytes::Copy(MakeZip(members))).Get().OrDie();
  for (const std::string place :
       {"memory://m/z.zip|zip:in/|zarr3:", "memory://m/z.zip|zip:in",
        R"({"driver": "zarr3", "path": "in", "kvstore": {"driver": "zip", "base": )"
        R"("memory://m/z.zip"}})",
        R"({"driver": "zip", "path": "in/", "base": {"driver": "memory", "path": "m/z.zip"}})"}) {
    const Array zipped = Array::Open(place, {.context = context}).OrDie();
    std::vector<uint16_t> read(24);
    zipped.Read(Box::FromSize({0, 0}, {4, 6}), Ref(read.data(), {4, 6})).OrDie();
    EXPECT_EQ(read, values) << place;
  }
  EXPECT_THAT(
      Array::Open("memory://m/z.zip|zip:in/|zap:", {.context = context}).status().ToString(),
      HasSubstr("unknown driver \"zap\""));
}

TEST_F(ZipOpenTest, RefusesWhatNamesNoKey) {
  EXPECT_EQ(OpenError("file:///x/|zip:").ToString(),
            "InvalidArgument: \"file:///x/\": expected the name of a value, behind the last \"/\" "
            "of a path");
  for (const std::string base : {"memory://m", "", "/", "memory://m/x.zip|zip:", "x/|zip:p/"}) {
    EXPECT_THAT(OpenError(base + "|zip:").ToString(),
                HasSubstr("InvalidArgument: \"" + base + "\": expected the name of a value"));
  }
  EXPECT_THAT(OpenError(R"({"driver": "zip", "base": {"driver": "file"}})").ToString(),
              HasSubstr("expected the name of a value"));
  EXPECT_THAT(OpenError(R"({"driver": "zip", "base": {"driver": "file", "path": 7}})").ToString(),
              HasSubstr("at $.path: expected a string, got 7"));
  EXPECT_EQ(OpenError("tape://x/a|zip:").ToString(),
            "InvalidArgument: URL \"tape://x/\": unknown scheme \"tape\" (known: file, http, "
            "https, memory, s3)");
  EXPECT_EQ(OpenError("file:///x.zip|zip:a%2").ToString(),
            "InvalidArgument: URL \"file:///x.zip|zip:a%2\": \"%2\" is no percent escape (write a "
            "percent sign as %25)");
  EXPECT_EQ(OpenError("file:///x.zip|zap:a").ToString(),
            "InvalidArgument: URL \"file:///x.zip|zap:a\": an adapter (\"|\") has no meaning for a "
            "store; in a path it is percent-encoded");
  std::string deep = "memory://m/x.zip";
  for (int i = 0; i < 16; ++i) deep += "|zip:a";
  EXPECT_TRUE(OpenError(deep).ok());
  EXPECT_EQ(OpenError(deep + "|zip:").ToString(),
            "InvalidArgument: URL \"" + deep + "|zip:\": more than 16 adapters (\"|\")");
}

TEST_F(ZipOpenTest, RefusesWrongSpecs) {
  EXPECT_EQ(OpenError(R"({"driver": "zip"})").ToString(),
            "InvalidArgument: at $: the spec of a zip store needs the member \"base\"");
  EXPECT_EQ(OpenError(R"({"driver": "zip", "base": 7})").ToString(),
            "InvalidArgument: at $.base: expected a URL or spec that names the archive, got 7");
  EXPECT_EQ(OpenError(R"({"driver": "zip", "base": "x/y", "pth": 1})").ToString(),
            "InvalidArgument: at $: unknown member \"pth\"");
  EXPECT_EQ(OpenError(R"({"driver": "zip", "base": "x/y", "cache_pool": {}})").ToString(),
            "Unimplemented: at $: member \"cache_pool\" of TensorStore is not supported");
}

TEST(OpenKvStoreKey, CutsTheLastNameOff) {
  const Context context = Context::Create({.threads = 1});
  const auto opened = [&](std::string_view text) {
    const Result<KvStoreKey> key = OpenKvStoreKey(text, context);
    if (!key.ok()) return key.status().ToString();
    return key->store->Describe("") + " + " + key->key;
  };
  EXPECT_EQ(opened("file:///x/a%20b"), "file:///x/ + a b");
  EXPECT_EQ(opened("file:///a"), "file:/// + a");
  EXPECT_EQ(opened("/x/a%20b"), "file:///x/ + a%20b");
  EXPECT_EQ(opened("memory://m/a/b/c"), "memory://m/a/b/ + c");
  EXPECT_EQ(opened("memory://m/a"), "memory://m + a");
  EXPECT_EQ(opened(R"({"driver": "memory", "path": "m/a/b"})"), "memory://m/a/ + b");
  EXPECT_EQ(opened("/x/z|zip:a/b/c"), "file:///x/z|zip:a/b/ + c");
  EXPECT_EQ(opened("/x/z|zip:c"), "file:///x/z|zip: + c");
  EXPECT_EQ(opened(R"({"driver": "cache", "base": "memory://m/a%20b"})"), "memory://m + a b");
  EXPECT_EQ(opened(R"({"driver": "cache", "base": {"driver": "memory", "path": "m/a/b"}})"),
            "memory://m/a/ + b");
  const std::string here = OpenKvStore(".", context).OrDie()->Describe("");
  EXPECT_EQ(opened("a"), here + " + a");
  EXPECT_EQ(opened(R"({"driver": "file", "path": "a"})"), here + " + a");
}

TEST(UrlAdapter, FindsTheLastOne) {
  const auto parts = [](std::string_view text) {
    const std::optional<UrlAdapter> adapter = UrlAdapter::Find(text);
    if (!adapter) return std::string("(none)");
    return std::string(adapter->base) + "," + std::string(adapter->name) + "," +
           std::string(adapter->path);
  };
  EXPECT_EQ(parts("a|zip:b"), "a,zip,b");
  EXPECT_EQ(parts("a|zip"), "a,zip,");
  EXPECT_EQ(parts("a|zip:b|x_3:c:d"), "a|zip:b,x_3,c:d");
  EXPECT_EQ(parts("|zip:"), ",zip,");
  for (const char* text : {"", "a", "a|", "a|:", "a|Zip:", "a|z/p:", "a|zip:b|"}) {
    EXPECT_EQ(parts(text), "(none)") << text;
  }
}

TEST(StoreTable, OpensAdaptersThatAreAdded) {
  const Context context = Context::Create({.threads = 1});
  auto& table = context.Get<StoreTable>();
  table
      .Add({.name = "below",
            .open_adapter = [](std::string_view base, std::string_view path,
                               const Context& in) -> Result<KvStorePtr> {
              COFFER_ASSIGN_OR_RETURN(KvStorePtr store, OpenKvStore(base, in));
              return MakePrefixStore(std::move(store), std::string(path));
            }})
      .OrDie();
  OpenKvStore("memory://m", context).OrDie()->Write("a b/k", Bytes::Copy("v")).Get().OrDie();
  EXPECT_EQ(TextOf(*OpenKvStore("memory://m|below:a%20b/", context).OrDie(), "k"), "v");
  EXPECT_TRUE(table.IsAdapted("x|below:"));
  EXPECT_FALSE(StoreTable::Process().IsAdapted("x|below:"));
  EXPECT_FALSE(table.IsAdapted("x|file:"));
  EXPECT_EQ(table.OpenAdapted("x|file:", context).status().ToString(),
            "InvalidArgument: \"x|file:\": not of the form BASE|ADAPTER:PATH");
}

}  // namespace
}  // namespace coffer
