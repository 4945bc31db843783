// A program that loads a plugin by itself: host PLUGIN.so. Adds it for all contexts, and uses it.
#include <coffer/coffer.h>
#include <dlfcn.h>

#include <cstdint>
#include <iostream>
#include <vector>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  void* const library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library == nullptr) {
    std::cerr << dlerror() << "\n";
    return 1;
  }
  auto* const entry = reinterpret_cast<coffer::PluginEntry*>(dlsym(library, coffer::kPluginEntry));
  if (entry == nullptr) return 1;
  coffer::AddPlugin(*entry()).OrThrow();
  const std::vector<uint8_t> values = {1, 2, 3, 4};
  coffer::Array array =
      coffer::Array::Create("remote://host|tile:", {.shape = {4}, .codec = {"mask", "{}"}})
          .OrThrow();
  array.Write(coffer::Box::Full({4}), coffer::Ref(values.data(), {4})).OrThrow();
  std::cout << "read " << int{array.Read<uint8_t>({}).OrThrow()(3)} << " through " << argv[1]
            << "\n";
  return array.Read<uint8_t>({}).OrThrow()(3) == 4 ? 0 : 1;
}
