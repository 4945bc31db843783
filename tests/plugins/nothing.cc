// A plugin that does not describe itself.
#include "coffer/registry/plugin.h"

const coffer::Plugin* coffer_register_v0() { return nullptr; }
