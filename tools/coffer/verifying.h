// `coffer verify` and `coffer checkpoint verify`, which are the same for a checkpoint; and what
// `coffer repair` shows as they do.
#ifndef COFFER_TOOLS_COFFER_VERIFYING_H_
#define COFFER_TOOLS_COFFER_VERIFYING_H_

#include <string>

#include "coffer/array/verify.h"
#include "coffer/base/result.h"
#include "src/base/json.h"
#include "tools/coffer/session.h"

namespace coffer::inline v0::tool {

/// Verifies and shows what stands at a place; kFound if anything is wrong.
Result<int> Verify(Session& session, const std::string& url, bool deep);

/// {"key": ..., "kind": "damaged", "reason": ...}
Json FindingJson(const VerifyReport::Finding& finding);

}  // namespace coffer::inline v0::tool

#endif  // COFFER_TOOLS_COFFER_VERIFYING_H_
