// Goal: a Status carries code and text unchanged, and costs nothing on success.
// Method: exact texts of every code, copies, annotation, and the two ways out of a program.
#include "coffer/base/status.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

namespace coffer {
namespace {

TEST(Status, DefaultIsSuccess) {
  const Status status;
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(status.code(), StatusCode::kOk);
  EXPECT_EQ(status.message(), "");
  EXPECT_EQ(status.ToString(), "OK");
  EXPECT_EQ(status.Annotate("store"), status);
  status.OrThrow();
  status.OrDie();
}

TEST(Status, EveryCodeHasItsNameAndItsFunction) {
  const std::vector<std::pair<Status, std::string>> all = {
      {CancelledError("x"), "Cancelled: x"},
      {InvalidArgumentError("x"), "InvalidArgument: x"},
      {DeadlineExceededError("x"), "DeadlineExceeded: x"},
      {NotFoundError("x"), "NotFound: x"},
      {AlreadyExistsError("x"), "AlreadyExists: x"},
      {PermissionDeniedError("x"), "PermissionDenied: x"},
      {ResourceExhaustedError("x"), "ResourceExhausted: x"},
      {FailedPreconditionError("x"), "FailedPrecondition: x"},
      {AbortedError("x"), "Aborted: x"},
      {OutOfRangeError("x"), "OutOfRange: x"},
      {UnimplementedError("x"), "Unimplemented: x"},
      {InternalError("x"), "Internal: x"},
      {UnavailableError("x"), "Unavailable: x"},
      {DataLossError("x"), "DataLoss: x"},
  };
  int code = 1;
  for (const auto& [status, text] : all) {
    EXPECT_EQ(status.ToString(), text);
    EXPECT_EQ(status.code(), static_cast<StatusCode>(code++));
    EXPECT_FALSE(status.ok());
  }
  EXPECT_EQ(StatusCodeName(StatusCode::kOk), "OK");
  EXPECT_EQ(static_cast<StatusCode>(code - 1), StatusCode::kDataLoss);
}

TEST(Status, AnErrorCannotBeMadeOfOk) {
  EXPECT_EQ(Status(StatusCode::kOk, "x").code(), StatusCode::kInternal);
}

TEST(Status, AnnotatePutsTheContextFirstAndKeepsTheCode) {
  const Status status = DataLossError("short by 3 bytes");
  const Status annotated = status.Annotate("c/0/1").Annotate("file:///x");
  EXPECT_EQ(annotated.ToString(), "DataLoss: file:///x: c/0/1: short by 3 bytes");
  EXPECT_EQ(status.message(), "short by 3 bytes");
}

TEST(Status, EqualMeansSameCodeAndText) {
  EXPECT_EQ(NotFoundError("a"), NotFoundError("a"));
  EXPECT_NE(NotFoundError("a"), NotFoundError("b"));
  EXPECT_NE(NotFoundError("a"), AbortedError("a"));
  EXPECT_NE(NotFoundError(""), Status());
}

TEST(Status, Prints) {
  std::ostringstream out;
  out << NotFoundError("no array at x");
  EXPECT_EQ(out.str(), "NotFound: no array at x");
}

TEST(Status, OrThrowThrowsTheFullText) {
  try {
    AbortedError("lost").OrThrow();
    FAIL() << "nothing was thrown";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "Aborted: lost");
  }
}

TEST(Status, OrDieAbortsWithTheFullText) {
  EXPECT_DEATH(AbortedError("lost").OrDie(), "coffer: Aborted: lost");
}

}  // namespace
}  // namespace coffer
