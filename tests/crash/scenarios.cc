#include "tests/crash/scenarios.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "coffer/array/array.h"
#include "coffer/array/verify.h"
#include "coffer/checkpoint/checkpoint.h"
#include "tests/unit/checkpoint/trees.h"

namespace coffer::inline v0::testing {

namespace {

/// Values of many sectors, in which every few bytes tell the version.
std::string Value(int version) {
  std::string value;
  while (value.size() < 1700) value += "v" + std::to_string(version) + ";";
  return value;
}

/// FailedPrecondition if a condition was not met.
Status Written(const Result<WriteResult>& result) {
  COFFER_RETURN_IF_ERROR(result.status());
  if (result->state == WriteResult::State::kWritten) return Status();
  return FailedPreconditionError("condition not met");
}

Status Put(const CrashPlace& place, const std::string& key, int version,
           const Generation& if_equal = Generation::Unknown()) {
  return Written(
      place.store->Write(key, BytesChain(Bytes::Copy(Value(version))), {.if_equal = if_equal})
          .Get());
}

Status Delete(const CrashPlace& place, const std::string& key,
              const Generation& if_equal = Generation::Unknown()) {
  return Written(place.store->Write(key, std::nullopt, {.if_equal = if_equal}).Get());
}

std::optional<std::string> Get(const CrashPlace& place, const std::string& key) {
  const Result<ReadResult> read = place.store->Read(key).Get();
  EXPECT_TRUE(read.ok()) << read.status();
  if (!read.ok() || read->state != ReadResult::State::kValue) return std::nullopt;
  return std::string(read->value.text());
}

/// Every key with its value.
std::map<std::string, std::string> Everything(const CrashPlace& place) {
  std::map<std::string, std::string> found;
  const Result<std::vector<ListEntry>> entries = ListAll(*place.store);
  EXPECT_TRUE(entries.ok()) << entries.status();
  if (!entries.ok()) return found;
  for (const ListEntry& entry : *entries) {
    const std::optional<std::string> value = Get(place, entry.key);
    EXPECT_TRUE(value.has_value()) << entry.key << " is listed, but not there";
    found[entry.key] = value.value_or("");
  }
  return found;
}

/// That a key holds one of the versions first..last; 0 stands for no value.
void ExpectVersion(const CrashPlace& place, const std::string& key, int first, int last) {
  const std::optional<std::string> found = Get(place, key);
  for (int version = first; version <= last; ++version) {
    if (version == 0 ? !found : found == Value(version)) return;
  }
  ADD_FAILURE() << key << " holds "
                << (found ? std::to_string(found->size()) + " bytes \"" + found->substr(0, 12)
                          : "no value \"")
                << "\", not a version of " << first << " to " << last;
}

void ExpectOnlyKeys(const CrashPlace& place, const std::set<std::string>& allowed) {
  for (const auto& [key, value] : Everything(place)) {
    EXPECT_TRUE(allowed.contains(key)) << key << " shows, which nobody has written";
  }
}

int Acknowledged(const Acks& acks, int steps) {
  int count = 0;
  while (count < steps && acks.steps[count]) ++count;
  return count;
}

// One key, written again and again, every third time as a stream; step i is version i + 2.

constexpr int kPuts = 9;

Status Stream(const CrashPlace& place, const std::string& key, int version) {
  const std::string value = Value(version);
  const std::span<const std::byte> bytes = std::as_bytes(std::span(value));
  COFFER_ASSIGN_OR_RETURN(const std::unique_ptr<KvWriter> writer, place.store->OpenWriter(key));
  COFFER_RETURN_IF_ERROR(writer->Append(bytes.first(1000)));
  COFFER_RETURN_IF_ERROR(writer->Append(bytes.subspan(1000)));
  return Written(writer->Commit().Get());
}

void PreparePut(const CrashPlace& place) { Put(place, "k", 1).OrDie(); }

Status RunPut(const CrashPlace& place, Acks& acks) {
  for (int i = 0; i < kPuts; ++i) {
    COFFER_RETURN_IF_ERROR(i % 3 == 2 ? Stream(place, "k", i + 2) : Put(place, "k", i + 2));
    acks.steps[i] = true;
  }
  return Status();
}

void CheckPut(const CrashPlace& place, const Acks& acks) {
  const int done = Acknowledged(acks, kPuts);
  ExpectVersion(place, "k", done + 1, std::min(done + 2, kPuts + 1));
  ExpectOnlyKeys(place, {"k"});
}

void NextPut(const CrashPlace& place) { Put(place, "k", 99).OrDie(); }

void CheckNextPut(const CrashPlace& place) { ExpectVersion(place, "k", 99, 99); }

// Keys that are created if absent, replaced under their generation, and deleted under it: steps
// 3 * key to 3 * key + 2.

constexpr int kConditional = 4;

std::string ConditionalKey(int i) { return "k" + std::to_string(i); }

void PrepareConditional(const CrashPlace& place) { Put(place, "other", 1).OrDie(); }

/// One step for one key: 0 creates, 1 replaces, 2 deletes.
Status ConditionalStep(const CrashPlace& place, const std::string& key, int step) {
  if (step == 0) return Put(place, key, 1, Generation::Missing());
  COFFER_ASSIGN_OR_RETURN(const ReadResult read, place.store->Read(key).Get());
  if (step == 2) return Delete(place, key, read.generation);
  COFFER_RETURN_IF_ERROR(Put(place, key, 2, read.generation));
  COFFER_ASSIGN_OR_RETURN(
      const WriteResult stale,
      place.store->Write(key, BytesChain(Bytes::Copy("stale")), {.if_equal = read.generation})
          .Get());
  EXPECT_EQ(stale.state, WriteResult::State::kConditionNotMet);
  return Status();
}

Status RunConditional(const CrashPlace& place, Acks& acks) {
  for (int i = 0; i < 3 * kConditional; ++i) {
    COFFER_RETURN_IF_ERROR(ConditionalStep(place, ConditionalKey(i / 3), i % 3));
    acks.steps[i] = true;
  }
  return Status();
}

void CheckConditional(const CrashPlace& place, const Acks& acks) {
  const int done = Acknowledged(acks, 3 * kConditional);
  std::set<std::string> allowed = {"other"};
  for (int i = 0; i < kConditional; ++i) {
    const std::string key = ConditionalKey(i);
    const int steps = std::clamp(done - 3 * i, 0, 3);  // Acknowledged ones of this key.
    const bool reached = done >= 3 * i;
    const bool may_be_missing = steps == 0 || steps >= 2;
    const bool missing = !Get(place, key).has_value();
    EXPECT_TRUE(!missing || may_be_missing) << key;
    EXPECT_TRUE(missing || (reached && steps < 3)) << key;
    if (!missing) ExpectVersion(place, key, std::max(steps, 1), std::min(steps + 1, 2));
    if (reached && steps < 3) allowed.insert(key);
  }
  ExpectVersion(place, "other", 1, 1);
  ExpectOnlyKeys(place, allowed);
}

void NextConditional(const CrashPlace& place) {
  for (int i = 0; i < kConditional; ++i) {
    const std::string key = ConditionalKey(i);
    const ReadResult read = place.store->Read(key).Get().OrDie();
    Put(place, key, 9, read.generation).OrDie();
    EXPECT_EQ(Put(place, key, 10, read.generation).code(), StatusCode::kFailedPrecondition);
  }
}

void CheckNextConditional(const CrashPlace& place) {
  for (int i = 0; i < kConditional; ++i) ExpectVersion(place, ConditionalKey(i), 9, 9);
}

// A delete, a delete of a prefix, and a delete of the last key of a directory.

constexpr const char* kDeleted[] = {"d/a",   "e/1",     "e/2",     "e/f/3",
                                    "e/f/4", "e/f/g/5", "e/f/g/6", "g/h/only"};

void PrepareDelete(const CrashPlace& place) {
  for (const char* key : kDeleted) Put(place, key, 1).OrDie();
  Put(place, "d/stays", 1).OrDie();
}

Status RunDelete(const CrashPlace& place, Acks& acks) {
  COFFER_RETURN_IF_ERROR(Delete(place, "d/a"));
  acks.steps[0] = true;
  COFFER_RETURN_IF_ERROR(place.store->DeleteRange(KeyRange::Prefix("e/")).Get());
  acks.steps[1] = true;
  COFFER_RETURN_IF_ERROR(Delete(place, "g/h/only"));
  acks.steps[2] = true;
  return Status();
}

void CheckDelete(const CrashPlace& place, const Acks& acks) {
  const int done = Acknowledged(acks, 3);
  std::set<std::string> allowed = {"d/stays"};
  for (const std::string key : kDeleted) {
    const int step = key.starts_with("d") ? 0 : key.starts_with("e") ? 1 : 2;
    if (step >= done) allowed.insert(key);
    ExpectVersion(place, key, step > done ? 1 : 0, step < done ? 0 : 1);
  }
  ExpectVersion(place, "d/stays", 1, 1);
  ExpectOnlyKeys(place, allowed);
}

void NextDelete(const CrashPlace& place) {
  place.store->DeleteRange(KeyRange::Prefix("e/")).Get().OrDie();
  Put(place, "e/f/3", 9).OrDie();
  Put(place, "g/h/only", 9).OrDie();
}

/// Of the keys that were deleted, those that were written again are there, and no others.
void CheckNextDelete(const CrashPlace& place) {
  ExpectVersion(place, "e/f/3", 9, 9);
  ExpectVersion(place, "g/h/only", 9, 9);
  ExpectOnlyKeys(place, {"d/a", "d/stays", "e/f/3", "g/h/only"});
}

// The same, and then nothing but deletes of the same keys, or of the same prefix, once more: they
// find gone what was removed without a sync, and nothing after them syncs what they did not.

void NextDeleteAgain(const CrashPlace& place) {
  for (const char* key : kDeleted) Delete(place, key).OrDie();
}

void NextRangeAgain(const CrashPlace& place) {
  for (const char* prefix : {"e/f/g/", "e/f/", "e/", "d/a", "g/"}) {
    place.store->DeleteRange(KeyRange::Prefix(prefix)).Get().OrDie();
  }
}

void CheckNextDeleteAgain(const CrashPlace& place) { ExpectOnlyKeys(place, {"d/stays"}); }

// Keys in directories that are made for them, in a root that is made for them.

constexpr const char* kNested[] = {"a/b/c/k", "a/b/x/y/k", "z/k",     "a/k",
                                   "a/b/c/l", "z/y/x/w/k", "z/y/v/k", "u/k"};
constexpr int kNestedCount = 8;

void PrepareNested(const CrashPlace&) {}

Status RunNested(const CrashPlace& place, Acks& acks) {
  for (int i = 0; i < kNestedCount; ++i) {
    COFFER_RETURN_IF_ERROR(Put(place, kNested[i], i + 1));
    acks.steps[i] = true;
  }
  return Status();
}

void CheckNested(const CrashPlace& place, const Acks& acks) {
  const int done = Acknowledged(acks, kNestedCount);
  std::set<std::string> allowed;
  for (int i = 0; i < kNestedCount; ++i) {
    if (i > done) {
      ExpectVersion(place, kNested[i], 0, 0);
    } else if (i < done || Get(place, kNested[i])) {
      ExpectVersion(place, kNested[i], i + 1, i + 1);
    }
    if (i <= done) allowed.insert(kNested[i]);
  }
  ExpectOnlyKeys(place, allowed);
}

void NextNested(const CrashPlace& place) {
  for (const char* key : kNested) Put(place, key, 9).OrDie();
}

void CheckNextNested(const CrashPlace& place) {
  for (const char* key : kNested) ExpectVersion(place, key, 9, 9);
}

// Four writers at once, each of one inner chunk of every shard. Step 3 * writer + shard.

constexpr int64_t kChunk = 64;
constexpr int kWriters = 4;
constexpr int kShards = 3;
constexpr int64_t kElements = kChunk * kWriters * kShards;

std::vector<uint32_t> Elements(uint32_t version, int64_t count) {
  std::vector<uint32_t> elements(static_cast<size_t>(count));
  for (size_t i = 0; i < elements.size(); ++i) {
    elements[i] = version * 1'000'000 + static_cast<uint32_t>(i);
  }
  return elements;
}

Status WriteElements(const Array& array, uint32_t version, int64_t begin, int64_t end) {
  const std::vector<uint32_t> all = Elements(version, end);
  return array.Write(Box::FromSize({begin}, {end - begin}), Ref(all.data() + begin, {end - begin}));
}

Result<std::vector<uint32_t>> ReadElements(const Array& array) {
  std::vector<uint32_t> elements(static_cast<size_t>(array.shape()[0]));
  COFFER_RETURN_IF_ERROR(array.Read(Box::Full(array.shape()), Ref(elements.data(), array.shape())));
  return elements;
}

Result<Array> OpenIn(const CrashPlace& place) {
  return Array::Open(place.store, "a/", {.context = place.context});
}

/// Which version the elements [begin, end) are of; 0: not of one.
uint32_t VersionOf(const std::vector<uint32_t>& elements, int64_t begin, int64_t end) {
  const uint32_t version = elements[static_cast<size_t>(begin)] / 1'000'000;
  const std::vector<uint32_t> whole = Elements(version, end);
  const bool same = std::equal(whole.begin() + begin, whole.end(), elements.begin() + begin);
  return same ? version : 0;
}

void PrepareShards(const CrashPlace& place) {
  const Array array = Array::Create(place.store, "a/",
                                    {.shape = {kElements},
                                     .data_type = DataType::kUint32,
                                     .chunk_shape = {kChunk},
                                     .shard_shape = {kChunk * kWriters},
                                     .context = place.context})
                          .OrDie();
  WriteElements(array, 1, 0, kElements).OrDie();
}

Status RunShards(const CrashPlace& place, Acks& acks) {
  COFFER_ASSIGN_OR_RETURN(const Array array, OpenIn(place));
  std::vector<Status> outcomes(kWriters);
  std::vector<std::thread> writers;
  for (int writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([&, writer] {
      for (int shard = 0; shard < kShards; ++shard) {
        const int64_t begin = (shard * kWriters + writer) * kChunk;
        Status& outcome = outcomes[static_cast<size_t>(writer)];
        outcome = WriteElements(array, 2, begin, begin + kChunk);
        if (!outcome.ok()) return;
        acks.steps[kShards * writer + shard] = true;
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  for (const Status& outcome : outcomes) COFFER_RETURN_IF_ERROR(outcome);
  return Status();
}

/// Nothing but what the dead may leave, and no reader sees.
void ExpectSound(const Result<VerifyReport>& report) {
  ASSERT_TRUE(report.ok()) << report.status();
  const std::set<FindingKind> allowed = {FindingKind::kOutside, FindingKind::kBeyondEdge,
                                         FindingKind::kUnfinished, FindingKind::kDebris};
  for (const VerifyReport::Finding& finding : report->findings) {
    EXPECT_TRUE(allowed.contains(finding.kind)) << finding.key << ": " << finding.reason;
  }
}

void CheckShards(const CrashPlace& place, const Acks& acks) {
  const Result<Array> array = OpenIn(place);
  ASSERT_TRUE(array.ok()) << array.status();
  const Result<std::vector<uint32_t>> elements = ReadElements(*array);
  ASSERT_TRUE(elements.ok()) << elements.status();
  for (int chunk = 0; chunk < kWriters * kShards; ++chunk) {
    const uint32_t version = VersionOf(*elements, chunk * kChunk, (chunk + 1) * kChunk);
    const int step = kShards * (chunk % kWriters) + chunk / kWriters;
    EXPECT_TRUE(version == 2 || (version == 1 && !acks.steps[step]))
        << "chunk " << chunk << " is of version " << version << ", acknowledged "
        << acks.steps[step];
  }
  ExpectOnlyKeys(place, {"a/zarr.json", "a/c/0", "a/c/1", "a/c/2"});
  ExpectSound(VerifyArray(*array, {.deep = true}));
}

void NextShards(const CrashPlace& place) {
  const Array array = OpenIn(place).OrDie();
  WriteElements(array, 3, 10, 300).OrDie();
}

void CheckNextShards(const CrashPlace& place) {
  const Array array = OpenIn(place).OrDie();
  EXPECT_EQ(VersionOf(ReadElements(array).OrDie(), 10, 300), 3u);
}

// An array of chunks becomes smaller: two chunks stay, the second is cut.

constexpr int64_t kLong = 600;
constexpr int64_t kShort = 100;

void PrepareResize(const CrashPlace& place) {
  const Array array = Array::Create(place.store, "a/",
                                    {.shape = {kLong},
                                     .data_type = DataType::kUint32,
                                     .chunk_shape = {kChunk},
                                     .context = place.context})
                          .OrDie();
  WriteElements(array, 1, 0, kLong).OrDie();
}

Status RunResize(const CrashPlace& place, Acks& acks) {
  COFFER_ASSIGN_OR_RETURN(Array array, OpenIn(place));
  COFFER_RETURN_IF_ERROR(array.Resize({kShort}));
  acks.steps[0] = true;
  return Status();
}

/// Grown again, nothing of what was beyond `end` shows.
void ExpectFillBeyond(Array array, int64_t end) {
  array.Resize({kLong}).OrDie();
  const std::vector<uint32_t> elements = ReadElements(array).OrDie();
  EXPECT_TRUE(std::all_of(elements.begin() + end, elements.end(),
                          [](uint32_t element) { return element == 0; }))
      << "old elements show beyond " << end;
}

void CheckResize(const CrashPlace& place, const Acks& acks) {
  const Result<Array> array = OpenIn(place);
  ASSERT_TRUE(array.ok()) << array.status();
  const int64_t size = array->shape()[0];
  ASSERT_TRUE(size == kShort || (size == kLong && !acks.steps[0])) << size;
  const Result<std::vector<uint32_t>> elements = ReadElements(*array);
  ASSERT_TRUE(elements.ok()) << elements.status();
  EXPECT_EQ(VersionOf(*elements, 0, size), 1u);
  std::set<std::string> allowed = {"a/zarr.json", "a/c/0", "a/c/1"};
  for (int64_t i = 2; i * kChunk < kLong && !acks.steps[0]; ++i) {
    allowed.insert("a/c/" + std::to_string(i));
  }
  ExpectOnlyKeys(place, allowed);
  ExpectSound(VerifyArray(*array, {.deep = true}));
}

void NextResize(const CrashPlace& place) {
  Array array = OpenIn(place).OrDie();
  // Also what an interrupted one has left outside goes with the next.
  array.Resize({50}).OrDie();
}

void CheckNextResize(const CrashPlace& place) {
  Array array = OpenIn(place).OrDie();
  EXPECT_EQ(VersionOf(ReadElements(array).OrDie(), 0, 50), 1u);
  ExpectFillBeyond(array, 50);
}

// Checkpoints: a new one, and one over another.

/// Leaves of several shards, a scalar, and a list.
Tree Saved(uint32_t version) {
  Tree tree = Small(version);
  tree.Set("more", Tree::List()
                       .Append(Sample(DataType::kUint8, {2, 40}, version + 2))
                       .Append(Sample(DataType::kFloat64, {4}, version + 3)));
  return tree;
}

Status Save(const CrashPlace& place, uint32_t version, bool overwrite) {
  return checkpoint::Save(
      place.store, "c/", Saved(version),
      {.chunk_bytes = 16, .shard_bytes = 32, .overwrite = overwrite, .context = place.context});
}

/// The version of the checkpoint; 0: none is there.
uint32_t SavedVersion(const CrashPlace& place) {
  const Result<Tree> tree = checkpoint::Restore(place.store, "c/", {.context = place.context});
  if (!tree.ok()) {
    EXPECT_EQ(tree.status().code(), StatusCode::kNotFound) << tree.status();
    return 0;
  }
  const Tree* const step = tree->Find("step");
  const auto version = static_cast<uint32_t>(step != nullptr ? step->int_value() : 0);
  EXPECT_EQ(Difference(Saved(version), *tree), "");
  ExpectSound(checkpoint::Verify(place.store, "c/", {.deep = true}, place.context));
  return version;
}

void PrepareSave(const CrashPlace& place) { Put(place, "beside", 1).OrDie(); }

Status RunSave(const CrashPlace& place, Acks& acks) {
  COFFER_RETURN_IF_ERROR(Save(place, 2, false));
  acks.steps[0] = true;
  return Status();
}

void CheckSave(const CrashPlace& place, const Acks& acks) {
  const uint32_t version = SavedVersion(place);
  EXPECT_TRUE(version == 2 || (version == 0 && !acks.steps[0])) << version;
  ExpectVersion(place, "beside", 1, 1);
  for (const auto& [key, value] : Everything(place)) {
    const bool saved = version == 2 && key.starts_with("c/");
    EXPECT_TRUE(saved || key == "beside" || key.starts_with("c.coffer-tmp-"))
        << key << " shows, which is no part of the checkpoint";
  }
}

void NextSave(const CrashPlace& place) { Save(place, 9, SavedVersion(place) != 0).OrDie(); }

void CheckNextSave(const CrashPlace& place) { EXPECT_EQ(SavedVersion(place), 9u); }

void PrepareOverwrite(const CrashPlace& place) { Save(place, 1, false).OrDie(); }

Status RunOverwrite(const CrashPlace& place, Acks& acks) {
  COFFER_RETURN_IF_ERROR(Save(place, 2, true));
  acks.steps[0] = true;
  return Status();
}

void CheckOverwrite(const CrashPlace& place, const Acks& acks) {
  const uint32_t version = SavedVersion(place);
  EXPECT_TRUE(version == 2 || (version == 1 && !acks.steps[0])) << version;
}

constexpr CrashScenario kScenarios[] = {
    {"put", false, PreparePut, RunPut, CheckPut, NextPut, CheckNextPut},
    {"conditional_put", false, PrepareConditional, RunConditional, CheckConditional,
     NextConditional, CheckNextConditional},
    {"delete", false, PrepareDelete, RunDelete, CheckDelete, NextDelete, CheckNextDelete},
    {"delete_again", false, PrepareDelete, RunDelete, CheckDelete, NextDeleteAgain,
     CheckNextDeleteAgain},
    {"range_again", false, PrepareDelete, RunDelete, CheckDelete, NextRangeAgain,
     CheckNextDeleteAgain},
    {"nested", false, PrepareNested, RunNested, CheckNested, NextNested, CheckNextNested},
    {"resize", false, PrepareResize, RunResize, CheckResize, NextResize, CheckNextResize},
    {"save", false, PrepareSave, RunSave, CheckSave, NextSave, CheckNextSave},
    {"save_over", false, PrepareOverwrite, RunOverwrite, CheckOverwrite, NextSave, CheckNextSave},
    // The only one with threads comes last.
    {"four_writers", true, PrepareShards, RunShards, CheckShards, NextShards, CheckNextShards},
};

}  // namespace

std::span<const CrashScenario> CrashScenarios() { return kScenarios; }
std::span<const CrashScenario> CrashScenariosOfOneThread() {
  return std::span(kScenarios).first(std::size(kScenarios) - 1);
}

void ExpectRecovers(const CrashScenario& scenario, const CrashPlace& place, const Acks& acks,
                    const std::string& what) {
  SCOPED_TRACE(std::string(scenario.name) + ", " + what);
  const std::map<std::string, std::string> before = Everything(place);
  for (int round = 0; round < 2; ++round) {
    scenario.check(place, acks);
    const Result<std::vector<Debris>> cleared =
        place.store->ClearDebris(KeyRange::Prefix("")).Get();
    ASSERT_TRUE(cleared.ok()) << cleared.status();
    EXPECT_TRUE(round == 0 || cleared->empty()) << cleared->front().name << " was left";
    EXPECT_EQ(Everything(place), before) << "recovery has changed what was there";
  }
  scenario.check(place, acks);
  scenario.next(place);
  scenario.check_next(place);
}

}  // namespace coffer::inline v0::testing
