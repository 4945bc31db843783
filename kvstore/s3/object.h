// What coffer keeps with an object, and how an object's version is told.
//
// Every object that coffer writes has a write id in its metadata: eight random bytes that no other
// write has. A write under a condition names, behind its own, the ids that the value which it
// replaces had: so a writer whose answer was lost finds out whether it had won, also if others have
// written since.
//
// A generation is the ETag, "#", and those ids, newest first: `"9a0364b9e99bb480dd25e1f0284c8555"#
// 01..,9f..`. Of objects that others wrote it is the ETag alone.
#ifndef COFFER_KVSTORE_S3_OBJECT_H_
#define COFFER_KVSTORE_S3_OBJECT_H_

#include <optional>
#include <string>
#include <string_view>

#include "coffer/kvstore/kvstore.h"
#include "src/net/http.h"

namespace coffer::inline v0 {

inline constexpr std::string_view kWriteIdHeader = "x-amz-meta-coffer-write-id";

/// 16 hex digits that no other write has.
std::string NewWriteId();

/// The ids to keep with a write: its own, and those of the generation that it replaces, at most 8.
std::string WriteIds(std::string_view own, const Generation& replaced);

/// Of an answer to HEAD or GET; unknown if it has no ETag.
Generation S3Generation(const HttpResponse& head);
/// Of a value written with these ids.
Generation S3Generation(std::string_view etag, std::string_view write_ids);
/// The ETag of a generation, for If-Match. One that no value has, if the generation is that of a
/// value known to be replaced; nullopt for missing and unknown.
std::optional<std::string> S3EntityTag(const Generation& generation);
/// The generation of a write that was replaced before its ETag was known.
Generation ReplacedGeneration(std::string_view write_id);

/// The ids in a generation; empty for objects that others wrote.
std::string_view WriteIdsOf(const Generation& generation);
/// The first of some ids.
std::string NewestId(std::string_view write_ids);
/// Whether the generation's value was written by this write, or replaced one that was (and so on).
bool HasWriteId(const Generation& generation, std::string_view write_id);

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_S3_OBJECT_H_
