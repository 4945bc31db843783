#include "src/array/survey.h"

#include <algorithm>
#include <set>
#include <span>
#include <utility>

#include "src/array/findings.h"
#include "src/array/guarded_driver.h"

namespace coffer::inline v0 {

Result<std::string> Links::WhyLeft() {
  MutexLock lock(mutex_);
  if (why_left_) return *why_left_;
  std::optional<std::string> first;
  const auto look = [&](std::span<const ListEntry> page) {
    for (const ListEntry& entry : page) {
      if (entry.is_link && (!first || entry.key < *first)) first = entry.key;
    }
    return Status();
  };
  COFFER_RETURN_IF_ERROR(ForEachPage(*store_, {.range = KeyRange::Prefix(prefix_)}, look));
  why_left_ = first ? "the link " + store_->Describe(*first) + " may lead to it" : "";
  return *why_left_;
}

std::string TwoFormats(const ArrayDriver& other) {
  return "the place has a document of " + std::string(other.name()) + ", too";
}

Result<NodeKind> FolderKinds::FindBy(const std::vector<const ArrayDriver*>& drivers,
                                     const std::string& folder) const {
  const std::string name = folder.substr(prefix_.size(), folder.size() - prefix_.size() - 1);
  for (const ArrayDriver* driver : drivers) {
    const GuardedDriver guarded(*driver);
    COFFER_ASSIGN_OR_RETURN(const bool is_name, guarded.IsNodeName(store_, prefix_, name));
    if (!is_name) continue;
    COFFER_ASSIGN_OR_RETURN(const NodeKind node, guarded.Find(store_, folder));
    if (node != NodeKind::kNone) return node;
  }
  return NodeKind::kNone;
}

Result<FolderKinds::Kind> FolderKinds::Of(const std::string& folder) {
  const auto known = kinds_.find(folder);
  if (known != kinds_.end()) return known->second;
  Kind kind = Kind::kPlain;
  COFFER_ASSIGN_OR_RETURN(const NodeKind node, FindBy(drivers_, folder));
  if (node != NodeKind::kNone) kind = node == NodeKind::kArray ? Kind::kArray : Kind::kGroup;
  if (kind == Kind::kPlain) {
    COFFER_ASSIGN_OR_RETURN(const NodeKind other, FindBy(other_drivers_, folder));
    if (other != NodeKind::kNone) kind = Kind::kOther;
  }
  if (kind == Kind::kPlain && probe_ != nullptr) {
    COFFER_ASSIGN_OR_RETURN(const PlaceKind place, probe_(folder));
    if (place == PlaceKind::kWhole) kind = Kind::kOther;
    if (place == PlaceKind::kUnfinished) kind = Kind::kUnfinished;
  }
  kinds_.emplace(folder, kind);
  return kind;
}

Result<std::optional<std::string>> FolderKinds::OutermostAbove(const std::string& key) {
  for (size_t slash = key.find('/', prefix_.size()); slash != std::string::npos;
       slash = key.find('/', slash + 1)) {
    std::string folder = key.substr(0, slash + 1);
    COFFER_ASSIGN_OR_RETURN(const Kind kind, Of(folder));
    if (kind != Kind::kPlain) return std::optional(std::move(folder));
  }
  return std::optional<std::string>();
}

namespace {

/// Whose key each one is.
class Surveyor {
 public:
  Surveyor(const ArrayDriver& driver, KvStorePtr store, std::string prefix, PlaceProbe probe,
           bool skip_denied, const Context& context)
      : driver_(driver),
        store_(std::move(store)),
        prefix_(std::move(prefix)),
        skip_denied_(skip_denied),
        context_(context),
        others_(AllBut(driver, context)),
        kinds_({&driver}, others_, store_, prefix_, std::move(probe)) {}

  // A folder is looked at when a key in it shows: a node that others make meanwhile has its
  // document before its chunks.
  Result<bool> IsOwned(const std::string& key) {
    Kind kind = Kind::kGroup;
    const std::optional<std::string> node = driver_.NodeOfKey(key);
    for (size_t slash = key.find('/', prefix_.size()); slash != std::string::npos;
         slash = key.find('/', slash + 1)) {
      const std::string folder = key.substr(0, slash + 1);
      if (denied_.contains(folder)) return true;
      const Result<Kind> found = kinds_.Of(folder);
      if (IsSkipped(found.status())) {
        denied_.emplace(folder, found.status());
        return true;
      }
      COFFER_ASSIGN_OR_RETURN(kind, found);
      if (kind == Kind::kOther) return true;
      if (kind == Kind::kUnfinished) {
        ++unfinished_[folder];
        return true;
      }
      if (kind != Kind::kArray) continue;
      if (!node || *node == folder) return true;
      COFFER_ASSIGN_OR_RETURN(const bool readable, IsReadable(folder));
      if (readable) {
        inside_arrays_.insert(*node);
        return true;
      }
    }
    return kind == Kind::kGroup && (node.has_value() || IsDocumentOfAnother(key));
  }
  /// Why a stray may be a chunk of an array all the same; "" if nothing says so.
  Result<std::string> ArrayOfAnotherAbove(const std::string& key) {
    for (size_t end = prefix_.size(); end != std::string::npos;) {
      const std::string folder = key.substr(0, end);
      const auto [known, is_new] = arrays_of_others_.try_emplace(folder);
      for (size_t i = 0; is_new && i < others_.size(); ++i) {
        const Result<NodeKind> kind = GuardedDriver(*others_[i]).Find(store_, folder);
        if (IsSkipped(kind.status())) {
          known->second = kind.status().message();
          break;
        }
        COFFER_RETURN_IF_ERROR(kind);
        if (*kind == NodeKind::kArray) known->second = TwoFormats(*others_[i]);
      }
      if (!known->second.empty()) return known->second;
      const size_t slash = key.find('/', end);
      end = slash == std::string::npos ? slash : slash + 1;
    }
    return std::string();
  }
  const std::map<std::string, FolderKinds::Kind>& kinds() const { return kinds_.known(); }
  const std::map<std::string, int64_t>& unfinished() const { return unfinished_; }
  const std::map<std::string, Status>& denied() const { return denied_; }
  std::vector<std::string> InsideArrays() const {
    std::vector<std::string> outermost;
    for (const std::string& prefix : inside_arrays_) {
      if (outermost.empty() || !prefix.starts_with(outermost.back())) outermost.push_back(prefix);
    }
    return outermost;
  }

