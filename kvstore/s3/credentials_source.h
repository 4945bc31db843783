// CredentialsSource: one place where credentials may be found, asked anew each time.
//
// Inside of credentials.h: a provider caches and refreshes what a source gives; a chain of sources
// is a source.
//
// Thread safety: all methods from any thread.
#ifndef COFFER_KVSTORE_S3_CREDENTIALS_SOURCE_H_
#define COFFER_KVSTORE_S3_CREDENTIALS_SOURCE_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "coffer/async/executor.h"
#include "coffer/async/future.h"
#include "kvstore/s3/aws_credentials.h"
#include "kvstore/s3/credentials.h"
#include "kvstore/s3/environment.h"

namespace coffer::inline v0 {

/// Credentials, or why there are none here (then the next source is asked). An error, in contrast,
/// ends the search: these are the ones that should be used.
struct SourceAnswer {
  std::shared_ptr<const AwsCredentials> credentials;
  std::string why_none;
};

class CredentialsSource {
 public:
  virtual ~CredentialsSource();
  /// May read files.
  virtual Future<SourceAnswer> Fetch() = 0;
  virtual std::string Describe() const = 0;
};

using CredentialsSourcePtr = std::shared_ptr<CredentialsSource>;

CredentialsSourcePtr MakeEnvironmentSource(const AwsEnvironment& environment);
/// The way of AWS_WEB_IDENTITY_TOKEN_FILE, which is refused.
CredentialsSourcePtr MakeWebIdentitySource(const AwsEnvironment& environment);
/// profile: as for LoadAwsProfile.
CredentialsSourcePtr MakeProfileSource(const AwsEnvironment& environment, std::string profile);
/// The way of AWS_CONTAINER_CREDENTIALS_..., which is refused.
CredentialsSourcePtr MakeContainerSource(const AwsEnvironment& environment);
CredentialsSourcePtr MakeInstanceSource(const AwsEnvironment& environment, HttpFetch fetch,
                                        std::shared_ptr<Executor> executor);

/// The first source that has credentials; from then on that one alone.
CredentialsSourcePtr MakeSourceChain(std::vector<CredentialsSourcePtr> sources,
                                     std::shared_ptr<Executor> executor);

/// Keeps what the source gives, as credentials.h says.
CredentialsProviderPtr MakeRefreshingProvider(
    CredentialsSourcePtr source, std::function<std::chrono::system_clock::time_point()> now,
    std::shared_ptr<Executor> executor);

/// InvalidArgument, without a value in it, unless the id and the token are visible ASCII without
/// blanks, as a header takes them, and the key is there and has no control character.
Status CheckCredentials(const AwsCredentials& credentials, std::string_view where);

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_S3_CREDENTIALS_SOURCE_H_
