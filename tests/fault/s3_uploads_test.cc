// Goal: a value that is uploaded in parts shows whole or not at all, whatever fails on the way, and
// leaves no upload behind; a server that does not keep a condition is found out, once, before data
// depends on it. Method: a scripted server with parts of four bytes; its objects, its open uploads
// and the requests it had are compared.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/fault/s3_fixture.h"

namespace coffer::inline v0::testing {
namespace {

const Generation kAbsent = Generation::Missing();
constexpr const char* kValue = "a value of more than sixteen bytes";

class S3Uploads : public S3Faults {
 protected:
  Result<WriteResult> Put(const std::string& key, const Generation& if_equal = Generation()) {
    return store_->Write(key, Bytes::Copy(kValue), {.if_equal = if_equal}).Get();
  }
  Result<WriteResult> Stream(const std::string& key, const std::string& value,
                             const Generation& if_equal = Generation()) {
    const auto writer = store_->OpenWriter(key, {.if_equal = if_equal}).OrDie();
    for (size_t i = 0; i < value.size(); i += 3) {
      COFFER_RETURN_IF_ERROR(writer->Append(
          std::as_bytes(std::span(value)).subspan(i, std::min<size_t>(3, value.size() - i))));
    }
    return writer->Commit().Get();
  }
  /// No upload is left, as soon as the requests that nobody waits for are through.
  bool NothingIsLeft() {
    return s3_.WaitUntil([this] { return s3_.uploads().empty(); });
  }
  bool IsThere(const std::string& key) const {
    const std::vector<std::string> uploads = s3_.uploads();
    return std::find(uploads.begin(), uploads.end(), key) != uploads.end();
  }
  /// Begins an upload, and aborts it: what was to be aborted before is so, too, when it is.
  void AbortAnother() {
    {
      const auto writer = store_->OpenWriter("another").OrDie();
      writer->Append(std::as_bytes(std::span(std::string_view(kValue)))).OrDie();
      EXPECT_TRUE(IsThere("another"));
    }
    EXPECT_TRUE(s3_.WaitUntil([this] { return !IsThere("another"); }));
  }
  /// The first of an operation goes wrong.
  void FailFirst(const std::string& operation, const S3Fault& fault) {
    s3_.Misbehave([=, done = std::make_shared<std::atomic<bool>>(false)](const S3Call& call) {
      return call.operation == operation && !done->exchange(true) ? fault : S3Fault();
    });
  }
  void FailAll(const std::string& operation, const S3Fault& fault) {
    s3_.Misbehave(
        [=](const S3Call& call) { return call.operation == operation ? fault : S3Fault(); });
  }
  /// 200, with an error in it; it is done or not.
  static S3Fault ErrorInSuccess(const char* code, bool done) {
    S3Fault fault = S3Fault::Error(200, code);
    if (!done) return fault;
    const HttpReply reply = *fault.instead;
    return {.edit = [=](HttpReply& answer) { answer = reply; }};
  }

