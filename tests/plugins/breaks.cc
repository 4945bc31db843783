// A plugin that works until it is told where to break: "throw-Read" throws a std::exception in
// Read, "int-Read" something else, "mute-Read" one without a text, "memory-Read" bad_alloc, and
// "null-Read" returns a null. A store is told by the host of its URL or in its spec, a codec by its
// configuration, an array driver by the name of the store and place. The stores are memory, or the
// folder that is the URL's path; one that is told "unlisted" cannot list.
#include <algorithm>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "coffer/kvstore/stores.h"
#include "coffer/registry/plugin.h"

namespace {

using coffer::Context, coffer::DriverTable, coffer::Future, coffer::KvStorePtr, coffer::Result,
    coffer::Status, coffer::StoredArrayPtr, coffer::StoredGroup;

bool Says(std::string_view text, const std::string& what) {
  const size_t at = text.find(what);
  if (at == text.npos) return false;
  const std::string_view rest = text.substr(at + what.size());
  return rest.empty() || rest[0] == '/' || rest[0] == '"';
}

struct Mute : std::exception {
  const char* what() const noexcept override { return nullptr; }
};

/// Throws, or says whether a null is to be returned.
bool Breaks(std::string_view how, const std::string& where) {
  if (Says(how, "throw-" + where)) throw std::runtime_error(where + " broke");
  if (Says(how, "int-" + where)) throw 7;
  if (Says(how, "mute-" + where)) throw Mute();
  if (Says(how, "memory-" + where)) throw std::bad_alloc();
  return Says(how, "null-" + where);
}

class Listing final : public coffer::KvListing {
 public:
  Listing(std::string how, std::unique_ptr<KvListing> base)
      : how_(std::move(how)), base_(std::move(base)) {}
  Future<std::vector<coffer::ListEntry>> Next() override {
    if (Breaks(how_, "Next")) return {};
    return base_->Next();
  }

 private:
  const std::string how_;
  const std::unique_ptr<KvListing> base_;
};

class Writer final : public coffer::KvWriter {
 public:
  Writer(std::string how, std::unique_ptr<KvWriter> base)
      : how_(std::move(how)), base_(std::move(base)) {}
  Status Append(std::span<const std::byte> bytes) override {
    Breaks(how_, "Append");
    return base_->Append(bytes);
  }
  Future<coffer::WriteResult> Commit() override {
    if (Breaks(how_, "Commit")) return {};
    return base_->Commit();
  }

 private:
  const std::string how_;
  const std::unique_ptr<KvWriter> base_;
};

/// Leaves to the defaults what it can.
class Store : public coffer::KvStore {
 public:
  Store(std::string how, KvStorePtr base) : how_(std::move(how)), base_(std::move(base)) {}

  Future<coffer::ReadResult> Read(std::string key, coffer::ReadOptions options) override {
    if (Breaks(how_, "Read")) return {};
    return base_->Read(key, options);
  }
  Future<coffer::WriteResult> Write(std::string key, std::optional<coffer::BytesChain> value,
                                    coffer::WriteOptions options) override {
    if (Breaks(how_, value ? "Write" : "Delete")) return {};
    return base_->Write(key, value, options);
  }
  Result<std::unique_ptr<coffer::KvListing>> List(coffer::ListOptions options) override {
    if (Breaks(how_, "List")) return std::unique_ptr<coffer::KvListing>();
    if (Says(how_, "unlisted")) return KvStore::List(options);
    COFFER_ASSIGN_OR_RETURN(auto listing, base_->List(options));
    return std::make_unique<Listing>(how_, std::move(listing));
  }
  coffer::Capabilities capabilities() const override {
    Breaks(how_, "capabilities");
    coffer::Capabilities can = base_->capabilities();
    can.listable = !Says(how_, "unlisted");
    return can;
  }
  std::string Describe(std::string_view key) const override {
    Breaks(how_, "Describe");
    return "breaks:" + std::string(key);
  }

