// A key is what stands below the store's path, percent-encoded; a read is one GET or HEAD
// (src/kvstore/http_read.h), sent until it is answered (src/net/http_client.h).
//
// Redirects, of which libcurl follows none:
//   1. A target must be http(s), and never http where https was asked.
//   2. Headers of the spec may be credentials, as may the URL's query: with either, only the same
//      scheme, host and port are followed.
//   3. Each read follows its own; at most HttpClient::kAgainMax of them.
//   4. From a key to the same with a "/" behind it is how servers of files say that there is a
//      folder: so no value, and what they show of a folder (a page of names, say) is none.
#include "kvstore/http/http.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <utility>

#include "coffer/async/observer.h"
#include "coffer/kvstore/answer.h"
#include "coffer/kvstore/http.h"
#include "src/base/json.h"
#include "src/base/shown.h"
#include "src/kvstore/network.h"
#include "src/kvstore/spec.h"
#include "src/kvstore/url.h"
#include "src/net/http_url.h"

namespace coffer::inline v0 {

namespace {

constexpr int kRequestConcurrency = 32;

bool IsRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/// What a store and its reads under way share.
struct Site {
  Site(HttpUrl url, const HttpStoreOptions& how, const Context& context)
      : base(std::move(url)), options(how), client(context, RetryOf(how.network)) {}

  const HttpUrl base;  // The path ends with "/".
  const HttpStoreOptions options;
  const HttpClient client;
  LinkEstimate link;
  std::atomic<bool> has_head{true};
  std::atomic<bool> tells_generations{true};

  bool has_credentials() const { return !options.headers.empty() || !base.query.empty(); }
};

/// The URL that one read asks, as redirects change it. One step of a read follows the other.
class Route {
 public:
  Route(std::shared_ptr<Site> site, HttpUrl url) : site_(std::move(site)), url_(std::move(url)) {}

  HttpRequest Request() {
    HttpRequest request;
    request.url = url_.text();
    if (redirects_ > 0) request.shown_url = ShownServerText(ShownUrl(request.url));
    ApplyNetworkOptions(site_->options.network, site_->client.context(), &request);
    for (const HttpStoreHeader& header : site_->options.headers) {
      request.headers.push_back({header.name, std::string(header.value.Reveal())});
    }
    ++site_->client.context().stats().read_requests;
    return request;
  }

  HttpVerdict Judge(const Result<HttpResponse>& outcome) {
    if (!outcome.ok() || !IsRedirect(outcome->status)) return JudgeTransient(outcome);
    const std::optional<std::string_view> location = outcome->Find("location");
    if (!location) return HttpVerdict::kDone;
    const Result<HttpUrl> target = HttpUrl::Resolve(url_, *location);
    if (!target.ok()) {
      return Refuse(PermissionDeniedError("redirected: " +
                                          ShownServerText(std::string(target.status().message()))));
    }
    if (target->origin() == url_.origin() && target->path == url_.path + "/") {
      leads_to_folder_ = true;
      return HttpVerdict::kDone;
    }
    if (url_.tls() && !target->tls()) {
      return Refuse(PermissionDeniedError("redirected from https to http, to " +
                                          ShownServerText(ShownUrl(target->text()))));
    }
    if (site_->has_credentials() && target->origin() != url_.origin()) {
      return Refuse(PermissionDeniedError("redirected to another host, " +
                                          ShownServerText(target->origin()) +
                                          ", which must not get the headers or the query"));
    }
    if (++redirects_ > HttpClient::kAgainMax) {
      return Refuse(FailedPreconditionError("redirected more than " +
                                            std::to_string(HttpClient::kAgainMax) + " times"));
    }
    url_ = *target;
    return HttpVerdict::kAgain;
  }

  /// Why a redirect was not followed.
  const Status& refused() const { return refused_; }
  bool leads_to_folder() const { return leads_to_folder_; }

 private:
  HttpVerdict Refuse(const Status& why) {
    refused_ = why;
    return HttpVerdict::kDone;
  }

