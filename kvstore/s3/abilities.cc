// Both probes use an object of their own in the folder of the key; the requests of one step are
// sent at once. Of requests:
//   1. PUT, If-None-Match: *              must succeed
//      DELETE of nothing, If-Match        must be refused, 412 or 404
//   2. PUT, If-None-Match: *              must be refused, 412
//      PUT, If-Match: another ETag        must be refused, 412
//      PUT of a key below the object's    succeeds where both may exist
//   3. DELETE, If-Match: another ETag     must be refused, 412
//      DELETE of the key below
//   4. DELETE
// Of uploads:
//   1. PUT
//   2. an upload of one part; completing it, If-None-Match: *         must be refused, 412
//   3. another one;           completing it, If-Match: another ETag   must be refused, 412
//   4. DELETE
// A request that is answered with success where it must be refused, or refused as not implemented
// where it must succeed, shows what the server cannot do. Any other answer fails the probe.
//
// Of deleting nothing: a server that calls it a success would tell two deleters of one value that
// each of them was it. (versitygw, which does, also looks and deletes in two steps: what another
// writes between them is lost.)
#include "kvstore/s3/abilities.h"

#include <functional>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

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

/// What is known of the buckets of a context.
struct KnownAbilities {
  using Of = std::tuple<std::string, std::string, S3Question>;  // Endpoint and name of a bucket.
  Mutex mutex;
  std::map<Of, S3Abilities> known COFFER_GUARDED_BY(mutex);
};

KnownAbilities::Of NameIn(const S3Bucket& bucket, S3Question question) {
  return {bucket.options().endpoint, bucket.name(), question};
}

struct Probe : std::enable_shared_from_this<Probe> {
  using Answer = Result<HttpResponse>;
  using Judge = std::function<Status(const Answer&)>;
  struct Asked {
    S3Request request;
    Judge judge;
  };

  Probe(std::shared_ptr<S3Bucket> of, S3Question asked, std::string name)
      : bucket(std::move(of)),
        question(asked),
        key(std::move(name)),
        key_below(ProbeKey(key + "/")),
        promise(bucket->context().shared_executor()) {}

  const std::shared_ptr<S3Bucket> bucket;
  const S3Question question;
  const std::string key;
  const std::string key_below;
  const Promise<S3Abilities> promise;
  S3Abilities found;  // Each member is set by one request of a step.
  bool lacks_conditions = false;
  Mutex mutex;
  size_t under_way COFFER_GUARDED_BY(mutex) = 0;
  Status failure COFFER_GUARDED_BY(mutex);

  void Start() { question == S3Question::kUploads ? Put() : Create(); }

  S3Request Request(std::string method, SigV4Pairs headers, std::optional<BytesChain> body) const {
    S3Request request;
    request.method = std::move(method);
    request.key = key;
    request.headers = body ? bucket->WriteHeaders() : bucket->Headers();
    request.headers.insert(request.headers.end(), headers.begin(), headers.end());
    request.body = std::move(body);
    return request;
  }

  void Step(std::vector<Asked> all, const std::function<void()>& next) {
    {
      MutexLock lock(mutex);
      under_way = all.size();
    }
    for (Asked& each : all) {
      bucket->Send(std::move(each.request))
          .OnReady([self = shared_from_this(), judge = std::move(each.judge),
                    next](const Answer& answer) { self->Take(judge(answer), next); });
    }
  }
  void Take(const Status& judged, const std::function<void()>& next) {
    Status status;
    {
      MutexLock lock(mutex);
      if (failure.ok()) failure = judged;
      if (--under_way > 0) return;
      status = failure;
    }
    status.ok() ? next() : Fail(status);
  }

  void Fail(const Status& status) const {
    promise.Set(status.Annotate(bucket->Describe(key) + ": probing what the server can do"));
  }
  /// Known before anyone is told.
  void Succeed() const {
    auto& all = bucket->context().Get<KnownAbilities>();
    {
      MutexLock lock(all.mutex);
      all.known[NameIn(*bucket, question)] = found;
    }
    promise.Set(found);
  }

  static Status ErrorIn(const Answer& answer) {
    if (!answer.ok()) return answer.status();
    return answer->ok() ? Status() : S3Bucket::ErrorOf(*answer, "the probe");
  }
  /// 412, or the server lacks the ability.
  Judge Refused(bool S3Abilities::* ability, bool or_404 = false) {
    return [=, this](const Answer& answer) {
      if (answer.ok() && answer->status == 412) return Status();
      if (answer.ok() && or_404 && bucket->ProvesMissing(*answer)) return Status();
      const Status error = ErrorIn(answer);
      // Who may not delete never will, and can write all the same.
      const bool may_not = ability == &S3Abilities::conditional_delete &&
                           error.code() == StatusCode::kPermissionDenied;
      if (!error.ok() && !Lacks(error) && !may_not) return error;
      found.*ability = false;
      return Status();
    };
  }
  static Status Whatever(const Answer&) { return Status(); }

