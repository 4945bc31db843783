#include "src/array/update_rounds.h"

#include <algorithm>
#include <chrono>
#include <random>

#include "src/kvstore/network.h"

namespace coffer::inline v0 {
namespace {

constexpr int kRoundsMax = 1000;  // Every round has a winner: of 64 writers one loses all in 10^7.
constexpr int kPauseMs = 10;
constexpr int kPausesDoubled = 6;  // Up to 640 ms.

}  // namespace

Status UpdateRounds::TakeRead(const Result<ReadResult>& old) {
  const Generation now = old.ok() ? old->generation : Generation::Unknown();
  if (!unknown_.ok() && (!now.known() || now == before_)) return unknown_;
  before_ = now;
  return Status();
}

Result<bool> UpdateRounds::TakeWrite(const Result<WriteResult>& written) {
  if (written.ok() && written->state == WriteResult::State::kWritten) return true;
  const bool shows = written.status().code() == StatusCode::kUnavailable && before_.known() &&
                     stored_->store->capabilities().conditional_write;
  if (!written.ok() && !shows) return written.status();
  unknown_ = written.status();
  if (++lost_ < kRoundsMax) return false;
  return AbortedError(stored_->Describe(*key_) + ": lost against other writers " +
                      std::to_string(lost_) + " times");
}

Future<void> UpdateRounds::BackOff(const Context& context, const CancelToken& cancel) const {
  const bool lost = unknown_.ok();  // Else it was not answered, for which the store has waited.
  if (!lost || stored_->store->capabilities().local) return Future<void>::Ready(Status());
  thread_local std::minstd_rand random(std::random_device{}());
  const int pause_max = kPauseMs << std::clamp(lost_ - 1, 0, kPausesDoubled);
  const std::chrono::milliseconds pause(std::uniform_int_distribution<int>(0, pause_max)(random));
  return Pause(context, pause, cancel);
}

}  // namespace coffer::inline v0
