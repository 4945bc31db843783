// From options, a URL or a JSON spec to a store: what they leave open is read from the environment
// and the shared files. No request is sent.
#include "kvstore/s3/s3.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "coffer/kvstore/adapters.h"
#include "coffer/kvstore/s3.h"
#include "kvstore/s3/profile_files.h"
#include "kvstore/s3/store.h"
#include "src/base/json.h"
#include "src/base/shown.h"
#include "src/kvstore/spec.h"
#include "src/kvstore/url.h"

namespace coffer::inline v0 {

namespace {

constexpr int64_t kPartBytesMin = MiB(5);
constexpr int64_t kPartBytesMax = GiB(1);
constexpr size_t kCustomerKeySize = 32;

/// Encoded, since it may be no bucket's name: nor may it be one, but keys.
std::string ShownBucket(std::string_view bucket) {
  const std::string shown = ShownUrl("//" + std::string(bucket)).substr(2);
  return EncodeUrlPath(std::string_view(shown).substr(0, 100));
}

/// 3 to 63 of a-z 0-9 - . and, in old buckets, others that do no harm in a path.
Status CheckBucket(std::string_view bucket) {
  const bool fits = bucket.size() >= 3 && bucket.size() <= 255 &&
                    std::all_of(bucket.begin(), bucket.end(), [](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                             (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
                    });
  if (fits && bucket.find("..") == std::string_view::npos) return Status();
  return InvalidArgumentError("\"" + ShownBucket(bucket) +
                              "\" is no name of a bucket: expected 3 to 255 letters, digits, "
                              "\"-\", \"_\" or single \".\"");
}

bool IsHeaderValue(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

/// An address has no names below it: "bucket.127.0.0.1" would be asked of the network's name
/// server, with what may only be told to this machine.
Status CheckAddressing(const S3StoreOptions& options, const std::optional<HttpUrl>& endpoint) {
  if (options.addressing != S3StoreOptions::Addressing::kVirtualHost || !endpoint) return Status();
  HttpUrl below = *endpoint;
  below.host = "bucket." + below.host;
  if (below.is_loopback() == endpoint->is_loopback()) return Status();
  return InvalidArgumentError("endpoint " + endpoint->origin() +
                              ": an address has no virtual hosts; expected \"localhost\"");
}

Status CheckOptions(const S3StoreOptions& options, const std::optional<HttpUrl>& endpoint) {
  COFFER_RETURN_IF_ERROR(CheckNetworkOptions(options.network));
  COFFER_RETURN_IF_ERROR(CheckAddressing(options, endpoint));
  if (options.part_bytes < kPartBytesMin || options.part_bytes > kPartBytesMax) {
    return InvalidArgumentError("part_bytes: expected 5 MiB to 1 GiB, not " +
                                std::to_string(options.part_bytes));
  }
  const S3Encryption& encryption = options.encryption;
  if (!IsHeaderValue(encryption.algorithm) || !IsHeaderValue(encryption.kms_key_id)) {
    return InvalidArgumentError("encryption: its members cannot be sent");
  }
  if (!encryption.customer_key.empty() &&
      (encryption.customer_key.size() != kCustomerKeySize || !encryption.algorithm.empty())) {
    return InvalidArgumentError(
        "encryption: a customer's key has 32 bytes, and no algorithm "
        "stands beside it");
  }
  const bool secret = options.credentials.source != S3Credentials::Source::kAnonymous ||
                      !encryption.customer_key.empty();
  if (!secret || (endpoint && endpoint->is_loopback())) return Status();
  if (options.network.insecure_skip_verify) {
    return InvalidArgumentError("insecure_skip_verify: credentials are only sent to who is known");
  }
  if (!endpoint || endpoint->tls() || (options.allow_http && encryption.customer_key.empty()))
    return Status();
  return InvalidArgumentError("endpoint " + endpoint->origin() +
                              ": credentials are not sent without TLS, unless allow_http says so");
}

/// The metadata service is asked through the context's transport: at once, straight.
HttpFetch FetchThrough(const Context& context) {
  return [context](const HttpAsk& ask) {
    HttpRequest request;
    request.method = ask.method;
    request.url = ask.url;
    for (const auto& [name, value] : ask.headers) request.headers.push_back({name, value});
    if (ask.method == "PUT") request.body.emplace();
    request.limits.connect = request.limits.first_byte = request.limits.total = ask.timeout;
    request.limits.body_max_bytes = ask.body_max_bytes;
    request.allow_link_local = true;
    return context.Get<HttpTransport>()
        .Send(std::move(request), context.shared_executor())
        .Then([](const Result<HttpResponse>& answer) -> Result<HttpAnswer> {
          COFFER_RETURN_IF_ERROR(answer.status());
          return HttpAnswer{answer->status, std::string(answer->body.text())};
        });
  };
}

Result<CredentialsProviderPtr> ProviderOf(const S3Credentials& credentials,
                                          const Context& context) {
  using Source = S3Credentials::Source;
  if (credentials.source == Source::kAnonymous) {
    return MakeAnonymousCredentials(context.shared_executor());
  }
  CredentialsOptions options;
  options.executor = context.shared_executor();
  if (credentials.source == Source::kGiven) {
    options.given.access_key_id = credentials.access_key_id;
    options.given.secret_access_key = credentials.secret_access_key;
    options.given.session_token = credentials.session_token;
    if (options.given.anonymous()) {
      return InvalidArgumentError("credentials: given, but without an access key id");
    }
  } else {
    options.profile = credentials.profile;
    options.fetch = FetchThrough(context);
  }
  return MakeAwsCredentials(std::move(options));
}

/// "bucket", and a prefix that keys begin with.
Result<KvStorePtr> WithPrefix(Result<KvStorePtr> store, std::string prefix) {
  if (!store.ok() || prefix.empty()) return store;
  if (prefix.back() != '/') prefix += '/';
  return MakePrefixStore(*std::move(store), std::move(prefix));
}

Result<KvStorePtr> OpenUrl(std::string_view text, const Context& context) {
  COFFER_ASSIGN_OR_RETURN(const Url url, Url::Parse(text));
  return WithPrefix(MakeS3Store(url.authority, {}, context),
                    url.path.empty() ? "" : url.path.substr(1));
}

Status ReadCredentials(const Json& member, S3Credentials* credentials) {
  const std::string path = "$.aws_credentials";
  COFFER_RETURN_IF_ERROR(CheckSpecMembers(member, path, {"type", "profile"},
                                          {"config_file", "credentials_file", "endpoint"}));
  std::string type = "default";
  if (const Json* value = member.Find("type")) {
    COFFER_ASSIGN_OR_RETURN(type, value->AsString(path + ".type"));
    if (type == "imds" || type == "ecs" || type == "environment") {
      return UnimplementedError("at " + path + ".type: type \"" + type +
                                "\" of TensorStore is not supported (\"default\" tries "
                                "environment, files and metadata service)");
    }
    if (type != "default" && type != "profile" && type != "anonymous") {
      return InvalidArgumentError("at " + path +
                                  ".type: expected \"default\", \"profile\" or \"anonymous\"");
    }
  }
  if (type == "anonymous") credentials->source = S3Credentials::Source::kAnonymous;
  if (const Json* value = member.Find("profile")) {
    COFFER_ASSIGN_OR_RETURN(credentials->profile, value->AsString(path + ".profile"));
  }
  return Status();
}

Status ReadEncryption(const Json& member, S3Encryption* encryption) {
  const std::string path = "$.encryption";
  COFFER_RETURN_IF_ERROR(CheckSpecMembers(member, path, {"algorithm", "kms_key_id"}, {}));
  if (const Json* value = member.Find("algorithm")) {
    COFFER_ASSIGN_OR_RETURN(encryption->algorithm, value->AsString(path + ".algorithm"));
  }
  if (const Json* value = member.Find("kms_key_id")) {
    COFFER_ASSIGN_OR_RETURN(encryption->kms_key_id, value->AsString(path + ".kms_key_id"));
  }
  return Status();
}

Status ReadAddressing(const Json& member, S3StoreOptions* options) {
  using Addressing = S3StoreOptions::Addressing;
  COFFER_ASSIGN_OR_RETURN(const std::string name, member.AsString("$.addressing"));
  if (name == "auto") {
    options->addressing = Addressing::kAuto;
  } else if (name == "path") {
    options->addressing = Addressing::kPath;
  } else if (name == "virtual_host") {
    options->addressing = Addressing::kVirtualHost;
  } else {
    return member.Unexpected("$.addressing", "\"auto\", \"path\" or \"virtual_host\"");
  }
  return Status();
}

Status ReadOptionMembers(const Json& spec, S3StoreOptions* options) {
  if (const Json* member = spec.Find("endpoint")) {
    COFFER_ASSIGN_OR_RETURN(options->endpoint, member->AsString("$.endpoint"));
  }
  if (const Json* member = spec.Find("aws_region")) {
    COFFER_ASSIGN_OR_RETURN(options->region, member->AsString("$.aws_region"));
  }
  const std::pair<const char*, bool*> flags[] = {
      {"requester_pays", &options->requester_pays},
      {"allow_http", &options->allow_http},
      {"forbidden_is_missing", &options->forbidden_is_missing}};
  for (const auto& [name, flag] : flags) {
    if (const Json* member = spec.Find(name)) {
      COFFER_ASSIGN_OR_RETURN(*flag, member->AsBool("$." + std::string(name)));
    }
  }
  if (const Json* member = spec.Find("aws_credentials")) {
    COFFER_RETURN_IF_ERROR(ReadCredentials(*member, &options->credentials));
  }
  if (const Json* member = spec.Find("encryption")) {
    COFFER_RETURN_IF_ERROR(ReadEncryption(*member, &options->encryption));
  }
  if (const Json* member = spec.Find("addressing")) {
    COFFER_RETURN_IF_ERROR(ReadAddressing(*member, options));
  }
  if (const Json* member = spec.Find("part_bytes")) {
    COFFER_ASSIGN_OR_RETURN(options->part_bytes,
                            member->AsInt64("$.part_bytes", kPartBytesMin, kPartBytesMax));
  }
  if (const Json* member = spec.Find("network")) {
    COFFER_RETURN_IF_ERROR(ReadNetworkSpec(*member, "$.network", &options->network));
  }
  return Status();
}

Result<KvStorePtr> OpenJson(std::string_view text, const Context& context) {
  COFFER_ASSIGN_OR_RETURN(const Json spec, Json::Parse(text));
  COFFER_RETURN_IF_ERROR(CheckSpecMembers(
      spec, "$",
      {"driver", "bucket", "path", "endpoint", "aws_region", "requester_pays", "aws_credentials",
       "allow_http", "forbidden_is_missing", "encryption", "addressing", "part_bytes", "network"},
      {"host_header", "use_conditional_write", "s3_request_concurrency", "s3_request_retries",
       "experimental_s3_rate_limiter", "data_copy_concurrency", "context"}));
  const Json* bucket = spec.Find("bucket");
  if (bucket == nullptr) {
    return InvalidArgumentError("at $: the spec of an S3 store needs the member \"bucket\"");
  }
  COFFER_ASSIGN_OR_RETURN(const std::string name, bucket->AsString("$.bucket"));
  std::string path;
  if (const Json* member = spec.Find("path")) {
    COFFER_ASSIGN_OR_RETURN(path, member->AsString("$.path"));
  }
  S3StoreOptions options;
  COFFER_RETURN_IF_ERROR(ReadOptionMembers(spec, &options));
  return WithPrefix(MakeS3Store(name, options, context), std::move(path));
}

}  // namespace

Result<KvStorePtr> MakeS3Store(std::string_view bucket, const S3StoreOptions& given,
                               const Context& context) {
  S3StoreOptions options = given;
  const std::string name = "s3://" + ShownBucket(bucket);
  if (Status status = CheckBucket(bucket); !status.ok()) return status.Annotate(name);
  const AwsEnvironment environment = AwsEnvironment::OfProcess();
  if (options.endpoint.empty() || options.region.empty()) {
    const Result<AwsSettings> settings = ReadAwsSettings(environment, options.credentials.profile);
    if (!settings.ok()) return settings.status().Annotate(name);
    if (options.endpoint.empty()) options.endpoint = settings->endpoint_url;
    if (options.region.empty()) options.region = settings->region;
  }
  if (options.network.ca_file.empty())
    options.network.ca_file = environment.Variable("AWS_CA_BUNDLE");
  std::optional<HttpUrl> endpoint;
  if (!options.endpoint.empty()) {
    Result<HttpUrl> url = HttpUrl::Parse(options.endpoint);
    if (url.ok() && !url->query.empty()) url = InvalidArgumentError("endpoint: it has a query");
    if (!url.ok()) return url.status().Annotate(name);
    endpoint = *std::move(url);
  }
  if (Status status = CheckOptions(options, endpoint); !status.ok()) return status.Annotate(name);
  Result<CredentialsProviderPtr> credentials = ProviderOf(options.credentials, context);
  if (!credentials.ok()) return credentials.status().Annotate(name);
  return MakeStoreOfBucket(std::make_shared<S3Bucket>(std::string(bucket), std::move(options),
                                                      std::move(endpoint), *std::move(credentials),
                                                      environment, context));
}

StoreDriver S3StoreDriver() {
  return {.name = "s3", .schemes = {"s3"}, .open_url = OpenUrl, .open_json = OpenJson};
}

}  // namespace coffer::inline v0
