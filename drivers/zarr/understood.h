// UnderstandOnce: what an array's document says, remembered by the document's text.
//
// The meaning of a document depends on its text and the context's codecs alone, and of a thousand
// arrays many have the same one; parsing and binding its codecs costs ten times what asking a local
// store for it does. Kept within the context's limit for documents and indexes. What could not be
// understood is not kept.
//
// Thread safety: free function.
#ifndef COFFER_DRIVERS_ZARR_UNDERSTOOD_H_
#define COFFER_DRIVERS_ZARR_UNDERSTOOD_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "coffer/async/context.h"
#include "coffer/base/result.h"
#include "src/array/array_caches.h"

namespace coffer::inline v0::zarr {

inline constexpr size_t kUnderstoodTextMax = 4 << 10;  // Longer ones are rare, and rarely alike.
/// A short text can ask for many codecs, or many levels of shards, each an object: measured, up to
/// 21 bytes for each of text.
inline constexpr size_t kUnderstoodBytesOfText = 24;

/// Whether the text means the same whatever codecs are added later. An unknown codec may be left
/// out where the document allows that ("must_understand": false), and be known the next time.
inline bool MeansTheSameLater(std::string_view text) {
  return text.find("must_understand") == std::string_view::npos &&
         text.find("\\u") == std::string_view::npos;  // Which may spell it, too.
}

/// parse(), or what it gave for the same format and text in this context.
template <class Metadata, class Parse>
Result<std::shared_ptr<const Metadata>> UnderstandOnce(const Context& context,
                                                       std::string_view format,
                                                       const std::string& text,
                                                       const Parse& parse) {
  auto& cache = context.Get<ArrayCaches>().documents_and_indexes();
  std::string name = "u" + std::string(format) + "\n" + text;
  if (const RememberedPtr known = cache.Find(name); known != nullptr) {
    return std::static_pointer_cast<const Metadata>(known->value);
  }
  COFFER_ASSIGN_OR_RETURN(Metadata parsed, parse());
  auto metadata = std::make_shared<const Metadata>(std::move(parsed));
  if (text.size() <= kUnderstoodTextMax && MeansTheSameLater(text)) {
    const auto bytes =
        static_cast<int64_t>(sizeof(Metadata) + kUnderstoodBytesOfText * text.size());
    cache.Put(std::move(name), std::make_shared<const Remembered>(Remembered{{}, {}, metadata}),
              bytes);
  }
  return metadata;
}

}  // namespace coffer::inline v0::zarr

#endif  // COFFER_DRIVERS_ZARR_UNDERSTOOD_H_
