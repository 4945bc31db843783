// Values in a sorted map under one mutex.
//
//  * A generation is the number of the write, counted over the process, so that no key ever has the
//    same twice, also not after a delete or in a store of the same name in another context.
//  * A value is copied when it is written and shared when it is read: neither writer nor reader can
//    change what the map holds, and a read copies nothing.
//  * A listing remembers where it was by key, not by position: writers need not wait for it.
#include "kvstore/memory/memory.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <utility>

#include "coffer/kvstore/adapters.h"
#include "coffer/kvstore/answer.h"
#include "coffer/kvstore/stores.h"
#include "src/base/json.h"
#include "src/base/mutex.h"
#include "src/kvstore/spec.h"
#include "src/kvstore/url.h"

namespace coffer::inline v0 {

namespace {

Generation NextGeneration() {
  static std::atomic<uint64_t> count{0};
  return {std::to_string(count.fetch_add(1) + 1)};
}

/// Flatten() shares what is one piece.
Bytes OwnCopy(const BytesChain& value) {
  return value.pieces().size() == 1 ? Bytes::Copy(value.pieces()[0]) : value.Flatten();
}

/// The values of one store; shared by its handles and listings.
struct MemoryValues {
  struct Entry {
    Bytes value;
    Generation generation;
  };
  Mutex mutex;
  std::map<std::string, Entry, std::less<>> entries COFFER_GUARDED_BY(mutex);
};

/// The named stores of a context.
struct NamedMemoryStores {
  std::shared_ptr<MemoryValues> Find(std::string_view name) {
    MutexLock lock(mutex);
    std::shared_ptr<MemoryValues>& values = by_name[std::string(name)];
    if (!values) values = std::make_shared<MemoryValues>();
    return values;
  }
  Mutex mutex;
  std::map<std::string, std::shared_ptr<MemoryValues>> by_name COFFER_GUARDED_BY(mutex);
};

class MemoryListing final : public KvListing {
 public:
  MemoryListing(std::shared_ptr<MemoryValues> values, ListOptions options)
      : values_(std::move(values)), options_(std::move(options)) {}

  Future<std::vector<ListEntry>> Next() override {
    const size_t page_size = std::max<size_t>(options_.page_size, 1);
    std::vector<ListEntry> page;
    MutexLock lock(values_->mutex);
    auto it = values_->entries.lower_bound(next_);
    bool is_folder = false;
    while (page.size() < page_size && it != values_->entries.end() &&
           options_.range.Contains(it->first)) {
      const size_t slash =
          folds_ ? it->first.find('/', options_.range.begin.size()) : std::string::npos;
      is_folder = slash != std::string::npos;
      if (is_folder) {
        page.push_back({it->first.substr(0, slash + 1)});
        it = values_->entries.lower_bound(KeyRange::Prefix(page.back().key).end);
      } else {
        page.push_back({it->first, static_cast<int64_t>(it->second.value.size())});
        ++it;
      }
    }
    if (!page.empty()) {
      next_ = is_folder ? KeyRange::Prefix(page.back().key).end : page.back().key + '\0';
    }
    return Future<std::vector<ListEntry>>::Ready(std::move(page));
  }

 private:
  const std::shared_ptr<MemoryValues> values_;
  const ListOptions options_;
  const bool folds_ = options_.fold && KeyRange::Prefix(options_.range.begin) == options_.range;
  // What comes next is no less. Guarded by the rule that Next() is called by one at a time.
  std::string next_ = options_.range.begin;
};

class MemoryStore final : public KvStore {
 public:
  MemoryStore(std::shared_ptr<MemoryValues> values, std::string name, Context context)
      : values_(std::move(values)), name_(std::move(name)), context_(std::move(context)) {}

  Future<ReadResult> Read(std::string key, ReadOptions options) override {
    if (options.cancel.cancelled()) return Failed<ReadResult>(key, CancelledError("read"));
    ++context_.stats().read_requests;
    MemoryValues::Entry entry;
    {
      MutexLock lock(values_->mutex);
      auto it = values_->entries.find(key);
      if (it == values_->entries.end()) return Future<ReadResult>::Ready(AnswerMissing(options));
      entry = it->second;
    }
    Result<ReadResult> result = AnswerValue(entry.value, entry.generation, options);
    if (!result.ok()) return Failed<ReadResult>(key, result.status());
    context_.stats().bytes_read += static_cast<int64_t>(result->value.size());
    return Future<ReadResult>::Ready(std::move(result));
  }

