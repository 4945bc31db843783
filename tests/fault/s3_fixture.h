// S3Faults: a store on a FakeS3, and what operations on it come to in a word.
#ifndef COFFER_TESTS_FAULT_S3_FIXTURE_H_
#define COFFER_TESTS_FAULT_S3_FIXTURE_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "coffer/async/context.h"
#include "coffer/kvstore/kvstore.h"
#include "coffer/kvstore/s3.h"
#include "kvstore/s3/bucket.h"
#include "kvstore/s3/credentials.h"
#include "kvstore/s3/store.h"
#include "src/net/http_url.h"
#include "tests/support/fake_s3.h"

namespace coffer::inline v0::testing {

/// "value", "missing", "held back", or the error's code.
inline std::string Word(const Result<ReadResult>& result) {
  if (!result.ok()) return std::string(StatusCodeName(result.status().code()));
  using State = ReadResult::State;
  if (result->state == State::kValue) return "value";
  return result->state == State::kMissing ? "missing" : "held back";
}
/// "written", "not met", or the error's code.
inline std::string Word(const Result<WriteResult>& result) {
  if (!result.ok()) return std::string(StatusCodeName(result.status().code()));
  return result->state == WriteResult::State::kWritten ? "written" : "not met";
}
/// "done", or the error's code.
inline std::string Word(const Status& status) {
  return status.ok() ? "done" : std::string(StatusCodeName(status.code()));
}

class S3Faults : public ::testing::Test {
 protected:
  KvStorePtr Store() { return Store(s3_.options()); }
  KvStorePtr Store(const S3StoreOptions& options) {
    return MakeS3Store(s3_.bucket(), options, context_).OrDie();
  }

  /// A store whose parts have four bytes, which no user can choose: values of more than sixteen are
  /// uploaded in parts, a writer's of more than four.
  KvStorePtr StoreOfSmallParts() { return StoreOfSmallParts(s3_.options()); }
  KvStorePtr StoreOfSmallParts(S3StoreOptions options) {
    options.part_bytes = 4;
    CredentialsOptions credentials;
    credentials.given = {.access_key_id = options.credentials.access_key_id,
                         .secret_access_key = options.credentials.secret_access_key,
                         .session_token = options.credentials.session_token};
    credentials.executor = context_.shared_executor();
    return MakeStoreOfBucket(std::make_shared<S3Bucket>(
        s3_.bucket(), options, HttpUrl::Parse(options.endpoint).OrDie(),
        MakeAwsCredentials(std::move(credentials)).OrDie(), AwsEnvironment::OfProcess(), context_));
  }

  /// A store that has seen its bucket and probed what the server can do.
  KvStorePtr WarmStore() { return Warmed(Store()); }
  static KvStorePtr Warmed(KvStorePtr store) {
    // The second is uploaded in parts, where these are small.
    for (const char* value : {"w", "more than sixteen bytes"}) {
      const Generation first =
          store->Write("warm", Bytes::Copy(value), {.if_equal = Generation::Missing()})
              .Get()
              .OrDie()
              .generation;
      store->Write("warm", std::nullopt, {.if_equal = first}).Get().OrDie();
    }
    return store;
  }

  static Generation GenerationOf(KvStore& store, const std::string& key) {
    return store.Read(key, {.range = ByteRange::Stat()}).Get().OrDie().generation;
  }

  FakeS3 s3_;
  Context context_ = Context::Create({.threads = 2});
};

}  // namespace coffer::inline v0::testing

#endif  // COFFER_TESTS_FAULT_S3_FIXTURE_H_
