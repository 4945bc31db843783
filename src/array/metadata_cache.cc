#include "src/array/metadata_cache.h"

#include <utility>

#include "src/array/guarded_driver.h"

namespace coffer::inline v0 {
namespace {

constexpr int64_t kDocumentBytesMax = MiB(1);  // A larger one is not kept.

class DocumentView final : public KvStore {
 public:
  DocumentView(KvStorePtr base, ArrayCaches& caches, const std::string& node, MaxStaleness bound)
      : base_(std::move(base)),
        caches_(caches),
        freshness_(caches, node, bound),
        name_of_store_("d" + caches.NameOfStore(base_)) {}

  Future<ReadResult> Read(std::string key, ReadOptions options) override {
    if (!options.if_equal.known() && !options.if_not_equal.known()) {
      if (options.range == ByteRange::All()) {
        return Future<ReadResult>::Ready(ReadDocument(key, std::move(options)));
      }
      if (options.range == ByteRange::Stat()) {
        return Future<ReadResult>::Ready(LookForDocument(key, std::move(options)));
      }
    }
    return base_->Read(std::move(key), std::move(options));
  }
  Future<WriteResult> Write(std::string key, std::optional<BytesChain> value,
                            WriteOptions options) override {
    return base_->Write(std::move(key), std::move(value), std::move(options));
  }
  Result<std::unique_ptr<KvListing>> List(ListOptions options) override {
    return base_->List(std::move(options));
  }
  Capabilities capabilities() const override { return base_->capabilities(); }
  std::string Describe(std::string_view key) const override { return base_->Describe(key); }

 private:
  using Document = std::shared_ptr<const Bytes>;

  // Blocking, as all that drivers do with documents.
  Result<ReadResult> ReadDocument(const std::string& key, ReadOptions options) {
    auto& cache = caches_.documents_and_indexes();
    std::string name = name_of_store_ + base_->Describe(key);
    const RememberedPtr known = cache.Find(name);
    if (known != nullptr) {
      if (TooLarge(*known, options)) return base_->Read(key, options).Get();
      if (freshness_.Allows(known->stamp)) return Answer(*known);
      if (known->value != nullptr) options.if_not_equal = known->generation;
    }
    Remembered answer;
    answer.stamp = caches_.Now();
    COFFER_ASSIGN_OR_RETURN(ReadResult read, base_->Read(key, std::move(options)).Get());
    if (read.state == ReadResult::State::kConditionNotMet && known != nullptr) {
      answer.value = known->value;
      answer.generation = known->generation;
    } else {
      answer.generation =
          read.state == ReadResult::State::kMissing ? Generation::Missing() : read.generation;
      if (read.state == ReadResult::State::kValue) {
        if (!read.generation.known() ||
            static_cast<int64_t>(read.value.size()) > kDocumentBytesMax) {
          return read;
        }
        answer.value = std::make_shared<const Bytes>(Bytes::Copy(read.value.text()));
      }
    }
    Result<ReadResult> result = Answer(answer);
    const int64_t bytes = static_cast<int64_t>(sizeof(Remembered)) + SizeOf(answer);
    cache.Put(std::move(name), std::make_shared<const Remembered>(std::move(answer)), bytes);
    return result;
  }

  Result<ReadResult> LookForDocument(const std::string& key, ReadOptions options) {
    auto& cache = caches_.documents_and_indexes();
    std::string name = name_of_store_ + base_->Describe(key);
    const RememberedPtr known = cache.Find(name);
    if (known != nullptr && freshness_.Allows(known->stamp)) {
      ReadResult result = *Answer(*known);
      result.value = Bytes();
      return result;
    }
    Remembered absent;
    absent.stamp = caches_.Now();
    absent.generation = Generation::Missing();
    COFFER_ASSIGN_OR_RETURN(ReadResult read, base_->Read(key, std::move(options)).Get());
    if (read.state == ReadResult::State::kMissing) {
      cache.Put(std::move(name), std::make_shared<const Remembered>(std::move(absent)),
                static_cast<int64_t>(sizeof(Remembered)));
    }
    return read;
  }

  static int64_t SizeOf(const Remembered& document) {
    const auto* bytes = static_cast<const Bytes*>(document.value.get());
    return bytes == nullptr ? 0 : static_cast<int64_t>(bytes->size());
  }
  static bool TooLarge(const Remembered& document, const ReadOptions& options) {
    return options.max_bytes >= 0 && SizeOf(document) > options.max_bytes;
  }
  static Result<ReadResult> Answer(const Remembered& document) {
    const auto* bytes = static_cast<const Bytes*>(document.value.get());
    ReadResult result;
    result.generation = document.generation;
    if (bytes == nullptr) return result;
    result.state = ReadResult::State::kValue;
    result.value = *bytes;
    result.total_size = SizeOf(document);
    return result;
  }

  const KvStorePtr base_;
  ArrayCaches& caches_;
  const Freshness freshness_;
  const std::string name_of_store_;
};

}  // namespace

KvStorePtr ViewOfDocuments(const Place& place, const OpenOptions& options) {
  return std::make_shared<DocumentView>(place.store, options.context.Get<ArrayCaches>(),
                                        place.store->Describe(place.prefix), options.max_staleness);
}

Result<StoredArrayPtr> OpenThroughCache(const ArrayDriver& driver, const Place& place,
                                        const OpenOptions& options) {
  COFFER_ASSIGN_OR_RETURN(
      StoredArrayPtr stored,
      GuardedDriver(driver).Open(ViewOfDocuments(place, options), place.prefix, options.context));
  // A driver that keeps what it makes gets no view.
  if (stored.use_count() > 1)
    return GuardedDriver(driver).Open(place.store, place.prefix, options.context);
  // Nobody else has seen it: the view ends with the opening.
  const_cast<StoredArray&>(*stored).store = place.store;
  return stored;
}

}  // namespace coffer::inline v0
