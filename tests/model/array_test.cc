// Goal: any sequence of creating, writing, reading, resizing, reopening and deleting an array does
// what a plain array in memory does, whatever its layout: also with two writers at a time, and when
// operations fail, which then may have happened or not, chunk by chunk.
// Method: RapidCheck makes sequences and makes failing ones shorter; a layout is drawn from a seed.
// After every step the whole array and a part of it are read and held against PossibleArray, which
// knows everything that the array may hold. Writers have a context each, so that only the store
// stands between them; the store fails now and then, before an operation or after it.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "coffer/array/array.h"
#include "coffer/kvstore/adapters.h"
#include "coffer/kvstore/stores.h"
#include "tests/model/possible_array.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/array/model.h"

namespace coffer {
namespace {

using testing::PossibleArray;
using testing::RandomBytes;
using testing::RandomTransform;
using testing::ViewOf;

/// What a seed decides.
class Choice {
 public:
  explicit Choice(uint64_t seed) : random_(seed) {}
  int64_t Below(int64_t n) {
    return n <= 0 ? 0 : static_cast<int64_t>(random_() % static_cast<uint64_t>(n));
  }
  bool OneIn(int64_t n) { return Below(n) == 0; }
  template <class T, size_t n>
  const T& Of(const T (&list)[n]) {
    return list[Below(static_cast<int64_t>(n))];
  }
  std::mt19937_64& random() { return random_; }

 private:
  std::mt19937_64 random_;
};

std::string Listed(const std::vector<int64_t>& numbers) {
  std::string text;
  for (const int64_t number : numbers) text += (text.empty() ? "" : ", ") + std::to_string(number);
  return "[" + text + "]";
}

std::string Configured(const std::string& name, const std::string& configuration) {
  return R"({"name": ")" + name + R"(", "configuration": {)" + configuration + "}}";
}

/// A codec chain for chunks of this shape: transposed or not, of either byte order, in shards or
/// not, their index first or last, sharded again within, packed and checked or not.
std::string RandomCodecs(std::vector<int64_t> shape, int depth, Choice& choice) {
  std::string list;
  const size_t rank = shape.size();
  if (rank > 0 && choice.OneIn(3)) {
    std::vector<int64_t> order;
    for (size_t d = 0; d < rank; ++d) order.push_back(static_cast<int64_t>(d));
    std::shuffle(order.begin(), order.end(), choice.random());
    std::vector<int64_t> turned;
    for (const int64_t d : order) turned.push_back(shape[static_cast<size_t>(d)]);
    shape = turned;
    list += Configured("transpose", R"("order": )" + Listed(order)) + ", ";
  }
  static constexpr const char* kEndians[] = {"little", "big"};
  const auto bytes = [&] {
    return Configured("bytes", std::string(R"("endian": ")") + choice.Of(kEndians) + '"');
  };
  if (depth > 0 && rank > 0 && rank < 4 && !choice.OneIn(3)) {
    for (int64_t& extent : shape) {
      int64_t divisor = 1 + choice.Below(extent);
      while (extent % divisor != 0) --divisor;
      extent = divisor;
    }
    static constexpr const char* kLocations[] = {"start", "end"};
    const std::string index = bytes() + (choice.OneIn(3) ? "" : R"(, {"name": "crc32c"})");
    list += Configured("sharding_indexed",
                       R"("chunk_shape": )" + Listed(shape) + R"(, "codecs": )" +
                           RandomCodecs(shape, depth - 1, choice) + R"(, "index_codecs": [)" +
                           index + R"(], "index_location": ")" + choice.Of(kLocations) + '"');
    if (!choice.OneIn(5)) return "[" + list + "]";
  } else {
    list += bytes();
  }
  static constexpr const char* kPacked[] = {
      R"("zstd", "configuration": {"level": 1, "checksum": false})",
      R"("gzip", "configuration": {"level": 1})",
      R"("blosc", "configuration": {"cname": "lz4", "clevel": 3, "shuffle": "shuffle",
         "typesize": 2, "blocksize": 0})"};
  if (choice.OneIn(2)) list += std::string(R"(, {"name": )") + choice.Of(kPacked) + "}";
  if (choice.OneIn(2)) list += R"(, {"name": "crc32c"})";
  return "[" + list + "]";
}

CreateOptions RandomLayout(Choice& choice) {
  static constexpr int64_t kExtents[] = {1, 40, 14, 8, 5};
  static constexpr std::pair<DataType, const char*> kTypes[] = {{DataType::kUint8, "0"},
                                                                {DataType::kInt16, "-2"},
                                                                {DataType::kFloat32, "\"NaN\""},
                                                                {DataType::kComplex64, "[0, 1]"},
                                                                {DataType::Raw(3), "[1, 2, 3]"}};
  CreateOptions options;
  const int rank = static_cast<int>(choice.Below(5));
  std::vector<int64_t> cell;
  for (int d = 0; d < rank; ++d) {
    options.shape.push_back(choice.Below(kExtents[rank]));
    cell.push_back(1 + choice.Below(kExtents[rank] * 2 / 3));
  }
  options.chunk_shape = Shape(cell.begin(), cell.end());
  const auto& [type, fill] = choice.Of(kTypes);
  options.data_type = type;
  options.format.fill_value = fill;
  options.format.codecs = RandomCodecs(cell, rank < 3 ? 2 : 1, choice);
  static constexpr const char* kEncodings[] = {"default", "v2"};
  options.format.chunk_key_encoding = choice.Of(kEncodings);
  options.format.chunk_key_separator = choice.OneIn(2) ? '/' : '.';
  options.format.delete_existing = true;
  return options;
}

/// An array with two writers, and what it may hold.
class Subject {
 public:
  Subject(KvStorePtr base, bool faults, uint64_t seed)
      : store_(MakeFaultStore(std::move(base))), faults_(faults), choice_(seed) {
    for (Context& context : contexts_) context = Context::Create({.threads = 2});
    Create();
  }

