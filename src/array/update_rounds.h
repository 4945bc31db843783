// UpdateRounds: an update of a cell under the condition that nobody else has written it since it
// was read: when to read it again, and when to give up.
//
//     UpdateRounds rounds(stored, key);
//     for (;;) {
//       old = read;                    rounds.TakeRead(old)
//       written = write if still old;  rounds.TakeWrite(written): true, done
//       rounds.BackOff(...)
//     }
//
// A write whose answer was lost (Unavailable) is done again if the cell has changed since: whoever
// wrote it, to do it twice does no harm. Belongs to one thread at a time.
#ifndef COFFER_SRC_ARRAY_UPDATE_ROUNDS_H_
#define COFFER_SRC_ARRAY_UPDATE_ROUNDS_H_

#include <string>

#include "coffer/array/driver.h"
#include "coffer/async/context.h"
#include "coffer/async/future.h"

namespace coffer::inline v0 {

class UpdateRounds {
 public:
  /// Both must outlive it.
  UpdateRounds(const StoredArray& stored, const std::string& key) : stored_(&stored), key_(&key) {}

  /// The error of the write before, if what was read does not show what has become of it.
  Status TakeRead(const Result<ReadResult>& old);
  /// Whether the cell is written. Errors: the write's, Aborted after very many rounds.
  Result<bool> TakeWrite(const Result<WriteResult>& written);
  /// Resolves when the next round is to begin: at once, or after a round that was lost in a remote
  /// store after a random while, up to twice as long each time, so that those who got in each
  /// other's way do so no more.
  Future<void> BackOff(const Context& context, const CancelToken& cancel) const;

 private:
  const StoredArray* stored_;
  const std::string* key_;
  int lost_ = 0;
  Generation before_;  // What was read last, and is the condition of the write.
  Status unknown_;     // Why it is not known whether the last write was made.
};

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_ARRAY_UPDATE_ROUNDS_H_