  const std::shared_ptr<Site> site_;
  HttpUrl url_;
  int redirects_ = 0;
  Status refused_;
  bool leads_to_folder_ = false;
};

/// Servers resolve and join such segments, so that two keys would be one value.
Status CheckKey(std::string_view key) {
  size_t begin = 0;
  for (;;) {
    const size_t end = std::min(key.find('/', begin), key.size());
    const std::string_view segment = key.substr(begin, end - begin);
    if (segment.empty() || segment == "." || segment == "..") {
      return InvalidArgumentError("a key of this store has no empty, \".\" or \"..\" segment");
    }
    if (end == key.size()) return Status();
    begin = end + 1;
  }
}

class HttpStore final : public KvStore, public std::enable_shared_from_this<HttpStore> {
 public:
  explicit HttpStore(std::shared_ptr<Site> site) : site_(std::move(site)) {}

  Future<ReadResult> Read(std::string key, ReadOptions options) override {
    return Fetch(key, std::move(options), std::nullopt);
  }

  Future<ReadResult> ReadInto(std::string key, std::span<std::byte> destination,
                              ReadOptions options) override {
    return Fetch(key, std::move(options), destination);
  }

  Future<ReadRangesResult> ReadRanges(std::string key, std::vector<ByteRange> ranges,
                                      ReadOptions options) override {
    return ReadRangesAgain(shared_from_this(), std::move(key), std::move(ranges),
                           std::move(options),
                           [site = site_] { return site->tells_generations.load(); });
  }

  Future<WriteResult> Write(std::string key, std::optional<BytesChain> /*value*/,
                            WriteOptions /*options*/) override {
    return Future<WriteResult>::Ready(ReadOnlyError(Describe(key)));
  }

  Capabilities capabilities() const override {
    Capabilities can;
    can.writable = false;
    can.listable = false;
    can.coalesce_gap_bytes = site_->link.gap_bytes();
    can.request_concurrency = kRequestConcurrency;
    return can;
  }

  std::string Describe(std::string_view key) const override {
    return site_->base.origin() + site_->base.path + EncodeUrlPath(key);
  }

 private:
  Future<ReadResult> Fetch(const std::string& key, ReadOptions options,
                           std::optional<std::span<std::byte>> destination) {
    const std::string name = Describe(key);
    if (const Status status = CheckKey(key); !status.ok()) {
      return Future<ReadResult>::Ready(status.Annotate(name));
    }
    const CancelToken cancel = options.cancel;
    HttpRead read(
        name, options, destination,
        {.forbidden_is_missing = site_->options.forbidden_is_missing, .has_head = site_->has_head});
    if (!read.status().ok()) return Future<ReadResult>::Ready(read.status());
    HttpUrl url = site_->base;
    url.path += EncodeUrlPath(key);
    const auto route = std::make_shared<Route>(site_, std::move(url));
    return FetchRead(
               site_->client, std::move(read),
               [route](int) { return Future<HttpRequest>::Ready(route->Request()); },
               [route](const Result<HttpResponse>& outcome) { return route->Judge(outcome); },
               cancel,
               [site = site_](const HttpResponse& answer, const auto&) {
                 Note(*site, answer);
                 return Status();
               })
        .Then([route, name, options](const Result<ReadResult>& result) -> Result<ReadResult> {
          if (route->leads_to_folder()) return AnswerMissing(options);
          if (const Status refused = route->refused(); !refused.ok()) return refused.Annotate(name);
          return result;
        });
  }

  static void Note(Site& site, const HttpResponse& answer) {
    if (answer.status == 405 || answer.status == 501) site.has_head = false;
    if (!answer.ok()) return;
    site.link.Add(answer);
    site.client.context().stats().bytes_read += answer.body_size;
    site.tells_generations = HttpGeneration(answer).known();
  }

  const std::shared_ptr<Site> site_;
};

bool IsHeaderName(std::string_view name) {
  constexpr std::string_view kOther = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kOther.find(c) != std::string_view::npos;
  });
}

Status CheckOptions(const HttpUrl& url, const HttpStoreOptions& options) {
  COFFER_RETURN_IF_ERROR(CheckNetworkOptions(options.network));
  for (const HttpStoreHeader& header : options.headers) {
    const std::string_view value = header.value.Reveal();
    if (!IsHeaderName(header.name) ||
        value.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
      return InvalidArgumentError("header \"" + header.name.substr(0, 100) +
                                  "\": its name or value cannot be sent");
    }
  }
  if (!options.headers.empty() && !url.is_loopback() &&
      (!url.tls() || options.network.insecure_skip_verify)) {
    return InvalidArgumentError(
        "headers may be credentials, and are only sent by verified TLS or to this machine");
  }
  return Status();
}

