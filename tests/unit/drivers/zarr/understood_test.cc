// Goal: a document is understood once for each context and text, and never taken for another one.
// Method: a codec that counts how often it is made, which is how often its document is parsed;
// documents that differ in one place; contexts whose codecs of one name differ; no room to keep.
#include "drivers/zarr/understood.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <atomic>

#include "coffer/array/array.h"
#include "coffer/array/driver.h"
#include "coffer/codec/codec.h"
#include "coffer/kvstore/stores.h"

namespace coffer {
namespace {

/// A context that knows the codec "counted": `real` by another name.
struct Counting {
  explicit Counting(ContextOptions options = {.threads = 1}, std::string real = "crc32c")
      : context(Context::Create(options)) {
    const auto make = [this, real](std::string_view, const CodecTable& codecs) {
      ++made;
      return codecs.Make(real, real == "gzip" ? R"({"level": 1})" : "{}");
    };
    context.Get<CodecTable>().Add({"counted", make}).OrDie();
  }
  Array Open(const KvStorePtr& store, const std::string& prefix) const {
    return Array::Open(store, prefix, {.context = context}).OrDie();
  }

  std::atomic<int> made = 0;
  const Context context;
};

std::string Document(int64_t extent, std::string_view attributes = "{}") {
  return R"({"zarr_format": 3, "node_type": "array", "shape": [)" + std::to_string(extent) +
         R"(], "data_type": "uint8", "chunk_grid": {"name": "regular", "configuration":
         {"chunk_shape": [4]}}, "chunk_key_encoding": "default", "fill_value": 0, "codecs":
         ["bytes", "counted"], "attributes": )" +
         std::string(attributes) + "}";
}

void Put(const KvStorePtr& store, const std::string& prefix, const std::string& text) {
  store->Write(prefix + "zarr.json", Bytes::Copy(text)).Get().OrDie();
}

TEST(Understood, AlikeDocumentsAreParsedOnce) {
  Counting counting;
  const KvStorePtr store = MakeMemoryStore(counting.context);
  for (const std::string prefix : {"a/", "b/", "c/"}) {
    Put(store, prefix, Document(8, R"({"k": "v"})"));
    const Array array = counting.Open(store, prefix);
    EXPECT_EQ(array.shape(), Shape({8}));
    EXPECT_EQ(array.attributes(), R"({"k":"v"})");
    EXPECT_EQ(array.stored()->CellKey({1}), prefix + "c/1");
    EXPECT_EQ(array.metadata(), Document(8, R"({"k": "v"})"));
    EXPECT_EQ(array.stored()->store, store);
  }
  EXPECT_EQ(counting.made, 1);
}

TEST(Understood, AnotherDocumentAtTheSamePlaceIsSeen) {
  Counting counting;
  const KvStorePtr store = MakeMemoryStore(counting.context);
  Put(store, "", Document(8));
  EXPECT_EQ(counting.Open(store, "").shape(), Shape({8}));
  Put(store, "", Document(9));
  EXPECT_EQ(counting.Open(store, "").shape(), Shape({9}));
  Put(store, "", Document(9, R"({"k": 1})"));
  EXPECT_EQ(counting.Open(store, "").attributes(), R"({"k":1})");
  Put(store, "", Document(8));
  EXPECT_EQ(counting.Open(store, "").shape(), Shape({8}));
  EXPECT_EQ(counting.made, 3);
}

TEST(Understood, ContextsWithOtherCodecsShareNothing) {
  Counting checked;
  Counting packed({.threads = 1}, "gzip");
  const KvStorePtr store = MakeMemoryStore(checked.context);
  Put(store, "", Document(4));
  const std::vector<uint8_t> values = {1, 2, 3, 4};
  checked.Open(store, "").Write(Box::Full({4}), Ref(values.data(), {4})).OrDie();
  EXPECT_EQ(checked.Open(store, "").Read<uint8_t>({}).OrDie()(3), 4);
  EXPECT_EQ(packed.Open(store, "").Read<uint8_t>({}).status().code(), StatusCode::kDataLoss);
  EXPECT_EQ(packed.made, 1);
}

TEST(Understood, WhatIsWrongIsToldEveryTimeAndForThePlaceAskedFor) {
  Counting counting;
  const KvStorePtr store = MakeMemoryStore(counting.context);
  for (const std::string prefix : {"a/", "b/", "a/"}) {
    Put(store, prefix, Document(-8));
    const Status status = Array::Open(store, prefix, {.context = counting.context}).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find(prefix + "zarr.json"), std::string::npos) << status.message();
  }
}

