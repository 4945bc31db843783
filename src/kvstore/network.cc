#include "src/kvstore/network.h"

#include <algorithm>
#include <utility>

#include "src/kvstore/coalesce.h"
#include "src/kvstore/spec.h"

namespace coffer::inline v0 {

namespace {

constexpr int kRangeReadAttempts = 10;
constexpr int kTriesOfWrongBodies = 4;
constexpr double kWeightOfNew = 0.1;
constexpr double kGapBytesMin = 4096;
constexpr double kGapBytesMax = 1 << 20;
/// Shorter bodies come in one piece, and say nothing of the bandwidth.
constexpr int64_t kTellingBody = 256 * 1024;

void Blend(std::atomic<double>& average, double value) {
  double old = average.load(std::memory_order_relaxed);
  average.store(old + kWeightOfNew * (value - old), std::memory_order_relaxed);
}

}  // namespace

Status ReadNetworkSpec(const Json& member, std::string_view path, NetworkOptions* options) {
  COFFER_RETURN_IF_ERROR(
      CheckSpecMembers(member, path,
                       {"connect_timeout", "first_byte_timeout", "stall_timeout", "request_timeout",
                        "attempts_max", "retry_budget", "ca_file", "insecure_skip_verify"},
                       {}));
  const std::string prefix = std::string(path) + ".";
  const std::pair<const char*, std::chrono::milliseconds*> durations[] = {
      {"connect_timeout", &options->connect_timeout},
      {"first_byte_timeout", &options->first_byte_timeout},
      {"stall_timeout", &options->stall_timeout},
      {"request_timeout", &options->request_timeout},
      {"retry_budget", &options->retry_budget}};
  for (const auto& [name, duration] : durations) {
    if (const Json* value = member.Find(name)) {
      COFFER_ASSIGN_OR_RETURN(*duration, ReadDuration(*value, prefix + name));
    }
  }
  if (const Json* value = member.Find("attempts_max")) {
    COFFER_ASSIGN_OR_RETURN(const int64_t count,
                            value->AsInt64(prefix + "attempts_max", 1, 1'000'000));
    options->attempts_max = static_cast<int>(count);
  }
  if (const Json* value = member.Find("ca_file")) {
    COFFER_ASSIGN_OR_RETURN(options->ca_file, value->AsString(prefix + "ca_file"));
  }
  if (const Json* value = member.Find("insecure_skip_verify")) {
    COFFER_ASSIGN_OR_RETURN(options->insecure_skip_verify,
                            value->AsBool(prefix + "insecure_skip_verify"));
  }
  return Status();
}

Status CheckNetworkOptions(const NetworkOptions& options) {
  const std::pair<const char*, std::chrono::milliseconds> times[] = {
      {"connect_timeout", options.connect_timeout},
      {"first_byte_timeout", options.first_byte_timeout},
      {"stall_timeout", options.stall_timeout},
      {"request_timeout", options.request_timeout}};
  for (const auto& [name, time] : times) {
    if (time.count() <= 0) {
      return InvalidArgumentError(std::string(name) + ": expected more than 0 ms, not " +
                                  std::to_string(time.count()));
    }
  }
  if (options.attempts_max < 1) {
    return InvalidArgumentError("attempts_max: expected at least 1, not " +
                                std::to_string(options.attempts_max));
  }
  return Status();
}

HttpRetry RetryOf(const NetworkOptions& options) {
  return {.attempts_max = options.attempts_max, .budget = options.retry_budget};
}

void ApplyNetworkOptions(const NetworkOptions& options, const Context& context,
                         HttpRequest* request) {
  request->limits.connect = options.connect_timeout;
  request->limits.first_byte = options.first_byte_timeout;
  request->limits.stall = options.stall_timeout;
  request->limits.total = options.request_timeout;
  request->ca_file = options.ca_file;
  request->insecure_skip_verify = options.insecure_skip_verify;
  request->buffers = &context.buffers();
}

void CancelRequests(const Context& context) { context.Get<HttpTransport>().CancelAll(); }

Future<void> Pause(const Context& context, std::chrono::milliseconds length,
                   const CancelToken& cancel) {
  const Promise<void> over(context.shared_executor());
  context.Get<HttpTransport>().After(length, [over] { over.Set(Status()); }, cancel);
  return over.future();
}

void LinkEstimate::Add(const HttpResponse& answer) {
  Blend(latency_, answer.first_byte_seconds);
  if (answer.body_size >= kTellingBody && answer.body_seconds > 0) {
    Blend(bandwidth_, static_cast<double>(answer.body_size) / answer.body_seconds);
  }
}

int64_t LinkEstimate::gap_bytes() const {
  const double worth =
      latency_.load(std::memory_order_relaxed) * bandwidth_.load(std::memory_order_relaxed) / 4;
  return static_cast<int64_t>(std::clamp(worth, kGapBytesMin, kGapBytesMax));
}

namespace {

struct Fetching {
  HttpClient client;
  HttpRead read;
  HttpClient::Make make;
  HttpClient::Judge judge;
  CancelToken cancel;
  ReadCheck check;
};

Future<HttpRequest> Prepared(const std::shared_ptr<const Fetching>& fetching, int attempt) {
  const auto prepare = [fetching](const Result<HttpRequest>& made) -> Result<HttpRequest> {
    COFFER_RETURN_IF_ERROR(made.status());
    HttpRequest request = *made;
    fetching->read.Prepare(&request);
    return request;
  };
  Future<HttpRequest> made = fetching->make(attempt);
  // Most often there is nothing to wait for, and no thread to change.
  if (made.ready()) return Future<HttpRequest>::Ready(prepare(made.Get()));
  return made.Then(prepare);
}

Future<ReadResult> Fetch(const std::shared_ptr<const Fetching>& fetching, int tries_left) {
  return fetching->client
      .Send([fetching](int attempt) { return Prepared(fetching, attempt); }, fetching->judge,
            fetching->cancel)
      .Then([fetching, tries_left](const Result<HttpResponse>& answer) -> Future<ReadResult> {
        Result<std::optional<ReadResult>> result = fetching->read.Answer(answer);
        if (!result.ok()) return Future<ReadResult>::Ready(result.status());
        if (const Status checked = fetching->check(*answer, fetching->read.whole());
            !checked.ok()) {
          if (tries_left > 0) return Fetch(fetching, tries_left - 1);
          return Future<ReadResult>::Ready(checked);
        }
        if (*result) return Future<ReadResult>::Ready(*std::move(*result));
        return Fetch(fetching, tries_left);
      });
}

}  // namespace

Future<ReadResult> FetchRead(const HttpClient& client, HttpRead read, HttpClient::Make make,
                             HttpClient::Judge judge, CancelToken cancel, ReadCheck check) {
  return Fetch(std::make_shared<const Fetching>(Fetching{client, std::move(read), std::move(make),
                                                         std::move(judge), std::move(cancel),
                                                         std::move(check)}),
               kTriesOfWrongBodies);
}

namespace {

struct RangesReading {
  std::shared_ptr<KvStore> store;
  std::string key;
  std::vector<ByteRange> ranges;
  ReadOptions options;
  std::function<bool()> tells_generations;
};

Future<ReadRangesResult> TryRanges(const std::shared_ptr<const RangesReading>& reading,
                                   int attempt) {
  if (attempt > 0 && !reading->tells_generations()) {
    return ReadCovering(*reading->store, reading->key, reading->ranges, reading->options);
  }
  return reading->store->KvStore::ReadRanges(reading->key, reading->ranges, reading->options)
      .Then([reading, attempt](const Result<ReadRangesResult>& result) {
        if (result.status().code() != StatusCode::kAborted || attempt + 1 == kRangeReadAttempts) {
          return Future<ReadRangesResult>::Ready(result);
        }
        return TryRanges(reading, attempt + 1);
      });
}

}  // namespace

Future<ReadRangesResult> ReadRangesAgain(std::shared_ptr<KvStore> store, std::string key,
                                         std::vector<ByteRange> ranges, ReadOptions options,
                                         std::function<bool()> tells_generations) {
  return TryRanges(std::make_shared<const RangesReading>(
                       RangesReading{std::move(store), std::move(key), std::move(ranges),
                                     std::move(options), std::move(tells_generations)}),
                   0);
}

}  // namespace coffer::inline v0
