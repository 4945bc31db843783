// Goal: what S3 servers answer is read right, in the shapes that they have, and nothing else is
// taken for it. Method: documents as AWS, MinIO and others write them, and damaged ones.
#include "kvstore/s3/xml.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace coffer {
namespace {

constexpr const char* kHead =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    "<!-- a comment --><?and an instruction?>\n";
constexpr const char* kSpace = " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";

std::string Document(const std::string& root, const std::string& content) {
  return kHead + std::string("<") + root + kSpace + ">\n  " + content + "\n</" + root + ">\n";
}

/// "begin path" and "end path=text", in order.
std::string Events(std::string_view text) {
  std::string events;
  const Status status = ParseXml(
      text,
      [&](std::string_view path) {
        events += "<" + std::string(path) + ">";
        return Status();
      },
      [&](std::string_view path, std::string_view content) {
        events += "</" + std::string(path) + "=" + std::string(content) + ">";
        return Status();
      });
  return status.ok() ? events : status.ToString();
}

TEST(S3Xml, ElementsComeWithTheirPathsAndTexts) {
  EXPECT_EQ(Events("<a><b>x&amp;&lt;&#65;<![CDATA[<&>]]></b><c/></a>"),
            "<a><a/b></a/b=x&<A<&>><a/c></a/c=></a=>");
  // A namespace's prefix is part of a name: no server here uses one.
  EXPECT_EQ(Events("<n:a xmlns:n='u'/>"), "<n:a></n:a=>");
  EXPECT_EQ(Events("<a>\xC3\xA9</a>"), "<a></a=\xC3\xA9>");
}

TEST(S3Xml, WhatIsNotToBeParsedIsRefused) {
  EXPECT_EQ(Events(""), "DataLoss: XML: no element found at byte 0");
  EXPECT_EQ(Events("<a>"), "DataLoss: XML: no element found at byte 3");
  EXPECT_EQ(Events("<a></b>"), "DataLoss: XML: mismatched tag at byte 5");
  EXPECT_EQ(Events("<a/><b/>"), "DataLoss: XML: junk after document element at byte 4");
  EXPECT_EQ(Events("<a>&b;</a>"), "DataLoss: XML: undefined entity at byte 3");
  EXPECT_EQ(Events("<a>\xC3</a>"), "DataLoss: XML: not well-formed (invalid token) at byte 3");
  EXPECT_EQ(Events(std::string("<a>\0</a>", 8)),
            "DataLoss: XML: not well-formed (invalid token) at byte 3");
  EXPECT_EQ(Events("<!DOCTYPE a><a/>"), "DataLoss: XML with a document type");
  // An encoding that the document claims is not believed.
  EXPECT_EQ(Events("<?xml version='1.0' encoding='ISO-8859-1'?><a>\xE9</a>").substr(0, 13),
            "DataLoss: XML");
}

TEST(S3Xml, DepthAndTextHaveLimits) {
  const auto nested = [](int depth) {
    std::string text;
    for (int i = 0; i < depth; ++i) text += "<a>";
    for (int i = 0; i < depth; ++i) text += "</a>";
    return text;
  };
  EXPECT_EQ(Events(nested(16)).substr(0, 3), "<a>");
  EXPECT_EQ(Events(nested(17)), "DataLoss: XML deeper than 16");
  EXPECT_EQ(Events("<a>" + std::string(65536, 'x') + "</a>").size(), 3 + 4 + 65536 + 1u);
  EXPECT_EQ(Events("<a>" + std::string(65537, 'x') + "</a>"),
            "DataLoss: XML text longer than 65536 bytes");
}

TEST(S3Xml, WhatACallbackReturnsEndsIt) {
  int calls = 0;
  const auto fails = [&](std::string_view) {
    ++calls;
    return AbortedError("enough");
  };
  const Status status = ParseXml("<a><b/></a>", fails, [&](std::string_view, std::string_view) {
    ++calls;
    return Status();
  });
  EXPECT_EQ(status, AbortedError("enough"));
  EXPECT_EQ(calls, 1);
}

std::string Told(const S3Error& error) {
  return error.code + "|" + error.message + "|" + error.region;
}

TEST(S3Xml, ErrorsOfAllSorts) {
  EXPECT_EQ(
      Told(ParseS3Error(kHead + std::string("<Error><Code>NoSuchKey</Code><Message>The key "
                                            "does not exist.</Message><Key>k</Key></Error>"))),
      "NoSuchKey|The key does not exist.|");
  EXPECT_EQ(
      Told(ParseS3Error(Document("Error", "<Code>PermanentRedirect</Code><Region>eu</Region>"))),
      "PermanentRedirect||eu");
  // What is none.
  for (const char* const text :
       {"", "<html><Code>NoSuchKey</Code></html>", "<Error><Code>NoSuchKey</Code>", "Error",
        "<ErrorX><Code>NoSuchKey</Code></ErrorX>"}) {
    EXPECT_EQ(Told(ParseS3Error(text)), "||") << text;
  }
  // A code is one word of letters and digits.
  EXPECT_EQ(Told(ParseS3Error("<Error><Code>No Such</Code></Error>")), "||");
  EXPECT_EQ(Told(ParseS3Error("<Error><Code>" + std::string(65, 'a') + "</Code></Error>")), "||");
  // A message is one line, without the words in which a server may repeat secrets.
  EXPECT_EQ(Told(ParseS3Error("<Error><Message>a\nb\tc AKID/0123456789012345 "
                              "/0123456789+0123456789=, end</Message></Error>")),
            "|a b c ... ..., end|");
  EXPECT_EQ(Told(ParseS3Error("<Error><Message>nineteen-or-less 1234567890123456789"
                              "</Message></Error>")),
            "|nineteen-or-less 1234567890123456789|");
  EXPECT_LE(ParseS3Error("<Error><Message>" + std::string(9000, ' ') + "</Message></Error>")
                .message.size(),
            500u);
}

TEST(S3Xml, PagesOfLists) {
  const S3ListPage page =
      ParseS3ListPage(
          Document("ListBucketResult",
                   "<Name>b</Name><Prefix>p+q</Prefix><EncodingType>url</EncodingType>"
                   "<Contents><ETag>&quot;x&quot;</ETag><Size>5</Size><Key>a+b%2Bc%C3%A9</Key>"
                   "<Owner><ID>1</ID><Size>7</Size></Owner></Contents>"
                   "<Contents><Key>d/%01</Key></Contents>"
                   "<CommonPrefixes><Prefix>e%20/</Prefix></CommonPrefixes>"
                   "<IsTruncated>true</IsTruncated>"
                   "<NextContinuationToken>t+%41</NextContinuationToken>"))
          .OrDie();
  ASSERT_EQ(page.entries.size(), 3u);
  EXPECT_EQ(page.entries[0].key, "a b+c\xC3\xA9");
  EXPECT_EQ(page.entries[0].size, 5);
  EXPECT_EQ(page.entries[1].key, "d/\x01");
  EXPECT_EQ(page.entries[1].size, -1);
  EXPECT_EQ(page.entries[2].key, "e /");
  EXPECT_EQ(page.entries[2].size, -1);
  EXPECT_TRUE(page.truncated);
  EXPECT_EQ(page.next_token, "t+%41");  // A token is not encoded.
  // Where the server did not encode, nothing is decoded.
  const S3ListPage plain =
      ParseS3ListPage(Document("ListBucketResult", "<Contents><Key>a+%41</Key></Contents>"))
          .OrDie();
  EXPECT_EQ(plain.entries[0].key, "a+%41");
  EXPECT_FALSE(plain.truncated);
}

TEST(S3Xml, UploadsAndDeletes) {
  EXPECT_EQ(ParseS3UploadCreated(Document("InitiateMultipartUploadResult",
                                          "<Bucket>b</Bucket><UploadId>u-1</UploadId>"))
                .OrDie(),
            "u-1");
  EXPECT_EQ(ParseS3UploadCreated(Document("InitiateMultipartUploadResult", "<UploadId/>"))
                .status()
                .ToString(),
            "DataLoss: XML: <InitiateMultipartUploadResult> without <UploadId>");
  EXPECT_EQ(ParseS3UploadCompleted(
                Document("CompleteMultipartUploadResult", "<ETag>&#34;abc-2&#34;</ETag>"))
                .OrDie(),
            "\"abc-2\"");
  EXPECT_FALSE(ParseS3UploadCompleted(Document("Error", "<ETag>x</ETag>")).ok());
  EXPECT_TRUE(ParseS3DeleteResult(Document("DeleteResult", "")).OrDie().empty());
  const auto failures =
      ParseS3DeleteResult(
          Document("DeleteResult",
                   "<Deleted><Key>a</Key></Deleted><Error><Key>b</Key><Code>C</Code>"
                   "<Message>M</Message></Error><Error><Key>d</Key></Error>"))
          .OrDie();
  ASSERT_EQ(failures.size(), 2u);
  EXPECT_EQ(failures[0].key + failures[0].code + failures[0].message, "bCM");
  EXPECT_EQ(failures[1].key + failures[1].code + failures[1].message, "d");
}

TEST(S3Xml, PagesOfUploads) {
  const S3UploadPage page =
      ParseS3UploadPage(
          Document("ListMultipartUploadsResult",
                   "<EncodingType>url</EncodingType><NextKeyMarker>n+k</NextKeyMarker>"
                   "<NextUploadIdMarker>n+u</NextUploadIdMarker><IsTruncated>true</IsTruncated>"
                   "<Upload><Key>a%2Fb+c</Key><UploadId>u+1</UploadId>"
                   "<Initiated>2026-01-01T00:00:00Z</Initiated></Upload>"))
          .OrDie();
  ASSERT_EQ(page.uploads.size(), 1u);
  EXPECT_EQ(page.uploads[0].key, "a/b c");
  EXPECT_EQ(page.uploads[0].id, "u+1");
  EXPECT_EQ(page.uploads[0].initiated, "2026-01-01T00:00:00Z");
  EXPECT_TRUE(page.truncated);
  EXPECT_EQ(page.next_key, "n k");
  EXPECT_EQ(page.next_id, "n+u");
}

TEST(S3Xml, AnotherRootIsNamedWithoutLongWords) {
  const std::string token = "Ab1" + std::string(40, 'x');
  for (const std::string& text : {"<" + token + "/>", "<ListBucketResult_" + token + "/>"}) {
    const std::string message = ParseS3ListPage(text).status().ToString();
    EXPECT_EQ(message, "DataLoss: XML: expected <ListBucketResult>, not <...>");
  }
}

TEST(S3Xml, NothingIsListedWithoutAName) {
  // An upload without a key or an id would be aborted by DELETE of the bucket or of the object.
  for (const char* const upload :
       {"<Upload/>", "<Upload><Key>k</Key></Upload>", "<Upload><UploadId>u</UploadId></Upload>",
        "<Upload><Key>k</Key><UploadId>u</UploadId></Upload><Upload><Key>k</Key></Upload>"}) {
    EXPECT_EQ(ParseS3UploadPage(Document("ListMultipartUploadsResult", upload)).status().ToString(),
              "DataLoss: XML: <Upload> without <Key> or <UploadId>");
  }
  EXPECT_EQ(ParseS3ListPage(Document("ListBucketResult",
                                     "<CommonPrefixes><Prefix/>"
                                     "</CommonPrefixes>"))
                .status()
                .ToString(),
            "DataLoss: XML: an empty <Prefix>");
}

TEST(S3Xml, TextIsEscapedSoThatItComesBack) {
  const std::string text = "a&b<c>d\"e'f\r\n\tg]]>h\xC3\xA9\xF0\x9F\x98\x80\x7F";
  const std::string escaped = EscapeXml(text).value();
  EXPECT_EQ(escaped, "a&amp;b&lt;c&gt;d\"e'f&#13;&#10;&#9;g]]&gt;h\xC3\xA9\xF0\x9F\x98\x80\x7F");
  EXPECT_EQ(Events("<a>" + escaped + "</a>"), "<a></a=" + text + ">");
  for (const std::string& none :
       {std::string("a\x01"), std::string("\x1F"), std::string(1, '\0'), std::string("\xC3"),
        std::string("\xED\xA0\x80"), std::string("a\xEF\xBF\xBE"), std::string("\xEF\xBF\xBF")}) {
    EXPECT_EQ(EscapeXml(none), std::nullopt);
  }
}

}  // namespace
}  // namespace coffer