 protected:
  const std::string how_;
  const KvStorePtr base_;
};

class WholeStore final : public Store {
 public:
  using Store::Store;
  Future<coffer::ReadResult> ReadInto(std::string key, std::span<std::byte> destination,
                                      coffer::ReadOptions options) override {
    if (Breaks(how_, "ReadInto")) return {};
    return base_->ReadInto(key, destination, options);
  }
  Future<coffer::ReadRangesResult> ReadRanges(std::string key,
                                              std::vector<coffer::ByteRange> ranges,
                                              coffer::ReadOptions options) override {
    if (Breaks(how_, "ReadRanges")) return {};
    return base_->ReadRanges(key, ranges, options);
  }
  Result<std::unique_ptr<coffer::KvWriter>> OpenWriter(std::string key,
                                                       coffer::WriteOptions options) override {
    if (Breaks(how_, "OpenWriter")) return std::unique_ptr<coffer::KvWriter>();
    COFFER_ASSIGN_OR_RETURN(auto writer, base_->OpenWriter(key, options));
    return std::make_unique<Writer>(how_, std::move(writer));
  }
  Future<void> DeleteRange(coffer::KeyRange range) override {
    if (Breaks(how_, "DeleteRange")) return {};
    return base_->DeleteRange(range);
  }
  Future<void> RenamePrefix(std::string from, std::string to) override {
    if (Breaks(how_, "RenamePrefix")) return {};
    return base_->RenamePrefix(from, to);
  }
  Future<std::vector<coffer::Debris>> ClearDebris(coffer::KeyRange range,
                                                  coffer::ClearDebrisOptions options) override {
    if (Breaks(how_, "ClearDebris")) return {};
    return base_->ClearDebris(range, options);
  }
};

template <class S>
Result<KvStorePtr> OpenStore(std::string_view text, const Context& context) {
  if (Breaks(text, "open")) return KvStorePtr();
  const size_t host = text.find("://");
  const size_t path = host == text.npos ? host : text.find('/', host + 3);
  KvStorePtr base = coffer::MakeMemoryStore(context);
  if (path != text.npos) {
    COFFER_ASSIGN_OR_RETURN(base, coffer::MakeFileStore(text.substr(path), {}, context));
  }
  return std::make_shared<S>(std::string(text), std::move(base));
}

/// Leaves the bytes as they are.
class BoundCopy final : public coffer::BoundBytesToBytes {
 public:
  BoundCopy(std::string how, int64_t size) : how_(std::move(how)), size_(size) {}
  int64_t max_encoded_size() const override { return size_; }
  bool fixed_size() const override { return true; }
  Result<size_t> Encode(std::span<const std::byte> in, std::span<std::byte> out) const override {
    Breaks(how_, "Encode");
    std::copy(in.begin(), in.end(), out.begin());
    return in.size();
  }
  Result<size_t> Decode(std::span<const std::byte> in, std::span<std::byte> out) const override {
    Breaks(how_, "Decode");
    std::copy(in.begin(), in.end(), out.begin());
    return in.size();
  }

 private:
  const std::string how_;
  const int64_t size_;
};

class CopyCodec final : public coffer::Codec {
 public:
  explicit CopyCodec(std::string_view how) : how_(how) {}
  Kind kind() const override { return Kind::kBytesToBytes; }
  std::string name() const override { return "breaks"; }
  std::string configuration() const override { return how_; }
  Result<std::unique_ptr<coffer::BoundBytesToBytes>> BindBytesToBytes(int64_t size) const override {
    if (Breaks(how_, "Bind")) return std::unique_ptr<coffer::BoundBytesToBytes>();
    return std::make_unique<BoundCopy>(how_, size);
  }

