// Codecs as documents name them: lists in array metadata and in sharding's own configuration, and
// the CodecSpec of options.
//
// An item of a list is a name, or {"name", "configuration"?, "must_understand"?}; both forms are
// read, the long one is written. Errors carry the JSON path down to the member of a configuration:
// 'at $.codecs[1].configuration.level: expected ...'.
#ifndef COFFER_SRC_CODEC_METADATA_H_
#define COFFER_SRC_CODEC_METADATA_H_

#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include "coffer/codec/codec.h"
#include "src/base/json.h"

namespace coffer::inline v0 {

/// The codecs of a list that stands at `path` ("$.codecs"). An unknown codec that says
/// "must_understand": false is left out. Errors: InvalidArgument for what is malformed,
/// Unimplemented for an unknown codec.
Result<std::vector<CodecPtr>> CodecsFromJson(const Json& list, std::string_view path,
                                             const CodecTable& table);
/// The list that CodecsFromJson reads back.
Json CodecsToJson(std::span<const CodecPtr> codecs);

/// The spec with what depends on the data type filled in, ready for CodecTable::Make: Blosc's
/// "typesize", and "shuffle" where none was chosen. InvalidArgument if it is no JSON object.
Result<CodecSpec> ResolveCodecSpec(const CodecSpec& spec, DataType data_type);

/// A configuration's text as an object whose members are all among `known`; paths begin at "$".
Result<Json> ParseConfiguration(std::string_view text,
                                std::initializer_list<std::string_view> known);
/// The member, or InvalidArgument: 'at $: missing member "level"'.
Result<const Json*> RequireMember(const Json& object, std::string_view name);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_CODEC_METADATA_H_
