// Showing checkpoints.
#ifndef COFFER_TOOLS_COFFER_CHECKPOINTS_H_
#define COFFER_TOOLS_COFFER_CHECKPOINTS_H_

#include <string>

#include "coffer/checkpoint/checkpoint.h"
#include "tools/coffer/session.h"

namespace coffer::inline v0::tool {

/// Prints the summary of a checkpoint, as `info` and `checkpoint info` do.
void ShowCheckpointInfo(Session& session, const std::string& url,
                        const checkpoint::CheckpointInfo& info);

/// Prints every leaf with its type, shape and sizes, indented as the tree is.
void ShowCheckpointTree(Session& session, const std::string& url,
                        const checkpoint::CheckpointInfo& info);

/// Bytes of an array leaf in memory; 0 for others.
int64_t BytesOf(const checkpoint::LeafInfo& leaf);

}  // namespace coffer::inline v0::tool

#endif  // COFFER_TOOLS_COFFER_CHECKPOINTS_H_
