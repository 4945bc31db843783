// AwsCredentials: who asks, and the secrets that prove it.
//
// Thread safety: a value.
#ifndef COFFER_KVSTORE_S3_AWS_CREDENTIALS_H_
#define COFFER_KVSTORE_S3_AWS_CREDENTIALS_H_

#include <chrono>
#include <optional>
#include <string>

#include "coffer/base/secret.h"

namespace coffer::inline v0 {

struct AwsCredentials {
  std::string access_key_id = {};  ///< Empty: anonymous, requests are not signed.
  Secret secret_access_key = {};
  Secret session_token = {};  ///< Empty unless the credentials are temporary.
  std::optional<std::chrono::system_clock::time_point> expiry = {};

  bool anonymous() const { return access_key_id.empty(); }
  /// The same identity and secrets, whenever they expire.
  bool SameSecrets(const AwsCredentials& other) const {
    return access_key_id == other.access_key_id && secret_access_key == other.secret_access_key &&
           session_token == other.session_token;
  }
};

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_S3_AWS_CREDENTIALS_H_