Result<KvStorePtr> OpenUrl(std::string_view text, const Context& context) {
  return MakeHttpStore(text, {}, context);
}

/// "Name: value", as TensorStore has them.
Status ReadHeaders(const Json& member, HttpStoreOptions* options) {
  // What is wrong is not shown: it may be a token.
  if (!member.is_array()) return InvalidArgumentError("at $.headers: expected an array");
  const Json::Array& headers = member.array();
  for (size_t i = 0; i < headers.size(); ++i) {
    const std::string path = "$.headers[" + std::to_string(i) + "]";
    if (!headers[i].is_string()) return InvalidArgumentError("at " + path + ": expected a string");
    const std::string& line = headers[i].string();
    const size_t colon = line.find(':');
    if (colon == std::string::npos) {
      return InvalidArgumentError("at " + path + ": expected \"Name: value\"");
    }
    const size_t value = std::min(line.find_first_not_of(" \t", colon + 1), line.size());
    options->headers.push_back({line.substr(0, colon), Secret(line.substr(value))});
  }
  return Status();
}

Result<KvStorePtr> OpenJson(std::string_view text, const Context& context) {
  COFFER_ASSIGN_OR_RETURN(const Json spec, Json::Parse(text));
  COFFER_RETURN_IF_ERROR(CheckSpecMembers(
      spec, "$", {"driver", "base_url", "path", "headers", "forbidden_is_missing", "network"},
      {"http_request_concurrency", "http_request_retries", "context"}));
  HttpStoreOptions options;
  const Json* base = spec.Find("base_url");
  if (base == nullptr) {
    return InvalidArgumentError("at $: the spec of an HTTP store needs the member \"base_url\"");
  }
  COFFER_ASSIGN_OR_RETURN(const std::string url, base->AsString("$.base_url"));
  Result<HttpUrl> parsed = HttpUrl::Parse(url);
  if (!parsed.ok()) return parsed.status().Annotate("at $.base_url");
  if (const Json* path = spec.Find("path")) {
    COFFER_ASSIGN_OR_RETURN(const std::string below, path->AsString("$.path"));
    if (parsed->path.ends_with('/')) parsed->path.pop_back();
    parsed->path += (below.starts_with('/') ? "" : "/") + EncodeUrlPath(below);
  }
  if (const Json* headers = spec.Find("headers")) {
    COFFER_RETURN_IF_ERROR(ReadHeaders(*headers, &options));
  }
  if (const Json* member = spec.Find("forbidden_is_missing")) {
    COFFER_ASSIGN_OR_RETURN(options.forbidden_is_missing, member->AsBool("$.forbidden_is_missing"));
  }
  if (const Json* member = spec.Find("network")) {
    COFFER_RETURN_IF_ERROR(ReadNetworkSpec(*member, "$.network", &options.network));
  }
  return MakeHttpStore(parsed->text(), options, context);
}

}  // namespace

Result<KvStorePtr> MakeHttpStore(std::string_view url, const HttpStoreOptions& options,
                                 const Context& context) {
  COFFER_ASSIGN_OR_RETURN(HttpUrl base, HttpUrl::Parse(url));
  if (const Status status = CheckOptions(base, options); !status.ok()) {
    return status.Annotate("URL \"" + ShownUrl(url) + "\"");
  }
  if (options.network.insecure_skip_verify && context.observer() != nullptr) {
    context.observer()->OnLog(ShownUrl(url) + ": certificates are not verified");
  }
  if (!base.path.ends_with('/')) base.path += '/';
  return std::make_shared<HttpStore>(std::make_shared<Site>(std::move(base), options, context));
}

StoreDriver HttpStoreDriver() {
  return {.name = "http", .schemes = {"http", "https"}, .open_url = OpenUrl, .open_json = OpenJson};
}

}  // namespace coffer::inline v0
