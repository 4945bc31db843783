// VerifyArray: what an inspection (inspect.cc) finds, and the debris of the store, as a report.
#include "coffer/array/verify.h"

#include <utility>

#include "src/array/findings.h"
#include "src/array/inspect.h"
#include "src/base/mutex.h"
#include "src/codec/chain.h"

namespace coffer::inline v0 {
namespace {

class VerifySink : public InspectionSink {
 public:
  explicit VerifySink(const StoredArray& stored) : stored_(stored) {}

  Status OnCell(const std::string& key, const Index&, CellFaults faults) override {
    MutexLock lock(mutex_);
    for (VerifyReport::Finding& finding : faults.Findings(stored_.Describe(key))) {
      AddFinding(report_, std::move(finding));
    }
    return Status();
  }
  Status OnKeys(FindingKind kind, const std::vector<std::string>& keys) override {
    MutexLock lock(mutex_);
    for (const std::string& key : keys) {
      const bool outside = kind == FindingKind::kOutside;
      AddFinding(report_, {kind, stored_.Describe(key),
                           std::string(outside ? kOutsideReason : kForeignInArray)});
    }
    return Status();
  }
  Status OnInnerNode(const std::string& prefix, int64_t keys) override {
    MutexLock lock(mutex_);
    AddFinding(report_, {FindingKind::kInnerNode, stored_.Describe(prefix),
                         InnerNodeReason(keys, "an array")});
    return Status();
  }

  VerifyReport TakeReport() {
    MutexLock lock(mutex_);
    return std::move(report_);
  }

 private:
  const StoredArray& stored_;
  Mutex mutex_;  // Guards what follows.
  VerifyReport report_ COFFER_GUARDED_BY(mutex_);
};

}  // namespace

Status VerifyArrayInto(const Array& array, const VerifyOptions& options,
                       const ArrayCheckOptions& check, VerifyReport& report) {
  const StoredArray& stored = *array.stored();
  VerifySink sink(stored);
  CellInspector cells(stored, array.context(), options.deep, options.cancel);
  const Status inspected = InspectArray(array,
                                        {.deep = options.deep,
                                         .on_progress = options.on_progress,
                                         .cancel = options.cancel,
                                         .probe = check.probe,
                                         .without_list = true,
                                         .missing = check.missing},
                                        cells, sink);
  VerifyReport found = sink.TakeReport();
  found.chunks_checked = cells.counts().chunks;
  found.chunks_unchecked = cells.counts().unchecked;
  found.bytes_checked = cells.counts().bytes;
  found.unlisted = !stored.store->capabilities().listable;
  Merge(report, std::move(found));
  COFFER_RETURN_IF_ERROR(inspected);
  return check.debris ? VerifyDebris(*stored.store, stored.prefix, report) : Status();
}

Result<VerifyReport> FinishVerify(const Status& status, VerifyReport report,
                                  const VerifyOptions& options) {
  SortFindings(report);
  if (status.ok()) return report;
  if (options.on_error != nullptr) *options.on_error = std::move(report);
  return status;
}

Result<VerifyReport> VerifyArray(const Array& array, const VerifyOptions& options) {
  VerifyReport report;
  const Status status = VerifyArrayInto(array, options, {}, report);
  return FinishVerify(status, std::move(report), options);
}

}  // namespace coffer::inline v0