TEST(Understood, CreatingReadsWhatItWritesAndOpeningRemembersIt) {
  Counting counting;
  const KvStorePtr store = MakeMemoryStore(counting.context);
  CreateOptions options{.shape = {8}, .chunk_shape = {4}, .context = counting.context};
  options.format.codecs = R"(["bytes", "counted"])";
  Array::Create(store, "a/", options).OrDie();
  Array::Create(store, "b/", options).OrDie();
  const int made = counting.made;
  EXPECT_EQ(counting.Open(store, "a/").metadata(), counting.Open(store, "b/").metadata());
  EXPECT_EQ(counting.made, made);
}

TEST(Understood, OfZarr2TheAttributesAreNoPartOfIt) {
  const Context context = Context::Create({.threads = 1});
  const KvStorePtr store = MakeMemoryStore(context);
  const std::string document =
      R"({"zarr_format": 2, "shape": [8], "chunks": [4], "dtype": "|u1", "compressor": null,
          "fill_value": 0, "filters": null, "order": "C"})";
  for (const std::string prefix : {"a/", "b/"}) {
    store->Write(prefix + ".zarray", Bytes::Copy(document)).Get().OrDie();
    store->Write(prefix + ".zattrs", Bytes::Copy(R"({"of": ")" + prefix + R"("})")).Get().OrDie();
  }
  EXPECT_EQ(Array::Open(store, "a/", {.context = context})->attributes(), R"({"of":"a/"})");
  EXPECT_EQ(Array::Open(store, "b/", {.context = context})->attributes(), R"({"of":"b/"})");
}

TEST(Understood, ACodecThatCameLaterIsUsed) {
  for (const std::string name : {"must_understand", "must_\\u0075nderstand"}) {
    Counting counting;
    const KvStorePtr store = MakeMemoryStore(counting.context);
    std::string text = Document(4);
    text.replace(text.find("\"counted\""), 9, R"({"name": "later", ")" + name + R"(": false})");
    Put(store, "", text);
    counting.Open(store, "");
    const auto make = [](std::string_view, const CodecTable& codecs) {
      return codecs.Make("gzip", R"({"level": 1})");
    };
    counting.context.Get<CodecTable>().Add({"later", make}).OrDie();
    const std::vector<uint8_t> values = {1, 2, 3, 4};
    counting.Open(store, "").Write(Box::Full({4}), Ref(values.data(), {4})).OrDie();
    EXPECT_GT(store->Read("c/0").Get().OrDie().value.size(), 4u) << name;  // Encoded.
  }
}

TEST(Understood, WhatIsKeptIsChargedFor) {
  const auto grown = [](const std::string& codecs) {
    Counting counting;
    const KvStorePtr store = MakeMemoryStore(counting.context);
    auto& cache = counting.context.Get<ArrayCaches>().documents_and_indexes();
    std::string text = Document(4);
    text.replace(text.find("\"counted\""), 9, codecs);
    const auto used = [] { return static_cast<int64_t>(mallinfo2().uordblks); };
    Put(store, "", text);
    counting.Open(store, "");
    const int64_t bytes = used();
    const int64_t charged = cache.held_bytes();
    for (int n = 0; n < 50; ++n) {  // Other texts, which mean the same.
      Put(store, "", text + std::string(static_cast<size_t>(n) + 1, ' '));
      counting.Open(store, "");
    }
    return std::pair(used() - bytes, cache.held_bytes() - charged);
  };
  std::string many = R"("crc32c")";
  while (many.size() < 3000) many += R"(,"crc32c")";
  const auto [used, charged] = grown(many);
  EXPECT_LE(used, charged);
}

TEST(Understood, NothingIsKeptWithoutRoomOrOfLongTexts) {
  Counting none({.threads = 1, .cache_bytes = 0});
  const KvStorePtr store = MakeMemoryStore(none.context);
  Put(store, "", Document(8));
  none.Open(store, "");
  none.Open(store, "");
  EXPECT_EQ(none.made, 2);

  Counting some;
  const std::string longer = R"({"k": ")" + std::string(zarr::kUnderstoodTextMax, 'x') + R"("})";
  Put(store, "", Document(8, longer));
  some.Open(store, "");
  some.Open(store, "");
  EXPECT_EQ(some.made, 2);
}

}  // namespace
}  // namespace coffer
