// A plugin whose function throws an exception without a text.
#include <exception>

#include "coffer/registry/plugin.h"

namespace {
struct Mute : std::exception {
  const char* what() const noexcept override { return nullptr; }
};
}  // namespace

const coffer::Plugin* coffer_register_v0() { throw Mute(); }
