#include "coffer/testing/kvstore_conformance.h"

#include <deque>

#include "src/testing/kvstore_cases.h"

namespace coffer::inline v0::testing {

KvSubject MakeKvSubject(const KvStoreConformance& parameters) {
  if (parameters.make_read_only) {
    ReadOnlyKvStore made = parameters.make_read_only();
    return {std::move(made.store), std::move(made.writer), parameters};
  }
  const KvStorePtr store = parameters.make();
  return {store, store, parameters};
}

Generation KvSubject::Put(const std::string& key, std::string_view text) const {
  const Result<WriteResult> written = writer->Write(key, Bytes::Copy(text)).Get();
  if (!written.ok()) {
    ADD_FAILURE() << written.status();
    return Generation::Unknown();
  }
  EXPECT_EQ(written->state, WriteResult::State::kWritten);
  EXPECT_TRUE(written->generation.known());
  EXPECT_FALSE(written->generation.missing());
  if (!read_only()) return written->generation;
  const Result<ReadResult> stat = store->Read(key, {.range = ByteRange::Stat()}).Get();
  if (!stat.ok() || stat->state != ReadResult::State::kValue || !stat->generation.known()) {
    ADD_FAILURE() << store->Describe(key) << ": put, but not shown: " << stat.status();
    return Generation::Unknown();
  }
  return stat->generation;
}

std::string KvSubject::Get(const std::string& key, ReadOptions options) const {
  const Result<ReadResult> read = store->Read(key, std::move(options)).Get();
  if (!read.ok()) return read.status().ToString();
  switch (read->state) {
    case ReadResult::State::kMissing:
      return "(missing)";
    case ReadResult::State::kConditionNotMet:
      return "(condition not met)";
    case ReadResult::State::kValue:
      break;
  }
  return std::string(read->value.text());
}

std::string KvSubject::Write(const std::string& key, std::optional<std::string_view> text,
                             WriteOptions options) const {
  std::optional<BytesChain> value;
  if (text) value.emplace(Bytes::Copy(*text));
  const Result<WriteResult> written =
      writer->Write(key, std::move(value), std::move(options)).Get();
  if (!written.ok()) return written.status().ToString();
  return written->state == WriteResult::State::kWritten ? "written" : "(condition not met)";
}

StatusCode KvSubject::ReadCode(const std::string& key, ReadOptions options) const {
  return store->Read(key, std::move(options)).Get().status().code();
}

std::vector<std::string> KvSubject::Keys(KeyRange range, size_t page_size) const {
  const Result<std::vector<ListEntry>> entries =
      ListAll(*store, {.range = std::move(range), .page_size = page_size});
  if (!entries.ok()) return {entries.status().ToString()};
  std::vector<std::string> keys;
  for (const ListEntry& entry : *entries) keys.push_back(entry.key);
  return keys;
}

namespace {

Status TryChange(KvStore& store, KvChange change, const std::string& key, WriteOptions options) {
  switch (change) {
    case KvChange::kWrite:
      return store.Write(key, Bytes::Copy("new"), std::move(options)).Get().status();
    case KvChange::kDelete:
      return store.Write(key, std::nullopt, std::move(options)).Get().status();
    case KvChange::kOpenWriter:
      return store.OpenWriter(key, std::move(options)).status();
    case KvChange::kDeleteRange:
      return store.DeleteRange(KeyRange::Prefix(key)).Get();
    case KvChange::kRename:
      return store.RenamePrefix(key + "/", "new/").Get();
    case KvChange::kNone:
      break;
  }
  return Status();
}

}  // namespace

void ExpectChangeIsRefused(const KvSubject& s, KvChange change) {
  s.Put("b/k/l", "other");
  const Generation generation = s.Put("a/k", "value");  // Of other keys' writes it may depend, too.
  for (const std::string key : {"a/k", "absent", "b/k"}) {
    for (const Generation& condition : {Generation::Unknown(), Generation::Missing(), generation}) {
      const Status status = TryChange(*s.store, change, key, {.if_equal = condition});
      EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition) << key << ": " << status;
      EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr(s->Describe(key)));
      EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("read-only"));
    }
  }
  EXPECT_EQ(s.Get("a/k", {.if_equal = generation}), "value");
  EXPECT_EQ(s.Get("b/k/l"), "other");
  EXPECT_EQ(s.Get("absent"), "(missing)");
}

namespace {

/// A part of the suite; `lists` says that its cases need a store that can list.
struct Part {
  std::span<const KvCase> cases;
  bool lists = false;
};

/// What a store that cannot list does in place of a case that lists.
void ExpectListingIsRefused(const KvSubject& s) {
  s.Put("a/b", "v");
  EXPECT_EQ(s->List().status().code(), StatusCode::kUnimplemented);
  EXPECT_EQ(s->DeleteRange(KeyRange::Prefix("a/")).Get().code(),
            s.read_only() ? StatusCode::kFailedPrecondition : StatusCode::kUnimplemented);
  EXPECT_EQ(s.Get("a/b"), "v");
}

class ConformanceTest : public ::testing::Test {
 public:
  ConformanceTest(const KvStoreConformance& parameters, const KvCase& test, bool lists)
      : parameters_(parameters), test_(test), lists_(lists) {}
  void TestBody() override {
    const KvSubject subject = MakeKvSubject(parameters_);
    ASSERT_NE(subject.store, nullptr);
    ASSERT_NE(subject.writer, nullptr);
    if (subject.read_only() && test_.changes != KvChange::kNone) {
      return ExpectChangeIsRefused(subject, test_.changes);
    }
    if (lists_ && !subject->capabilities().listable) return ExpectListingIsRefused(subject);
    test_.run(subject);
  }

 private:
  const KvStoreConformance& parameters_;
  const KvCase& test_;
  const bool lists_;
};

}  // namespace

int RegisterKvStoreConformance(KvStoreConformance store) {
  static std::deque<KvStoreConformance>& all = *new std::deque<KvStoreConformance>();
  const KvStoreConformance& parameters = all.emplace_back(std::move(store));
  int count = 0;
  for (const Part& part :
       {Part{KvReadCases()}, Part{KvReadManyCases()}, Part{KvWriteCases()}, Part{KvWriterCases()},
        Part{KvTreeCases(), true}, Part{KvThreadCases()}}) {
    for (const KvCase& test : part.cases) {
      ::testing::RegisterTest(("KvStore/" + parameters.name).c_str(), test.name, nullptr, nullptr,
                              __FILE__, __LINE__,
                              [&parameters, &test, lists = part.lists]() -> ::testing::Test* {
                                return new ConformanceTest(parameters, test, lists);
                              });
      ++count;
    }
  }
  return count;
}

}  // namespace coffer::inline v0::testing
