// NumPy's .npz: a zip archive of .npy members, stored or deflated. libzip reads it: what comes from
// outside (directory, zip64, checksums) is a well-kept library's business.
//
// Reading: each member is unpacked into an unlinked temporary file (boxes of it are then read in
// any order), its CRC-32 verified on the way and its size compared with its .npy header before
// that. Writing: members are stored without compression, as numpy.savez does.
#ifndef COFFER_TOOLS_FORMATS_NPZ_H_
#define COFFER_TOOLS_FORMATS_NPZ_H_

#include <memory>
#include <string>
#include <vector>

#include "coffer/base/result.h"
#include "tools/formats/layout.h"

namespace coffer::inline v0::formats {

class NpzReader {
 public:
  /// InvalidArgument if the file is no zip archive or has a member that is no .npy file or has no
  /// name of its own.
  static Result<std::unique_ptr<NpzReader>> Open(const std::string& path);
  virtual ~NpzReader() = default;

  /// Names of the arrays (without ".npy"), in the archive's order.
  virtual const std::vector<std::string>& names() const = 0;
  /// Unpacks one array. Errors as ParseNpy, and DataLoss for a damaged member.
  virtual Result<FileArray> Unpack(size_t index) const = 0;
};

class NpzWriter {
 public:
  /// The archive appears under `path` (see OutputFile) when committed.
  static Result<std::unique_ptr<NpzWriter>> Create(const std::string& path);
  virtual ~NpzWriter() = default;

  /// Adds an array and says where its elements are to be written. AlreadyExists for a name that is
  /// taken.
  virtual Result<FileArray> Add(const std::string& name, DataType type, const Shape& shape) = 0;
  virtual Status Commit() = 0;
};

}  // namespace coffer::inline v0::formats

#endif  // COFFER_TOOLS_FORMATS_NPZ_H_