  Future<WriteResult> Write(std::string key, std::optional<BytesChain> value,
                            WriteOptions options) override {
    if (options.cancel.cancelled()) return Failed<WriteResult>(key, CancelledError("write"));
    ++context_.stats().write_requests;
    if (value) context_.stats().bytes_written += static_cast<int64_t>(value->size());
    MemoryValues::Entry entry;  // The old value, too, is freed outside the lock.
    if (value) entry.value = OwnCopy(*value);
    WriteResult result;
    MutexLock lock(values_->mutex);
    auto it = values_->entries.find(key);
    const bool exists = it != values_->entries.end();
    if (!MayWrite(options, exists ? it->second.generation : Generation::Missing())) {
      result.state = WriteResult::State::kConditionNotMet;
      return Future<WriteResult>::Ready(result);
    }
    if (value) {
      result.generation = entry.generation = NextGeneration();
      std::swap(exists ? it->second : values_->entries[std::move(key)], entry);
    } else {
      result.generation = Generation::Missing();
      if (exists) {
        entry = std::move(it->second);
        values_->entries.erase(it);
      }
    }
    return Future<WriteResult>::Ready(result);
  }

  Result<std::unique_ptr<KvListing>> List(ListOptions options) override {
    return std::make_unique<MemoryListing>(values_, std::move(options));
  }

  Future<void> DeleteRange(KeyRange range) override {
    ++context_.stats().write_requests;
    MutexLock lock(values_->mutex);
    auto it = values_->entries.lower_bound(range.begin);
    while (it != values_->entries.end() && range.Contains(it->first)) {
      it = values_->entries.erase(it);
    }
    return Future<void>::Ready(Status());
  }

  Future<void> RenamePrefix(std::string from, std::string to) override {
    ++context_.stats().write_requests;
    return Future<void>::Ready(Rename(from, to));
  }

  Capabilities capabilities() const override {
    Capabilities can;
    can.local = true;
    can.fold_listing = true;
    can.conditional_write = true;
    can.conditional_delete = true;
    can.atomic_rename = true;
    return can;
  }

  std::string Describe(std::string_view key) const override {
    std::string url = "memory://" + EncodeUrlPath(name_);
    if (!key.empty()) url += "/" + EncodeUrlPath(key);
    return url;
  }

 private:
  template <class T>
  Future<T> Failed(std::string_view key, const Status& status) const {
    return Future<T>::Ready(status.Annotate(Describe(key)));
  }

  Status Rename(const std::string& from, const std::string& to) {
    COFFER_RETURN_IF_ERROR(CheckRename(from, to).Annotate(Describe(from)));
    const KeyRange source = KeyRange::Prefix(from);
    const KeyRange target = KeyRange::Prefix(to);
    MutexLock lock(values_->mutex);
    auto& entries = values_->entries;
    auto taken = entries.lower_bound(target.begin);
    if (taken != entries.end() && target.Contains(taken->first)) {
      return AlreadyExistsError(Describe(to) + ": cannot rename \"" + from +
                                "\" to this prefix, it has keys");
    }
    auto it = entries.lower_bound(source.begin);
    if (it == entries.end() || !source.Contains(it->first)) {
      return NotFoundError(Describe(from) + ": no key has this prefix, nothing to rename");
    }
    while (it != entries.end() && source.Contains(it->first)) {
      auto node = entries.extract(it++);
      node.key() = to + node.key().substr(from.size());
      node.mapped().generation = NextGeneration();
      entries.insert(std::move(node));
    }
    return Status();
  }

  const std::shared_ptr<MemoryValues> values_;
  const std::string name_;
  const Context context_;
};

/// "name" or "name/prefix" in a context.
Result<KvStorePtr> Open(std::string_view path, const Context& context) {
  const size_t slash = path.find('/');
  KvStorePtr store = MakeMemoryStore(path.substr(0, slash), context);
  if (slash == std::string_view::npos) return store;
  std::string prefix(path.substr(slash + 1));
  if (prefix.empty()) return store;
  if (prefix.back() != '/') prefix += '/';
  return MakePrefixStore(std::move(store), std::move(prefix));
}

Result<KvStorePtr> OpenUrl(std::string_view text, const Context& context) {
  COFFER_ASSIGN_OR_RETURN(const Url url, Url::Parse(text));
  return Open(url.authority + url.path, context);
}

Result<KvStorePtr> OpenJson(std::string_view text, const Context& context) {
  COFFER_ASSIGN_OR_RETURN(const Json spec, Json::Parse(text));
  COFFER_RETURN_IF_ERROR(CheckSpecMembers(spec, "$", {"driver", "path"},
                                          {"atomic", "memory_key_value_store", "context"}));
  std::string path;
  if (const Json* member = spec.Find("path")) {
    COFFER_ASSIGN_OR_RETURN(path, member->AsString("$.path"));
  }
  return Open(path, context);
}

}  // namespace

KvStorePtr MakeMemoryStore(const Context& context) {
  return std::make_shared<MemoryStore>(std::make_shared<MemoryValues>(), "", context);
}

KvStorePtr MakeMemoryStore(std::string_view name, const Context& context) {
  return std::make_shared<MemoryStore>(context.Get<NamedMemoryStores>().Find(name),
                                       std::string(name), context);
}

StoreDriver MemoryStoreDriver() {
  return {.name = "memory", .schemes = {"memory"}, .open_url = OpenUrl, .open_json = OpenJson};
}

}  // namespace coffer::inline v0
