// Goal: Bytes share memory for as long as anyone needs it; a BytesChain is its pieces in order.
// Method: addresses tell shared from copied; the owner's use count tells who keeps it alive.
#include "coffer/base/bytes.h"

#include <gtest/gtest.h>

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace coffer {
namespace {

TEST(Bytes, EmptyByDefault) {
  const Bytes bytes;
  EXPECT_TRUE(bytes.empty());
  EXPECT_EQ(bytes.size(), 0u);
  EXPECT_EQ(bytes.text(), "");
  EXPECT_EQ(bytes, Bytes::Copy(""));
}

TEST(Bytes, CopyIsItsOwn) {
  std::string text = "hello";
  const Bytes bytes = Bytes::Copy(text);
  text[0] = 'j';
  EXPECT_EQ(bytes.text(), "hello");
}

TEST(Bytes, TakeKeepsTheMemory) {
  std::string text(100, 'x');
  const void* memory = text.data();
  EXPECT_EQ(static_cast<const void*>(Bytes::Take(std::move(text)).data()), memory);
  std::vector<std::byte> vector(50, std::byte{7});
  memory = vector.data();
  const Bytes taken = Bytes::Take(std::move(vector));
  EXPECT_EQ(static_cast<const void*>(taken.data()), memory);
  EXPECT_EQ(taken.size(), 50u);
}

TEST(Bytes, TakeOfAShortStringSurvivesIt) {
  Bytes bytes;
  {
    std::string text = "ab";  // Held inside the string object.
    bytes = Bytes::Take(std::move(text));
  }
  EXPECT_EQ(bytes.text(), "ab");
}

TEST(Bytes, SlicesShareTheOwner) {
  auto owner = std::make_shared<const std::string>("hello world");
  Bytes slice;
  {
    const Bytes bytes(owner, AsBytes(*owner));
    slice = bytes.Slice(6, 3).Slice(1, 2);
    EXPECT_EQ(owner.use_count(), 3);
  }
  EXPECT_EQ(owner.use_count(), 2);
  EXPECT_EQ(slice.text(), "or");
  EXPECT_EQ(slice.data(), AsBytes(*owner).data() + 7);
  EXPECT_TRUE(slice.Slice(2, 0).empty());
  slice = Bytes();
  EXPECT_EQ(owner.use_count(), 1);
}

TEST(Bytes, UnownedRefersToTheCallersMemory) {
  const std::string text = "abc";
  EXPECT_EQ(Bytes::Unowned(AsBytes(text)).data(), AsBytes(text).data());
}

TEST(Bytes, EqualMeansSameContent) {
  EXPECT_EQ(Bytes::Copy("ab"), Bytes::Take(std::string("ab")));
  EXPECT_NE(Bytes::Copy("ab"), Bytes::Copy("abc"));
  EXPECT_NE(Bytes::Copy(std::string_view("a\0b", 3)), Bytes::Copy(std::string_view("a\0c", 3)));
}

TEST(Bytes, ConvertToASpan) {
  const Bytes bytes = Bytes::Copy("xyz");
  const std::span<const std::byte> span = bytes;
  EXPECT_EQ(AsText(span), "xyz");
  EXPECT_EQ(span.data(), bytes.data());
}

TEST(BytesChain, ListsPiecesWithoutCopying) {
  const Bytes first = Bytes::Copy("ab"), second = Bytes::Copy("cde");
  BytesChain chain;
  EXPECT_TRUE(chain.empty());
  EXPECT_EQ(chain.Flatten(), Bytes());
  chain.Append(first);
  chain.Append(Bytes());
  EXPECT_EQ(chain.Flatten().data(), first.data());  // One piece needs no copy.
  chain.Append(second);
  EXPECT_EQ(chain.size(), 5u);
  ASSERT_EQ(chain.pieces().size(), 2u);
  EXPECT_EQ(chain.pieces()[1].data(), second.data());
  EXPECT_EQ(chain.Flatten().text(), "abcde");
}

TEST(BytesChain, AppendsChains) {
  BytesChain chain = Bytes::Copy("a");
  BytesChain tail = Bytes::Copy("b");
  tail.Append(Bytes::Copy("c"));
  chain.Append(tail);
  chain.Append(BytesChain());
  EXPECT_EQ(chain.Flatten().text(), "abc");
  EXPECT_EQ(chain.size(), 3u);
  EXPECT_TRUE(BytesChain(Bytes()).pieces().empty());
}

TEST(BytesChain, AppendsItself) {
  BytesChain chain = Bytes::Copy("ab");
  chain.Append(Bytes::Copy("c"));
  chain.Append(chain);
  EXPECT_EQ(chain.Flatten().text(), "abcabc");
  EXPECT_EQ(chain.size(), 6u);
}

}  // namespace
}  // namespace coffer