  /// Empty, or what went wrong.
  std::string Step(int kind, uint64_t seed) {
    choice_ = Choice(seed);
    error_.clear();
    switch (kind % 8) {
      case 0:
        Resize();
        break;
      case 1:
        Open();
        break;
      case 2:
        if (choice_.OneIn(3)) Create();
        break;
      case 3:
      case 4:
        WriteTogether();
        break;
      default:
        WriteAlone();
    }
    store_->Clear();
    // An error may have left a handle with a state that is no longer the stored one.
    if (error_.empty() && failed_) Open();
    failed_ = false;
    if (error_.empty()) Check(IndexTransform::Identity(model_->shape()));
    if (error_.empty()) Check(RandomTransform(model_->shape(), choice_.random()));
    return error_;
  }

  /// What went wrong so far; then nothing else may be asked.
  const std::string& error() const { return error_; }
  const CreateOptions& layout() const { return layout_; }
  const Shape& shape() const { return model_->shape(); }

 private:
  /// Some of the next operations will fail.
  void MaybeFault() {
    if (!faults_ || choice_.OneIn(3)) return;
    static constexpr KvOperation kOperations[] = {
        KvOperation::kRead,      KvOperation::kReadInto, KvOperation::kReadRanges,
        KvOperation::kWrite,     KvOperation::kWrite,    KvOperation::kCommit,
        KvOperation::kDelete,    KvOperation::kList,     KvOperation::kDeleteRange,
        KvOperation::kOpenWriter};
    for (int64_t n = 1 + choice_.Below(3); n > 0; --n) {
      Fault fault{.operation = choice_.Of(kOperations)};
      fault.skip = choice_.Below(6);
      fault.times = 1 + choice_.Below(3);
      fault.after = choice_.OneIn(2);
      store_->Inject(fault);
    }
  }

  /// Whether it was done; records what must not have happened.
  bool Done(const Status& status, const std::string& what) {
    if (status.ok()) return true;
    const bool injected = status.message().find("injected fault") != std::string_view::npos;
    if (!injected && status.code() != StatusCode::kAborted) {
      error_ = what + ": " + status.ToString();
    }
    failed_ = true;
    return false;
  }

  void Open() {
    store_->Clear();
    for (size_t w = 0; w < arrays_.size(); ++w) {
      Result<Array> opened = Array::Open(store_, "a/", {.context = contexts_[w]});
      if (!opened.ok()) {
        error_ = "opening: " + opened.status().ToString();
        return;
      }
      arrays_[w] = *std::move(opened);
    }
  }

  /// Deletes what is there, if anything, and makes another.
  void Create() {
    layout_ = RandomLayout(choice_);
    layout_.context = contexts_[0];
    MaybeFault();
    bool done = Done(Array::Create(store_, "a/", layout_).status(), "creating");
    store_->Clear();
    if (!done) {  // Chunks may be left where there is no array any more: they are to be deleted.
      done = Done(store_->DeleteRange(KeyRange::Prefix("a/")).Get(), "deleting") &&
             Done(Array::Create(store_, "a/", layout_).status(), "creating again");
    }
    if (!done || !error_.empty()) return;
    Open();
    if (!error_.empty()) return;
    const std::span<const std::byte> fill = arrays_[0]->fill_value();
    model_.emplace(layout_.shape, layout_.chunk_shape,
                   std::vector<std::byte>(fill.begin(), fill.end()));
  }

