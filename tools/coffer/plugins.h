// Plugins of the command line: shared libraries that add stores, codecs and array formats.
#ifndef COFFER_TOOLS_COFFER_PLUGINS_H_
#define COFFER_TOOLS_COFFER_PLUGINS_H_

#include <string>

#include "coffer/async/context.h"
#include "coffer/base/status.h"

namespace coffer::inline v0::tool {

/// Loads the library at `path`, which is never searched for elsewhere, and adds what it offers to
/// the context. Runs its code. It is never unloaded, also after an error. Every error names the
/// path.
Status LoadPlugin(const std::string& path, const Context& context);

}  // namespace coffer::inline v0::tool

#endif  // COFFER_TOOLS_COFFER_PLUGINS_H_
