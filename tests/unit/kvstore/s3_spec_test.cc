// Goal: every member of an S3 store's spec and every part of its URL is read, and what is wrong
// with one is told by its JSON path. Method: specs and URLs, good and bad; no request is sent.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <string>
#include <utility>

#include "coffer/kvstore/kvstore.h"

namespace coffer {
namespace {

class S3Spec : public ::testing::Test {
 protected:
  /// What stands in the files of whoever runs this says nothing.
  static void SetUpTestSuite() {
    setenv("AWS_CONFIG_FILE", "/dev/null", 1);
    setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null", 1);
    for (const char* const name : {"AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ENDPOINT_URL",
                                   "AWS_ENDPOINT_URL_S3", "AWS_CA_BUNDLE"}) {
      unsetenv(name);
    }
  }
};

std::string Opened(const std::string& text) {
  const Result<KvStorePtr> store = OpenKvStore(text, Context::Create({.threads = 1}));
  return store.ok() ? (*store)->Describe("k") : store.status().ToString();
}

/// The spec of a bucket at an endpoint, with these members.
std::string Spec(const std::string& members) {
  return R"({"driver": "s3", "bucket": "bucket", "endpoint": "http://localhost:1", )"
         R"("aws_region": "r")" +
         (members.empty() ? "" : ", " + members) + "}";
}

TEST_F(S3Spec, MembersAreRead) {
  const char* const kGood[] = {
      "",
      R"("requester_pays": true, "allow_http": false, "forbidden_is_missing": true)",
      R"("aws_credentials": {})",
      R"("aws_credentials": {"type": "default"})",
      R"("aws_credentials": {"type": "anonymous"})",
      R"("encryption": {"algorithm": "aws:kms", "kms_key_id": "id"})",
      R"("addressing": "auto")",
      R"("addressing": "path")",
      R"("addressing": "virtual_host")",
      R"("part_bytes": 5242880)",
      R"("network": {"attempts_max": 3, "retry_budget": "5s", "connect_timeout": "1m30s"})",
  };
  for (const char* const members : kGood) {
    EXPECT_EQ(Opened(Spec(members)), "s3://bucket/k") << members;
  }
  EXPECT_EQ(Opened(Spec(R"("path": "a/b c/")")), "s3://bucket/a/b%20c/k");
  EXPECT_EQ(Opened(Spec(R"("path": "a/b c")")), "s3://bucket/a/b%20c/k");
  EXPECT_EQ(Opened(Spec(R"("path": "")")), "s3://bucket/k");
}

TEST_F(S3Spec, WhatIsWrongIsToldByItsPath) {
  const std::pair<const char*, const char*> kBad[] = {
      {R"("path": 1)", "InvalidArgument: at $.path: expected a string, got 1"},
      {R"("requester_pays": 1)",
       "InvalidArgument: at $.requester_pays: expected true or false, got 1"},
      {R"("allow_http": "yes")",
       "InvalidArgument: at $.allow_http: expected true or false, got \"yes\""},
      {R"("forbidden_is_missing": null)",
       "InvalidArgument: at $.forbidden_is_missing: expected true or false, got null"},
      {R"("aws_credentials": "default")",
       "InvalidArgument: at $.aws_credentials: expected an object"},
      {R"("aws_credentials": {"type": 1})",
       "InvalidArgument: at $.aws_credentials.type: expected a string, got 1"},
      {R"("aws_credentials": {"type": "keys"})",
       "InvalidArgument: at $.aws_credentials.type: expected \"default\", \"profile\" or "
       "\"anonymous\""},
      {R"("aws_credentials": {"profile": []})",
       "InvalidArgument: at $.aws_credentials.profile: expected a string, got []"},
      {R"("aws_credentials": {"type": "imds"})",
       "Unimplemented: at $.aws_credentials.type: type \"imds\" of TensorStore is not supported "
       "(\"default\" tries environment, files and metadata service)"},
      {R"("aws_credentials": {"config_file": "f"})",
       "Unimplemented: at $.aws_credentials: member \"config_file\" of TensorStore is not "
       "supported"},
      {R"("aws_credentials": {"access_key_id": "AKID"})",
       "InvalidArgument: at $.aws_credentials: unknown member \"access_key_id\""},
      {R"("encryption": true)", "InvalidArgument: at $.encryption: expected an object"},
      {R"("encryption": {"algorithm": 1})",
       "InvalidArgument: at $.encryption.algorithm: expected a string, got 1"},
      {R"("encryption": {"kms_key_id": {}})",
       "InvalidArgument: at $.encryption.kms_key_id: expected a string, got {}"},
      {R"("encryption": {"customer_key": "k"})",
       "InvalidArgument: at $.encryption: unknown member \"customer_key\""},
      {R"("addressing": "host")",
       "InvalidArgument: at $.addressing: expected \"auto\", \"path\" or \"virtual_host\", got "
       "\"host\""},
      {R"("addressing": 1)", "InvalidArgument: at $.addressing: expected a string, got 1"},
      {R"("part_bytes": 5242879)",
       "InvalidArgument: at $.part_bytes: expected an integer from 5242880 to 1073741824, got "
       "5242879"},
      {R"("part_bytes": "5M")",
       "InvalidArgument: at $.part_bytes: expected an integer from 5242880 to 1073741824, got "
       "\"5M\""},
      {R"("network": {"attempts_max": 0})",
       "InvalidArgument: at $.network.attempts_max: expected an integer from 1 to 1000000, got 0"},
      {R"("network": {"retry_budget": 5})",
       "InvalidArgument: at $.network.retry_budget: expected a string, got 5"},
      {R"("host_header": "h")",
       "Unimplemented: at $: member \"host_header\" of TensorStore is not supported"},
      {R"("context": {})",
       "Unimplemented: at $: member \"context\" of TensorStore is not supported"},
      {R"("secret": 1)", "InvalidArgument: at $: unknown member \"secret\""},
  };
  for (const auto& [members, error] : kBad) EXPECT_EQ(Opened(Spec(members)), error);
  EXPECT_EQ(Opened(R"({"driver": "s3"})"),
            "InvalidArgument: at $: the spec of an S3 store needs the member \"bucket\"");
  EXPECT_EQ(Opened(R"({"driver": "s3", "bucket": 1})"),
            "InvalidArgument: at $.bucket: expected a string, got 1");
  EXPECT_EQ(Opened(R"({"driver": "s3", "bucket": "b k"})"),
            "InvalidArgument: s3://b%20k: \"b%20k\" is no name of a bucket: expected 3 to 255 "
            "letters, digits, \"-\", \"_\" or single \".\"");
  EXPECT_EQ(Opened(R"({"driver": "s3", "bucket": "bucket", "endpoint": 1})"),
            "InvalidArgument: at $.endpoint: expected a string, got 1");
  EXPECT_EQ(Opened(R"({"driver": "s3", "bucket": "bucket", "aws_region": 1})"),
            "InvalidArgument: at $.aws_region: expected a string, got 1");
}

TEST_F(S3Spec, UrlsAreABucketAndAPrefix) {
  EXPECT_EQ(Opened("s3://bucket"), "s3://bucket/k");
  EXPECT_EQ(Opened("s3://bucket/"), "s3://bucket/k");
  EXPECT_EQ(Opened("s3://bucket/a/b%20c"), "s3://bucket/a/b%20c/k");
  EXPECT_EQ(Opened("s3://bucket/a/b/"), "s3://bucket/a/b/k");
  EXPECT_EQ(Opened("s3://").substr(0, 16), "InvalidArgument:");
  EXPECT_EQ(Opened("s3://ab").substr(0, 16), "InvalidArgument:");
  EXPECT_EQ(Opened("s3://bucket/a?versionId=1").substr(0, 16), "InvalidArgument:");
  EXPECT_EQ(Opened("s3://bucket/a#b").substr(0, 16), "InvalidArgument:");
  EXPECT_EQ(Opened("s3://bucket/%zz").substr(0, 16), "InvalidArgument:");
}

}  // namespace
}  // namespace coffer
