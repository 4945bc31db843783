// Decoding a chunk:
// 1. Array -> array codecs are walked from the user's side. One that only renumbers dimensions
//    turns the caller's view; any other gets a scratch array to decode from.
// 2. Bytes -> bytes codecs are walked from the stored side. A checksum is verified where the bytes
//    stand. A decompressor writes into pooled scratch of the size that its output must have, or, if
//    it is the last one and what follows is the elements as they stand in memory, into the view.
//    Where the view is not contiguous and the chunk very large, a compressor that can do so decodes
//    it in pieces of some planes along the first dimension, which go to their places one by one. So
//    it does where a part of a smaller chunk is wanted: what lies behind it is left alone.
// 3. The array -> bytes codec reads what is left into the view.
//
// Encoding is the same walk backwards: the elements are compressed straight from the view where it
// is contiguous, and the last compressor writes straight into the destination, where only
// checksums are appended.
//
// A shard below codecs that renumber dimensions is laid out anew in the array's own dimensions, its
// inner chunks' codecs preceded by the same renumbering: the planners then address inner chunks as
// if sharding stood alone.
//
// A decoder knows the exact size of its output while all codecs before it are of fixed size. Where
// they are not (a compressor under a compressor, a shard under a compressor) other writers may
// exceed the bounds of ours, so it is given some slack.
//
// Codecs are written by users, too: every call of one is made by Run(), which says whose an error
// is and turns exceptions into errors.
#include "src/codec/chain.h"

#include <algorithm>
#include <utility>

#include "coffer/async/future.h"
#include "coffer/base/checked.h"
#include "src/codec/shard_layout.h"
#include "src/nd/copy.h"

namespace coffer::inline v0 {
namespace {

// Far above anything real; keeps sums of sizes within int64.
constexpr int64_t kEncodedSizeMax = int64_t{1} << 60;

constexpr int64_t kPieceBytes = KiB(128);
constexpr int64_t kInPiecesMin = KiB(256);  // Of less a compressor makes one block or two.
// A decoder takes longer for pieces than for the whole, by what keeping its window costs: a
// seventh, measured. That pays where much is not decoded at all, or the whole takes much memory.
constexpr int64_t kAlwaysInPieces = MiB(8);

std::string Label(size_t i, const Codec& codec) {
  return "codecs[" + std::to_string(i) + "] (" + codec.name() + ")";
}

/// Calls a codec.
template <class Call>
auto Run(const std::string& label, const Call& call) -> decltype(call()) {
  Status status;
  try {
    auto result = call();
    if (result.ok()) return result;
    status = internal::StatusOf(result);
  } catch (...) {
    status = internal::StatusOfException();
  }
  return status.Annotate(label);
}

/// Binds a codec.
template <class Call>
auto RunBind(const std::string& label, const Call& call) -> decltype(call()) {
  auto bound = Run(label, call);
  if (bound.ok() && *bound == nullptr) return InternalError(label + ": bound to nothing");
  return bound;
}

std::string_view KindName(Codec::Kind kind) {
  switch (kind) {
    case Codec::Kind::kArrayToArray:
      return "array -> array";
    case Codec::Kind::kArrayToBytes:
      return "array -> bytes";
    case Codec::Kind::kBytesToBytes:
      return "bytes -> bytes";
  }
  return "";
}

// The kinds are declared in the order in which they may follow each other.
Status CheckOrder(std::span<const CodecPtr> codecs) {
  int array_to_bytes = 0;
  for (size_t i = 0; i < codecs.size(); ++i) {
    if (codecs[i] == nullptr) {
      return InternalError("codecs[" + std::to_string(i) + "]: no codec was given");
    }
    const Codec::Kind kind = codecs[i]->kind();
    if (kind == Codec::Kind::kArrayToBytes && ++array_to_bytes > 1) {
      return InvalidArgumentError(Label(i, *codecs[i]) + ": a second array -> bytes codec");
    }
    if (i > 0 && kind < codecs[i - 1]->kind()) {
      return InvalidArgumentError(Label(i, *codecs[i]) + ": " + std::string(KindName(kind)) +
                                  " cannot follow " + std::string(KindName(codecs[i - 1]->kind())) +
                                  " (" + codecs[i - 1]->name() + ")");
    }
  }
  if (array_to_bytes == 0) return InvalidArgumentError("codecs: no array -> bytes codec");
  return Status();
}

Status CheckChunk(const ChunkSpec& chunk) {
  for (int64_t extent : chunk.shape) {
    if (extent < 1) {
      return InvalidArgumentError("chunk shape " + ToString(chunk.shape) +
                                  ": extents must be >= 1");
    }
  }
  const std::optional<int64_t> count = NumElements(chunk.shape);
  const std::optional<int64_t> bytes =
      count ? CheckedMul(*count, chunk.data_type.size()) : std::nullopt;
  if (!bytes || *bytes > kEncodedSizeMax) {
    return InvalidArgumentError("chunk shape " + ToString(chunk.shape) + " of " +
                                chunk.data_type.name() + ": too many bytes");
  }
  if (static_cast<int64_t>(chunk.fill_value.size()) != chunk.data_type.size()) {
    return InvalidArgumentError("fill value of " + std::to_string(chunk.fill_value.size()) +
                                " bytes for " + chunk.data_type.name());
  }
  return Status();
}

/// A bound chain in the place of an array -> bytes codec.
class ChainAsCodec final : public BoundArrayToBytes {
 public:
  explicit ChainAsCodec(std::shared_ptr<const CodecChain> chain) : chain_(std::move(chain)) {}
  int64_t max_encoded_size() const override { return chain_->max_encoded_size(); }
  bool fixed_size() const override { return chain_->fixed_size(); }
  int64_t encode_scratch_bytes() const override { return chain_->encode_scratch_bytes(); }
  int64_t decode_scratch_bytes() const override { return chain_->decode_scratch_bytes(); }
  bool is_identity() const override { return chain_->is_identity(); }
  Result<size_t> Encode(const ConstView& chunk, std::span<std::byte> destination,
                        const CodecScratch& scratch) const override {
    return chain_->Encode(chunk, destination, scratch);
  }
  Status Decode(std::span<const std::byte> encoded, const View& chunk,
                const CodecScratch& scratch) const override {
    return chain_->Decode(encoded, chunk, scratch);
  }

