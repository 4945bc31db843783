// A write waits until those of its key that came before it have ended: else the last of several
// requests under way would win, and not the last write. A value:
//   1. A condition needs a server that keeps it: known, or probed now; else it is refused.
//   2. PUT, or an upload in parts, with a write id of its own (object.h), If-Match or
//   If-None-Match.
//   3. Success: the new generation is the answer's ETag and the id.
//   4. 412, or 404 to If-Match: the condition is not met, if every earlier attempt is known to have
//      done nothing (of a 503 see S3Bucket::MayHaveActed). Else, and after a failure that leaves it
//      open, HEAD tells (also after it was cancelled meanwhile):
//        our id is the value's own           it was written
//        our id is among those it replaced   it was written, and replaced since
//        the id we wanted to replace is among them, ours is not   it was not written
//        anything else                       nobody knows: Unavailable, which says so
// A delete is the same without ids of its own, so that an open end stays open unless the value
// shows that it was never deleted.
#include "kvstore/s3/write.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "kvstore/s3/object.h"
#include "src/async/linked_cancel.h"
#include "src/kvstore/http_read.h"
#include "src/net/http_transport.h"

namespace coffer::inline v0 {

namespace {

using State = WriteResult::State;

/// Above this many parts' size a value is uploaded in parts.
constexpr int64_t kPartsWorthIt = 4;
constexpr int64_t kPutBytesMax = GiB(5);

SigV4Pairs ConditionHeaders(const Generation& if_equal) {
  if (if_equal.missing()) return {{"if-none-match", "*"}};
  if (const auto tag = S3EntityTag(if_equal)) return {{"if-match", *tag}};
  return {};
}

/// Whether a failure leaves open what the server did.
bool LeavesOpen(const Status& status) {
  return status.code() == StatusCode::kUnavailable ||
         status.code() == StatusCode::kDeadlineExceeded;
}
bool LeavesOpen(const HttpResponse& answer) {
  return answer.unanswered > 0 || answer.status == 500 || answer.status == 502 ||
         answer.status == 504 || S3Bucket::MayHaveActed(answer);
}

/// How far a write has come. Before it is sent, cancelling ends it at once.
enum class Stage { kQueued, kAsking, kSent, kEnded };

struct Writing : std::enable_shared_from_this<Writing> {
  Writing(std::shared_ptr<S3Bucket> of, std::string the_key, std::string ids, WriteOptions how)
      : bucket(std::move(of)),
        key(std::move(the_key)),
        name(bucket->Describe(key)),
        options(std::move(how)),
        write_ids(std::move(ids)),
        promise(bucket->context().shared_executor()),
        cancel(options.cancel, promise.cancel_token()) {}

  const std::shared_ptr<S3Bucket> bucket;
  const std::string key;
  const std::string name;
  const WriteOptions options;
  const std::string write_ids;
  const Promise<WriteResult> promise;
  LinkedCancel cancel;
  std::atomic<Stage> stage = Stage::kQueued;
  std::optional<BytesChain> value;  // Of a PUT or an upload; who cancels in time takes it away.
  int64_t size = 0;                 // The value's.
  bool deletes = false;

  bool Advance(Stage from, Stage to) { return stage.compare_exchange_strong(from, to); }
  void WatchCancel() {
    cancel.token().OnCancel([weak = weak_from_this()] {
      const std::shared_ptr<Writing> self = weak.lock();
      if (self == nullptr) return;
      self->bucket->context().executor().Submit([self] { self->EndEarly(); });
    });
  }
  void EndEarly() {
    const Status cancelled = CancelledError(name + ": cancelled before it was sent");
    if (Advance(Stage::kAsking, Stage::kEnded)) return Finish(cancelled);
    if (!Advance(Stage::kQueued, Stage::kEnded)) return;
    cancel.Release();
    value.reset();
    promise.Set(cancelled);  // Its turn finds that it has ended.
  }
  void LeaveQueue() {
    if (Task next = bucket->writes().Leave(key)) {
      bucket->context().executor().Submit(std::move(next));
    }
  }

  /// Off the event thread, which tells of answers: what is sent is summed up, and may be long.
  void GoOn(Task task) { bucket->context().executor().Submit(std::move(task)); }

