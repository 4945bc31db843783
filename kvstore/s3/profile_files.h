// The files that AWS's tools share: ~/.aws/credentials and ~/.aws/config.
//
//     [default]                          in config: [profile name], and [default]
//     aws_access_key_id = AKID           names in any case
//     aws_secret_access_key = KEY        # a comment begins a line, or follows a blank
//     s3 =
//       max_concurrent_requests = 20     deeper than the line before: belongs to it; skipped
//
// Read of them: the keys, region and endpoint_url of one profile, and which settings it has that
// would give credentials in ways that coffer does not know. Everything else (other profiles,
// [services x], [sso-session x]) is skipped, though it, too, must be well-formed. Where a profile
// or a setting stands twice, the last one counts; [profile default] counts before [default].
//
// Errors name file and line, and never repeat what stands there.
#ifndef COFFER_KVSTORE_S3_PROFILE_FILES_H_
#define COFFER_KVSTORE_S3_PROFILE_FILES_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "coffer/base/result.h"
#include "coffer/base/secret.h"
#include "kvstore/s3/environment.h"

namespace coffer::inline v0 {

inline constexpr size_t kProfileFileBytesMax = size_t{1} << 20;

/// What one file says of one profile.
struct AwsProfileSection {
  bool found = false;
  int line = 0;  ///< Of its (last) head.
  std::string access_key_id;
  Secret secret_access_key;
  Secret session_token;
  std::string region;
  std::string endpoint_url;
  bool role = false;       ///< It has role_arn.
  std::string other_ways;  ///< The last of credential_process, sso_... that it has.
};

enum class AwsFileKind { kCredentials, kConfig };

/// Errors: InvalidArgument, which name the file and the line: a control character; a setting before
/// any section or without "="; a section without "]"; a value we need that goes on over lines.
Result<AwsProfileSection> ParseAwsFile(std::string_view text, AwsFileKind kind,
                                       std::string_view file, std::string_view profile);

/// What both files say of one profile.
struct AwsProfile {
  std::string name;
  bool by_name = false;  ///< It was asked for by name, not for want of another.
  std::string credentials_file;
  std::string config_file;
  AwsProfileSection credentials;
  AwsProfileSection config;
  bool found() const { return credentials.found || config.found; }
};

/// Reads the files that AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE name, or those in
/// $HOME/.aws, for the profile of that name, or of AWS_PROFILE, AWS_DEFAULT_PROFILE, or "default".
/// A file that is not there says nothing. Errors: those of ParseAwsFile and of reading;
/// FailedPrecondition if a profile that was asked for by name is in neither file.
Result<AwsProfile> LoadAwsProfile(const AwsEnvironment& environment, std::string_view name);

/// Where to send requests, as far as the environment or the profile tell; empty where they do not.
struct AwsSettings {
  std::string region;        ///< AWS_REGION, AWS_DEFAULT_REGION, the profile.
  std::string endpoint_url;  ///< AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, the profile; none of them
                             ///< if AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is true.
};
/// The files are read only for what the variables leave open. Errors: those of LoadAwsProfile.
Result<AwsSettings> ReadAwsSettings(const AwsEnvironment& environment, std::string_view profile);

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_S3_PROFILE_FILES_H_