 private:
  using Kind = FolderKinds::Kind;

  static std::vector<const ArrayDriver*> AllBut(const ArrayDriver& driver, const Context& context) {
    std::vector<const ArrayDriver*> others = context.Get<DriverTable>().drivers();
    std::erase(others, &driver);
    return others;
  }

  bool IsSkipped(const Status& status) const {
    return skip_denied_ && status.code() == StatusCode::kPermissionDenied;
  }

  /// A group may have documents of several formats.
  bool IsDocumentOfAnother(const std::string& key) const {
    return std::any_of(others_.begin(), others_.end(),
                       [&](const ArrayDriver* other) { return other->NodeOfKey(key).has_value(); });
  }

  /// Whether it is an array indeed. A document that nobody can read may have been a group's.
  Result<bool> IsReadable(const std::string& folder) {
    const auto known = readable_.find(folder);
    if (known != readable_.end()) return known->second;
    const Status opened = GuardedDriver(driver_).Open(store_, folder, context_).status();
    if (!opened.ok() && !IsUnreadable(opened) && !IsSkipped(opened)) return opened;
    readable_.emplace(folder, opened.ok());
    return opened.ok();
  }

  const ArrayDriver& driver_;
  const KvStorePtr store_;
  const std::string prefix_;
  const bool skip_denied_;
  const Context& context_;
  const std::vector<const ArrayDriver*> others_;
  FolderKinds kinds_;
  std::map<std::string, bool> readable_;
  std::map<std::string, std::string> arrays_of_others_;  // Why strays in a folder are left.
  std::set<std::string> inside_arrays_;
  std::map<std::string, int64_t> unfinished_;  // Keys by prefix.
  std::map<std::string, Status> denied_;
};

}  // namespace

Result<GroupSurvey> SurveyGroup(const ArrayDriver& driver, const KvStorePtr& store,
                                const std::string& prefix, const SurveyOptions& options,
                                const Context& context) {
  using Kind = FolderKinds::Kind;
  Surveyor surveyor(driver, store, prefix, options.probe, options.skip_denied, context);
  GroupSurvey survey;
  const auto look = [&](std::span<const ListEntry> page) -> Status {
    std::vector<std::string> strays;
    for (const ListEntry& entry : page) {
      COFFER_ASSIGN_OR_RETURN(const bool owned, surveyor.IsOwned(entry.key));
      if (owned) continue;
      ++survey.strays.count;
      if (survey.strays.keys.size() < options.strays_max) survey.strays.keys.push_back(entry.key);
      if (options.on_strays != nullptr) strays.push_back(entry.key);
    }
    return strays.empty() ? Status() : options.on_strays(strays);
  };
  COFFER_RETURN_IF_ERROR(ForEachPage(*store, {.range = KeyRange::Prefix(prefix)}, look));
  survey.unfinished = surveyor.unfinished();
  survey.denied = surveyor.denied();
  survey.inside_arrays = surveyor.InsideArrays();
  for (const auto& [folder, kind] : surveyor.kinds()) {
    if (kind == Kind::kPlain || kind == Kind::kUnfinished) continue;
    if (kind == Kind::kOther) {
      survey.others.push_back(folder);
      continue;
    }
    const NodeKind node = kind == Kind::kArray ? NodeKind::kArray : NodeKind::kGroup;
    survey.nodes.push_back({folder.substr(prefix.size(), folder.size() - prefix.size() - 1), node});
  }
  return survey;
}

Result<std::vector<ForeignVerdict>> JudgeStrays(const ArrayDriver& driver, const KvStorePtr& store,
                                                const std::string& prefix, const PlaceProbe& probe,
                                                const std::vector<std::string>& keys,
                                                const Context& context) {
  COFFER_ASSIGN_OR_RETURN(const NodeKind root, GuardedDriver(driver).Find(store, prefix));
  PlaceKind place = PlaceKind::kNone;
  if (probe != nullptr) {
    COFFER_ASSIGN_OR_RETURN(place, probe(prefix));
  }
  std::vector<ForeignVerdict> strays(keys.size());
  // Of another thing in the group's place, none of them is known to be nobody's.
  if (root != NodeKind::kGroup || place == PlaceKind::kWhole) return strays;
  Surveyor surveyor(driver, store, prefix, probe, true, context);
  for (size_t i = 0; i < keys.size(); ++i) {
    COFFER_ASSIGN_OR_RETURN(const bool owned, surveyor.IsOwned(keys[i]));
    strays[i].is_foreign = !owned;
    COFFER_ASSIGN_OR_RETURN(strays[i].why_left, surveyor.ArrayOfAnotherAbove(keys[i]));
  }
  return strays;
}

}  // namespace coffer::inline v0
