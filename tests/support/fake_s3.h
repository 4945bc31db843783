// FakeS3: one bucket of S3 in memory, on an HttpServer, that checks what it is asked as strictly as
// AWS does, and misbehaves as a test wants it to.
//
//     FakeS3 s3;
//     KvStorePtr store = MakeS3Store(s3.bucket(), s3.options(), context).OrDie();
//     s3.Misbehave([](const S3Call& call) {
//       if (call.operation == "PutObject" && call.number == 1) return S3Fault::Lost();
//       return S3Fault();
//     });
//
// It keeps objects with ETag, x-amz-meta-*, crc32c and the digest of a customer's key; GET and HEAD
// with ranges and conditions, PUT and DELETE with conditions, DeleteObjects, ListObjectsV2, uploads
// in parts with conditions, and their listing. It refuses what is not signed (every request and its
// body, by sigv4.h, and all x-amz-* headers must be), a wrong checksum, headers of encryption on
// requests that have none, and texts that are no UTF-8. By path, and by a host that begins with the
// bucket's name.
//
// Thread safety: all methods from any thread; what is called back runs on a connection's thread,
// without a lock held.
#ifndef COFFER_TESTS_SUPPORT_FAKE_S3_H_
#define COFFER_TESTS_SUPPORT_FAKE_S3_H_

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "coffer/kvstore/s3.h"
#include "src/base/mutex.h"
#include "tests/support/http_server.h"

namespace coffer::inline v0::testing {

/// A request, as S3 understands it.
struct S3Call {
  std::string operation;  ///< "PutObject", as AWS names it.
  std::string key;        ///< Empty: the bucket.
  std::map<std::string, std::string> query;
  HttpRequest http;
  int number = 0;  ///< Of this operation on this key, from 1 on.
};

/// What goes wrong with a request. Nothing, by default.
struct S3Fault {
  std::optional<HttpReply> instead = std::nullopt;  ///< Nothing is done; this is the answer.
  std::function<void()> between = nullptr;          ///< Called when it is done, before the answer.
  std::function<void(HttpReply&)> edit = nullptr;   ///< Changes the answer.
  std::optional<Delivery> delivery = std::nullopt;  ///< What befalls the answer.

  static S3Fault Answer(HttpReply reply) { return {.instead = std::move(reply)}; }
  /// An answer with an error's code.
  static S3Fault Error(int status, std::string_view code);
  /// It is done, and the connection ends without a word.
  static S3Fault Lost() { return {.delivery = Delivery{.stop_after = 0}}; }
  /// The same, but it is not done.
  static S3Fault Unheard() {
    return {.instead = HttpReply(), .delivery = Delivery{.stop_after = 0}};
  }
  /// It is done, and the answer ends after so many bytes.
  static S3Fault Cut(int64_t bytes) { return {.delivery = Delivery{.stop_after = bytes}}; }
};

/// An error as S3 writes it; `more` stands in it as it is.
HttpReply S3ErrorReply(int status, std::string_view code, std::string_view more = "");

class FakeS3 {
 public:
  struct Options {
    std::string bucket = "bucket";
    std::string region = "us-east-1";
    std::string access_key_id = "AKIDOFTHEFAKESERVER0";
    std::string secret_access_key = "the/secret+of/the/fake+server/000000000";
    std::string session_token = "";
    bool anonymous = false;         ///< Unsigned requests are served.
    std::chrono::seconds clock{0};  ///< How much the server's clock is ahead.
    size_t page_max = 1000;
    // Without these it does not look at the condition, as old servers do.
    bool keeps_create = true;
    bool keeps_write = true;
    bool keeps_delete = true;
    bool keeps_complete_create = true;
    bool keeps_complete_replace = true;
  };

  struct Object {
    std::string body = {};
    std::string etag = {};                             ///< With its quotes.
    std::map<std::string, std::string> metadata = {};  ///< "x-amz-meta-..."; and encryption.
    std::string checksum = {};                         ///< As it is told.
  };

