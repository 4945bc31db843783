// A shared library that is no plugin.
extern "C" int coffer_register_v9() { return 0; }
