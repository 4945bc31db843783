#include "drivers/zarr/layout.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coffer/base/checked.h"
#include "src/codec/shard_layout.h"

namespace coffer::inline v0::zarr {
namespace {

constexpr int64_t kDefaultChunkBytes = MiB(1);

bool FitsDefault(const Shape& chunk, DataType type) {
  const std::optional<int64_t> elements = NumElements(chunk);
  return elements && *elements <= kDefaultChunkBytes / type.size();
}

int64_t SmallestPrimeFactor(int64_t n) {
  constexpr int64_t kTriedMax = 1 << 16;
  for (int64_t factor = 2; factor <= kTriedMax && factor * factor <= n; ++factor) {
    if (n % factor == 0) return factor;
  }
  return n;
}

}  // namespace

Result<const Json*> Required(const Json& object, std::string_view path, std::string_view member) {
  const Json* const found = object.Find(member);
  if (found == nullptr) {
    return InvalidArgumentError("at " + std::string(path) + ": missing member \"" +
                                std::string(member) + "\"");
  }
  return found;
}

Result<Shape> ShapeFromJson(const Json& json, std::string_view path, int64_t min) {
  COFFER_ASSIGN_OR_RETURN(const Json::Array* extents, json.AsArray(path));
  if (extents->size() > kMaxRank) {
    return UnimplementedError("at " + std::string(path) + ": " + std::to_string(extents->size()) +
                              " dimensions; at most " + std::to_string(kMaxRank) +
                              " are supported");
  }
  Shape shape;
  for (size_t d = 0; d < extents->size(); ++d) {
    const std::string item = std::string(path) + "[" + std::to_string(d) + "]";
    COFFER_ASSIGN_OR_RETURN(int64_t extent, (*extents)[d].AsInt64(item, min));
    shape.push_back(extent);
  }
  return shape;
}

Json ToJson(const Dims& dims) {
  Json::Array list;
  for (int64_t value : dims) list.emplace_back(value);
  return list;
}

Json ToJson(const std::vector<std::optional<std::string>>& names) {
  Json::Array list;
  for (const auto& name : names) list.push_back(name ? Json(*name) : Json());
  return list;
}

Status CheckProducts(const Shape& shape, const Shape& cell_shape, DataType type,
                     std::string_view cell_path) {
  const auto bytes = [&](const Shape& of) -> std::optional<int64_t> {
    const std::optional<int64_t> elements = NumElements(of);
    return elements ? CheckedMul(*elements, type.size()) : std::nullopt;
  };
  if (!bytes(shape)) {
    return InvalidArgumentError("at $.shape: an array of shape " + ToString(shape) +
                                " has more than 2^63 - 1 bytes");
  }
  const std::optional<int64_t> cell_bytes = bytes(cell_shape);
  if (!cell_bytes || *cell_bytes > kShardBytesMax) {
    return InvalidArgumentError("at " + std::string(cell_path) + ": a chunk of shape " +
                                ToString(cell_shape) + " has more than 2^60 bytes");
  }
  return Status();
}

Status CheckTaskSize(const CodecChain& chain, std::string_view cell_path) {
  // Shards inside an inner chunk are decoded with it.
  const ShardLayout* const layout = chain.shard_layout();
  const CodecChain* const unit = layout != nullptr ? &layout->inner() : &chain;
  const int64_t bytes = unit->chunk().num_bytes();
  if (bytes <= kChunkBytesMax) return Status();
  const std::string at(unit == &chain ? cell_path : "$.codecs");
  return UnimplementedError("at " + at + ": a chunk of shape " + ToString(unit->chunk().shape) +
                            " has " + std::to_string(bytes) + " bytes; at most " +
                            std::to_string(kChunkBytesMax) + " are decoded as one");
}

Status CheckChunking(const CreateOptions& options) {
  const int rank = options.shape.rank();
  for (int64_t extent : options.shape) {
    if (extent < 0) {
      return InvalidArgumentError("shape " + ToString(options.shape) + ": an extent is negative");
    }
  }
  const std::pair<std::string, const Shape*> parts[] = {{"chunk_shape", &options.chunk_shape},
                                                        {"shard_shape", &options.shard_shape}};
  for (const auto& [name, part] : parts) {
    if (part->rank() != 0 && part->rank() != rank) {
      return InvalidArgumentError(name + " " + ToString(*part) + ": expected " +
                                  std::to_string(rank) + " extents, as shape " +
                                  ToString(options.shape) + " has");
    }
    for (int64_t extent : *part) {
      if (extent < 1) {
        return InvalidArgumentError(name + " " + ToString(*part) +
                                    ": every extent must be at least 1");
      }
    }
  }
  if (options.chunk_shape.empty() || options.shard_shape.empty()) return Status();
  for (int d = 0; d < rank; ++d) {
    if (options.shard_shape[d] % options.chunk_shape[d] != 0) {
      return InvalidArgumentError("shard_shape " + ToString(options.shard_shape) +
                                  " is not a multiple of chunk_shape " +
                                  ToString(options.chunk_shape));
    }
  }
  return Status();
}

Shape DefaultChunkShape(const Shape& shape, DataType type) {
  Shape chunk = shape;
  for (int64_t& extent : chunk) extent = std::max<int64_t>(extent, 1);
  while (!FitsDefault(chunk, type)) {
    int64_t& largest = *std::max_element(chunk.begin(), chunk.end());
    if (largest == 1) break;
    largest = largest / 2 + largest % 2;
  }
  return chunk;
}

Shape DefaultInnerChunkShape(const Shape& shard_shape, DataType type) {
  Shape chunk = shard_shape;
  while (!FitsDefault(chunk, type)) {
    // The extent with the smallest prime factor, so that the chunk shrinks in small steps.
    int64_t* best = nullptr;
    int64_t best_factor = 1;
    for (int64_t& extent : chunk) {
      const int64_t factor = SmallestPrimeFactor(extent);
      const bool better =
          best == nullptr || factor < best_factor || (factor == best_factor && extent > *best);
      if (factor == 1 || !better) continue;
      best = &extent;
      best_factor = factor;
    }
    if (best == nullptr) break;
    *best /= best_factor;
  }
  return chunk;
}

Result<Json> ParseAttributes(std::string_view text) {
  if (text.empty()) return Json(Json::Object());
  Result<Json> attributes = Json::ParseNonFinite(text);
  if (!attributes.ok()) return attributes.status().Annotate("attributes");
  if (!attributes->is_object()) {
    return InvalidArgumentError("attributes: expected a JSON object");
  }
  return attributes;
}

Result<Json> AttributesOf(const CreateOptions& options) {
  COFFER_ASSIGN_OR_RETURN(Json attributes, ParseAttributes(options.attributes));
  const std::vector<std::optional<std::string>>& units = options.format.dimension_units;
  if (units.empty()) return attributes;
  if (attributes.Find("dimension_units") != nullptr) {
    return InvalidArgumentError("dimension_units: stands in the attributes as well");
  }
  attributes.Set("dimension_units", ToJson(units));
  return attributes;
}

}  // namespace coffer::inline v0::zarr
