#include "coffer/kvstore/adapters.h"

namespace coffer::inline v0 {

std::string_view KvOperationName(KvOperation operation) {
  switch (operation) {
    case KvOperation::kRead:
      return "Read";
    case KvOperation::kReadInto:
      return "ReadInto";
    case KvOperation::kReadRanges:
      return "ReadRanges";
    case KvOperation::kWrite:
      return "Write";
    case KvOperation::kDelete:
      return "Delete";
    case KvOperation::kOpenWriter:
      return "OpenWriter";
    case KvOperation::kCommit:
      return "Commit";
    case KvOperation::kList:
      return "List";
    case KvOperation::kDeleteRange:
      return "DeleteRange";
    case KvOperation::kRenamePrefix:
      return "RenamePrefix";
    case KvOperation::kClearDebris:
      return "ClearDebris";
  }
  return "Unknown";
}

}  // namespace coffer::inline v0
