// Goal: the HTTP store opens by URL, options and JSON spec with each member that its README lists,
// and refuses what is wrong by its place.
// Method: exact texts of errors; what was opened is told by Describe() and by what a server is
// asked.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "coffer/kvstore/http.h"
#include "coffer/kvstore/kvstore.h"
#include "src/base/json.h"
#include "src/kvstore/network.h"
#include "tests/support/http_server.h"

namespace coffer {
namespace {

using ::testing::HasSubstr;
using testing::HttpReply;
using testing::HttpServer;
using Asked = testing::HttpRequest;

const Context& OneThread() {
  static const Context& context = *new Context(Context::Create({.threads = 1}));
  return context;
}

std::string Opened(const std::string& text) {
  const Result<KvStorePtr> store = OpenKvStore(text, OneThread());
  return store.ok() ? (*store)->Describe("k") : store.status().ToString();
}

std::string Spec(const std::string& more) {
  return R"({"driver": "http", "base_url": "http://127.0.0.1:9")" + more + "}";
}

TEST(HttpSpec, UrlsNameWhatStandsBelow) {
  const std::pair<std::string, std::string> table[] = {
      {"http://h", "http://h/k"},
      {"http://h/", "http://h/k"},
      {"http://h/a", "http://h/a/k"},
      {"http://h/a/", "http://h/a/k"},
      {"HTTPS://H:8443/a%20b?token=x", "https://h:8443/a%20b/k"},
      {"http://[::1]:7/a", "http://[::1]:7/a/k"}};
  for (const auto& [url, name] : table) EXPECT_EQ(Opened(url), name);
  EXPECT_EQ(Opened("http://u:w@h/a"),
            "InvalidArgument: URL \"http://h/a\": a user or password has no place in a URL");
  EXPECT_EQ(
      Opened("http://h/a#b"),
      "InvalidArgument: URL \"http://h/a\": a fragment (\"#\") is never sent; write it as %23");
  EXPECT_THAT(Opened("http://"), HasSubstr("InvalidArgument: URL \"http://\": "));
}

TEST(HttpSpec, BaseAndPathNameWhatStandsBelow) {
  const std::pair<std::string, std::string> table[] = {
      {R"("base_url": "http://h")", "http://h/k"},
      {R"("base_url": "http://h", "path": "")", "http://h/k"},
      {R"("base_url": "http://h", "path": "a/b/")", "http://h/a/b/k"},
      {R"("base_url": "http://h/", "path": "/a")", "http://h/a/k"},
      {R"("base_url": "http://h/x/", "path": "a b?c")", "http://h/x/a%20b%3Fc/k"},
      {R"("base_url": "http://h/x?q", "path": "a%20")", "http://h/x/a%2520/k"}};
  for (const auto& [members, name] : table) {
    EXPECT_EQ(Opened(R"({"driver": "http", )" + members + "}"), name);
  }
}

TEST(HttpSpec, EachErrorNamesItsPlace) {
  const std::pair<std::string, std::string> table[] = {
      {R"({"driver": "http"})",
       "InvalidArgument: at $: the spec of an HTTP store needs the member \"base_url\""},
      {R"({"driver": "http", "base_url": 1})",
       "InvalidArgument: at $.base_url: expected a string, got 1"},
      {R"({"driver": "http", "base_url": "s3://b"})",
       "InvalidArgument: at $.base_url: URL \"s3://b\": expected http:// or https://"},
      {Spec(R"(, "path": 7)"), "InvalidArgument: at $.path: expected a string, got 7"},
      {Spec(R"(, "headers": {})"), "InvalidArgument: at $.headers: expected an array"},
      {Spec(R"(, "headers": ["A: b", 1])"), "InvalidArgument: at $.headers[1]: expected a string"},
      {Spec(R"(, "headers": ["A"])"), "InvalidArgument: at $.headers[0]: expected \"Name: value\""},
      {Spec(R"(, "forbidden_is_missing": "no")"),
       "InvalidArgument: at $.forbidden_is_missing: expected true or false, got \"no\""},
      {Spec(R"(, "network": 1)"), "InvalidArgument: at $.network: expected an object"},
      {Spec(R"(, "network": {"connect": 1})"),
       "InvalidArgument: at $.network: unknown member \"connect\""},
      {Spec(R"(, "network": {"attempts_max": 0})"),
       "InvalidArgument: at $.network.attempts_max: expected an integer from 1 to 1000000, got 0"},
      {Spec(R"(, "network": {"ca_file": 0})"),
       "InvalidArgument: at $.network.ca_file: expected a string, got 0"},
      {Spec(R"(, "network": {"insecure_skip_verify": 0})"),
       "InvalidArgument: at $.network.insecure_skip_verify: expected true or false, got 0"},
      {Spec(R"(, "base": 1)"), "InvalidArgument: at $: unknown member \"base\""},
      {Spec(R"(, "context": {})"),
       "Unimplemented: at $: member \"context\" of TensorStore is not supported"},
      {Spec(R"(, "http_request_concurrency": {})"),
       "Unimplemented: at $: member \"http_request_concurrency\" of TensorStore is not supported"},
      {Spec(R"(, "http_request_retries": {})"),
       "Unimplemented: at $: member \"http_request_retries\" of TensorStore is not supported"}};
  for (const auto& [spec, error] : table) EXPECT_EQ(Opened(spec), error);
  for (const std::string name : {"connect_timeout", "first_byte_timeout", "stall_timeout",
                                 "request_timeout", "retry_budget"}) {
    EXPECT_EQ(Opened(Spec(R"(, "network": {")" + name + R"(": "1"})")),
              "InvalidArgument: at $.network." + name +
                  ": expected a duration of at most a year, such as \"60s\" or \"1m30s\", got "
                  "\"1\"");
    if (name == "retry_budget") continue;  // Zero is none.
    EXPECT_EQ(Opened(Spec(R"(, "network": {")" + name + R"(": "0s"})")),
              "InvalidArgument: URL \"http://127.0.0.1:9/\": " + name +
                  ": expected more than 0 ms, not 0");
  }
}

TEST(HttpSpec, EachMemberOfNetworkIsTaken) {
  NetworkOptions options;
  const Json member = Json::Parse(R"({"connect_timeout": "1s", "first_byte_timeout": "2s",
      "stall_timeout": "3s", "request_timeout": "4s", "attempts_max": 5, "retry_budget": "6s",
      "ca_file": "/ca.pem", "insecure_skip_verify": true})")
                          .OrDie();
  ASSERT_TRUE(ReadNetworkSpec(member, "$.network", &options).ok());
  EXPECT_EQ(options.connect_timeout, std::chrono::seconds(1));
  EXPECT_EQ(options.first_byte_timeout, std::chrono::seconds(2));
  EXPECT_EQ(options.stall_timeout, std::chrono::seconds(3));
  EXPECT_EQ(options.request_timeout, std::chrono::seconds(4));
  EXPECT_EQ(options.attempts_max, 5);
  EXPECT_EQ(options.retry_budget, std::chrono::seconds(6));
  EXPECT_EQ(options.ca_file, "/ca.pem");
  EXPECT_TRUE(options.insecure_skip_verify);

  HttpRequest request;
  ApplyNetworkOptions(options, OneThread(), &request);
  EXPECT_EQ(request.limits.connect, std::chrono::seconds(1));
  EXPECT_EQ(request.limits.first_byte, std::chrono::seconds(2));
  EXPECT_EQ(request.limits.stall, std::chrono::seconds(3));
  EXPECT_EQ(request.limits.total, std::chrono::seconds(4));
  EXPECT_EQ(request.ca_file, "/ca.pem");
  EXPECT_TRUE(request.insecure_skip_verify);
  EXPECT_EQ(request.buffers, &OneThread().buffers());
  EXPECT_EQ(RetryOf(options).attempts_max, 5);
  EXPECT_EQ(RetryOf(options).budget, std::chrono::seconds(6));
}

TEST(HttpSpec, DefaultsAreThoseOfTheReadme) {
  const NetworkOptions options;
  EXPECT_EQ(options.connect_timeout, std::chrono::seconds(10));
  EXPECT_EQ(options.first_byte_timeout, std::chrono::seconds(60));
  EXPECT_EQ(options.stall_timeout, std::chrono::seconds(30));
  EXPECT_EQ(options.request_timeout, std::chrono::hours(1));
  EXPECT_EQ(options.attempts_max, 10);
  EXPECT_EQ(options.retry_budget, std::chrono::minutes(2));
  EXPECT_TRUE(options.ca_file.empty());
  EXPECT_FALSE(options.insecure_skip_verify);
  EXPECT_FALSE(HttpStoreOptions().forbidden_is_missing);
  EXPECT_TRUE(HttpStoreOptions().headers.empty());
}

TEST(HttpSpec, HeadersAndQueryAreSentAndForbiddenIsMissing) {
  const HttpServer server([](const Asked&) { return HttpReply{.status = 403}; });
  const std::string spec = R"({"driver": "http", "base_url": ")" + server.url() +
                           R"(/d?t=%2F", "path": "p q", "headers": ["X-A:  one two", "X-B:",)"
                           R"( "x-c:\t3"], "forbidden_is_missing": true})";
  const KvStorePtr store = OpenKvStore(spec, OneThread()).OrDie();
  EXPECT_EQ(store->Read("k").Get().OrDie().state, ReadResult::State::kMissing);
  const Asked asked = server.requests()[0];
  EXPECT_EQ(asked.target, "/d/p%20q/k?t=%2F");
  EXPECT_EQ(asked.Header("x-a"), "one two");
  EXPECT_EQ(asked.Header("x-c"), "3");
  std::vector<std::string> names;
  for (const auto& [name, value] : asked.headers) names.push_back(name);
  EXPECT_THAT(names, ::testing::Contains("X-B"));
}

TEST(HttpSpec, HeadersThatCannotBeSentAreRefused) {
  for (const auto& [name, value] : {std::pair<std::string, std::string>{"", "v"},
                                    {"A B", "v"},
                                    {"A:", "v"},
                                    {"A\r\nB", "v"},
                                    {"A", "v\r\nB: w"},
                                    {"A", "v\nw"},
                                    {"A", std::string("v\0w", 3)},
                                    {"\xc3\xa4", "v"}}) {
    HttpStoreOptions options;
    options.headers.push_back({name, Secret::Copy(value)});
    EXPECT_EQ(MakeHttpStore("http://127.0.0.1/x?q", options, OneThread()).status().ToString(),
              "InvalidArgument: URL \"http://127.0.0.1/x\": header \"" + name +
                  "\": its name or value cannot be sent");
  }
}

TEST(HttpSpec, HeadersAreOnlySentByVerifiedTlsOrToThisMachine) {
  HttpStoreOptions options;
  options.headers.push_back({"Authorization", Secret::Copy("token")});
  const auto is_refused = [&](const std::string& url) {
    const Status status = MakeHttpStore(url, options, OneThread()).status();
    if (!status.ok()) {
      EXPECT_THAT(std::string(status.message()), HasSubstr("verified TLS"));
    }
    return !status.ok();
  };
  for (const std::string url : {"https://h/", "http://127.0.0.1:1", "http://localhost/",
                                "http://[::1]/x", "https://127.0.0.1"}) {
    EXPECT_FALSE(is_refused(url)) << url;
  }
  for (const std::string url : {"http://h/", "http://10.0.0.1/", "http://localhost.h/"}) {
    EXPECT_TRUE(is_refused(url)) << url;
  }
  options.network.insecure_skip_verify = true;
  EXPECT_TRUE(is_refused("https://h/"));
  EXPECT_FALSE(is_refused("https://localhost/"));
}

TEST(HttpSpec, LimitsThatLetNothingThroughAreRefused) {
  HttpStoreOptions options;
  options.network.attempts_max = 0;
  EXPECT_EQ(MakeHttpStore("http://h", options).status().ToString(),
            "InvalidArgument: URL \"http://h\": attempts_max: expected at least 1, not 0");
  options.network.attempts_max = 1;
  options.network.stall_timeout = std::chrono::milliseconds(-1);
  EXPECT_EQ(MakeHttpStore("http://h", options).status().ToString(),
            "InvalidArgument: URL \"http://h\": stall_timeout: expected more than 0 ms, not -1");
}

TEST(HttpSpec, ACapableStoreTellsWhatItCan) {
  const Capabilities can = MakeHttpStore("http://h", {}, OneThread()).OrDie()->capabilities();
  EXPECT_FALSE(can.local);
  EXPECT_FALSE(can.durable);
  EXPECT_FALSE(can.conditional_write);
  EXPECT_GE(can.coalesce_gap_bytes, 4096);
  EXPECT_LE(can.coalesce_gap_bytes, MiB(1));
  EXPECT_GT(can.request_concurrency, 1);
}

TEST(LinkEstimate, SaysWhatARequestIsWorth) {
  HttpResponse answer;
  answer.body_size = MiB(1);
  const auto after = [&](double first_byte, double body) {
    LinkEstimate link;
    answer.first_byte_seconds = first_byte;
    answer.body_seconds = body;
    for (int i = 0; i < 200; ++i) link.Add(answer);
    return link.gap_bytes();
  };
  EXPECT_EQ(after(1e-6, 1.0), 4096);    // A request costs nothing,
  EXPECT_EQ(after(1.0, 1e-3), MiB(1));  // or bytes do.
  EXPECT_NEAR(static_cast<double>(after(0.02, 0.1)), 0.02 * MiB(10) / 4, 1000);
}

}  // namespace
}  // namespace coffer
