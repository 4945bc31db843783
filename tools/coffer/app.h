// The coffer command: a table of commands over one Session.
#ifndef COFFER_TOOLS_COFFER_APP_H_
#define COFFER_TOOLS_COFFER_APP_H_

namespace coffer::inline v0::tool {

/// Runs a command line; returns the exit status (see session.h).
int RunCommandLine(int argc, const char* const* argv);

}  // namespace coffer::inline v0::tool

#endif  // COFFER_TOOLS_COFFER_APP_H_
