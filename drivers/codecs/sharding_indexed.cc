#include "drivers/codecs/sharding_indexed.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "coffer/base/checked.h"
#include "src/base/json.h"
#include "src/codec/chain.h"
#include "src/codec/metadata.h"
#include "src/codec/shard_layout.h"
#include "src/nd/copy.h"

namespace coffer::inline v0 {
namespace {

constexpr int64_t kEntriesMax = int64_t{1} << 26;

struct Options {
  Shape chunk_shape;
  std::vector<CodecPtr> codecs;
  std::vector<CodecPtr> index_codecs;
  ShardLayout::IndexLocation location = ShardLayout::IndexLocation::kEnd;
};

class BoundSharding final : public BoundArrayToBytes {
 public:
  BoundSharding(ShardLayout layout, int64_t max_encoded_size)
      : layout_(std::move(layout)), max_encoded_size_(max_encoded_size) {}

  int64_t max_encoded_size() const override { return max_encoded_size_; }
  bool fixed_size() const override { return false; }
  const ShardLayout* shard_layout() const override { return &layout_; }

  int64_t encode_scratch_bytes() const override {
    return layout_.index_decode_bytes() +
           std::max(layout_.index_encode_bytes(), layout_.inner().encode_scratch_bytes());
  }
  int64_t decode_scratch_bytes() const override {
    return layout_.index_decode_bytes() + layout_.inner().decode_scratch_bytes();
  }

  Result<size_t> Encode(const ConstView& shard, std::span<std::byte> destination,
                        const CodecScratch& scratch) const override {
    const auto index_size = static_cast<size_t>(layout_.index_size());
    const bool at_start = layout_.index_location() == ShardLayout::IndexLocation::kStart;
    ShardIndex index(static_cast<size_t>(layout_.num_entries()));
    size_t end = at_start ? index_size : 0;
    for (size_t n = 0; n < index.size(); ++n) {
      const Box box = layout_.InnerBox(static_cast<int64_t>(n));
      const ConstView chunk = shard.Subview(box);
      if (AllEqual(chunk, layout_.inner().chunk().fill_value)) continue;
      const Result<size_t> size = layout_.inner().Encode(chunk, destination.subspan(end), scratch);
      if (!size.ok()) return size.status().Annotate("inner chunk at " + ToString(box.origin));
      index[n] = {end, *size};
      end += *size;
    }
    COFFER_RETURN_IF_ERROR(
        layout_.EncodeIndexInto(index, destination.subspan(at_start ? 0 : end), scratch));
    return at_start ? end : end + index_size;
  }

  Status Decode(std::span<const std::byte> encoded, const View& shard,
                const CodecScratch& scratch) const override {
    const auto index_size = static_cast<size_t>(layout_.index_size());
    const bool at_start = layout_.index_location() == ShardLayout::IndexLocation::kStart;
    const size_t part = std::min(index_size, encoded.size());
    COFFER_ASSIGN_OR_RETURN(const ShardIndex index,
                            layout_.ParseIndex(at_start ? encoded.first(part) : encoded.last(part),
                                               static_cast<int64_t>(encoded.size()), scratch));
    for (size_t n = 0; n < index.size(); ++n) {
      const Box box = layout_.InnerBox(static_cast<int64_t>(n));
      const View chunk = shard.Subview(box);
      if (index[n].absent()) {
        FillView(chunk, layout_.inner().chunk().fill_value);
        continue;
      }
      const Status status =
          layout_.inner().Decode(encoded.subspan(index[n].offset, index[n].size), chunk, scratch);
      if (!status.ok()) return status.Annotate("inner chunk at " + ToString(box.origin));
    }
    return Status();
  }

 private:
  const ShardLayout layout_;
  const int64_t max_encoded_size_;
};

class ShardingCodec final : public Codec {
 public:
  explicit ShardingCodec(Options options) : options_(std::move(options)) {}

  Kind kind() const override { return Kind::kArrayToBytes; }
  std::string name() const override { return "sharding_indexed"; }
  std::string configuration() const override {
    const bool at_start = options_.location == ShardLayout::IndexLocation::kStart;
    Json::Array shape(options_.chunk_shape.begin(), options_.chunk_shape.end());
    return Json(Json::Object{{"chunk_shape", std::move(shape)},
                             {"codecs", CodecsToJson(options_.codecs)},
                             {"index_codecs", CodecsToJson(options_.index_codecs)},
                             {"index_location", at_start ? "start" : "end"}})
        .Dump();
  }

