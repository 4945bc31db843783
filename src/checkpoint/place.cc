#include "src/checkpoint/place.h"

#include <algorithm>
#include <charconv>
#include <random>

#include "coffer/kvstore/answer.h"
#include "coffer/kvstore/store_table.h"
#include "src/array/node.h"
#include "src/base/json.h"
#include "src/base/shown.h"
#include "src/kvstore/url.h"

namespace coffer::inline v0 {
namespace {

constexpr std::string_view kStagingInfix = ".coffer-tmp-";
constexpr size_t kIdDigits = 16;

struct ParentAndName {
  std::string parent;
  std::string name;  // Percent-decoded; empty for the root of a store.
};

std::string_view WithoutSlashes(std::string_view text) {
  while (text.ends_with('/')) text.remove_suffix(1);
  return text;
}

Result<ParentAndName> SplitUrl(std::string_view url) {
  // A query of a web server is no part of the path, and goes with the parent.
  const std::string scheme = UrlScheme(url);
  const bool of_web = scheme == "http" || scheme == "https";
  const std::string query(url.substr(of_web ? std::min(url.find('?'), url.size()) : url.size()));
  url.remove_suffix(query.size());
  const size_t authority = url.find("://") + 3;
  const size_t path = url.find('/', authority);
  const std::string_view trimmed =
      path == std::string_view::npos ? url : WithoutSlashes(url.substr(path));
  if (path == std::string_view::npos || trimmed.empty()) {
    return ParentAndName{std::string(url) + query, ""};
  }
  const size_t slash = path + trimmed.rfind('/');
  const std::string_view name = url.substr(slash + 1, path + trimmed.size() - slash - 1);
  COFFER_ASSIGN_OR_RETURN(const Url decoded, Url::Parse("x:///" + std::string(name)));
  return ParentAndName{std::string(url.substr(0, slash + 1)) + query, decoded.path.substr(1)};
}

/// "BASE|NAME:PATH": the store may be one that is made of BASE.
Result<ParentAndName> SplitAdapted(std::string_view text) {
  const std::string_view path = UrlAdapter::Find(text)->path;
  const std::string_view trimmed = WithoutSlashes(path);
  const size_t name = trimmed.rfind('/') + 1;  // 0 where there is none.
  COFFER_ASSIGN_OR_RETURN(std::string decoded, DecodeUrlPath(text, trimmed.substr(name)));
  return ParentAndName{std::string(text.substr(0, text.size() - path.size() + name)),
                       std::move(decoded)};
}

ParentAndName SplitPath(std::string_view path) {
  const std::string_view trimmed = WithoutSlashes(path);
  if (trimmed.empty()) return {std::string(path), ""};
  const size_t slash = trimmed.rfind('/');
  if (slash == std::string_view::npos) return {".", std::string(trimmed)};
  return {std::string(trimmed.substr(0, slash + 1)), std::string(trimmed.substr(slash + 1))};
}

Result<ParentAndName> SplitSpec(std::string_view text) {
  COFFER_ASSIGN_OR_RETURN(Json spec, Json::Parse(text));
  if (spec.Find("kvstore") != nullptr) {
    return InvalidArgumentError(
        "at $.kvstore: a checkpoint is a place in a store: give the spec "
        "of the store alone");
  }
  const Json* path = spec.Find("path");
  if (path == nullptr) return ParentAndName{std::string(text), ""};
  COFFER_ASSIGN_OR_RETURN(const std::string whole, path->AsString("$.path"));
  ParentAndName split = SplitPath(whole);
  if (const Json* driver = spec.Find("driver"); split.parent == "." && driver != nullptr) {
    // The first segment names a memory store, as in its URLs; only among files it is in a folder.
    if (*driver == Json("memory")) return ParentAndName{std::string(text), ""};
    if (*driver != Json("file")) split.parent.clear();
  }
  spec.Set("path", Json(split.parent));
  return ParentAndName{spec.Dump(), std::move(split.name)};
}

Result<ParentAndName> Split(std::string_view place, const Context& context) {
  if (place.starts_with('{')) return SplitSpec(place);
  if (context.Get<StoreTable>().IsAdapted(place)) return SplitAdapted(place);
  if (place.find('|') != std::string_view::npos) {
    return InvalidArgumentError(ShownPlace(place) +
                                ": a checkpoint is a place in a store, and what stands behind "
                                "\"|\" opens none");
  }
  return UrlScheme(place).empty() ? SplitPath(place) : SplitUrl(place);
}

Status NothingComplete(const CheckpointPlace& place) {
  const std::string where = place.Describe();
  if (IsStagingPrefix(place.prefix)) {
    return NotFoundError(where + ": an unfinished save, not a checkpoint");
  }
  Result<std::unique_ptr<KvListing>> listing =
      place.store->List({.range = KeyRange::Prefix(place.prefix), .page_size = 1});
  const Result<std::vector<ListEntry>> page =
      listing.ok() ? (*listing)->Next().Get() : listing.status();
  if (WasNotAnswered(page.status())) return page.status();
  if (page.ok() && !page->empty()) {
    return NotFoundError(where + ": no checkpoint: what is there has no commit marker");
  }
  return NotFoundError(where + ": no checkpoint: nothing is there");
}

/// What the document promised and is not so: the stored bytes are wrong, whatever the code said.
Status AsDataLoss(const Status& status) {
  switch (status.code()) {
    case StatusCode::kNotFound:
    case StatusCode::kInvalidArgument:
    case StatusCode::kFailedPrecondition:
    case StatusCode::kOutOfRange:
      return DataLossError(std::string(status.message()));
    default:
      return status;
  }
}

}  // namespace

bool MayNameCheckpoint(std::string_view place, const Context& context) {
  if (place.starts_with('{')) {
    const Result<Json> spec = Json::Parse(place);
    return spec.ok() && spec->Find("kvstore") == nullptr;
  }
  return place.find('|') == std::string_view::npos || context.Get<StoreTable>().IsAdapted(place);
}

Result<CheckpointPlace> OpenCheckpointPlace(std::string_view place, PlaceUse use,
                                            const Context& context) {
  COFFER_ASSIGN_OR_RETURN(const ParentAndName split, Split(place, context));
  const std::string prefix = split.name.empty() ? "" : split.name + "/";
  if (use == PlaceUse::kRead && !IsStagingPrefix(prefix)) {
    COFFER_ASSIGN_OR_RETURN(KvStorePtr store, OpenKvStore(place, context));
    return CheckpointPlace{std::move(store), ""};
  }
  if (split.name == "." || split.name == "..") {
    return InvalidArgumentError(ShownPlace(place) + ": a checkpoint's name cannot be \"" +
                                split.name + "\"");
  }
  COFFER_ASSIGN_OR_RETURN(KvStorePtr store, OpenKvStore(split.parent, context));
  return CheckpointPlace{std::move(store), prefix};
}

Result<CheckpointPlace> MakeCheckpointPlace(KvStorePtr store, std::string prefix) {
  if (!prefix.empty() && !prefix.ends_with('/')) {
    return InvalidArgumentError("the prefix \"" + prefix + "\" must be empty or end with \"/\"");
  }
  return CheckpointPlace{std::move(store), std::move(prefix)};
}

Status CheckNothingAbove(std::string_view place, const Context& context) {
  for (const std::string& above : PlacesAbove(place)) {
    const Result<KvStorePtr> store = OpenKvStore(above, context);
    if (!store.ok()) continue;
    const Result<bool> marker = HasMarker({*store, ""});
    if (WasNotAnswered(marker.status())) return marker.status();
    if (!marker.ok() || !*marker) continue;
    return FailedPreconditionError(ShownPlace(place) + ": inside the checkpoint at " +
                                   (*store)->Describe("") + ", where nothing else can stand");
  }
  return CheckNoArrayAbove(place, context);
}

Status CheckNotInACheckpoint(std::string_view place, const Context& context) {
  std::string_view below = WithoutSlashes(place.substr(0, place.rfind('|')));
  const auto name_of = [](std::string_view path) { return path.substr(path.rfind('/') + 1); };
  const std::vector<std::string> all_above = PlacesAbove(place);
  for (const std::string& above : all_above) {
    const bool is_data = IsDataName(name_of(below));
    below = above;
    const Result<KvStorePtr> store = OpenKvStore(above, context);
    if (!store.ok()) continue;
    const Result<bool> marker = HasMarker({*store, ""});
    if (WasNotAnswered(marker.status())) return marker.status();
    const bool whole = marker.ok() && *marker;
    if (!whole && !(is_data && IsUnreadableMarker(marker.status()))) continue;
    return FailedPreconditionError(ShownPlace(place) + ": inside the checkpoint at " +
                                   (*store)->Describe("") + ", which is repaired as a whole");
  }
  return Status();
}

std::string StagingPrefix(const std::string& prefix, std::string_view id) {
  return prefix.substr(0, prefix.size() - 1) + std::string(kStagingInfix) + std::string(id) + "/";
}

bool IsStagingPrefix(std::string_view prefix) {
  const size_t suffix = kStagingInfix.size() + kIdDigits + 1;
  if (prefix.size() < suffix) return false;
  const std::string_view end = prefix.substr(prefix.size() - suffix);
  const std::string_view id = end.substr(kStagingInfix.size(), kIdDigits);
  return end.starts_with(kStagingInfix) && end.ends_with('/') &&
         id.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string RandomId() {
  constexpr std::string_view kHexDigits = "0123456789abcdef";
  std::random_device random;
  std::string id;
  while (id.size() < kIdDigits) id += kHexDigits[random() & 15];
  return id;
}

Result<std::optional<StoredMarker>> ReadMarker(const CheckpointPlace& place) {
  const std::string key = place.prefix + std::string(kMarkerName);
  Result<ReadResult> read = place.store->Read(key, {.max_bytes = kMarkerBytesMax}).Get();
  if (!read.ok() && IsMaxBytesError(read.status(), kMarkerBytesMax)) {
    return DataLossError(place.store->Describe(key) + ": not a commit marker: too large");
  }
  COFFER_RETURN_IF_ERROR(read.status());
  if (read->state == ReadResult::State::kMissing) return std::optional<StoredMarker>();
  Result<Marker> marker = Marker::Parse(read->value.text());
  if (!marker.ok()) {
    return AsDataLoss(marker.status())
        .Annotate(place.store->Describe(key) + ": not a commit marker");
  }
  return std::optional<StoredMarker>({*std::move(marker), read->generation});
}

Result<Bytes> ReadDigested(const CheckpointPlace& place, const std::string& key,
                           const Digest& digest) {
  Result<ReadResult> read = place.store->Read(key, {.max_bytes = kDocumentBytesMax}).Get();
  if (!read.ok() && IsMaxBytesError(read.status(), kDocumentBytesMax)) {
    return DataLossError(std::string(read.status().message()));
  }
  COFFER_RETURN_IF_ERROR(read.status());
  const std::string where = place.store->Describe(key);
  if (read->state == ReadResult::State::kMissing) {
    return DataLossError(where + ": missing, but the checkpoint says it is there");
  }
  const Digest found = Digest::Of(read->value.text());
  if (found != digest) {
    return DataLossError(where + ": has " + found.ToString() + ", expected " + digest.ToString());
  }
  return read->value;
}

std::string StoredCheckpoint::ArrayPrefix(size_t number) const {
  return DataPrefix() + "arrays/" + std::to_string(number) + "/";
}

Result<Marker> RequireMarker(const CheckpointPlace& place) {
  if (IsStagingPrefix(place.prefix)) return NothingComplete(place);
  COFFER_ASSIGN_OR_RETURN(std::optional<StoredMarker> stored, ReadMarker(place));
  if (!stored) return NothingComplete(place);
  return std::move(stored->marker);
}

Result<bool> HasMarker(const CheckpointPlace& place) {
  if (IsStagingPrefix(place.prefix)) return false;
  COFFER_ASSIGN_OR_RETURN(const std::optional<StoredMarker> marker, ReadMarker(place));
  return marker.has_value();
}

Result<StoredCheckpoint> OpenCheckpoint(const CheckpointPlace& place) {
  constexpr int kAttemptsMax = 16;
  StoredCheckpoint checkpoint;
  checkpoint.place = place;
  COFFER_ASSIGN_OR_RETURN(checkpoint.marker, RequireMarker(place));
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    const std::string key = checkpoint.DataPrefix() + std::string(kDocumentName);
    const Result<Bytes> text = ReadDigested(place, key, checkpoint.marker.document);
    if (text.status().code() == StatusCode::kDataLoss) {
      // Lost, or of a checkpoint that was replaced since the marker was read.
      COFFER_ASSIGN_OR_RETURN(Marker now, RequireMarker(place));
      if (now == checkpoint.marker) return text.status();
      checkpoint.marker = std::move(now);
      continue;
    }
    COFFER_RETURN_IF_ERROR(text);
    Result<Document> document = Document::Parse(text->text());
    if (!document.ok()) return document.status().Annotate(place.store->Describe(key));
    checkpoint.document = *std::move(document);
    return checkpoint;
  }
  return AbortedError(place.Describe() + ": replaced again and again while it was opened");
}

Result<bool> StillStands(const StoredCheckpoint& checkpoint) {
  COFFER_ASSIGN_OR_RETURN(const std::optional<StoredMarker> now, ReadMarker(checkpoint.place));
  return now && now->marker.data == checkpoint.marker.data;
}

std::optional<size_t> ArrayOfKey(const StoredCheckpoint& checkpoint, std::string_view key) {
  const std::string arrays = checkpoint.DataPrefix() + "arrays/";
  if (!key.starts_with(arrays)) return std::nullopt;
  key.remove_prefix(arrays.size());
  size_t number = 0;
  const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), number);
  const bool known = error == std::errc() && number < checkpoint.document.arrays.size();
  if (!known || !key.starts_with(std::to_string(number) + "/")) return std::nullopt;
  return number;
}

