// What the instance metadata service answers, read.
#ifndef COFFER_KVSTORE_S3_INSTANCE_METADATA_H_
#define COFFER_KVSTORE_S3_INSTANCE_METADATA_H_

#include <chrono>
#include <optional>
#include <string_view>

#include "coffer/base/result.h"
#include "kvstore/s3/aws_credentials.h"

namespace coffer::inline v0 {

/// "2030-01-02T03:04:05Z", with a fraction of seconds or an offset such as "+02:00" if need be; a
/// time after 2199 is the end of 2199. nullopt for anything else.
std::optional<std::chrono::system_clock::time_point> ParseIsoTime(std::string_view text);

/// The JSON of a role's credentials. Errors: InvalidArgument or, by its "Code", Unavailable; with
/// nothing of the text in them but that code.
Result<AwsCredentials> ParseRoleCredentials(std::string_view json);

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_S3_INSTANCE_METADATA_H_
