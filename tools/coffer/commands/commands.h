// The table of commands. Each stands in a file of its own, named as it is.
#ifndef COFFER_TOOLS_COFFER_COMMANDS_COMMANDS_H_
#define COFFER_TOOLS_COFFER_COMMANDS_COMMANDS_H_

#include "tools/coffer/command_line.h"

namespace coffer::inline v0::tool {

void AddAttrs(const CommandLine& line);
void AddBench(const CommandLine& line);
void AddCat(const CommandLine& line);
void AddCheckpoint(const CommandLine& line);
void AddCp(const CommandLine& line);
void AddImport(const CommandLine& line);
void AddInfo(const CommandLine& line);
void AddLs(const CommandLine& line);
void AddRepair(const CommandLine& line);
void AddResize(const CommandLine& line);
void AddRm(const CommandLine& line);
void AddVerify(const CommandLine& line);
void AddView(const CommandLine& line);

// Of `coffer checkpoint`.
void AddCheckpointRestore(const CommandLine& line);
void AddCheckpointSave(const CommandLine& line);

using AddCommand = void (*)(const CommandLine& line);

/// In the order in which `coffer --help` shows them.
inline constexpr AddCommand kCommands[] = {AddInfo,   AddLs,         AddCat,   AddImport, AddCp,
                                           AddResize, AddRm,         AddAttrs, AddVerify, AddRepair,
                                           AddView,   AddCheckpoint, AddBench};

}  // namespace coffer::inline v0::tool

#endif  // COFFER_TOOLS_COFFER_COMMANDS_COMMANDS_H_
