#include "drivers/codecs/transpose.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "src/base/json.h"
#include "src/codec/metadata.h"
#include "src/nd/copy.h"

namespace coffer::inline v0 {
namespace {

class BoundTranspose final : public BoundArrayToArray {
 public:
  BoundTranspose(ChunkSpec encoded, std::vector<int> order)
      : encoded_(std::move(encoded)), order_(std::move(order)) {}

  const ChunkSpec& encoded() const override { return encoded_; }
  std::span<const int> dimension_order() const override { return order_; }
  // Only called for rank 0, whose order is empty.
  Status Encode(const ConstView& decoded, const View& encoded) const override {
    CopyView(decoded.Transposed(order_), encoded);
    return Status();
  }
  Status Decode(const ConstView& encoded, const View& decoded) const override {
    CopyView(encoded, decoded.Transposed(order_));
    return Status();
  }

 private:
  const ChunkSpec encoded_;
  const std::vector<int> order_;
};

class TransposeCodec final : public Codec {
 public:
  explicit TransposeCodec(std::vector<int> order) : order_(std::move(order)) {}

  Kind kind() const override { return Kind::kArrayToArray; }
  std::string name() const override { return "transpose"; }
  std::string configuration() const override {
    Json::Array order(order_.begin(), order_.end());
    return Json(Json::Object{{"order", std::move(order)}}).Dump();
  }

  Result<std::unique_ptr<BoundArrayToArray>> BindArrayToArray(const ChunkSpec& in) const override {
    if (order_.size() != in.shape.size()) {
      return InvalidArgumentError("\"order\" has " + std::to_string(order_.size()) +
                                  " dimensions, the chunk " + std::to_string(in.shape.size()));
    }
    ChunkSpec encoded = in;
    for (size_t i = 0; i < order_.size(); ++i) encoded.shape[i] = in.shape[order_[i]];
    return std::make_unique<BoundTranspose>(std::move(encoded), order_);
  }

 private:
  const std::vector<int> order_;
};

}  // namespace

Result<CodecPtr> MakeTransposeCodec(std::string_view configuration, const CodecTable&) {
  COFFER_ASSIGN_OR_RETURN(const Json json, ParseConfiguration(configuration, {"order"}));
  COFFER_ASSIGN_OR_RETURN(const Json* member, RequireMember(json, "order"));
  COFFER_ASSIGN_OR_RETURN(const Json::Array* items, member->AsArray("$.order"));
  if (items->size() > kMaxRank) return member->Unexpected("$.order", "at most 32 dimensions");
  std::vector<int> order;
  std::vector<bool> seen(items->size(), false);
  for (size_t i = 0; i < items->size(); ++i) {
    const std::string path = "$.order[" + std::to_string(i) + "]";
    COFFER_ASSIGN_OR_RETURN(const int64_t dim,
                            (*items)[i].AsInt64(path, 0, static_cast<int64_t>(items->size()) - 1));
    if (seen[static_cast<size_t>(dim)]) {
      return (*items)[i].Unexpected(path, "each dimension once");
    }
    seen[static_cast<size_t>(dim)] = true;
    order.push_back(static_cast<int>(dim));
  }
  return std::make_shared<TransposeCodec>(std::move(order));
}

}  // namespace coffer::inline v0
