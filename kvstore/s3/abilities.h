// S3Abilities: what a server can do. AWS can do all; others are probed once per bucket and context,
// at the first write that needs to know, with an object of a name that listings hide.
#ifndef COFFER_KVSTORE_S3_ABILITIES_H_
#define COFFER_KVSTORE_S3_ABILITIES_H_

#include <map>
#include <memory>
#include <optional>
#include <string_view>

#include "coffer/async/future.h"
#include "kvstore/s3/bucket.h"
#include "src/base/mutex.h"

namespace coffer::inline v0 {

/// Each is probed by itself.
enum class S3Question {
  kRequests,  ///< All but conditional_multipart, which an answer to this says nothing of.
  kUploads,   ///< conditional_multipart.
};

struct S3Abilities {
  bool conditional_create = true;     ///< PUT, If-None-Match: *
  bool conditional_write = true;      ///< PUT, If-Match
  bool conditional_delete = true;     ///< DELETE, If-Match; a value that is gone meets none.
  bool conditional_multipart = true;  ///< CompleteMultipartUpload, both.
  bool key_beside_prefix = true;      ///< "a" and "a/b" may both exist.
};

/// Whether a key is one that a probe uses.
bool IsProbeKey(std::string_view key);

/// Probes in the folder of `key`. Many callers at once share one probe; one that failed is made
/// anew by the next. What is found counts for all stores of the context and bucket. Thread safety:
/// from any thread.
class S3Prober {
 public:
  explicit S3Prober(std::shared_ptr<S3Bucket> bucket);
  Future<S3Abilities> Get(std::string_view key, S3Question question);
  /// What is known; nullopt before a probe has succeeded.
  std::optional<S3Abilities> known(S3Question question) const;

 private:
  const std::shared_ptr<S3Bucket> bucket_;
  Mutex mutex_;
  std::map<S3Question, Future<S3Abilities>> probing_ COFFER_GUARDED_BY(mutex_);  // The latest.
};

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_S3_ABILITIES_H_
