// Goal: credentials come from the first place that has any, as AWS orders them; ways we do not know
// are refused and not passed over; no message holds a secret.
// Method: an environment of the test's own; exact texts; a canary as every secret, on every path to
// an error.
#include "kvstore/s3/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kvstore/s3/credentials_source.h"
#include "kvstore/s3/instance_metadata.h"
#include "tests/unit/kvstore/fake_aws.h"

namespace coffer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

const char* const kCredentials = "/home/me/.aws/credentials";
const char* const kConfig = "/home/me/.aws/config";

void SetKeys(FakeAws& aws, const std::string& id, const std::string& key) {
  aws.variables["AWS_ACCESS_KEY_ID"] = id;
  aws.variables["AWS_SECRET_ACCESS_KEY"] = key;
}

void SetFile(FakeAws& aws, const std::string& file, const std::string& text) {
  aws.files.erase(file);
  aws.files.insert({file, text});
}

TEST(AwsCredentials, GivenOnesComeFirst) {
  FakeAws aws;
  SetKeys(aws, "ENV", "k");
  CredentialsOptions options;
  options.given = {.access_key_id = "GIVEN",
                   .secret_access_key = Secret("key"),
                   .session_token = Secret("token")};
  options.environment = aws.Environment();
  const CredentialsProviderPtr provider = MakeAwsCredentials(options).OrDie();
  EXPECT_EQ(Shown(*provider), "GIVEN/key/token");
  EXPECT_EQ(provider->Describe(), "given credentials");
  provider->Invalidate(options.given);
  EXPECT_EQ(Shown(*provider), "GIVEN/key/token");
  options.given.secret_access_key = Secret();
  EXPECT_EQ(MakeAwsCredentials(options).status().ToString(),
            "InvalidArgument: the given AWS credentials: the secret access key is empty, or has a "
            "control character");
  options.given = {};
  options.given.secret_access_key = Secret("key");
  EXPECT_EQ(MakeAwsCredentials(options).status().ToString(),
            "InvalidArgument: the given AWS credentials: a secret access key without its id");
}

TEST(AwsCredentials, AnonymousOnesAreNone) {
  const CredentialsProviderPtr provider = MakeAnonymousCredentials();
  EXPECT_TRUE(provider->Get().Get().OrDie()->anonymous());
  EXPECT_EQ(provider->Describe(), "anonymous");
}

TEST(AwsCredentials, InAwsOrder) {
  FakeAws aws;
  FakeMetadata metadata;
  metadata.Serve("IMDS", "2030-01-01T06:00:00Z");
  SetKeys(aws, "ENV", "k");
  aws.variables["AWS_SESSION_TOKEN"] = "t";
  SetFile(aws, kCredentials, "[default]\naws_access_key_id=FILE\naws_secret_access_key=k\n");
  SetFile(aws, kConfig,
          "[default]\naws_access_key_id=CONFIG\naws_secret_access_key=k\naws_session_token=t\n");
  CredentialsProviderPtr provider = aws.Provider("", metadata.fetch());
  EXPECT_EQ(provider->Describe(), "AWS credentials, not found yet");
  EXPECT_EQ(Shown(*provider), "ENV/k/t");
  EXPECT_EQ(provider->Describe(), "environment variables");
  EXPECT_TRUE(aws.read.empty());
  aws.variables = {{"HOME", "/home/me"}};
  provider = aws.Provider("", metadata.fetch());
  EXPECT_EQ(Shown(*provider), "FILE/k/") << "without the other file's token";
  EXPECT_EQ(provider->Describe(), "shared AWS files");
  aws.files.erase(kCredentials);
  EXPECT_EQ(Shown(*aws.Provider("", metadata.fetch())), "CONFIG/k/t");
  EXPECT_TRUE(metadata.asked.empty());
  aws.files.clear();
  provider = aws.Provider("", metadata.fetch());
  EXPECT_EQ(Shown(*provider), "IMDS/key/token");
  EXPECT_EQ(provider->Describe(), "instance metadata");
}

TEST(AwsCredentials, ProfileByNamePassesOverVariables) {
  FakeAws aws;
  SetKeys(aws, "ENV", "k");
  SetFile(aws, kCredentials, "[p]\naws_access_key_id=P\naws_secret_access_key=k\n[empty]\n");
  const CredentialsProviderPtr provider = aws.Provider("p");
  EXPECT_EQ(Shown(*provider), "P/k/");
  EXPECT_EQ(provider->Describe(), "shared AWS files, profile \"p\"");
  EXPECT_EQ(Shown(*aws.Provider("empty")),
            "FailedPrecondition: no AWS credentials: shared AWS files, profile \"empty\": profile "
            "\"empty\" has no aws_access_key_id");
  EXPECT_EQ(Shown(*aws.Provider("q")),
            "FailedPrecondition: AWS profile \"q\" is neither in \"/home/me/.aws/credentials\" nor "
            "in \"/home/me/.aws/config\"");
}