  const KvStorePtr store_ = Warmed(StoreOfSmallParts());
};

TEST_F(S3Uploads, AValueInPartsIsWhatWasWritten) {
  const int parts_before = s3_.count("UploadPart");
  const WriteResult written = Put("k").OrDie();
  EXPECT_EQ(s3_.count("UploadPart") - parts_before, 9);
  const ReadResult read = store_->Read("k").Get().OrDie();
  EXPECT_EQ(read.value.text(), kValue);
  EXPECT_EQ(read.generation, written.generation);
  EXPECT_TRUE(s3_.Get("k")->etag.ends_with("-9\""));
  EXPECT_EQ(Word(Put("k", kAbsent)), "not met");
  EXPECT_EQ(Word(Put("k", written.generation)), "written");
  EXPECT_TRUE(NothingIsLeft());
}

TEST_F(S3Uploads, AStreamIsUploadedAsSoonAsItIsMoreThanOnePart) {
  for (const size_t size : {0, 1, 4, 5, 8, 9, 23}) {
    const std::string value = std::string(kValue).substr(0, size);
    const int uploads = s3_.count("CompleteMultipartUpload");
    const WriteResult written = Stream("k", value).OrDie();
    EXPECT_EQ(s3_.count("CompleteMultipartUpload") - uploads, size > 4 ? 1 : 0) << size;
    const ReadResult read = store_->Read("k").Get().OrDie();
    EXPECT_EQ(read.value.text(), value);
    EXPECT_EQ(read.generation, written.generation);
  }
  EXPECT_EQ(Word(Stream("k", kValue, kAbsent)), "not met");
  EXPECT_TRUE(NothingIsLeft());
}

TEST_F(S3Uploads, AStreamHoldsWhatTheStoreTells) {
  S3StoreOptions options = s3_.options();
  options.part_bytes = MiB(5);
  const KvStorePtr store = Store(options);
  const int64_t told = store->capabilities().stream_bytes;
  EXPECT_EQ(told, 3 * BufferPool::CapacityFor(MiB(5)));
  const BufferPool& pool = context_.buffers();
  // No part is answered before as much is held as may be.
  s3_.Misbehave([&](const S3Call& call) {
    if (call.operation != "UploadPart") return S3Fault();
    return S3Fault{.between = [&] {
      while (pool.held_bytes_peak() < told) std::this_thread::yield();
    }};
  });
  const std::string piece(static_cast<size_t>(MiB(1)), 'x');
  const auto writer = store->OpenWriter("k").OrDie();
  for (int i = 0; i < 31; ++i) writer->Append(std::as_bytes(std::span(piece))).OrDie();
  writer->Commit().Get().OrDie();
  // A part that was answered goes a moment later.
  EXPECT_LE(pool.held_bytes_peak(), told + BufferPool::CapacityFor(MiB(5)) + KiB(4));
  EXPECT_EQ(s3_.Get("k")->body.size(), 31 * piece.size());
}

TEST_F(S3Uploads, AnErrorInASuccessIsItsCode) {
  struct Case {
    const char* code;
    const char* word;
    int requests;
  };
  for (const Case& each : std::vector<Case>{{"PreconditionFailed", "not met", 1},
                                            {"AccessDenied", "PermissionDenied", 1},
                                            {"InvalidPart", "InvalidArgument", 1},
                                            {"EntityTooSmall", "InvalidArgument", 1},
                                            {"InternalError", "Unavailable", 3},
                                            {"SlowDown", "Unavailable", 3},
                                            {"SomethingNew", "Unavailable", 1}}) {
    FailAll("CompleteMultipartUpload", ErrorInSuccess(each.code, false));
    const int before = s3_.count("CompleteMultipartUpload");
    const Result<WriteResult> result = Put("k", kAbsent);
    EXPECT_EQ(Word(result), each.word) << each.code << result.status();
    EXPECT_EQ(s3_.count("CompleteMultipartUpload") - before, each.requests) << each.code;
    EXPECT_FALSE(s3_.Get("k").has_value());
    EXPECT_TRUE(NothingIsLeft()) << each.code;
  }
}

TEST_F(S3Uploads, AnErrorInASuccessThatPassesIsRepeated) {
  FailFirst("CompleteMultipartUpload", ErrorInSuccess("InternalError", false));
  EXPECT_EQ(Word(Put("k", kAbsent)), "written");
  // It was done all the same: there is no such upload any more, and the value tells.
  for (const Generation& if_equal : {GenerationOf(*store_, "k"), Generation()}) {
    FailFirst("CompleteMultipartUpload", ErrorInSuccess("InternalError", true));
    const WriteResult written = Put("k", if_equal).OrDie();
    EXPECT_EQ(written.state, WriteResult::State::kWritten);
    EXPECT_EQ(written.generation, GenerationOf(*store_, "k"));
  }
  EXPECT_TRUE(NothingIsLeft());
}

TEST_F(S3Uploads, AnUploadThatSomebodyAbortedIsNoUnmetCondition) {
  s3_.Put("k", "old");
  FailFirst("CompleteMultipartUpload", S3Fault::Error(404, "NoSuchUpload"));
  EXPECT_EQ(Put("k", GenerationOf(*store_, "k")).status().ToString(),
            "NotFound: s3://bucket/k: the server answered 404: NoSuchUpload: as the test wants it");
  EXPECT_EQ(s3_.Get("k")->body, "old");
}

TEST_F(S3Uploads, APartThatFailsEndsTheUpload) {
  struct Case {
    S3Fault fault;
    const char* text;
  };
  const auto without_etag = [](HttpReply& reply) { reply.headers.clear(); };
  const Case cases[] = {
      {S3Fault::Error(403, "AccessDenied"),
       "PermissionDenied: s3://bucket/k, part 3: the server answered 403: AccessDenied: as the "
       "test "
       "wants it"},
      {S3Fault::Error(404, "NoSuchUpload"),
       "NotFound: s3://bucket/k, part 3: the server answered 404: NoSuchUpload: as the test wants "
       "it"},
      {{.edit = without_etag}, "DataLoss: s3://bucket/k, part 3: the server's answer has no ETag"},
      {S3Fault::Error(503, "SlowDown"),
       "Unavailable: s3://bucket/k, part 3: the server answered 503: SlowDown: as the test wants "
       "it"},
  };
  for (const Case& each : cases) {
    s3_.Misbehave([&](const S3Call& call) {
      const bool third = call.operation == "UploadPart" && call.query.at("partNumber") == "3";
      return third ? each.fault : S3Fault();
    });
    EXPECT_EQ(Put("k", kAbsent).status().ToString(), each.text);
    const Result<WriteResult> stream = Stream("k", kValue);
    EXPECT_NE(stream.status().ToString().find(", part 3: "), std::string::npos) << stream.status();
    EXPECT_FALSE(s3_.Get("k").has_value());
    EXPECT_TRUE(NothingIsLeft());
  }
}

TEST_F(S3Uploads, APartThatPassesIsRepeated) {
  for (const S3Fault& fault :
       {S3Fault::Lost(), S3Fault::Unheard(), S3Fault::Error(400, "BadDigest"),
        S3Fault::Error(500, "InternalError"), S3Fault::Cut(30)}) {
    FailFirst("UploadPart", fault);
    EXPECT_EQ(Word(Put("k")), "written");
    EXPECT_EQ(s3_.Get("k")->body, kValue);
  }
  EXPECT_TRUE(NothingIsLeft());
}

TEST_F(S3Uploads, AWrongETagOfAPartIsRefusedByTheServer) {
  FailFirst("UploadPart", {.edit = [](HttpReply& reply) {
              for (auto& [name, value] : reply.headers) {
                if (name == "ETag") value = "\"00000000000000000000000000000000\"";
              }
            }});
  EXPECT_EQ(Put("k").status().ToString(),
            "InvalidArgument: s3://bucket/k: the server answered 400: InvalidPart");
  EXPECT_FALSE(s3_.Get("k").has_value());
  EXPECT_TRUE(NothingIsLeft());
}

TEST_F(S3Uploads, BeginningMayFail) {
  FailAll("CreateMultipartUpload", S3Fault::Error(403, "AccessDenied"));
  EXPECT_EQ(Word(Put("k")), "PermissionDenied");
  EXPECT_EQ(Word(Stream("k", kValue)), "PermissionDenied");
  FailAll("CreateMultipartUpload", S3Fault::Answer({.body = "<a>no such thing</a>"}));
  EXPECT_EQ(Put("k").status().ToString(),
            "DataLoss: s3://bucket/k: XML: expected <InitiateMultipartUploadResult>, not <a>");
  // The first was begun, but nobody heard of it: an upload that only ClearDebris can find.
  FailFirst("CreateMultipartUpload", S3Fault::Lost());
  EXPECT_EQ(Word(Put("k")), "written");
  EXPECT_EQ(s3_.uploads(), std::vector<std::string>{"k"});
}

TEST_F(S3Uploads, AnAbortThatFailsLeavesTheUploadAndTheError) {
  s3_.Misbehave([](const S3Call& call) {
    if (call.operation == "AbortMultipartUpload") return S3Fault::Error(403, "AccessDenied");
    if (call.operation == "UploadPart") return S3Fault::Error(400, "InvalidArgument");
    return S3Fault();
  });
  EXPECT_EQ(Word(Put("k")), "InvalidArgument");
  EXPECT_TRUE(s3_.WaitUntil([this] { return s3_.count("AbortMultipartUpload") > 0; }));
  EXPECT_EQ(s3_.uploads(), std::vector<std::string>{"k"});
}

TEST_F(S3Uploads, AWriterThatIsDroppedAborts) {
  for (const int size : {3, 5, 20}) {
    const int aborted = s3_.count("AbortMultipartUpload");
    {
      const auto writer = store_->OpenWriter("k").OrDie();
      const std::string value(static_cast<size_t>(size), 'x');
      writer->Append(std::as_bytes(std::span(value))).OrDie();
    }
    EXPECT_TRUE(s3_.WaitUntil([&] {
      return s3_.count("AbortMultipartUpload") - aborted == (size > 4 ? 1 : 0) &&
             s3_.uploads().empty();
    }));
  }
  EXPECT_FALSE(s3_.Get("k").has_value());
}

TEST_F(S3Uploads, OneThatIsCancelledWhileItIsCompletedIsAbortedIfItCannotBeCompletedAnyMore) {
  struct Case {
    S3Fault fault;
    const char* word;
    bool is_left;
  };
  int number = 0;
  S3Fault unheard = S3Fault::Cut(30);  // Had no line come, libcurl would ask again.
  unheard.instead = HttpReply();
  for (Case each : {Case{S3Fault::Error(503, "SlowDown"), "Cancelled", false},
                    Case{S3Fault::Error(409, "OperationAborted"), "Cancelled", false},
                    Case{unheard, "Unavailable", true},
                    Case{S3Fault::Answer({.status = 504}), "Unavailable", true},
                    Case{S3Fault::Cut(30), "written", false}}) {
    for (const bool stream : {false, true}) {
      const std::string key = "k" + std::to_string(++number);
      const CancelSource source;
      each.fault.between = [&] { source.Cancel(); };
      FailFirst("CompleteMultipartUpload", each.fault);
      Future<WriteResult> write = Future<WriteResult>::Ready(CancelledError("none"));
      if (stream) {
        const auto writer = store_->OpenWriter(key, {.cancel = source.token()}).OrDie();
        writer->Append(std::as_bytes(std::span(std::string_view(kValue)))).OrDie();
        write = writer->Commit();
      } else {
        write = store_->Write(key, Bytes::Copy(kValue), {.cancel = source.token()});
      }
      EXPECT_EQ(Word(write.Get()), each.word) << write.Get().status();
      ASSERT_TRUE(s3_.WaitUntil([&] { return each.is_left || !IsThere(key); }));
      AbortAnother();
      EXPECT_EQ(IsThere(key), each.is_left) << each.word;
    }
  }
}

/// None of its completing requests was answered: the server may complete it when it pleases.
TEST_F(S3Uploads, OneThatMayYetBeCompletedIsNotTakenAway) {
  for (const S3Fault& fault : {S3Fault::Unheard(), S3Fault::Answer({.status = 502}),
                               S3Fault::Answer({.status = 503, .body = "<html>"})}) {
    const int aborted = s3_.count("AbortMultipartUpload");
    FailAll("CompleteMultipartUpload", fault);
    EXPECT_EQ(Word(Put("k")), "Unavailable");
    AbortAnother();
    EXPECT_EQ(s3_.count("AbortMultipartUpload") - aborted, 1);
  }
}

TEST_F(S3Uploads, EveryPartCarriesItsChecksum) {
  EXPECT_EQ(Word(Put("k")), "written");
  EXPECT_EQ(Word(Stream("k", kValue)), "written");
  std::map<std::string, int> told;
  for (const S3Call& call : s3_.calls()) {
    if (call.operation != "UploadPart" || call.key != "k") continue;
    EXPECT_EQ(call.http.Header("x-amz-checksum-crc32c"), S3Checksum(Bytes::Copy(call.http.body)));
    ++told[call.query.at("partNumber")];
  }
  EXPECT_EQ(told.size(), 9u);
  for (const auto& [number, count] : told) EXPECT_EQ(count, 2) << number;
}

TEST_F(S3Uploads, AnETagWithoutQuotesIsThatOfReads) {
  FailAll("CompleteMultipartUpload", {.edit = [](HttpReply& reply) {
            std::erase(reply.body, '"');
            reply.body.replace(0, reply.body.find('\n'), "");
          }});
  const WriteResult written = Put("k").OrDie();
  EXPECT_EQ(written.generation, GenerationOf(*store_, "k"));
}

TEST_F(S3Uploads, AConditionIsDecidedAtTheEnd) {
  const KvStorePtr theirs = Store();
  s3_.Misbehave([&, done = std::make_shared<std::atomic<bool>>(false)](const S3Call& call) {
    if (call.operation != "UploadPart" || done->exchange(true)) return S3Fault();
    return S3Fault{.between = [&] { theirs->Write("k", Bytes::Copy("theirs")).Get().OrDie(); }};
  });
  EXPECT_EQ(Word(Put("k", kAbsent)), "not met");
  EXPECT_EQ(s3_.Get("k")->body, "theirs");
  EXPECT_TRUE(NothingIsLeft());
}

// What a server can do.

struct Lacking {
  FakeS3 s3;
  Context context = Context::Create({.threads = 2});
  KvStorePtr store;

