// Goal: the rules that all stores share: ranges, key ranges, coalescing, URLs, names.
// Method: tables of exact values and texts; coalescing also against a naive count, by RapidCheck.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "coffer/kvstore/adapters.h"
#include "coffer/kvstore/kvstore.h"
#include "src/kvstore/coalesce.h"
#include "src/kvstore/url.h"

namespace coffer {
namespace {

TEST(ByteRange, ResolvesWithinTheValue) {
  EXPECT_EQ(ByteRange::All().Resolve(5).OrDie(), ByteRange::Span(0, 5));
  EXPECT_EQ(ByteRange::Last(2).Resolve(5).OrDie(), ByteRange::Span(3, 5));
  EXPECT_EQ(ByteRange::Last(0), ByteRange::Stat());
  EXPECT_EQ(ByteRange::From(5).Resolve(5).OrDie(), ByteRange::Span(5, 5));
  EXPECT_EQ(ByteRange::Stat().Resolve(5).OrDie(), ByteRange::Span(0, 0));
  EXPECT_EQ(ByteRange::Span(2, 6).Resolve(5).status().ToString(),
            "OutOfRange: bytes [2, 6) were asked for, but the value has 5");
  EXPECT_EQ(ByteRange::From(6).Resolve(5).status().ToString(),
            "OutOfRange: bytes [6, end) were asked for, but the value has 5");
  EXPECT_EQ(ByteRange::Last(6).Resolve(5).status().ToString(),
            "OutOfRange: the last 6 bytes were asked for, but the value has 5");
  EXPECT_EQ((ByteRange{INT64_MIN, -1}).Resolve(5).status().code(), StatusCode::kOutOfRange);
  EXPECT_EQ(ByteRange::Span(3, 2).Resolve(5).status().ToString(),
            "InvalidArgument: bytes [3, 2): a range begins before it ends");
  EXPECT_EQ(ByteRange::Span(3, -7).Resolve(5).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ((ByteRange{-1, 3}).Resolve(5).status().ToString(),
            "InvalidArgument: byte range: counted from the end, it has no end of its own");
}

TEST(KeyRange, OfAPrefix) {
  EXPECT_EQ(KeyRange::Prefix("a/"), (KeyRange{"a/", "a0"}));
  EXPECT_EQ(KeyRange::Prefix(""), KeyRange());
  EXPECT_EQ(KeyRange::Prefix("a\xff\xff"), (KeyRange{"a\xff\xff", "b"}));
  EXPECT_EQ(KeyRange::Prefix("\xff"), (KeyRange{"\xff", ""}));
  EXPECT_EQ(KeyRange::Prefix("\x7f"), (KeyRange{"\x7f", "\x80"}));
}

TEST(KeyRange, ComparesBytesUnsigned) {
  const KeyRange range{"a", "b"};
  EXPECT_TRUE(range.Contains("a"));
  EXPECT_TRUE(range.Contains("a\xff"));
  EXPECT_FALSE(range.Contains("b"));
  EXPECT_FALSE(range.Contains("\xff"));
  EXPECT_TRUE((KeyRange{"a", ""}).Contains("\xff"));
  EXPECT_FALSE((KeyRange{"a", ""}).Contains("A"));
}

RC_GTEST_PROP(KeyRange, PrefixContainsExactlyWhatStartsWithIt,
              (const std::string& prefix, const std::string& key, const std::string& rest)) {
  RC_ASSERT(KeyRange::Prefix(prefix).Contains(key) == key.starts_with(prefix));
  RC_ASSERT(KeyRange::Prefix(prefix).Contains(prefix + rest));
}

TEST(Coalesce, JoinsByGapUpToASize) {
  const std::vector<ByteRange> ranges = {ByteRange::Span(10, 20), ByteRange::Span(0, 5),
                                         ByteRange::Span(25, 30), ByteRange::Span(36, 40)};
  const std::vector<CoalescedRange> fetches = Coalesce(ranges, 5, 1000);
  ASSERT_EQ(fetches.size(), 2u);
  EXPECT_EQ(fetches[0].range, ByteRange::Span(0, 30));
  EXPECT_THAT(fetches[0].members, ::testing::ElementsAre(1, 0, 2));
  EXPECT_EQ(fetches[1].range, ByteRange::Span(36, 40));
  EXPECT_EQ(Coalesce(ranges, 5, 20).size(), 3u);
  EXPECT_EQ(Coalesce(ranges, 4, 1000).size(), 4u);
}

TEST(Coalesce, LeavesRangesOfUnknownEndAlone) {
  const std::vector<ByteRange> ranges = {ByteRange::Last(4), ByteRange::Span(0, 5),
                                         ByteRange::From(5), ByteRange::Span(5, 9)};
  const std::vector<CoalescedRange> fetches = Coalesce(ranges, 100, 1000);
  ASSERT_EQ(fetches.size(), 3u);
  EXPECT_EQ(fetches[0].range, ByteRange::Last(4));
  EXPECT_EQ(fetches[1].range, ByteRange::From(5));
  EXPECT_EQ(fetches[2].range, ByteRange::Span(0, 9));
}

RC_GTEST_PROP(Coalesce, EveryRangeLiesInOneFetchThatIsNoLongerThanNeeded, ()) {
  const auto raw = *rc::gen::container<std::vector<std::pair<int64_t, int64_t>>>(
      rc::gen::pair(rc::gen::inRange<int64_t>(0, 500), rc::gen::inRange<int64_t>(0, 50)));
  const int64_t gap = *rc::gen::inRange<int64_t>(0, 20);
  const int64_t most = *rc::gen::inRange<int64_t>(1, 200);
  std::vector<ByteRange> ranges;
  for (const auto& [begin, size] : raw) ranges.push_back(ByteRange::Span(begin, begin + size));
  std::vector<int> seen(ranges.size());
  for (const CoalescedRange& fetch : Coalesce(ranges, gap, most)) {
    int64_t covered = fetch.range.begin;  // Members come by their start.
    for (const size_t member : fetch.members) {
      ++seen[member];
      RC_ASSERT(ranges[member].begin >= fetch.range.begin);
      RC_ASSERT(ranges[member].end <= fetch.range.end);
      RC_ASSERT(ranges[member].begin - covered <= gap);
      covered = std::max(covered, ranges[member].end);
    }
    RC_ASSERT(covered == fetch.range.end);
    RC_ASSERT(fetch.members.size() == 1 || fetch.range.end - fetch.range.begin <= most);
  }
  for (const int count : seen) RC_ASSERT(count == 1);
}

TEST(Url, Parts) {
  EXPECT_EQ(UrlScheme("FILE:///x"), "file");
  EXPECT_EQ(UrlScheme("s3+x.y://x"), "s3+x.y");
  EXPECT_EQ(UrlScheme("/a://b"), "");
  EXPECT_EQ(UrlScheme("plain"), "");
  const Url url = Url::Parse("memory://a%20b/c%2Fd").OrDie();
  EXPECT_EQ(url.authority, "a b");
  EXPECT_EQ(url.path, "/c/d");
}

RC_GTEST_PROP(Url, EncodedPathsParseBack, (const std::string& path)) {
  const Url url = Url::Parse("x:///" + EncodeUrlPath(path)).OrDie();
  RC_ASSERT(url.path == "/" + path);
}

TEST(KvOperation, HasNames) {
  EXPECT_EQ(KvOperationName(KvOperation::kRead), "Read");
  EXPECT_EQ(KvOperationName(KvOperation::kDelete), "Delete");
  EXPECT_EQ(KvOperationName(KvOperation::kRenamePrefix), "RenamePrefix");
  EXPECT_EQ(KvOperationName(KvOperation::kClearDebris), "ClearDebris");
}

}  // namespace
}  // namespace coffer
