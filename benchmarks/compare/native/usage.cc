#include "benchmarks/compare/native/usage.h"

#include <ctime>
#include <fstream>
#include <sstream>

namespace coffer_compare {

namespace {

/// The number behind `name:` in a file of /proc, in its own unit; -1 if there is none.
int64_t Field(const char* path, const std::string& name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(name + ":")) return std::stoll(line.substr(name.size() + 1));
  }
  return -1;
}

const std::vector<std::string>& IoNames() {
  static const std::vector<std::string> names = {"rchar", "wchar", "syscr", "syscw", "write_bytes"};
  return names;
}

std::vector<int64_t> Io() {
  std::vector<int64_t> io;
  for (const std::string& name : IoNames()) io.push_back(Field("/proc/self/io", name));
  return io;
}

}  // namespace

Usage::Usage() {
  static const int64_t resident_at_first = Field("/proc/self/status", "VmRSS");
  resident_ = resident_at_first;
  std::ofstream("/proc/self/clear_refs") << "5";
  io_ = Io();
}

double Usage::ProcessorSeconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

std::string Usage::Report() const {
  std::ostringstream json;
  json.precision(9);
  json << "{\"calls\": [";
  for (size_t i = 0; i < calls_.size(); ++i) json << (i == 0 ? "" : ", ") << calls_[i];
  json << "], \"processor\": " << processor_
       << ", \"peak\": " << (Field("/proc/self/status", "VmHWM") - resident_) * 1024
       << ", \"result\": " << result_ << ", \"wrong\": \"" << wrong_ << '"';
  const std::vector<int64_t> io = Io();
  for (size_t i = 0; i < io.size(); ++i) {
    json << ", \"" << IoNames()[i] << "\": " << io[i] - io_[i];
  }
  json << "}";
  return json.str();
}

}  // namespace coffer_compare
