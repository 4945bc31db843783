// PendingUpdates: the writes of parts of stored cells that wait for their turn in this process, so
// that one read-modify-write of a cell does all that wait for it.
//
//  1. Who wants to write a part of a cell joins. The first to join leads: it gets the cell's key to
//     itself (KeyLocks), then bytes of the budget. Whoever joins meanwhile waits, and holds nothing
//     but its source.
//  2. When the leader can begin, it takes all that have joined, in their order, does one
//     read-modify-write for them (later ones win where they overlap) and resolves each.
//  3. Who joins after that leads the next one, and waits for the key.
//  4. Who is cancelled withdraws, unless it is taken. A leader that withdraws hands the lead on.
//
// Only writers through the same store and the same state of the metadata share one.
//
// Thread safety: all methods from any thread.
#ifndef COFFER_SRC_ARRAY_PENDING_UPDATES_H_
#define COFFER_SRC_ARRAY_PENDING_UPDATES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "coffer/array/driver.h"
#include "coffer/async/future.h"
#include "src/array/shard_update.h"
#include "src/base/mutex.h"

namespace coffer::inline v0 {

/// One writer's part of one cell.
struct PendingUpdate {
  enum class Turn { kLead, kDone };

  PendingUpdate(StoredArrayPtr stored_in, std::string name_in, UpdatePart part_in,
                std::shared_ptr<Executor> executor)
      : stored(std::move(stored_in)),
        name(std::move(name_in)),
        part(std::move(part_in)),
        turn(std::move(executor)) {}

  const StoredArrayPtr stored;
  const std::string name;  // Of the cell's key; also that of its KeyLock.
  const UpdatePart part;
  /// Resolves once the writer is to lead, or what it waited for is done; or with an error.
  const Promise<Turn> turn;
};

using PendingUpdatePtr = std::shared_ptr<PendingUpdate>;

class PendingUpdates {
 public:
  void Join(const PendingUpdatePtr& update);
  /// All that share the leader's commit, the leader first; none if it has withdrawn.
  std::vector<PendingUpdatePtr> Take(const PendingUpdatePtr& leader);
  /// Nothing if it is taken already.
  void Withdraw(const PendingUpdatePtr& update);
  /// How many have joined and are not taken.
  int64_t waiting(const std::string& name);

 private:
  using Group = std::vector<PendingUpdatePtr>;  // In the order of joining; the first one leads.

  Mutex mutex_;  // Guards the groups of each name; none is empty.
  std::unordered_map<std::string, std::vector<Group>> groups_ COFFER_GUARDED_BY(mutex_);
};

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_ARRAY_PENDING_UPDATES_H_
