// Notes when an operation begins; when its answer has come, gives the whole event to the sink,
// before anyone who waits for the answer hears of it.
#include <utility>

#include "coffer/kvstore/adapters.h"
#include "src/kvstore/intercepting_store.h"

namespace coffer::inline v0 {

namespace {

class TracePolicy {
 public:
  explicit TracePolicy(std::function<void(const TraceEvent&)> sink) : sink_(std::move(sink)) {}

  template <class T>
  Future<T> Around(const KvCall& call, std::function<Future<T>()> run) const {
    TraceEvent event = Begin(call);
    Promise<T> promise;
    Future<T> running = run();
    promise.cancel_token().OnCancel([running] { running.Cancel(); });
    running.OnReady([sink = sink_, event, promise](const ResultOf<T>& result) mutable {
      event.end = std::chrono::steady_clock::now();
      if constexpr (std::is_void_v<T>) {
        event.status = result;
      } else {
        event.status = result.status();
        if (result.ok()) event.bytes += AnsweredBytes(*result);
      }
      sink(event);
      promise.Set(result);
    });
    return promise.future();
  }

  Status BeforeOpen(const KvCall&) const { return Status(); }
  /// A listing that was opened is told by its pages.
  void AfterOpen(const KvCall& call, std::chrono::steady_clock::time_point begin,
                 const Status& status) const {
    if (call.operation == KvOperation::kList && status.ok()) return;
    TraceEvent event = Begin(call);
    event.begin = begin;
    event.end = std::chrono::steady_clock::now();
    event.status = status;
    sink_(event);
  }

  Capabilities Change(Capabilities base) const { return base; }

 private:
  static TraceEvent Begin(const KvCall& call) {
    TraceEvent event;
    event.operation = call.operation;
    event.key = call.key;
    event.range = call.range;
    event.bytes = call.bytes;
    event.begin = std::chrono::steady_clock::now();
    return event;
  }

  const std::function<void(const TraceEvent&)> sink_;
};

}  // namespace

KvStorePtr MakeTraceStore(KvStorePtr base, std::function<void(const TraceEvent&)> sink) {
  return std::make_shared<InterceptingStore<TracePolicy>>(
      std::move(base), std::make_shared<TracePolicy>(std::move(sink)));
}

}  // namespace coffer::inline v0
