// The probe, one request after the other, on an object of its own in the folder of the key:
//   1. PUT, If-None-Match: *                     must succeed
//   2. PUT, If-None-Match: *                     must be refused, 412
//   3. PUT, If-Match: another ETag               must be refused, 412
//   4. a multipart upload of one part, completed with If-None-Match: *   must be refused, 412
//   5. PUT of a key below the object's own       succeeds where both may exist; then DELETE of it
//   6. DELETE, If-Match: another ETag            must be refused, 412
//   7. DELETE
//   8. DELETE, If-Match: another ETag            must be refused, 412 or 404
// A request that is answered with success where it must be refused, or refused as not implemented
// where it must succeed, shows what the server cannot do. Any other answer fails the probe.
//
// Of 8: a server that calls the deletion of nothing a success would tell two deleters of one value
// that each of them was it. (versitygw, which does, also looks and deletes in two steps: what
// another writes between them is lost.)
#include "kvstore/s3/abilities.h"

#include <functional>
#include <map>
#include <utility>

#include "kvstore/s3/listing.h"
#include "kvstore/s3/multipart.h"
#include "kvstore/s3/object.h"

namespace coffer::inline v0 {

namespace {

constexpr std::string_view kProbeMark = ".__coffer_probe_";
constexpr size_t kProbeIdSize = 16;
constexpr const char* kOtherTag = "\"00000000000000000000000000000000\"";
constexpr size_t kFolderSizeMax = 900;  // What is put below it must be a key, too.

/// A new name in the folder that the key is in, or in one above where that is too deep.
std::string ProbeKey(std::string_view key) {
  std::string_view folder = key.substr(0, key.rfind('/') + 1);  // npos + 1 is 0.
  while (folder.size() > kFolderSizeMax) {
    folder = folder.substr(0, folder.rfind('/', folder.size() - 2) + 1);
  }
  return std::string(folder) + std::string(kProbeMark) + NewWriteId();
}

/// Whether a refusal says that the server does not know what it is asked, now or later.
bool Lacks(const Status& refusal) {
  return refusal.code() == StatusCode::kUnimplemented ||
         refusal.code() == StatusCode::kInvalidArgument;
}

/// Whether it says nothing of what the server can do.
bool IsOfNow(const Status& refusal) {
  return refusal.code() == StatusCode::kUnavailable ||
         refusal.code() == StatusCode::kPermissionDenied || refusal.code() == StatusCode::kNotFound;
}

struct Probe : std::enable_shared_from_this<Probe> {
  Probe(std::shared_ptr<S3Bucket> of, std::string name)
      : bucket(std::move(of)), key(std::move(name)), promise(bucket->context().shared_executor()) {}

  const std::shared_ptr<S3Bucket> bucket;
  const std::string key;
  const Promise<S3Abilities> promise;
  S3Abilities found;

  S3Request Request(std::string method, SigV4Pairs headers, std::optional<BytesChain> body) const {
    S3Request request;
    request.method = std::move(method);
    request.key = key;
    request.headers = body ? bucket->WriteHeaders() : bucket->Headers();
    request.headers.insert(request.headers.end(), headers.begin(), headers.end());
    request.body = std::move(body);
    return request;
  }

  /// Sends, and goes on with whether the condition was kept.
  void Expect412(const Future<HttpResponse>& sent, bool S3Abilities::* ability,
                 std::function<void()> next, bool or_404 = false) {
    sent.OnReady([=, self = shared_from_this()](const Result<HttpResponse>& answer) {
      if (!answer.ok()) return self->Fail(answer.status());
      if (answer->status != 412 && !(or_404 && self->bucket->ProvesMissing(*answer))) {
        const Status error = answer->ok() ? Status() : S3Bucket::ErrorOf(*answer, "the probe");
        if (!error.ok() && !Lacks(error)) return self->Fail(error);
        self->found.*ability = false;
      }
      next();
    });
  }

  void Fail(const Status& status) const {
    promise.Set(status.Annotate(bucket->Describe(key) + ": probing what the server can do"));
  }

