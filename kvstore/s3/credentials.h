// CredentialsProvider: hands out the credentials that requests are signed with, and keeps them
// fresh.
//
// Where they come from, in AWS's order: given by the caller; the environment's variables; the
// shared files (profile_files.h); the instance metadata service (IMDSv2). MakeAwsCredentials()
// takes the first that has any, and stays with it. What coffer does not know (role_arn, sso_...,
// credential_process, web identity, container credentials) is refused by name, where it would be
// next: another identity in its place would be worse than none.
//
// Freshness: credentials that expire are fetched anew from five minutes before; until they do, and
// while fetching fails, the old ones are handed out, and fetching is tried again after 1, 2, 4 ...
// 60 seconds. Whatever the number of callers, one fetch is under way at a time. Nothing here
// blocks: files are read as tasks of the executor, the network is asked through `fetch`.
//
// Errors of Get(): FailedPrecondition if there are none, with what was tried and why it gave none;
// Unimplemented for a way that is refused; InvalidArgument (half a pair of keys, a malformed file
// or answer); Unavailable (a metadata service that fails, or gives expired credentials); Cancelled;
// and those of reading a file. None of them holds a secret.
//
// Thread safety: all methods from any thread.
#ifndef COFFER_KVSTORE_S3_CREDENTIALS_H_
#define COFFER_KVSTORE_S3_CREDENTIALS_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "coffer/async/executor.h"
#include "coffer/async/future.h"
#include "coffer/base/result.h"
#include "kvstore/s3/aws_credentials.h"
#include "kvstore/s3/environment.h"

namespace coffer::inline v0 {

class CredentialsProvider {
 public:
  virtual ~CredentialsProvider();
  /// Never null. May be anonymous.
  virtual Future<std::shared_ptr<const AwsCredentials>> Get() = 0;
  /// After an answer that says that these have expired: the next Get() fetches anew, once. If that
  /// brings the very same, the next call with them is heeded only after a while (1, 2, 4 ... 60 s).
  /// Nothing happens if others have been handed out since.
  virtual void Invalidate(const AwsCredentials& rejected) = 0;
  /// Where they come from, for messages: "environment variables".
  virtual std::string Describe() const = 0;
};

using CredentialsProviderPtr = std::shared_ptr<CredentialsProvider>;

/// One request to the metadata service: sent once, straight (no proxy), following no redirect, to a
/// link-local address. Any answer is one, whatever its status; a Status means that there was none.
struct HttpAsk {
  std::string method = {};
  std::string url = {};
  std::vector<std::pair<std::string, std::string>> headers = {};
  int64_t body_max_bytes = 0;  ///< A longer body is an error.
  std::chrono::milliseconds timeout{0};
};
struct HttpAnswer {
  int status = 0;
  std::string body;
};
using HttpFetch = std::function<Future<HttpAnswer>(HttpAsk)>;

struct CredentialsOptions {
  AwsCredentials given;  ///< Taken before all else, unless anonymous.
  /// Not empty: this profile, whatever the variables say: keys in variables are passed over.
  std::string profile;
  HttpFetch fetch;                     ///< Empty: the metadata service is not asked.
  std::shared_ptr<Executor> executor;  ///< Null: the default context's.
  AwsEnvironment environment = AwsEnvironment::OfProcess();
};

/// Errors: InvalidArgument for given credentials that cannot be any.
Result<CredentialsProviderPtr> MakeAwsCredentials(CredentialsOptions options);
/// Requests go unsigned.
CredentialsProviderPtr MakeAnonymousCredentials(std::shared_ptr<Executor> executor = nullptr);

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_S3_CREDENTIALS_H_
