// NIfTI-1 and NIfTI-2 volumes in one file (.nii, .nii.gz): the format of medical images.
//
// The array has the shape of the header's dim (x, y, z, ...; x is the fastest in the file), as
// nibabel and NumPy show it, and holds the stored values: slope and intercept are not applied.
// What the header says of the values (scl_slope, scl_inter), the grid (pixdim, units, sform, qform
// as they stand) and the description become attributes under the key "nifti".
//
// RGB and RGBA voxels become r24 and r32. Header and image pairs (.hdr, .img), bits and 80-bit
// floats are refused.
#ifndef COFFER_TOOLS_FORMATS_NIFTI_H_
#define COFFER_TOOLS_FORMATS_NIFTI_H_

#include <cstdint>
#include <span>

#include "coffer/base/result.h"
#include "src/base/json.h"
#include "tools/formats/layout.h"

namespace coffer::inline v0::formats {

/// Bytes that hold either header.
inline constexpr int64_t kNiftiHeaderMax = 540;

struct Nifti {
  ArrayLayout layout;
  Json attributes;
};

/// The array of an (unpacked) file that starts with `start`: all of it, or at least kNiftiHeaderMax
/// bytes. InvalidArgument for a bad or unsupported header. The caller compares the layout with the
/// size of the file.
Result<Nifti> ParseNifti(std::span<const std::byte> start);

}  // namespace coffer::inline v0::formats

#endif  // COFFER_TOOLS_FORMATS_NIFTI_H_