  Result<std::unique_ptr<BoundArrayToBytes>> BindArrayToBytes(const ChunkSpec& in) const override {
    COFFER_ASSIGN_OR_RETURN(const Shape grid, InnerGrid(in.shape));
    auto inner = CodecChain::Bind(options_.codecs,
                                  ChunkSpec{in.data_type, options_.chunk_shape, in.fill_value});
    if (!inner.ok()) return inner.status().Annotate("in \"codecs\"");

    Shape index_shape = grid;
    index_shape.push_back(2);
    auto index = CodecChain::Bind(
        options_.index_codecs,
        ChunkSpec{DataType::kUint64, index_shape, std::vector<std::byte>(8, std::byte{0xff})});
    if (!index.ok()) return index.status().Annotate("in \"index_codecs\"");
    if (!(*index)->fixed_size()) {
      return InvalidArgumentError(
          "in \"index_codecs\": the encoded size of the index must not depend on its values");
    }

    ShardLayout layout(in.shape, *std::move(inner), *std::move(index), options_.location);
    const auto chunks = CheckedMul(layout.num_entries(), layout.inner().max_encoded_size());
    const auto size = chunks ? CheckedAdd(*chunks, layout.index_size()) : std::nullopt;
    if (!size) return InvalidArgumentError("the largest possible shard overflows");
    return std::make_unique<BoundSharding>(std::move(layout), *size);
  }

 private:
  Result<Shape> InnerGrid(const Shape& shard) const {
    const Shape& inner = options_.chunk_shape;
    const std::string what = "\"chunk_shape\" " + ToString(inner);
    if (inner.rank() != shard.rank()) {
      return InvalidArgumentError(what + " for a shard of shape " + ToString(shard));
    }
    if (inner.rank() >= kMaxRank) {
      return InvalidArgumentError(what + ": at most 31 dimensions can be sharded");
    }
    Shape grid;
    for (int d = 0; d < inner.rank(); ++d) {
      if (shard[d] % inner[d] != 0) {
        return InvalidArgumentError(what + " does not divide the shard of shape " +
                                    ToString(shard));
      }
      grid.push_back(shard[d] / inner[d]);
    }
    const auto entries = NumElements(grid);
    if (!entries || *entries > kEntriesMax) {
      return InvalidArgumentError(
          what + " makes more than 2^26 inner chunks of the shard of shape " + ToString(shard));
    }
    return grid;
  }

  const Options options_;
};

Result<Shape> ParseShape(const Json& member) {
  COFFER_ASSIGN_OR_RETURN(const Json::Array* items, member.AsArray("$.chunk_shape"));
  if (items->size() > kMaxRank) return member.Unexpected("$.chunk_shape", "at most 32 dimensions");
  Shape shape;
  for (size_t d = 0; d < items->size(); ++d) {
    const std::string path = "$.chunk_shape[" + std::to_string(d) + "]";
    COFFER_ASSIGN_OR_RETURN(const int64_t extent, (*items)[d].AsInt64(path, 1));
    shape.push_back(extent);
  }
  return shape;
}

Result<std::vector<CodecPtr>> ParseCodecs(const Json& configuration, const std::string& name,
                                          const CodecTable& table) {
  COFFER_ASSIGN_OR_RETURN(const Json* member, RequireMember(configuration, name));
  COFFER_ASSIGN_OR_RETURN(std::vector<CodecPtr> codecs,
                          CodecsFromJson(*member, "$." + name, table));
  if (codecs.empty()) return member->Unexpected("$." + name, "at least one codec");
  return codecs;
}

}  // namespace

Result<CodecPtr> MakeShardingIndexedCodec(std::string_view configuration,
                                          const CodecTable& codecs) {
  COFFER_ASSIGN_OR_RETURN(
      const Json json, ParseConfiguration(configuration, {"chunk_shape", "codecs", "index_codecs",
                                                          "index_location"}));
  Options options;
  COFFER_ASSIGN_OR_RETURN(const Json* shape, RequireMember(json, "chunk_shape"));
  COFFER_ASSIGN_OR_RETURN(options.chunk_shape, ParseShape(*shape));
  COFFER_ASSIGN_OR_RETURN(options.codecs, ParseCodecs(json, "codecs", codecs));
  COFFER_ASSIGN_OR_RETURN(options.index_codecs, ParseCodecs(json, "index_codecs", codecs));
  if (const Json* location = json.Find("index_location")) {
    if (*location == Json("start")) {
      options.location = ShardLayout::IndexLocation::kStart;
    } else if (*location != Json("end")) {
      return location->Unexpected("$.index_location", "\"start\" or \"end\"");
    }
  }
  return std::make_shared<ShardingCodec>(std::move(options));
}

}  // namespace coffer::inline v0
