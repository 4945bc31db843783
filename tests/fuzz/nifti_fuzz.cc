// Goal: no NIfTI header crashes the parser; what it accepts has a size and attributes that are
// JSON.
#include <cstdint>
#include <cstdlib>

#include "tools/formats/nifti.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::span<const std::byte> start(reinterpret_cast<const std::byte*>(data), size);
  coffer::Result<coffer::formats::Nifti> nifti = coffer::formats::ParseNifti(start);
  if (!nifti.ok()) return 0;
  if (nifti->layout.bytes < 1 || nifti->layout.offset < 352) abort();
  if (!coffer::Json::Parse(nifti->attributes.Dump()).ok()) abort();
  return 0;
}
