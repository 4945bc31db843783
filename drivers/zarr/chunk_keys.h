// ChunkKeys: how Zarr names the chunks of an array, below the array's prefix.
//
//     default, "/":  c/0/1      rank 0: c
//     v2, ".":       0.1        rank 0: 0    (Zarr v2 has this one alone)
//
// Thread safety: a value.
#ifndef COFFER_DRIVERS_ZARR_CHUNK_KEYS_H_
#define COFFER_DRIVERS_ZARR_CHUNK_KEYS_H_

#include <optional>
#include <string>
#include <string_view>

#include "coffer/nd/shape.h"

namespace coffer::inline v0::zarr {

class ChunkKeys {
 public:
  enum class Encoding { kDefault, kV2 };

  ChunkKeys() = default;  ///< "default" with "/".
  ChunkKeys(Encoding encoding, char separator) : encoding_(encoding), separator_(separator) {}

  Encoding encoding() const { return encoding_; }
  char separator() const { return separator_; }

  std::string Key(const Index& cell) const;
  /// The inverse for cells of this rank; nullopt for any other text, such as "c/01" or "c/+1".
  std::optional<Index> Parse(std::string_view key, int rank) const;

 private:
  Encoding encoding_ = Encoding::kDefault;
  char separator_ = '/';
};

}  // namespace coffer::inline v0::zarr

#endif  // COFFER_DRIVERS_ZARR_CHUNK_KEYS_H_
