// TempDir: a fresh directory for one test, removed with all it contains.
//
//     TempDir dir;
//     KvStorePtr store = MakeFileStore(dir / "store").OrDie();
#ifndef COFFER_TESTS_SUPPORT_TEMP_DIR_H_
#define COFFER_TESTS_SUPPORT_TEMP_DIR_H_

#include <stdlib.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

namespace coffer::inline v0 {

class TempDir {
 public:
  TempDir() : path_((std::filesystem::temp_directory_path() / "coffer_test.XXXXXX").string()) {
    if (mkdtemp(path_.data()) == nullptr) {
      std::perror(path_.c_str());
      std::abort();
    }
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

}  // namespace coffer::inline v0

#endif  // COFFER_TESTS_SUPPORT_TEMP_DIR_H_