TEST(AwsCredentials, ErrorListsWhatWasTried) {
  FakeAws aws;
  FakeMetadata metadata;
  EXPECT_EQ(Shown(*aws.Provider("", metadata.fetch())),
            "FailedPrecondition: no AWS credentials: environment variables: AWS_ACCESS_KEY_ID is "
            "not set; web identity: AWS_WEB_IDENTITY_TOKEN_FILE is not set; shared AWS files: "
            "profile \"default\" is neither in \"/home/me/.aws/credentials\" nor in "
            "\"/home/me/.aws/config\"; container endpoint: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI "
            "is not set; instance metadata: no answer (Unavailable)");
  EXPECT_EQ(metadata.asked.size(), 1);
  aws.variables = {{"AWS_EC2_METADATA_DISABLED", "TRUE"}};
  EXPECT_THAT(Shown(*aws.Provider("", metadata.fetch())),
              HasSubstr("shared AWS files: HOME is not set; container endpoint: "
                        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is not set; instance metadata: "
                        "AWS_EC2_METADATA_DISABLED is set"));
  EXPECT_EQ(metadata.asked.size(), 1);
  aws.variables = {};
  EXPECT_THAT(Shown(*aws.Provider()), HasSubstr("; instance metadata: not asked"));
}

// With one half, or a way that is not known, what comes next would be somebody else.
TEST(AwsCredentials, WhatIsMeantIsNotPassedOver) {
  FakeMetadata metadata;
  const auto error = [&](const std::map<std::string, std::string>& variables,
                         const std::string& credentials, const std::string& config) {
    FakeAws aws;
    for (const auto& [name, value] : variables) aws.variables[name] = value;
    SetFile(aws, kCredentials, credentials);
    SetFile(aws, kConfig, config);
    return Shown(*aws.Provider("", metadata.fetch()));
  };
  const std::string half =
      "InvalidArgument: of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY only one is set";
  EXPECT_EQ(error({{"AWS_ACCESS_KEY_ID", "A"}}, "", ""), half);
  EXPECT_EQ(error({{"AWS_SECRET_ACCESS_KEY", "K"}}, "", ""), half);
  EXPECT_EQ(error({}, "\n[default]\naws_access_key_id = A\n", ""),
            "InvalidArgument: file \"/home/me/.aws/credentials\", line 2: profile \"default\" has "
            "only one of aws_access_key_id and aws_secret_access_key");
  EXPECT_EQ(error({}, "", "[default]\naws_secret_access_key = A\n"),
            "InvalidArgument: file \"/home/me/.aws/config\", line 1: profile \"default\" has only "
            "one of aws_access_key_id and aws_secret_access_key");
  EXPECT_EQ(
      error({{"AWS_WEB_IDENTITY_TOKEN_FILE", "x"}}, "", ""),
      "Unimplemented: AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS credentials by web identity "
      "are not supported");
  EXPECT_EQ(error({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "x"}}, "", ""),
            "Unimplemented: AWS_CONTAINER_CREDENTIALS_FULL_URI is set, but AWS credentials by "
            "container endpoint are not supported");
  EXPECT_EQ(error({}, "", "[default]\nrole_arn = x\n"),
            "Unimplemented: AWS profile \"default\" has role_arn, which is not supported");
  EXPECT_EQ(error({}, "[default]\naws_access_key_id=A\naws_secret_access_key=K\n",
                  "[default]\nrole_arn = x\n"),
            "Unimplemented: AWS profile \"default\" has role_arn, which is not supported");
  EXPECT_EQ(error({}, "", "[default]\nsso_session = x\n"),
            "Unimplemented: AWS profile \"default\" has sso_session, which is not supported");
  EXPECT_EQ(
      error({}, "[default]\ncredential_process = x\n", ""),
      "Unimplemented: AWS profile \"default\" has credential_process, which is not supported");
  // Keys stand before these, and variables before all of it.
  EXPECT_EQ(error({}, "[default]\naws_access_key_id=A\naws_secret_access_key=K\n",
                  "[default]\nsso_session = x\n"),
            "A/K/");
  EXPECT_EQ(error({{"AWS_ACCESS_KEY_ID", "A"},
                   {"AWS_SECRET_ACCESS_KEY", "K"},
                   {"AWS_WEB_IDENTITY_TOKEN_FILE", "x"}},
                  "", "[default]\nrole_arn = x\n"),
            "A/K/");
  EXPECT_TRUE(metadata.asked.empty());
}

