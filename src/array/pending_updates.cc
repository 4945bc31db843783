// Promises are resolved outside the lock: their continuations may join again.
#include "src/array/pending_updates.h"

#include <algorithm>
#include <utility>

namespace coffer::inline v0 {
namespace {

bool ShareState(const StoredArray& a, const StoredArray& b) {
  return &a == &b || (a.store == b.store && a.prefix == b.prefix && a.metadata == b.metadata);
}

template <class Groups>
auto GroupOf(Groups& groups, const PendingUpdate& update) {
  return std::find_if(groups.begin(), groups.end(), [&](const auto& group) {
    return ShareState(*group.front()->stored, *update.stored);
  });
}

}  // namespace

void PendingUpdates::Join(const PendingUpdatePtr& update) {
  {
    MutexLock lock(mutex_);
    std::vector<Group>& groups = groups_[update->name];
    if (const auto group = GroupOf(groups, *update); group != groups.end()) {
      group->push_back(update);
      return;
    }
    groups.push_back({update});
  }
  update->turn.Set(PendingUpdate::Turn::kLead);
}

std::vector<PendingUpdatePtr> PendingUpdates::Take(const PendingUpdatePtr& leader) {
  MutexLock lock(mutex_);
  const auto named = groups_.find(leader->name);
  if (named == groups_.end()) return {};
  const auto group = GroupOf(named->second, *leader);
  if (group == named->second.end() || group->front() != leader) return {};
  std::vector<PendingUpdatePtr> taken = std::move(*group);
  named->second.erase(group);
  if (named->second.empty()) groups_.erase(named);
  return taken;
}

void PendingUpdates::Withdraw(const PendingUpdatePtr& update) {
  PendingUpdatePtr next;
  {
    MutexLock lock(mutex_);
    const auto named = groups_.find(update->name);
    if (named == groups_.end()) return;
    const auto group = GroupOf(named->second, *update);
    if (group == named->second.end()) return;
    const auto place = std::find(group->begin(), group->end(), update);
    if (place == group->end()) return;
    const bool led = place == group->begin();
    group->erase(place);
    if (!group->empty()) {
      if (led) next = group->front();
    } else {
      named->second.erase(group);
      if (named->second.empty()) groups_.erase(named);
    }
  }
  update->turn.Set(CancelledError("cancelled"));
  if (next != nullptr) next->turn.Set(PendingUpdate::Turn::kLead);
}

int64_t PendingUpdates::waiting(const std::string& name) {
  MutexLock lock(mutex_);
  int64_t count = 0;
  if (const auto named = groups_.find(name); named != groups_.end()) {
    for (const Group& group : named->second) count += std::ssize(group);
  }
  return count;
}

}  // namespace coffer::inline v0
