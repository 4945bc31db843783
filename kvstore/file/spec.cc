#include "kvstore/file/spec.h"

#include <utility>

#include "src/base/json.h"
#include "src/kvstore/spec.h"

namespace coffer::inline v0 {

namespace {

using Locking = FileStoreOptions::Locking;

Status ReadLocking(const Json& member, FileStoreOptions* options) {
  const std::string path = "$.file_io_locking";
  COFFER_RETURN_IF_ERROR(CheckSpecMembers(member, path, {"mode", "acquire_timeout"}, {}));
  if (const Json* mode = member.Find("mode")) {
    COFFER_ASSIGN_OR_RETURN(const std::string name, mode->AsString(path + ".mode"));
    if (name == "none") {
      options->locking = Locking::kNone;
    } else if (name == "lockfile") {
      options->locking = Locking::kLockfile;
    } else if (name == "non_atomic") {
      return UnimplementedError("at " + path +
                                ".mode: mode \"non_atomic\" of TensorStore is not supported "
                                "(\"os\", \"lockfile\" and \"none\" are)");
    } else if (name != "os") {
      return mode->Unexpected(path + ".mode", "\"os\", \"lockfile\" or \"none\"");
    }
  }
  if (const Json* timeout = member.Find("acquire_timeout")) {
    const std::string where = path + ".acquire_timeout";
    COFFER_ASSIGN_OR_RETURN(options->lock_timeout, ReadDuration(*timeout, where));
  }
  return Status();
}

}  // namespace

Result<FileStoreSpec> ParseFileStoreSpec(std::string_view text) {
  COFFER_ASSIGN_OR_RETURN(const Json spec, Json::Parse(text));
  COFFER_RETURN_IF_ERROR(CheckSpecMembers(
      spec, "$", {"driver", "path", "file_io_sync", "file_io_locking", "file_io_direct_streams"},
      {"file_io_concurrency", "file_io_mode", "context"}));
  const Json* path = spec.Find("path");
  if (path == nullptr) {
    return InvalidArgumentError("at $: the spec of a file store needs the member \"path\"");
  }
  FileStoreSpec result;
  COFFER_ASSIGN_OR_RETURN(result.path, path->AsString("$.path"));
  if (const Json* sync = spec.Find("file_io_sync")) {
    COFFER_ASSIGN_OR_RETURN(result.options.sync, sync->AsBool("$.file_io_sync"));
  }
  if (const Json* direct = spec.Find("file_io_direct_streams")) {
    COFFER_ASSIGN_OR_RETURN(result.options.direct_streams,
                            direct->AsBool("$.file_io_direct_streams"));
  }
  if (const Json* locking = spec.Find("file_io_locking")) {
    COFFER_RETURN_IF_ERROR(ReadLocking(*locking, &result.options));
  }
  return result;
}

}  // namespace coffer::inline v0
