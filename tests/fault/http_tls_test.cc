// Goal: TLS is verified: what a certificate of a trusted authority, in time and of this name proves
// is read; anything else is PermissionDenied, at once, and nothing of the request goes out.
// Method: nginx of scripts/with-servers with a good certificate and three bad ones; an observer
// hears of retries. What nginx does not do, `openssl s_server` does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "coffer/async/observer.h"
#include "src/base/mutex.h"
#include "tests/fault/http_store_support.h"
#include "tests/support/servers.h"
#include "tests/support/tcp.h"
#include "tests/support/temp_dir.h"

namespace coffer {
namespace {

using ::testing::HasSubstr;
using testing::ServerVariable;

/// Counts what is said about retries.
struct CountsLines final : Observer {
  std::atomic<int> retries{0};
  std::atomic<int> unverified{0};
  void OnSpan(std::string_view, std::string_view, std::chrono::nanoseconds,
              const Status&) override {}
  void OnLog(std::string_view line) override {
    retries += line.starts_with("retrying ") ? 1 : 0;
    unverified += line.ends_with(": certificates are not verified") ? 1 : 0;
  }
};

class HttpTls : public ::testing::Test {
 protected:
  void SetUp() override {
    if (testing::IsNginxMissing()) GTEST_SKIP();
    key_ = testing::FreshPrefix() + "value";
    const std::filesystem::path file = ServerVariable("COFFER_TEST_HTTP_ROOT") + "/" + key_;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << "0123456789";
    options_.network.ca_file = ServerVariable("COFFER_TEST_CA");
    options_.network.attempts_max = 3;
  }
  Result<ReadResult> ReadOf(const std::string& url) {
    COFFER_ASSIGN_OR_RETURN(const KvStorePtr store, MakeHttpStore(url, options_, context_));
    return store->Read(key_, {.range = ByteRange::Span(2, 5)}).Get();
  }
  void ExpectRefused(const std::string& url) {
    const Status status = ReadOf(url).status();
    EXPECT_EQ(status.code(), StatusCode::kPermissionDenied) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("TLS: "));
    EXPECT_THAT(std::string(status.message()), HasSubstr(url));
    EXPECT_EQ(observer_->retries, 0);
    EXPECT_EQ(observer_->unverified, 0);
  }

  const std::shared_ptr<CountsLines> observer_ = std::make_shared<CountsLines>();
  const Context context_ = Context::Create({.threads = 2, .observer = observer_});
  HttpStoreOptions options_;
  std::string key_;
};

TEST_F(HttpTls, ByATrustedAuthorityIsRead) {
  const Result<ReadResult> read = ReadOf(ServerVariable("COFFER_TEST_HTTPS"));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->value.text(), "234");
  EXPECT_TRUE(read->generation.known());
}

TEST_F(HttpTls, ByAnAuthorityThatNobodyKnowsIsRefused) {
  options_.network.ca_file.clear();  // The system's do not know it.
  ExpectRefused(ServerVariable("COFFER_TEST_HTTPS"));
}

TEST_F(HttpTls, AFileOfAuthoritiesThatIsNoneIsRefused) {
  options_.network.ca_file = "/nonexistent/ca.pem";
  ExpectRefused(ServerVariable("COFFER_TEST_HTTPS"));
}

TEST_F(HttpTls, OfAnotherNameIsRefused) {
  ExpectRefused(ServerVariable("COFFER_TEST_HTTPS_WRONG_HOST"));
}

TEST_F(HttpTls, ExpiredIsRefused) { ExpectRefused(ServerVariable("COFFER_TEST_HTTPS_EXPIRED")); }

TEST_F(HttpTls, SelfSignedIsRefused) {
  ExpectRefused(ServerVariable("COFFER_TEST_HTTPS_SELF_SIGNED"));
}

TEST_F(HttpTls, UnverifiedOnlyIfThatIsAskedForAndWithoutHeaders) {
  options_.network.ca_file.clear();
  options_.network.insecure_skip_verify = true;
  for (const std::string name : {"COFFER_TEST_HTTPS_WRONG_HOST", "COFFER_TEST_HTTPS_EXPIRED",
                                 "COFFER_TEST_HTTPS_SELF_SIGNED"}) {
    observer_->unverified = 0;
    EXPECT_EQ(ReadOf(ServerVariable(name)).OrDie().value.text(), "234");
    EXPECT_EQ(observer_->unverified, 1) << "it is said, once for each store";
  }
}

