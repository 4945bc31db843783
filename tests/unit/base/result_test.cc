// Goal: a Result holds a value or an error, never neither; the macros pass errors on and nothing
// else. Method: both states through every accessor, types that only move, functions that use the
// macros.
#include "coffer/base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace coffer {
namespace {

TEST(Result, HoldsAValue) {
  Result<std::string> result = std::string("abc");
  EXPECT_TRUE(result.ok());
  EXPECT_EQ(result.status(), Status());
  EXPECT_EQ(*result, "abc");
  EXPECT_EQ(result->size(), 3u);
  *result += "d";
  EXPECT_EQ(std::as_const(result).value(), "abcd");
  EXPECT_EQ(std::move(result).OrThrow(), "abcd");
}

TEST(Result, HoldsAnError) {
  const Result<int> result = NotFoundError("no array");
  EXPECT_FALSE(result.ok());
  EXPECT_EQ(result.status(), NotFoundError("no array"));
}

TEST(Result, IsMadeOfWhatItsValueIsMadeOf) {
  const Result<std::string> text = "literal";
  EXPECT_EQ(*text, "literal");
  const Result<double> number = 3;
  EXPECT_EQ(*number, 3.0);
  const Result<std::unique_ptr<const int>> pointer = std::make_unique<int>(4);
  EXPECT_EQ(**pointer, 4);
}

TEST(Result, MovesValuesThatCannotBeCopied) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(5);
  std::unique_ptr<int> value = *std::move(result);
  EXPECT_EQ(*value, 5);
}

TEST(Result, OfABoolIsNotItsTruth) {
  const Result<bool> result = false;
  EXPECT_TRUE(result.ok());
  EXPECT_FALSE(*result);
}

TEST(Result, OrThrowThrowsTheFullText) {
  try {
    Result<int>(DataLossError("c/0: checksum differs")).OrThrow();
    FAIL() << "nothing was thrown";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "DataLoss: c/0: checksum differs");
  }
}

TEST(Result, AccessToAMissingValueAbortsWithTheFullText) {
  Result<std::string> result = DataLossError("altered");
  EXPECT_DEATH(static_cast<void>(result.value()), "coffer: DataLoss: altered");
  EXPECT_DEATH(static_cast<void>(*result), "coffer: DataLoss: altered");
  EXPECT_DEATH(static_cast<void>(result->size()), "coffer: DataLoss: altered");
  EXPECT_DEATH(static_cast<void>(std::move(result).OrDie()), "coffer: DataLoss: altered");
}

TEST(Result, CannotBeMadeOfSuccessWithoutAValue) {
  EXPECT_DEATH(static_cast<void>(Result<int>(Status())), "Result made of an OK status");
}

Result<int> Half(int value) {
  if (value % 2 != 0) return InvalidArgumentError(std::to_string(value) + " is odd");
  return value / 2;
}

Result<std::string> Quarter(int value, int* calls) {
  ++*calls;
  COFFER_ASSIGN_OR_RETURN(int half, Half(value));
  COFFER_ASSIGN_OR_RETURN(half, Half(half));  // Into a variable that exists.
  return std::to_string(half);
}

TEST(Macros, AssignOrReturn) {
  int calls = 0;
  EXPECT_EQ(*Quarter(12, &calls), "3");
  EXPECT_EQ(Quarter(6, &calls).status(), InvalidArgumentError("3 is odd"));
  EXPECT_EQ(Quarter(5, &calls).status(), InvalidArgumentError("5 is odd"));
  EXPECT_EQ(calls, 3);
}

TEST(Macros, AssignOrReturnTakesCommasAndMovesOut) {
  auto take = []() -> Result<size_t> {
    auto make = [](int a, int b) -> Result<std::unique_ptr<std::pair<int, int>>> {
      return std::make_unique<std::pair<int, int>>(a, b);
    };
    COFFER_ASSIGN_OR_RETURN(const auto pair, make(1, 2));
    return static_cast<size_t>(pair->first + pair->second);
  };
  EXPECT_EQ(*take(), 3u);
}

Status AllHalves(const std::vector<int>& values, int* done) {
  for (int value : values) {
    COFFER_RETURN_IF_ERROR(Half(value));           // A Result
    COFFER_RETURN_IF_ERROR(Half(value).status());  // and a Status.
    ++*done;
  }
  return Status();
}

TEST(Macros, ReturnIfError) {
  int done = 0;
  EXPECT_EQ(AllHalves({2, 4}, &done), Status());
  EXPECT_EQ(done, 2);
  EXPECT_EQ(AllHalves({2, 3, 4}, &done), InvalidArgumentError("3 is odd"));
  EXPECT_EQ(done, 3);
}

TEST(Macros, ReturnIfErrorIsOneStatement) {
  auto run = [](bool first) -> Status {
    if (first)
      COFFER_RETURN_IF_ERROR(AbortedError("first"));
    else
      COFFER_RETURN_IF_ERROR(AbortedError("second"));
    return Status();
  };
  EXPECT_EQ(run(true), AbortedError("first"));
  EXPECT_EQ(run(false), AbortedError("second"));
}

}  // namespace
}  // namespace coffer