TEST(InstanceMetadata, AsksAsVersionTwoWants) {
  FakeAws aws;
  FakeMetadata metadata;
  metadata.Serve("A", "2030-01-01T06:00:00Z");
  EXPECT_EQ(Shown(*aws.Provider("", metadata.fetch())), "A/key/token");
  ASSERT_EQ(metadata.asked.size(), 3);
  const std::string root = "http://169.254.169.254/latest/";
  EXPECT_EQ(metadata.asked[0].method, "PUT");
  EXPECT_EQ(metadata.asked[0].url, root + "api/token");
  EXPECT_THAT(metadata.asked[0].headers,
              ElementsAre(Pair("x-aws-ec2-metadata-token-ttl-seconds", "21600")));
  EXPECT_EQ(metadata.asked[0].timeout.count(), 1000);
  for (const size_t i : {1u, 2u}) {
    EXPECT_EQ(metadata.asked[i].method, "GET");
    EXPECT_THAT(metadata.asked[i].headers,
                ElementsAre(Pair("x-aws-ec2-metadata-token", "imds-token")));
    EXPECT_EQ(metadata.asked[i].body_max_bytes, 65536);
  }
  EXPECT_EQ(metadata.asked[1].url, root + "meta-data/iam/security-credentials/");
  EXPECT_EQ(metadata.asked[2].url, root + "meta-data/iam/security-credentials/my-role");
}

TEST(InstanceMetadata, EndpointOfTheVariables) {
  const auto asked = [](const std::string& name, const std::string& value) {
    FakeAws aws;
    FakeMetadata metadata;
    aws.variables[name] = value;
    const std::string shown = Shown(*aws.Provider("", metadata.fetch()));
    return metadata.asked.empty() ? shown : metadata.asked[0].url;
  };
  EXPECT_EQ(asked("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://localhost:1338/"),
            "http://localhost:1338/latest/api/token");
  EXPECT_EQ(asked("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv6"),
            "http://[fd00:ec2::254]/latest/api/token");
  EXPECT_EQ(asked("AWS_EC2_METADATA_SERVICE_ENDPOINT", "file:///etc/passwd"),
            "InvalidArgument: AWS_EC2_METADATA_SERVICE_ENDPOINT: expected http://host or "
            "https://host");
}

/// What comes of these answers of the service.
std::string After(std::vector<FakeMetadata::Answer> answers) {
  FakeAws aws;
  FakeMetadata metadata;
  metadata.answers = std::move(answers);
  const std::string shown = Shown(*aws.Provider("", metadata.fetch()));
  const size_t at = shown.find("; instance metadata: ");
  return at == std::string::npos ? shown : "none: " + shown.substr(at + 21);
}

TEST(InstanceMetadata, NoServiceOrNoRoleIsNone) {
  EXPECT_EQ(After({HttpAnswer{403, ""}}), "none: HTTP 403 to the request for a token");
  EXPECT_EQ(After({HttpAnswer{404, "<html>"}}), "none: HTTP 404 to the request for a token");
  EXPECT_EQ(After({HttpAnswer{200, "<a page>"}}),
            "none: the answer to the request for a token is none");
  EXPECT_EQ(After({HttpAnswer{200, ""}}), "none: the answer to the request for a token is none");
  EXPECT_EQ(After({HttpAnswer{200, std::string(4097, 'x')}}),
            "none: the answer to the request for a token is none");
  EXPECT_EQ(After({DeadlineExceededError("x")}), "none: no answer (DeadlineExceeded)");
  EXPECT_EQ(After({HttpAnswer{200, "t"}, HttpAnswer{404, ""}}), "none: this instance has no role");
  EXPECT_EQ(After({HttpAnswer{200, "t"}, HttpAnswer{200, "\n"}}),
            "none: this instance has no role");
}