/// A TLS server with one answer to all that ask for "/k": openssl's, which sends a file as it is.
class OneAnswerByTls {
 public:
  explicit OneAnswerByTls(const std::string& answer) {
    std::ofstream(folder_ / "k") << answer;
    const std::string key_and_certificate =
        "cd " + folder_.path() +
        " && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
        " -subj /CN=localhost -keyout key.pem -out certificate.pem 2>openssl.txt";
    if (std::system(key_and_certificate.c_str()) != 0) std::abort();
    int ends[2];
    if (pipe(ends) != 0) std::abort();
    process_ = fork();
    if (process_ == 0) {
      dup2(ends[1], STDOUT_FILENO);
      if (chdir(folder_.path().c_str()) == 0) {
        execlp("openssl", "openssl", "s_server", "-HTTP", "-accept", "127.0.0.1:0", "-cert",
               "certificate.pem", "-key", "key.pem", nullptr);
      }
      _exit(127);
    }
    close(ends[1]);
    FILE* const said = fdopen(ends[0], "r");
    char line[200];
    while (port_ == 0 && fgets(line, sizeof line, said) != nullptr) {
      std::sscanf(line, "ACCEPT 127.0.0.1:%d", &port_);
    }
    fclose(said);
    if (port_ == 0) std::abort();
  }
  ~OneAnswerByTls() {
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
  }
  OneAnswerByTls(const OneAnswerByTls&) = delete;
  OneAnswerByTls& operator=(const OneAnswerByTls&) = delete;

  std::string url() const { return "https://localhost:" + std::to_string(port_); }

 private:
  const TempDir folder_;
  pid_t process_ = -1;
  int port_ = 0;
};

TEST(HttpTlsRedirect, ToPlainHttpIsRefused) {
  const HttpServer plain(Always({.body = "value"}));
  const OneAnswerByTls redirects("HTTP/1.1 302 Found\r\nLocation: " + plain.url() +
                                 "/k?secret\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  HttpStoreOptions options = Tries(1);
  options.network.insecure_skip_verify = true;
  const KvStorePtr store = MakeHttpStore(redirects.url(), options).OrDie();
  EXPECT_EQ(store->Read("k").Get().status().ToString(),
            "PermissionDenied: " + redirects.url() + "/k: redirected from https to http, to " +
                plain.url() + "/k");
  EXPECT_EQ(plain.counts().requests, 0);
}

TEST_F(HttpTls, ARedirectFromPlainHttpIsFollowed) {
  const HttpServer redirects(
      Always({.status = 302,
              .headers = {{"Location", ServerVariable("COFFER_TEST_HTTPS") + "/" + key_}}}));
  EXPECT_EQ(ReadOf(redirects.url()).OrDie().value.text(), "234");
}

/// A proxy that makes tunnels, and tells what it was asked for.
class TunnelProxy {
 public:
  explicit TunnelProxy(int port)
      : listener_(0, [this, port](std::unique_ptr<testing::TcpStream> client, int) {
          const std::optional<std::string> head = testing::ReceiveHead(*client);
          if (!head) return;
          {
            const MutexLock lock(mutex_);
            heads_ += *head;
          }
          const auto server = testing::TcpStream::Connect("127.0.0.1", port, client->stop());
          if (server == nullptr) return;
          client->Send("HTTP/1.1 200 Connection established\r\nETag: \"of the proxy\"\r\n\r\n");
          while (testing::TcpStream::WaitForEither(*client, *server)) {
            testing::TcpStream& from = client->HasInput() ? *client : *server;
            testing::TcpStream& to = client->HasInput() ? *server : *client;
            if (!from.Fill() || !to.Send(from.buffered())) return;
            from.Consume(from.buffered().size());
          }
        }) {}
  int port() const { return listener_.port(); }
  std::string heads() const {
    const MutexLock lock(mutex_);
    return heads_;
  }

 private:
  mutable Mutex mutex_;
  std::string heads_ COFFER_GUARDED_BY(mutex_);
  testing::TcpListener listener_;
};

TEST_F(HttpTls, ThroughAProxyTheHeadersAreForTheServerAlone) {
  // The name is another one, so that it is asked by the proxy: the certificate does not hold for
  // it, and with that the request ends before it went out.
  const std::string good = ServerVariable("COFFER_TEST_HTTPS");
  TunnelProxy proxy(std::atoi(good.substr(good.rfind(':') + 1).c_str()));
  const std::string name = "https://store.invalid";
  setenv("https_proxy", ("http://127.0.0.1:" + std::to_string(proxy.port())).c_str(), 1);
  const char* const before = getenv("no_proxy");
  const std::string no_proxy = before == nullptr ? "" : before;
  setenv("no_proxy", "", 1);
  options_.headers.push_back({"Authorization", Secret::Copy("CANARY7secret")});
  ExpectRefused(name);
  options_.headers.clear();
  options_.network.insecure_skip_verify = true;
  const ReadResult read = ReadOf(name).OrDie();
  EXPECT_EQ(read.value.text(), "234");
  EXPECT_THAT(read.generation.value, ::testing::Not(HasSubstr("proxy")));
  unsetenv("https_proxy");
  setenv("no_proxy", no_proxy.c_str(), 1);
  EXPECT_THAT(proxy.heads(), HasSubstr("CONNECT store.invalid:443 HTTP/1.1\r\n"));
  EXPECT_THAT(proxy.heads(), ::testing::Not(HasSubstr("CANARY")));
}

}  // namespace
}  // namespace coffer
