// ChunkKeys: how Zarr v3 names the chunks of an array, below the array's prefix.
//
//     default, "/":  c/0/1      rank 0: c
//     v2, ".":       0.1        rank 0: 0
//
// Thread safety: a value.
#ifndef COFFER_DRIVERS_ZARR3_CHUNK_KEYS_H_
#define COFFER_DRIVERS_ZARR3_CHUNK_KEYS_H_

#include <optional>
#include <string>
#include <string_view>

#include "coffer/base/result.h"
#include "coffer/nd/shape.h"
#include "src/base/json.h"

namespace coffer::inline v0::zarr3 {

class ChunkKeys {
 public:
  enum class Encoding { kDefault, kV2 };

  ChunkKeys() = default;  ///< "default" with "/".
  ChunkKeys(Encoding encoding, char separator) : encoding_(encoding), separator_(separator) {}

  /// From the metadata member "chunk_key_encoding", which stands at `path`. Errors:
  /// InvalidArgument; Unimplemented for an unknown name.
  static Result<ChunkKeys> FromJson(const Json& json, std::string_view path);
  /// The long form that FromJson reads back.
  Json ToJson() const;

  std::string Key(const Index& cell) const;
  /// The inverse for cells of this rank; nullopt for any other text, such as "c/01" or "c/+1".
  std::optional<Index> Parse(std::string_view key, int rank) const;

 private:
  Encoding encoding_ = Encoding::kDefault;
  char separator_ = '/';
};

}  // namespace coffer::inline v0::zarr3

#endif  // COFFER_DRIVERS_ZARR3_CHUNK_KEYS_H_