  void Create() {
    S3Request remove_nothing = Request("DELETE", {{"if-match", kOtherTag}}, std::nullopt);
    remove_nothing.key = ProbeKey(key);
    const auto created = [this](const Answer& answer) {
      // After a lost answer it finds itself.
      const Status error = answer.ok() && answer->status == 412 ? Status() : ErrorIn(answer);
      if (error.ok()) bucket->seen = true;
      lacks_conditions = Lacks(error);
      return Lacks(error) ? Status() : error;
    };
    Step({{Request("PUT", {{"if-none-match", "*"}}, Bytes::Copy("probe")), created},
          {std::move(remove_nothing), Refused(&S3Abilities::conditional_delete, true)}},
         [this] {
           if (!lacks_conditions) return Overwrite();
           found = {false, false, false, false, false};
           Succeed();
         });
  }
  void Overwrite() {
    S3Request put_below = Request("PUT", {}, Bytes::Copy("below"));
    put_below.key = key_below;
    const auto beside = [this](const Answer& answer) {
      const Status error = ErrorIn(answer);
      if (IsOfNow(error)) return error;
      found.key_beside_prefix = error.ok();
      return Status();
    };
    Step({{Request("PUT", {{"if-none-match", "*"}}, Bytes::Copy("again")),
           Refused(&S3Abilities::conditional_create)},
          {Request("PUT", {{"if-match", kOtherTag}}, Bytes::Copy("other")),
           Refused(&S3Abilities::conditional_write)},
          {std::move(put_below), beside}},
         [this] { Remove(); });
  }
  void Remove() {
    std::vector<Asked> all = {{Request("DELETE", {{"if-match", kOtherTag}}, std::nullopt),
                               Refused(&S3Abilities::conditional_delete)}};
    if (found.key_beside_prefix) all.push_back({DeleteRequest(*bucket, key_below), Whatever});
    Step(std::move(all), [this] { End(); });
  }
  void End() {
    Step({{DeleteRequest(*bucket, key), Whatever}}, [this] { Succeed(); });
  }

  void Put() {
    Step({{Request("PUT", {}, Bytes::Copy("probe")), ErrorIn}}, [this] {
      Upload({"if-none-match", "*"},
             [this] { Upload({"if-match", kOtherTag}, [this] { End(); }); });
    });
  }
  void Upload(const SigV4Pairs::value_type& condition, const std::function<void()>& next) {
    UploadParts(bucket, key, Bytes::Copy("part"), "", CancelToken())
        .OnReady([=, self = shared_from_this()](const Result<std::shared_ptr<S3Upload>>& upload) {
          if (upload.ok()) return self->Complete(*upload, condition, next);
          if (!Lacks(upload.status())) return self->Fail(upload.status());
          self->found.conditional_multipart = false;  // There are no uploads at all.
          self->End();
        });
  }
  void Complete(const std::shared_ptr<S3Upload>& upload, const SigV4Pairs::value_type& condition,
                const std::function<void()>& next) {
    S3Upload::Complete(upload, {condition})
        .OnReady([=, self = shared_from_this()](const Answer& answer) {
          const Status failed = self->Refused(&S3Abilities::conditional_multipart)(answer);
          if (!failed.ok()) return self->Fail(failed);
          self->found.conditional_multipart ? next() : self->End();
        });
  }
};

}  // namespace

bool IsProbeKey(std::string_view key) {
  return key.size() >= kProbeMark.size() + kProbeIdSize &&
         key.substr(key.size() - kProbeIdSize - kProbeMark.size(), kProbeMark.size()) == kProbeMark;
}

S3Prober::S3Prober(std::shared_ptr<S3Bucket> bucket) : bucket_(std::move(bucket)) {}

std::optional<S3Abilities> S3Prober::known(S3Question question) const {
  if (bucket_->is_aws()) return S3Abilities();
  auto& all = bucket_->context().Get<KnownAbilities>();
  MutexLock lock(all.mutex);
  const auto found = all.known.find(NameIn(*bucket_, question));
  if (found == all.known.end()) return std::nullopt;
  return found->second;
}

Future<S3Abilities> S3Prober::Get(std::string_view key, S3Question question) {
  if (const std::optional<S3Abilities> abilities = known(question)) {
    return Future<S3Abilities>::Ready(*abilities);
  }
  const auto probe = std::make_shared<Probe>(bucket_, question, ProbeKey(key));
  const Future<S3Abilities> future = probe->promise.future();
  {
    MutexLock lock(mutex_);
    Future<S3Abilities>& latest = probing_[question];
    // It may have succeeded just now.
    if (latest.valid() && (!latest.ready() || latest.Get().ok())) return latest;
    latest = future;
  }
  probe->Start();
  return future;
}

}  // namespace coffer::inline v0
