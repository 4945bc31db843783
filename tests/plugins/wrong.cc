// A plugin whose stores work, but wrongly, as the host of the URL says: "flip" alters every byte
// of chunks that are read, "forget" drops all but the first value of a chunk, "hide" lists one
// chunk too few. Each URL opens a memory store of its own.
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "coffer/kvstore/stores.h"
#include "coffer/registry/plugin.h"

namespace {

using coffer::Bytes, coffer::Context, coffer::Future, coffer::KvStorePtr, coffer::ListEntry,
    coffer::Result;

bool IsChunk(const std::string& key) { return key.find("/c/") != key.npos; }

/// Lists the base's keys at once, without the last chunk.
class ShortListing final : public coffer::KvListing {
 public:
  explicit ShortListing(std::vector<ListEntry> entries) : entries_(std::move(entries)) {
    for (size_t n = entries_.size(); n-- > 0;) {
      if (!IsChunk(entries_[n].key)) continue;
      entries_.erase(entries_.begin() + static_cast<ptrdiff_t>(n));
      break;
    }
  }
  Future<std::vector<ListEntry>> Next() override {
    return Future<std::vector<ListEntry>>::Ready(std::exchange(entries_, {}));
  }

 private:
  std::vector<ListEntry> entries_;
};

class WrongStore final : public coffer::KvStore {
 public:
  WrongStore(std::string how, KvStorePtr base) : how_(std::move(how)), base_(std::move(base)) {}

  Future<coffer::ReadResult> Read(std::string key, coffer::ReadOptions options) override {
    Result<coffer::ReadResult> read = base_->Read(key, options).Get();
    if (how_ == "flip" && read.ok() && IsChunk(key)) {
      std::string bytes(read->value.text());
      for (char& byte : bytes) byte ^= 1;
      read->value = Bytes::Take(std::move(bytes));
    }
    return Future<coffer::ReadResult>::Ready(std::move(read));
  }
  Future<coffer::WriteResult> Write(std::string key, std::optional<coffer::BytesChain> value,
                                    coffer::WriteOptions options) override {
    if (how_ == "forget" && value && IsChunk(key)) {
      const std::lock_guard lock(mutex_);
      if (!written_.insert(key).second) {
        return Future<coffer::WriteResult>::Ready(coffer::WriteResult{});
      }
    }
    return base_->Write(key, value, options);
  }
  Result<std::unique_ptr<coffer::KvListing>> List(coffer::ListOptions options) override {
    if (how_ != "hide") return base_->List(options);
    COFFER_ASSIGN_OR_RETURN(std::vector<ListEntry> entries, coffer::ListAll(*base_, options));
    return std::make_unique<ShortListing>(std::move(entries));
  }
  coffer::Capabilities capabilities() const override { return base_->capabilities(); }
  std::string Describe(std::string_view key) const override {
    return "wrong://" + how_ + "/" + std::string(key);
  }

 private:
  const std::string how_;
  const KvStorePtr base_;
  std::mutex mutex_;
  std::set<std::string> written_;  // Guarded by mutex_.
};

Result<KvStorePtr> OpenWrong(std::string_view url, const Context& context) {
  std::string how(url.substr(url.find("://") + 3));
  return std::make_shared<WrongStore>(how.substr(0, how.find('/')),
                                      coffer::MakeMemoryStore(context));
}

coffer::Status MakeParts(coffer::PluginParts& parts) {
  parts.stores.push_back({.name = "wrong", .schemes = {"wrong"}, .open_url = OpenWrong});
  return {};
}

}  // namespace

const coffer::Plugin* coffer_register_v0() {
  static const coffer::Plugin plugin{.name = "wrong", .make = MakeParts};
  return &plugin;
}
