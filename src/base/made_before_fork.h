// MadeBeforeFork: an object that is made at its first use is never half made when the process
// forks. The child has no thread that would finish it, and would wait for it for ever.
//
//     Table& Process() {
//       static Table& table = *new Table();
//       return table;
//     }
//     const MadeBeforeFork kTable([] { Process(); });  // Beside it, at namespace scope.
//
// What is made must not need a lock that another handler of fork() holds.
#ifndef COFFER_SRC_BASE_MADE_BEFORE_FORK_H_
#define COFFER_SRC_BASE_MADE_BEFORE_FORK_H_

#include <pthread.h>

namespace coffer::inline v0 {

class MadeBeforeFork {
 public:
  explicit MadeBeforeFork(void (*make)()) { pthread_atfork(make, nullptr, nullptr); }
};

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_BASE_MADE_BEFORE_FORK_H_
