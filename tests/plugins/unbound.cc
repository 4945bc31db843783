// A plugin that needs a symbol which nobody has.
#include "coffer/registry/plugin.h"

extern "C" const coffer::Plugin* nobody_has_this();

const coffer::Plugin* coffer_register_v0() { return nobody_has_this(); }
