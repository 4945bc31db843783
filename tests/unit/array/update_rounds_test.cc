// Goal: those who lose a round against other writers of a remote store begin the next after a
// random while that grows, nobody else waits, and what is told of lost answers is what was read.
// Method: rounds by hand on stores that say they are local or not; how long each back-off takes.
#include "src/array/update_rounds.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "coffer/array/array.h"
#include "tests/unit/array/gate_store.h"
#include "tests/unit/array/model.h"

namespace coffer {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

const Result<WriteResult> kLost = WriteResult{WriteResult::State::kConditionNotMet, {}};
const Result<WriteResult> kUnanswered = UnavailableError("the answer was lost");

class UpdateRoundsTest : public ::testing::TestWithParam<bool> {
 protected:
  UpdateRoundsTest() {
    CreateOptions options{.shape = {4}, .data_type = DataType::kUint8, .chunk_shape = {4}};
    options.context = context_;
    const KvStorePtr base = testing::NewStore();
    const auto gate = std::make_shared<testing::GatePolicy>();
    array_ =
        Array::Create(GetParam() ? base : testing::MakeGateStore(base, gate), "", options).OrDie();
    rounds_.emplace(*array_->stored(), key_);
  }
  static Result<ReadResult> Of(const std::string& generation) {
    ReadResult read;
    read.state = ReadResult::State::kValue;
    read.generation = {generation};
    return read;
  }
  milliseconds Pause() {
    const Clock::time_point begin = Clock::now();
    rounds_->BackOff(context_, CancelToken()).Wait();
    return std::chrono::duration_cast<milliseconds>(Clock::now() - begin);
  }

  const Context context_ = Context::Create({.threads = 1});
  const std::string key_ = "c/0";
  std::optional<Array> array_;
  std::optional<UpdateRounds> rounds_;
};
INSTANTIATE_TEST_SUITE_P(Stores, UpdateRoundsTest, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "Local" : "Remote"; });

TEST_P(UpdateRoundsTest, PausesGrowWhereRoundsAreLost) {
  std::vector<milliseconds> pauses;
  for (int round = 0; round < 8; ++round) {
    EXPECT_EQ(rounds_->TakeRead(Of(std::to_string(round))), Status());
    EXPECT_EQ(rounds_->TakeWrite(kLost).value(), false);
    if (GetParam()) {
      EXPECT_TRUE(rounds_->BackOff(context_, CancelToken()).ready());
    } else {
      pauses.push_back(Pause());
    }
  }
  if (GetParam()) return;
  // The first is of 10 ms at most, the last two of up to 640: they are dice, but not all that low.
  for (int more = 0; more < 4; ++more) pauses.push_back(Pause());
  EXPECT_GT(*std::max_element(pauses.begin(), pauses.end()), milliseconds(20));
  EXPECT_NE(std::adjacent_find(pauses.begin(), pauses.end(), std::not_equal_to<>()), pauses.end());
}

TEST_P(UpdateRoundsTest, APauseEndsWhenItIsCancelled) {
  for (int round = 0; round < 8; ++round) {
    EXPECT_EQ(rounds_->TakeRead(Of(std::to_string(round))), Status());
    EXPECT_EQ(rounds_->TakeWrite(kLost).value(), false);
  }
  const CancelSource cancel;
  cancel.Cancel();
  const Clock::time_point begin = Clock::now();
  for (int n = 0; n < 40; ++n) rounds_->BackOff(context_, cancel.token()).Wait();
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(5));  // Not 40 times up to 640 ms.
}

TEST_P(UpdateRoundsTest, ALostAnswerIsJudgedByWhatIsReadAtOnce) {
  EXPECT_EQ(rounds_->TakeRead(Of("1")), Status());
  EXPECT_EQ(rounds_->TakeWrite(kUnanswered).value(), false);
  EXPECT_TRUE(rounds_->BackOff(context_, CancelToken()).ready());
  EXPECT_EQ(rounds_->TakeRead(Of("1")), kUnanswered.status());  // It may yet be written.
  EXPECT_EQ(rounds_->TakeRead(InternalError("nothing to read")), kUnanswered.status());
  EXPECT_EQ(rounds_->TakeRead(Of("2")), Status());
  EXPECT_EQ(rounds_->TakeWrite(WriteResult{}).value(), true);
}

TEST_P(UpdateRoundsTest, OtherErrorsAreTheUpdates) {
  EXPECT_EQ(rounds_->TakeWrite(kUnanswered).status(), kUnanswered.status());  // Nothing was read.
  EXPECT_EQ(rounds_->TakeRead(Of("1")), Status());
  EXPECT_EQ(rounds_->TakeWrite(InternalError("broken")).status(), InternalError("broken"));
}

TEST_P(UpdateRoundsTest, EndAfterAThousand) {
  Result<bool> done = false;
  int rounds = 0;
  for (; done.ok() && rounds < 2000; ++rounds) done = rounds_->TakeWrite(kLost);
  EXPECT_EQ(rounds, 1000);
  EXPECT_EQ(done.status(), AbortedError(array_->stored()->Describe(key_) +
                                        ": lost against other writers 1000 times"));
}

}  // namespace
}  // namespace coffer
