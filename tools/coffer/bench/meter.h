// Measurement: what one workload of `coffer bench` took; and how all of them are shown.
#ifndef COFFER_TOOLS_COFFER_BENCH_METER_H_
#define COFFER_TOOLS_COFFER_BENCH_METER_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "coffer/async/context.h"
#include "src/base/json.h"
#include "tools/coffer/session.h"

namespace coffer::inline v0::tool {

/// What stores counted (see Stats).
struct StoreCounts {
  int64_t read_requests = 0;
  int64_t write_requests = 0;
  int64_t bytes_read = 0;
  int64_t bytes_written = 0;

  static StoreCounts Of(const Context& context);
  /// Adds what was counted from `before` to `after`.
  void Add(const StoreCounts& before, const StoreCounts& after);
};

/// Only what stands inside Time() counts; between calls data are made and checked.
class Measurement {
 public:
  /// `per_call`: calls are alike, so that their percentiles mean something.
  Measurement(std::string name, bool per_call) : name_(std::move(name)), per_call_(per_call) {}

  /// Runs a call that moves `bytes` bytes of elements, and returns its Status or Result.
  template <class Call>
  auto Time(const Context& context, int64_t bytes, const Call& call) {
    const StoreCounts before = StoreCounts::Of(context);
    const Stopwatch watch;
    auto result = call();
    AddCall(bytes, watch.seconds());
    counts_.Add(before, StoreCounts::Of(context));
    return result;
  }
  void AddCall(int64_t bytes, double seconds);

  const std::string& name() const { return name_; }
  bool per_call() const { return per_call_; }
  int64_t calls() const { return calls_; }
  int64_t bytes() const { return bytes_; }
  double seconds() const { return seconds_; }
  const StoreCounts& counts() const { return counts_; }
  /// The shortest time that at least this part of the calls kept within. Requires calls() > 0 and
  /// per_call().
  double Percentile(double part) const;

 private:
  std::string name_;
  bool per_call_;
  int64_t calls_ = 0;
  int64_t bytes_ = 0;
  double seconds_ = 0;
  StoreCounts counts_;
  std::vector<double> call_seconds_;  // Where per_call_.
};

/// `counted`: whether the store counts its requests; else they are shown as unknown.
std::string MeasurementsTable(const std::vector<Measurement>& measurements, bool counted);
Json MeasurementsJson(const std::vector<Measurement>& measurements, bool counted);

}  // namespace coffer::inline v0::tool

#endif  // COFFER_TOOLS_COFFER_BENCH_METER_H_
