#include "tools/coffer/bench/meter.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "tools/coffer/text.h"

namespace coffer::inline v0::tool {
namespace {

std::string Decimal(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.3f", value);
  return text;
}

std::string Milliseconds(const Measurement& measurement, double part) {
  if (!measurement.per_call() || measurement.calls() == 0) return "-";
  return Decimal(measurement.Percentile(part) * 1000);
}

Json MillisecondsJson(const Measurement& measurement, double part) {
  if (!measurement.per_call() || measurement.calls() == 0) return nullptr;
  return measurement.Percentile(part) * 1000;
}

}  // namespace

StoreCounts StoreCounts::Of(const Context& context) {
  const Stats& stats = context.stats();
  return {stats.read_requests.load(), stats.write_requests.load(), stats.bytes_read.load(),
          stats.bytes_written.load()};
}

void StoreCounts::Add(const StoreCounts& before, const StoreCounts& after) {
  read_requests += after.read_requests - before.read_requests;
  write_requests += after.write_requests - before.write_requests;
  bytes_read += after.bytes_read - before.bytes_read;
  bytes_written += after.bytes_written - before.bytes_written;
}

void Measurement::AddCall(int64_t bytes, double seconds) {
  ++calls_;
  bytes_ += bytes;
  seconds_ += seconds;
  if (per_call_) call_seconds_.push_back(seconds);
}

double Measurement::Percentile(double part) const {
  std::vector<double> sorted = call_seconds_;
  std::sort(sorted.begin(), sorted.end());
  const double rank = std::ceil(part * static_cast<double>(sorted.size()));
  return sorted[static_cast<size_t>(std::max(rank, 1.0)) - 1];
}

std::string MeasurementsTable(const std::vector<Measurement>& measurements, bool counted) {
  Table table("lrrrrrrrrrr");
  table.Add({"workload", "calls", "bytes", "seconds", "rate", "p50 ms", "p99 ms", "reads", "writes",
             "read", "written"});
  for (const Measurement& measurement : measurements) {
    const StoreCounts& counts = measurement.counts();
    const auto known = [counted](std::string text) { return counted ? std::move(text) : "-"; };
    const int64_t bytes = measurement.bytes();
    table.Add(
        {measurement.name(), std::to_string(measurement.calls()), FormatBytes(bytes),
         Decimal(measurement.seconds()), bytes > 0 ? FormatRate(bytes, measurement.seconds()) : "-",
         Milliseconds(measurement, 0.5), Milliseconds(measurement, 0.99),
         known(std::to_string(counts.read_requests)), known(std::to_string(counts.write_requests)),
         known(FormatBytes(counts.bytes_read)), known(FormatBytes(counts.bytes_written))});
  }
  return table.ToString("  ");
}

Json MeasurementsJson(const std::vector<Measurement>& measurements, bool counted) {
  Json::Array lines;
  for (const Measurement& measurement : measurements) {
    const StoreCounts& counts = measurement.counts();
    const auto known = [counted](int64_t count) { return counted ? Json(count) : Json(); };
    lines.push_back(Json(Json::Object{{"workload", measurement.name()},
                                      {"calls", measurement.calls()},
                                      {"bytes", measurement.bytes()},
                                      {"seconds", measurement.seconds()},
                                      {"p50_ms", MillisecondsJson(measurement, 0.5)},
                                      {"p99_ms", MillisecondsJson(measurement, 0.99)},
                                      {"read_requests", known(counts.read_requests)},
                                      {"write_requests", known(counts.write_requests)},
                                      {"bytes_read", known(counts.bytes_read)},
                                      {"bytes_written", known(counts.bytes_written)}}));
  }
  return Json(std::move(lines));
}

}  // namespace coffer::inline v0::tool
