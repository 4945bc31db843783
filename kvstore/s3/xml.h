// The XML that S3 servers answer with, parsed as a stream within limits. Any bytes may come: no
// document type (and so no entities but XML's own five), depth at most 16, text of an element at
// most 64 KiB.
//
// Errors: DataLoss, which says where and what was expected. Thread safety: pure functions.
#ifndef COFFER_KVSTORE_S3_XML_H_
#define COFFER_KVSTORE_S3_XML_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coffer/base/result.h"
#include "coffer/kvstore/kvstore.h"

namespace coffer::inline v0 {

/// Calls `begin` and `end` for each element with the names from the root on, joined by "/"; `end`
/// with the element's text, too. What they return ends the parsing. Errors: DataLoss, and theirs.
Status ParseXml(std::string_view text, const std::function<Status(std::string_view path)>& begin,
                const std::function<Status(std::string_view path, std::string_view text)>& end);

/// A code, if the text looks like one; else "".
std::string S3CodeText(std::string_view text);

/// <Error>: why a request was refused. All empty if the text is none.
struct S3Error {
  std::string code;  ///< Letters and digits.
  /// For people: one line, with long words left out, in which a server may repeat secrets.
  std::string message;
  std::string region;  ///< Where the bucket is, in answers to a wrong region.
};
S3Error ParseS3Error(std::string_view text);

/// <ListBucketResult>.
struct S3ListPage {
  std::vector<ListEntry> entries;  ///< Keys with their sizes; common prefixes without.
  bool truncated = false;
  std::string next_token;
};
Result<S3ListPage> ParseS3ListPage(std::string_view text);

/// <InitiateMultipartUploadResult>: the upload's id.
Result<std::string> ParseS3UploadCreated(std::string_view text);

/// <CompleteMultipartUploadResult>: the ETag.
Result<std::string> ParseS3UploadCompleted(std::string_view text);

/// <DeleteResult>: what could not be deleted.
struct S3DeleteFailure {
  std::string key;
  std::string code;
  std::string message;
};
Result<std::vector<S3DeleteFailure>> ParseS3DeleteResult(std::string_view text);

/// <ListMultipartUploadsResult>.
struct S3ListedUpload {
  std::string key;
  std::string id;
  std::string initiated;
};
struct S3UploadPage {
  std::vector<S3ListedUpload> uploads;
  bool truncated = false;
  std::string next_key;
  std::string next_id;
};
Result<S3UploadPage> ParseS3UploadPage(std::string_view text);

/// The text as XML text: &, <, > and what XML 1.0 cannot hold otherwise. nullopt if it cannot be
/// held at all (control characters, bytes that are no UTF-8).
std::optional<std::string> EscapeXml(std::string_view text);

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_S3_XML_H_
