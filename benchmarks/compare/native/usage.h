// What a piece of work took: seconds of each call, processor time, peak memory, system calls.
//
// The process is measured as a whole, from /proc; so nothing else may run in it meanwhile. Peak
// memory is the highest resident size meanwhile, above that of the process before its first work:
// what is kept from one piece of work for the next counts, too.
#ifndef COFFER_BENCHMARKS_COMPARE_NATIVE_USAGE_H_
#define COFFER_BENCHMARKS_COMPARE_NATIVE_USAGE_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace coffer_compare {

class Usage {
 public:
  Usage();  ///< Starts. Resets the process's high-water mark.
  /// Runs one call on the clock.
  template <class Call>
  void Time(const Call& call) {
    const double processor = ProcessorSeconds();
    const auto begin = std::chrono::steady_clock::now();
    call();
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
    calls_.push_back(wall.count());
    processor_ += ProcessorSeconds() - processor;
  }
  /// The largest result that a call gave, in bytes.
  void Result(int64_t bytes) { result_ = bytes > result_ ? bytes : result_; }
  void Wrong(const std::string& what) { wrong_ = what; }
  /// One line of JSON, as benchmarks/compare/usage.py's Usage.report gives it.
  std::string Report() const;

 private:
  static double ProcessorSeconds();

  std::vector<double> calls_;
  double processor_ = 0;
  int64_t result_ = 0;
  std::string wrong_;
  int64_t resident_;
  std::vector<int64_t> io_;
};

}  // namespace coffer_compare

#endif  // COFFER_BENCHMARKS_COMPARE_NATIVE_USAGE_H_
