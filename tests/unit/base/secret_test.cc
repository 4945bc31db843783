// Goal: a Secret cannot be told by mistake, compares right, and leaves no copy of its text behind.
// Method: concepts that must not hold, so that printing or converting one does not compile; and a
// search of this process's own memory for the text, which is known only in a disguise.
#include "coffer/base/secret.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "src/base/wipe.h"

namespace coffer {
namespace {

template <class T>
concept Streams = requires(std::ostream& stream, const T& value) { stream << value; };
template <class T>
concept MakesString = requires(const T& value) { std::string(value); } || requires(const T& value) {
  std::to_string(value);
} || std::is_convertible_v<T, std::string> || std::is_convertible_v<T, std::string_view>;
template <class T>
concept Appends = requires(std::string text, const T& value) { text += value; } ||
                  requires(std::string text, const T& value) { text + value; };

static_assert(Streams<std::string> && MakesString<std::string> && Appends<std::string>);
static_assert(!Streams<Secret>);
static_assert(!MakesString<Secret>);
static_assert(!Appends<Secret>);
static_assert(!std::is_convertible_v<std::string, Secret>, "only on purpose");
static_assert(!std::is_constructible_v<Secret, const std::string&>, "a copy says so");
static_assert(std::is_nothrow_move_constructible_v<Secret>);

TEST(Secret, HoldsItsText) {
  const Secret secret("swordfish");
  EXPECT_EQ(secret.Reveal(), "swordfish");
  EXPECT_EQ(secret.size(), 9);
  EXPECT_FALSE(secret.empty());
  EXPECT_TRUE(Secret().empty());
  EXPECT_EQ(Secret().Reveal(), "");
  EXPECT_EQ(Secret(std::string("a\0b", 3)).Reveal(), std::string_view("a\0b", 3));
}

TEST(Secret, ComparesAllOfTheText) {
  const Secret secret("swordfish");
  EXPECT_TRUE(secret == Secret("swordfish"));
  EXPECT_FALSE(secret == Secret("swordfisH"));
  EXPECT_FALSE(secret == Secret("Swordfish"));
  EXPECT_FALSE(secret == Secret("swordfishes"));
  EXPECT_FALSE(secret == Secret());
  EXPECT_TRUE(Secret() == Secret(""));
  EXPECT_FALSE(Secret(std::string("a\0b", 3)) == Secret(std::string("a\0c", 3)));
}

TEST(Secret, CopiesAndMoves) {
  Secret first("one");
  Secret second = first;
  EXPECT_TRUE(second == first);
  EXPECT_NE(second.Reveal().data(), first.Reveal().data());
  Secret third = std::move(first);
  EXPECT_TRUE(first.empty());  // NOLINT: what is left is stated.
  EXPECT_EQ(third.Reveal(), "one");
  second = Secret("two");
  third = second;
  EXPECT_EQ(third.Reveal(), "two");
  third = *&third;
  EXPECT_EQ(third.Reveal(), "two");
  third = std::move(*&third);
  EXPECT_EQ(third.Reveal(), "two");
}

TEST(Secret, ZeroesTheStringItWasMadeOf) {
  std::string text = "a text that is too long to be held inside of a string";
  const size_t size = text.size();
  const Secret secret(std::move(text));
  EXPECT_EQ(text, std::string(size, '\0'));  // NOLINT: what is left is stated.
  std::string mine = "mine";
  EXPECT_EQ(Secret::Copy(mine).Reveal(), "mine");
  EXPECT_EQ(mine, "mine");
  Wipe(&mine);
  EXPECT_EQ(mine, std::string(4, '\0'));
}

TEST(Secret, IsShownAsNoText) {
  EXPECT_EQ(testing::PrintToString(Secret("swordfish")), "<secret>");
  struct Holder {
    Secret secret;
  };
  // A struct is shown as its bytes: the text is not among them, however short it is.
  EXPECT_EQ(testing::PrintToString(Holder{Secret("swrd")}).find("swrd"), std::string::npos);
}

// What is searched for is the middle: the ends of freed memory hold other things.
constexpr size_t kHiddenSize = 256;
constexpr size_t kSoughtBegin = 64;
constexpr size_t kSoughtSize = 64;

/// The text's character at i, from nothing that looks like it.
char HiddenAt(size_t i) { return static_cast<char>('A' + (i * i * 7 + i * 13 + 5) % 26); }

Secret Hidden() {
  std::string text;
  text.reserve(kHiddenSize);
  for (size_t i = 0; i < kHiddenSize; ++i) text.push_back(HiddenAt(i));
  return Secret(std::move(text));
}

size_t CountIn(std::string_view bytes) {
  size_t count = 0;
  for (size_t begin = 0; begin + kSoughtSize <= bytes.size(); ++begin) {
    begin = bytes.find(HiddenAt(kSoughtBegin), begin);
    if (begin > bytes.size() - kSoughtSize) break;  // Or npos.
    size_t same = 0;
    while (same < kSoughtSize && bytes[begin + same] == HiddenAt(kSoughtBegin + same)) ++same;
    if (same == kSoughtSize) ++count;
  }
  return count;
}

/// How often the text stands in this process's heap and stacks.
size_t CopiesInMemory() {
  size_t count = 0;
  const int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::istringstream parts(line);
    std::string range, access, offset, device, inode, name;
    parts >> range >> access >> offset >> device >> inode >> name;
    if (!access.starts_with("rw") || (!name.empty() && name[0] == '/')) continue;
    const size_t dash = range.find('-');
    const uint64_t begin = std::stoull(range.substr(0, dash), nullptr, 16);
    const uint64_t size = std::stoull(range.substr(dash + 1), nullptr, 16) - begin;
    if (size > (uint64_t{64} << 20)) continue;  // The shadow memory of sanitizers.
    std::vector<char> bytes(size);
    const ssize_t got = pread(memory, bytes.data(), size, static_cast<off_t>(begin));
    bytes.resize(got > 0 ? static_cast<size_t>(got) : 0);
    count += CountIn({bytes.data(), bytes.size()});
    Wipe(std::as_writable_bytes(std::span(bytes)));
  }
  close(memory);
  return count;
}

TEST(Secret, LeavesNoCopyInMemory) {
  {
    Secret secret = Hidden();
    EXPECT_GE(CopiesInMemory(), 1u) << "the search finds nothing";
  }
  EXPECT_EQ(CopiesInMemory(), 0u) << "destroyed";
  Secret kept = Hidden();
  kept = Secret("another");
  EXPECT_EQ(CopiesInMemory(), 0u) << "moved onto";
  kept = Hidden();
  const Secret other("third");
  kept = other;
  EXPECT_EQ(CopiesInMemory(), 0u) << "copied onto";
}

}  // namespace
}  // namespace coffer