  void Create() {
    bucket->Send(Request("PUT", {{"if-none-match", "*"}}, Bytes::Copy("probe")))
        .OnReady([self = shared_from_this()](const Result<HttpResponse>& answer) {
          if (!answer.ok()) return self->Fail(answer.status());
          // After a lost answer it finds itself.
          if (answer->ok() || answer->status == 412) {
            self->bucket->seen = true;
            return self->CreateAgain();
          }
          const Status error = S3Bucket::ErrorOf(*answer, "the probe");
          if (!Lacks(error)) return self->Fail(error);
          self->found = {false, false, false, false, false};
          self->promise.Set(self->found);
        });
  }
  void CreateAgain() {
    Expect412(bucket->Send(Request("PUT", {{"if-none-match", "*"}}, Bytes::Copy("again"))),
              &S3Abilities::conditional_create, [self = shared_from_this()] { self->Replace(); });
  }
  void Replace() {
    Expect412(bucket->Send(Request("PUT", {{"if-match", kOtherTag}}, Bytes::Copy("other"))),
              &S3Abilities::conditional_write, [self = shared_from_this()] { self->Upload(); });
  }
  void Upload() {
    UploadParts(bucket, key, Bytes::Copy("part"), "", CancelToken())
        .OnReady([self = shared_from_this()](const Result<std::shared_ptr<S3Upload>>& upload) {
          const auto next = [self] { self->PutBelow(); };
          if (upload.ok()) {
            return self->Expect412(S3Upload::Complete(*upload, {{"if-none-match", "*"}}),
                                   &S3Abilities::conditional_multipart, next);
          }
          if (!Lacks(upload.status())) return self->Fail(upload.status());
          self->found.conditional_multipart = false;  // There are no uploads at all.
          next();
        });
  }
  void PutBelow() {
    S3Request put = Request("PUT", {}, Bytes::Copy("below"));
    put.key = ProbeKey(key + "/");
    S3Request remove = DeleteRequest(*bucket, put.key);
    bucket->Send(std::move(put))
        .OnReady([self = shared_from_this(), remove](const Result<HttpResponse>& answer) {
          if (!answer.ok()) return self->Fail(answer.status());
          if (!answer->ok()) {
            const Status error = S3Bucket::ErrorOf(*answer, "the probe");
            if (IsOfNow(error)) return self->Fail(error);
            self->found.key_beside_prefix = false;
            return self->Delete();
          }
          self->bucket->Send(remove).OnReady(
              [self](const Result<HttpResponse>&) { self->Delete(); });
        });
  }
  void Delete() {
    Expect412(bucket->Send(Request("DELETE", {{"if-match", kOtherTag}}, std::nullopt)),
              &S3Abilities::conditional_delete, [self = shared_from_this()] { self->End(); });
  }
  void End() {
    bucket->Send(Request("DELETE", {}, std::nullopt))
        .OnReady(
            [self = shared_from_this()](const Result<HttpResponse>&) { self->DeleteNothing(); });
  }
  void DeleteNothing() {
    Expect412(
        bucket->Send(Request("DELETE", {{"if-match", kOtherTag}}, std::nullopt)),
        &S3Abilities::conditional_delete,
        [self = shared_from_this()] { self->promise.Set(self->found); }, /*or_404=*/true);
  }
};

}  // namespace

bool IsProbeKey(std::string_view key) {
  return key.size() >= kProbeMark.size() + kProbeIdSize &&
         key.substr(key.size() - kProbeIdSize - kProbeMark.size(), kProbeMark.size()) == kProbeMark;
}

/// What is known of the buckets of a context, by endpoint and name.
struct S3Prober::Known {
  Mutex mutex;
  std::map<std::pair<std::string, std::string>, S3Abilities> of COFFER_GUARDED_BY(mutex);
};

S3Prober::S3Prober(std::shared_ptr<S3Bucket> bucket) : bucket_(std::move(bucket)) {}

std::optional<S3Abilities> S3Prober::known() const {
  if (bucket_->is_aws()) return S3Abilities();
  Known& known = bucket_->context().Get<Known>();
  MutexLock lock(known.mutex);
  const auto found = known.of.find({bucket_->options().endpoint, bucket_->name()});
  if (found == known.of.end()) return std::nullopt;
  return found->second;
}

Future<S3Abilities> S3Prober::Get(std::string_view key) {
  if (const std::optional<S3Abilities> abilities = known()) {
    return Future<S3Abilities>::Ready(*abilities);
  }
  const auto probe = std::make_shared<Probe>(bucket_, ProbeKey(key));
  Future<S3Abilities> probing;
  {
    MutexLock lock(mutex_);
    // One that has succeeded just now may not have told the others yet.
    if (probing_.valid() && (!probing_.ready() || probing_.Get().ok())) return probing_;
    probing = probing_ = probe->promise.future();
  }
  probing.OnReady([bucket = bucket_](const Result<S3Abilities>& found) {
    if (!found.ok()) return;
    Known& known = bucket->context().Get<Known>();
    MutexLock lock(known.mutex);
    known.of[{bucket->options().endpoint, bucket->name()}] = *found;
  });
  probe->Create();
  return probing;
}

}  // namespace coffer::inline v0
