// Document, Marker: the metadata of a checkpoint, as values and as JSON.
//
// Of the first layout, which promises nothing and will be deleted:
//
//  * <place>/commit: the marker: {"format", "version", "data", "size", "crc32c"}.
//
//  * <place>/data-<id>/checkpoint.json: the document, whose size and crc32c the marker holds.
//
//  * <place>/data-<id>/arrays/<n>/...: the n-th array leaf, a Zarr v3 array; the document holds
//    size and crc32c of its metadata.
//
// The document's node is an object of one kind: {"dict": {name: node, ...}}, {"list": [node, ...]},
// {"none": null}, {"bool": true}, {"int": 7}, {"double": 0.5} (what is not finite as its bits,
// "0x7ff0000000000000"), {"string": "..."}, {"bytes": base64}, and {"array": n, ...}, n counting
// from 0 in the order of Tree::Leaves(). Names never become parts of a key.
//
// Parsing takes documents from anywhere: every member is checked, unknown ones are refused.
#ifndef COFFER_SRC_CHECKPOINT_DOCUMENT_H_
#define COFFER_SRC_CHECKPOINT_DOCUMENT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "coffer/base/checked.h"
#include "coffer/base/data_type.h"
#include "coffer/base/result.h"
#include "coffer/checkpoint/tree.h"
#include "coffer/nd/shape.h"

namespace coffer::inline v0 {

inline constexpr std::string_view kCheckpointFormat = "coffer-first-slice";
inline constexpr std::string_view kMarkerName = "commit";
inline constexpr std::string_view kDocumentName = "checkpoint.json";
inline constexpr std::string_view kLeafMetadataName = "zarr.json";
inline constexpr int64_t kMarkerBytesMax = 4096;
inline constexpr int64_t kDocumentBytesMax = MiB(256);
inline constexpr int64_t kLeavesMax = 1'000'000;

/// What a document says of bytes that are stored elsewhere.
struct Digest {
  int64_t size = 0;
  uint32_t crc32c = 0;
  static Digest Of(std::string_view bytes);
  /// "512 bytes with crc32c 0badcafe".
  std::string ToString() const;
  friend bool operator==(const Digest&, const Digest&) = default;
};

struct ArrayEntry {
  Shape chunk_shape;
  Shape shard_shape;  // Rank 0 where there are no shards (rank 0 arrays have none).
  Digest metadata;
};

struct Document {
  std::string created_at;
  /// Array leaves have type and shape, but no elements.
  Tree tree;
  /// Of the array leaves, in the order of tree.Leaves().
  std::vector<ArrayEntry> arrays;

  std::string Dump() const;
  /// Errors: InvalidArgument with a JSON path.
  static Result<Document> Parse(std::string_view text);
};

struct Marker {
  std::string data;  // See IsDataName.
  Digest document;

  friend bool operator==(const Marker&, const Marker&) = default;
  std::string Dump() const;
  /// Errors: InvalidArgument; Unimplemented for another version.
  static Result<Marker> Parse(std::string_view text);
};

/// Whether a name is that of a data directory: "data-" and 16 hexadecimal digits.
bool IsDataName(std::string_view name);

/// Whether a tree can be saved: depth, number of leaves, UTF-8 names and texts, arrays with
/// elements whose sizes can be addressed. Errors: InvalidArgument naming the path.
Status CheckTree(const Tree& tree);

struct ArrayLeaf {
  TreePath path;
  ConstView view;
  /// Requires a tree that CheckTree or Document::Parse has seen.
  int64_t bytes() const { return *NumElements(view.shape) * view.data_type.size(); }
};
/// In the order of tree.Leaves(): the n-th is the n-th array of the document.
std::vector<ArrayLeaf> ArrayLeavesOf(const Tree& tree);

/// A scalar or text leaf as a JSON value, for people.
std::string LeafAsJson(const Tree& leaf);

/// "at layers/0/bias", "at the root".
std::string At(const TreePath& path);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_CHECKPOINT_DOCUMENT_H_
