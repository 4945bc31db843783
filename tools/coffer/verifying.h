// `coffer verify` and `coffer checkpoint verify`, which are the same for a checkpoint; and what
// `coffer repair` shows as they do.
#ifndef COFFER_TOOLS_COFFER_VERIFYING_H_
#define COFFER_TOOLS_COFFER_VERIFYING_H_

#include <cstdint>
#include <string>
#include <vector>

#include "coffer/array/verify.h"
#include "coffer/base/result.h"
#include "src/base/json.h"
#include "tools/coffer/session.h"

namespace coffer::inline v0::tool {

/// Verifies and shows what stands at a place; kFound if anything is wrong.
Result<int> Verify(Session& session, const std::string& url, bool deep);

/// {"key": ..., "kind": "damaged", "reason": ...}
Json FindingJson(const VerifyReport::Finding& finding);
Json FindingsJson(const std::vector<VerifyReport::Finding>& findings);

/// "not checked: KEY: REASON" of each, and of how many more.
void ShowUnsupported(Session& session, const std::vector<VerifyReport::Finding>& unsupported,
                     int64_t all);
/// "; not checked (unsupported): 2" for the summary; "" for none.
std::string NotCheckedText(int64_t unsupported);

}  // namespace coffer::inline v0::tool

#endif  // COFFER_TOOLS_COFFER_VERIFYING_H_
