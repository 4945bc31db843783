// Checking what stands at a place: one walk, for verifying and for repairing. What is done with
// each thing that is found is the Checker's.
#ifndef COFFER_SRC_CHECKPOINT_CHECK_H_
#define COFFER_SRC_CHECKPOINT_CHECK_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "coffer/array/array.h"
#include "coffer/array/verify.h"
#include "coffer/async/context.h"
#include "src/array/inspect.h"
#include "src/checkpoint/place.h"

namespace coffer::inline v0 {

/// Why repairs leave what nobody can mend.
inline constexpr std::string_view kLost = "what is lost cannot be made again";

/// Belongs to one thread.
class Checker {
 public:
  virtual ~Checker() = default;

  /// Whether it changes anything that is stored.
  virtual bool changes() const = 0;
  /// Whether it goes on where the store cannot list its keys, with what the documents name; it is
  /// asked where that is so, and takes note of it.
  virtual bool GoesOnUnlisted() = 0;
  /// How many parts of a checkpoint may be checked at once, where so many threads suit its store.
  virtual int parts_at_once(int threads) const = 0;
  /// An empty one for a part, which another thread may check, and taking over what that has found.
  virtual std::unique_ptr<Checker> ForPart(ProgressFunction on_progress,
                                           CancelToken cancel) const = 0;
  virtual void Take(std::unique_ptr<Checker> part) = 0;
  /// All that is told from now on lies below this prefix. Only the first, outermost one counts.
  virtual void Begin(const KvStorePtr& store, const std::string& prefix) = 0;
  virtual const ProgressFunction& on_progress() const = 0;
  virtual const CancelToken& cancel() const = 0;

  /// `note` is added to the reason of each finding.
  virtual Status OneArray(const Array& array, const ArrayCheckOptions& check,
                          const std::string& note) = 0;
  /// What is told, and never repaired: why.
  virtual Status Tell(VerifyReport::Finding finding, std::string_view why_left) = 0;
  virtual Status Foreign(KvStore& store, const std::vector<std::string>& keys,
                         std::string_view reason, const ForeignJudge& judge) = 0;
  /// `named`: as for RepairUnfinished.
  virtual Status Unfinished(const KvStorePtr& store, const std::string& prefix, int64_t keys,
                            std::string_view named) = 0;
  virtual Status Debris(KvStore& store, const std::string& prefix) = 0;
};

/// A checkpoint at `place`. `published`: where to look for its neighbours; prefix "" for none.
/// Errors: NotFound if there is neither a complete one nor an unfinished one; the checker's.
Status CheckCheckpoint(const CheckpointPlace& place, const CheckpointPlace& published,
                       const Context& context, Checker& checker);
/// The same of a place by its name.
Status CheckCheckpoint(std::string_view place, const Context& context, Checker& checker);

/// Whatever stands at a place. Errors: also NotFound.
Status CheckPlace(std::string_view name, const Context& context, Checker& checker);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_CHECKPOINT_CHECK_H_
