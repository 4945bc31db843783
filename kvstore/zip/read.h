// ReadZipMember: one read of one member, whichever of KvStore's reads it is.
#ifndef COFFER_KVSTORE_ZIP_READ_H_
#define COFFER_KVSTORE_ZIP_READ_H_

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "coffer/kvstore/kvstore.h"
#include "kvstore/zip/archive.h"

namespace coffer::inline v0 {

/// Ranges of a deflated member that is longer than this are refused: they need it whole.
inline constexpr int64_t kZipInflatedRangeBytesMax = MiB(256);

struct ZipReadRequest {
  std::string key = {};
  std::string name;               ///< Of store and key, for errors.
  std::vector<ByteRange> ranges;  ///< In place of options.range.
  /// Of exactly the one range's size, which receives it; else the answer has the bytes.
  std::optional<std::span<std::byte>> destination;
  ReadOptions options;
  CancelToken cancel;  ///< Of the future, beside that of the options.
};

struct ZipReadAnswer {
  ReadResult::State state = ReadResult::State::kMissing;
  std::vector<Bytes> values;  ///< One per range; none with a destination.
  Generation generation;
  int64_t total_size = -1;
};

using ThenRead = std::function<void(const Result<ZipReadAnswer>&)>;

/// Calls `then` once; where, ZipArchive says. Errors: those of KvStore::Read and ZipArchive::Open;
/// those of ZipDirectory for the member; DataLoss for data that does not match its checksum or
/// size; ResourceExhausted for ranges of a deflated member of more than kZipInflatedRangeBytesMax.
void ReadZipMember(std::shared_ptr<ZipArchive> archive, ZipReadRequest request, ThenRead then);

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_ZIP_READ_H_
