// Goal: the transport talks http and https to addresses that may be asked, and to nothing else; and
// whatever goes wrong, no secret of a request (its headers, its URL's query and user) is told.
// Method: URLs and addresses that must be refused; then a table of everything that can fail, with
// canaries in each place where secrets stand, and a search in every message and log line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coffer/async/observer.h"
#include "src/net/http_client.h"
#include "tests/unit/net/net_support.h"

namespace coffer {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::Not;

// As long as what must not show.
const std::string kCanary = "canary7secretof25letters0";

/// A variable of the environment for as long as a test runs. (libcurl looks when a request begins.)
class ScopedVariable {
 public:
  ScopedVariable(const char* name, const std::string& value) : name_(name) {
    if (const char* const old = getenv(name)) old_ = old;
    setenv(name, value.c_str(), 1);
  }
  ~ScopedVariable() {
    if (old_) {
      setenv(name_, old_->c_str(), 1);
    } else {
      unsetenv(name_);
    }
  }

 private:
  const char* const name_;
  std::optional<std::string> old_;
};

TEST(HttpRefused, LinkLocalAddressesInEveryDress) {
  Net net;
  for (const char* const host :
       {"169.254.1.1", "169.254.169.254", "0xA9.0xFE.1.1", "2851995905", "169.254.257",
        "[::ffff:169.254.1.1]", "[::ffff:a9fe:101]", "[fe80::1]", "[febf::1]", "[fd00:ec2::254]",
        "[fd00:0ec2:0::fe]"}) {
    const std::string url = std::string("http://") + host + "/latest";
    EXPECT_EQ(net.Fetch(url + "?" + kCanary).status().ToString(),
              "PermissionDenied: GET " + url +
                  ": the host's address is link-local, which only the metadata service may be "
                  "asked at");
  }
}

TEST(HttpRefused, NeitherByWayOfAProxy) {
  const HttpServer proxy(Always({.body = "keys of the proxy's own machine"}));
  const ScopedVariable use("http_proxy", proxy.url());
  const ScopedVariable none("no_proxy", "");
  Net net;
  for (const std::string host : {"169.254.169.254", "2851995905", "[fe80::1]"}) {
    EXPECT_EQ(net.Fetch("http://" + host + "/").status().code(), StatusCode::kPermissionDenied);
  }
  EXPECT_EQ(proxy.counts().requests, 0);
}

/// Who may only be asked by this machine may be told what must not leave it.
TEST(HttpRefused, ThisMachinesOwnAddressesAreAskedWithoutAProxy) {
  const HttpServer proxy(Always({}));
  const HttpServer server(Always({.body = "here"}));
  const ScopedVariable use("http_proxy", proxy.url());
  const ScopedVariable none("no_proxy", "");
  Net net;
  for (const std::string host :
       {"127.0.0.1", "localhost", "LocalHost", "127.1", "bucket.localhost"}) {
    const std::string url = "http://" + host + ":" + std::to_string(server.port());
    EXPECT_EQ(TextOf(net.Fetch(url).OrDie().body), "here");
  }
  HttpRequest request = GetOf("http://169.254.1.1/");
  request.allow_link_local = true;
  request.limits.connect = milliseconds(100);  // Whoever may answer there.
  EXPECT_NE(net.Fetch(std::move(request)).status().code(), StatusCode::kPermissionDenied);
  EXPECT_EQ(proxy.counts().requests, 0);
}

TEST(HttpRefused, AProxyOfTheEnvironmentIsUsedButForWhatItExempts) {
  const HttpServer proxy(Always({.body = "by proxy"}));
  const ScopedVariable use("http_proxy", proxy.url());
  Net net;
  const std::string url = "http://no-such-host.invalid:8/a?b";
  {
    const ScopedVariable none("no_proxy", "example.org");
    EXPECT_EQ(TextOf(net.Fetch(url).OrDie().body), "by proxy");
  }
  ASSERT_EQ(proxy.requests().size(), 1u);
  EXPECT_EQ(proxy.requests()[0].target, url);
  const ScopedVariable exempt("no_proxy", "example.org,.invalid");
  EXPECT_FALSE(net.Fetch(url).ok());
  EXPECT_EQ(proxy.counts().requests, 1);
}

TEST(HttpRefused, OtherProtocolsUsersAndWhatIsNoUrl) {
  Net net;
  const HttpServer server(Always({}));
  const std::string port = std::to_string(server.port());
  for (const std::string& url :
       {std::string("file:///etc/passwd"), "gopher://127.0.0.1:" + port + "/_x",
        "ftp://127.0.0.1:" + port + "/x", std::string("dict://127.0.0.1/x"), std::string(),
        std::string("http://"), "http://user@127.0.0.1:" + port + "/",
        "http://user:word@127.0.0.1:" + port + "/", std::string("http://127.0.0.1:77777/"),
        "http://127.0.0.1:" + port + "/a b", "http://127.0.0.1:" + port + "/a\r\nX: y"}) {
    EXPECT_EQ(net.Fetch(url).status().code(), StatusCode::kInvalidArgument)
        << url << ": " << net.Fetch(url).status();
  }
  EXPECT_EQ(server.connections(), 0);
}

/// What is said in the course of a test.
struct Heard final : Observer {
  Mutex mutex;
  std::string text;
  void OnSpan(std::string_view operation, std::string_view subject, std::chrono::nanoseconds,
              const Status& outcome) override {
    const MutexLock lock(mutex);
    text += std::string(operation) + std::string(subject) + outcome.ToString();
  }
  void OnLog(std::string_view line) override {
    const MutexLock lock(mutex);
    text += line;
  }
};

HttpRequest WithCanaries(const std::string& url) {
  HttpRequest request = GetOf(url);
  request.headers = {{"Authorization", "Bearer " + kCanary}, {"X-Amz-Security-Token", kCanary}};
  request.limits.connect = request.limits.first_byte = request.limits.stall = milliseconds(200);
  request.limits.total = milliseconds(2000);
  return request;
}

/// The outcome of a request by the client, which tries twice; no canary in it, nor in the log.
Status ExpectSilence(const HttpRequest& request) {
  const auto heard = std::make_shared<Heard>();
  const Context context = Context::Create({.threads = 1, .observer = heard});
  const HttpClient client(
      context, {.attempts_max = 2, .first = milliseconds(1), .longest = milliseconds(1)});
  const Status status =
      client.Send([&](int) { return Future<HttpRequest>::Ready(request); }, JudgeTransient, {})
          .Get()
          .status();
  EXPECT_THAT(status.ToString(), Not(HasSubstr(kCanary)));
  const MutexLock lock(heard->mutex);
  EXPECT_THAT(heard->text, Not(HasSubstr(kCanary)));
  return status;
}

TEST(HttpSecrets, AreInNoMessageOfAnyFailureOfAnAnswer) {
  const std::string raws[] = {
      "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
      // What was sent comes back, where messages show what came.
      "HTTP/1.1 200 OK\r\nContent-Length: Bearer " + kCanary + "\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: " + kCanary + "\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Encoding: Bearer " + kCanary + "\r\n\r\n",
      "HTTP/1.1 200 OK\r\n" + kCanary + " : x\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x') + "\r\n\r\n",
      "HTTP/1.1 200 OK\r\n\r\n" + std::string(9000, 'x'), "HTTP/9.9 200 OK\r\n\r\n",
      "garbage\r\n\r\n", "HTTP/1.1 2"};
  for (const std::string& raw : raws) {
    const HttpServer server(Always({.raw = raw, .delivery = {.then = Then::kClose}}));
    HttpRequest request = WithCanaries(server.url() + "/k?token=" + kCanary);
    request.limits.body_max_bytes = 5000;
    EXPECT_FALSE(ExpectSilence(request).ok()) << raw.substr(0, 60);
  }
  for (const testing::Delivery& delivery :
       {testing::Delivery{.stop_after = 0, .then = Then::kReset},
        testing::Delivery{.stop_after = 30, .then = Then::kReset},
        testing::Delivery{.stop_after_body = 3, .then = Then::kReset},
        testing::Delivery{.stop_after_body = 3, .then = Then::kClose},
        testing::Delivery{.stop_after = 0, .then = Then::kStall},
        testing::Delivery{.stop_after_body = 3, .then = Then::kStall}}) {
    const HttpServer server(Always({.body = "hello", .delivery = delivery}));
    EXPECT_FALSE(ExpectSilence(WithCanaries(server.url() + "/k?token=" + kCanary)).ok());
  }
  const HttpServer server(Always({.body = "hello"}));
  HttpRequest request = WithCanaries(server.url() + "/k?token=" + kCanary);
  std::byte small[2];
  request.destination = small;
  EXPECT_EQ(ExpectSilence(request).code(), StatusCode::kOutOfRange);
  request.on_head = [](const HttpResponse&) -> Result<HttpWindow> { return DataLossError("no"); };
  EXPECT_EQ(ExpectSilence(request).code(), StatusCode::kDataLoss);
}

TEST(HttpSecrets, AreInNoMessageOfWhatIsNeverAnswered) {
  const SilentServer refuses(SilentServer::How::kRefuses);
  const SilentServer no_room(SilentServer::How::kNoRoom);
  const SilentServer mute(SilentServer::How::kMute);
  const std::string query = "/k?token=" + kCanary;
  for (const std::string& url :
       {refuses.url() + query, no_room.url() + query, mute.url() + query,
        "http://no-such-host.invalid" + query, "http://169.254.1.1" + query, "file:///etc" + query,
        "gopher://h" + query, "http://" + kCanary + ":" + kCanary + "@127.0.0.1/k",
        "http://" + kCanary + "@127.0.0.1/k", "http://127.0.0.1:x" + query,
        "http://127.0.0.1/a b" + query, "http://127.0.0.1:1/k#" + kCanary}) {
    EXPECT_FALSE(ExpectSilence(WithCanaries(url)).ok()) << url;
  }
  const CancelSource cancelled;
  cancelled.Cancel();
  Net net;
  HttpRequest request = WithCanaries(mute.url() + query);
  request.cancel = cancelled.token();
  EXPECT_THAT(net.Fetch(request).status().ToString(), Not(HasSubstr(kCanary)));
}

TEST(HttpSecrets, AreInNoMessageAboutAProxy) {
  const SilentServer refuses(SilentServer::How::kRefuses);
  const std::string address = refuses.url().substr(7);
  const ScopedVariable use("http_proxy", "http://me:" + kCanary + "@" + address);
  const ScopedVariable none("no_proxy", "");
  EXPECT_EQ(ExpectSilence(WithCanaries("http://h/k?" + kCanary)).code(), StatusCode::kUnavailable);
}

/// What is written for a proxy is no URL: it is said once, and not repeated.
TEST(HttpSecrets, AreInNoMessageAboutAProxyThatIsNone) {
  const ScopedVariable none("no_proxy", "");
  const std::string refused =
      "InvalidArgument: GET http://h/k: the environment's proxy (http_proxy, https_proxy, "
      "all_proxy) cannot be used: expected http://USER:PASSWORD@HOST:PORT, with what is no letter "
      "or digit of a password percent-encoded";
  for (const std::string& proxy :
       {"htp://me:" + kCanary + "@127.0.0.1:1", "ftp://me:" + kCanary + "@127.0.0.1:1",
        "socks9://me:" + kCanary + "@127.0.0.1:1", "http://me:" + kCanary + "#x@127.0.0.1:1",
        "http://me:" + kCanary + "/x@127.0.0.1:1", "http://me:" + kCanary + " x@127.0.0.1:1",
        "http://me:" + kCanary + "@127.0.0.1:99999", "http://me:" + kCanary + "@127.0.0.1:x",
        "http://me:" + kCanary + "@a b:1", "http://me:" + kCanary + "@[::1:1",
        "http://me:" + kCanary + "@", "me:" + kCanary + "#x@127.0.0.1:1"}) {
    const ScopedVariable use("http_proxy", proxy);
    EXPECT_EQ(ExpectSilence(WithCanaries("http://h/k?" + kCanary)).ToString(), refused) << proxy;
  }
  // A user that libcurl takes for the host.
  for (const std::string& proxy :
       {"http://" + kCanary + "/x@127.0.0.1:1", "http://" + kCanary + ".invalid:12/x@h:1"}) {
    const ScopedVariable use("http_proxy", proxy);
    EXPECT_EQ(ExpectSilence(WithCanaries("http://h/k?" + kCanary)).ToString(),
              "Unavailable: GET http://h/k: the host of the environment's proxy (http_proxy, "
              "https_proxy, all_proxy) could not be resolved (2 attempts)");
  }
}

}  // namespace
}  // namespace coffer
