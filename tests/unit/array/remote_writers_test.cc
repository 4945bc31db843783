// Goal: an update in a store as S3 is one, of which an answer was lost, so that nobody knows if the
// value was written, is done again where that can help, and only there.
// Method: a store that writes, or does not, lets somebody else write, and then answers Unavailable.
// Elements are compared, and writes counted.
#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "coffer/array/array.h"
#include "tests/unit/array/forwarding_store.h"
#include "tests/unit/array/model.h"

namespace coffer {
namespace {

using testing::ForwardingStore;
using testing::NewStore;

/// A remote store of which the next write's answer may be lost.
class Remote : public ForwardingStore {
 public:
  explicit Remote(KvStorePtr base) : ForwardingStore(std::move(base)) {}
  Capabilities capabilities() const override {
    Capabilities can = ForwardingStore::capabilities();
    can.local = can.streaming_write = false;
    return can;
  }
  Future<WriteResult> Write(std::string key, std::optional<BytesChain> value,
                            WriteOptions options) override {
    ++writes;
    if (!lost) return ForwardingStore::Write(key, std::move(value), std::move(options));
    const std::function<void()> meanwhile = std::exchange(lost, nullptr);
    if (is_written) ForwardingStore::Write(key, std::move(value), std::move(options)).Wait();
    meanwhile();
    return Future<WriteResult>::Ready(UnavailableError("not known whether it was written"));
  }

  std::function<void()> lost;  ///< What comes between the next write and its lost answer.
  bool is_written = true;
  int writes = 0;
};

class RemoteWriters : public ::testing::TestWithParam<bool> {
 protected:
  RemoteWriters() : base_(NewStore(context_)), store_(std::make_shared<Remote>(base_)) {
    CreateOptions options{.shape = {4, 4},
                          .data_type = DataType::kUint16,
                          .chunk_shape = GetParam() ? Shape{2, 2} : Shape{4, 4},
                          .shard_shape = GetParam() ? Shape{4, 4} : Shape{}};
    options.context = context_;
    array_ = Array::Create(store_, "", options).OrDie();
    other_ = Array::Open(base_, "", {.context = Context::Create({.threads = 1})}).OrDie();
  }
  static Status Write(const Array& array, int64_t i, int64_t j, uint16_t value) {
    return array.Write(Box::FromSize({i, j}, {1, 1}), Ref(&value, {1, 1}));
  }
  NdArray<uint16_t> All() { return other_->Read<uint16_t>({}).OrDie(); }

  const Context context_ = Context::Create({.threads = 1});
  const KvStorePtr base_;
  const std::shared_ptr<Remote> store_;
  std::optional<Array> array_;
  std::optional<Array> other_;  // Of another process, so to say.
};
INSTANTIATE_TEST_SUITE_P(Shards, RemoteWriters, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "Sharded" : "Plain"; });

TEST_P(RemoteWriters, AnUpdateWhoseAnswerIsLostIsDoneAgainIfTheCellHasChanged) {
  for (const bool is_there : {false, true}) {
    for (const bool is_written : {false, true}) {
      const auto value = static_cast<uint16_t>(10 + 2 * is_there + is_written);
      if (!is_there) base_->Write("c/0/0", std::nullopt).Get().OrDie();
      store_->is_written = is_written;
      store_->lost = [&] { Write(*other_, 3, 3, value).OrDie(); };
      EXPECT_EQ(Write(*array_, 0, 1, value), Status());
      EXPECT_EQ(store_->lost, nullptr);
      EXPECT_EQ(All()(0, 1), value);
      EXPECT_EQ(All()(3, 3), value);
    }
  }
}

TEST_P(RemoteWriters, SoItIsIfItWasWrittenItself) {
  store_->lost = [] {};
  EXPECT_EQ(Write(*array_, 0, 1, 5), Status());
  EXPECT_EQ(All()(0, 1), 5);
}

TEST_P(RemoteWriters, ItFailsIfTheCellIsAsItWas) {
  for (const bool is_there : {false, true}) {
    if (is_there) Write(*array_, 2, 2, 7).OrDie();
    store_->is_written = false;
    store_->lost = [] {};
    store_->writes = 0;
    const Status status = Write(*array_, 0, 1, 5);
    EXPECT_EQ(status.code(), StatusCode::kUnavailable) << status;
    EXPECT_NE(status.message().find("not known whether it was written"), std::string::npos);
    EXPECT_EQ(store_->writes, 1);
    EXPECT_EQ(All()(0, 1), 0);
  }
  EXPECT_EQ(Write(*array_, 0, 1, 6), Status());
  EXPECT_EQ(All()(0, 1), 6);
}

TEST_P(RemoteWriters, AnErrorThatIsNotThisIsToldAtOnce) {
  class Refuses : public Remote {
   public:
    using Remote::Remote;
    Future<WriteResult> Write(std::string key, std::optional<BytesChain>, WriteOptions) override {
      ++writes;
      return Future<WriteResult>::Ready(PermissionDeniedError(key));
    }
  };
  const auto refuses = std::make_shared<Refuses>(base_);
  const Array array = Array::Open(refuses, "", {.context = context_}).OrDie();
  EXPECT_EQ(Write(array, 0, 0, 1).code(), StatusCode::kPermissionDenied);
  EXPECT_EQ(refuses->writes, 1);
}

}  // namespace
}  // namespace coffer
