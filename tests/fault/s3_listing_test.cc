// Goal: a listing tells every key of its range once and no other, whatever the keys, the range and
// the pages; it ends, and holds a page at a time; deleting a range and clearing debris remove what
// they say and nothing else. Method: random keys and ranges against a std::set; pages that a
// scripted server damages, repeats or fills with hostile XML.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/fault/s3_fixture.h"

namespace coffer::inline v0::testing {
namespace {

using Keys = std::set<std::string>;

// Of one, two, three and four bytes; what XML, URLs and forms treat in ways of their own.
constexpr const char* kLetters[] = {"a",
                                    "b",
                                    "/",
                                    "//",
                                    "~",
                                    " ",
                                    "+",
                                    "%41",
                                    "&",
                                    "<",
                                    "\x01",
                                    "\x7f",
                                    ".",
                                    "..",
                                    "\xC3\xA9",
                                    "\xC3\xAA",
                                    "\xE2\x82\xAC",
                                    "\xEF\xBF\xBF",
                                    "\xF0\x9F\x98\x80",
                                    "\t",
                                    "\n",
                                    "\"",
                                    "'",
                                    "]]>",
                                    "?",
                                    "#"};

std::string ArbitraryKey() {
  std::string key;
  const int letters = *rc::gen::inRange(1, 5);
  for (int i = 0; i < letters; ++i)
    key += *rc::gen::elementOf(std::vector(std::begin(kLetters), std::end(kLetters)));
  return key;
}

Keys ArbitraryKeys() {
  Keys keys;
  const int count = *rc::gen::inRange(0, 25);
  for (int i = 0; i < count; ++i) keys.insert(ArbitraryKey());
  return keys;
}

/// Any bytes, most often near a key: also such as end within a character.
std::string ArbitraryEnd() {
  std::string end = ArbitraryKey();
  switch (*rc::gen::inRange(0, 6)) {
    case 0:
      return "";
    case 1:
      end.resize(static_cast<size_t>(*rc::gen::inRange<int>(0, static_cast<int>(end.size()) + 1)));
      return end;
    case 2:
      return end + static_cast<char>(*rc::gen::inRange(0, 256));
    case 3:
      return KeyRange::Prefix(end).end;
    default:
      return end;
  }
}

KeyRange ArbitraryRange() {
  if (*rc::gen::arbitrary<bool>()) return KeyRange::Prefix(ArbitraryEnd());
  return {ArbitraryEnd(), ArbitraryEnd()};
}

std::vector<std::string> KeysOf(const std::vector<ListEntry>& entries) {
  std::vector<std::string> keys;
  for (const ListEntry& entry : entries) keys.push_back(entry.key);
  return keys;
}

class S3Listing : public S3Faults {
 protected:
  void Fill(const Keys& keys) {
    for (const std::string& key : s3_.keys()) s3_.Delete(key);
    for (const std::string& key : keys) s3_.Put(key, std::string(key.size(), 'x'));
  }
  /// Every listing is answered with this.
  void AnswerWith(const std::string& xml) {
    s3_.Misbehave([=](const S3Call&) { return S3Fault::Answer({.body = xml}); });
  }
};

/// What stands in the range: folded, if that is asked for.
Keys Expected(const Keys& keys, const KeyRange& range, bool fold) {
  Keys expected;
  for (const std::string& key : keys) {
    if (!range.Contains(key)) continue;
    const size_t cut = fold ? key.find('/', range.begin.size()) : std::string::npos;
    expected.insert(cut == std::string::npos ? key : key.substr(0, cut + 1));
  }
  return expected;
}

TEST_F(S3Listing, IsTheKeysOfTheRange) {
  const KvStorePtr store = Store();
  EXPECT_TRUE(rc::check("the keys of the range", [&] {
    const Keys keys = ArbitraryKeys();
    const KeyRange range = ArbitraryRange();
    const bool fold = *rc::gen::arbitrary<bool>() && range == KeyRange::Prefix(range.begin);
    const auto page = static_cast<size_t>(*rc::gen::inRange(1, 9));
    Fill(keys);
    const Keys expected = Expected(keys, range, fold);
    const std::vector<ListEntry> listed =
        ListAll(*store, {.range = range, .page_size = page, .fold = fold}).OrDie();
    RC_ASSERT(KeysOf(listed) == std::vector<std::string>(expected.begin(), expected.end()));
    for (const ListEntry& entry : listed) {
      const bool folded = fold && entry.key.find('/', range.begin.size()) != std::string::npos;
      RC_ASSERT(entry.size == (folded ? -1 : static_cast<int64_t>(entry.key.size())));
    }
  }));
}

TEST_F(S3Listing, DeleteRangeDeletesTheKeysOfTheRange) {
  const KvStorePtr store = Store();
  EXPECT_TRUE(rc::check("the keys of the range go, the others stay", [&] {
    const Keys keys = ArbitraryKeys();
    const KeyRange range = ArbitraryRange();
    Fill(keys);
    Keys left = keys;
    std::erase_if(left, [&](const std::string& key) { return range.Contains(key); });
    RC_ASSERT(store->DeleteRange(range).Get() == Status());
    RC_ASSERT(s3_.keys() == std::vector<std::string>(left.begin(), left.end()));
  }));
}

TEST_F(S3Listing, EveryKeyIsWrittenAndReadUnderItsName) {
  const KvStorePtr store = Store();
  for (const char* const letter : kLetters) {
    for (const std::string& key : {std::string(letter) + "x", "x" + std::string(letter) + "y"}) {
      EXPECT_EQ(Word(store->Write(key, Bytes::Copy(key)).Get()), "written");
      EXPECT_EQ(s3_.keys(), std::vector<std::string>{key});
      EXPECT_EQ(store->Read(key).Get().OrDie().value.text(), key);
      EXPECT_EQ(Word(store->Write(key, std::nullopt).Get()), "written");
    }
  }
  for (const std::string& bad : {std::string(), std::string(1025, 'x'), std::string("a\0b", 3),
                                 std::string("\xC3"), std::string("\xED\xA0\x80")}) {
    EXPECT_EQ(Word(store->Write(bad, Bytes::Copy("v")).Get()), "InvalidArgument");
    EXPECT_EQ(Word(store->Read(bad).Get()), "InvalidArgument");
    EXPECT_FALSE(store->OpenWriter(bad).ok());
  }
  EXPECT_EQ(Word(store->Write(std::string(1024, 'x'), Bytes::Copy("v")).Get()), "written");
}

TEST_F(S3Listing, RangesThatNoKeyReachesTo) {
  Fill({"a", "b"});
  const KvStorePtr store = Store();
  const std::string longer(3000, 'a');
  const auto keys = [&](const KeyRange& range) {
    return KeysOf(ListAll(*store, {.range = range}).OrDie());
  };
  EXPECT_EQ(keys({longer, ""}), std::vector<std::string>{"b"});
  EXPECT_EQ(keys({"", longer}), std::vector<std::string>{"a"});
  EXPECT_EQ(keys(KeyRange::Prefix(longer)), std::vector<std::string>{});
  EXPECT_EQ(keys({"b", "a"}), std::vector<std::string>{});
  EXPECT_EQ(keys(KeyRange::Prefix("\xFF")), std::vector<std::string>{});
}

TEST_F(S3Listing, GivesTwentyThousandKeysAPageAtATime) {
  constexpr int kKeys = 20'000;
  Keys keys;
  for (int i = 0; i < kKeys; ++i) keys.insert("key/" + std::to_string(i));
  Fill(keys);
  const KvStorePtr store = Store();
  const auto listing = store->List({.range = KeyRange::Prefix("key/"), .page_size = 5000}).OrDie();
  Keys seen;
  for (int page = 1; page <= kKeys / 1000; ++page) {
    const std::vector<ListEntry> entries = listing->Next().Get().OrDie();
    EXPECT_EQ(entries.size(), 1000u);             // S3's own limit.
    EXPECT_EQ(s3_.count("ListObjectsV2"), page);  // Nothing is fetched ahead, nor held.
    for (const ListEntry& entry : entries) EXPECT_TRUE(seen.insert(entry.key).second);
  }
  EXPECT_TRUE(listing->Next().Get().OrDie().empty());
  EXPECT_TRUE(listing->Next().Get().OrDie().empty());
  EXPECT_EQ(seen, keys);
}

TEST_F(S3Listing, EndsWherePagesGoInACircle) {
  for (const int length : {1, 2, 3, 7}) {
    std::atomic<int> asked = 0;
    s3_.Misbehave([&](const S3Call&) {
      if (asked > 100) return S3Fault::Error(403, "AccessDenied");
      const std::string token = "t" + std::to_string(asked++ % length);
      return S3Fault::Answer({.body = "<ListBucketResult><IsTruncated>true</IsTruncated>"
                                      "<Contents><Key>a</Key><Size>1</Size></Contents>"
                                      "<NextContinuationToken>" +
                                      token + "</NextContinuationToken></ListBucketResult>"});
    });
    EXPECT_EQ(
        ListAll(*Store()).status().ToString(),
        "DataLoss: s3://bucket/: the server gives the same pages of the list again and again");
    EXPECT_LE(asked.load(), 3 * length + 1);
  }
}

TEST_F(S3Listing, APageCutAnywhereIsNotTakenForAWholeOne) {
  Fill({"a", "b&c", "d/e"});
  const KvStorePtr store = Store();
  std::string whole;
  s3_.Misbehave([&](const S3Call&) {
    return S3Fault{.edit = [&](HttpReply& reply) { whole = reply.body; }};
  });
  EXPECT_EQ(ListAll(*store).OrDie().size(), 3u);
  const std::string body = whole;
  for (size_t size = 0; size < body.size(); ++size) {
    AnswerWith(body.substr(0, size));
    const auto listed = ListAll(*store);
    ASSERT_EQ(listed.status().code(), StatusCode::kDataLoss) << size;
    EXPECT_EQ(listed.status().message().find("s3://bucket/: XML: "), 0u);
  }
}

TEST_F(S3Listing, HostileXmlIsRefused) {
  const std::string entry = "<Contents><Key>k</Key><Size>1</Size></Contents>";
  std::string deep = "<ListBucketResult>";
  for (int i = 0; i < 100'000; ++i) deep += "<a>";
  const std::pair<std::string, std::string> cases[] = {
      {"", "XML: no element found at byte 0"},
      {"no XML", "XML: syntax error at byte 0"},
      {"<!DOCTYPE a [<!ENTITY b 'c'>]><ListBucketResult/>", "XML with a document type"},
      {"<!DOCTYPE a SYSTEM 'file:///etc/passwd'><ListBucketResult/>", "XML with a document type"},
      {"<ListBucketResult>&b;</ListBucketResult>", "XML: undefined entity at byte 18"},
      {deep, "XML deeper than 16"},
      {"<Other>" + entry + "</Other>",
       "XML: expected <ListBucketResult>, not <Other/Contents/Key>"},
      {"<ListBucketResultX/>", "XML: expected <ListBucketResult>, not <ListBucketResultX>"},
      {"<ListBucketResult><Contents><Key>" + std::string(70'000, 'k') +
           "</Key></Contents></ListBucketResult>",
       "XML text longer than 65536 bytes"},
      {"<ListBucketResult><Contents><Size>1</Size></Contents></ListBucketResult>",
       "XML: <Contents> without <Key>"},
      {"<ListBucketResult><Contents><Key>k</Key><Size>-1</Size></Contents></ListBucketResult>",
       "XML: a size \"-1\""},
      {"<ListBucketResult><Contents><Key>k</Key><Size>9223372036854775808</Size></Contents>"
       "</ListBucketResult>",
       "XML: a size \"9223372036854775808\""},
      {"<ListBucketResult><IsTruncated>yes</IsTruncated></ListBucketResult>",
       "XML: expected true or false, not \"yes\""},
      {"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
       "XML: a list that goes on, without <NextContinuationToken>"},
      {"<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>%4</Key></Contents>"
       "</ListBucketResult>",
       "XML: a key \"%4\" that is not URL-encoded"},
  };
  const KvStorePtr store = Store();
  for (const auto& [xml, error] : cases) {
    AnswerWith(xml);
    EXPECT_EQ(ListAll(*store).status().ToString(), "DataLoss: s3://bucket/: " + error);
    EXPECT_EQ(store->DeleteRange(KeyRange()).Get().code(), StatusCode::kDataLoss);
    EXPECT_EQ(store->ClearDebris(KeyRange()).Get().status().code(), StatusCode::kDataLoss);
  }
  // More than a page can have.
  AnswerWith("<ListBucketResult>" + std::string(static_cast<size_t>(MiB(17)), ' '));
  EXPECT_EQ(ListAll(*store).status().code(), StatusCode::kResourceExhausted);
}

TEST_F(S3Listing, DeletesAThousandAtATime) {
  Keys keys;
  for (int i = 0; i < 2500; ++i) keys.insert("k" + std::to_string(i));
  keys.insert("l");
  Fill(keys);
  EXPECT_EQ(Store()->DeleteRange(KeyRange::Prefix("k")).Get(), Status());
  EXPECT_EQ(s3_.keys(), std::vector<std::string>{"l"});
  EXPECT_EQ(s3_.count("DeleteObjects"), 3);
  EXPECT_EQ(s3_.count("DeleteObject"), 0);
}

TEST_F(S3Listing, KeysThatXmlCannotHoldAreDeletedOneByOne) {
  Fill({"a\x01", "b", "c\xEF\xBF\xBE", "d\x1F", "e"});
  const KvStorePtr store = Store();
  s3_.Misbehave([](const S3Call& call) {
    return call.key == "d\x1F" ? S3Fault::Error(403, "AccessDenied") : S3Fault();
  });
  EXPECT_EQ(
      store->DeleteRange(KeyRange()).Get().ToString(),
      "PermissionDenied: s3://bucket/d%1F: the server answered 403: AccessDenied: as the test "
      "wants it");
  EXPECT_EQ(s3_.keys(), std::vector<std::string>{"d\x1F"});
  EXPECT_EQ(s3_.count("DeleteObject"), 3);
}

TEST_F(S3Listing, ADeleteThatFailsForAKeyNamesIt) {
  Fill({"a", "b", "c"});
  const KvStorePtr store = Store();
  const auto answer = [&](const std::string& content) {
    s3_.Misbehave([=](const S3Call& call) {
      if (call.operation != "DeleteObjects") return S3Fault();
      return S3Fault::Answer({.body = "<DeleteResult>" + content + "</DeleteResult>"});
    });
    return store->DeleteRange(KeyRange()).Get().ToString();
  };
  EXPECT_EQ(answer("<Error><Key>b c</Key><Code>AccessDenied</Code><Message>No.</Message></Error>"),
            "PermissionDenied: s3://bucket/b%20c: not deleted: AccessDenied: No.");
  EXPECT_EQ(answer("<Error><Key>b</Key><Code>InternalError</Code><Message>Oh.</Message></Error>"),
            "Unavailable: s3://bucket/b: not deleted: InternalError: Oh.");
  EXPECT_EQ(answer("<Deleted><Key>a</Key></Deleted>"
                   "<Error><Key>b</Key><Code>NoSuchKey</Code></Error>"),
            "OK");
  EXPECT_EQ(answer("<Error>"), "DataLoss: s3://bucket/a: XML: mismatched tag at byte 23");
}

TEST_F(S3Listing, ADeleteOfManyIsRepeatedWhereThatMayHelp) {
  const KvStorePtr store = Store();
  for (const S3Fault& fault :
       {S3Fault::Lost(), S3Fault::Unheard(), S3Fault::Error(200, "InternalError"),
        S3Fault::Error(200, "SlowDown"), S3Fault::Error(503, "SlowDown"), S3Fault::Cut(150)}) {
    Fill({"a", "b"});
    s3_.Misbehave([&, first = std::make_shared<std::atomic<bool>>(true)](const S3Call& call) {
      return call.operation == "DeleteObjects" && first->exchange(false) ? fault : S3Fault();
    });
    EXPECT_EQ(store->DeleteRange(KeyRange()).Get(), Status());
    EXPECT_TRUE(s3_.keys().empty());
  }
  Fill({"a"});
  s3_.Misbehave([](const S3Call& call) {
    return call.operation == "DeleteObjects" ? S3Fault::Error(200, "AccessDenied") : S3Fault();
  });
  EXPECT_EQ(store->DeleteRange(KeyRange()).Get().ToString(),
            "PermissionDenied: s3://bucket/a: the server answered 403: AccessDenied: as the test "
            "wants it");
}

// Debris: uploads of processes that died, and objects of probes.

std::vector<std::string> NamesOf(const std::vector<Debris>& debris) {
  std::vector<std::string> names;
  for (const Debris& each : debris) names.push_back(each.name);
  return names;
}

class S3Debris : public S3Faults {
 protected:
  S3Debris() {
    s3_.Put("a/value", "v");
    s3_.Put("a/k.__coffer_probe_0123456789abcdef", "probe");
    for (const char* const key : {"a/+ %", "a/k", "a/k", "b/k"}) s3_.BeginUpload(key);
  }
  const std::vector<std::string> all_ = {"a/+ %", "a/k", "a/k", "b/k",
                                         "a/k.__coffer_probe_0123456789abcdef"};
};

TEST_F(S3Debris, IsToldAndOnlyRemovedOnTheWordThatNobodyWrites) {
  const KvStorePtr store = Store();
  const auto told = store->ClearDebris(KeyRange(), {.dry_run = true}).Get().OrDie();
  EXPECT_EQ(NamesOf(told), all_);
  EXPECT_EQ(
      told[0].reason,
      "an upload begun at 2026-01-02T03:04:05.000Z and not completed; nobody can tell whether "
      "its writer lives");
  EXPECT_EQ(told[0].size, -1);
  EXPECT_EQ(told[4].reason, "the object of a probe");
  EXPECT_EQ(told[4].size, 5);
  EXPECT_EQ(
      store->ClearDebris(KeyRange()).Get().status().ToString(),
      "FailedPrecondition: s3://bucket/a/+%20%25: an upload begun at 2026-01-02T03:04:05.000Z "
      "and not completed; nobody can tell whether its writer lives, so it is only removed on "
      "the word that nobody writes (assume_no_writers)");
  EXPECT_EQ(s3_.uploads().size(), 4u);
  EXPECT_EQ(s3_.count("AbortMultipartUpload"), 0);
  EXPECT_EQ(NamesOf(store->ClearDebris(KeyRange(), {.assume_no_writers = true}).Get().OrDie()),
            all_);
  EXPECT_TRUE(s3_.uploads().empty());
  EXPECT_EQ(s3_.keys(), std::vector<std::string>{"a/value"});
  EXPECT_TRUE(store->ClearDebris(KeyRange()).Get().OrDie().empty());
}

TEST_F(S3Debris, OutsideTheRangeStays) {
  const KvStorePtr store = Store();
  EXPECT_EQ(
      NamesOf(store->ClearDebris({"a/k", "a/k.\x7f"}, {.assume_no_writers = true}).Get().OrDie()),
      (std::vector<std::string>{"a/k", "a/k", "a/k.__coffer_probe_0123456789abcdef"}));
  EXPECT_EQ(s3_.uploads(), (std::vector<std::string>{"a/+ %", "b/k"}));
}

TEST_F(S3Debris, IsFoundOverManyPages) {
  FakeS3 s3({.page_max = 2});
  std::vector<std::string> keys;
  for (int i = 10; i < 21; ++i) {
    keys.push_back("k " + std::to_string(i));
    s3.BeginUpload(keys.back());
  }
  const KvStorePtr store = MakeS3Store(s3.bucket(), s3.options(), context_).OrDie();
  EXPECT_EQ(NamesOf(store->ClearDebris(KeyRange(), {.assume_no_writers = true}).Get().OrDie()),
            keys);
  EXPECT_TRUE(s3.uploads().empty());
  EXPECT_EQ(s3.count("ListMultipartUploads"), 6);
}

TEST_F(S3Debris, ThatIsGoneMeanwhileIsNoError) {
  s3_.Misbehave([](const S3Call& call) {
    return call.operation == "AbortMultipartUpload" ? S3Fault::Error(404, "NoSuchUpload")
                                                    : S3Fault();
  });
  EXPECT_TRUE(Store()->ClearDebris(KeyRange(), {.assume_no_writers = true}).Get().ok());
  s3_.Misbehave([](const S3Call& call) {
    return call.operation == "AbortMultipartUpload" ? S3Fault::Error(403, "AccessDenied")
                                                    : S3Fault();
  });
  EXPECT_EQ(
      Store()->ClearDebris(KeyRange(), {.assume_no_writers = true}).Get().status().ToString(),
      "PermissionDenied: s3://bucket/a/+%20%25: the server answered 403: AccessDenied: as the "
      "test wants it");
}

/// A page of `count` uploads that goes on behind `marker`.
HttpReply UploadsPage(const std::string& marker, int count) {
  std::string body = "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated>";
  for (int i = 0; i < count; ++i) body += "<Upload><Key>k</Key><UploadId>u</UploadId></Upload>";
  return {.body = body + "<NextKeyMarker>" + marker +
                  "</NextKeyMarker><NextUploadIdMarker>u</NextUploadIdMarker>"
                  "</ListMultipartUploadsResult>"};
}

TEST_F(S3Debris, AListOfUploadsThatDoesNotEndIsAnError) {
  for (const int circle : {1, 2, 7}) {
    int pages = 0;
    s3_.Misbehave([&](const S3Call& call) {
      if (call.operation != "ListMultipartUploads") return S3Fault();
      return S3Fault::Answer(UploadsPage("k" + std::to_string(pages++ % circle), 0));
    });
    EXPECT_EQ(Store()->ClearDebris(KeyRange()).Get().status().ToString(),
              "DataLoss: s3://bucket/: the server gives the same pages of uploads again and again");
    EXPECT_LE(pages, 4 * circle + 2);
  }
  int pages = 0;
  s3_.Misbehave([&](const S3Call& call) {
    if (call.operation != "ListMultipartUploads") return S3Fault();
    return S3Fault::Answer(UploadsPage("k" + std::to_string(pages++), 10'000));
  });
  EXPECT_EQ(Store()->ClearDebris(KeyRange()).Get().status().ToString(),
            "ResourceExhausted: s3://bucket/: more than 100000 unfinished uploads; look at a "
            "smaller part of the bucket");
  EXPECT_EQ(pages, 11);
}

}  // namespace
}  // namespace coffer::inline v0::testing