 private:
  const std::shared_ptr<const CodecChain> chain_;
};

bool IsIdentityOrder(std::span<const int> order) {
  for (size_t i = 0; i < order.size(); ++i) {
    if (order[i] != static_cast<int>(i)) return false;
  }
  return !order.empty();
}

Status WrongSize(size_t size, int64_t expected) {
  return DataLossError("the chunk decodes to " + std::to_string(size) + " bytes, expected " +
                       std::to_string(expected));
}

/// Of one codec: what the next one is bound with, and buffers are made of.
Status CheckEncodedSize(int64_t size) {
  if (size >= 0 && size <= kEncodedSizeMax) return Status();
  return InvalidArgumentError("an encoded chunk may have " + std::to_string(size) +
                              " bytes; at most " + std::to_string(kEncodedSizeMax) +
                              " are supported");
}

}  // namespace

CodecChain::CodecChain() = default;
CodecChain::~CodecChain() = default;

Result<std::shared_ptr<const CodecChain>> CodecChain::Bind(std::span<const CodecPtr> codecs,
                                                           const ChunkSpec& chunk) {
  try {
    return BindAll(codecs, chunk);
  } catch (...) {  // What a codec says of itself: its name, its sizes.
    return internal::StatusOfException().Annotate("codecs");
  }
}

Result<std::shared_ptr<const CodecChain>> CodecChain::BindAll(std::span<const CodecPtr> codecs,
                                                              const ChunkSpec& chunk) {
  COFFER_RETURN_IF_ERROR(CheckChunk(chunk));
  COFFER_RETURN_IF_ERROR(CheckOrder(codecs));
  auto chain = std::make_shared<CodecChain>();
  chain->chunk_ = chunk;
  COFFER_RETURN_IF_ERROR(chain->BindArrays(codecs));
  const size_t first = chain->array_to_array_.size() + 1;
  COFFER_RETURN_IF_ERROR(chain->BindBytes(codecs, first));
  chain->FindPieces();
  COFFER_RETURN_IF_ERROR(chain->BindRenumberedShard(codecs));
  return std::shared_ptr<const CodecChain>(std::move(chain));
}

Status CodecChain::BindArrays(std::span<const CodecPtr> codecs) {
  size_t i = 0;
  for (; codecs[i]->kind() == Codec::Kind::kArrayToArray; ++i) {
    ArrayStage stage{nullptr, Label(i, *codecs[i])};
    const ChunkSpec& input = InputOf(i);
    COFFER_ASSIGN_OR_RETURN(
        stage.codec, RunBind(stage.label, [&] { return codecs[i]->BindArrayToArray(input); }));
    array_to_array_.push_back(std::move(stage));
  }
  array_to_bytes_label_ = Label(i, *codecs[i]);
  const ChunkSpec& input = InputOf(i);
  COFFER_ASSIGN_OR_RETURN(array_to_bytes_, RunBind(array_to_bytes_label_, [&] {
                            return codecs[i]->BindArrayToBytes(input);
                          }));
  return CheckEncodedSize(array_to_bytes_->max_encoded_size()).Annotate(array_to_bytes_label_);
}

Status CodecChain::BindBytes(std::span<const CodecPtr> codecs, size_t first) {
  int64_t size_max = array_to_bytes_->max_encoded_size();
  bool fixed = array_to_bytes_->fixed_size();
  for (size_t i = first; i < codecs.size(); ++i) {
    ByteStage stage;
    stage.label = Label(i, *codecs[i]);
    stage.decoded_max = size_max;
    stage.decoded_fixed = fixed;
    COFFER_ASSIGN_OR_RETURN(
        stage.codec, RunBind(stage.label, [&] { return codecs[i]->BindBytesToBytes(size_max); }));
    stage.in_place = stage.codec->DecodeInPlace({}).has_value();
    size_max = stage.codec->max_encoded_size();
    COFFER_RETURN_IF_ERROR(CheckEncodedSize(size_max).Annotate(stage.label));
    fixed = fixed && stage.codec->fixed_size();
    bytes_to_bytes_.push_back(std::move(stage));
  }
  return Status();
}

/// Codecs that renumber the shard's dimensions renumber those of each inner chunk alike.
Status CodecChain::BindRenumberedShard(std::span<const CodecPtr> codecs) {
  const ShardLayout* const layout = array_to_bytes_->shard_layout();
  if (layout == nullptr || array_to_array_.empty() || !bytes_to_bytes_.empty()) return Status();
  if (chunk_.shape.empty()) return Status();
  const int rank = chunk_.shape.rank();
  std::vector<int> order;
  for (int d = 0; d < rank; ++d) order.push_back(d);
  for (const ArrayStage& stage : array_to_array_) {
    const std::span<const int> step = stage.codec->dimension_order();
    if (step.size() != order.size()) return Status();  // It does more than that.
    const std::vector<int> before = order;
    for (size_t d = 0; d < step.size(); ++d) order[d] = before[static_cast<size_t>(step[d])];
  }
  ChunkSpec inner{chunk_.data_type, chunk_.shape, chunk_.fill_value};
  for (int d = 0; d < rank; ++d) {
    inner.shape[order[static_cast<size_t>(d)]] = layout->inner_chunk_shape()[d];
  }
  auto chain = std::make_shared<CodecChain>();
  chain->chunk_ = std::move(inner);
  for (size_t i = 0; i < array_to_array_.size(); ++i) {
    ArrayStage stage{nullptr, array_to_array_[i].label};
    COFFER_ASSIGN_OR_RETURN(stage.codec, RunBind(stage.label, [&] {
                              return codecs[i]->BindArrayToArray(chain->InputOf(i));
                            }));
    chain->array_to_array_.push_back(std::move(stage));
  }
  chain->rest_ = layout->shared_inner();
  chain->array_to_bytes_ = std::make_unique<ChainAsCodec>(chain->rest_);
  chain->array_to_bytes_label_ = array_to_bytes_label_;
  renumbered_shard_ = std::make_unique<ShardLayout>(layout->Renumbered(order, std::move(chain)));
  return Status();
}

/// Whether, and how, chunks can be decoded in pieces: the elements, one compressor, checksums.
void CodecChain::FindPieces() {
  for (const ArrayStage& stage : array_to_array_) {
    if (stage.codec->dimension_order().empty()) return;
  }
  if (!array_to_bytes_->is_identity() || NextCompressor(0) != 0 || bytes_to_bytes_.empty()) return;
  for (size_t i = 1; i < bytes_to_bytes_.size(); ++i) {
    const ByteStage& stage = bytes_to_bytes_[i];
    if (!stage.in_place || !stage.codec->fixed_size()) return;
    trailer_bytes_ += stage.codec->max_encoded_size() - stage.decoded_max;
  }
  const ChunkSpec& spec = InputOf(array_to_array_.size());
  if (spec.shape.empty() || spec.num_bytes() < kInPiecesMin) return;
  plane_bytes_ = spec.num_bytes() / spec.shape[0];
  const int64_t planes = std::max<int64_t>(1, kPieceBytes / plane_bytes_);
  if (planes > spec.shape[0] / 2) return;
  piece_planes_ = planes;
  always_in_pieces_ = spec.num_bytes() >= kAlwaysInPieces;
}

std::span<const std::byte> CodecChain::WithoutTrailers(std::span<const std::byte> encoded) const {
  const auto trailers = static_cast<size_t>(trailer_bytes_);
  return encoded.first(encoded.size() - std::min(trailers, encoded.size()));
}

bool CodecChain::HasPieces(std::span<const std::byte> encoded) const {
  return piece_planes_ > 0 &&
         bytes_to_bytes_[0].codec->pieces_scratch_bytes(WithoutTrailers(encoded), /*whole=*/true);
}

bool CodecChain::DecodesBox(std::span<const std::byte> encoded, const Box& box) const {
  if (piece_planes_ == 0) return false;
  const bool pays = always_in_pieces_ ||
                    InEncodedOrder(box).end(0) <= InputOf(array_to_array_.size()).shape[0] * 3 / 4;
  return pays && HasPieces(encoded);
}

Box CodecChain::InEncodedOrder(const Box& box) const {
  Box encoded = box;
  for (const ArrayStage& stage : array_to_array_) {
    const auto order = stage.codec->dimension_order();
    const Box decoded = encoded;
    for (size_t d = 0; d < order.size(); ++d) {
      encoded.origin[static_cast<int>(d)] = decoded.origin[order[d]];
      encoded.shape[static_cast<int>(d)] = decoded.shape[order[d]];
    }
  }
  return encoded;
}

int64_t CodecChain::decode_scratch_bytes(std::span<const std::byte> head, bool whole) const {
  if (!always_in_pieces_) return decode_scratch_bytes();
  const std::optional<int64_t> bytes =
      bytes_to_bytes_[0].codec->pieces_scratch_bytes(whole ? WithoutTrailers(head) : head, whole);
  if (!bytes) return decode_scratch_bytes();
  return *bytes + BufferPool::CapacityFor(piece_planes_ * plane_bytes_);
}

const ChunkSpec& CodecChain::InputOf(size_t array_stage) const {
  return array_stage == 0 ? chunk_ : array_to_array_[array_stage - 1].codec->encoded();
}

int64_t CodecChain::max_encoded_size() const {
  return bytes_to_bytes_.empty() ? array_to_bytes_->max_encoded_size()
                                 : bytes_to_bytes_.back().codec->max_encoded_size();
}

bool CodecChain::fixed_size() const {
  if (bytes_to_bytes_.empty()) return array_to_bytes_->fixed_size();
  return bytes_to_bytes_.back().decoded_fixed && bytes_to_bytes_.back().codec->fixed_size();
}

bool CodecChain::is_identity() const {
  for (const ArrayStage& stage : array_to_array_) {
    if (!IsIdentityOrder(stage.codec->dimension_order())) return false;
  }
  return array_to_bytes_->is_identity() && bytes_to_bytes_.empty();
}

bool CodecChain::has_checksum() const {
  if (!bytes_to_bytes_.empty()) return bytes_to_bytes_.back().codec->is_checksum();
  if (rest_ != nullptr) return rest_->has_checksum();
  const ShardLayout* const layout = array_to_bytes_->shard_layout();
  return layout != nullptr && layout->has_checksum();
}

bool CodecChain::has_checksum(std::span<const std::byte> encoded) const {
  return has_checksum() ||
         (!bytes_to_bytes_.empty() && bytes_to_bytes_.back().codec->has_checksum(encoded));
}

const ShardLayout* CodecChain::shard_layout() const {
  if (renumbered_shard_ != nullptr) return renumbered_shard_.get();
  if (!array_to_array_.empty() || !bytes_to_bytes_.empty()) return nullptr;
  return array_to_bytes_->shard_layout();
}

int64_t CodecChain::DecodeCapacity(const ByteStage& stage) const {
  if (stage.decoded_fixed) return stage.decoded_max;
  return stage.decoded_max + stage.decoded_max / 16 + KiB(4);
}

size_t CodecChain::NextCompressor(size_t stage) const {
  while (stage < bytes_to_bytes_.size() && bytes_to_bytes_[stage].in_place) ++stage;
  return stage;
}

int64_t CodecChain::ArrayScratchBytes() const {
  int64_t total = 0;
  for (const ArrayStage& stage : array_to_array_) {
    if (!stage.codec->dimension_order().empty()) continue;
    total += BufferPool::CapacityFor(stage.codec->encoded().num_bytes());
  }
  return total;
}

int64_t CodecChain::decode_scratch_bytes() const {
  int64_t input = 0;  // The buffer that the previous decompressor filled.
  int64_t peak = 0;
  for (size_t i = bytes_to_bytes_.size(); i-- > 0;) {
    const ByteStage& stage = bytes_to_bytes_[i];
    if (stage.in_place) continue;
    const int64_t output = BufferPool::CapacityFor(DecodeCapacity(stage));
    peak = std::max(peak, input + output + stage.codec->decode_scratch_bytes());
    input = output;
  }
  peak = std::max(peak, input + array_to_bytes_->decode_scratch_bytes());
  return ArrayScratchBytes() + peak;
}

int64_t CodecChain::encode_scratch_bytes() const {
  size_t next = NextCompressor(0);
  if (next == bytes_to_bytes_.size()) {
    return ArrayScratchBytes() + array_to_bytes_->encode_scratch_bytes();
  }
  int64_t input = BufferPool::CapacityFor(bytes_to_bytes_[next].decoded_max);
  int64_t peak = input + array_to_bytes_->encode_scratch_bytes();
  while (next < bytes_to_bytes_.size()) {
    const size_t current = next;
    next = NextCompressor(current + 1);
    const int64_t output = next == bytes_to_bytes_.size()
                               ? 0
                               : BufferPool::CapacityFor(bytes_to_bytes_[next].decoded_max);
    peak = std::max(peak, input + output + bytes_to_bytes_[current].codec->encode_scratch_bytes());
    input = output;
  }
  return ArrayScratchBytes() + peak;
}

Status CodecChain::CheckView(const ConstView& chunk) const {
  if (chunk.shape == chunk_.shape && chunk.data_type.size() == chunk_.data_type.size()) {
    return Status();
  }
  return InvalidArgumentError("a view of " + ToString(chunk.shape) + " " + chunk.data_type.name() +
                              " for a chunk of " + ToString(chunk_.shape) + " " +
                              chunk_.data_type.name());
}

Status CodecChain::Decode(std::span<const std::byte> encoded, const View& chunk,
                          const CodecScratch& scratch) const {
  COFFER_RETURN_IF_ERROR(CheckView(chunk));
  return DecodeFrom(0, encoded, chunk, scratch);
}

Status CodecChain::DecodeFrom(size_t array_stage, std::span<const std::byte> encoded,
                              const View& view, const CodecScratch& scratch) const {
  if (array_stage == array_to_array_.size()) return DecodeBytes(encoded, view, scratch);
  const ArrayStage& stage = array_to_array_[array_stage];
  if (const auto order = stage.codec->dimension_order(); !order.empty()) {
    return DecodeFrom(array_stage + 1, encoded, view.Transposed(order), scratch);
  }
  const ChunkSpec& inner = stage.codec->encoded();
  COFFER_ASSIGN_OR_RETURN(Buffer buffer,
                          scratch.buffers->Allocate(static_cast<size_t>(inner.num_bytes())));
  const View inner_view(buffer.data(), inner.data_type, inner.shape);
  COFFER_RETURN_IF_ERROR(DecodeFrom(array_stage + 1, encoded, inner_view, scratch));
  return Run(stage.label, [&] { return stage.codec->Decode(inner_view, view); });
}

Status CodecChain::DecodeBox(std::span<const std::byte> encoded, const Box& box, const View& part,
                             const CodecScratch& scratch) const {
  for (size_t i = bytes_to_bytes_.size(); i-- > 1;) {
    const ByteStage& stage = bytes_to_bytes_[i];
    COFFER_ASSIGN_OR_RETURN(
        encoded, Run(stage.label, [&] { return stage.codec->DecodeInPlace(encoded).value(); }));
  }
  View view = part;
  for (const ArrayStage& stage : array_to_array_) {
    view = view.Transposed(stage.codec->dimension_order());
  }
  return DecodePlanes(encoded, InEncodedOrder(box), view, scratch);
}

/// `box` and `part` in the order of the encoded dimensions.
Status CodecChain::DecodePlanes(std::span<const std::byte> encoded, const Box& box,
                                const View& part, const CodecScratch& scratch) const {
  const ByteStage& stage = bytes_to_bytes_[0];
  const ChunkSpec& spec = InputOf(array_to_array_.size());
  COFFER_ASSIGN_OR_RETURN(
      Buffer buffer, scratch.buffers->Allocate(static_cast<size_t>(piece_planes_ * plane_bytes_)));
  // Where the end is wanted, or says whether all was right, no byte may be behind it.
  const bool to_the_end = box.end(0) == spec.shape[0] || stage.codec->has_checksum(encoded);
  int64_t next = 0;
  const auto take = [&](std::span<const std::byte> bytes) -> Result<bool> {
    const auto size = static_cast<int64_t>(bytes.size());
    const int64_t count = size / plane_bytes_;
    if (size % plane_bytes_ != 0 || next + count > spec.shape[0]) {
      return DataLossError("the chunk does not decode to the " + std::to_string(spec.num_bytes()) +
                           " bytes expected");
    }
    Box rows = Box::Full(spec.shape);
    rows.origin[0] = std::exchange(next, next + count);
    rows.shape[0] = count;
    const Box wanted = rows.Intersect(box);
    if (!wanted.empty()) {
      Box from = wanted, to = wanted;
      from.origin[0] -= rows.origin[0];
      for (int d = 0; d < box.rank(); ++d) to.origin[d] -= box.origin[d];
      const ConstView piece(bytes.data(), spec.data_type, rows.shape);
      CopyView(piece.Subview(from), part.Subview(to));
    }
    return to_the_end || next < box.end(0);
  };
  COFFER_ASSIGN_OR_RETURN(const size_t size, Run(stage.label, [&] {
                            return stage.codec->DecodePieces(encoded, buffer.span(), take);
                          }));
  if (next < box.end(0)) return WrongSize(size, spec.num_bytes()).Annotate(stage.label);
  return Status();
}

Status CodecChain::DecodeBytes(std::span<const std::byte> encoded, const View& view,
                               const CodecScratch& scratch) const {
  Buffer held;  // What `encoded` points into, once it is no longer the caller's.
  for (size_t i = bytes_to_bytes_.size(); i-- > 0;) {
    const ByteStage& stage = bytes_to_bytes_[i];
    if (stage.in_place) {
      COFFER_ASSIGN_OR_RETURN(
          encoded, Run(stage.label, [&] { return stage.codec->DecodeInPlace(encoded).value(); }));
      continue;
    }
    const auto capacity = static_cast<size_t>(DecodeCapacity(stage));
    const bool direct = i == 0 && array_to_bytes_->is_identity() && view.IsCOrderContiguous();
    if (!direct && always_in_pieces_ && stage.codec->pieces_scratch_bytes(encoded, true)) {
      return DecodePlanes(encoded, Box::Full(view.shape), view, scratch);
    }
    Buffer buffer;
    if (!direct) {
      COFFER_ASSIGN_OR_RETURN(buffer, scratch.buffers->Allocate(capacity));
    }
    const std::span<std::byte> target(direct ? view.data : buffer.data(), capacity);
    COFFER_ASSIGN_OR_RETURN(const size_t size,
                            Run(stage.label, [&] { return stage.codec->Decode(encoded, target); }));
    if (stage.decoded_fixed && size != capacity) {
      return WrongSize(size, stage.decoded_max).Annotate(stage.label);
    }
    if (direct) return Status();
    encoded = target.first(size);
    held = std::move(buffer);
  }
  if (array_to_bytes_->fixed_size() &&
      encoded.size() != static_cast<size_t>(array_to_bytes_->max_encoded_size())) {
    return WrongSize(encoded.size(), array_to_bytes_->max_encoded_size());
  }
  return Run(array_to_bytes_label_,
             [&] { return array_to_bytes_->Decode(encoded, view, scratch); });
}

Result<size_t> CodecChain::Encode(const ConstView& chunk, std::span<std::byte> destination,
                                  const CodecScratch& scratch) const {
  COFFER_RETURN_IF_ERROR(CheckView(chunk));
  if (destination.size() < static_cast<size_t>(max_encoded_size())) {
    return InvalidArgumentError("a destination of " + std::to_string(destination.size()) +
                                " bytes for a chunk that may need " +
                                std::to_string(max_encoded_size()));
  }
  return EncodeFrom(0, chunk, destination, scratch);
}

Result<size_t> CodecChain::EncodeFrom(size_t array_stage, const ConstView& view,
                                      std::span<std::byte> destination,
                                      const CodecScratch& scratch) const {
  if (array_stage == array_to_array_.size()) return EncodeBytes(view, destination, scratch);
  const ArrayStage& stage = array_to_array_[array_stage];
  if (const auto order = stage.codec->dimension_order(); !order.empty()) {
    return EncodeFrom(array_stage + 1, view.Transposed(order), destination, scratch);
  }
  const ChunkSpec& inner = stage.codec->encoded();
  COFFER_ASSIGN_OR_RETURN(Buffer buffer,
                          scratch.buffers->Allocate(static_cast<size_t>(inner.num_bytes())));
  const View inner_view(buffer.data(), inner.data_type, inner.shape);
  COFFER_RETURN_IF_ERROR(Run(stage.label, [&] { return stage.codec->Encode(view, inner_view); }));
  return EncodeFrom(array_stage + 1, inner_view, destination, scratch);
}

Result<size_t> CodecChain::EncodeInPlace(size_t first, size_t last, std::span<std::byte> buffer,
                                         size_t size) const {
  for (size_t i = first; i < last; ++i) {
    const ByteStage& stage = bytes_to_bytes_[i];
    COFFER_ASSIGN_OR_RETURN(
        size, Run(stage.label, [&] { return stage.codec->EncodeInPlace(buffer, size); }));
  }
  return size;
}

Result<size_t> CodecChain::EncodeBytes(const ConstView& view, std::span<std::byte> destination,
                                       const CodecScratch& scratch) const {
  const size_t end = bytes_to_bytes_.size();
  size_t next = NextCompressor(0);
  Buffer held;
  std::span<const std::byte> source;
  if (next == 0 && end > 0 && array_to_bytes_->is_identity() && view.IsCOrderContiguous()) {
    source = {view.data, static_cast<size_t>(array_to_bytes_->max_encoded_size())};
  } else {
    std::span<std::byte> target = destination;
    if (next < end) {
      COFFER_ASSIGN_OR_RETURN(
          held, scratch.buffers->Allocate(static_cast<size_t>(bytes_to_bytes_[next].decoded_max)));
      target = held.span();
    }
    COFFER_ASSIGN_OR_RETURN(const size_t size, Run(array_to_bytes_label_, [&] {
                              return array_to_bytes_->Encode(view, target, scratch);
                            }));
    COFFER_ASSIGN_OR_RETURN(const size_t total, EncodeInPlace(0, next, target, size));
    if (next == end) return total;
    source = target.first(total);
  }
  while (true) {
    const size_t current = next;
    next = NextCompressor(current + 1);
    Buffer buffer;
    std::span<std::byte> target = destination;
    if (next < end) {
      COFFER_ASSIGN_OR_RETURN(buffer, scratch.buffers->Allocate(
                                          static_cast<size_t>(bytes_to_bytes_[next].decoded_max)));
      target = buffer.span();
    }
    // No more room than its bound: what lies behind is for the checksums that follow in place.
    const BoundBytesToBytes& codec = *bytes_to_bytes_[current].codec;
    const auto bound = static_cast<size_t>(codec.max_encoded_size());
    const std::span<std::byte> room = target.first(std::min(bound, target.size()));
    COFFER_ASSIGN_OR_RETURN(const size_t size, Run(bytes_to_bytes_[current].label,
                                                   [&] { return codec.Encode(source, room); }));
    COFFER_ASSIGN_OR_RETURN(const size_t total, EncodeInPlace(current + 1, next, target, size));
    if (next == end) return total;
    source = target.first(total);
    held = std::move(buffer);
  }
}

Result<CodecChainPtr> BindCodecs(std::span<const CodecPtr> codecs, const ChunkSpec& chunk) {
  return CodecChain::Bind(codecs, chunk);
}

}  // namespace coffer::inline v0
