// Counts the operations that match each fault; the first fault that is due decides.
#include <optional>
#include <utility>

#include "coffer/kvstore/adapters.h"
#include "src/base/mutex.h"
#include "src/kvstore/intercepting_store.h"

namespace coffer::inline v0 {

namespace {

class FaultPolicy {
 public:
  explicit FaultPolicy(KvStorePtr base) : base_(std::move(base)) {}

  template <class T>
  Future<T> Around(const KvCall& call, std::function<Future<T>()> run) {
    const std::optional<Fault> fault = Due(call);
    if (!fault) return run();
    const Status status = fault->status.Annotate(base_->Describe(call.key));
    if (!fault->after) return Future<T>::Ready(status);
    Promise<T> promise;
    run().OnReady([promise, status](const ResultOf<T>&) { promise.Set(status); });
    return promise.future();
  }

  Status BeforeOpen(const KvCall& call) {
    const std::optional<Fault> fault = Due(call);
    return fault ? fault->status.Annotate(base_->Describe(call.key)) : Status();
  }

  void AfterOpen(const KvCall&, std::chrono::steady_clock::time_point, const Status&) const {}

  Capabilities Change(Capabilities base) const { return base; }

  void Inject(Fault fault) {
    MutexLock lock(mutex_);
    faults_.push_back(std::move(fault));
  }
  void Clear() {
    MutexLock lock(mutex_);
    faults_.clear();
  }
  int64_t injected() const {
    MutexLock lock(mutex_);
    return injected_;
  }

 private:
  std::optional<Fault> Due(const KvCall& call) {
    MutexLock lock(mutex_);
    for (Fault& fault : faults_) {
      if (fault.operation != call.operation || !call.key.starts_with(fault.key_prefix)) continue;
      if (fault.skip > 0) {
        --fault.skip;
        continue;
      }
      if (fault.times == 0) continue;
      if (fault.times > 0) --fault.times;
      ++injected_;
      return fault;
    }
    return std::nullopt;
  }

  const KvStorePtr base_;
  mutable Mutex mutex_;
  std::vector<Fault> faults_ COFFER_GUARDED_BY(mutex_);
  int64_t injected_ COFFER_GUARDED_BY(mutex_) = 0;
};

class FaultStoreImpl final : public InterceptingStore<FaultPolicy, FaultStore> {
 public:
  using InterceptingStore::InterceptingStore;
  void Inject(Fault fault) override { policy().Inject(std::move(fault)); }
  void Clear() override { policy().Clear(); }
  int64_t injected() const override { return policy().injected(); }
};

}  // namespace

std::shared_ptr<FaultStore> MakeFaultStore(KvStorePtr base) {
  auto policy = std::make_shared<FaultPolicy>(base);
  return std::make_shared<FaultStoreImpl>(std::move(base), std::move(policy));
}

}  // namespace coffer::inline v0