  explicit Lacking(FakeS3::Options options) : s3(std::move(options)) {
    store = MakeS3Store(s3.bucket(), s3.options(), context).OrDie();
    s3.Put("k", "old");
  }
  std::string Try(std::optional<BytesChain> value, const Generation& if_equal) {
    const auto result = store->Write("k", std::move(value), {.if_equal = if_equal}).Get();
    return result.ok() ? Word(result) : result.status().ToString();
  }
  Generation Now() {
    return store->Read("k", {.range = ByteRange::Stat()}).Get().OrDie().generation;
  }
};

constexpr const char* kWritesRefused =
    "FailedPrecondition: s3://bucket/k: this server does not keep conditions on writes, and "
    "without "
    "it others' data could be lost";
constexpr const char* kDeletesRefused =
    "FailedPrecondition: s3://bucket/k: this server does not keep conditions on deletes, and "
    "without "
    "it others' data could be lost";

TEST(S3Abilities, AServerThatIgnoresIfNoneMatchIsFoundOut) {
  Lacking lacking({.keeps_create = false});
  EXPECT_EQ(lacking.Try(Bytes::Copy("new"), kAbsent), kWritesRefused);
  EXPECT_EQ(lacking.s3.Get("k")->body, "old");
  EXPECT_EQ(lacking.Try(Bytes::Copy("new"), lacking.Now()), "written");
  EXPECT_EQ(lacking.Try(std::nullopt, lacking.Now()), "written");
  EXPECT_TRUE(lacking.s3.keys().empty());
}

TEST(S3Abilities, AServerThatIgnoresIfMatchIsFoundOut) {
  Lacking lacking({.keeps_write = false});
  EXPECT_EQ(lacking.Try(Bytes::Copy("new"), lacking.Now()), kWritesRefused);
  EXPECT_EQ(lacking.s3.Get("k")->body, "old");
  EXPECT_EQ(lacking.Try(Bytes::Copy("new"), kAbsent), "not met");
  EXPECT_EQ(lacking.Try(std::nullopt, lacking.Now()), "written");
}

TEST(S3Abilities, AServerThatIgnoresConditionsOfDeletesIsFoundOut) {
  Lacking lacking({.keeps_delete = false});
  EXPECT_FALSE(lacking.store->capabilities().conditional_delete);
  EXPECT_EQ(lacking.Try(std::nullopt, lacking.Now()), kDeletesRefused);
  EXPECT_EQ(lacking.s3.Get("k")->body, "old");
  EXPECT_FALSE(lacking.store->capabilities().conditional_delete);
  EXPECT_EQ(lacking.Try(Bytes::Copy("new"), lacking.Now()), "written");
  EXPECT_EQ(lacking.Try(std::nullopt, Generation()), "written");
}

TEST(S3Abilities, AServerThatRefusesConditionsIsFoundOut) {
  Lacking lacking({});
  lacking.s3.Misbehave([](const S3Call& call) {
    const bool conditional = !call.http.Header("if-none-match").empty();
    return conditional && call.operation == "PutObject" ? S3Fault::Error(501, "NotImplemented")
                                                        : S3Fault();
  });
  EXPECT_EQ(lacking.Try(Bytes::Copy("new"), kAbsent), kWritesRefused);
  EXPECT_EQ(lacking.Try(Bytes::Copy("new"), lacking.Now()), kWritesRefused);
  EXPECT_EQ(lacking.Try(std::nullopt, lacking.Now()), kDeletesRefused);
}

class S3Probe : public S3Faults {};

/// Tells on which threads requests are signed, and so what they send is summed up.
class WatchedCredentials final : public CredentialsProvider {
 public:
  WatchedCredentials(CredentialsProviderPtr base, const Context& context)
      : base_(std::move(base)), context_(context) {}

