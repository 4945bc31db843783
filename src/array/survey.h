// What stands below a prefix: nodes, things that are no nodes, and keys of neither; from one
// listing, with one look at each folder.
#ifndef COFFER_SRC_ARRAY_SURVEY_H_
#define COFFER_SRC_ARRAY_SURVEY_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coffer/array/driver.h"
#include "coffer/array/group.h"
#include "src/base/mutex.h"

namespace coffer::inline v0 {

/// What stands at a prefix that is neither array nor group, and whose keys are its own (a
/// checkpoint, of which this layer knows nothing; or one that is being written, or never was).
enum class PlaceKind { kNone, kWhole, kUnfinished };
/// Null: there is nothing of the kind.
using PlaceProbe = std::function<Result<PlaceKind>(const std::string& prefix)>;
/// Takes keys that belong to nobody: those of one page of a listing.
using StraySink = std::function<Status(const std::vector<std::string>& keys)>;

/// On a key that was told as one of nobody.
struct ForeignVerdict {
  bool is_foreign = false;  ///< It still belongs to nobody.
  std::string why_left;     ///< Why it is not to be deleted all the same; "" if it may be.
};

/// Whether links stand below a prefix, through which a place may reach keys that look like
/// nobody's; looked for when it is first asked. Thread safe.
class Links {
 public:
  Links(KvStorePtr store, std::string prefix)
      : store_(std::move(store)), prefix_(std::move(prefix)) {}
  /// Why foreign keys are left: names a link; "" if there is none.
  Result<std::string> WhyLeft();

 private:
  const KvStorePtr store_;
  const std::string prefix_;
  Mutex mutex_;  // Guards what follows.
  std::optional<std::string> why_left_ COFFER_GUARDED_BY(mutex_);
};
using LinksPtr = std::shared_ptr<Links>;

/// Why nothing is deleted of a node in whose place one of another format stands, too.
std::string TwoFormats(const ArrayDriver& other);

/// What the folders below a prefix are, each looked up once: nodes of `drivers`; else nodes of
/// `other_drivers` and what the probe finds (kOther, kUnfinished). Belongs to one thread.
class FolderKinds {
 public:
  enum class Kind { kPlain, kGroup, kArray, kOther, kUnfinished };

  FolderKinds(std::vector<const ArrayDriver*> drivers,
              std::vector<const ArrayDriver*> other_drivers, KvStorePtr store, std::string prefix,
              PlaceProbe probe)
      : drivers_(std::move(drivers)),
        other_drivers_(std::move(other_drivers)),
        store_(std::move(store)),
        prefix_(std::move(prefix)),
        probe_(std::move(probe)) {}

  /// `folder` begins with the prefix and ends with "/".
  Result<Kind> Of(const std::string& folder);
  /// The outermost folder above a key, below the prefix, at which anything stands.
  Result<std::optional<std::string>> OutermostAbove(const std::string& key);
  const std::map<std::string, Kind>& known() const { return kinds_; }

 private:
  Result<NodeKind> FindBy(const std::vector<const ArrayDriver*>& drivers,
                          const std::string& folder) const;

  const std::vector<const ArrayDriver*> drivers_;
  const std::vector<const ArrayDriver*> other_drivers_;
  const KvStorePtr store_;
  const std::string prefix_;
  const PlaceProbe probe_;
  std::map<std::string, Kind> kinds_;
};

struct GroupSurvey {
  std::vector<NodeEntry> nodes;  // Sorted by name; none inside an array, `others`, `unfinished`.
  // Prefixes where the probe found something, or another format's node stands; sorted.
  std::vector<std::string> others;
  std::map<std::string, int64_t> unfinished;  // Of the probe's: prefixes, and how many keys each.
  std::vector<std::string> inside_arrays;     // Prefixes of nodes inside arrays, the outermost.
  std::map<std::string, Status> denied;       // Folders that nobody may look at, see SurveyOptions.
  StrayKeys strays;                           // By their keys.
};

struct SurveyOptions {
  PlaceProbe probe = nullptr;
  size_t strays_max = 0;  // So many strays are named; all are counted.
  // A folder whose documents or marker may not be read is told, and all below it passed over; else
  // that is an error.
  bool skip_denied = false;
  StraySink on_strays = nullptr;
};

/// Of a group at `prefix`. Nodes below one whose document cannot be read are listed, too: it may
/// have been a group. Memory grows with the number of folders, not of keys.
Result<GroupSurvey> SurveyGroup(const ArrayDriver& driver, const KvStorePtr& store,
                                const std::string& prefix, const SurveyOptions& options,
                                const Context& context);
/// Whether each of these keys, which a survey with this probe told as strays, would be one still.
/// Left are those below a group in whose place an array of another format stands, too.
Result<std::vector<ForeignVerdict>> JudgeStrays(const ArrayDriver& driver, const KvStorePtr& store,
                                                const std::string& prefix, const PlaceProbe& probe,
                                                const std::vector<std::string>& keys,
                                                const Context& context);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_ARRAY_SURVEY_H_
