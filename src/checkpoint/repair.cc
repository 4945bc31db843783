// Repairing: what the walk (check.cc, check_place.cc) finds is dealt with when it shows. Foreign
// keys and what unfinished saves left are deleted if the options say so (unfinished.cc); arrays are
// repaired as any array is (src/array/repair.cc).
#include "coffer/checkpoint/repair.h"

#include <optional>
#include <utility>
#include <vector>

#include "src/array/array_caches.h"
#include "src/array/findings.h"
#include "src/checkpoint/check.h"
#include "src/checkpoint/unfinished.h"

namespace coffer::inline v0 {
namespace {

class RepairChecker final : public Checker {
 public:
  RepairChecker(RepairOptions options, const Context& context, LinksPtr links = nullptr)
      : options_(std::move(options)), context_(context), links_(std::move(links)) {}

  bool changes() const override { return !options_.dry_run; }
  bool GoesOnUnlisted() override { return false; }
  int parts_at_once(int) const override { return 1; }
  std::unique_ptr<Checker> ForPart(ProgressFunction on_progress,
                                   CancelToken cancel) const override {
    RepairOptions options = options_;
    options.on_progress = std::move(on_progress);
    options.cancel = std::move(cancel);
    return std::make_unique<RepairChecker>(std::move(options), context_, links_);
  }
  void Take(std::unique_ptr<Checker> part) override {
    Merge(report_, static_cast<RepairChecker&>(*part).TakeReport());
  }
  void Begin(const KvStorePtr& store, const std::string& prefix) override {
    if (links_ == nullptr) links_ = std::make_shared<Links>(store, prefix);
  }
  const ProgressFunction& on_progress() const override { return options_.on_progress; }
  const CancelToken& cancel() const override { return options_.cancel; }

  Status OneArray(const Array& array, const ArrayCheckOptions& check,
                  const std::string& note) override {
    RepairReport done;
    ArrayCheckOptions with_links = check;
    with_links.links = links_;
    const Status status = RepairArrayInto(array, options_, with_links, done);
    for (RepairReport::Item& item : done.items) item.finding.reason += note;
    for (VerifyReport::Finding& finding : done.unsupported) finding.reason += note;
    Merge(report_, std::move(done));
    return status;
  }
  Status Tell(VerifyReport::Finding finding, std::string_view why_left) override {
    AddItem(report_, {std::move(finding), RepairReport::Outcome::kLeft, std::string(why_left)});
    return Status();
  }
  Status Foreign(KvStore& store, const std::vector<std::string>& keys, std::string_view reason,
                 const ForeignJudge& judge) override {
    std::optional<NodeWriteMark> mark;  // A document that makes no node is remembered, too.
    if (options_.drop_foreign && changes()) mark.emplace(context_, store, "", true);
    const auto judge_links =
        [&](const std::vector<std::string>& judged) -> Result<std::vector<ForeignVerdict>> {
      COFFER_ASSIGN_OR_RETURN(std::vector<ForeignVerdict> verdicts, judge(judged));
      COFFER_ASSIGN_OR_RETURN(const std::string linked, links_->WhyLeft());
      for (ForeignVerdict& verdict : verdicts) {
        if (verdict.why_left.empty()) verdict.why_left = linked;
      }
      return verdicts;
    };
    return RepairForeign(store, keys, reason, judge_links, options_, report_);
  }
  Status Unfinished(const KvStorePtr& store, const std::string& prefix, int64_t keys,
                    std::string_view named) override {
    if (options_.drop_unfinished) {
      COFFER_ASSIGN_OR_RETURN(std::string linked, links_->WhyLeft());
      if (!linked.empty()) return Tell(UnfinishedFinding(*store, prefix, keys), linked);
    }
    std::optional<NodeWriteMark> mark;
    if (options_.drop_unfinished && changes()) mark.emplace(context_, *store, prefix, true);
    return RepairUnfinished(store, prefix, keys, named, options_, report_);
  }
  Status Debris(KvStore& store, const std::string& prefix) override {
    return RepairDebris(store, prefix, options_, report_);
  }

  RepairReport TakeReport() { return std::move(report_); }

 private:
  const RepairOptions options_;
  const Context& context_;
  LinksPtr links_;
  RepairReport report_;
};

}  // namespace

Result<RepairReport> RepairPlace(std::string_view place, const RepairOptions& options,
                                 const Context& context) {
  // A chunk of a checkpoint's array looks as any other from inside.
  std::string url(place);
  if (place.starts_with('{')) {
    COFFER_ASSIGN_OR_RETURN(const Place opened, OpenPlace(place, context));
    url = opened.store->Describe(opened.prefix);
  }
  COFFER_RETURN_IF_ERROR(CheckNotInACheckpoint(url, context));
  RepairChecker checker(options, context);
  const Status status = CheckPlace(place, context, checker);
  return FinishRepair(status, checker.TakeReport(), options);
}

namespace checkpoint {

Result<RepairReport> Repair(std::string_view place, const RepairOptions& options,
                            const Context& context) {
  RepairChecker checker(options, context);
  const Status status = CheckCheckpoint(place, context, checker);
  return FinishRepair(status, checker.TakeReport(), options);
}

Result<RepairReport> Repair(KvStorePtr store, std::string prefix, const RepairOptions& options,
                            const Context& context) {
  COFFER_ASSIGN_OR_RETURN(const CheckpointPlace place,
                          MakeCheckpointPlace(std::move(store), std::move(prefix)));
  RepairChecker checker(options, context);
  const Status status = CheckCheckpoint(place, place, context, checker);
  return FinishRepair(status, checker.TakeReport(), options);
}

}  // namespace checkpoint
}  // namespace coffer::inline v0
