// Site: an HTTP store on a scripted server, for the tests of the store's faults.
#ifndef COFFER_TESTS_FAULT_HTTP_STORE_SUPPORT_H_
#define COFFER_TESTS_FAULT_HTTP_STORE_SUPPORT_H_

#include <string>
#include <utility>

#include "coffer/kvstore/answer.h"
#include "coffer/kvstore/http.h"
#include "src/net/http_client.h"
#include "tests/support/http_server.h"

namespace coffer {

using testing::HttpReply;
using testing::HttpServer;
using testing::Then;
using Asked = testing::HttpRequest;
using Framing = testing::HttpReply::Framing;

/// Every request is answered alike.
inline HttpServer::Handler Always(HttpReply reply) {
  return [reply = std::move(reply)](const Asked&) { return reply; };
}

/// No more attempts than these; enough time for each of them.
inline HttpStoreOptions Tries(int attempts_max) {
  HttpStoreOptions options;
  options.network.attempts_max = attempts_max;
  return options;
}

/// Whether the client asks again after such an answer.
inline bool JudgedTransient(int status) {
  HttpResponse response;
  response.status = status;
  return JudgeTransient(response) == HttpVerdict::kRetry;
}

struct Site {
  explicit Site(HttpServer::Handler handler, const HttpStoreOptions& options = {})
      : server(std::move(handler)), store(MakeHttpStore(server.url(), options, context).OrDie()) {}

  std::string url() const { return server.url(); }
  Result<ReadResult> Read(ReadOptions options) {
    return store->Read("k", std::move(options)).Get();
  }
  /// The value, or what happened instead.
  std::string Text(ReadOptions options) {
    const Result<ReadResult> read = Read(std::move(options));
    if (!read.ok()) return std::string(read.status().ToString());
    return read->state == ReadResult::State::kValue ? std::string(read->value.text())
                                                    : "(no value)";
  }

  const Context context = Context::Create({.threads = 2});
  const HttpServer server;
  const KvStorePtr store;
};

}  // namespace coffer

#endif  // COFFER_TESTS_FAULT_HTTP_STORE_SUPPORT_H_
