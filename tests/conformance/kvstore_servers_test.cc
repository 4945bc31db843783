// Goal: S3 and HTTP stores, and what stands before them, keep the promises of KvStore on real
// servers, and on a web server that can do as little as is allowed.
// Method: the conformance suite on versitygw, MinIO and nginx (scripts/with-servers), and on the
// scripted server of tests over a memory store, without ranges, lengths, HEAD or ETags; and a check
// that nothing fell out of it. What is not there is named.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "coffer/kvstore/adapters.h"
#include "coffer/kvstore/http.h"
#include "coffer/kvstore/stores.h"
#include "coffer/testing/kvstore_conformance.h"
#include "src/kvstore/guarded_store.h"
#include "tests/support/servers.h"
#include "tests/support/zip_writer.h"

namespace coffer {
namespace {

using testing::IsThere;
using testing::KvStoreConformance;
using testing::MakeFreshHttp;
using testing::MakeFreshS3;
using testing::NameOf;
using testing::ReadOnlyKvStore;
using testing::RegisterKvStoreConformance;
using testing::S3Server;

/// Of thousands of operations, each a request.
constexpr double kEffort = 0.2;

const std::vector<std::string> kRefusedByS3 = {std::string("a\0b", 3), "\xff\xfe",
                                               std::string(1025, 'k')};

struct Adapter {
  const char* name;
  KvStorePtr (*adapt)(KvStorePtr base);
};

constexpr Adapter kAdapters[] = {
    {"S3", [](KvStorePtr base) { return base; }},
    {"PrefixOverS3",
     [](KvStorePtr base) { return MakePrefixStore(std::move(base), "p/q/"); }},
    {"CacheOverS3", [](KvStorePtr base) { return MakeCacheStore(std::move(base)); }},
    {"LatencyOverS3",
     [](KvStorePtr base) {
       return MakeLatencyStore(std::move(base), {.per_request = std::chrono::microseconds(100)});
     }},
    {"TraceOverS3",
     [](KvStorePtr base) { return MakeTraceStore(std::move(base), [](const TraceEvent&) {}); }},
    {"FaultOverS3", [](KvStorePtr base) -> KvStorePtr { return MakeFaultStore(std::move(base)); }},
    {"GuardOverS3",
     [](KvStorePtr base) { return GuardStore(std::move(base), "mine").OrDie(); }}};

std::vector<int> RegisterS3(S3Server server) {
  std::vector<int> counts;
  if (!IsThere(server)) return counts;
  for (const Adapter& adapter : kAdapters) {
    counts.push_back(RegisterKvStoreConformance(
        {.name = adapter.name + NameOf(server),
         .make = [server, adapt = adapter.adapt] { return adapt(MakeFreshS3(server)); },
         .refused_keys = kRefusedByS3,
         .effort = counts.empty() ? kEffort : kEffort / 4}));
  }
  counts.push_back(RegisterKvStoreConformance(
      {.name = "ZipOverS3" + NameOf(server), .effort = kEffort / 4, .make_read_only = [server] {
         const KvStorePtr base = MakeFreshS3(server);
         return ReadOnlyKvStore{MakeZipStore(base, "d/archive.zip"),
                                MakeZippingStore(base, "d/archive.zip", {})};
       }}));
  return counts;
}

const std::vector<int> kVersitygw = RegisterS3(S3Server::kVersitygw);
const std::vector<int> kMinio = RegisterS3(S3Server::kMinio);

std::vector<int> RegisterHttp() {
  if (!testing::IsNginxThere()) return {};
  return {RegisterKvStoreConformance({.name = "HttpNginx",
                                      .refused_keys = {"", "/", "a//b", ".", "a/../b"},
                                      .effort = kEffort,
                                      .make_read_only = MakeFreshHttp})};
}

const std::vector<int> kNginx = RegisterHttp();

}  // namespace
}  // namespace coffer
