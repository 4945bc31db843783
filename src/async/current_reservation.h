// What the current task has reserved: the debug check against nested reservations.
//
// TaskReservationScope (coffer/async/byte_budget.h) enters it for a task; a thread that helps while
// it blocks in Future::Get() runs other tasks, which must not see it: HelpScope hides it from them.
#ifndef COFFER_SRC_ASYNC_CURRENT_RESERVATION_H_
#define COFFER_SRC_ASYNC_CURRENT_RESERVATION_H_

namespace coffer::inline v0::internal {

/// Of the task that the calling thread runs: what identifies the budget it holds bytes of, or null.
const void*& CurrentTaskBudget();

class HelpScope {
 public:
  HelpScope() : saved_(CurrentTaskBudget()) { CurrentTaskBudget() = nullptr; }
  ~HelpScope() { CurrentTaskBudget() = saved_; }
  HelpScope(const HelpScope&) = delete;
  HelpScope& operator=(const HelpScope&) = delete;

 private:
  const void* saved_;
};

}  // namespace coffer::inline v0::internal

#endif  // COFFER_SRC_ASYNC_CURRENT_RESERVATION_H_
