#ifndef COFFER_TESTS_SUPPORT_FORK_UNDER_TSAN_H_
#define COFFER_TESTS_SUPPORT_FORK_UNDER_TSAN_H_

// Include it in a test binary that forks: ThreadSanitizer otherwise ends every child that starts a
// thread.
extern "C" const char* __tsan_default_options();
extern "C" __attribute__((used)) inline const char* __tsan_default_options() {
  return "die_after_fork=0";
}

#endif  // COFFER_TESTS_SUPPORT_FORK_UNDER_TSAN_H_
