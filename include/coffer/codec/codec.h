// Codec: one step between an array chunk in memory and its stored bytes. The three kinds of Zarr
// v3: array -> array (transpose), array -> bytes (bytes, sharding_indexed), bytes -> bytes (zstd,
// crc32c).
//
// A codec is made from its JSON configuration, then *bound* once per array to what flows into it:
// data type, chunk shape and fill value for array codecs, the maximal size for byte codecs. All
// configuration errors and all sizes surface there, none later. Bound codecs are immutable and
// plain synchronous code: no I/O, no waiting.
//
// Decoders write into caller memory, never more than it holds, and never allocate in proportion to
// what the encoded bytes claim. Bad input is DataLoss with a text that says what was expected; the
// caller adds store, key and chunk.
//
// `make`, the Bind methods and all that encodes or decodes may throw: what was to be made, opened,
// read or written then fails with an Internal error that names the codec (bad_alloc: with
// ResourceExhausted), as it does where `make` or Bind return null. What states a name, a size or a
// property must not throw.
//
// Thread safety: bound codecs may be used by any number of threads at once.
#ifndef COFFER_CODEC_CODEC_H_
#define COFFER_CODEC_CODEC_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "coffer/async/buffer.h"
#include "coffer/base/data_type.h"
#include "coffer/base/export.h"
#include "coffer/base/result.h"
#include "coffer/nd/shape.h"
#include "coffer/nd/view.h"

namespace coffer::inline v0 {

/// What flows through an array codec: chunks of one shape and type.
struct ChunkSpec {
  DataType data_type = DataType::kUint8;
  Shape shape;
  std::vector<std::byte> fill_value;  ///< One element, native byte order.

  /// Decoded bytes. Whoever makes the first spec of a chain has checked that this fits.
  int64_t num_bytes() const { return *NumElements(shape) * data_type.size(); }
};

/// Where codecs take temporary memory from. What they take was reserved by the caller: see the
/// *_scratch_bytes() of each codec.
struct CodecScratch {
  BufferPool* buffers = nullptr;
};

/// An array -> array codec bound to its input.
class COFFER_EXPORT BoundArrayToArray {
 public:
  virtual ~BoundArrayToArray();
  /// What it hands to the next codec.
  virtual const ChunkSpec& encoded() const = 0;
  /// For codecs that only renumber dimensions: dimension i of the encoded array is dimension
  /// order[i] of the decoded one. Then Encode and Decode are never called. Empty: not such a codec.
  virtual std::span<const int> dimension_order() const { return {}; }
  virtual Status Encode(const ConstView& decoded, const View& encoded) const;
  virtual Status Decode(const ConstView& encoded, const View& decoded) const;
};

class ShardLayout;

/// The array -> bytes codec bound to its input.
class COFFER_EXPORT BoundArrayToBytes {
 public:
  virtual ~BoundArrayToBytes();
  /// Largest possible encoded size. For codecs whose size is fixed, the size.
  virtual int64_t max_encoded_size() const = 0;
  virtual bool fixed_size() const = 0;
  /// Temporary memory beyond input and output, in bytes, of one call.
  virtual int64_t encode_scratch_bytes() const { return 0; }
  virtual int64_t decode_scratch_bytes() const { return 0; }
  /// Whether the encoded bytes are the elements in C order, as they stand in memory: then a chunk
  /// can be read and written without Encode and Decode.
  virtual bool is_identity() const { return false; }
  /// Returns the encoded size. Requires destination.size() >= max_encoded_size().
  virtual Result<size_t> Encode(const ConstView& chunk, std::span<std::byte> destination,
                                const CodecScratch& scratch) const = 0;
  virtual Status Decode(std::span<const std::byte> encoded, const View& chunk,
                        const CodecScratch& scratch) const = 0;
  /// How a shard is laid out, if this is a sharding codec: the planners then read and write inner
  /// chunks on their own. nullptr otherwise. See src/codec/shard_layout.h.
  virtual const ShardLayout* shard_layout() const { return nullptr; }
};

/// A bytes -> bytes codec bound to the largest input it will be given.
class COFFER_EXPORT BoundBytesToBytes {
 public:
  virtual ~BoundBytesToBytes();
  virtual int64_t max_encoded_size() const = 0;
  /// Whether the encoded size depends on the decoded size alone (checksums).
  virtual bool fixed_size() const { return false; }
  /// Memory that one call holds beside input and output (compressor contexts).
  virtual int64_t encode_scratch_bytes() const { return 0; }
  virtual int64_t decode_scratch_bytes() const { return 0; }
  /// Whether it detects every altered bit of what it encodes (crc32c).
  virtual bool is_checksum() const { return false; }
  /// Whether one of its own covers what these bytes decode to (gzip; zstd if its writer chose so).
  virtual bool has_checksum(std::span<const std::byte> /*encoded*/) const { return is_checksum(); }
  /// For codecs whose encoded form is the decoded bytes plus a trailer (checksums): verifies and
  /// returns the decoded part of `encoded`. nullopt: not such a codec, use Decode.
  virtual std::optional<Result<std::span<const std::byte>>> DecodeInPlace(
      std::span<const std::byte> encoded) const;
  /// For the same codecs: appends the trailer to buffer[0, size), returns the new size. Requires
  /// room for it.
  virtual Result<size_t> EncodeInPlace(std::span<std::byte> buffer, size_t size) const;
  /// Returns the encoded size. Requires destination.size() >= max_encoded_size().
  virtual Result<size_t> Encode(std::span<const std::byte> decoded,
                                std::span<std::byte> destination) const = 0;
  /// Returns the decoded size, <= destination.size(). DataLoss if there is more.
  virtual Result<size_t> Decode(std::span<const std::byte> encoded,
                                std::span<std::byte> destination) const = 0;
  /// For decoders that need not hold all that they have decoded: what DecodePieces() holds beside
  /// input and piece, in bytes. `head`: all of the encoded bytes if `whole`, else at least the
  /// first 64 of them: then the rest is taken to be as it should. nullopt: use Decode.
  virtual std::optional<int64_t> pieces_scratch_bytes(std::span<const std::byte> /*head*/,
                                                      bool /*whole*/) const {
    return std::nullopt;
  }
  /// For the same: decodes into `piece`, again and again, and gives it to `take` whenever it is
  /// full, and at the end. Returns the decoded size; as much as was taken if `take` returns false,
  /// which ends it there.
  using TakePiece = std::function<Result<bool>(std::span<const std::byte> piece)>;
  virtual Result<size_t> DecodePieces(std::span<const std::byte> encoded,
                                      std::span<std::byte> piece, const TakePiece& take) const;
};

/// A codec with its configuration, not yet bound. Exactly one of the Bind methods is implemented.
class COFFER_EXPORT Codec {
 public:
  enum class Kind { kArrayToArray, kArrayToBytes, kBytesToBytes };
  virtual ~Codec();
  virtual Kind kind() const = 0;
  /// The Zarr v3 name, and the configuration as a JSON object ("" if there is none).
  virtual std::string name() const = 0;
  virtual std::string configuration() const = 0;

