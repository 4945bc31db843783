// A FaultProxy for the Python tests and the benchmarks.
//
//     fault_proxy_tool HOST:PORT [--latency-ms MS] [--fail-503 P] [--lose-response P]
//                      [--cut-response P] [--seed N]
//
// Prints the port on which it listens and runs until its input ends; then prints, as one line of
// JSON, how many requests came and what was done to them. Every request comes MS later to the
// server. With probability P each, at most one of these befalls it: the proxy answers it with S3's
// 503 SlowDown; its response is lost, or cut within its first 4096 bytes, by a close or a reset.
// The n-th request's fate is a function of the seed.
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "tests/support/fault_proxy.h"

namespace coffer::inline v0::testing {
namespace {

struct Settings {
  std::string host;
  int port = 0;
  double latency_ms = 0;
  double fail_503 = 0;
  double lose_response = 0;
  double cut_response = 0;
  uint64_t seed = 0;
};

constexpr std::string_view kSlowDown =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>SlowDown</Code>"
    "<Message>Reduce your request rate.</Message></Error>";

bool ParseNumber(const std::string& text, double max, double* number) {
  char* end = nullptr;
  *number = std::strtod(text.c_str(), &end);
  return !text.empty() && *end == '\0' && *number >= 0 && *number <= max;
}

std::optional<Settings> ParseSettings(int argc, char** argv) {
  Settings settings;
  if (argc < 2 || argc % 2 != 0) return std::nullopt;
  const std::string server = argv[1];
  const size_t colon = server.rfind(':');
  if (colon == server.npos) return std::nullopt;
  double number = 0;
  if (!ParseNumber(server.substr(colon + 1), 65535, &number)) return std::nullopt;
  settings.host = server.substr(0, colon);
  settings.port = static_cast<int>(number);
  const std::map<std::string, double*> members = {{"--latency-ms", &settings.latency_ms},
                                                  {"--fail-503", &settings.fail_503},
                                                  {"--lose-response", &settings.lose_response},
                                                  {"--cut-response", &settings.cut_response}};
  for (int i = 2; i < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--seed") {
      settings.seed = std::strtoull(argv[i + 1], nullptr, 10);
      continue;
    }
    const auto member = members.find(name);
    if (member == members.end() ||
        !ParseNumber(argv[i + 1], name == "--latency-ms" ? 1e6 : 1, member->second)) {
      return std::nullopt;
    }
  }
  return settings;
}

/// Only called by one thread at a time, and read when there are none left.
struct Faults {
  int64_t failed_503 = 0;
  int64_t lost_responses = 0;
  int64_t cut_responses = 0;
};

ProxyAction Choose(const Settings& settings, std::mt19937_64& random, Faults& faults) {
  double fate = std::uniform_real_distribution<double>(0, 1)(random);
  const Then then = random() % 2 == 0 ? Then::kClose : Then::kReset;
  const auto cut = static_cast<int64_t>(1 + random() % 4096);
  const std::chrono::microseconds latency(static_cast<int64_t>(settings.latency_ms * 1000));
  if (fate < settings.fail_503) {
    ++faults.failed_503;
    return ProxyAction::Reply({.status = 503,
                               .headers = {{"Content-Type", "application/xml"}},
                               .body = std::string(kSlowDown),
                               .delivery = {.delay = latency}});
  }
  fate -= settings.fail_503;
  ProxyAction action = ProxyAction::Delay(latency);
  if (fate < settings.lose_response) {
    ++faults.lost_responses;
    action.response = {.stop_after = 0, .then = then};
  } else if (fate - settings.lose_response < settings.cut_response) {
    ++faults.cut_responses;
    action.response = {.stop_after = cut, .then = then};
  }
  return action;
}

void Run(const Settings& settings) {
  std::mt19937_64 random(settings.seed);
  Faults faults;
  std::map<std::string, int64_t> requests;
  {
    FaultProxy proxy(settings.host, settings.port,
                     [&](const HttpRequest&, int64_t) { return Choose(settings, random, faults); });
    std::printf("%d\n", proxy.port());
    std::fflush(stdout);
    char ignored[256];
    while (read(STDIN_FILENO, ignored, sizeof ignored) > 0) {
    }
    requests = proxy.requests();
  }
  std::string by_method;
  int64_t total = 0;
  for (const auto& [method, count] : requests) {
    by_method += (by_method.empty() ? "\"" : ", \"") + method + "\": " + std::to_string(count);
    total += count;
  }
  std::printf(
      "{\"requests\": %lld, \"by_method\": {%s}, \"failed_503\": %lld, \"lost_responses\": %lld, "
      "\"cut_responses\": %lld}\n",
      static_cast<long long>(total), by_method.c_str(), static_cast<long long>(faults.failed_503),
      static_cast<long long>(faults.lost_responses), static_cast<long long>(faults.cut_responses));
}

}  // namespace
}  // namespace coffer::inline v0::testing

int main(int argc, char** argv) {
  const auto settings = coffer::testing::ParseSettings(argc, argv);
  if (!settings) {
    std::fprintf(stderr,
                 "usage: fault_proxy_tool HOST:PORT [--latency-ms MS] [--fail-503 P] "
                 "[--lose-response P] [--cut-response P] [--seed N]\n");
    return 2;
  }
  coffer::testing::Run(*settings);
  return 0;
}
