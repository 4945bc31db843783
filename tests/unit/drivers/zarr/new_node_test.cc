// Goal: a new array shows nothing of one that was here before, however the deletion of that ended.
// Method: both formats, each form of chunk keys; deletions that fail after the documents are gone;
// another creator between a look and the next.
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "coffer/array/array.h"
#include "coffer/array/group.h"
#include "coffer/kvstore/adapters.h"
#include "coffer/kvstore/stores.h"

namespace coffer {
namespace {

struct Keys {
  const char* driver;
  const char* encoding;
  char separator;
  Shape shape;
  const char* first_chunk;
};

class NewNode : public ::testing::TestWithParam<Keys> {
 protected:
  CreateOptions Options(bool delete_existing = false) const {
    CreateOptions options{.shape = GetParam().shape, .chunk_shape = GetParam().shape};
    for (int64_t& extent : options.chunk_shape) extent = 2;
    options.format.chunk_key_encoding = GetParam().encoding;
    options.format.chunk_key_separator = GetParam().separator;
    options.format.delete_existing = delete_existing;
    return options;
  }
  Result<Array> Create(bool delete_existing = false) const {
    return Array::Create(Place{store_, "g/a/", GetParam().driver}, Options(delete_existing));
  }
  void Fill(const Array& array) const {
    const std::vector<uint8_t> ones(static_cast<size_t>(*NumElements(array.shape())), 1);
    array.Write(Box::Full(array.shape()), Ref(ones.data(), array.shape())).OrDie();
  }
  /// An array whose deletion went as far as its documents.
  void LeaveChunks() const {
    Fill(Create().OrDie());
    store_->Inject({.operation = KvOperation::kDeleteRange});
    EXPECT_EQ(Create(true).status().code(), StatusCode::kUnavailable);
  }
  bool Has(const std::string& key) const {
    return base_->Read(key).Get().OrDie().state == ReadResult::State::kValue;
  }

  const KvStorePtr base_ = MakeMemoryStore();
  const std::shared_ptr<FaultStore> store_ = MakeFaultStore(base_);
};

TEST_P(NewNode, ChunksOfABrokenOffDeletionAreRefused) {
  LeaveChunks();
  const std::string chunk = std::string("g/a/") + GetParam().first_chunk;
  ASSERT_TRUE(Has(chunk));
  const Status refused = Create().status();
  EXPECT_EQ(refused.code(), StatusCode::kFailedPrecondition) << refused.ToString();
  EXPECT_NE(refused.message().find("a chunk without an array"), std::string::npos);
  EXPECT_EQ(Array::Open(store_, "g/a/").status().code(), StatusCode::kNotFound);
}

TEST_P(NewNode, DeleteExistingTakesThemAndNothingElse) {
  LeaveChunks();
  const std::string chunk = std::string("g/a/") + GetParam().first_chunk;
  base_->Write("g/a/notes", Bytes::Copy("mine")).Get().OrDie();
  base_->Write(chunk + "x", Bytes::Copy("mine")).Get().OrDie();
  base_->Write("g/ab", Bytes::Copy("mine")).Get().OrDie();
  const Array array = Create(true).OrDie();
  EXPECT_FALSE(Has(chunk));
  EXPECT_TRUE(Has("g/a/notes"));
  EXPECT_TRUE(Has(chunk + "x"));
  EXPECT_TRUE(Has("g/ab"));
  std::vector<uint8_t> out(static_cast<size_t>(*NumElements(array.shape())), 9);
  array.Read(Box::Full(array.shape()), Ref(out.data(), array.shape())).OrDie();
  EXPECT_EQ(out, std::vector<uint8_t>(out.size(), 0));
}

TEST_P(NewNode, WhoCameSecondLearnsSo) {
  // The other one creates and writes after the last look for a node, before that for chunks.
  const auto create_in = [&](const std::string& prefix, const std::function<void()>& at_look) {
    const KvStorePtr seen = MakeTraceStore(base_, [&](const TraceEvent& event) {
      const bool document = event.key == prefix + ".zgroup" || event.key == prefix + "zarr.json";
      if (document && event.operation == KvOperation::kRead) at_look();
    });
    return Array::Create(Place{seen, prefix, GetParam().driver}, Options()).status();
  };
  int looks = 0;
  create_in("g/b/", [&] { ++looks; }).OrDie();
  EXPECT_EQ(create_in("g/a/",
                      [&] {
                        if (--looks != 0) return;
                        // Inside a future's callback nothing may wait.
                        std::thread([this] { Fill(Create().OrDie()); }).join();
                      })
                .code(),
            StatusCode::kAlreadyExists);
  EXPECT_TRUE(Has(std::string("g/a/") + GetParam().first_chunk));
}

INSTANTIATE_TEST_SUITE_P(Forms, NewNode,
                         ::testing::Values(Keys{"zarr3", "default", '/', {3, 3}, "c/0/0"},
                                           Keys{"zarr3", "default", '.', {3, 3}, "c.0.0"},
                                           Keys{"zarr3", "default", '/', {}, "c"},
                                           Keys{"zarr3", "v2", '.', {30}, "9"},
                                           Keys{"zarr2", "v2", '.', {3, 3}, "1.1"},
                                           Keys{"zarr2", "v2", '/', {3, 3}, "0/1"},
                                           Keys{"zarr2", "v2", '.', {}, "0"}),
                         [](const auto& form) {
                           return std::string(form.param.driver) + "_" + std::to_string(form.index);
                         });

}  // namespace
}  // namespace coffer
