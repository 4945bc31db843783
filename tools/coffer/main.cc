#include "tools/coffer/app.h"

int main(int argc, char** argv) { return coffer::tool::RunCommandLine(argc, argv); }
