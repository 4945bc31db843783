// Goal: requests carry what was asked for and no more, secrets reach nobody but the server, and
// what the environment, the shared files, the metadata service and a spec say is heeded. Method: a
// scripted server that checks every signature; what it was sent is compared. A hostile one repeats
// all it was sent in its answers, and no text that a user sees may hold a secret.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "coffer/async/observer.h"
#include "coffer/checkpoint/checkpoint.h"
#include "kvstore/s3/xml.h"
#include "src/base/base64.h"
#include "src/base/mutex.h"
#include "tests/fault/s3_fixture.h"
#include "tests/support/temp_dir.h"

namespace coffer::inline v0::testing {
namespace {

const Generation kAbsent = Generation::Missing();

/// Every kind of request there is, on a store of small parts; the probe's, too. The answer to the
/// write of "lost" is to be lost where a HEAD is wanted.
void DoEverything(KvStore& store) {
  const std::string large(40, 'x');
  const auto ignore = [](const auto& /*result*/) {};
  ignore(store.Write("k", Bytes::Copy("v"), {.if_equal = kAbsent}).Get());
  ignore(store.Write("large", Bytes::Copy(large)).Get());
  ignore(store.Read("k").Get());
  ignore(store.Write("lost", Bytes::Copy("v")).Get());
  ignore(store.Read("large", {.range = ByteRange::Span(1, 3)}).Get());
  if (auto writer = store.OpenWriter("w"); writer.ok()) {
    ignore((*writer)->Append(std::as_bytes(std::span(large))));
  }
  ignore(ListAll(store));
  ignore(store.ClearDebris(KeyRange(), {.assume_no_writers = true}).Get());
  ignore(store.Write("k", std::nullopt).Get());
  ignore(store.DeleteRange(KeyRange()).Get());
}

const std::set<std::string> kOperations = {"GetObject",
                                           "HeadObject",
                                           "PutObject",
                                           "DeleteObject",
                                           "DeleteObjects",
                                           "ListObjectsV2",
                                           "UploadPart",
                                           "ListMultipartUploads",
                                           "CreateMultipartUpload",
                                           "CompleteMultipartUpload",
                                           "AbortMultipartUpload"};

class S3Requests : public S3Faults {
 protected:
  void SetUp() override {
    s3_.Misbehave([](const S3Call& call) {
      const bool put = call.operation == "PutObject" && call.key == "lost";
      return put ? S3Fault::Lost() : S3Fault();
    });
  }
  /// Which operations had a header with this value, of those that were asked for.
  std::set<std::string> With(const std::string& name, const std::string& value) {
    EXPECT_TRUE(s3_.WaitUntil([this] { return s3_.count("AbortMultipartUpload") > 0; }));
    std::set<std::string> with;
    std::set<std::string> all;
    for (const S3Call& call : s3_.calls()) {
      all.insert(call.operation);
      if (call.http.Header(name) == value) with.insert(call.operation);
    }
    EXPECT_EQ(all, kOperations);
    return with;
  }
};

TEST_F(S3Requests, WhoPaysIsSaidByAll) {
  S3StoreOptions options = s3_.options();
  options.requester_pays = true;
  DoEverything(*StoreOfSmallParts(options));
  EXPECT_EQ(With("x-amz-request-payer", "requester"), kOperations);
}

TEST_F(S3Requests, EncryptionIsSaidByThoseThatMakeAnObject) {
  S3StoreOptions options = s3_.options();
  options.encryption.algorithm = "aws:kms";
  options.encryption.kms_key_id = "arn:aws:kms:key/1";
  const KvStorePtr store = StoreOfSmallParts(options);
  DoEverything(*store);
  const std::set<std::string> making = {"PutObject", "CreateMultipartUpload"};
  EXPECT_EQ(With("x-amz-server-side-encryption", "aws:kms"), making);
  EXPECT_EQ(With("x-amz-server-side-encryption-aws-kms-key-id", "arn:aws:kms:key/1"), making);
  // The server refuses such headers elsewhere: all of it has worked.
  EXPECT_TRUE(s3_.keys().empty());
  EXPECT_EQ(Word(store->Write("k", Bytes::Copy("v"), {.if_equal = kAbsent}).Get()), "written");
}

TEST_F(S3Requests, ACustomersKeyIsSentWithBytesAlone) {
  S3StoreOptions options = s3_.options();
  const std::string key = "0123456789abcdef0123456789abcdef";
  options.encryption.customer_key = Secret::Copy(key);
  const KvStorePtr store = StoreOfSmallParts(options);
  DoEverything(*store);
  const std::set<std::string> bytes = {"GetObject",  "HeadObject",
                                       "PutObject",  "CreateMultipartUpload",
                                       "UploadPart", "CompleteMultipartUpload"};
  const std::string prefix = "x-amz-server-side-encryption-customer-";
  EXPECT_EQ(With(prefix + "key", EncodeBase64(key)), bytes);
  EXPECT_EQ(With(prefix + "algorithm", "AES256"), bytes);
  EXPECT_EQ(With(prefix + "key-md5", "hRasmdxgYDKV3nvbahU1MA=="), bytes);
  EXPECT_EQ(Word(store->Write("k", Bytes::Copy("v"), {.if_equal = kAbsent}).Get()), "written");
  EXPECT_EQ(Word(store->Read("k").Get()), "value");
  EXPECT_EQ(Word(Store()->Read("k").Get()), "InvalidArgument");
}

TEST(S3Anonymous, IsNotSigned) {
  FakeS3 s3({.anonymous = true});
  const Context context = Context::Create({.threads = 2});
  const KvStorePtr store = MakeS3Store(s3.bucket(), s3.options(), context).OrDie();
  DoEverything(*store);
  EXPECT_GT(s3.calls().size(), 10u);
  for (const S3Call& call : s3.calls()) {
    for (const char* const name :
         {"authorization", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token"}) {
      EXPECT_EQ(call.http.Header(name), "") << call.operation;
    }
  }
  EXPECT_EQ(Word(store->Write("k", Bytes::Copy("v"), {.if_equal = kAbsent}).Get()), "written");
}

TEST(S3Token, IsSignedAndSentWithAll) {
  FakeS3 s3({.session_token = "a/session+token=="});
  const Context context = Context::Create({.threads = 2});
  const KvStorePtr store = MakeS3Store(s3.bucket(), s3.options(), context).OrDie();
  DoEverything(*store);
  for (const S3Call& call : s3.calls()) {
    EXPECT_EQ(call.http.Header("x-amz-security-token"), "a/session+token==");
  }
  EXPECT_EQ(Word(store->Write("k", Bytes::Copy("v"), {.if_equal = kAbsent}).Get()), "written");
}

TEST(S3Addressing, IsByPathOrByHost) {
  for (const auto addressing :
       {S3StoreOptions::Addressing::kAuto, S3StoreOptions::Addressing::kPath,
        S3StoreOptions::Addressing::kVirtualHost}) {
    FakeS3 s3;
    const Context context = Context::Create({.threads = 2});
    S3StoreOptions options = s3.options();
    const std::string host = "localhost:" + std::to_string(s3.server().port());
    options.endpoint = "http://" + host;
    options.addressing = addressing;
    const KvStorePtr store = MakeS3Store(s3.bucket(), options, context).OrDie();
    EXPECT_EQ(Word(store->Write("a b/+", Bytes::Copy("v"), {.if_equal = kAbsent}).Get()),
              "written");
    const bool by_host = addressing == S3StoreOptions::Addressing::kVirtualHost;
    EXPECT_EQ(s3.calls().back().http.Header("host"), (by_host ? "bucket." : "") + host);
    EXPECT_EQ(s3.calls().back().http.target, std::string(by_host ? "" : "/bucket") + "/a%20b/%2B");
    EXPECT_EQ(s3.keys(), std::vector<std::string>{"a b/+"});
  }
}

// What is refused before any request.

std::string Refusal(const S3StoreOptions& options, const std::string& bucket = "bucket") {
  const auto store = MakeS3Store(bucket, options, Context::Default());
  return store.ok() ? "" : store.status().ToString();
}

TEST(S3Options, KeepCredentialsFromWhoMustNotHaveThem) {
  S3StoreOptions options;
  options.region = "us-east-1";
  options.endpoint = "http://192.0.2.1:9000";
  options.credentials = {.source = S3Credentials::Source::kGiven,
                         .access_key_id = "AKID",
                         .secret_access_key = Secret::Copy("canary")};
  const std::string no_tls =
      "InvalidArgument: s3://bucket: endpoint http://192.0.2.1:9000: credentials are not sent "
      "without TLS, unless allow_http says so";
  EXPECT_EQ(Refusal(options), no_tls);
  options.allow_http = true;
  EXPECT_EQ(Refusal(options), "");
  // The customer's own key is not sent without TLS, whatever is allowed.
  options.encryption.customer_key = Secret::Copy(std::string(32, 'k'));
  EXPECT_EQ(Refusal(options), no_tls);
  options.credentials = {.source = S3Credentials::Source::kAnonymous};
  EXPECT_EQ(Refusal(options), no_tls);
  options.encryption.customer_key = Secret();
  options.allow_http = false;
  EXPECT_EQ(Refusal(options), "");
  for (const char* const loopback :
       {"http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1"}) {
    options.credentials = {};
    options.endpoint = loopback;
    EXPECT_EQ(Refusal(options), "") << loopback;
  }
}

TEST(S3Options, AnAddressOfThisMachineHasNoVirtualHosts) {
  S3StoreOptions options;
  options.region = "us-east-1";
  options.addressing = S3StoreOptions::Addressing::kVirtualHost;
  for (const char* const endpoint : {"http://127.0.0.1:1", "https://127.1.2.3", "http://[::1]:1"}) {
    options.endpoint = endpoint;
    EXPECT_EQ(Refusal(options), std::string("InvalidArgument: s3://bucket: endpoint ") + endpoint +
                                    ": an address has no virtual hosts; expected \"localhost\"");
  }
  for (const char* const endpoint :
       {"http://localhost:1", "http://s3.localhost:1", "https://192.0.2.1", "https://h"}) {
    options.endpoint = endpoint;
    EXPECT_EQ(Refusal(options), "") << endpoint;
  }
  options.endpoint = "http://localhost.evil.org";
  EXPECT_NE(Refusal(options), "");
}

TEST(S3Options, UnverifiedServersGetNoCredentials) {
  S3StoreOptions options;
  options.region = "us-east-1";
  options.network.insecure_skip_verify = true;
  options.allow_http = true;
  const std::string refused =
      "InvalidArgument: s3://bucket: insecure_skip_verify: credentials are only sent to who is "
      "known";
  ASSERT_EQ(setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true", 1), 0);
  EXPECT_EQ(Refusal(options), refused);  // AWS itself.
  ASSERT_EQ(unsetenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"), 0);
  options.endpoint = "https://s3.example.org";
  EXPECT_EQ(Refusal(options), refused);
  options.credentials.source = S3Credentials::Source::kAnonymous;
  EXPECT_EQ(Refusal(options), "");
}

TEST(S3Options, ThatCannotBeAreRefused) {
  S3StoreOptions good;
  good.region = "us-east-1";
  good.endpoint = "http://127.0.0.1:1";
  const auto refusal = [&](const std::function<void(S3StoreOptions&)>& change) {
    S3StoreOptions options = good;
    change(options);
    return Refusal(options);
  };
  using Options = S3StoreOptions;
  const std::string invalid = "InvalidArgument: s3://bucket: ";
  EXPECT_EQ(refusal([](Options&) {}), "");
  EXPECT_EQ(refusal([](Options& o) { o.part_bytes = MiB(5) - 1; }),
            invalid + "part_bytes: expected 5 MiB to 1 GiB, not 5242879");
  EXPECT_EQ(refusal([](Options& o) { o.part_bytes = GiB(1) + 1; }),
            invalid + "part_bytes: expected 5 MiB to 1 GiB, not 1073741825");
  EXPECT_EQ(refusal([](Options& o) { o.network.attempts_max = 0; }),
            invalid + "attempts_max: expected at least 1, not 0");
  EXPECT_EQ(refusal([](Options& o) { o.encryption.algorithm = "AES 256"; }),
            invalid + "encryption: its members cannot be sent");
  EXPECT_EQ(refusal([](Options& o) { o.encryption.kms_key_id = "a\r\nX-Evil:b"; }),
            invalid + "encryption: its members cannot be sent");
  const std::string key =
      invalid + "encryption: a customer's key has 32 bytes, and no algorithm stands beside it";
  EXPECT_EQ(refusal([](Options& o) { o.encryption.customer_key = Secret::Copy("short"); }), key);
  EXPECT_EQ(refusal([](Options& o) {
              o.encryption.customer_key = Secret::Copy(std::string(32, 'k'));
              o.encryption.algorithm = "AES256";
            }),
            key);
  EXPECT_EQ(refusal([](Options& o) { o.credentials.source = S3Credentials::Source::kGiven; }),
            invalid + "credentials: given, but without an access key id");
  EXPECT_EQ(refusal([](Options& o) { o.endpoint = "http://127.0.0.1:1/?a=b"; }),
            invalid + "endpoint: it has a query");
  EXPECT_NE(refusal([](Options& o) { o.endpoint = "ftp://127.0.0.1"; }), "");
  EXPECT_NE(refusal([](Options& o) { o.endpoint = "http://user:canary@127.0.0.1"; }), "");
  EXPECT_EQ(refusal([](Options& o) { o.endpoint = "http://user:canary@h"; }).find("canary"),
            std::string::npos);
  for (const char* const bucket :
       {"", "ab", "a/b", "a b", "a..b", "a?b", "a@b", "\xC3\xA9t\xC3\xA9"}) {
    EXPECT_NE(Refusal(good, bucket)
                  .find("is no name of a bucket: expected 3 to 255 letters, "
                        "digits, \"-\", \"_\" or single \".\""),
              std::string::npos)
        << bucket;
  }
}

// The environment.

class S3Environment : public S3Faults {
 protected:
  S3Environment() {
    for (const char* const name :
         {"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION",
          "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE",
          "AWS_CA_BUNDLE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"}) {
      Set(name, nullptr);
    }
    Set("HOME", home_.path().c_str());
    Set("AWS_EC2_METADATA_DISABLED", "true");
  }
  ~S3Environment() override {
    for (const auto& [name, value] : before_) {
      if (value) {
        setenv(name.c_str(), value->c_str(), 1);
      } else {
        unsetenv(name.c_str());
      }
    }
  }
  void Set(const char* name, const char* value) {
    const char* const before = getenv(name);
    before_.try_emplace(name,
                        before == nullptr ? std::nullopt : std::optional<std::string>(before));
    if (value == nullptr) {
      unsetenv(name);
    } else {
      setenv(name, value, 1);
    }
  }
  void SetKeys() {
    Set("AWS_ACCESS_KEY_ID", FakeS3::Options().access_key_id.c_str());
    Set("AWS_SECRET_ACCESS_KEY", FakeS3::Options().secret_access_key.c_str());
  }
  void WriteFile(const std::string& name, const std::string& text) {
    const std::string path = home_ / name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << text;
  }
  std::string Works(const std::string& url) {
    const Result<KvStorePtr> store = OpenKvStore(url, context_);
    if (!store.ok()) return store.status().ToString();
    const auto result = (*store)->Write("k", Bytes::Copy("v")).Get();
    return result.ok() ? Word(result) : result.status().ToString();
  }
  static std::string FileOfKeys() {
    return "aws_access_key_id = " + FakeS3::Options().access_key_id +
           "\naws_secret_access_key = " + FakeS3::Options().secret_access_key + "\n";
  }

  const TempDir home_;
  std::map<std::string, std::optional<std::string>> before_;
};

TEST_F(S3Environment, VariablesSayWhereAndWho) {
  SetKeys();
  Set("AWS_ENDPOINT_URL", s3_.url().c_str());
  EXPECT_EQ(Works("s3://bucket"), "written");
  EXPECT_EQ(Works("s3://bucket/a%20prefix/of keys"), "written");
  EXPECT_EQ(s3_.keys(), (std::vector<std::string>{"a prefix/of keys/k", "k"}));
  Set("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
  Set("AWS_ENDPOINT_URL_S3", s3_.url().c_str());
  EXPECT_EQ(Works("s3://bucket"), "written");
  Set("AWS_REGION", "eu-west-9");
  EXPECT_EQ(Works("s3://bucket"), "written");
  EXPECT_NE(s3_.calls()[s3_.calls().size() - 2].http.Header("authorization").find("/eu-west-9/"),
            std::string::npos);
}

TEST_F(S3Environment, AProfileSaysWhereAndWho) {
  WriteFile(".aws/config",
            "[default]\nregion = nowhere\n[profile mine]\nregion = us-east-1\n"
            "endpoint_url = " +
                s3_.url() + "\n");
  WriteFile(".aws/credentials", "[mine]\n" + FileOfKeys());
  const std::string by_member =
      R"({"driver": "s3", "bucket": "bucket", "aws_credentials": {"type": "profile", "profile": "mine"}})";
  EXPECT_EQ(Works(by_member), "written");
  EXPECT_EQ(s3_.count("PutObject"), 1);  // The region was right.
  Set("AWS_PROFILE", "mine");
  EXPECT_EQ(Works("s3://bucket"), "written");
  Set("AWS_PROFILE", "another");
  EXPECT_EQ(Works("s3://bucket"),
            "FailedPrecondition: s3://bucket: AWS profile \"another\" is neither in \"" +
                (home_ / ".aws/credentials") + "\" nor in \"" + (home_ / ".aws/config") + "\"");
}

TEST_F(S3Environment, ABundleOfAuthoritiesIsHeeded) {
  SetKeys();
  const std::string bundle = home_ / "no such.pem";
  Set("AWS_CA_BUNDLE", bundle.c_str());
  Set("AWS_ENDPOINT_URL", ("https://127.0.0.1:" + std::to_string(s3_.server().port())).c_str());
  const std::string error = Works("s3://bucket");
  EXPECT_EQ(error.find("PermissionDenied: s3://bucket/k: "), 0u) << error;
  EXPECT_NE(error.find("no such.pem"), std::string::npos) << error;
  EXPECT_TRUE(s3_.calls().empty());
}

TEST_F(S3Environment, NobodyToAskAsIsSaid) {
  Set("AWS_ENDPOINT_URL", s3_.url().c_str());
  const std::string error = Works("s3://bucket");
  EXPECT_EQ(error.find("FailedPrecondition: s3://bucket/k: no AWS credentials: "), 0u) << error;
  EXPECT_NE(error.find("AWS_EC2_METADATA_DISABLED is set"), std::string::npos) << error;
  EXPECT_TRUE(s3_.calls().empty());
}

// The metadata service.

/// As of an instance with a role: it asks for its token, which it gives to those who PUT for it.
class MetadataService {
 public:
  MetadataService() : server_([this](const HttpRequest& request) { return Serve(request); }) {}

  std::string url() const { return server_.url(); }
  std::vector<HttpRequest> requests() const { return server_.requests(); }
  void SetRole(const std::string& access_key_id) {
    const MutexLock lock(mutex_);
    access_key_id_ = access_key_id;
  }
  /// The answer to requests for what ends like this.
  void SetAnswer(const std::string& end, HttpReply reply) {
    const MutexLock lock(mutex_);
    refused_ = end;
    refusal_ = std::move(reply);
  }

 private:
  HttpReply Serve(const HttpRequest& request) {
    const MutexLock lock(mutex_);
    if (!refused_.empty() && request.target.ends_with(refused_)) return refusal_;
    const std::string roles = "/latest/meta-data/iam/security-credentials/";
    if (request.target == "/latest/api/token") {
      const bool right = request.method == "PUT" && request.Header("content-length") == "0" &&
                         request.Header("x-aws-ec2-metadata-token-ttl-seconds") == "21600";
      return right ? HttpReply{.body = "the-imds-token\n"} : HttpReply{.status = 400};
    }
    if (request.method != "GET") return {.status = 405};
    if (request.Header("x-aws-ec2-metadata-token") != "the-imds-token") return {.status = 401};
    if (request.target == roles) return {.body = "my-role\n"};
    if (request.target != roles + "my-role") return {.status = 404};
    return {.body = R"({"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": ")" + access_key_id_ +
                    R"(", "SecretAccessKey": ")" + FakeS3::Options().secret_access_key +
                    R"(", "Token": "token/of/the/role", "Expiration": "2199-01-01T00:00:00Z"})"};
  }

  Mutex mutex_;
  std::string access_key_id_ COFFER_GUARDED_BY(mutex_) = FakeS3::Options().access_key_id;
  std::string refused_ COFFER_GUARDED_BY(mutex_);
  HttpReply refusal_ COFFER_GUARDED_BY(mutex_);
  HttpServer server_;
};

class S3Metadata : public S3Environment {
 protected:
  S3Metadata() {
    Set("AWS_EC2_METADATA_DISABLED", nullptr);
    Set("AWS_EC2_METADATA_SERVICE_ENDPOINT", (service_.url() + "/").c_str());
    Set("AWS_ENDPOINT_URL", of_role_.url().c_str());
  }
  FakeS3 of_role_{{.session_token = "token/of/the/role"}};
  MetadataService service_;
};

TEST_F(S3Metadata, GivesTheCredentialsOfTheRole) {
  const KvStorePtr store = OpenKvStore("s3://bucket", context_).OrDie();
  EXPECT_TRUE(service_.requests().empty());  // The first request of the store asks.
  EXPECT_EQ(Word(store->Write("k", Bytes::Copy("v"), {.if_equal = kAbsent}).Get()), "written");
  EXPECT_EQ(Word(store->Read("k").Get()), "value");
  EXPECT_EQ(service_.requests().size(), 3u);
  EXPECT_EQ(of_role_.calls().back().http.Header("x-amz-security-token"), "token/of/the/role");
}

TEST_F(S3Metadata, IsAskedAgainOnceWhereCredentialsHaveExpired) {
  const KvStorePtr store = OpenKvStore("s3://bucket", context_).OrDie();
  EXPECT_EQ(Word(store->Write("k", Bytes::Copy("v")).Get()), "written");
  of_role_.Rotate("AKIDOFTHESECONDHOUR0");
  service_.SetRole("AKIDOFTHESECONDHOUR0");
  EXPECT_EQ(Word(store->Read("k").Get()), "value");
  EXPECT_EQ(of_role_.count("GetObject"), 2);
  EXPECT_EQ(service_.requests().size(), 6u);
  // No newer ones: one more look, and the error.
  of_role_.Rotate("AKIDOFTHETHIRDHOUR00");
  EXPECT_EQ(store->Read("k").Get().status().ToString(),
            "PermissionDenied: s3://bucket/k: GET: the server answered 400: ExpiredToken");
  EXPECT_EQ(of_role_.count("GetObject"), 4);
  EXPECT_EQ(service_.requests().size(), 9u);
}

TEST_F(S3Metadata, AHeadWithExpiredCredentialsIsRefreshedThoughItsAnswerHasNoCode) {
  const KvStorePtr store = OpenKvStore("s3://bucket", context_).OrDie();
  of_role_.Misbehave([this](const S3Call& call) {
    if (call.operation != "PutObject") return S3Fault();
    of_role_.Rotate("AKIDOFTHESECONDHOUR0");
    service_.SetRole("AKIDOFTHESECONDHOUR0");
    return S3Fault::Error(500, "InternalError");
  });
  EXPECT_EQ(Word(store->Write("k", Bytes::Copy("v")).Get()), "Unavailable");
  EXPECT_EQ(of_role_.count("HeadObject"), 2);
}

TEST_F(S3Metadata, ThatFailsIsToldWithoutWhatItSaid) {
  const HttpReply wrong = {.status = 500, .body = "canary"};
  struct Case {
    const char* target;
    HttpReply reply;
    const char* error;
  };
  const Case cases[] = {
      {"/token", wrong, "Unavailable: s3://bucket/k: instance metadata: token: HTTP 500"},
      {"/security-credentials/", wrong,
       "Unavailable: s3://bucket/k: instance metadata: role: HTTP 500"},
      {"/my-role", wrong, "Unavailable: s3://bucket/k: instance metadata: credentials: HTTP 500"},
      {"/my-role",
       {.body = R"({"Code": "Failed", "Message": "canary"})"},
       "Unavailable: s3://bucket/k: instance metadata: the answer is \"Failed\" instead of "
       "credentials"},
      {"/my-role",
       {.body = R"({"SecretAccessKey": "canary)"},
       "InvalidArgument: s3://bucket/k: instance metadata: the answer is no JSON object of "
       "credentials"},
  };
  for (const Case& each : cases) {
    service_.SetAnswer(each.target, each.reply);
    const KvStorePtr store = OpenKvStore("s3://bucket", context_).OrDie();
    EXPECT_EQ(store->Read("k").Get().status().ToString(), each.error);
  }
  service_.SetAnswer("/token", {.status = 403, .body = "canary"});
  const std::string none = Works("s3://bucket");
  EXPECT_EQ(none.find("FailedPrecondition: s3://bucket/k: no AWS credentials: "), 0u) << none;
  EXPECT_NE(none.find("HTTP 403 to the request for a token"), std::string::npos) << none;
  EXPECT_EQ(none.find("canary"), std::string::npos) << none;
  EXPECT_TRUE(of_role_.calls().empty());
}

// Secrets.

class Listener final : public Observer {
 public:
  void OnSpan(std::string_view operation, std::string_view subject, std::chrono::nanoseconds,
              const Status& outcome) override {
    const MutexLock lock(mutex_);
    heard_.append(operation).append(subject).append(outcome.ToString()).append("\n");
  }
  void OnLog(std::string_view line) override {
    const MutexLock lock(mutex_);
    heard_.append(line).append("\n");
  }
  std::string heard() const {
    const MutexLock lock(mutex_);
    return heard_;
  }

 private:
  mutable Mutex mutex_;
  std::string heard_ COFFER_GUARDED_BY(mutex_);
};

/// All that a user can be told of operations on a store, good and bad.
std::string AllTexts(KvStore& store) {
  std::string texts;
  const auto add = [&](const auto& result) {
    if constexpr (std::is_same_v<std::decay_t<decltype(result)>, Status>) {
      texts += result.ToString() + "\n";
    } else {
      texts += result.status().ToString() + "\n";
    }
  };
  std::vector<std::byte> destination(1);
  const std::string large(40, 'x');
  add(store.Read("k").Get());
  add(store.Read("k", {.range = ByteRange::Stat()}).Get());
  add(store.Read("k", {.range = ByteRange::Span(0, 1), .if_equal = {"\"a\""}}).Get());
  add(store.ReadInto("k", destination).Get());
  add(store.ReadRanges("k", {ByteRange::Span(0, 1), ByteRange::Last(1)}).Get());
  add(store.Write("k", Bytes::Copy("v")).Get());
  add(store.Write("k", Bytes::Copy("v"), {.if_equal = kAbsent}).Get());
  add(store.Write("k", Bytes::Copy(large)).Get());
  add(store.Write("k", std::nullopt).Get());
  add(store.Write("k", std::nullopt, {.if_equal = kAbsent}).Get());
  add(store.Write("k", std::nullopt, {.if_equal = {"\"a\""}}).Get());
  add(ListAll(store).status());
  add(store.DeleteRange(KeyRange()).Get());
  add(store.ClearDebris(KeyRange(), {.assume_no_writers = true}).Get());
  const auto writer = store.OpenWriter("k").OrDie();
  add(writer->Append(std::as_bytes(std::span(large))));
  add(writer->Commit().Get());
  return texts + store.Describe("k") + store.Describe("");
}

class S3Secrets : public ::testing::Test {
 protected:
  S3Secrets() {
    S3StoreOptions options = s3_.options();
    options.encryption.customer_key = Secret::Copy(kCustomerKey);
    options.network.attempts_max = 2;
    options.part_bytes = 4;
    CredentialsOptions credentials;
    credentials.given = {.access_key_id = options.credentials.access_key_id,
                         .secret_access_key = options.credentials.secret_access_key,
                         .session_token = options.credentials.session_token};
    store_ = MakeStoreOfBucket(std::make_shared<S3Bucket>(
        "bucket", options, HttpUrl::Parse(options.endpoint).OrDie(),
        MakeAwsCredentials(std::move(credentials)).OrDie(), AwsEnvironment::OfProcess(), context_));
  }

  /// All that is told while requests go wrong this way.
  void ExpectNoneShows(const std::function<S3Fault(const S3Call&)>& how) {
    s3_.Put("k", "v");
    s3_.Misbehave(how);
    const std::string texts = AllTexts(*store_) + listener_->heard();
    s3_.Misbehave(nullptr);
    for (const std::string& secret :
         {kId, kKey, kToken, kCustomerKey, coffer::EncodeBase64(kCustomerKey)}) {
      EXPECT_EQ(texts.find(secret), std::string::npos) << secret << " in\n" << texts;
    }
    // The signatures of all requests.
    for (const S3Call& call : s3_.calls()) {
      const std::string authorization = call.http.Header("authorization");
      const std::string signature = authorization.substr(authorization.rfind('=') + 1);
      ASSERT_EQ(signature.size(), 64u);
      ASSERT_EQ(texts.find(signature), std::string::npos) << texts;
    }
  }

  /// All that was sent, as a hostile or careless server repeats it.
  static std::string Echo(const S3Call& call) {
    std::string echo;
    for (const auto& [name, value] : call.http.headers) echo += name + ": " + value + "\n";
    return echo;
  }

  const std::string kId = "AKIDCANARYCANARY0001";
  const std::string kKey = "canary/secret+key/canary/secret+key/0002";
  const std::string kToken = "canary/session+token/canary0003==";
  const std::string kCustomerKey = "canary-customer-key-canary-00004";
  const std::shared_ptr<Listener> listener_ = std::make_shared<Listener>();
  FakeS3 s3_{{.access_key_id = kId, .secret_access_key = kKey, .session_token = kToken}};
  Context context_ = Context::Create({.threads = 2, .observer = listener_});
  KvStorePtr store_;
};

TEST_F(S3Secrets, AreNotInWhatGoesWell) {
  ExpectNoneShows([](const S3Call&) { return S3Fault(); });
}

TEST_F(S3Secrets, AreNotInErrorsOfAServerThatRepeatsThem) {
  for (const int status : {200, 301, 400, 403, 404, 409, 412, 416, 500, 501, 503}) {
    ExpectNoneShows([=](const S3Call& call) {
      return S3Fault::Answer(S3ErrorReply(status, "Some",
                                          "<Message>" + EscapeXml(Echo(call)).value() +
                                              "</Message>" + "<AWSAccessKeyId>" +
                                              EscapeXml(Echo(call)).value() + "</AWSAccessKeyId>"));
    });
  }
  ExpectNoneShows([](const S3Call& call) {
    return S3Fault::Answer(S3ErrorReply(403, EscapeXml(Echo(call)).value()));
  });
  EXPECT_NE(listener_->heard().find("retrying http://127.0.0.1:"), std::string::npos);
}

TEST_F(S3Secrets, AreNotInErrorsOfListsThatRepeatThem) {
  for (const char* const element :
       {"Contents><Size", "IsTruncated", "EncodingType>url</EncodingType><Contents><Key"}) {
    ExpectNoneShows([=](const S3Call& call) {
      const std::string token = call.http.Header("x-amz-security-token");
      const std::string list = "<ListBucketResult><" + std::string(element) + ">%" + token;
      const std::string name = std::string(element).substr(std::string(element).rfind('<') + 1);
      return S3Fault::Answer({.body = list + "</" + name + "></Contents></ListBucketResult>"});
    });
    ExpectNoneShows([=](const S3Call& call) {
      return S3Fault::Answer({.body = "<DeleteResult><Error><Key>k</Key><Code>" + Echo(call) +
                                      "</Code><Message>" + Echo(call) +
                                      "</Message></Error></DeleteResult>"});
    });
  }
}

TEST_F(S3Secrets, AreNotInErrorsOfHeadsThatRepeatThem) {
  for (const std::string name :
       {"x-amz-security-token", "authorization", "x-amz-server-side-encryption-customer-key"}) {
    for (const std::string header :
         {"Content-Length: ", "Transfer-Encoding: ", "Content-Range: ", "Content-Range: bytes ",
          "Content-Encoding: ", "ETag: ", "Location: http://h/",
          "Retry-After: ", "Date: ", "x-amzn-errortype: ", "x-amz-bucket-region: "}) {
      for (const std::string status : {"200 OK", "206 Some", "301 Moved"}) {
        ExpectNoneShows([=](const S3Call& call) {
          return S3Fault::Answer(
              {.raw = "HTTP/1.1 " + status + "\r\n" + header + call.http.Header(name) + "\r\n\r\nv",
               .delivery = {.then = Then::kClose}});
        });
      }
    }
  }
}

TEST_F(S3Secrets, AreNotInErrorsOfTheConnection) {
  for (const int64_t cut : {0, 10, 40}) {
    ExpectNoneShows([=](const S3Call&) { return S3Fault::Cut(cut); });
  }
  ExpectNoneShows(
      [](const S3Call& call) { return S3Fault::Answer({.raw = "HTTP/1.1 " + Echo(call)}); });
}

/// Who may be told a customer's key in clear is asked without a proxy, by whatever name.
TEST_F(S3Environment, NoProxyHearsWhatIsForThisMachine) {
  const HttpServer proxy([](const HttpRequest&) { return HttpReply{.status = 403}; });
  Set("http_proxy", proxy.url().c_str());
  Set("no_proxy", "");
  S3StoreOptions options = s3_.options();
  options.encryption.customer_key = Secret::Copy(std::string(32, 'k'));
  options.endpoint = "http://localhost:" + std::to_string(s3_.server().port());
  for (const auto addressing :
       {S3StoreOptions::Addressing::kPath, S3StoreOptions::Addressing::kVirtualHost}) {
    options.addressing = addressing;
    EXPECT_EQ(Word(Store(options)->Write("k", Bytes::Copy("v")).Get()), "written");
  }
  EXPECT_EQ(proxy.connections(), 0);
  EXPECT_EQ(s3_.count("PutObject"), 2);
}

/// A name of one segment stands in no folder, as it would among files.
TEST_F(S3Environment, ACheckpointByASpecOfOneSegment) {
  SetKeys();
  const std::string spec = R"({"driver":"s3","bucket":")" + s3_.bucket() +
                           R"(","aws_region":"us-east-1","endpoint":")" + s3_.url() +
                           R"(","path":"ckone"})";
  const Tree tree = Tree::Dict().Set("step", Tree(7));
  ASSERT_EQ(checkpoint::Save(spec, tree, {.context = context_}), Status());
  for (const std::string& key : s3_.keys()) EXPECT_TRUE(key.starts_with("ckone/")) << key;
  EXPECT_TRUE(checkpoint::Restore(spec, {.context = context_}).ok());
}

}  // namespace
}  // namespace coffer::inline v0::testing
