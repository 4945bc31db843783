// Part of every test binary under ThreadSanitizer, which otherwise ends each forked child that
// starts a thread.
extern "C" const char* __tsan_default_options();
extern "C" const char* __tsan_default_options() { return "die_after_fork=0"; }
