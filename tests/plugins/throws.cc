// A plugin whose function throws.
#include <stdexcept>

#include "coffer/registry/plugin.h"

const coffer::Plugin* coffer_register_v0() { throw std::runtime_error("out of tape"); }
