// Status: success, or an error code with a text a person can act on.
//
// Codes are chosen by what the caller can do about the error, not by what went wrong inside. The
// text names the store, the key, the JSON path or the parameter, and what was expected; it is
// written once, where these are known, and never parsed.
//
//     Status status = volume.Write(box, pixels);
//     if (!status.ok()) std::cerr << status.ToString() << "\n";
//
// What is not an error: a missing key (a read state) and an unmet write condition (a value).
//
// Thread safety: a Status is immutable; copies share their text. Success allocates nothing.
#ifndef COFFER_BASE_STATUS_H_
#define COFFER_BASE_STATUS_H_

#include <memory>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "coffer/base/export.h"

namespace coffer::inline v0 {

enum class StatusCode {
  kOk = 0,
  kCancelled,           ///< The caller asked for it.
  kInvalidArgument,     ///< Wrong whatever the state of the store: fix the call or the document.
  kDeadlineExceeded,    ///< Ran out of the caller's time; the work may or may not have happened.
  kNotFound,            ///< The array, group or checkpoint is not there.
  kAlreadyExists,       ///< Creating what is there already.
  kPermissionDenied,    ///< Another identity may succeed.
  kResourceExhausted,   ///< A limit or a full disk: make room, or raise the limit.
  kFailedPrecondition,  ///< The state must change first (a read-only store, a closed writer).
  kAborted,             ///< Lost against concurrent writers: repeat the whole operation.
  kOutOfRange,          ///< An index, region or byte range beyond the end.
  kUnimplemented,       ///< Valid, but not supported here.
  kInternal,            ///< A bug in coffer.
  kUnavailable,         ///< May succeed when repeated as it is.
  kDataLoss,            ///< Stored bytes are wrong: truncated, altered, inconsistent.
};

/// "DataLoss" for kDataLoss, and so on.
COFFER_EXPORT std::string_view StatusCodeName(StatusCode code);

class [[nodiscard]] COFFER_EXPORT Status {
 public:
  Status() = default;  ///< Success.
  /// An error. Requires code != kOk.
  Status(StatusCode code, std::string message);

  bool ok() const { return rep_ == nullptr; }
  StatusCode code() const { return rep_ == nullptr ? StatusCode::kOk : rep_->code; }
  /// The text without the code; empty for success.
  std::string_view message() const;
  /// "OK", or "DataLoss: <message>".
  std::string ToString() const;

  /// The same code with "<context>: " before the text; success stays success. Used at the one
  /// boundary that knows the store and key.
  Status Annotate(std::string_view context) const;

  /// Throws std::runtime_error(ToString()) on error. Inline, so that the library itself neither
  /// throws nor catches across its border.
  void OrThrow() const {
    if (!ok()) throw std::runtime_error(ToString());
  }
  /// Prints the text and aborts on error. For examples and tests.
  void OrDie() const;

  /// Same code and same text.
  friend bool operator==(const Status& a, const Status& b) {
    return a.code() == b.code() && a.message() == b.message();
  }

 private:
  struct Rep {
    StatusCode code;
    std::string message;
  };
  std::shared_ptr<const Rep> rep_;
};

COFFER_EXPORT std::ostream& operator<<(std::ostream& out, const Status& status);

COFFER_EXPORT Status CancelledError(std::string message);
COFFER_EXPORT Status InvalidArgumentError(std::string message);
COFFER_EXPORT Status DeadlineExceededError(std::string message);
COFFER_EXPORT Status NotFoundError(std::string message);
COFFER_EXPORT Status AlreadyExistsError(std::string message);
COFFER_EXPORT Status PermissionDeniedError(std::string message);
COFFER_EXPORT Status ResourceExhaustedError(std::string message);
COFFER_EXPORT Status FailedPreconditionError(std::string message);
COFFER_EXPORT Status AbortedError(std::string message);
COFFER_EXPORT Status OutOfRangeError(std::string message);
COFFER_EXPORT Status UnimplementedError(std::string message);
COFFER_EXPORT Status InternalError(std::string message);
COFFER_EXPORT Status UnavailableError(std::string message);
COFFER_EXPORT Status DataLossError(std::string message);

}  // namespace coffer::inline v0

#endif  // COFFER_BASE_STATUS_H_
