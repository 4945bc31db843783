#include "coffer/testing/driver_conformance.h"

#include <deque>
#include <utility>

#include "coffer/kvstore/stores.h"
#include "src/testing/driver_cases.h"

namespace coffer::inline v0::testing {

Future<WriteResult> WatchedStore::Write(std::string key, std::optional<BytesChain> value,
                                        WriteOptions options) {
  if (before_write) before_write(key, !value.has_value(), options.if_equal);
  const bool creates = conditional_create && options.if_equal.missing();
  if (!conditional && options.if_equal.known() && !creates) {
    return Future<WriteResult>::Ready(
        InvalidArgumentError(Describe(key) + ": this store knows no conditional writes"));
  }
  return base_->Write(std::move(key), std::move(value), std::move(options));
}

Capabilities WatchedStore::capabilities() const {
  Capabilities all = base_->capabilities();
  if (!conditional) {
    all.conditional_write = all.conditional_delete = false;
    all.conditional_create = conditional_create;
  }
  return all;
}

CreateOptions DriverSubject::Options(const Shape& shape, const Shape& chunk_shape) const {
  CreateOptions options{.shape = shape,
                        .data_type = parameters.data_types.front(),
                        .chunk_shape = chunk_shape,
                        .context = context};
  if (parameters.adapt) parameters.adapt(options);
  return options;
}

StoredArrayPtr DriverSubject::Create(const std::string& prefix,
                                     const CreateOptions& options) const {
  Result<StoredArrayPtr> stored = driver.Create(store, prefix, options);
  EXPECT_TRUE(stored.ok()) << stored.status();
  return stored.ok() ? *std::move(stored) : nullptr;
}

StoredArrayPtr DriverSubject::Open(const std::string& prefix) const {
  Result<StoredArrayPtr> stored = driver.Open(store, prefix, context);
  EXPECT_TRUE(stored.ok()) << stored.status();
  return stored.ok() ? *std::move(stored) : nullptr;
}

std::vector<std::string> DriverSubject::Keys() const {
  std::vector<std::string> keys;
  const Result<std::vector<ListEntry>> entries = ListAll(*store);
  EXPECT_TRUE(entries.ok()) << entries.status();
  if (!entries.ok()) return keys;
  for (const ListEntry& entry : *entries) keys.push_back(entry.key);
  return keys;
}

std::string DriverSubject::State() const {
  std::string state;
  for (const std::string& key : Keys()) {
    const Result<ReadResult> read = store->Read(key, {.range = ByteRange::Stat()}).Get();
    state += key + "=" + (read.ok() ? read->generation.value : read.status().ToString()) + " ";
  }
  return state;
}

namespace {

class DriverTest : public ::testing::Test {
 public:
  DriverTest(const DriverConformance& parameters, const DriverCase& test)
      : parameters_(parameters), test_(test) {}
  void TestBody() override {
    const Context context = Context::Create({.threads = 2});
    const std::shared_ptr<const ArrayDriver> made = parameters_.make();
    ASSERT_NE(made, nullptr);
    auto& table = context.Get<DriverTable>();
    const Status added = table.Add(made);  // Unless it is one of coffer's own.
    ASSERT_TRUE(added.ok() || added.code() == StatusCode::kAlreadyExists) << added;
    test_.run({parameters_, context, *table.Find(made->name()).OrDie(), MakeMemoryStore(context)});
  }

 private:
  const DriverConformance& parameters_;
  const DriverCase& test_;
};

}  // namespace

int RegisterDriverConformance(DriverConformance driver) {
  static std::deque<DriverConformance>& all = *new std::deque<DriverConformance>();
  const DriverConformance& parameters = all.emplace_back(std::move(driver));
  int count = 0;
  for (const std::span<const DriverCase> part :
       {DriverNodeCases(), DriverChangeCases(), DriverKeyCases(), DriverArrayCases()}) {
    for (const DriverCase& test : part) {
      ::testing::RegisterTest(
          ("Driver/" + parameters.name).c_str(), test.name, nullptr, nullptr, __FILE__, __LINE__,
          [&parameters, &test]() -> ::testing::Test* { return new DriverTest(parameters, test); });
      ++count;
    }
  }
  return count;
}

}  // namespace coffer::inline v0::testing