TEST(InstanceMetadata, FailingServiceIsAnError) {
  EXPECT_EQ(After({HttpAnswer{503, ""}}), "Unavailable: instance metadata: token: HTTP 503");
  EXPECT_EQ(After({HttpAnswer{429, ""}}), "Unavailable: instance metadata: token: HTTP 429");
  EXPECT_EQ(After({CancelledError("x")}), "Cancelled: instance metadata");
  EXPECT_EQ(After({HttpAnswer{200, "t"}, UnavailableError("x")}),
            "Unavailable: instance metadata: role: Unavailable");
  EXPECT_EQ(After({HttpAnswer{200, "t"}, HttpAnswer{500, ""}}),
            "Unavailable: instance metadata: role: HTTP 500");
  for (const std::string& role :
       {std::string("a/../b"), std::string(".."), std::string("<html>"), std::string(65, 'x')}) {
    EXPECT_EQ(After({HttpAnswer{200, "t"}, HttpAnswer{200, role}}),
              "InvalidArgument: instance metadata: the answer is no name of a role");
  }
  EXPECT_EQ(After({HttpAnswer{200, "t"}, HttpAnswer{200, "r"}, HttpAnswer{404, ""}}),
            "Unavailable: instance metadata: credentials: HTTP 404");
  const auto json = [](const std::string& text) {
    return After({HttpAnswer{200, "t"}, HttpAnswer{200, "r"}, HttpAnswer{200, text}});
  };
  EXPECT_EQ(json("{"),
            "InvalidArgument: instance metadata: the answer is no JSON object of credentials");
  EXPECT_EQ(json("[]"),
            "InvalidArgument: instance metadata: the answer is no JSON object of credentials");
  EXPECT_EQ(
      json(R"({"Code": "AssumeRoleUnauthorizedAccess", "Message": "x"})"),
      "Unavailable: instance metadata: the answer is \"AssumeRoleUnauthorizedAccess\" instead "
      "of credentials");
  EXPECT_EQ(json(R"({"Code": "a b"})"),
            "Unavailable: instance metadata: the answer is \"?\" instead of credentials");
  EXPECT_EQ(
      json(R"({"AccessKeyId": "A", "SecretAccessKey": 1})"),
      "InvalidArgument: instance metadata: the answer: the secret access key is empty, or has "
      "a control character");
  EXPECT_EQ(json(R"({"SecretAccessKey": "k"})"),
            "InvalidArgument: instance metadata: the answer: the access key id is empty, or has a "
            "character that is not visible ASCII");
  EXPECT_EQ(
      json(R"({"AccessKeyId": "A", "SecretAccessKey": "k", "Token": "a\nb"})"),
      "InvalidArgument: instance metadata: the answer: the session token has a character that "
      "is not visible ASCII");
  EXPECT_EQ(json(R"({"AccessKeyId": "A", "SecretAccessKey": "k", "Expiration": "soon"})"),
            "InvalidArgument: instance metadata: the answer: Expiration is no time in ISO 8601");
  EXPECT_EQ(
      json(R"({"AccessKeyId": "A", "SecretAccessKey": "k", "Expiration": "2029-12-31T23:59:59Z"})"),
      "Unavailable: instance metadata: the AWS credentials had expired when they came");
  EXPECT_EQ(json(R"({"AccessKeyId": "A", "SecretAccessKey": "k"})"), "A/k/");
}