  void Resize() {
    Shape to;
    for (const int64_t extent : shape()) to.push_back(choice_.Below(2 * extent + 2));
    for (int64_t& extent : to) extent = std::min<int64_t>(extent, 40 / (1 + to.rank()) + 4);
    MaybeFault();
    const bool ok = Done(arrays_[0]->Resize(to), "resizing");
    Open();
    if (!error_.empty()) return;
    const Shape found = arrays_[0]->shape();
    if (found != to && (ok || found != shape())) {
      error_ = "the shape is " + ToString(found) + " after a resize to " + ToString(to);
      return;
    }
    model_->Resize(to, ok, found);
  }

  PossibleArray::WriteDone RandomWrite() {
    PossibleArray::WriteDone write{RandomTransform(shape(), choice_.random()), {}, true};
    const int64_t count = *NumElements(write.transform.view_shape());
    write.bytes =
        RandomBytes(static_cast<size_t>(count * layout_.data_type.size()), choice_.random());
    return write;
  }
  Status Do(size_t writer, const PossibleArray::WriteDone& write) const {
    return arrays_[writer]->Write(
        write.transform, ViewOf(write.bytes, layout_.data_type, write.transform.view_shape()));
  }

  void WriteAlone() {
    PossibleArray::WriteDone write = RandomWrite();
    MaybeFault();
    write.ok = Done(Do(static_cast<size_t>(choice_.Below(2)), write), "writing");
    model_->Write({&write, 1});
  }

  /// Both write, and somebody reads meanwhile.
  void WriteTogether() {
    std::vector<PossibleArray::WriteDone> writes = {RandomWrite(), RandomWrite()};
    const IndexTransform part = RandomTransform(shape(), choice_.random());
    MaybeFault();
    std::vector<Status> status(2);
    std::vector<std::thread> threads;
    for (size_t w = 0; w < 2; ++w) {
      threads.emplace_back([&, w] { status[w] = Do(w, writes[w]); });
    }
    const Result<OwnedArray> read = arrays_[0]->ReadOwned(part);
    for (std::thread& thread : threads) thread.join();
    for (size_t w = 0; w < 2; ++w) writes[w].ok = Done(status[w], "writing together");
    if (Done(read.status(), "reading meanwhile")) {
      PossibleArray meanwhile = *model_;
      meanwhile.Write(writes, true);
      if (!meanwhile.Observe(part, read->bytes())) error_ = "read meanwhile what never was there";
    }
    model_->Write(writes);
  }

  void Check(const IndexTransform& transform) {
    const auto reader = static_cast<size_t>(choice_.Below(2));
    const Result<OwnedArray> read = arrays_[reader]->ReadOwned(transform);
    if (!read.ok()) {
      error_ = "reading: " + read.status().ToString();
    } else if (!model_->Observe(transform, read->bytes())) {
      error_ = "read what cannot be there";
    }
  }

  const std::shared_ptr<FaultStore> store_;
  const bool faults_;
  Choice choice_;
  Context contexts_[2];
  std::vector<std::optional<Array>> arrays_ = std::vector<std::optional<Array>>(2);
  CreateOptions layout_;
  std::optional<PossibleArray> model_;
  std::string error_;
  bool failed_ = false;
};

using Steps = std::vector<std::pair<uint8_t, uint64_t>>;

void RunSequence(const KvStorePtr& store, bool faults, uint64_t seed, const Steps& steps) {
  Subject subject(store, faults, seed);
  RC_ASSERT(subject.error() == "");
  for (size_t i = 0; i < steps.size() && i < 60; ++i) {
    const auto& [kind, step_seed] = steps[i];
    const std::string error = subject.Step(kind, step_seed);
    if (error.empty()) continue;
    RC_LOG() << "step " << i << " of kind " << kind % 8 << ", shape " << ToString(subject.shape())
             << ", cell " << ToString(subject.layout().chunk_shape) << ", "
             << subject.layout().data_type.name() << ", codecs " << subject.layout().format.codecs
             << std::endl;
    RC_FAIL(error);
  }
}

TEST(ArrayModel, TwoWritersOfAMemoryStore) {
  EXPECT_TRUE(rc::check("does what an array in memory does", [](uint64_t seed, const Steps& steps) {
    RunSequence(MakeMemoryStore(), false, seed, steps);
  }));
}

TEST(ArrayModel, TwoWritersOfAMemoryStoreThatFails) {
  EXPECT_TRUE(rc::check("holds what it may hold", [](uint64_t seed, const Steps& steps) {
    RunSequence(MakeMemoryStore(), true, seed, steps);
  }));
}

TEST(ArrayModel, TwoWritersOfAFileStoreThatFails) {
  EXPECT_TRUE(rc::check("holds what it may hold", [](uint64_t seed, Steps steps) {
    const TempDir dir;
    steps.resize(std::min<size_t>(steps.size(), 15));
    RunSequence(MakeFileStore(dir / "root", {.sync = false}).OrDie(), true, seed, steps);
  }));
}

}  // namespace
}  // namespace coffer
