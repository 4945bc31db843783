// The members of a zip archive as keys. How a directory is parsed is told in directory.cc, how it
// is read and kept in archive.cc, how a member is read in read.cc.
//
// A listing shows the directory that was the newest when its first page was made.
#include "kvstore/zip/zip.h"

#include <algorithm>
#include <string>
#include <utility>

#include "coffer/kvstore/adapters.h"
#include "coffer/kvstore/answer.h"
#include "kvstore/zip/archive.h"
#include "kvstore/zip/read.h"
#include "src/base/json.h"
#include "src/kvstore/spec.h"
#include "src/kvstore/url.h"

namespace coffer::inline v0 {

namespace {

using Page = std::vector<ListEntry>;

/// Where a listing is.
struct ZipCursor {
  explicit ZipCursor(ListOptions options_in) : options(std::move(options_in)) {}

  Page Next();

  const ListOptions options;
  const bool folds = options.fold && KeyRange::Prefix(options.range.begin) == options.range;
  ZipVersionPtr version;
  size_t next = 0;  // Of its members.
};

Page ZipCursor::Next() {
  const ZipDirectory& directory = *version->directory;
  const auto all = directory.entries();
  Page page;
  while (page.size() < std::max<size_t>(options.page_size, 1) && next < all.size()) {
    const std::string key(directory.name(all[next]));
    if (!options.range.Contains(key)) break;
    const size_t slash = folds ? key.find('/', options.range.begin.size()) : std::string::npos;
    if (slash == std::string::npos) {
      page.push_back({key, all[next].size});
      ++next;
      continue;
    }
    page.push_back({key.substr(0, slash + 1)});
    const std::string behind = KeyRange::Prefix(page.back().key).end;
    next = behind.empty() ? all.size() : directory.LowerBound(behind);
  }
  return page;
}

class ZipListing final : public KvListing {
 public:
  ZipListing(std::shared_ptr<ZipArchive> archive, ListOptions options)
      : archive_(std::move(archive)), cursor_(std::make_shared<ZipCursor>(std::move(options))) {}

  Future<Page> Next() override {
    if (cursor_->version != nullptr) return Future<Page>::Ready(cursor_->Next());
    const Promise<Page> promise(archive_->context().shared_executor());
    const auto show = [promise, cursor = cursor_](const Result<ZipArchive::Opened>& opened) {
      if (!opened.ok()) return void(promise.Set(opened.status()));
      cursor->version = opened->version;
      cursor->next = cursor->version->directory->LowerBound(cursor->options.range.begin);
      promise.Set(cursor->Next());
    };
    archive_->OpenNewest({.future = promise.cancel_token()}, show);
    return promise.future();
  }

 private:
  const std::shared_ptr<ZipArchive> archive_;
  const std::shared_ptr<ZipCursor> cursor_;  // Guarded by the rule of one call at a time.
};

class ZipStore final : public KvStore {
 public:
  ZipStore(KvStorePtr base, std::string key, const Context& context)
      : archive_(std::make_shared<ZipArchive>(std::move(base), std::move(key), context)) {}

  Future<ReadResult> Read(std::string key, ReadOptions options) override {
    return ReadOne(std::move(key), std::nullopt, std::move(options));
  }
  Future<ReadResult> ReadInto(std::string key, std::span<std::byte> destination,
                              ReadOptions options) override {
    return ReadOne(std::move(key), destination, std::move(options));
  }
  Future<ReadRangesResult> ReadRanges(std::string key, std::vector<ByteRange> ranges,
                                      ReadOptions options) override {
    return Start<ReadRangesResult>(std::move(key), std::move(ranges), std::nullopt,
                                   std::move(options), [](const ZipReadAnswer& answer) {
                                     return ReadRangesResult{answer.state, answer.values,
                                                             answer.generation};
                                   });
  }
  Future<WriteResult> Write(std::string key, std::optional<BytesChain>, WriteOptions) override {
    return Future<WriteResult>::Ready(ReadOnlyError(Describe(key)));
  }
  Result<std::unique_ptr<KvListing>> List(ListOptions options) override {
    return std::make_unique<ZipListing>(archive_, std::move(options));
  }
  Capabilities capabilities() const override {
    const Capabilities base = archive_->base().capabilities();
    Capabilities can;
    can.local = base.local;
    can.writable = false;
    can.fold_listing = true;
    can.coalesce_gap_bytes = base.coalesce_gap_bytes;
    can.coalesce_size_max_bytes = base.coalesce_size_max_bytes;
    can.request_concurrency = base.request_concurrency;
    return can;
  }
  std::string Describe(std::string_view key) const override {
    return archive_->Describe() + "|zip:" + EncodeUrlPath(key);
  }