TEST(InstanceMetadata, TimesOfIso8601) {
  const auto seconds = [](std::string_view text) {
    const auto time = ParseIsoTime(text);
    if (!time) return int64_t{-1};
    return std::chrono::duration_cast<std::chrono::seconds>(time->time_since_epoch()).count();
  };
  EXPECT_EQ(seconds("2024-02-29T12:34:56Z"), 1709210096);
  EXPECT_EQ(seconds("2024-02-29T12:34:56.789Z"), 1709210096);
  EXPECT_EQ(seconds("2024-02-29T12:34:56+00:00"), 1709210096);
  EXPECT_EQ(seconds("2024-02-29T14:04:56+01:30"), 1709210096);
  EXPECT_EQ(seconds("2024-02-29T07:34:56-05:00"), 1709210096);
  EXPECT_EQ(seconds("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(seconds("2199-12-31T23:59:59Z"), 7258118399);
  EXPECT_EQ(seconds("9999-12-31T23:59:59Z"), 7258118400);
  for (const std::string_view bad :
       {"", "2024", "2024-02-30T12:34:56Z", "2024-13-01T12:34:56Z", "2024-02-29 12:34:56Z",
        "2024-02-29T24:00:00Z", "2024-02-29T12:60:00Z", "2024-02-29T12:34:61Z",
        "2024-02-29T12:34:56", "2024-02-29T12:34:56.Z", "2024-02-29T12:34:56Zx",
        "2024-02-29T12:34:56+1:00", "1969-12-31T23:59:59Z", "-024-02-29T12:34:56Z", "1709210096"}) {
    EXPECT_EQ(seconds(bad), -1) << bad;
  }
}

constexpr std::string_view kCanary = "CANARY0secret1value2";

/// All errors that come of a chain in which every secret is the canary, in this environment.
void ExpectNoCanary(const std::map<std::string, std::string>& variables, const std::string& file,
                    std::vector<FakeMetadata::Answer> answers) {
  FakeAws aws;
  FakeMetadata metadata;
  for (const auto& [name, value] : variables) aws.variables[name] = value;
  SetFile(aws, kCredentials, file);
  metadata.answers = std::move(answers);
  const CredentialsProviderPtr provider = aws.Provider("", metadata.fetch());
  const Result<std::shared_ptr<const AwsCredentials>> got = provider->Get().Get();
  ASSERT_FALSE(got.ok());
  EXPECT_THAT(got.status().ToString(), Not(HasSubstr(kCanary)));
  EXPECT_THAT(provider->Describe(), Not(HasSubstr(kCanary)));
}

TEST(AwsCredentials, NoErrorHoldsASecret) {
  const std::string canary(kCanary);
  const std::string bad = canary + "\n";  // As of a file read into a variable.
  for (const auto& variables : std::vector<std::map<std::string, std::string>>{
           {{"AWS_SECRET_ACCESS_KEY", canary}},
           {{"AWS_SECRET_ACCESS_KEY", canary}, {"AWS_SESSION_TOKEN", canary}},
           {{"AWS_ACCESS_KEY_ID", bad}, {"AWS_SECRET_ACCESS_KEY", canary}},
           {{"AWS_ACCESS_KEY_ID", "A"}, {"AWS_SECRET_ACCESS_KEY", bad}},
           {{"AWS_ACCESS_KEY_ID", "A"},
            {"AWS_SECRET_ACCESS_KEY", canary},
            {"AWS_SESSION_TOKEN", bad}}}) {
    ExpectNoCanary(variables, "", {});
  }
  for (const std::string& text :
       {"aws_secret_access_key = " + canary, "aws_secret_access_key = " + canary + "\n  x",
        "aws_access_key_id = " + canary, canary, "aws_secret_access_key " + canary,
        "aws_access_key_id = A\naws_secret_access_key = K\naws_session_token = " + canary + " x",
        "aws_session_token = " + canary + "\nrole_arn = " + canary,
        "credential_process = " + canary}) {
    ExpectNoCanary({}, "[default]\n" + text + "\n", {});
  }
  const FakeMetadata::Answer token = HttpAnswer{200, canary};
  const FakeMetadata::Answer role = HttpAnswer{200, "role"};
  ExpectNoCanary({}, "", {HttpAnswer{500, canary}});
  ExpectNoCanary({}, "", {HttpAnswer{403, canary}});
  ExpectNoCanary({}, "", {HttpAnswer{200, canary + " x"}});
  ExpectNoCanary({}, "", {UnavailableError(canary)});
  ExpectNoCanary({}, "", {token, UnavailableError(canary)});
  ExpectNoCanary({}, "", {token, HttpAnswer{500, canary}});
  ExpectNoCanary({}, "", {token, HttpAnswer{200, canary + "?"}});
  ExpectNoCanary({}, "", {token, role, HttpAnswer{500, canary}});
  ExpectNoCanary({}, "", {token, role, UnavailableError(canary)});
  for (const std::string& json :
       {canary, "{\"SecretAccessKey\": \"" + canary, "[\"" + canary + "\"]",
        R"({"AccessKeyId": "A", "SecretAccessKey": [")" + canary + R"("]})",
        R"({"AccessKeyId": "A", "SecretAccessKey": ")" + canary + R"(\u0001"})",
        R"({"AccessKeyId": "A B", "SecretAccessKey": ")" + canary + R"("})",
        R"({"AccessKeyId": "A", "SecretAccessKey": "K", "Token": ")" + canary + R"( "})",
        R"({"Code": "x )" + canary + R"("})",
        R"({"AccessKeyId": "A", "SecretAccessKey": "K", "Expiration": ")" + canary + R"("})",
        R"({"AccessKeyId": "A", "SecretAccessKey": ")" + canary +
            R"(", "Expiration": "2001-01-01T00:00:00Z"})"}) {
    ExpectNoCanary({}, "", {token, role, HttpAnswer{200, json}});
  }
}

}  // namespace
}  // namespace coffer
