// Goal: a write of which the answer was lost, cut or wrong has happened exactly once, or not at
// all, and the writer is told which, or that nobody knows. Method: a scripted server does what it
// is asked and cuts its answer at every byte, or does not hear it; others write in between, with
// conditions and without. Its objects are looked at.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "src/net/http_transport.h"
#include "tests/fault/s3_fixture.h"

namespace coffer::inline v0::testing {
namespace {

constexpr const char* kIds = "x-amz-meta-coffer-write-id";
const Generation kAbsent = Generation::Missing();

/// The fault befalls the first request of this operation on this key.
std::function<S3Fault(const S3Call&)> First(std::string operation, std::string key, S3Fault fault) {
  return [=, done = std::make_shared<std::atomic<bool>>(false)](const S3Call& call) {
    const bool hit = call.operation == operation && call.key == key && !done->exchange(true);
    return hit ? fault : S3Fault();
  };
}

class S3Lost : public S3Faults {
 protected:
  S3Lost() : store_(WarmStore()) { s3_.Put("k", "old"); }

  Result<WriteResult> Put(const std::string& key, const std::string& value,
                          const Generation& if_equal = Generation::Unknown()) {
    return store_->Write(key, Bytes::Copy(value), {.if_equal = if_equal}).Get();
  }
  Generation Now(const std::string& key) { return GenerationOf(*store_, key); }

  /// How many bytes the answer to a request has, by the last one that came whole.
  int64_t AnswerSize(const std::string& operation, const std::string& key,
                     const std::function<void()>& ask) {
    auto size = std::make_shared<std::atomic<int64_t>>(0);
    s3_.Misbehave([=](const S3Call& call) {
      if (call.operation != operation || call.key != key) return S3Fault();
      return S3Fault{.edit = [=](HttpReply& reply) {
        *size = 200 + static_cast<int64_t>(reply.body.size());
        for (const auto& [name, value] : reply.headers) {
          *size += static_cast<int64_t>(name.size() + value.size() + 4);
        }
      }};
    });
    ask();
    s3_.Misbehave(nullptr);
    return *size;
  }

