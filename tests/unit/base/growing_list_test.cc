// Goal: values keep their order and their addresses, and show whole to readers that look meanwhile.
// Method: pointers compared before and after growth; a reader beside a writer (for TSan, too).
#include "src/base/growing_list.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace coffer {
namespace {

TEST(GrowingList, KeepsOrderAndAddresses) {
  GrowingList<std::string> list;
  const auto any = [](const std::string&) { return true; };
  EXPECT_EQ(list.Find(any), nullptr);
  list.Append("a1");
  const std::string* const first = list.Find(any);
  for (const char* text : {"b1", "a2", "b2"}) list.Append(text);
  EXPECT_EQ(list.Find(any), first);
  EXPECT_EQ(*list.Find([](const std::string& s) { return s.starts_with('b'); }), "b1");
  std::string all;
  list.Find([&](const std::string& s) {
    all += s + " ";
    return false;
  });
  EXPECT_EQ(all, "a1 b1 a2 b2 ");
}

TEST(GrowingList, ReadersSeeAPrefix) {
  constexpr int kCount = 500;
  GrowingList<std::string> list;
  std::thread writer([&] {
    for (int i = 0; i < kCount; ++i) list.Append(std::to_string(i));
  });
  for (int seen = 0; seen < kCount;) {
    int i = 0;
    list.Find([&](const std::string& s) {
      EXPECT_EQ(s, std::to_string(i++));
      return false;
    });
    EXPECT_GE(i, seen);
    seen = i;
  }
  writer.join();
}

}  // namespace
}  // namespace coffer
