// IMDSv2, each time anew:
// 1. PUT /latest/api/token gives a session token. Whoever does not answer that, or refuses it, is
//    no metadata service for us: there are no credentials here. (Version 1, without the token, is
//    open to any process that can be talked into a GET; it is not asked.)
// 2. GET .../security-credentials/ lists the role of the instance; none is no credentials, either.
// 3. GET .../security-credentials/ROLE gives its credentials.
// From the token on, whatever fails is an error: there is a service, and it may answer later.
#include "kvstore/s3/instance_metadata.h"

#include <algorithm>
#include <string>
#include <utility>

#include "kvstore/s3/credentials_source.h"
#include "kvstore/s3/text.h"
#include "src/base/json.h"
#include "src/base/wipe.h"
#include "src/kvstore/url.h"

namespace coffer::inline v0 {

namespace {

using std::chrono::system_clock;

constexpr std::string_view kRolePath = "/latest/meta-data/iam/security-credentials/";
constexpr std::string_view kTokenHeader = "x-aws-ec2-metadata-token";
constexpr int64_t kAnswerBytesMax = 64 << 10;
constexpr size_t kTokenSizeMax = 4096;
constexpr std::chrono::milliseconds kTokenTimeout{1000};  // It decides whether there is a service.
constexpr std::chrono::milliseconds kTimeout{5000};

/// Takes `count` digits off the text.
std::optional<int> TakeNumber(std::string_view* text, size_t count) {
  if (text->size() < count) return std::nullopt;
  int number = 0;
  for (const char c : text->substr(0, count)) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + (c - '0');
  }
  text->remove_prefix(count);
  return number;
}

bool TakeChar(std::string_view* text, char c) {
  if (!text->starts_with(c)) return false;
  text->remove_prefix(1);
  return true;
}

/// What remains behind the seconds: "Z", or an offset from UTC.
std::optional<std::chrono::minutes> TakeOffset(std::string_view* text) {
  if (TakeChar(text, 'Z')) return std::chrono::minutes(0);
  const bool east = text->starts_with('+');
  if (!TakeChar(text, east ? '+' : '-')) return std::nullopt;
  const std::optional<int> hours = TakeNumber(text, 2);
  if (!hours || *hours > 23 || !TakeChar(text, ':')) return std::nullopt;
  const std::optional<int> minutes = TakeNumber(text, 2);
  if (!minutes || *minutes > 59) return std::nullopt;
  return std::chrono::minutes((*hours * 60 + *minutes) * (east ? 1 : -1));
}

constexpr std::string_view kSpace = " \t\r\n";

/// IAM's rule for a name.
bool IsRoleName(std::string_view name) {
  constexpr std::string_view kOther = "_+=,.@-";
  return !name.empty() && name.size() <= 64 && name != "." && name != ".." &&
         std::all_of(name.begin(), name.end(), [&](char c) {
           return IsAlphanumeric(c) || kOther.find(c) != std::string_view::npos;
         });
}

/// The string of that name; "" if there is none, or something else.
std::string_view TextOf(const Json& object, std::string_view name) {
  const Json* const member = object.Find(name);
  return member != nullptr && member->is_string() ? std::string_view(member->string()) : "";
}

class InstanceSource final : public CredentialsSource,
                             public std::enable_shared_from_this<InstanceSource> {
 public:
  InstanceSource(const AwsEnvironment& environment, HttpFetch fetch,
                 std::shared_ptr<Executor> executor)
      : environment_(environment), fetch_(std::move(fetch)), executor_(std::move(executor)) {}

  Future<SourceAnswer> Fetch() override {
    if (environment_.IsTrue("AWS_EC2_METADATA_DISABLED")) {
      return Ready(None("AWS_EC2_METADATA_DISABLED is set"));
    }
    if (fetch_ == nullptr) return Ready(None("not asked"));
    const std::string endpoint = Endpoint();
    if (!endpoint.starts_with("http://") && !endpoint.starts_with("https://")) {
      return Ready(InvalidArgumentError(
          "AWS_EC2_METADATA_SERVICE_ENDPOINT: expected http://host or https://host"));
    }
    HttpAsk ask = {.method = "PUT",
                   .url = endpoint + "/latest/api/token",
                   .headers = {{"x-aws-ec2-metadata-token-ttl-seconds", "21600"}},
                   .body_max_bytes = kAnswerBytesMax,
                   .timeout = kTokenTimeout};
    return fetch_(std::move(ask))
        .Then(*executor_, [self = shared_from_this(), endpoint](Result<HttpAnswer> answer) {
          return self->TakeToken(endpoint, std::move(answer));
        });
  }
  std::string Describe() const override { return "instance metadata"; }

 private:
  static Future<SourceAnswer> Ready(Result<SourceAnswer> answer) {
    return Future<SourceAnswer>::Ready(std::move(answer));
  }
  static SourceAnswer None(std::string why) { return {nullptr, std::move(why)}; }

  /// Without a slash at its end.
  std::string Endpoint() const {
    std::string endpoint = environment_.Variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    if (endpoint.empty()) {
      std::string mode = environment_.Variable("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
      const bool ipv6 = mode == "IPv6" || mode == "ipv6";
      endpoint = ipv6 ? "http://[fd00:ec2::254]" : "http://169.254.169.254";
    }
    while (endpoint.ends_with('/')) endpoint.pop_back();
    return endpoint;
  }

  Future<HttpAnswer> Ask(std::string url, const Secret& token) const {
    return fetch_({.method = "GET",
                   .url = std::move(url),
                   .headers = {{std::string(kTokenHeader), std::string(token.Reveal())}},
                   .body_max_bytes = kAnswerBytesMax,
                   .timeout = kTimeout});
  }

  /// Unavailable, since there is a service; what it is about, and the answer's status.
  Status Failed(std::string_view what, const Result<HttpAnswer>& answer) const {
    if (answer.status().code() == StatusCode::kCancelled) return CancelledError(Describe());
    const std::string got = answer.ok() ? "HTTP " + std::to_string(answer->status)
                                        : std::string(StatusCodeName(answer.status().code()));
    return UnavailableError(Describe() + ": " + std::string(what) + ": " + got);
  }

  Future<SourceAnswer> TakeToken(const std::string& endpoint, Result<HttpAnswer> answer) {
    if (answer.status().code() == StatusCode::kCancelled) return Ready(Failed("token", answer));
    if (!answer.ok()) {
      return Ready(None("no answer (" + std::string(StatusCodeName(answer.status().code())) + ")"));
    }
    const WipedAtEnd wiped(&answer->body);
    if (answer->status == 429 || answer->status >= 500) return Ready(Failed("token", answer));
    if (answer->status != 200) {
      return Ready(None("HTTP " + std::to_string(answer->status) + " to the request for a token"));
    }
    const std::string_view text = Trim(answer->body, kSpace);
    if (text.empty() || text.size() > kTokenSizeMax ||
        !std::all_of(text.begin(), text.end(), IsVisible)) {
      return Ready(None("the answer to the request for a token is none"));
    }
    const Secret token = Secret::Copy(text);
    const std::string url = endpoint + std::string(kRolePath);
    return Ask(url, token)
        .Then(*executor_, [self = shared_from_this(), url, token](Result<HttpAnswer> roles) {
          return self->TakeRole(url, token, roles);
        });
  }

  Future<SourceAnswer> TakeRole(const std::string& url, const Secret& token,
                                const Result<HttpAnswer>& answer) {
    if (answer.ok() && answer->status == 404) return Ready(None("this instance has no role"));
    if (!answer.ok() || answer->status != 200) return Ready(Failed("role", answer));
    const std::string_view body = Trim(answer->body, kSpace);
    if (body.empty()) return Ready(None("this instance has no role"));
    const std::string_view role = Trim(body.substr(0, body.find('\n')), kSpace);
    if (!IsRoleName(role)) {
      return Ready(InvalidArgumentError(Describe() + ": the answer is no name of a role"));
    }
    return Ask(url + PercentEncode(role, Slash::kEncoded), token)
        .Then(*executor_, [self = shared_from_this()](Result<HttpAnswer> credentials) {
          return self->TakeCredentials(std::move(credentials));
        });
  }

  Result<SourceAnswer> Read(const HttpAnswer& answer) const {
    Result<AwsCredentials> credentials = ParseRoleCredentials(answer.body);
    if (!credentials.ok()) return credentials.status().Annotate(Describe());
    return SourceAnswer{std::make_shared<const AwsCredentials>(*std::move(credentials)), ""};
  }

  Future<SourceAnswer> TakeCredentials(Result<HttpAnswer> answer) const {
    if (!answer.ok() || answer->status != 200) return Ready(Failed("credentials", answer));
    const WipedAtEnd wiped(&answer->body);
    return Ready(Read(*answer));
  }

  const AwsEnvironment environment_;
  const HttpFetch fetch_;
  const std::shared_ptr<Executor> executor_;
};

}  // namespace

std::optional<system_clock::time_point> ParseIsoTime(std::string_view text) {
  constexpr int kYearMax = 2199;  // The clock's nanoseconds end in 2262.
  const std::optional<int> year = TakeNumber(&text, 4);
  if (!year || *year < 1970 || !TakeChar(&text, '-')) return std::nullopt;
  const std::optional<int> month = TakeNumber(&text, 2);
  if (!month || !TakeChar(&text, '-')) return std::nullopt;
  const std::optional<int> day = TakeNumber(&text, 2);
  if (!day || !TakeChar(&text, 'T')) return std::nullopt;
  const std::optional<int> hours = TakeNumber(&text, 2);
  if (!hours || *hours > 23 || !TakeChar(&text, ':')) return std::nullopt;
  const std::optional<int> minutes = TakeNumber(&text, 2);
  if (!minutes || *minutes > 59 || !TakeChar(&text, ':')) return std::nullopt;
  const std::optional<int> seconds = TakeNumber(&text, 2);
  if (!seconds || *seconds > 60) return std::nullopt;  // A leap second.
  if (TakeChar(&text, '.')) {
    if (!TakeNumber(&text, 1)) return std::nullopt;
    while (TakeNumber(&text, 1)) continue;
  }
  const std::optional<std::chrono::minutes> offset = TakeOffset(&text);
  if (!offset || !text.empty()) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok()) return std::nullopt;
  if (*year > kYearMax) return std::chrono::sys_days(std::chrono::year(kYearMax + 1) / 1 / 1);
  return std::chrono::sys_days(date) + std::chrono::hours(*hours) + std::chrono::minutes(*minutes) +
         std::chrono::seconds(*seconds) - *offset;
}

