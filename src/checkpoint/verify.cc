// Verifying: what the walk (check.cc, check_place.cc) finds, as a report.
#include <string>
#include <utility>
#include <vector>

#include "coffer/checkpoint/checkpoint.h"
#include "coffer/checkpoint/repair.h"
#include "src/array/findings.h"
#include "src/checkpoint/check.h"
#include "src/checkpoint/unfinished.h"

namespace coffer::inline v0 {
namespace {

class VerifyChecker final : public Checker {
 public:
  explicit VerifyChecker(VerifyOptions options) : options_(std::move(options)) {}

  bool changes() const override { return false; }
  bool GoesOnUnlisted() override { return report_.unlisted = true; }
  int parts_at_once(int threads) const override { return threads; }
  std::unique_ptr<Checker> ForPart(ProgressFunction on_progress,
                                   CancelToken cancel) const override {
    VerifyOptions options = options_;
    options.on_progress = std::move(on_progress);
    options.cancel = std::move(cancel);
    return std::make_unique<VerifyChecker>(std::move(options));
  }
  void Take(std::unique_ptr<Checker> part) override {
    Merge(report_, static_cast<VerifyChecker&>(*part).TakeReport());
  }
  void Begin(const KvStorePtr&, const std::string&) override {}
  const ProgressFunction& on_progress() const override { return options_.on_progress; }
  const CancelToken& cancel() const override { return options_.cancel; }

  Status OneArray(const Array& array, const ArrayCheckOptions& check,
                  const std::string& note) override {
    VerifyReport found;
    const Status status = VerifyArrayInto(array, options_, check, found);
    for (VerifyReport::Finding& finding : found.findings) finding.reason += note;
    for (VerifyReport::Finding& finding : found.unsupported) finding.reason += note;
    Merge(report_, std::move(found));
    return status;
  }
  Status Tell(VerifyReport::Finding finding, std::string_view) override {
    AddFinding(report_, std::move(finding));
    return Status();
  }
  Status Foreign(KvStore& store, const std::vector<std::string>& keys, std::string_view reason,
                 const ForeignJudge&) override {
    for (const std::string& key : keys) {
      AddFinding(report_, {FindingKind::kForeign, store.Describe(key), std::string(reason)});
    }
    return Status();
  }
  Status Unfinished(const KvStorePtr& store, const std::string& prefix, int64_t keys,
                    std::string_view) override {
    AddFinding(report_, UnfinishedFinding(*store, prefix, keys));
    return Status();
  }
  Status Debris(KvStore& store, const std::string& prefix) override {
    return VerifyDebris(store, prefix, report_);
  }

  VerifyReport TakeReport() { return std::move(report_); }

 private:
  const VerifyOptions options_;
  VerifyReport report_;
};

}  // namespace

Result<VerifyReport> VerifyPlace(std::string_view place, const VerifyOptions& options,
                                 const Context& context) {
  VerifyChecker checker(options);
  const Status status = CheckPlace(place, context, checker);
  return FinishVerify(status, checker.TakeReport(), options);
}

namespace checkpoint {

Result<VerifyReport> Verify(std::string_view place, const VerifyOptions& options,
                            const Context& context) {
  VerifyChecker checker(options);
  const Status status = CheckCheckpoint(place, context, checker);
  return FinishVerify(status, checker.TakeReport(), options);
}

Result<VerifyReport> Verify(KvStorePtr store, std::string prefix, const VerifyOptions& options,
                            const Context& context) {
  COFFER_ASSIGN_OR_RETURN(const CheckpointPlace place,
                          MakeCheckpointPlace(std::move(store), std::move(prefix)));
  VerifyChecker checker(options);
  const Status status = CheckCheckpoint(place, place, context, checker);
  return FinishVerify(status, checker.TakeReport(), options);
}

}  // namespace checkpoint
}  // namespace coffer::inline v0
