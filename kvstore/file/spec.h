// The JSON spec of a file store; its members are TensorStore's, and are told in README.md.
#ifndef COFFER_KVSTORE_FILE_SPEC_H_
#define COFFER_KVSTORE_FILE_SPEC_H_

#include <string>
#include <string_view>

#include "coffer/base/result.h"
#include "coffer/kvstore/stores.h"

namespace coffer::inline v0 {

struct FileStoreSpec {
  std::string path;
  FileStoreOptions options;
};

/// Errors: InvalidArgument or Unimplemented, which name the JSON path and the member.
Result<FileStoreSpec> ParseFileStoreSpec(std::string_view text);

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_FILE_SPEC_H_
