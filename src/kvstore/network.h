// What the stores behind a network share: NetworkOptions in specs and for requests, reads by GET.
#ifndef COFFER_SRC_KVSTORE_NETWORK_H_
#define COFFER_SRC_KVSTORE_NETWORK_H_

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "coffer/kvstore/kvstore.h"
#include "coffer/kvstore/network.h"
#include "src/base/json.h"
#include "src/kvstore/http_read.h"
#include "src/net/http_client.h"

namespace coffer::inline v0 {

/// The member "network" of a spec. Errors name the JSON path.
Status ReadNetworkSpec(const Json& member, std::string_view path, NetworkOptions* options);

/// InvalidArgument, which names the parameter, for limits that let nothing through.
Status CheckNetworkOptions(const NetworkOptions& options);

HttpRetry RetryOf(const NetworkOptions& options);
/// Limits and trust of a request, and where the memory for its answer comes from.
void ApplyNetworkOptions(const NetworkOptions& options, const Context& context,
                         HttpRequest* request);

/// Ends all requests of this context to servers, those to come too, with Cancelled: for a program
/// that is to end though a server does not answer.
void CancelRequests(const Context& context);

/// Resolves after a while, or as soon as the token fires: how whoever may not block waits before it
/// asks a server again.
Future<void> Pause(const Context& context, std::chrono::milliseconds length,
                   const CancelToken& cancel);

/// Latency and bandwidth of the requests so far, which say what a request is worth in bytes.
class LinkEstimate {
 public:
  void Add(const HttpResponse& answer);
  /// Up to this many bytes between two ranges cost less than a request of their own.
  int64_t gap_bytes() const;

 private:
  std::atomic<double> latency_{0.02};     // Seconds to the first byte: an average that forgets.
  std::atomic<double> bandwidth_{100e6};  // Bytes a second of one request's body, the same.
};

using ReadCheck = std::function<Status(const HttpResponse& answer,
                                       std::optional<std::span<const std::byte>> whole)>;

/// Sends a prepared read, and what it turns to, until it has its answer. `make` gives a request
/// with URL and headers that are the store's own. `check` sees each answer that is one, with all
/// bytes of the value where these came; what it refuses is asked for a few times more.
Future<ReadResult> FetchRead(const HttpClient& client, HttpRead read, HttpClient::Make make,
                             HttpClient::Judge judge, CancelToken cancel, ReadCheck check);

/// KvStore::ReadRanges by the store's own Read(): repeated where the value is replaced meanwhile,
/// and by one fetch where the server tells no generations.
Future<ReadRangesResult> ReadRangesAgain(std::shared_ptr<KvStore> store, std::string key,
                                         std::vector<ByteRange> ranges, ReadOptions options,
                                         std::function<bool()> tells_generations);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_KVSTORE_NETWORK_H_
