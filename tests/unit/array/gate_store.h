// A store whose answers wait at a gate, for tests that fix who comes when.
//
//     auto gate = std::make_shared<GatePolicy>();
//     KvStorePtr store = MakeGateStore(base, gate);
//     gate->Close("c/0");          // operations on keys that start with this are held
//     ... gate->Open();            // the held ones are done, in their order, on this thread
//     gate->Count(KvOperation::kWrite, "c/0")
#ifndef COFFER_TESTS_UNIT_ARRAY_GATE_STORE_H_
#define COFFER_TESTS_UNIT_ARRAY_GATE_STORE_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "src/base/mutex.h"
#include "src/kvstore/intercepting_store.h"

namespace coffer::inline v0::testing {

class GatePolicy {
 public:
  template <class T>
  Future<T> Around(const KvCall& call, std::function<Future<T>()> run) {
    const Promise<T> promise;
    auto now = [promise, run = std::move(run)] {
      run().OnReady([promise](const ResultOf<T>& result) { promise.Set(result); });
    };
    {
      MutexLock lock(mutex_);
      calls_.emplace_back(call.operation, call.key);
      if (call.operation == failing_ && failure_ && failures_skipped_-- == 0) {
        const Future<T> failed = Future<T>::Ready(*failure_);
        failure_.reset();
        return failed;
      }
      if (closed_ && call.key.starts_with(prefix_) && call.operation != KvOperation::kList) {
        held_.push_back(std::move(now));
        held_changed_.NotifyAll();
        return promise.future();
      }
    }
    now();
    return promise.future();
  }
  Status BeforeOpen(const KvCall&) { return Status(); }
  void AfterOpen(const KvCall&, std::chrono::steady_clock::time_point, const Status&) {}
  Capabilities Change(Capabilities base) const {
    base.local = false;
    base.streaming_write = false;  // So that a shard is one Write().
    base.request_concurrency = request_concurrency_;
    return base;
  }

  void Close(const std::string& prefix) {
    MutexLock lock(mutex_);
    closed_ = true;
    prefix_ = prefix;
  }
  void Open() {
    std::vector<std::function<void()>> held;
    {
      MutexLock lock(mutex_);
      closed_ = false;
      held.swap(held_);
    }
    for (const std::function<void()>& run : held) run();
  }
  /// The operation of this kind after the next `skip` ones fails.
  void FailNext(KvOperation operation, const Status& failure, int skip) {
    MutexLock lock(mutex_);
    failing_ = operation;
    failure_ = failure;
    failures_skipped_ = skip;
  }
  size_t held() {
    MutexLock lock(mutex_);
    return held_.size();
  }
  void set_request_concurrency(int requests) { request_concurrency_ = requests; }
  /// Whether so many operations are held, now or within ten seconds.
  bool WaitUntilHeld(size_t count) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    MutexLock lock(mutex_);
    while (held_.size() < count && held_changed_.WaitUntil(mutex_, deadline)) {
    }
    return held_.size() >= count;
  }
  int Count(KvOperation operation, const std::string& key) {
    MutexLock lock(mutex_);
    return static_cast<int>(std::count(calls_.begin(), calls_.end(), std::pair(operation, key)));
  }

 private:
  std::atomic<int> request_concurrency_ = 0;
  CondVar held_changed_;
  Mutex mutex_;  // Guards what follows.
  bool closed_ COFFER_GUARDED_BY(mutex_) = false;
  std::string prefix_ COFFER_GUARDED_BY(mutex_);
  std::vector<std::function<void()>> held_ COFFER_GUARDED_BY(mutex_);
  KvOperation failing_ COFFER_GUARDED_BY(mutex_) = KvOperation::kRead;
  std::optional<Status> failure_ COFFER_GUARDED_BY(mutex_);
  int failures_skipped_ COFFER_GUARDED_BY(mutex_) = 0;
  std::vector<std::pair<KvOperation, std::string>> calls_ COFFER_GUARDED_BY(mutex_);
};

inline KvStorePtr MakeGateStore(KvStorePtr base, std::shared_ptr<GatePolicy> policy) {
  return std::make_shared<InterceptingStore<GatePolicy>>(std::move(base), std::move(policy));
}

}  // namespace coffer::inline v0::testing

#endif  // COFFER_TESTS_UNIT_ARRAY_GATE_STORE_H_