  FakeS3() : FakeS3(Options()) {}
  explicit FakeS3(Options options);
  ~FakeS3();

  std::string url() const { return server_->url(); }
  std::string bucket() const { return options_.bucket; }
  /// How a store reaches this server: its url, its credentials, few attempts.
  S3StoreOptions options() const;
  HttpServer& server() { return *server_; }

  void Misbehave(std::function<S3Fault(const S3Call& call)> how);
  /// Other credentials from now on; the earlier ones have expired.
  void Rotate(std::string access_key_id);

  // Behind the server's back.
  std::optional<Object> Get(const std::string& key) const;
  void Put(const std::string& key, std::string body,
           std::map<std::string, std::string> metadata = {});
  void Delete(const std::string& key);
  std::vector<std::string> keys() const;
  std::vector<std::string> uploads() const;  ///< Their keys.
  std::string BeginUpload(const std::string& key);

  /// All that came so far, whether it was refused or not.
  std::vector<S3Call> calls() const;
  /// How many of an operation.
  int count(std::string_view operation) const;
  /// Waits until it is so, looking after each request. False: it was not within twenty seconds.
  bool WaitUntil(const std::function<bool()>& reached) const;

 private:
  struct Upload {
    std::string key;
    std::map<std::string, std::string> metadata;
    std::map<int, Object> parts;
  };
  using Maybe = std::optional<HttpReply>;

  HttpReply Handle(const HttpRequest& request);
  S3Call Understand(const HttpRequest& request);
  Maybe CheckSignature(const S3Call& call) const COFFER_REQUIRES(mutex_);
  Maybe CheckSignedHeaders(const S3Call& call, std::string_view authorization) const
      COFFER_REQUIRES(mutex_);
  static Maybe CheckHeaders(const S3Call& call);
  Maybe CheckCondition(const S3Call& call, bool keeps_create, bool keeps_match) const
      COFFER_REQUIRES(mutex_);
  HttpReply Do(const S3Call& call) COFFER_REQUIRES(mutex_);
  HttpReply DoRead(const S3Call& call) const COFFER_REQUIRES(mutex_);
  HttpReply DoPut(const S3Call& call) COFFER_REQUIRES(mutex_);
  HttpReply DoDelete(const S3Call& call) COFFER_REQUIRES(mutex_);
  HttpReply DoDeleteMany(const S3Call& call) COFFER_REQUIRES(mutex_);
  HttpReply DoList(const S3Call& call) const COFFER_REQUIRES(mutex_);
  HttpReply DoListUploads(const S3Call& call) const COFFER_REQUIRES(mutex_);
  HttpReply DoCreateUpload(const S3Call& call) COFFER_REQUIRES(mutex_);
  HttpReply DoComplete(const S3Call& call) COFFER_REQUIRES(mutex_);

  const Options options_;
  mutable Mutex mutex_;
  std::string access_key_id_ COFFER_GUARDED_BY(mutex_);
  std::set<std::string> expired_ids_ COFFER_GUARDED_BY(mutex_);
  std::function<S3Fault(const S3Call&)> misbehave_ COFFER_GUARDED_BY(mutex_);
  std::map<std::string, Object> objects_ COFFER_GUARDED_BY(mutex_);
  std::map<std::string, Upload> uploads_ COFFER_GUARDED_BY(mutex_);
  int upload_count_ COFFER_GUARDED_BY(mutex_) = 0;
  std::vector<S3Call> calls_ COFFER_GUARDED_BY(mutex_);
  std::map<std::string, int> numbers_ COFFER_GUARDED_BY(mutex_);
  mutable CondVar handled_one_;
  int handled_ COFFER_GUARDED_BY(mutex_) = 0;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace coffer::inline v0::testing

#endif  // COFFER_TESTS_SUPPORT_FAKE_S3_H_
