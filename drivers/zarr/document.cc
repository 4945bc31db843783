#include "drivers/zarr/document.h"

#include <algorithm>
#include <utility>

#include "coffer/kvstore/answer.h"

namespace coffer::inline v0::zarr {
namespace {

constexpr int64_t kDocumentBytesMax = MiB(16);
// Twenty values to the byte at worst; this is enough for what people write.
constexpr int64_t kSnapshotMemoryMax = MiB(128);

// Recursion as deep as the reader allows documents to be.
bool Same(const Json& a, const Json& b) {
  if (a.is_object() && b.is_object()) {
    if (a.object().size() != b.object().size()) return false;
    return std::ranges::all_of(a.object(), [&](const Json::Member& member) {
      const Json* const other = b.Find(member.first);
      return other != nullptr && Same(member.second, *other);
    });
  }
  if (a.is_array() && b.is_array()) return std::ranges::equal(a.array(), b.array(), Same);
  return a == b || a.Dump() == b.Dump();  // No NaN is equal to itself.
}

}  // namespace

Result<std::optional<Document>> ReadDocument(KvStore& store, const std::string& key) {
  ReadOptions options;
  options.max_bytes = kDocumentBytesMax;
  Result<ReadResult> read = store.Read(key, options).Get();
  // No limit of this process's: no reader takes a document like this.
  if (IsMaxBytesError(read.status(), kDocumentBytesMax)) {
    return InvalidArgumentError(std::string(read.status().message()));
  }
  COFFER_RETURN_IF_ERROR(read);
  if (read->state != ReadResult::State::kValue) return std::optional<Document>();
  return std::optional(
      Document{Json(), std::string(read->value.text()), std::move(read->generation)});
}

bool IsThereButNoDocument(const Status& status) {
  if (status.code() == StatusCode::kFailedPrecondition) return true;
  return status.code() == StatusCode::kInvalidArgument &&
         IsMaxBytesError(ResourceExhaustedError(std::string(status.message())), kDocumentBytesMax);
}

Status ParseDocument(const KvStore& store, const std::string& key, Document& document) {
  Result<Json> json = Json::ParseNonFinite(document.text);
  if (!json.ok()) return json.status().Annotate(store.Describe(key));
  document.json = *std::move(json);
  return Status();
}

Result<Json> ParseSnapshot(std::string_view text) {
  Json::ParseOptions options;
  options.memory_max = static_cast<size_t>(kSnapshotMemoryMax);
  return Json::ParseNonFinite(text, options);
}

bool SaysTheSame(std::string_view a, std::string_view b) {
  const Result<Json> left = Json::ParseNonFinite(a);
  const Result<Json> right = Json::ParseNonFinite(b);
  return left.ok() && right.ok() && Same(*left, *right);
}

Result<Generation> GenerationToReplace(KvStore& store, const std::string& key,
                                       std::string_view text, const Generation& generation) {
  if (generation.known()) return generation;
  COFFER_ASSIGN_OR_RETURN(std::optional<Document> document, ReadDocument(store, key));
  if (!document || !SaysTheSame(document->text, text)) return ChangedMeanwhile(store, key);
  return std::move(document->generation);
}

Result<Generation> GenerationNow(KvStore& store, const std::string& key) {
  ReadOptions stat;
  stat.range = ByteRange::Stat();
  COFFER_ASSIGN_OR_RETURN(ReadResult now, store.Read(key, stat).Get());
  if (now.state == ReadResult::State::kMissing) return Generation::Missing();
  return std::move(now.generation);
}

Result<bool> WriteDocument(KvStore& store, const std::string& key, std::string text,
                           const Generation& if_equal, Generation& written) {
  WriteOptions options{.caller_waits = true};
  const Capabilities can = store.capabilities();
  if (can.conditional_write || (if_equal.missing() && can.conditional_create)) {
    options.if_equal = if_equal;
  } else {
    COFFER_ASSIGN_OR_RETURN(const Generation now, GenerationNow(store, key));
    if (now != if_equal) return false;
  }
  COFFER_ASSIGN_OR_RETURN(
      WriteResult result,
      store.Write(key, BytesChain(Bytes::Take(std::move(text))), options).Get());
  written = std::move(result.generation);
  return result.state == WriteResult::State::kWritten;
}

Status AlreadyThere(const KvStore& store, const std::string& key) {
  return AlreadyExistsError(store.Describe(key) + ": a node is already here");
}

Status ChangedMeanwhile(const KvStore& store, const std::string& key) {
  return AbortedError(store.Describe(key) + ": changed by someone else in the meantime");
}

Status NotAGroup(const KvStore& store, const std::string& key) {
  return FailedPreconditionError(store.Describe(key) +
                                 ": is no group, so no node can stand below it");
}

Status CheckNames(const KvStore& store, std::string_view prefix, IsName is_name) {
  for (std::string_view rest = prefix; !rest.empty();) {
    const std::string_view name = rest.substr(0, rest.find('/'));
    if (!is_name(name) || name.size() == rest.size()) {
      return InvalidArgumentError(store.Describe(prefix) + ": the name " + Json(name).Dump() +
                                  " cannot be that of a node");
    }
    rest.remove_prefix(name.size() + 1);
  }
  return Status();
}

bool AreNames(std::string_view names, IsName is_name) {
  for (std::string_view rest = names;;) {
    const size_t slash = std::min(rest.find('/'), rest.size());
    if (!is_name(rest.substr(0, slash))) return false;
    if (slash == rest.size()) return true;
    rest.remove_prefix(slash + 1);
  }
}

std::vector<std::string> Ancestors(const std::string& prefix) {
  std::vector<std::string> ancestors;
  for (size_t slash = prefix.find('/'); slash + 1 < prefix.size();
       slash = prefix.find('/', slash + 1)) {
    ancestors.push_back(prefix.substr(0, slash + 1));
  }
  return ancestors;
}

std::optional<std::string> PrefixOfDocument(std::string_view key, std::string_view document) {
  if (!key.ends_with(document)) return std::nullopt;
  const std::string_view prefix = key.substr(0, key.size() - document.size());
  if (!prefix.empty() && prefix.back() != '/') return std::nullopt;
  return std::string(prefix);
}

}  // namespace coffer::inline v0::zarr
