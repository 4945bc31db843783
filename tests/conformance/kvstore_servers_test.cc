// Goal: S3 and HTTP stores, and what stands before them, keep the promises of KvStore on real
// servers, and on a web server that can do as little as is allowed.
// Method: the conformance suite on versitygw, MinIO and nginx (scripts/with-servers), and on the
// scripted server of tests over a memory store, without ranges, lengths, HEAD or ETags; and a check
// that nothing fell out of it. What is not there is named.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coffer/kvstore/adapters.h"
#include "coffer/kvstore/http.h"
#include "coffer/kvstore/stores.h"
#include "coffer/testing/kvstore_conformance.h"
#include "src/kvstore/guarded_store.h"
#include "src/kvstore/url.h"
#include "tests/support/http_server.h"
#include "tests/support/servers.h"
#include "tests/support/zip_writer.h"

namespace coffer {
namespace {

using testing::HttpReply;
using testing::HttpRequest;
using testing::HttpServer;
using testing::IsMissing;
using testing::IsThere;
using testing::MakeFreshHttp;
using testing::MakeFreshS3;
using testing::NameOf;
using testing::ReadOnlyKvStore;
using testing::RegisterKvStoreConformance;
using testing::S3Server;

/// Of thousands of operations, each a request.
constexpr double kEffort = 0.2;

/// By the store itself; and by MinIO, whose objects are folders of files.
std::vector<std::string> RefusedBy(S3Server server) {
  std::vector<std::string> keys = {".",
                                   "..",
                                   "a/..",
                                   "../a",
                                   "a/./b",
                                   "a/../../b",
                                   std::string("a\0b", 3),
                                   "\xff\xfe",
                                   std::string(1025, 'k')};
  if (server == S3Server::kMinio) {
    keys.insert(keys.end(), {"/", "/a", "a//b", std::string(256, 's')});
  }
  return keys;
}

/// A fresh store that knows what its server can do: a context has probed that once, at its first
/// conditional write.
KvStorePtr MakeS3(S3Server server) {
  static std::once_flag probed[2];
  const KvStorePtr store = MakeFreshS3(server);
  std::call_once(probed[server == S3Server::kMinio ? 1 : 0], [&] {
    store->Write("k", Bytes::Copy("v"), {.if_equal = Generation::Missing()}).Get().OrDie();
    store->Write("k", std::nullopt).Get().OrDie();
  });
  return store;
}

struct Adapter {
  const char* name;
  KvStorePtr (*adapt)(KvStorePtr base);
};

constexpr Adapter kAdapters[] = {
    {"S3", [](KvStorePtr base) { return base; }},
    {"PrefixOverS3", [](KvStorePtr base) { return MakePrefixStore(std::move(base), "p/q/"); }},
    {"CacheOverS3", [](KvStorePtr base) { return MakeCacheStore(std::move(base)); }},
    {"LatencyOverS3",
     [](KvStorePtr base) {
       return MakeLatencyStore(std::move(base), {.per_request = std::chrono::microseconds(100)});
     }},
    {"TraceOverS3",
     [](KvStorePtr base) { return MakeTraceStore(std::move(base), [](const TraceEvent&) {}); }},
    {"FaultOverS3", [](KvStorePtr base) -> KvStorePtr { return MakeFaultStore(std::move(base)); }},
    {"GuardOverS3", [](KvStorePtr base) { return GuardStore(std::move(base), "mine").OrDie(); }}};

std::vector<int> RegisterS3(S3Server server) {
  std::vector<int> counts;
  if (!IsThere(server)) return counts;
  for (const Adapter& adapter : kAdapters) {
    counts.push_back(RegisterKvStoreConformance(
        {.name = adapter.name + NameOf(server),
         .make = [server, adapt = adapter.adapt] { return adapt(MakeS3(server)); },
         .refused_keys = RefusedBy(server),
         .effort = counts.empty() ? kEffort : kEffort / 4}));
  }
  counts.push_back(RegisterKvStoreConformance(
      {.name = "ZipOverS3" + NameOf(server), .effort = kEffort / 4, .make_read_only = [server] {
         const KvStorePtr base = MakeS3(server);
         return ReadOnlyKvStore{MakeZipStore(base, "d/archive.zip"),
                                MakeZippingStore(base, "d/archive.zip", {})};
       }}));
  return counts;
}

const std::vector<int> kVersitygw = RegisterS3(S3Server::kVersitygw);
const std::vector<int> kMinio = RegisterS3(S3Server::kMinio);

std::vector<int> RegisterNginx() {
  if (!testing::IsNginxThere()) return {};
  const std::vector<std::string> refused = {"", "/", "/a", "a/", "a//b", ".", "a/../b", ".."};
  const auto zipped = [] {
    ReadOnlyKvStore files = MakeFreshHttp();
    return ReadOnlyKvStore{MakeZipStore(files.store, "d/archive.zip"),
                           MakeZippingStore(files.writer, "d/archive.zip", {.deflate = true})};
  };
  return {RegisterKvStoreConformance({.name = "HttpNginx",
                                      .refused_keys = refused,
                                      .effort = kEffort,
                                      .make_read_only = MakeFreshHttp}),
          RegisterKvStoreConformance({.name = "CacheOverHttpNginx",
                                      .refused_keys = refused,
                                      .effort = kEffort,
                                      .make_read_only =
                                          [] {
                                            ReadOnlyKvStore files = MakeFreshHttp();
                                            files.store = MakeCacheStore(files.store);
                                            return files;
                                          }}),
          RegisterKvStoreConformance(
              {.name = "ZipOverHttpNginx", .effort = kEffort, .make_read_only = zipped})};
}

const std::vector<int> kNginx = RegisterNginx();

/// What a web server can do.
struct HttpSkills {
  bool ranges = true;
  bool lengths = true;
  bool head = true;
  bool etags = true;  ///< Else it tells when a value was written, to the second.
};

/// The number of a value of the memory store as a time, long ago.
std::string DateOf(const std::string& generation) {
  const time_t time = 1'000'000'000 + std::atoll(generation.c_str());
  tm parts = {};
  gmtime_r(&time, &parts);
  char text[40];
  strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return text;
}

std::string DateOfNow() { return DateOf(std::to_string(std::time(nullptr) - 1'000'000'000)); }

/// Answers with what a store has.
HttpReply Serve(KvStore& store, const HttpSkills& can, const HttpRequest& request) {
  const bool head = request.method == "HEAD";
  if (head && !can.head) return {.status = 405};
  const std::optional<std::string> key = PercentDecode(request.target.substr(1));
  const ReadResult read = store.Read(key.value_or("")).Get().OrDie();
  if (read.state == ReadResult::State::kMissing) return {.status = 404};
  const std::string tag = "\"" + read.generation.value + "\"";
  HttpReply reply{.headers = {{"Date", DateOfNow()}}, .body = std::string(read.value.text())};
  if (can.etags) {
    reply.headers.emplace_back("ETag", tag);
    const std::string match = request.Header("if-match");
    const std::string none = request.Header("if-none-match");
    if (!match.empty() && match != tag) return {.status = 412, .headers = reply.headers};
    if (none == tag) return {.status = 304, .headers = reply.headers};
  } else {
    const std::string date = DateOf(read.generation.value);
    reply.headers.emplace_back("Last-Modified", date);
    if (request.Header("if-modified-since") == date) return {.status = 304};
  }
  if (!can.lengths) reply.framing = HttpReply::Framing::kChunked;
  const std::string range = request.Header("range");
  if (!can.ranges || range.empty() || head) return reply;
  const std::string size = std::to_string(reply.body.size());
  const size_t dash = range.find('-');
  uint64_t begin = std::strtoull(range.c_str() + 6, nullptr, 10);  // Behind "bytes=".
  uint64_t end = std::strtoull(range.c_str() + dash + 1, nullptr, 10);
  if (dash == 6) {
    begin = end > reply.body.size() ? 0 : reply.body.size() - end;
    end = reply.body.size();
  } else {
    end = dash + 1 == range.size() ? reply.body.size() : std::min(end + 1, reply.body.size());
  }
  if (begin >= reply.body.size()) {
    return {.status = 416, .headers = {{"Content-Range", "bytes */" + size}}};
  }
  reply.status = 206;
  reply.headers.emplace_back("Content-Range", "bytes " + std::to_string(begin) + "-" +
                                                  std::to_string(end - 1) + "/" + size);
  reply.body = reply.body.substr(begin, end - begin);
  return reply;
}

int RegisterHttp(const std::string& name, const HttpSkills& can) {
  struct Site {
    KvStorePtr memory = MakeMemoryStore();
    HttpServer server;
    explicit Site(const HttpSkills& skills)
        : server([this, skills](const HttpRequest& request) {
            return Serve(*memory, skills, request);
          }) {}
  };
  return RegisterKvStoreConformance(
      {.name = "Http" + name,
       .refused_keys = {"", "/", "a//b", ".", "a/../b"},
       .effort = 0.5,
       .make_read_only =
           [can] {
             static std::map<int, std::unique_ptr<Site>> sites;  // To the end, as is asked for.
             const int number = can.ranges + 2 * can.lengths + 4 * can.head + 8 * can.etags;
             std::unique_ptr<Site>& site = sites[number];
             if (site == nullptr) site = std::make_unique<Site>(can);
             const std::string folder = testing::FreshPrefix();
             return ReadOnlyKvStore{MakeHttpStore(site->server.url() + "/" + folder).OrDie(),
                                    MakePrefixStore(site->memory, folder)};
           },
       .tells_sizes = can.lengths});
}

const std::vector<int> kScripted = {
    RegisterHttp("Able", {}),
    RegisterHttp("WithoutRanges", {.ranges = false}),
    RegisterHttp("WithoutLengths", {.ranges = false, .lengths = false}),
    RegisterHttp("WithoutHead", {.head = false}),
    RegisterHttp("WithoutEtags", {.etags = false}),
    RegisterHttp("Bare", {.ranges = false, .lengths = false, .head = false, .etags = false})};

TEST(KvStoreServers, EverySuiteHasItsCases) {
  const auto check = [](const std::vector<int>& counts, size_t suites) {
    EXPECT_EQ(counts.size(), suites);
    for (const int count : counts) EXPECT_GE(count, 90);
  };
  check(kScripted, 6);
  if (IsMissing(S3Server::kVersitygw)) GTEST_SKIP();
  check(kVersitygw, std::size(kAdapters) + 1);
  if (IsMissing(S3Server::kMinio)) GTEST_SKIP();
  check(kMinio, std::size(kAdapters) + 1);
  if (testing::IsNginxMissing()) GTEST_SKIP();
  check(kNginx, 3);
}

}  // namespace
}  // namespace coffer
