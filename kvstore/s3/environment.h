// AwsEnvironment: the variables, files and clock that credentials are found by.
//
// All that is read from outside goes through it, so that tests decide what is there.
#ifndef COFFER_KVSTORE_S3_ENVIRONMENT_H_
#define COFFER_KVSTORE_S3_ENVIRONMENT_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "coffer/base/result.h"

namespace coffer::inline v0 {

struct AwsEnvironment {
  /// The value of an environment variable; nullopt if it is not set.
  std::function<std::optional<std::string>(const std::string& name)> get_variable;
  /// A whole file; nullopt if there is none of this name. Errors name the file: PermissionDenied;
  /// ResourceExhausted above size_max bytes; InvalidArgument for what is no file (a directory, a
  /// pipe); Unavailable.
  std::function<Result<std::optional<std::string>>(const std::string& path, size_t size_max)>
      read_file;
  std::function<std::chrono::system_clock::time_point()> now;

  /// This process's own.
  static AwsEnvironment OfProcess();

  /// The variable, or "" if it is not set: to AWS an empty variable is none.
  std::string Variable(const std::string& name) const;
  /// Whether the variable is "true", in whatever case.
  bool IsTrue(const std::string& name) const;
};

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_S3_ENVIRONMENT_H_
