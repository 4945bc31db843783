// Goal: redirects are followed as far as they may be, and what may be a secret (headers, the query,
// anything sent by TLS) never goes where it was not meant to.
// Method: one cell a status and target. Two scripted servers: the store's, and another one that
// records what it gets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "coffer/array/array.h"
#include "coffer/checkpoint/checkpoint.h"
#include "tests/fault/http_store_support.h"

namespace coffer {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using State = ReadResult::State;

constexpr int kStatuses[] = {301, 302, 303, 307, 308};
// As long as what must not show.
const std::string kCanary = "canary7secretof25letters0";

HttpReply RedirectTo(const std::string& location, int status = 302) {
  return {.status = status, .headers = {{"Location", location}}, .body = "see there"};
}

HttpStoreOptions WithHeader() {
  HttpStoreOptions options;
  options.headers.push_back({"Authorization", Secret::Copy("Bearer " + kCanary)});
  return options;
}

TEST(HttpRedirect, ToTheSameHostIsFollowed) {
  for (const int status : kStatuses) {
    for (const bool with_header : {false, true}) {
      Site site(
          [status](const Asked& asked) {
            if (asked.target == "/k") return RedirectTo("/there?x=1", status);
            return HttpReply{.body = "value"};
          },
          with_header ? WithHeader() : HttpStoreOptions());
      EXPECT_EQ(site.Text({.range = ByteRange::Span(1, 3)}), "al");
      EXPECT_EQ(site.Read({.range = ByteRange::Stat()}).OrDie().total_size, 5);
      const std::vector<Asked> requests = site.server.requests();
      ASSERT_EQ(requests.size(), 4u);
      EXPECT_EQ(requests[1].target, "/there?x=1");
      EXPECT_EQ(requests[1].method, "GET");
      EXPECT_EQ(requests[1].Header("range"), "bytes=1-2");
      EXPECT_EQ(requests[1].Header("authorization"), with_header ? "Bearer " + kCanary : "");
      EXPECT_EQ(requests[3].method, "HEAD");
    }
  }
}

TEST(HttpRedirect, ToAnotherHostIsFollowedOnlyIfThereIsNothingToKeep) {
  struct Cell {
    const char* query;
    HttpStoreOptions options;
    bool is_followed;
  };
  const Cell cells[] = {{"", {}, true},
                        {"?token=secret", {}, false},
                        {"", WithHeader(), false},
                        {"?token=secret", WithHeader(), false}};
  for (const int status : kStatuses) {
    for (const Cell& cell : cells) {
      const HttpServer other(Always({.body = "value"}));
      const HttpServer server(
          [&](const Asked&) { return RedirectTo(other.url() + "/there", status); });
      const KvStorePtr store = MakeHttpStore(server.url() + cell.query, cell.options).OrDie();
      const Result<ReadResult> read = store->Read("k").Get();
      EXPECT_EQ(read.ok(), cell.is_followed) << read.status();
      EXPECT_EQ(other.counts().requests, cell.is_followed ? 1 : 0);
      if (cell.is_followed) continue;
      EXPECT_EQ(read.status().ToString(), "PermissionDenied: " + server.url() +
                                              "/k: redirected to another host, " + other.url() +
                                              ", which must not get the headers or the query");
      EXPECT_EQ(server.counts().requests, 1);
    }
  }
}

TEST(HttpRedirect, WhereItMustNotLeadIsRefused) {
  const std::pair<std::string, std::string> cells[] = {
      {"file:///etc/passwd", "expected http:// or https://"},
      {"gopher://127.0.0.1/", "expected http:// or https://"},
      {"http://user:w0rd@127.0.0.1/", "a user or password has no place in a URL"},
      {"http://169.254.169.254/latest/meta-data", "link-local"},
      {"http://[::ffff:169.254.1.1]/", "link-local"},
      {"http://[fe80::1]/", "link-local"},
      {"http://[fd00:ec2::254]/latest/meta-data", "link-local"},
      {"http://127.0.0.1:x/", "not understood"}};
  for (const int status : kStatuses) {
    for (const auto& [location, why] : cells) {
      Site site(Always(RedirectTo(location, status)));
      const Status refused = site.Read({}).status();
      EXPECT_EQ(refused.code(), StatusCode::kPermissionDenied) << location << ": " << refused;
      EXPECT_THAT(std::string(refused.message()), HasSubstr(why));
      EXPECT_THAT(std::string(refused.message()), HasSubstr(site.url() + "/k: "));
      EXPECT_THAT(std::string(refused.message()), Not(HasSubstr("w0rd")));
      EXPECT_EQ(site.server.counts().requests, 1);
    }
  }
}

TEST(HttpRedirect, InCirclesOrWithoutAnEndIsGivenUp) {
  std::atomic<int> count{0};
  for (const bool circle : {true, false}) {
    Site site(
        [&](const Asked&) { return RedirectTo(circle ? "/k" : "/" + std::to_string(++count)); });
    EXPECT_EQ(site.Read({}).status().ToString(),
              "FailedPrecondition: " + site.url() + "/k: redirected more than 8 times");
    EXPECT_EQ(site.server.counts().requests, 9);
  }
}

TEST(HttpRedirect, EightAreFollowed) {
  Site site([](const Asked& asked) {
    const int at = asked.target == "/k" ? 0 : std::stoi(asked.target.substr(1));
    if (at < 8) return RedirectTo("/" + std::to_string(at + 1));
    return HttpReply{.body = "value"};
  });
  EXPECT_EQ(site.Text({}), "value");
}

TEST(HttpRedirect, WithoutALocationIsAnError) {
  for (const int status : kStatuses) {
    Site site(Always({.status = status}));
    EXPECT_EQ(site.Read({}).status().code(), StatusCode::kFailedPrecondition);
    EXPECT_EQ(site.server.counts().requests, 1);
  }
}

TEST(HttpRedirect, ToAMissingValueIsMissingAndToAnErrorAnError) {
  for (const auto& [status, code] : {std::pair{404, StatusCode::kOk},
                                     {403, StatusCode::kPermissionDenied},
                                     {500, StatusCode::kUnavailable}}) {
    Site site(
        [given = status](const Asked& asked) {
          return asked.target == "/k" ? RedirectTo("/there") : HttpReply{.status = given};
        },
        Tries(1));
    EXPECT_EQ(site.Read({}).status().code(), code);
  }
}

TEST(HttpRedirect, AReadThatTurnsToAnotherRequestKeepsItsWay) {
  Site site([](const Asked& asked) {
    if (asked.target == "/k") return RedirectTo("/there");
    if (asked.method == "HEAD") return HttpReply{.status = 405};
    return HttpReply{.status = 206, .headers = {{"Content-Range", "bytes 0-0/5"}}, .body = "v"};
  });
  EXPECT_EQ(site.Read({.range = ByteRange::Stat()}).OrDie().total_size, 5);
}

/// Every way to name and use the store, where something goes wrong.
TEST(HttpSecretsOfAStore, AreInNoMessage) {
  const auto expect_silence = [](const Status& status) {
    EXPECT_FALSE(status.ok());
    EXPECT_THAT(status.ToString(), Not(HasSubstr(kCanary)));
  };
  std::atomic<int> answer{0};
  const HttpServer other(Always({.body = "value"}));
  const std::vector<HttpReply> replies = {{.status = 401},
                                          {.status = 403},
                                          {.status = 500},
                                          {.status = 304},
                                          {.body = "v", .delivery = {.stop_after = 3}},
                                          {.raw = "nonsense\r\n\r\n"},
                                          {.headers = {{"Content-Encoding", "gzip"}}},
                                          {.status = 206},
                                          {.status = 206, .headers = {{"Content-Range", kCanary}}},
                                          {.headers = {{"Content-Encoding", "x " + kCanary}}},
                                          {.headers = {{"Content-Length", kCanary}}},
                                          {.headers = {{"Transfer-Encoding", kCanary}}},
                                          RedirectTo(other.url() + "/" + kCanary),
                                          RedirectTo("http://" + kCanary + "/"),
                                          RedirectTo("http://" + kCanary + ".invalid/"),
                                          RedirectTo("ftp://h/" + kCanary),
                                          RedirectTo("/" + kCanary),
                                          RedirectTo(other.url() + "/?" + kCanary),
                                          RedirectTo("file:///x?" + kCanary),
                                          RedirectTo("http://u:" + kCanary + "@h/"),
                                          RedirectTo("//u:" + kCanary + "@h/"),
                                          RedirectTo("http://h:x/?" + kCanary)};
  const HttpServer server([&](const Asked& asked) {
    if (asked.target == "/" + kCanary) return HttpReply{.raw = "nonsense\r\n\r\n"};
    EXPECT_EQ(asked.target.substr(asked.target.find('?')), "?token=" + kCanary);
    return replies[static_cast<size_t>(answer)];
  });
  HttpStoreOptions options = WithHeader();
  options.network.attempts_max = 2;
  const std::string url = server.url() + "/base?token=" + kCanary;
  const KvStorePtr store = MakeHttpStore(url, options).OrDie();
  EXPECT_EQ(store->Describe("a b"), server.url() + "/base/a%20b");
  for (; answer < static_cast<int>(replies.size()); ++answer) {
    expect_silence(store->Read("k").Get().status());
    expect_silence(store->Read("k", {.range = ByteRange::Span(2, 5)}).Get().status());
  }
  answer = 1;
  expect_silence(store->Read("..").Get().status());
  expect_silence(store->Write("k", std::nullopt).Get().status());
  expect_silence(store->List().status());
  expect_silence(Array::Open(url).status());
  expect_silence(checkpoint::Restore(url).status());
  expect_silence(checkpoint::Restore(server.url() + "/.coffer-tmp-0/?token=" + kCanary).status());
}

TEST(HttpSecretsOfAStore, AreInNoMessageOfWhatCannotBeOpened) {
  const std::string http = R"({"driver": "http", "base_url": "http://h", "headers": )";
  const std::string line = "\"Authorization: " + kCanary + "\"";
  for (const std::string& text :
       {"http://u:" + kCanary + "@h/", "http://h/#" + kCanary, "http://h:x/?" + kCanary,
        "htps://h/?" + kCanary, "http://h/a b?" + kCanary, "http://h/x?" + kCanary + "|zip:%",
        R"({"driver": "http", "base_url": "http://h?)" + kCanary + R"(#f"})", http + line + "}",
        http + "[\"Authorization " + kCanary + "\"]}", http + "[{" + line + ": 1}]}",
        http + "[" + line + "]}", http + "[" + line + R"(], "path": 7})",
        http + "[" + line + R"(], "more": 7})", http + "[" + line}) {
    const Status status = OpenKvStore(text).status();
    EXPECT_FALSE(status.ok()) << text;
    EXPECT_THAT(status.ToString(), Not(HasSubstr(kCanary)));
  }
  for (const std::string& text :
       {"http://h/?" + kCanary, "http://h?" + kCanary, "http://h/x/?" + kCanary + "|zip:",
        http + "[" + line + R"(], "path": "a/"})", http + "[" + line + "]}"}) {
    const Status status = OpenKvStoreKey(text).status();
    EXPECT_FALSE(status.ok()) << text;
    EXPECT_THAT(status.ToString(), Not(HasSubstr(kCanary)));
  }
}

TEST(HttpQuery, GoesWithEveryRequestHoweverThePlaceIsNamed) {
  const HttpServer server(Always({.status = 404}));
  const std::string query = "?sig=a%2Fb/c&x";
  const KvStoreKey key = OpenKvStoreKey(server.url() + "/d/v%20w.zip" + query).OrDie();
  EXPECT_EQ(key.key, "v w.zip");
  EXPECT_EQ(key.store->Read(key.key).Get().OrDie().state, State::kMissing);
  EXPECT_EQ(server.requests().back().target, "/d/v%20w.zip" + query);
  EXPECT_FALSE(checkpoint::Restore(server.url() + "/run/1000/" + query).ok());
  EXPECT_FALSE(Array::Open(server.url() + "/a.zarr" + query).ok());
  for (const Asked& asked : server.requests()) {
    EXPECT_THAT(asked.target, ::testing::EndsWith(query));
    EXPECT_THAT(asked.target, Not(HasSubstr("%3F")));
  }
}

}  // namespace
}  // namespace coffer