  KvStorePtr store_;
};

/// Who has given up hears what the server did all the same: else it would be done at any time.
TEST_F(S3Lost, AWriteThatIsCancelledOnceItWasSentTellsWhatHappened) {
  for (const bool deletes : {false, true}) {
    const CancelSource source;
    s3_.Misbehave(First(deletes ? "DeleteObject" : "PutObject", "k", {.between = [&] {
                          source.Cancel();
                          const Promise<void> seen;  // By the event thread.
                          context_.Get<HttpTransport>().After(
                              std::chrono::milliseconds(1), [&] { seen.Set(Status()); },
                              CancelToken());
                          seen.future().Wait();
                        }}));
    std::optional<BytesChain> value;
    if (!deletes) value = Bytes::Copy("new");
    EXPECT_EQ(Word(store_->Write("k", value, {.cancel = source.token()}).Get()), "written");
    EXPECT_EQ(s3_.Get("k").has_value(), !deletes);
    EXPECT_EQ(Word(store_->Write("k", value, {.cancel = source.token()}).Get()), "Cancelled");
  }
}

/// So he does if the answer does not come, and the write is given up before it is sent again.
TEST_F(S3Lost, AWriteThatIsCancelledAfterItsAnswerWasLostTellsWhatHappened) {
  const auto answered = [](const HttpReply& reply) {
    return S3Fault{.edit = [=](HttpReply& answer) { answer = reply; }};
  };
  const HttpReply of_a_proxy = {.status = 503, .headers = {{"Retry-After", "5"}}, .body = "<html>"};
  for (const bool deletes : {false, true}) {
    for (S3Fault fault :
         {S3Fault::Cut(30), answered(of_a_proxy), answered(S3ErrorReply(500, "InternalError")),
          answered({.status = 502})}) {
      const CancelSource source;
      fault.between = [&] { source.Cancel(); };
      s3_.Put("k", "old");
      s3_.Misbehave(First(deletes ? "DeleteObject" : "PutObject", "k", fault));
      const int before = s3_.count("HeadObject");
      std::optional<BytesChain> value;
      if (!deletes) value = Bytes::Copy("new");
      const Result<WriteResult> result =
          store_->Write("k", value, {.cancel = source.token()}).Get();
      ASSERT_EQ(Word(result), "written") << result.status();
      EXPECT_EQ(s3_.count("HeadObject") - before, 1);
      EXPECT_EQ(s3_.Get("k").has_value(), !deletes);
      if (deletes) continue;
      EXPECT_EQ(result->generation, Now("k"));
    }
  }
}

TEST_F(S3Lost, AWriteThatIsCancelledAndOfWhichNobodyKnowsIsNotCalledCancelled) {
  for (const bool conditional : {false, true}) {
    const CancelSource source;
    S3Fault fault = S3Fault::Cut(30);  // Had no line come, libcurl would ask again.
    fault.instead = HttpReply();
    fault.between = [&] { source.Cancel(); };
    s3_.Misbehave(First("PutObject", "k", fault));
    const Result<WriteResult> result =
        store_
            ->Write("k", Bytes::Copy("new"),
                    {.if_equal = conditional ? Now("k") : Generation(), .cancel = source.token()})
            .Get();
    EXPECT_EQ(result.status().ToString().find(
                  "Unavailable: s3://bucket/k: it is not known whether it was written: "),
              0u)
        << result.status();
    EXPECT_EQ(s3_.Get("k")->body, "old");
  }
}

/// What became of it is asked for no longer than an answer may take.
TEST_F(S3Lost, AWriteThatIsCancelledAsksOnlyForSoLong) {
  S3StoreOptions options = s3_.options();
  options.network.first_byte_timeout = std::chrono::milliseconds(200);
  store_ = Warmed(Store(options));
  HttpReply later = S3ErrorReply(503, "SlowDown");
  later.headers.emplace_back("Retry-After", "3600");
  const CancelSource source;
  S3Fault lost = S3Fault::Cut(30);
  lost.between = [&] { source.Cancel(); };
  s3_.Misbehave([&](const S3Call& call) {
    if (call.operation == "HeadObject") return S3Fault::Answer(later);
    return call.operation == "PutObject" ? lost : S3Fault();
  });
  EXPECT_EQ(Word(store_->Write("k", Bytes::Copy("new"), {.cancel = source.token()}).Get()),
            "Unavailable");
  EXPECT_EQ(s3_.count("HeadObject"), 1);
}

/// Whatever the moment, what is told is so.
TEST_F(S3Lost, AWriteIsCancelledWhileItBegins) {
  std::vector<std::thread> writers;
  for (int writer = 0; writer < 4; ++writer) {
    writers.emplace_back([this, writer] {
      const std::string key = "k" + std::to_string(writer);
      for (int i = 0; i < 500; ++i) {
        const CancelSource source;
        std::atomic<bool> begun{false};
        std::thread canceller([&] {
          while (!begun) continue;
          for (int spin = 0; spin < i * 4; ++spin) begun.load();
          source.Cancel();
        });
        begun = true;
        const std::string value = std::to_string(i);
        const std::string word =
            Word(store_->Write(key, Bytes::Copy(value), {.cancel = source.token()}).Get());
        canceller.join();
        const auto stored = s3_.Get(key);
        const bool is_there = stored && stored->body == value;
        EXPECT_EQ(word, is_there ? "written" : "Cancelled");
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
}

/// S3's own 503 says that nothing was done.
TEST_F(S3Lost, AWriteThatIsCancelledAfterARefusalIsCancelled) {
  const CancelSource source;
  S3Fault fault = S3Fault::Error(503, "SlowDown");
  fault.between = [&] { source.Cancel(); };
  s3_.Misbehave(First("PutObject", "k", fault));
  EXPECT_EQ(Word(store_->Write("k", Bytes::Copy("new"), {.cancel = source.token()}).Get()),
            "Cancelled");
  EXPECT_EQ(s3_.count("HeadObject"), 0);
}

/// The answer to a PUT never comes in time; the value tells.
TEST_F(S3Lost, AWriteWhoseAnswerNeverComesInTimeIsResolvedByTheValue) {
  S3StoreOptions options = s3_.options();
  options.network.first_byte_timeout = std::chrono::milliseconds(200);
  options.network.attempts_max = 1;
  store_ = Warmed(Store(options));
  for (const bool done : {true, false}) {
    const std::string key = done ? "done" : "not done";
    S3Fault fault = done ? S3Fault::Lost() : S3Fault::Unheard();
    fault.delivery->then = Then::kStall;
    s3_.Misbehave(First("PutObject", key, fault));
    const Result<WriteResult> result = Put(key, "v");
    ASSERT_EQ(Word(result), done ? "written" : "Unavailable") << result.status();
    if (done) {
      EXPECT_EQ(result->generation, Now(key));
    }
  }
}

/// Every write was told as written, and is there as what it was told to be.
void ExpectWritten(FakeS3& s3, KvStore& store, const std::string& key,
                   const Result<WriteResult>& result) {
  ASSERT_EQ(Word(result), "written") << key << ": " << result.status();
  const auto object = s3.Get(key);
  ASSERT_TRUE(object.has_value()) << key;
  EXPECT_EQ(object->body, key);
  const ReadResult read = store.Read(key).Get().OrDie();
  EXPECT_EQ(read.generation, result->generation) << key;
}

/// Writes keys "cut/0/...", "cut/1/...", each its own value; the first answer to each write's last
/// request ends after so many bytes.
class S3CutAnswers : public S3Lost {
 protected:
  static constexpr int64_t kAtOnce = 150;  // More than may be under way at once.

  void CutAtEveryByte(const std::string& operation, const std::function<KvStorePtr()>& make_store) {
    const std::string long_name = "/a name of more than sixteen bytes";
    const int64_t whole = AnswerSize(
        operation, "k", [&] { make_store()->Write("k", Bytes::Copy(long_name)).Get().OrDie(); });
    s3_.Misbehave([&](const S3Call& call) {
      const bool cut = call.operation == operation && call.number == 1;
      return cut && call.key.starts_with("cut/") && call.key.ends_with(long_name)
                 ? S3Fault::Cut(std::stoll(call.key.substr(4)))
                 : S3Fault();
    });
    for (const std::string kind : {"/plain", "/conditional"}) {
      const Generation if_equal = kind == "/plain" ? Generation() : kAbsent;
      for (int64_t begin = 0; begin < whole; begin += kAtOnce) {
        context_ = Context::Create({.threads = 2});
        const KvStorePtr store = Warmed(make_store());
        std::vector<std::string> keys;
        std::vector<Future<WriteResult>> writes;
        for (int64_t cut = begin; cut < begin + kAtOnce; ++cut) {
          keys.push_back("cut/" + std::to_string(cut) + kind + long_name);
          writes.push_back(
              store->Write(keys.back(), Bytes::Copy(keys.back()), {.if_equal = if_equal}));
        }
        for (size_t i = 0; i < keys.size(); ++i) {
          ExpectWritten(s3_, *store, keys[i], writes[i].Get());
        }
      }
    }
    EXPECT_EQ(s3_.keys().size(),
              static_cast<size_t>((whole + kAtOnce - 1) / kAtOnce * kAtOnce * 2 + 1));
  }
};

TEST_F(S3CutAnswers, OfAPut) {
  CutAtEveryByte("PutObject", [this] { return Store(); });
}

TEST_F(S3CutAnswers, OfACompletedUpload) {
  CutAtEveryByte("CompleteMultipartUpload", [this] { return StoreOfSmallParts(); });
  EXPECT_TRUE(s3_.uploads().empty());
}

TEST_F(S3Lost, AConditionalWriteThatNobodyFollowedIsWritten) {
  const Generation was = Now("k");
  s3_.Misbehave(First("PutObject", "k", S3Fault::Lost()));
  const WriteResult written = Put("k", "new", was).OrDie();
  EXPECT_EQ(written.state, WriteResult::State::kWritten);
  EXPECT_EQ(written.generation, Now("k"));
  EXPECT_EQ(s3_.Get("k")->body, "new");
  s3_.Misbehave(First("PutObject", "created", S3Fault::Lost()));
  const Generation created = Put("created", "new", kAbsent).OrDie().generation;
  EXPECT_EQ(created, Now("created"));
}

TEST_F(S3Lost, AConditionalWriteThatOthersFollowedWithConditionsIsWritten) {
  for (const int others : {1, 7}) {
    const std::string key = "k" + std::to_string(others);
    const KvStorePtr theirs = WarmStore();
    S3Fault fault = S3Fault::Lost();
    fault.between = [&] {
      for (int i = 0; i < others; ++i) {
        const Generation now = GenerationOf(*theirs, key);
        theirs->Write(key, Bytes::Copy("theirs " + std::to_string(i)), {.if_equal = now})
            .Get()
            .OrDie();
      }
    };
    s3_.Misbehave(First("PutObject", key, fault));
    const WriteResult written = Put(key, "ours", kAbsent).OrDie();
    EXPECT_EQ(written.state, WriteResult::State::kWritten);
    // Its value is gone: no condition on it may ever be met.
    EXPECT_NE(written.generation, Now(key));
    s3_.Misbehave(nullptr);
    EXPECT_EQ(Word(Put(key, "again", written.generation)), "not met");
    EXPECT_EQ(s3_.Get(key)->body, "theirs " + std::to_string(others - 1));
  }
}

TEST_F(S3Lost, NobodyKnowsAfterEightOthers) {
  const KvStorePtr theirs = WarmStore();
  S3Fault fault = S3Fault::Lost();
  fault.between = [&] {
    for (int i = 0; i < 8; ++i) {
      const Generation now = GenerationOf(*theirs, "new");
      theirs->Write("new", Bytes::Copy(std::to_string(i)), {.if_equal = now}).Get().OrDie();
    }
  };
  s3_.Misbehave(First("PutObject", "new", fault));
  EXPECT_EQ(Word(Put("new", "ours", kAbsent)), "Unavailable");
}

TEST_F(S3Lost, NobodyKnowsWhatWasOverwrittenWithoutACondition) {
  const Generation was = Put("k", "ours before").OrDie().generation;
  for (const bool foreign : {false, true}) {
    S3Fault fault = S3Fault::Lost();
    const KvStorePtr theirs = Store();
    fault.between = [&] {
      if (foreign) {
        s3_.Put("k", "another's");
      } else {
        theirs->Write("k", Bytes::Copy("theirs")).Get().OrDie();
      }
    };
    s3_.Misbehave(First("PutObject", "k", fault));
    const Generation now = Now("k");
    EXPECT_EQ(Put("k", "ours", now).status().ToString(),
              "Unavailable: s3://bucket/k: it is not known whether it was written: s3://bucket/k: "
              "the server answered 412: PreconditionFailed");
    EXPECT_EQ(s3_.Get("k")->body, foreign ? "another's" : "theirs");
  }
  EXPECT_EQ(Word(Put("k", "ours", was)), "not met");
}

TEST_F(S3Lost, AnAttemptThatNeverCameWhileAnotherWonIsNotMet) {
  const Generation was = Put("k", "first").OrDie().generation;
  const KvStorePtr theirs = WarmStore();
  S3Fault fault = S3Fault::Unheard();
  fault.between = [&] {
    theirs->Write("k", Bytes::Copy("theirs"), {.if_equal = was}).Get().OrDie();
  };
  s3_.Misbehave(First("PutObject", "k", fault));
  EXPECT_EQ(Word(Put("k", "ours", was)), "not met");
  EXPECT_EQ(s3_.Get("k")->body, "theirs");
}

TEST_F(S3Lost, OfACreationThatNeverCameWhileAnotherWonNobodyKnows) {
  // Ours may have been created, deleted, and created by the other: there is no history of that.
  S3Fault fault = S3Fault::Unheard();
  const KvStorePtr theirs = WarmStore();
  fault.between = [&] {
    theirs->Write("new", Bytes::Copy("theirs"), {.if_equal = kAbsent}).Get().OrDie();
  };
  s3_.Misbehave(First("PutObject", "new", fault));
  EXPECT_EQ(Word(Put("new", "ours", kAbsent)), "Unavailable");
  EXPECT_EQ(s3_.Get("new")->body, "theirs");
}

TEST_F(S3Lost, AnAttemptThatNeverCameIsRepeated) {
  s3_.Misbehave(First("PutObject", "new", S3Fault::Unheard()));
  const Generation written = Put("new", "ours", kAbsent).OrDie().generation;
  EXPECT_EQ(written, Now("new"));
  EXPECT_EQ(s3_.Get("new")->body, "ours");
}

TEST_F(S3Lost, AWriteThatAlwaysGoesUnansweredIsResolvedByTheValue) {
  for (const bool done : {true, false}) {
    const std::string key = done ? "done" : "not done";
    s3_.Misbehave([&](const S3Call& call) {
      if (call.operation != "PutObject") return S3Fault();
      return done ? S3Fault::Lost() : S3Fault::Unheard();
    });
    const Result<WriteResult> plain = Put(key, "v");
    const Result<WriteResult> conditional = Put(key + "/if", "v", kAbsent);
    s3_.Misbehave(nullptr);
    EXPECT_EQ(Word(plain), done ? "written" : "Unavailable");
    EXPECT_EQ(Word(conditional), done ? "written" : "Unavailable");
    if (done) {
      EXPECT_EQ(plain->generation, Now(key));
      EXPECT_EQ(conditional->generation, Now(key + "/if"));
    } else {
      EXPECT_NE(plain.status().message().find("it is not known whether it was written"),
                std::string::npos);
    }
  }
}

TEST_F(S3Lost, AnErrorThatMayHaveBeenASuccessIsResolved) {
  // It is done, and the answer is 500.
  S3Fault fault = {.edit = [](HttpReply& reply) { reply = S3ErrorReply(500, "InternalError"); }};
  const Generation was = Now("k");
  s3_.Misbehave(First("PutObject", "k", fault));
  const Generation written = Put("k", "new", was).OrDie().generation;
  EXPECT_EQ(written, Now("k"));
  // So it is when the 503 is that of a proxy, which has lost its connection to the server.
  fault.edit = [](HttpReply& reply) {
    reply = {.status = 503, .body = "upstream connect error or disconnect/reset before headers"};
  };
  s3_.Misbehave(First("PutObject", "k", fault));
  const Generation newer = Put("k", "newer", written).OrDie().generation;
  EXPECT_EQ(newer, Now("k"));
  s3_.Misbehave(First("PutObject", "created", fault));
  const Generation created = Put("created", "new", kAbsent).OrDie().generation;
  EXPECT_EQ(created, Now("created"));
  // Or S3's own of a kind that some servers give though they have done it.
  Generation last = newer;
  for (const char* const code : {"SlowDownWrite", "ServiceUnavailable"}) {
    fault.edit = [=](HttpReply& reply) { reply = S3ErrorReply(503, code); };
    s3_.Misbehave(First("PutObject", "k", fault));
    last = Put("k", code, last).OrDie().generation;
    EXPECT_EQ(last, Now("k"));
  }
  // Any other says that nothing was done.
  const KvStorePtr theirs = WarmStore();
  fault = S3Fault::Error(503, "SlowDown");
  fault.between = [&] { theirs->Write("k", Bytes::Copy("theirs")).Get().OrDie(); };
  const Generation now = Now("k");
  s3_.Misbehave(First("PutObject", "k", fault));
  EXPECT_EQ(Word(Put("k", "ours", now)), "not met");
}

TEST_F(S3Lost, APutWithoutAnETagIsAskedFor) {
  s3_.Misbehave([](const S3Call& call) {
    if (call.operation != "PutObject") return S3Fault();
    return S3Fault{.edit = [](HttpReply& reply) {
      std::erase_if(reply.headers, [](const auto& header) { return header.first == "ETag"; });
    }};
  });
  for (const Generation& if_equal : {Generation(), kAbsent}) {
    const WriteResult written = Put(if_equal.known() ? "a" : "b", "v", if_equal).OrDie();
    EXPECT_EQ(written.generation, Now(if_equal.known() ? "a" : "b"));
    EXPECT_TRUE(written.generation.known());
  }
}

TEST_F(S3Lost, ADeleteIsRepeatedAndMayFindNothing) {
  s3_.Misbehave(First("DeleteObject", "k", S3Fault::Lost()));
  const WriteResult deleted = store_->Write("k", std::nullopt).Get().OrDie();
  EXPECT_TRUE(deleted.generation.missing());
  EXPECT_FALSE(s3_.Get("k").has_value());
}

TEST_F(S3Lost, AConditionalDeleteStaysOpenUnlessTheValueShowsThatItWasNotDone) {
  const auto erase = [&](const Generation& if_equal) {
    return store_->Write("k", std::nullopt, {.if_equal = if_equal}).Get();
  };
  // Done: it is gone, but another may have done that.
  s3_.Misbehave(First("DeleteObject", "k", S3Fault::Lost()));
  EXPECT_EQ(erase(Now("k")).status().ToString(),
            "Unavailable: s3://bucket/k: it is not known whether it was deleted: s3://bucket/k: "
            "the server answered 404: NoSuchKey");
  // Not heard, and replaced under a condition: the value never went.
  const Generation was = Put("k", "first").OrDie().generation;
  const KvStorePtr theirs = WarmStore();
  S3Fault fault = S3Fault::Unheard();
  fault.between = [&] {
    theirs->Write("k", Bytes::Copy("theirs"), {.if_equal = was}).Get().OrDie();
  };
  s3_.Misbehave(First("DeleteObject", "k", fault));
  EXPECT_EQ(Word(erase(was)), "not met");
  // Not heard, and repeated.
  s3_.Misbehave(First("DeleteObject", "k", S3Fault::Unheard()));
  EXPECT_EQ(Word(erase(Now("k"))), "written");
  EXPECT_FALSE(s3_.Get("k").has_value());
}

TEST_F(S3Lost, DeletingWhatMustNotExistTouchesNothing) {
  const int before = s3_.count("DeleteObject");
  EXPECT_EQ(Word(store_->Write("k", std::nullopt, {.if_equal = kAbsent}).Get()), "not met");
  EXPECT_EQ(Word(store_->Write("none", std::nullopt, {.if_equal = kAbsent}).Get()), "written");
  s3_.Put("empty", "");
  // By stores that have not seen the bucket yet, and so do not ask by HEAD.
  EXPECT_EQ(Word(Store()->Write("k", std::nullopt, {.if_equal = kAbsent}).Get()), "not met");
  EXPECT_EQ(Word(Store()->Write("empty", std::nullopt, {.if_equal = kAbsent}).Get()), "not met");
  EXPECT_EQ(Word(Store()->Write("none", std::nullopt, {.if_equal = kAbsent}).Get()), "written");
  EXPECT_EQ(s3_.count("DeleteObject"), before);
}

TEST_F(S3Lost, TheHistoryOfAValueIsThatOfItsConditionalWrites) {
  std::string expected;
  Generation now = kAbsent;
  for (int i = 0; i < 12; ++i) {
    now = Put("new", std::to_string(i), now).OrDie().generation;
    const std::string ids = s3_.Get("new")->metadata.at(kIds);
    EXPECT_EQ(ids.size(), static_cast<size_t>(std::min(i + 1, 8) * 17 - 1));
    EXPECT_EQ(ids.substr(std::min<size_t>(17, ids.size())), expected.substr(0, 7 * 17 - 1));
    expected = ids;
  }
  Put("new", "without").OrDie();
  EXPECT_EQ(s3_.Get("new")->metadata.at(kIds).size(), 16u);
}

}  // namespace
}  // namespace coffer::inline v0::testing
