// A plugin as a C programmer may leave it: its description is all zeros.
extern "C" const void* coffer_register_v0() {
  static const void* const description[8] = {};
  return description;
}
