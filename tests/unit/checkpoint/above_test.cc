// Goal: what nobody answered is not taken for "nothing is there", by none of those who look before
// they create or say what is missing; other errors of looking still count as nothing. Method: a
// context whose requests are all cancelled; servers without some answers; listings that fail.
#include <gtest/gtest.h>

#include "coffer/array/array.h"
#include "coffer/array/group.h"
#include "coffer/checkpoint/checkpoint.h"
#include "coffer/kvstore/adapters.h"
#include "coffer/kvstore/stores.h"
#include "src/array/node.h"
#include "src/checkpoint/place.h"
#include "src/kvstore/network.h"
#include "tests/support/http_server.h"

namespace coffer {
namespace {

TEST(LookingAbove, IsAnErrorWhereNobodyAnswers) {
  const Context context = Context::Create({.threads = 1});
  CancelRequests(context);
  const std::string place = "http://127.0.0.1:1/a/b/c";
  EXPECT_EQ(CheckNothingAbove(place, context).code(), StatusCode::kCancelled);
  EXPECT_EQ(CheckNotInACheckpoint(place, context).code(), StatusCode::kCancelled);
  EXPECT_EQ(CheckNoArrayAbove(place, context).code(), StatusCode::kCancelled);
}

// A server that answers for some keys with a status, and has none of the others.
testing::HttpServer::Handler Answers(int status, const std::string& name) {
  return [=](const testing::HttpRequest& asked) {
    return testing::HttpReply{.status = asked.target.ends_with(name) ? status : 404};
  };
}

TEST(LookingAbove, NeitherMarkerNorDocumentIsTakenForMissing) {
  // 505: Unavailable, and not tried again.
  const testing::HttpServer markers(Answers(505, "/commit"));
  EXPECT_EQ(CheckNothingAbove(markers.url() + "/a/b", Context::Default()).code(),
            StatusCode::kUnavailable);
  EXPECT_EQ(CheckNotInACheckpoint(markers.url() + "/a/b", Context::Default()).code(),
            StatusCode::kUnavailable);
  const testing::HttpServer documents(Answers(505, "/zarr.json"));
  EXPECT_EQ(CheckNothingAbove(documents.url() + "/a/b", Context::Default()).code(),
            StatusCode::kUnavailable);
}

TEST(LookingAbove, FindsNothingWhereNobodyMayLook) {
  const testing::HttpServer server(Answers(403, ""));
  EXPECT_EQ(CheckNothingAbove(server.url() + "/a/b", Context::Default()), Status());
  EXPECT_EQ(CheckNotInACheckpoint(server.url() + "/a/b", Context::Default()), Status());
}

TEST(LookingAbove, OnlyWhatIsNotAnsweredIsNotAnswered) {
  for (const Status& status :
       {CancelledError(""), UnavailableError(""), DeadlineExceededError("")}) {
    EXPECT_TRUE(WasNotAnswered(status));
  }
  for (const Status& status : {Status(), NotFoundError(""), PermissionDeniedError(""),
                               FailedPreconditionError(""), DataLossError("")}) {
    EXPECT_FALSE(WasNotAnswered(status));
  }
}

TEST(NoCheckpoint, IsOnlySaidWhereTheListingWasAnswered) {
  const std::shared_ptr<FaultStore> store = MakeFaultStore(MakeMemoryStore());
  EXPECT_EQ(checkpoint::Info(store, "x/").status().code(), StatusCode::kNotFound);
  store->Inject({.operation = KvOperation::kList});
  EXPECT_EQ(checkpoint::Info(store, "x/").status().code(), StatusCode::kUnavailable);
  store->Inject({.operation = KvOperation::kList, .status = PermissionDeniedError("no")});
  EXPECT_EQ(checkpoint::Info(store, "x/").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(store->injected(), 2);
}

}  // namespace
}  // namespace coffer
