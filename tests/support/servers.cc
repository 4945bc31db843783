// 1. The environment says which servers there are, and where.
// 2. A fresh prefix is made of the process's number, its start and a count.
// 3. The writer of nginx's folder is a file store over a file system that keeps times to the
//    second: such a store gives each value a second of its own.
#include "tests/support/servers.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "coffer/kvstore/adapters.h"
#include "coffer/kvstore/http.h"
#include "kvstore/file/file.h"
#include "src/base/platform_file.h"

namespace coffer::inline v0::testing {
namespace {

const char* Find(const std::string& name) { return std::getenv(name.c_str()); }

std::string VariableOf(S3Server server) {
  return server == S3Server::kMinio ? "COFFER_TEST_MINIO" : "COFFER_TEST_VERSITYGW";
}

bool IsVariableMissing(const std::string& name, const std::string& server) {
  if (Find(name) != nullptr) return false;
  const std::string why =
      "tests against " + server + ": " + name + " is not set (scripts/with-servers)";
  std::printf("SKIPPED: %s\n", why.c_str());
  const char* const ci = Find("CI");
  // Fatal: else a test that is skipped in its SetUp would run.
  if (ci != nullptr && std::string(ci) == "true") [&] { FAIL() << why; }();
  return true;
}

class WholeSeconds final : public SystemFileOps {
 public:
  int SetMtime(int file, int64_t mtime_ns) override {
    constexpr int64_t kSecond = 1'000'000'000;
    return SystemFileOps::SetMtime(file, mtime_ns - mtime_ns % kSecond);
  }
};

}  // namespace

std::string NameOf(S3Server server) { return server == S3Server::kMinio ? "Minio" : "Versitygw"; }

bool IsThere(S3Server server) { return Find(VariableOf(server)) != nullptr; }
bool IsNginxThere() { return Find("COFFER_TEST_HTTP") != nullptr; }
bool IsMissing(S3Server server) { return IsVariableMissing(VariableOf(server), NameOf(server)); }
bool IsNginxMissing() { return IsVariableMissing("COFFER_TEST_HTTP", "nginx"); }

std::string ServerVariable(const std::string& name) {
  const char* const value = Find(name);
  if (value != nullptr) return value;
  std::fprintf(stderr, "%s is not set (scripts/with-servers)\n", name.c_str());
  std::abort();
}

std::string UrlOf(S3Server server) { return ServerVariable(VariableOf(server)); }

int PortOf(S3Server server) {
  const std::string url = UrlOf(server);
  return std::atoi(url.substr(url.rfind(':') + 1).c_str());
}

S3StoreOptions OptionsOf(S3Server server) {
  S3StoreOptions options;
  options.endpoint = UrlOf(server);
  options.region = ServerVariable("COFFER_TEST_S3_REGION");
  options.credentials.source = S3Credentials::Source::kGiven;
  options.credentials.access_key_id = ServerVariable("COFFER_TEST_S3_ACCESS_KEY");
  options.credentials.secret_access_key = Secret(ServerVariable("COFFER_TEST_S3_SECRET_KEY"));
  return options;
}

KvStorePtr MakeBucket(const S3StoreOptions& options, const Context& context) {
  return MakeS3Store(ServerVariable("COFFER_TEST_S3_BUCKET"), options, context).OrDie();
}

std::string FreshPrefix() {
  static const auto start = std::chrono::system_clock::now().time_since_epoch().count();
  static std::atomic<int> count{0};
  return "t" + std::to_string(getpid()) + "-" + std::to_string(start) + "-" +
         std::to_string(++count) + "/";
}

KvStorePtr MakeFreshS3(S3Server server, const Context& context) {
  return MakePrefixStore(MakeBucket(OptionsOf(server), context), FreshPrefix());
}

ReadOnlyKvStore MakeFreshHttp() {
  static WholeSeconds& ops = *new WholeSeconds();  // Outlives every context.
  const std::string folder = FreshPrefix();
  const std::string root = ServerVariable("COFFER_TEST_HTTP_ROOT") + "/" + folder;
  return {MakeHttpStore(ServerVariable("COFFER_TEST_HTTP") + "/" + folder).OrDie(),
          MakeFileStore(root, {.sync = false}, Context::Default(), ops).OrDie()};
}

}  // namespace coffer::inline v0::testing
