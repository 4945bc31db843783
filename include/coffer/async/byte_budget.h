// ByteBudget: a hard limit on the bytes that an engine holds in flight.
//
// A read or write of a large array touches thousands of chunks. Letting all of them start at once
// needs memory in proportion to the array; letting them start one by one wastes the machine. A
// ByteBudget admits work in arrival order while what was admitted stays within the limit:
//
//     ByteBudget budget(MiB(64));
//     ...
//     budget.AcquireAsync(span_bytes + decode_bytes, [cell](Result<Reservation> held) {
//       if (!held.ok()) return cell->Fail(held.status());
//       cell->FetchAndDecode(*std::move(held));
//     });  // the bytes come back when the reservation is destroyed, on every path
//
// Rules that callers rely on:
//  * First come, first served. A small request never overtakes a large one, so none starves.
//  * A request above the whole limit is admitted alone, when nothing else is held. It is never an
//    error: an array with one huge chunk must stay readable. So peak = max(limit, largest request).
//    A request of no bytes waits for its turn, and is then admitted beside anything.
//  * One reservation per task, taken before anything is allocated. What runs inside a task (a
//    store, a codec, a driver over a driver) draws on the task's reservation and never acquires:
//    two tasks that each wait for the other's bytes would wait for ever. A task says so by a
//    TaskReservationScope, and an acquisition inside one aborts (unless NDEBUG is defined).
//  * Executor threads call AcquireAsync only. Two workers blocked in Acquire deadlock when the
//    task that would release needs a worker to finish, so Acquire aborts there.
//
// Thread safety: every method may be called from any thread, with the exception just named.
// Reservations may outlive the budget. Requests still queued when it is destroyed get Cancelled.
#ifndef COFFER_ASYNC_BYTE_BUDGET_H_
#define COFFER_ASYNC_BYTE_BUDGET_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "coffer/async/cancel.h"
#include "coffer/async/executor.h"
#include "coffer/base/export.h"
#include "coffer/base/result.h"

namespace coffer::inline v0 {

class ByteBudget;

namespace internal {
struct BudgetState;
}

/// Bytes held from a ByteBudget. Movable; gives its bytes back when destroyed.
class [[nodiscard]] COFFER_EXPORT Reservation {
 public:
  Reservation() = default;  ///< Holds nothing.
  Reservation(Reservation&& other) noexcept;
  Reservation& operator=(Reservation&& other) noexcept;
  ~Reservation();

  /// Bytes still held.
  int64_t bytes() const { return bytes_; }

  /// Gives back a part, for instance the encoded span once it is decoded.
  /// Requires 0 <= bytes <= this->bytes().
  void Release(int64_t bytes);
  /// Gives back all but `bytes`, if it holds more. Requires bytes >= 0.
  void ShrinkTo(int64_t bytes);

 private:
  friend class ByteBudget;
  friend class TaskReservationScope;
  friend struct internal::BudgetState;
  Reservation(std::shared_ptr<internal::BudgetState> budget, int64_t bytes)
      : budget_(std::move(budget)), bytes_(bytes) {}

  std::shared_ptr<internal::BudgetState> budget_;
  int64_t bytes_ = 0;
};

/// While it lives, the calling thread runs a task that holds `reservation`: acquiring from the same
/// budget is a mistake then. Tasks that this thread helps with meanwhile are not concerned.
/// Requires a reservation that a budget made and that outlives the scope.
class COFFER_EXPORT TaskReservationScope {
 public:
  explicit TaskReservationScope(const Reservation& reservation);
  ~TaskReservationScope();
  TaskReservationScope(const TaskReservationScope&) = delete;
  TaskReservationScope& operator=(const TaskReservationScope&) = delete;

 private:
  const void* outer_;
};

class COFFER_EXPORT ByteBudget {
 public:
  using Continuation = std::function<void(Result<Reservation>)>;

  /// Continuations that had to wait run on `executor`; it must outlive the budget. Requires
  /// limit_bytes > 0.
  ByteBudget(int64_t limit_bytes, Executor* executor);
  ~ByteBudget();
  ByteBudget(const ByteBudget&) = delete;
  ByteBudget& operator=(const ByteBudget&) = delete;

  /// Queues `then`, which runs exactly once: with the reservation when its turn has come and
  /// `bytes` fit, or with an error. It runs on the thread that calls this (if it fits at once) or
  /// on the context's executor, never under a lock. `bytes` may be 0.
  ///
  /// Errors: Cancelled if `cancel` fires first (the place in the queue is given up);
  /// InvalidArgument if `bytes` is negative. Never ResourceExhausted: waiting is the point.
  void AcquireAsync(int64_t bytes, Continuation then, const CancelToken& cancel = CancelToken());

  /// The same, blocking. Only for threads outside the executor.
  Result<Reservation> Acquire(int64_t bytes, const CancelToken& cancel = CancelToken());

  int64_t limit_bytes() const;
  int64_t held_bytes() const;       ///< Now.
  int64_t held_bytes_peak() const;  ///< Since construction; tests compare it with allocations.

 private:
  std::shared_ptr<internal::BudgetState> state_;
};

}  // namespace coffer::inline v0

#endif  // COFFER_ASYNC_BYTE_BUDGET_H_