  virtual Result<std::unique_ptr<BoundArrayToArray>> BindArrayToArray(const ChunkSpec& in) const;
  virtual Result<std::unique_ptr<BoundArrayToBytes>> BindArrayToBytes(const ChunkSpec& in) const;
  virtual Result<std::unique_ptr<BoundBytesToBytes>> BindBytesToBytes(
      int64_t max_decoded_size) const;
};

using CodecPtr = std::shared_ptr<const Codec>;

class CodecTable;

/// How a codec is found by name. `configuration` is the JSON object's text ("{}" if absent);
/// `codecs` is the table, for codecs that hold other codecs (sharding).
struct CodecDriver {
  std::string name;
  std::function<Result<CodecPtr>(std::string_view configuration, const CodecTable& codecs)> make;
};

/// The codecs that a context knows. A resource of the context: context.Get<CodecTable>(). Thread
/// safety: all methods from any thread.
class COFFER_EXPORT CodecTable {
 public:
  /// On top of Process().
  CodecTable() : CodecTable(&Process()) {}
  /// An empty table that knows what `below` knows, too, now and later. nullptr: nothing.
  explicit CodecTable(const CodecTable* below);
  ~CodecTable();
  CodecTable(CodecTable&& other) noexcept;  ///< `other` is used up.
  CodecTable& operator=(CodecTable&&) = delete;

  /// What every context knows: the built-in codecs, and what was added for all.
  static CodecTable& Process();

  /// AlreadyExists if the name is taken; InvalidArgument for an empty name or no `make`.
  Status Add(CodecDriver driver);
  /// Unimplemented, naming the codec, if it is unknown; InvalidArgument for its configuration;
  /// Internal, naming it, if `make` throws or returns null.
  Result<CodecPtr> Make(std::string_view name, std::string_view configuration) const;
  std::vector<std::string> names() const;  ///< Sorted.

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// A codec as options name it: Zstd(3), Blosc("lz4"), Gzip(), Uncompressed(). Becomes the
/// compression step of what Array::Create makes; checksums are added unless turned off.
struct CodecSpec {
  std::string name;           ///< "" for no compression.
  std::string configuration;  ///< JSON object text.
};
COFFER_EXPORT CodecSpec Uncompressed();
COFFER_EXPORT CodecSpec Zstd(int level = 3);
COFFER_EXPORT CodecSpec Gzip(int level = 6);
/// shuffle: "noshuffle", "shuffle", "bitshuffle"; "" picks shuffle for types wider than a byte.
COFFER_EXPORT CodecSpec Blosc(std::string_view cname = "lz4", int level = 5,
                              std::string_view shuffle = "");

}  // namespace coffer::inline v0

#endif  // COFFER_CODEC_CODEC_H_