  Future<std::shared_ptr<const AwsCredentials>> Get() override {
    by_worker = context_.executor().IsWorkerThread();
    return base_->Get();
  }
  void Invalidate(const AwsCredentials& rejected) override { base_->Invalidate(rejected); }
  std::string Describe() const override { return base_->Describe(); }

  std::atomic<bool> by_worker{false};  ///< The last.

 private:
  const CredentialsProviderPtr base_;
  const Context context_;
};

TEST(S3ProbeThread, WhatIsSentAfterwardsIsNotSummedUpByTheEventThread) {
  for (const char* const value : {"small", kValue}) {  // The other is refused in parts.
    FakeS3 s3({.keeps_complete_create = false});
    const Context context = Context::Create({.threads = 2});
    S3StoreOptions options = s3.options();
    options.part_bytes = 4;
    CredentialsOptions given;
    given.given = {.access_key_id = options.credentials.access_key_id,
                   .secret_access_key = options.credentials.secret_access_key};
    given.executor = context.shared_executor();
    const auto watched =
        std::make_shared<WatchedCredentials>(MakeAwsCredentials(std::move(given)).OrDie(), context);
    const KvStorePtr store = MakeStoreOfBucket(
        std::make_shared<S3Bucket>(s3.bucket(), options, HttpUrl::Parse(options.endpoint).OrDie(),
                                   watched, AwsEnvironment::OfProcess(), context));
    EXPECT_EQ(Word(store->Write("k", Bytes::Copy(value), {.if_equal = kAbsent}).Get()), "written");
    EXPECT_EQ(s3.calls().back().operation, "PutObject");
    EXPECT_TRUE(watched->by_worker);
  }
}

TEST_F(S3Probe, WhoMayNotAskLearnsNothing) {
  const KvStorePtr store = Store();
  for (const auto& [status, code] :
       std::vector<std::pair<int, const char*>>{{400, "ExpiredToken"},
                                                {400, "AuthorizationHeaderMalformed"},
                                                {403, "AccessDenied"},
                                                {400, "RequestTimeout"},
                                                {404, "NoSuchBucket"},
                                                {409, "Conflict"}}) {
    s3_.Misbehave([=](const S3Call&) { return S3Fault::Error(status, code); });
    EXPECT_NE(Word(store->Write("k", Bytes::Copy("v"), {.if_equal = kAbsent}).Get()),
              "FailedPrecondition")
        << code;
  }
  s3_.Misbehave(nullptr);
  EXPECT_EQ(Word(store->Write("k", Bytes::Copy("v"), {.if_equal = kAbsent}).Get()), "written");
}

TEST_F(S3Probe, WhereUploadsKeepNoConditionsAStreamIsRefusedAndAValueIsOneRequest) {
  // Both conditions, or only that nothing is there.
  for (const bool keeps_create : {false, true}) {
    FakeS3 s3({.keeps_complete_create = keeps_create, .keeps_complete_replace = false});
    S3StoreOptions options = s3.options();
    options.part_bytes = MiB(5);
    const KvStorePtr store = MakeS3Store(s3.bucket(), options, context_).OrDie();
    const std::string large(static_cast<size_t>(MiB(21)), 'x');
    EXPECT_EQ(Word(store->Write("k", Bytes::Copy(large), {.if_equal = kAbsent}).Get()), "written");
    const int probed = s3.count("CreateMultipartUpload");
    EXPECT_EQ(probed, keeps_create ? 2 : 1);
    const auto writer = store->OpenWriter("k2", {.if_equal = kAbsent}).OrDie();
    EXPECT_EQ(writer->Append(std::as_bytes(std::span(large))).ToString(),
              "FailedPrecondition: s3://bucket/k2: this server keeps no conditions on uploads in "
              "parts, and without it others' data could be lost");
    EXPECT_EQ(Word(writer->Commit().Get()), "FailedPrecondition");
    EXPECT_EQ(Word(store->Write("k2", Bytes::Copy(large)).Get()), "written");
    EXPECT_EQ(s3.count("CreateMultipartUpload"), probed + 1);
  }
}

TEST_F(S3Probe, RunsOnceForFiftyAtOnceAndLeavesNothing) {
  const KvStorePtr store = Store();
  EXPECT_FALSE(store->capabilities().conditional_delete);
  std::vector<Future<WriteResult>> writes;
  for (int i = 0; i < 50; ++i) {
    writes.push_back(
        store->Write("k" + std::to_string(i), Bytes::Copy("v"), {.if_equal = kAbsent}));
  }
  for (const auto& write : writes) EXPECT_EQ(Word(write.Get()), "written");
  EXPECT_EQ(s3_.count("PutObject"), 50 + 4);
  EXPECT_EQ(s3_.count("DeleteObject"), 4);
  EXPECT_EQ(s3_.count("CreateMultipartUpload"), 0);
  EXPECT_EQ(s3_.keys().size(), 50u);
  EXPECT_TRUE(store->capabilities().conditional_delete);
}

TEST_F(S3Probe, IsNotNeededWithoutConditions) {
  const KvStorePtr store = StoreOfSmallParts();
  EXPECT_EQ(Word(store->Write("k", Bytes::Copy(kValue)).Get()), "written");
  EXPECT_EQ(Word(store->Write("k", std::nullopt).Get()), "written");
  EXPECT_EQ(Word(store->Write("k", std::nullopt, {.if_equal = kAbsent}).Get()), "written");
  EXPECT_EQ(s3_.count("PutObject"), 0);
  EXPECT_EQ(s3_.count("DeleteObject"), 1);
}

/// A probe of requests, or of uploads: what is written to need it, and how many requests it sends.
struct ProbedBy {
  const char* value;
  int requests;  // Besides the abort, which nobody waits for.
};
constexpr ProbedBy kProbes[] = {{"v", 8}, {kValue, 8}};

/// The fault befalls one request, by its number.
std::function<S3Fault(const S3Call&)> Nth(int number, S3Fault fault) {
  return [=, count = std::make_shared<std::atomic<int>>(0)](const S3Call& call) {
    if (call.operation == "AbortMultipartUpload") return S3Fault();
    return ++*count == number ? fault : S3Fault();
  };
}

TEST_F(S3Probe, ThatFailsAtAnyRequestIsMadeAnewByTheNext) {
  for (const auto& [value, requests] : kProbes) {
    for (int failing = 1; failing <= requests; ++failing) {
      SCOPED_TRACE(value + std::to_string(failing));
      context_ = Context::Create({.threads = 2});  // It is known to a context.
      const KvStorePtr store = StoreOfSmallParts();
      const std::string key = value + std::to_string(failing);
      std::atomic<bool> only_cleans_up = false;  // Whatever that is answered says nothing.
      s3_.Misbehave([&, fails =
                            Nth(failing, S3Fault::Error(404, "NoSuchBucket"))](const S3Call& call) {
        S3Fault fault = fails(call);
        if (fault.instead) {
          only_cleans_up = call.operation == "DeleteObject" && call.http.Header("if-match").empty();
        }
        return fault;
      });
      const auto write = [&] {
        return store->Write(key, Bytes::Copy(value), {.if_equal = kAbsent}).Get();
      };
      const Result<WriteResult> result = write();
      s3_.Misbehave(nullptr);
      if (only_cleans_up) {
        EXPECT_EQ(Word(result), "written");
        continue;
      }
      EXPECT_EQ(Word(result), "NotFound") << result.status();
      EXPECT_NE(result.status().message().find("probing what the server can do"),
                std::string::npos);
      EXPECT_FALSE(s3_.Get(key).has_value());
      // All is known now: a large value under a condition goes in parts.
      const int before = s3_.count("CompleteMultipartUpload");
      EXPECT_EQ(Word(write()), "written");
      EXPECT_EQ(s3_.count("CompleteMultipartUpload") - before, value == kValue ? 3 : 0);
      EXPECT_EQ(store->capabilities().conditional_delete, value != kValue);
      EXPECT_EQ(store->capabilities().key_beside_prefix, value != kValue);
    }
  }
}

TEST_F(S3Probe, WhoMayNotDeleteMayWrite) {
  s3_.Misbehave([](const S3Call& call) {
    return call.operation == "DeleteObject" ? S3Fault::Error(403, "AccessDenied") : S3Fault();
  });
  const KvStorePtr store = Store();
  for (const char* key : {"a", "b"}) {
    EXPECT_EQ(Word(store->Write(key, Bytes::Copy("v"), {.if_equal = kAbsent}).Get()), "written");
  }
  EXPECT_FALSE(store->capabilities().conditional_delete);
  EXPECT_EQ(s3_.count("PutObject"), 2 + 4);  // One probe, for both.
}

TEST_F(S3Probe, IsNotWaitedForByWhoIsCancelled) {
  const KvStorePtr store = Store();
  const CancelSource cancel;
  const Promise<void> asked;
  const Promise<void> answers;
  s3_.Misbehave([=](const S3Call&) {
    return S3Fault{.between = [=] {
      asked.Set(Status());
      answers.future().Wait();
    }};
  });
  const WriteOptions options{.if_equal = kAbsent, .cancel = cancel.token()};
  const auto first = store->Write("k", Bytes::Copy("v"), options);
  const auto second = store->Write("k", Bytes::Copy("w"), options);  // Behind it.
  asked.future().Wait();
  cancel.Cancel();
  const auto soon = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  const bool ended = first.Wait(soon) && second.Wait(soon);
  answers.Set(Status());
  ASSERT_TRUE(ended);
  EXPECT_EQ(Word(first.Get()), "Cancelled");
  EXPECT_EQ(Word(second.Get()), "Cancelled");
  s3_.Misbehave(nullptr);
  EXPECT_EQ(Word(store->Write("k", Bytes::Copy("x"), {.if_equal = kAbsent}).Get()), "written");
}

TEST_F(S3Probe, GoesOnWhereAnAnswerIsLost) {
  for (const auto& [value, requests] : kProbes) {
    for (int lost = 1; lost <= requests; ++lost) {
      context_ = Context::Create({.threads = 2});
      const KvStorePtr store = StoreOfSmallParts();
      s3_.Misbehave(Nth(lost, S3Fault::Lost()));
      const std::string key = value + std::to_string(lost);
      EXPECT_EQ(Word(store->Write(key, Bytes::Copy(value), {.if_equal = kAbsent}).Get()), "written")
          << key;
      EXPECT_EQ(store->capabilities().conditional_delete, value != kValue);
    }
  }
}

TEST_F(S3Probe, NeverShows) {
  std::vector<std::string> shown;
  std::atomic<int> probed = 0;
  const KvStorePtr other = Store();
  s3_.Misbehave([&](const S3Call& call) {
    if (call.key.find("probe") == std::string::npos) return S3Fault();
    ++probed;
    return S3Fault{.between = [&] {
      for (const ListEntry& entry : ListAll(*other).OrDie()) shown.push_back(entry.key);
      EXPECT_EQ(ListFolder(*other, "").OrDie().keys.size(), 0u);
    }};
  });
  EXPECT_EQ(Word(Store()->Write("k", Bytes::Copy("v"), {.if_equal = kAbsent}).Get()), "written");
  EXPECT_EQ(shown, std::vector<std::string>{});
  EXPECT_EQ(probed.load(), 8);
  // Nor can it be read or written.
  EXPECT_EQ(Word(other->Read("a.__coffer_probe_0123456789abcdef").Get()), "InvalidArgument");
  EXPECT_EQ(Word(other->Write("a.__coffer_probe_0123456789abcdef", std::nullopt).Get()),
            "InvalidArgument");
}

}  // namespace
}  // namespace coffer::inline v0::testing
