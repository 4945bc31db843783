// Helpers for those who write a store: the rules of its options and arguments, in one place.
//
// A store that holds whole values answers a read in one line, and cannot get conditions, ranges or
// limits wrong:
//
//     Future<ReadResult> Read(std::string key, ReadOptions options) override {
//       std::optional<Entry> entry = Find(key);
//       if (!entry) return Future<ReadResult>::Ready(AnswerMissing(options));
//       return Future<ReadResult>::Ready(AnswerValue(entry->value, entry->generation, options));
//     }
//
// A store that fetches only the range asked for uses the parts: HeldBack, then ResolveRead.
//
// Thread safety: pure functions.
#ifndef COFFER_KVSTORE_ANSWER_H_
#define COFFER_KVSTORE_ANSWER_H_

#include <optional>
#include <string_view>

#include "coffer/kvstore/kvstore.h"

namespace coffer::inline v0 {

/// What a read of a key that does not exist gives: kMissing, or kConditionNotMet where if_equal
/// asks for a value. (if_not_equal = Missing() does not hold back the news that it is missing.)
COFFER_EXPORT ReadResult AnswerMissing(const ReadOptions& options);

/// kConditionNotMet if the options hold back a value of this generation, else nullopt.
COFFER_EXPORT std::optional<ReadResult> HeldBack(const ReadOptions& options,
                                                 const Generation& generation);

/// The range to return of a value of `total_size` bytes. Errors: those of ByteRange::Resolve, and
/// ResourceExhausted, which names the size, if it is longer than options.max_bytes.
COFFER_EXPORT Result<ByteRange> ResolveRead(const ReadOptions& options, int64_t total_size);

/// ResourceExhausted, which names both, if `bytes` is more than `max_bytes` (-1: no limit).
COFFER_EXPORT Status CheckMaxBytes(int64_t bytes, int64_t max_bytes);
/// Whether the status is one that CheckMaxBytes gave for this limit, annotated or not.
COFFER_EXPORT bool IsMaxBytesError(const Status& status, int64_t max_bytes);

/// What a read of a key with this whole value gives: conditions, range and limit applied.
COFFER_EXPORT Result<ReadResult> AnswerValue(const Bytes& value, const Generation& generation,
                                             const ReadOptions& options);

/// Whether a write with this condition may go ahead; `current` is Missing() for a missing key.
COFFER_EXPORT bool MayWrite(const WriteOptions& options, const Generation& current);

/// What a store that is not writable answers to every change: FailedPrecondition. The name is
/// Describe(key) of the key, or of where the range or prefix begins.
COFFER_EXPORT Status ReadOnlyError(std::string_view name);

/// What RenamePrefix asks of its arguments: InvalidArgument unless both end with "/" and neither
/// starts with the other.
COFFER_EXPORT Status CheckRename(std::string_view from, std::string_view to);

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_ANSWER_H_
