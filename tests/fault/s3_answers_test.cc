// Goal: every answer of an S3 server comes to what it means: repeated where that may help and no
// oftener, never "missing" where nothing was proved, never another host.
// Method: a scripted server answers one operation on one key with a status and a code; the outcome,
// the number of requests and the text are compared. A cell of the table is a test.
#include <gtest/gtest.h>

#include <chrono>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "tests/fault/s3_fixture.h"

namespace coffer::inline v0::testing {
namespace {

enum class Verb { kGet, kStat, kPut, kPutIf, kCreate, kDelete, kDeleteIf, kList, kDeleteRange };

struct Cell {
  Verb verb;
  int status;
  const char* code;  // Empty: a page of HTML, as of something that is no S3.
  const char* word;
  int requests;

  friend std::ostream& operator<<(std::ostream& out, const Cell& cell) {
    return out << cell.status << " " << cell.code;
  }
};

constexpr const char* kVerbs[] = {"Get",    "Stat",     "Put",  "PutIf",      "Create",
                                  "Delete", "DeleteIf", "List", "DeleteRange"};

std::string OperationOf(Verb verb) {
  constexpr const char* kOperations[] = {"GetObject",    "GetObject",     "PutObject",
                                         "PutObject",    "PutObject",     "DeleteObject",
                                         "DeleteObject", "ListObjectsV2", "DeleteObjects"};
  return kOperations[static_cast<int>(verb)];
}

class S3Answers : public S3Faults, public ::testing::WithParamInterface<Cell> {
 protected:
  /// What comes of the verb on "k", and the error's text.
  std::pair<std::string, std::string> Run(KvStore& store, Verb verb, const Generation& was) {
    const auto told = [](const auto& result) {
      return std::pair(Word(result), std::string(result.status().message()));
    };
    switch (verb) {
      case Verb::kGet:
        return told(store.Read("k").Get());
      case Verb::kStat:
        return told(store.Read("k", {.range = ByteRange::Stat()}).Get());
      case Verb::kPut:
        return told(store.Write("k", Bytes::Copy("new")).Get());
      case Verb::kPutIf:
        return told(store.Write("k", Bytes::Copy("new"), {.if_equal = was}).Get());
      case Verb::kCreate:
        return told(
            store.Write("k", Bytes::Copy("new"), {.if_equal = Generation::Missing()}).Get());
      case Verb::kDelete:
        return told(store.Write("k", std::nullopt).Get());
      case Verb::kDeleteIf:
        return told(store.Write("k", std::nullopt, {.if_equal = was}).Get());
      case Verb::kList: {
        const Result<std::vector<ListEntry>> all = ListAll(store);
        return {Word(all.ok() ? Status() : all.status()), std::string(all.status().message())};
      }
      case Verb::kDeleteRange: {
        const Status status = store.DeleteRange(KeyRange::Prefix("k")).Get();
        return {Word(status), std::string(status.message())};
      }
    }
    return {};
  }
};

TEST_P(S3Answers, ComeToWhatTheyMean) {
  const Cell cell = GetParam();
  const KvStorePtr store = WarmStore();
  store->Write("k", Bytes::Copy("old")).Get().OrDie();
  const Generation was = GenerationOf(*store, "k");
  const std::string operation = OperationOf(cell.verb);
  const int before = s3_.count(operation);
  s3_.Misbehave([&](const S3Call& call) {
    if (call.operation != operation) return S3Fault();
    if (cell.code[0] == '\0') {
      return S3Fault::Answer({.status = cell.status, .body = "<html>no S3</html>"});
    }
    return S3Fault::Error(cell.status, cell.code);
  });
  const auto [word, text] = Run(*store, cell.verb, was);
  EXPECT_EQ(word, cell.word) << text;
  EXPECT_EQ(s3_.count(operation) - before, cell.requests);
  if (!text.empty()) {
    EXPECT_EQ(text.find("s3://bucket/"), 0u) << text;
    EXPECT_NE(text.find(std::to_string(cell.status)), text.npos) << text;
    // Of a read, these two are known by their status alone.
    if (cell.word != std::string("FailedPrecondition")) {
      EXPECT_NE(text.find(cell.code), text.npos) << text;
    }
  }
}

std::vector<Cell> Cells() {
  std::vector<Cell> cells = {
      {Verb::kGet, 404, "NoSuchKey", "missing", 1},
      // Of something that is no S3, though the bucket is known to be there.
      {Verb::kGet, 404, "", "NotFound", 1},
      {Verb::kStat, 404, "", "NotFound", 1},
      {Verb::kPutIf, 404, "", "NotFound", 1},
      {Verb::kDelete, 404, "", "NotFound", 1},
      {Verb::kDeleteIf, 404, "", "NotFound", 1},
      {Verb::kStat, 404, "NoSuchKey", "missing", 1},
      {Verb::kDelete, 404, "NoSuchKey", "written", 1},
      {Verb::kPut, 404, "NoSuchKey", "NotFound", 1},
      {Verb::kPutIf, 404, "NoSuchKey", "not met", 1},
      {Verb::kDeleteIf, 404, "NoSuchKey", "not met", 1},
      {Verb::kCreate, 404, "NoSuchKey", "NotFound", 1},
      {Verb::kPut, 412, "PreconditionFailed", "FailedPrecondition", 1},
      {Verb::kPutIf, 412, "PreconditionFailed", "not met", 1},
      {Verb::kCreate, 412, "PreconditionFailed", "not met", 1},
      {Verb::kDelete, 412, "PreconditionFailed", "FailedPrecondition", 1},
      {Verb::kDeleteIf, 412, "PreconditionFailed", "not met", 1},
      {Verb::kGet, 412, "PreconditionFailed", "FailedPrecondition", 1},
      {Verb::kGet, 304, "NotModified", "FailedPrecondition", 1},
      {Verb::kList, 404, "NoSuchKey", "NotFound", 1},
      {Verb::kPutIf, 404, "NoSuchUpload", "NotFound", 1},
  };
  struct Row {
    int status;
    const char* code;
    const char* word;
    int requests;
  };
  // The same for every verb.
  constexpr Row kRows[] = {
      {403, "AccessDenied", "PermissionDenied", 1},
      {403, "SignatureDoesNotMatch", "PermissionDenied", 1},
      {403, "InvalidAccessKeyId", "PermissionDenied", 1},
      {401, "", "PermissionDenied", 1},
      {400, "InvalidArgument", "InvalidArgument", 1},
      {400, "KeyTooLongError", "InvalidArgument", 1},
      {301, "PermanentRedirect", "FailedPrecondition", 1},
      {307, "TemporaryRedirect", "FailedPrecondition", 1},
      {501, "NotImplemented", "Unimplemented", 1},
      {429, "TooManyRequests", "Unavailable", 3},
      {503, "SlowDown", "Unavailable", 3},
      {503, "", "Unavailable", 3},
      {500, "InternalError", "Unavailable", 3},
      {502, "", "Unavailable", 3},
      {504, "", "Unavailable", 3},
      {404, "NoSuchBucket", "NotFound", 1},
      {400, "ExpiredToken", "PermissionDenied", 2},
      {403, "ExpiredToken", "PermissionDenied", 2},
      {400, "InvalidToken", "PermissionDenied", 2},
      {403, "RequestTimeTooSkewed", "PermissionDenied", 2},
      {400, "RequestTimeout", "Unavailable", 3},
      {409, "ConditionalRequestConflict", "Unavailable", 3},
      {409, "OperationAborted", "Unavailable", 3},
      {409, "BucketAlreadyExists", "Aborted", 1},
      {400, "BadDigest", "Unavailable", 3},
  };
  for (int verb = 0; verb <= static_cast<int>(Verb::kDeleteRange); ++verb) {
    for (const Row& row : kRows) {
      cells.push_back({static_cast<Verb>(verb), row.status, row.code, row.word, row.requests});
    }
  }
  return cells;
}

std::string NameOf(const ::testing::TestParamInfo<Cell>& cell) {
  return std::string(kVerbs[static_cast<int>(cell.param.verb)]) + "_" +
         std::to_string(cell.param.status) +
         (cell.param.code[0] == '\0' ? "Html" : cell.param.code);
}

INSTANTIATE_TEST_SUITE_P(Cells, S3Answers, ::testing::ValuesIn(Cells()), NameOf);

TEST_F(S3Faults, AnErrorNamesStoreKeyStatusCodeAndWords) {
  const KvStorePtr store = Store();
  s3_.Misbehave([](const S3Call&) { return S3Fault::Error(403, "AccessDenied"); });
  EXPECT_EQ(store->Read("a/b c").Get().status().ToString(),
            "PermissionDenied: s3://bucket/a/b%20c: GET: the server answered 403: AccessDenied: as "
            "the test wants it");
  EXPECT_EQ(store->Write("a", Bytes::Copy("x")).Get().status().ToString(),
            "PermissionDenied: s3://bucket/a: the server answered 403: AccessDenied: as the test "
            "wants it");
  EXPECT_EQ(ListAll(*store, {.range = KeyRange::Prefix("p/")}).status().ToString(),
            "PermissionDenied: s3://bucket/p/: listing: the server answered 403: AccessDenied: as "
            "the test wants it");
}

TEST_F(S3Faults, ABucketThatDoesNotExistIsNeverMissingKeys) {
  const KvStorePtr store = MakeS3Store("nobucket", s3_.options(), context_).OrDie();
  const std::string lost = "NotFound: s3://nobucket/k: ";
  const std::string told = "the server answered 404: NoSuchBucket";
  EXPECT_EQ(store->Read("k").Get().status().ToString(), lost + "GET: " + told);
  EXPECT_EQ(store->Read("k", {.range = ByteRange::Stat()}).Get().status().ToString(),
            lost + "GET: " + told);
  EXPECT_EQ(store->Write("k", std::nullopt).Get().status().ToString(), lost + told);
  EXPECT_EQ(store->Write("k", std::nullopt, {.if_equal = Generation::Missing()})
                .Get()
                .status()
                .ToString(),
            lost + told);
  EXPECT_EQ(Word(store->Write("k", Bytes::Copy("v")).Get()), "NotFound");
  EXPECT_EQ(Word(store->Write("k", Bytes::Copy("v"), {.if_equal = Generation::Missing()}).Get()),
            "NotFound");
  EXPECT_EQ(ListAll(*store).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(store->DeleteRange(KeyRange()).Get().code(), StatusCode::kNotFound);
}

TEST_F(S3Faults, A404OfSomethingThatIsNoS3IsNotMissing) {
  s3_.Misbehave([](const S3Call&) {
    return S3Fault::Answer({.status = 404, .body = "<html>not here</html>"});
  });
  const KvStorePtr store = Store();
  EXPECT_EQ(store->Read("k").Get().status().ToString(),
            "NotFound: s3://bucket/k: GET: the server answered 404");
  EXPECT_EQ(Word(store->Read("k", {.range = ByteRange::Stat()}).Get()), "NotFound");
  EXPECT_EQ(Word(store->Write("k", std::nullopt).Get()), "NotFound");
}

TEST_F(S3Faults, ForbiddenIsMissingOnlyIfToldSo) {
  s3_.Misbehave([](const S3Call& call) {
    return call.key == "secret" ? S3Fault::Error(403, "AccessDenied") : S3Fault();
  });
  S3StoreOptions options = s3_.options();
  options.forbidden_is_missing = true;
  EXPECT_EQ(Word(Store()->Read("secret").Get()), "PermissionDenied");
  EXPECT_EQ(Word(Store(options)->Read("secret").Get()), "missing");
  EXPECT_EQ(Word(Store(options)->Write("secret", Bytes::Copy("v")).Get()), "PermissionDenied");
  // A key that was revoked, a clock that is wrong or a proxy that forbids is not a missing value.
  for (const char* const code : {"SignatureDoesNotMatch", "InvalidAccessKeyId", "ExpiredToken",
                                 "RequestTimeTooSkewed", "AccountProblem"}) {
    s3_.Misbehave([code](const S3Call&) { return S3Fault::Error(403, code); });
    EXPECT_EQ(Word(Store(options)->Read("secret").Get()), "PermissionDenied") << code;
  }
  s3_.Misbehave([](const S3Call&) {
    return S3Fault::Answer({.status = 403, .body = "<html>forbidden</html>"});
  });
  EXPECT_EQ(Word(Store(options)->Read("secret").Get()), "PermissionDenied");
}

TEST_F(S3Faults, WhatPassesIsRepeatedUntilItWorks) {
  const KvStorePtr store = WarmStore();
  s3_.Put("k", "value");
  const Generation was = GenerationOf(*store, "k");
  for (const char* code : {"SlowDown", "ConditionalRequestConflict", "OperationAborted"}) {
    s3_.Misbehave([code, first = std::make_shared<std::atomic<bool>>(true)](const S3Call&) {
      const int status = code == std::string("SlowDown") ? 503 : 409;
      return first->exchange(false) ? S3Fault::Error(status, code) : S3Fault();
    });
    EXPECT_EQ(
        Word(store->Write("new", Bytes::Copy("v"), {.if_equal = Generation::Missing()}).Get()),
        "written")
        << code;
    store->Write("new", std::nullopt).Get().OrDie();
  }
  s3_.Misbehave(nullptr);
  EXPECT_EQ(GenerationOf(*store, "k"), was);
}

TEST_F(S3Faults, ASignatureThatIsWrongIsPermissionDenied) {
  S3StoreOptions options = s3_.options();
  options.credentials.secret_access_key = Secret::Copy("not the secret of this server");
  s3_.Put("k", "v");
  EXPECT_EQ(Store(options)->Read("k").Get().status().ToString(),
            "PermissionDenied: s3://bucket/k: GET: the server answered 403: SignatureDoesNotMatch: "
            "The signature does not match.");
}

TEST(S3Clock, IsTakenFromTheServerOnce) {
  for (const std::chrono::hours ahead : {std::chrono::hours(1), std::chrono::hours(-30)}) {
    FakeS3 s3({.clock = ahead});
    const Context context = Context::Create({.threads = 2});
    const KvStorePtr store = MakeS3Store(s3.bucket(), s3.options(), context).OrDie();
    EXPECT_EQ(Word(store->Write("k", Bytes::Copy("v")).Get()), "written");
    EXPECT_EQ(s3.count("PutObject"), 2);
    EXPECT_EQ(Word(store->Read("k").Get()), "value");
    EXPECT_EQ(Word(store->Read("k", {.range = ByteRange::Stat()}).Get()), "value");
    EXPECT_EQ(s3.count("GetObject") + s3.count("HeadObject"), 2);
  }
}

TEST(S3Region, IsTakenFromTheServerOnceAndStaysAtTheEndpoint) {
  FakeS3 s3({.region = "eu-north-7"});
  const Context context = Context::Create({.threads = 2});
  S3StoreOptions options = s3.options();
  options.region = "us-east-1";
  const KvStorePtr store = MakeS3Store(s3.bucket(), options, context).OrDie();
  EXPECT_EQ(Word(store->Write("k", Bytes::Copy("v")).Get()), "written");
  EXPECT_EQ(s3.count("PutObject"), 2);
  EXPECT_EQ(Word(store->Read("k").Get()), "value");
  EXPECT_EQ(s3.count("GetObject"), 1);
}

TEST_F(S3Faults, NoAnswerLeadsToAnotherHost) {
  const HttpServer other([](const HttpRequest&) { return HttpReply(); });
  for (const int status : {301, 302, 303, 307, 308, 400}) {
    for (const char* const code :
         {"PermanentRedirect", "TemporaryRedirect", "Redirect", "AuthorizationHeaderMalformed"}) {
      s3_.Misbehave([&](const S3Call&) {
        HttpReply reply = S3ErrorReply(
            status, code,
            "<Region>evil." + other.url() + "</Region><Endpoint>" + other.url() + "</Endpoint>");
        reply.headers.emplace_back("Location", other.url() + "/bucket/k");
        reply.headers.emplace_back("x-amz-bucket-region", "evil@" + other.url());
        return S3Fault::Answer(reply);
      });
      const int before = s3_.count("GetObject");
      EXPECT_FALSE(Store()->Read("k").Get().ok());
      EXPECT_EQ(s3_.count("GetObject") - before, 1) << status << code;
    }
  }
  EXPECT_EQ(other.connections(), 0);
}

TEST_F(S3Faults, AValueThatIsNotWhatItsChecksumSaysIsReadAgain) {
  const KvStorePtr store = Store();
  store->Write("k", Bytes::Copy("value")).Get().OrDie();
  const auto flip = [this](int times) {
    s3_.Misbehave([left = std::make_shared<std::atomic<int>>(times)](const S3Call& call) {
      if (call.operation != "GetObject" || left->fetch_sub(1) <= 0) return S3Fault();
      return S3Fault{.edit = [](HttpReply& reply) { reply.body[0] ^= 1; }};
    });
  };
  flip(4);
  EXPECT_EQ(store->Read("k").Get().OrDie().value.text(), "value");
  EXPECT_EQ(s3_.count("GetObject"), 5);
  std::vector<std::byte> into(5);
  flip(4);
  EXPECT_EQ(Word(store->ReadInto("k", into).Get()), "value");
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(into.data()), into.size()), "value");
  flip(5);
  EXPECT_EQ(store->Read("k").Get().status().ToString(),
            "DataLoss: s3://bucket/k: the value's crc32c is 2fFszw==, the server's 4eADYw==");
  flip(5);
  EXPECT_EQ(Word(store->ReadInto("k", into).Get()), "DataLoss");
}

// versitygw may answer with a value and the ETag of the next: who wrote under that would lose it.
TEST_F(S3Faults, AValueWithTheETagOfAnotherIsReadAgainOnVersitygw) {
  s3_.Put("k", "value");
  const std::string md5 = "\"2063c1608d6e0baf80249c42e2be5804\"";
  const auto tear = [&](int times, const std::string& server) {
    s3_.Misbehave([=, left = std::make_shared<std::atomic<int>>(times)](const S3Call&) {
      const bool torn = left->fetch_sub(1) > 0;
      return S3Fault{.edit = [=](HttpReply& reply) {
        std::erase_if(reply.headers, [](const auto& header) {
          return header.first == "ETag" || header.first == "etag" || header.first == "Server";
        });
        reply.headers.emplace_back("Server", server);
        reply.headers.emplace_back("ETag", torn ? "\"" + std::string(32, 'a') + "\"" : md5);
      }};
    });
  };
  const KvStorePtr store = Store();
  tear(1, "VERSITYGW");
  const ReadResult read = store->Read("k").Get().OrDie();
  EXPECT_EQ(read.value.text(), "value");
  EXPECT_EQ(read.generation.value.substr(0, 34), md5);
  EXPECT_EQ(s3_.count("GetObject"), 2);
  tear(100, "VERSITYGW");
  EXPECT_EQ(store->Read("k").Get().status().ToString(),
            "DataLoss: s3://bucket/k: the value's bytes and its ETag are of two versions");
  tear(100, "another");  // Elsewhere an ETag need not be an MD5.
  EXPECT_EQ(Word(store->Read("k").Get()), "value");
}

TEST_F(S3Faults, AChecksumOfPartsSaysNothingOfTheWhole) {
  s3_.Put("k", "value");
  for (const HttpHeaders& told :
       {HttpHeaders{{"x-amz-checksum-crc32c", "AAAAAA==-2"}},
        HttpHeaders{{"x-amz-checksum-crc32c", "AAAAAA=="}, {"x-amz-checksum-type", "COMPOSITE"}}}) {
    s3_.Misbehave([&](const S3Call&) {
      return S3Fault{.edit = [&](HttpReply& reply) {
        reply.headers.insert(reply.headers.end(), told.begin(), told.end());
      }};
    });
    EXPECT_EQ(Word(Store()->Read("k").Get()), "value");
  }
  s3_.Misbehave([](const S3Call&) {
    return S3Fault{.edit = [](HttpReply& reply) {
      reply.headers.emplace_back("x-amz-checksum-crc32c", "AAAAAA==");
      reply.headers.emplace_back("x-amz-checksum-type", "FULL_OBJECT");
    }};
  });
  EXPECT_EQ(Word(Store()->Read("k").Get()), "DataLoss");
}

TEST_F(S3Faults, AWholeValueIsComparedWithItsChecksumHoweverItCame) {
  using Framing = HttpReply::Framing;
  const std::string value(3000, 'v');
  Store()->Write("k", Bytes::Copy(value)).Get().OrDie();
  std::string memory(value.size(), '-');
  for (const Framing framing : {Framing::kLength, Framing::kChunked}) {
    for (const bool flipped : {false, true}) {
      s3_.Misbehave([=](const S3Call&) {
        return S3Fault{.edit = [=](HttpReply& reply) {
          reply.framing = framing;
          if (flipped) reply.body[2000] ^= 1;
        }};
      });
      const std::string wanted = flipped ? "DataLoss" : "value";
      EXPECT_EQ(Word(Store()->Read("k").Get()), wanted);
      const std::span<std::byte> into = std::as_writable_bytes(std::span(memory));
      EXPECT_EQ(Word(Store()->ReadInto("k", into, {}).Get()), wanted);
    }
  }
  // Of a part it says nothing.
  s3_.Misbehave([](const S3Call&) {
    return S3Fault{.edit = [](HttpReply& reply) { reply.framing = Framing::kChunked; }};
  });
  EXPECT_EQ(Store()->Read("k", {.range = ByteRange::Span(1, 4)}).Get().OrDie().value.text(), "vvv");
}

TEST_F(S3Faults, AValueOfWhichNobodyCanTellWhetherItIsWholeIsRefused) {
  s3_.Put("k", "value");
  for (const ByteRange range : {ByteRange::All(), ByteRange::Last(2), ByteRange::Span(1, 3)}) {
    s3_.Misbehave([](const S3Call&) {
      return S3Fault{.edit = [](HttpReply& reply) {
        reply.status = 200;
        reply.framing = HttpReply::Framing::kClose;
        reply.body = "va";
      }};
    });
    EXPECT_EQ(Store()->Read("k", {.range = range}).Get().status().ToString(),
              "DataLoss: s3://bucket/k: GET " + s3_.url() +
                  "/bucket/k: the answer does not tell where the value ends");
  }
}

TEST_F(S3Faults, AnAnswerWithoutAnETagHasNoGeneration) {
  s3_.Put("k", "value");
  s3_.Misbehave([](const S3Call&) {
    return S3Fault{.edit = [](HttpReply& reply) {
      std::erase_if(reply.headers, [](const auto& header) { return header.first == "ETag"; });
    }};
  });
  const ReadResult read = Store()->Read("k").Get().OrDie();
  EXPECT_EQ(read.value.text(), "value");
  EXPECT_FALSE(read.generation.known());
}

TEST_F(S3Faults, ValuesRangesAndConditionsAreThoseOfTheServer) {
  const KvStorePtr store = Store();
  const Generation first = store->Write("k", Bytes::Copy("0123456789")).Get().OrDie().generation;
  const ReadResult whole = store->Read("k").Get().OrDie();
  EXPECT_EQ(whole.value.text(), "0123456789");
  EXPECT_EQ(whole.generation, first);
  EXPECT_EQ(store->Read("k", {.range = ByteRange::Span(2, 5)}).Get().OrDie().value.text(), "234");
  EXPECT_EQ(store->Read("k", {.range = ByteRange::Last(3)}).Get().OrDie().value.text(), "789");
  EXPECT_EQ(Word(store->Read("k", {.range = ByteRange::Span(5, 11)}).Get()), "OutOfRange");
  EXPECT_EQ(Word(store->Read("k", {.if_not_equal = first}).Get()), "held back");
  EXPECT_EQ(Word(store->Read("k", {.if_equal = first}).Get()), "value");
  s3_.Put("k", "other");
  EXPECT_EQ(Word(store->Read("k", {.if_equal = first}).Get()), "held back");
  EXPECT_EQ(Word(store->Read("k", {.if_not_equal = first}).Get()), "value");
}

}  // namespace
}  // namespace coffer::inline v0::testing
