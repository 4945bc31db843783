// Metadata documents in a store: read whole or not at all, written under a generation.
//
// Where a store knows no conditional writes, the document is looked at again just before it is
// written. Errors name store and key.
//
// Thread safety: free functions.
#ifndef COFFER_DRIVERS_ZARR_DOCUMENT_H_
#define COFFER_DRIVERS_ZARR_DOCUMENT_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coffer/base/result.h"
#include "coffer/kvstore/kvstore.h"
#include "src/base/json.h"

namespace coffer::inline v0::zarr {

struct Document {
  Json json;
  std::string text;
  Generation generation;
};

/// A document's text, not yet parsed; nullopt where there is none. Errors also: InvalidArgument
/// beyond 16 MiB; ResourceExhausted is the store's (no memory, no descriptor).
Result<std::optional<Document>> ReadDocument(KvStore& store, const std::string& key);
/// Whether an error of ReadDocument says that the key is there all the same: it is no value (a
/// FIFO), or one that is too long.
bool IsThereButNoDocument(const Status& status);
/// Makes `json` of `text`.
Status ParseDocument(const KvStore& store, const std::string& key, Document& document);

/// Of the documents of many nodes in one text: up to 16 MiB of it, as a single document.
Result<Json> ParseSnapshot(std::string_view text);
/// Whether two JSON texts mean the same; the order of members means nothing.
bool SaysTheSame(std::string_view a, std::string_view b);
/// The generation under which a document may be replaced: the one that was read with it, or, where
/// that is unknown since `text` comes from a snapshot, the present one if the document still says
/// the same. Aborted if not.
Result<Generation> GenerationToReplace(KvStore& store, const std::string& key,
                                       std::string_view text, const Generation& generation);

/// The generation that a key has now.
Result<Generation> GenerationNow(KvStore& store, const std::string& key);
/// Writes under a generation (Missing() to create). False if the key has another one by now.
Result<bool> WriteDocument(KvStore& store, const std::string& key, std::string text,
                           const Generation& if_equal, Generation& written);

/// AlreadyExists; Aborted; FailedPrecondition.
Status AlreadyThere(const KvStore& store, const std::string& key);
Status ChangedMeanwhile(const KvStore& store, const std::string& key);
Status NotAGroup(const KvStore& store, const std::string& key);

/// Whether a node may have this name (one segment).
using IsName = bool (*)(std::string_view segment);
/// A node's prefix: "" or segments that may be names, each followed by "/". InvalidArgument.
Status CheckNames(const KvStore& store, std::string_view prefix, IsName is_name);
/// The same for names with "/" between.
bool AreNames(std::string_view names, IsName is_name);

/// "a/", "a/b/" of "a/b/c/".
std::vector<std::string> Ancestors(const std::string& prefix);

/// The prefix of the node whose document `key` is by its name; nullopt if it has another name.
std::optional<std::string> PrefixOfDocument(std::string_view key, std::string_view document);

}  // namespace coffer::inline v0::zarr

#endif  // COFFER_DRIVERS_ZARR_DOCUMENT_H_