  void Begin(const std::shared_ptr<S3Prober>& prober);
  void SendInParts(S3Prober& prober, const Result<S3Abilities>& can);
  void AskForRequests(S3Prober& prober);
  void SendIfKept(const Result<S3Abilities>& can);
  void Refuse(const Status& status);
  void Send(bool in_parts);
  void TakeAnswer(const Result<HttpResponse>& answer);
  void TakeRefusal(const HttpResponse& answer);
  S3Request HeadRequest() const;
  void Resolve(const Status& unknown);
  void Resolved(const Result<HttpResponse>& head, const Status& unknown);
  void DeleteIfMissing();
  void Finish(Result<WriteResult> result) {
    cancel.Release();
    value.reset();
    if (!result.ok() && !result.status().message().starts_with(name)) {
      result = result.status().Annotate(name);
    }
    LeaveQueue();
    promise.Set(std::move(result));
  }
  void Written(Generation generation) { Finish(WriteResult{State::kWritten, generation}); }
  void NotMet() { Finish(WriteResult{State::kConditionNotMet, {}}); }
};

void Writing::Begin(const std::shared_ptr<S3Prober>& prober) {
  if (!Advance(Stage::kQueued, Stage::kAsking)) return LeaveQueue();
  const bool conditional = options.if_equal.known();
  if (deletes && options.if_equal.missing()) return DeleteIfMissing();
  const bool large = size > std::min(kPartsWorthIt * bucket->options().part_bytes, kPutBytesMax);
  if (!conditional) return Send(/*in_parts=*/large);
  if (!large) return AskForRequests(*prober);
  prober->Get(key, S3Question::kUploads)
      .OnReady([self = shared_from_this(), prober](const Result<S3Abilities>& can) {
        self->GoOn([self, prober, can] { self->SendInParts(*prober, can); });
      });
}

void Writing::SendInParts(S3Prober& prober, const Result<S3Abilities>& can) {
  if (!can.ok()) return Refuse(can.status());
  if (can->conditional_multipart) return Send(/*in_parts=*/true);
  if (size <= kPutBytesMax) return AskForRequests(prober);
  Refuse(FailedPreconditionError(
      "this server keeps no conditions on uploads in parts, and one request takes 5 GiB"));
}

void Writing::AskForRequests(S3Prober& prober) {
  Future<S3Abilities> abilities = prober.Get(key, S3Question::kRequests);
  if (abilities.ready()) return SendIfKept(abilities.Get());
  abilities.OnReady([self = shared_from_this()](const Result<S3Abilities>& can) {
    self->GoOn([self, can] { self->SendIfKept(can); });
  });
}

void Writing::SendIfKept(const Result<S3Abilities>& can) {
  if (!can.ok()) return Refuse(can.status());
  const bool able = deletes                      ? can->conditional_delete
                    : options.if_equal.missing() ? can->conditional_create
                                                 : can->conditional_write;
  if (able) return Send(/*in_parts=*/false);
  Refuse(FailedPreconditionError(std::string("this server does not keep conditions on ") +
                                 (deletes ? "deletes" : "writes") +
                                 ", and without it others' data could be lost"));
}

void Writing::Refuse(const Status& status) {
  if (Advance(Stage::kAsking, Stage::kSent)) Finish(status);
}

void Writing::Send(bool in_parts) {
  if (!Advance(Stage::kAsking, Stage::kSent)) return;
  const SigV4Pairs conditions = ConditionHeaders(options.if_equal);
  const auto take = [self = shared_from_this()](const Result<HttpResponse>& answer) {
    self->TakeAnswer(answer);
  };
  if (in_parts) {
    UploadParts(bucket, key, *value, write_ids, cancel.token())
        .OnReady([self = shared_from_this(), conditions,
                  take](const Result<std::shared_ptr<S3Upload>>& upload) {
          if (!upload.ok()) return self->Finish(upload.status());
          S3Upload::Complete(*upload, conditions).OnReady(take);
        });
    return;
  }
  S3Request request;
  request.method = deletes ? "DELETE" : "PUT";
  request.key = key;
  request.headers = deletes ? bucket->Headers() : bucket->WriteHeaders();
  request.headers.insert(request.headers.end(), conditions.begin(), conditions.end());
  if (!deletes) {
    request.headers.emplace_back(kWriteIdHeader, write_ids);
    request.body = value;
    request.checks_body = true;
  }
  request.cancel = cancel.token();
  bucket->Send(std::move(request)).OnReady(take);
}

void Writing::TakeAnswer(const Result<HttpResponse>& answer) {
  if (!answer.ok()) {
    return LeavesOpen(answer.status()) ? Resolve(answer.status()) : Finish(answer.status());
  }
  if (!answer->ok()) return TakeRefusal(*answer);
  bucket->seen = true;
  if (deletes) return Written(Generation::Missing());
  if (const std::optional<std::string_view> etag = answer->Find("etag"); etag && !etag->empty()) {
    return Written(S3Generation(*etag, write_ids));
  }
  const Result<std::string> etag = CompletedETag(*answer);
  if (etag.ok()) return Written(S3Generation(*etag, write_ids));
  Resolve(etag.status());
}

void Writing::TakeRefusal(const HttpResponse& answer) {
  const Status error = S3Bucket::ErrorOf(answer, name);
  if (S3Bucket::IsNoBucket(answer)) return Finish(error);
  const bool no_key = bucket->ProvesMissing(answer);
  if (deletes && no_key && !options.if_equal.known()) return Written(Generation::Missing());
  const bool unmet =
      options.if_equal.known() && (answer.status == 412 || (no_key && !options.if_equal.missing()));
  if (LeavesOpen(answer)) return Resolve(error);
  if (unmet) return NotMet();
  Finish(error);
}

/// Whether the value is there, or how it looks.
S3Request Writing::HeadRequest() const {
  S3Request request;
  request.method = "HEAD";
  request.key = key;
  request.headers = bucket->ReadHeaders();
  request.cancel = cancel.token();
  return request;
}

void Writing::Resolve(const Status& unknown) {
  S3Request request = HeadRequest();
  // Who gives up wants to know all the same, but waits no longer for that than for an answer.
  const CancelSource patience;
  request.cancel = patience.token();
  cancel.token().OnCancel(
      [patience, context = bucket->context(), wait = bucket->options().network.first_byte_timeout] {
        context.Get<HttpTransport>().After(wait, [patience] { patience.Cancel(); }, CancelToken());
      });
  bucket->Send(std::move(request))
      .OnReady([self = shared_from_this(), unknown](const Result<HttpResponse>& head) {
        self->Resolved(head, unknown);
      });
}

void Writing::Resolved(const Result<HttpResponse>& head, const Status& unknown) {
  const Status open =
      UnavailableError(name + ": it is not known whether it was " +
                       (deletes ? "deleted" : "written") + ": " + std::string(unknown.message()));
  if (!head.ok()) return Finish(open);
  if (!head->ok()) {
    if (bucket->ProvesMissing(*head, /*is_of_head=*/true) && deletes && !options.if_equal.known())
      return Written(Generation::Missing());
    return Finish(open);
  }
  const Generation now = S3Generation(*head);
  if (!deletes && HasWriteId(now, NewestId(write_ids))) {
    const bool newest = now == S3Generation(head->Find("etag").value_or(""), write_ids);
    return Written(newest ? now : ReplacedGeneration(NewestId(write_ids)));
  }
  const std::string replaced = NewestId(WriteIdsOf(options.if_equal));
  if (!replaced.empty() && HasWriteId(now, replaced) && now != options.if_equal) return NotMet();
  Finish(open);
}

/// Deleting what must not exist: nothing is done, but whether it exists is told. The first byte is
/// asked for, since an answer to HEAD does not tell a missing key from a missing bucket.
void Writing::DeleteIfMissing() {
  if (!Advance(Stage::kAsking, Stage::kSent)) return;
  S3Request request = HeadRequest();
  request.method = "GET";
  request.headers.emplace_back("range", "bytes=0-0");
  bucket->Send(std::move(request))
      .OnReady([self = shared_from_this()](const Result<HttpResponse>& answer) {
        if (!answer.ok()) return self->Finish(answer.status());
        if (answer->ok() || answer->status == 416) return self->NotMet();  // 416: it has no bytes.
        if (self->bucket->ProvesMissing(*answer)) return self->Written(Generation::Missing());
        self->Finish(S3Bucket::ErrorOf(*answer, self->name));
      });
}

}  // namespace

Future<WriteResult> S3Write(const std::shared_ptr<S3Bucket>& bucket,
                            const std::shared_ptr<S3Prober>& prober, std::string key,
                            std::optional<BytesChain> value, WriteOptions options) {
  std::string ids = value ? WriteIds(NewWriteId(), options.if_equal) : "";
  const auto writing =
      std::make_shared<Writing>(bucket, std::move(key), std::move(ids), std::move(options));
  Future<WriteResult> future = writing->promise.future();
  writing->deletes = !value;
  writing->size = value ? static_cast<int64_t>(value->size()) : 0;
  writing->value = std::move(value);
  writing->WatchCancel();
  bucket->writes().Enter(writing->key, [writing, prober] { writing->Begin(prober); });
  return future;
}

Future<WriteResult> S3CompleteWrite(const std::shared_ptr<S3Upload>& upload,
                                    const std::shared_ptr<S3Bucket>& bucket, std::string key,
                                    std::string write_ids, WriteOptions options) {
  const auto writing =
      std::make_shared<Writing>(bucket, std::move(key), std::move(write_ids), std::move(options));
  Future<WriteResult> future = writing->promise.future();
  writing->WatchCancel();
  bucket->writes().Enter(writing->key, [writing, upload] {
    if (!writing->Advance(Stage::kQueued, Stage::kSent)) return writing->LeaveQueue();
    S3Upload::Complete(upload, ConditionHeaders(writing->options.if_equal))
        .OnReady([writing](const Result<HttpResponse>& answer) { writing->TakeAnswer(answer); });
  });
  return future;
}

}  // namespace coffer::inline v0