 private:
  const std::string how_;
};

Result<coffer::CodecPtr> MakeCodec(std::string_view configuration, const coffer::CodecTable&) {
  if (Breaks(configuration, "make")) return coffer::CodecPtr();
  return std::make_shared<CopyCodec>(configuration);
}

/// zarr3 by another name.
class Driver final : public coffer::ArrayDriver {
 public:
  std::string_view name() const override { return "breaks"; }
  Result<coffer::NodeKind> Find(const KvStorePtr& store, const std::string& prefix) const override {
    Breaks(store->Describe(prefix), "Find");
    return zarr3().Find(store, prefix);
  }
  Result<StoredArrayPtr> Open(const KvStorePtr& store, const std::string& prefix,
                              const Context& context) const override {
    if (Breaks(store->Describe(prefix), "Open")) return StoredArrayPtr();
    return Own(zarr3().Open(store, prefix, context), store->Describe(prefix));
  }
  Result<StoredArrayPtr> Create(const KvStorePtr& store, const std::string& prefix,
                                const coffer::CreateOptions& options) const override {
    if (Breaks(store->Describe(prefix), "Create")) return StoredArrayPtr();
    return Own(zarr3().Create(store, prefix, options), store->Describe(prefix));
  }
  Result<StoredArrayPtr> Update(const coffer::StoredArray& stored,
                                const std::optional<coffer::Shape>& shape,
                                const std::optional<std::string>& attributes,
                                const Context& context) const override {
    if (Breaks(stored.Describe(stored.prefix), "Update")) return StoredArrayPtr();
    return Own(zarr3().Update(stored, shape, attributes, context), "");
  }
  Result<StoredGroup> OpenGroup(const KvStorePtr& store, const std::string& prefix) const override {
    Breaks(store->Describe(prefix), "OpenGroup");
    return zarr3().OpenGroup(store, prefix);
  }
  Result<StoredGroup> CreateGroup(const KvStorePtr& store, const std::string& prefix,
                                  const coffer::GroupOptions& options) const override {
    Breaks(store->Describe(prefix), "CreateGroup");
    return zarr3().CreateGroup(store, prefix, options);
  }
  Result<StoredGroup> UpdateGroup(const KvStorePtr& store, const std::string& prefix,
                                  std::string_view attributes) const override {
    Breaks(store->Describe(prefix), "UpdateGroup");
    return zarr3().UpdateGroup(store, prefix, attributes);
  }
  Result<coffer::GroupSnapshotPtr> ReadSnapshot(const KvStorePtr& store,
                                                const std::string& prefix) const override {
    Breaks(store->Describe(prefix), "ReadSnapshot");
    if (!Says(store->Describe(prefix), "snapshot")) return coffer::GroupSnapshotPtr();
    coffer::GroupSnapshot snapshot;
    for (const std::string name : {"throw-OpenSnapshot", "null-OpenSnapshot"}) {
      snapshot.nodes[name].kind = coffer::NodeKind::kArray;
    }
    return std::make_shared<const coffer::GroupSnapshot>(std::move(snapshot));
  }
  Result<StoredArrayPtr> OpenSnapshot(const KvStorePtr& store, const std::string& prefix,
                                      const coffer::NodeSnapshot& node,
                                      const Context& context) const override {
    if (Breaks(store->Describe(prefix), "OpenSnapshot")) return StoredArrayPtr();
    return zarr3().OpenSnapshot(store, prefix, node, context);
  }
  std::optional<std::string> NodeOfKey(std::string_view key) const override {
    Breaks(key, "NodeOfKey");
    return zarr3().NodeOfKey(key);
  }
  bool IsNodeName(std::string_view name) const override {
    Breaks(name, "IsNodeName");
    return zarr3().IsNodeName(name);
  }

 private:
  static const ArrayDriver& zarr3() { return **DriverTable::Process().Find("zarr3"); }

  /// Nobody else has seen the array: it becomes this driver's.
  Result<StoredArrayPtr> Own(Result<StoredArrayPtr> stored, std::string_view how) const {
    if (!stored.ok()) return stored;
    const_cast<coffer::StoredArray&>(**stored).driver = this;
    if (Breaks(how, "chain")) const_cast<coffer::StoredArray&>(**stored).chain = nullptr;
    return stored;
  }
};

Status MakeParts(coffer::PluginParts& parts) {
  parts.stores.push_back({.name = "breaks",
                          .schemes = {"breaks"},
                          .open_url = OpenStore<WholeStore>,
                          .open_json = OpenStore<WholeStore>});
  parts.stores.push_back(
      {.name = "defaults", .schemes = {"defaults"}, .open_url = OpenStore<Store>});
  parts.codecs.push_back({"breaks", MakeCodec});
  parts.drivers.push_back(std::make_shared<Driver>());
  return {};
}

}  // namespace

const coffer::Plugin* coffer_register_v0() {
  static const coffer::Plugin plugin{.name = "breaks", .make = MakeParts};
  return &plugin;
}