Status ForEachKey(const CheckpointPlace& place, const std::function<void(const ListEntry&)>& see) {
  const auto see_all = [&](std::span<const ListEntry> page) {
    for (const ListEntry& entry : page) see(entry);
    return Status();
  };
  return ForEachPage(*place.store, {.range = KeyRange::Prefix(place.prefix)}, see_all);
}

Result<Array> OpenLeaf(const StoredCheckpoint& checkpoint, size_t number, const TreePath& path,
                       const ConstView& leaf, const Context& context) {
  Result<Array> opened =
      Array::Open(checkpoint.place.store, checkpoint.ArrayPrefix(number), {.context = context});
  const ArrayEntry& entry = checkpoint.document.arrays[number];
  if (opened.status().code() == StatusCode::kUnimplemented) {
    // A flipped bit may have made a name of it that nobody knows.
    const std::string key = checkpoint.ArrayPrefix(number) + std::string(kLeafMetadataName);
    const Status intact = ReadDigested(checkpoint.place, key, entry.metadata).status();
    if (!intact.ok()) return intact.Annotate(At(path));
  }
  if (!opened.ok()) return AsDataLoss(opened.status()).Annotate(At(path));
  const Digest found = Digest::Of(opened->metadata());
  std::string what;
  if (found != entry.metadata) {
    what = "its metadata has " + found.ToString() + ", expected " + entry.metadata.ToString();
  } else if (opened->data_type() != leaf.data_type || opened->shape() != leaf.shape) {
    what = "is " + ToString(opened->shape()) + " of " + opened->data_type().name() +
           ", but checkpoint.json says " + ToString(leaf.shape) + " of " + leaf.data_type.name();
  } else if (opened->chunk_shape() != entry.chunk_shape ||
             opened->shard_shape().value_or(Shape()) != entry.shard_shape) {
    what = "its chunks and shards are not those of checkpoint.json";
  }
  if (!what.empty()) return DataLossError(At(path) + ": " + opened->url() + ": " + what);
  return opened;
}

}  // namespace coffer::inline v0
