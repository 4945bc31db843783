// Goal: a write is told from every other by its id, and a generation gives back the ETag and the
// ids that it was made of, whatever a server sends. Method: generations of all kinds, and headers
// that nobody of ours wrote.
#include "kvstore/s3/object.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace coffer {
namespace {

constexpr const char* kETag = "\"9a0364b9e99bb480dd25e1f0284c8555\"";

std::string Id(int number) { return std::string(15, '0') + "0123456789abcdef"[number]; }

HttpResponse Head(const std::string& etag, const std::string& ids) {
  HttpResponse head;
  if (!etag.empty()) head.headers.push_back({"etag", etag});
  if (!ids.empty()) head.headers.push_back({std::string(kWriteIdHeader), ids});
  return head;
}

TEST(S3Object, WriteIdsAreSixteenHexDigitsThatDoNotRepeat) {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = NewWriteId();
    EXPECT_EQ(id.size(), 16u);
    EXPECT_EQ(id.find_first_not_of("0123456789abcdef"), std::string::npos) << id;
    EXPECT_TRUE(ids.insert(id).second) << id;
  }
}

TEST(S3Object, AWriteNamesTheLastEight) {
  std::string ids = WriteIds(Id(0), Generation::Unknown());
  EXPECT_EQ(ids, Id(0));
  EXPECT_EQ(WriteIds(Id(0), Generation::Missing()), Id(0));
  EXPECT_EQ(WriteIds(Id(0), S3Generation(kETag, "")), Id(0));  // Of one that others wrote.
  std::string expected = ids;
  for (int i = 1; i < 12; ++i) {
    ids = WriteIds(Id(i), S3Generation(kETag, ids));
    expected = (Id(i) + "," + expected).substr(0, 8 * 17 - 1);
    EXPECT_EQ(ids, expected);
    EXPECT_EQ(NewestId(ids), Id(i));
    const Generation generation = S3Generation(kETag, ids);
    for (int j = 0; j < 16; ++j) {
      EXPECT_EQ(HasWriteId(generation, Id(j)), j <= i && j > i - 8) << i << " " << j;
    }
  }
}

TEST(S3Object, AGenerationGivesBackWhatItWasMadeOf) {
  for (const std::string& etag :
       {std::string(kETag), std::string("\"a-12\""), std::string("\"with # and ,\""),
        std::string("W/\"weak\""), std::string("unquoted"), std::string("\"#0000000000000001\"")}) {
    for (const std::string& ids : {std::string(), Id(1), Id(1) + "," + Id(2)}) {
      const Generation generation = S3Generation(Head(etag, ids));
      EXPECT_EQ(S3EntityTag(generation), etag);
      EXPECT_EQ(WriteIdsOf(generation), ids);
      EXPECT_EQ(generation, S3Generation(etag, ids));
      EXPECT_TRUE(generation.known());
      EXPECT_FALSE(generation.missing());
    }
  }
  EXPECT_EQ(S3EntityTag(Generation::Unknown()), std::nullopt);
  EXPECT_EQ(S3EntityTag(Generation::Missing()), std::nullopt);
}

TEST(S3Object, WithoutAnETagNothingIsKnown) {
  EXPECT_FALSE(S3Generation(Head("", Id(1))).known());
  EXPECT_TRUE(S3Generation(Head(std::string(1024, 'e'), "")).known());
  EXPECT_FALSE(S3Generation(Head(std::string(1025, 'e'), "")).known());
}

TEST(S3Object, MetadataThatIsNoListOfIdsIsNone) {
  for (const std::string& ids :
       {std::string("hello"), std::string("ABCDEF0123456789"), Id(1) + ";" + Id(2), Id(1) + " ",
        Id(1) + "#" + Id(2), std::string(137, 'a')}) {
    EXPECT_EQ(S3Generation(Head(kETag, ids)), S3Generation(kETag, "")) << ids;
    EXPECT_EQ(S3EntityTag(S3Generation(Head(kETag, ids))), kETag);
  }
}

TEST(S3Object, AReplacedGenerationIsThatOfNoValue) {
  const Generation replaced = ReplacedGeneration(Id(3));
  EXPECT_EQ(S3EntityTag(replaced), "\"replaced\"");
  EXPECT_TRUE(HasWriteId(replaced, Id(3)));
  EXPECT_EQ(WriteIdsOf(replaced), Id(3));
  EXPECT_NE(replaced, S3Generation(kETag, Id(3)));
}

}  // namespace
}  // namespace coffer