 private:
  /// Calls convert(answer) for what the future is to have.
  template <class T, class F>
  Future<T> Start(std::string key, std::vector<ByteRange> ranges,
                  std::optional<std::span<std::byte>> destination, ReadOptions options, F convert) {
    const Promise<T> promise(archive_->context().shared_executor());
    ZipReadRequest request = {.name = Describe(key),
                              .ranges = std::move(ranges),
                              .destination = destination,
                              .options = std::move(options),
                              .cancel = promise.cancel_token()};
    request.key = std::move(key);
    ReadZipMember(archive_, std::move(request),
                  [promise, convert](const Result<ZipReadAnswer>& answer) {
                    if (!answer.ok()) return void(promise.Set(answer.status()));
                    promise.Set(convert(*answer));
                  });
    return promise.future();
  }

  Future<ReadResult> ReadOne(std::string key, std::optional<std::span<std::byte>> destination,
                             ReadOptions options) {
    const ByteRange range = options.range;
    return Start<ReadResult>(
        std::move(key), {range}, destination, std::move(options), [](const ZipReadAnswer& answer) {
          return ReadResult{answer.state, answer.values.empty() ? Bytes() : answer.values[0],
                            answer.generation, answer.total_size};
        });
  }

  const std::shared_ptr<ZipArchive> archive_;
};

Result<KvStorePtr> Open(std::string_view base, std::string prefix, const Context& context) {
  COFFER_ASSIGN_OR_RETURN(KvStoreKey archive, OpenKvStoreKey(base, context));
  KvStorePtr store = MakeZipStore(std::move(archive.store), std::move(archive.key), context);
  if (prefix.empty()) return store;
  if (prefix.back() != '/') prefix += '/';
  return MakePrefixStore(std::move(store), std::move(prefix));
}

Result<KvStorePtr> OpenAdapter(std::string_view base, std::string_view path,
                               const Context& context) {
  return Open(base, std::string(path), context);
}

Result<KvStorePtr> OpenJson(std::string_view text, const Context& context) {
  COFFER_ASSIGN_OR_RETURN(const Json spec, Json::Parse(text));
  COFFER_RETURN_IF_ERROR(CheckSpecMembers(spec, "$", {"driver", "base", "path"},
                                          {"cache_pool", "data_copy_concurrency", "context"}));
  const Json* base = spec.Find("base");
  if (base == nullptr) {
    return InvalidArgumentError("at $: the spec of a zip store needs the member \"base\"");
  }
  if (!base->is_string() && !base->is_object()) {
    return base->Unexpected("$.base", "a URL or spec that names the archive");
  }
  std::string path;
  if (const Json* member = spec.Find("path")) {
    COFFER_ASSIGN_OR_RETURN(path, member->AsString("$.path"));
  }
  return Open(base->is_string() ? base->string() : base->Dump(), std::move(path), context);
}

}  // namespace

KvStorePtr MakeZipStore(KvStorePtr base, std::string key, const Context& context) {
  return std::make_shared<ZipStore>(std::move(base), std::move(key), context);
}

StoreDriver ZipStoreDriver() {
  return {.name = "zip", .open_json = OpenJson, .open_adapter = OpenAdapter};
}

}  // namespace coffer::inline v0