Result<AwsCredentials> ParseRoleCredentials(std::string_view text) {
  // The reader's own message would show what it stumbled over.
  const Result<Json> json =
      Json::Parse(text, {.size_max = kAnswerBytesMax, .memory_max = 1 << 20, .depth_max = 8});
  if (!json.ok() || !json->is_object()) {
    return InvalidArgumentError("the answer is no JSON object of credentials");
  }
  if (json->Find("Code") != nullptr && TextOf(*json, "Code") != "Success") {
    const std::string_view code = TextOf(*json, "Code");
    const bool plain = code.size() <= 64 && std::all_of(code.begin(), code.end(), IsAlphanumeric);
    return UnavailableError("the answer is \"" + std::string(plain ? code : "?") +
                            "\" instead of credentials");
  }
  const std::string_view expiration = TextOf(*json, "Expiration");
  AwsCredentials credentials = {.access_key_id = std::string(TextOf(*json, "AccessKeyId")),
                                .secret_access_key = Secret::Copy(TextOf(*json, "SecretAccessKey")),
                                .session_token = Secret::Copy(TextOf(*json, "Token")),
                                .expiry = ParseIsoTime(expiration)};
  COFFER_RETURN_IF_ERROR(CheckCredentials(credentials, "the answer"));
  if (json->Find("Expiration") != nullptr && !credentials.expiry) {
    return InvalidArgumentError("the answer: Expiration is no time in ISO 8601");
  }
  return credentials;
}

CredentialsSourcePtr MakeInstanceSource(const AwsEnvironment& environment, HttpFetch fetch,
                                        std::shared_ptr<Executor> executor) {
  return std::make_shared<InstanceSource>(environment, std::move(fetch), std::move(executor));
}

}  // namespace coffer::inline v0
