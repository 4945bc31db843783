// A user's program: nothing but installed headers and the installed library.
#include <coffer/base/version.h>

#include <iostream>

int main() {
  std::cout << "linked with coffer " << coffer::Version() << "\n";
  return coffer::Version() == coffer::kVersion ? 0 : 1;
}
