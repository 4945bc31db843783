// Loading a plugin:
//  1. The library is opened with all its symbols bound, so what is missing shows now. Those of
//     coffer are this program's own (it is linked whole and exports them).
//  2. Its one function describes it; AddPlugin checks the version before it uses the description.
// The library stays loaded whatever comes: its code may have left threads or handlers behind.
#include "tools/coffer/plugins.h"

#include <dlfcn.h>

#include "coffer/async/future.h"
#include "coffer/base/result.h"
#include "coffer/registry/plugin.h"

namespace coffer::inline v0::tool {
namespace {

std::string LoaderError() {
  const char* const text = dlerror();  // NOLINT(concurrency-mt-unsafe): per thread in glibc
  return text != nullptr ? text : "unknown error";
}

Result<const Plugin*> Describe(PluginEntry* entry) {
  try {
    const Plugin* const plugin = entry();
    if (plugin != nullptr) return plugin;
    return FailedPreconditionError(std::string(kPluginEntry) + " returned nothing");
  } catch (...) {
    return internal::StatusOfException().Annotate(kPluginEntry);
  }
}

Status Load(const std::string& path, const Context& context) {
  if (path.empty()) return InvalidArgumentError("expected the path of a shared library");
  // Without a "/" the loader would look in the system's folders.
  const std::string file = path.find('/') == std::string::npos ? "./" + path : path;
  void* const library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library == nullptr) return FailedPreconditionError(LoaderError());
  void* const entry = dlsym(library, kPluginEntry);
  if (entry == nullptr) {
    return FailedPreconditionError("exports no function " + std::string(kPluginEntry) +
                                   ", so it is no plugin of coffer");
  }
  COFFER_ASSIGN_OR_RETURN(const Plugin* plugin, Describe(reinterpret_cast<PluginEntry*>(entry)));
  return AddPlugin(*plugin, context);
}

}  // namespace

Status LoadPlugin(const std::string& path, const Context& context) {
  return Load(path, context).Annotate("--plugin " + path);
}

}  // namespace coffer::inline v0::tool
