// A transform is made in steps that each keep one invariant: every index of the view gives stored
// indices inside the stored shape, and so inside [0, INT64_MAX). Differences of two stored indices
// therefore never overflow; only what comes from a caller is checked.
#include "coffer/nd/index_transform.h"

#include <charconv>
#include <cstdlib>
#include <optional>
#include <string>

namespace coffer::inline v0 {
namespace {

using OutputMap = IndexTransform::OutputMap;

// What one selection makes of one dimension.
struct Taken {
  int64_t first = 0;
  int64_t step = 1;
  std::optional<int64_t> count;  // None: the dimension is dropped.
};

Result<Taken> Take(const Selection& selection, int64_t extent) {
  const std::string limits = "[0, " + std::to_string(extent) + ")";
  const bool has_range = selection.begin != Selection::kUnset || selection.end != Selection::kUnset;
  if (selection.at != Selection::kUnset) {
    if (has_range || selection.step != 1) {
      return InvalidArgumentError("an index together with a range");
    }
    if (selection.at < 0 || selection.at >= extent) {
      return OutOfRangeError("index " + std::to_string(selection.at) + " lies outside " + limits);
    }
    return Taken{.first = selection.at, .step = 0, .count = std::nullopt};
  }
  const int64_t begin = selection.begin == Selection::kUnset ? 0 : selection.begin;
  const int64_t end = selection.end == Selection::kUnset ? extent : selection.end;
  if (selection.step < 1) {
    return InvalidArgumentError("step " + std::to_string(selection.step) + ", expected at least 1");
  }
  if (begin < 0 || end < begin || end > extent) {
    return OutOfRangeError("range [" + std::to_string(begin) + ", " + std::to_string(end) +
                           ") lies outside " + limits);
  }
  return Taken{
      .first = begin, .step = selection.step, .count = CeilDiv(end - begin, selection.step)};
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// Text before the separator, which is removed together with it; all of it if there is none.
std::string_view Cut(std::string_view& text, char separator) {
  const size_t at = text.find(separator);
  std::string_view head = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
  return head;
}

// An integer into *value; nothing if the text is empty.
Status ParseNumber(std::string_view text, int64_t* value) {
  text = Trim(text);
  if (text.empty()) return Status();
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  if (error != std::errc() || end != text.data() + text.size() || *value == Selection::kUnset) {
    return InvalidArgumentError("expected an index or begin:end:step");
  }
  return Status();
}

Result<Selection> ParsePart(std::string_view part) {
  Selection selection;
  const bool range = part.find(':') != std::string_view::npos;
  if (!range) {
    COFFER_RETURN_IF_ERROR(ParseNumber(part, &selection.at));
    if (selection.at == Selection::kUnset) {
      return InvalidArgumentError("expected an index or begin:end:step");
    }
    return selection;
  }
  COFFER_RETURN_IF_ERROR(ParseNumber(Cut(part, ':'), &selection.begin));
  COFFER_RETURN_IF_ERROR(ParseNumber(Cut(part, ':'), &selection.end));
  COFFER_RETURN_IF_ERROR(ParseNumber(part, &selection.step));
  return selection;
}

}  // namespace

IndexTransform IndexTransform::Identity(const Shape& shape) {
  IndexTransform whole;
  whole.view_shape_ = shape;
  for (int d = 0; d < shape.rank(); ++d) {
    whole.maps_.push_back({.offset = 0, .stride = 1, .view_dim = d});
  }
  return whole;
}

Result<IndexTransform> IndexTransform::FromBox(const Shape& stored, const Box& box) {
  return Identity(stored).Subview(box);
}

Result<IndexTransform> IndexTransform::FromSelections(const Shape& stored,
                                                      std::span<const Selection> selections) {
  std::vector<Selection> by_dim(stored.size());
  std::vector<bool> named(stored.size(), false);
  for (const Selection& selection : selections) {
    const std::string name = "selection of dimension " + std::to_string(selection.dim);
    if (selection.dim < 0 || selection.dim >= stored.rank()) {
      return InvalidArgumentError(name + ": the array has rank " + std::to_string(stored.rank()));
    }
    const auto dim = static_cast<size_t>(selection.dim);
    if (named[dim]) return InvalidArgumentError(name + ": the dimension is named twice");
    named[dim] = true;
    by_dim[dim] = selection;
  }
  IndexTransform view;
  for (int d = 0; d < stored.rank(); ++d) {
    Result<Taken> taken = Take(by_dim[static_cast<size_t>(d)], stored[d]);
    if (!taken.ok()) {
      return taken.status().Annotate("selection of dimension " + std::to_string(d));
    }
    OutputMap map{.offset = taken->first, .stride = taken->step, .view_dim = -1};
    if (taken->count) {
      map.view_dim = view.view_shape_.rank();
      view.view_shape_.push_back(*taken->count);
    }
    view.maps_.push_back(map);
  }
  return view;
}

Result<IndexTransform> IndexTransform::Parse(const Shape& stored, std::string_view region) {
  std::vector<Selection> selections;
  std::string_view rest = region;
  for (bool more = !Trim(region).empty(); more;) {
    more = rest.find(',') != std::string_view::npos;
    const std::string_view part = Trim(Cut(rest, ','));
    const std::string context =
        "region \"" + std::string(region) + "\", part \"" + std::string(part) + "\"";
    const int dim = static_cast<int>(selections.size());
    if (dim == stored.rank()) {
      return InvalidArgumentError(context + ": more parts than the array's " +
                                  std::to_string(stored.rank()) + " dimensions");
    }
    Result<Selection> selection = ParsePart(part);
    if (!selection.ok()) return selection.status().Annotate(context);
    selection->dim = dim;
    Result<Taken> taken = Take(*selection, stored[dim]);
    if (!taken.ok()) return taken.status().Annotate(context);
    selections.push_back(*selection);
  }
  return FromSelections(stored, selections);
}

Result<IndexTransform> IndexTransform::Transpose(std::span<const int> order) const {
  const std::string error = "the order of a transposition must be a permutation of the view's " +
                            std::to_string(view_shape_.rank()) + " dimensions";
  if (order.size() != view_shape_.size()) return InvalidArgumentError(error);
  std::vector<int> place(order.size(), -1);  // Of an old dimension among the new.
  for (size_t i = 0; i < order.size(); ++i) {
    if (order[i] < 0 || order[i] >= view_shape_.rank()) return InvalidArgumentError(error);
    int& here = place[static_cast<size_t>(order[i])];
    if (here != -1) return InvalidArgumentError(error);
    here = static_cast<int>(i);
  }
  IndexTransform turned = *this;
  for (size_t i = 0; i < order.size(); ++i) turned.view_shape_[i] = view_shape_[order[i]];
  for (OutputMap& map : turned.maps_) {
    if (map.view_dim >= 0) map.view_dim = place[static_cast<size_t>(map.view_dim)];
  }
  return turned;
}

Result<IndexTransform> IndexTransform::Reverse(int dim) const {
  if (dim < 0 || dim >= view_shape_.rank()) {
    return InvalidArgumentError("cannot reverse dimension " + std::to_string(dim) +
                                " of a view of rank " + std::to_string(view_shape_.rank()));
  }
  IndexTransform turned = *this;
  for (OutputMap& map : turned.maps_) {
    if (map.view_dim != dim || view_shape_[dim] == 0) continue;
    map.offset += map.stride * (view_shape_[dim] - 1);
    map.stride = -map.stride;
  }
  return turned;
}

Result<IndexTransform> IndexTransform::Subview(const Box& box) const {
  auto text = [&] { return "box " + ToString(box) + " of shape " + ToString(view_shape_); };
  if (box.rank() != view_shape_.rank() || box.origin.rank() != box.rank()) {
    return InvalidArgumentError(text() + ": the ranks differ");
  }
  for (int d = 0; d < box.rank(); ++d) {
    if (box.origin[d] < 0 || box.shape[d] < 0 || box.origin[d] > view_shape_[d] ||
        box.shape[d] > view_shape_[d] - box.origin[d]) {
      return OutOfRangeError(text() + " does not lie inside it");
    }
  }
  IndexTransform part = *this;
  part.view_shape_ = box.shape;
  for (OutputMap& map : part.maps_) {
    // An empty dimension may begin one step beyond the last element, where no index need exist.
    if (map.view_dim < 0 || box.shape[map.view_dim] == 0) continue;
    map.offset += map.stride * box.origin[map.view_dim];
  }
  return part;
}

Box IndexTransform::StoredBounds() const {
  Box bounds;
  for (const OutputMap& map : maps_) {
    const int64_t steps = map.view_dim < 0 ? 0 : view_shape_[map.view_dim] - 1;
    const int64_t last = map.offset + map.stride * steps;
    bounds.origin.push_back(std::min(map.offset, last));
    bounds.shape.push_back(std::abs(last - map.offset) + 1);
  }
  return bounds;
}

bool TransformPiece::CoversAll(const Box& cell) const {
  for (int d = 0; d < cell.rank(); ++d) {
    const OutputMap& map = maps[static_cast<size_t>(d)];
    const int64_t count = map.view_dim < 0 ? 1 : view_box.shape[map.view_dim];
    if (count != cell.shape[d]) return false;
    // As many different elements as the cell has: all of them, if both ends lie inside.
    const int64_t last = first[d] + map.stride * (count - 1);
    if (std::min(first[d], last) < cell.origin[d]) return false;
    if (std::max(first[d], last) >= cell.end(d)) return false;
  }
  return true;
}

TransformPiece Intersect(const IndexTransform& transform, const Box& cell) {
  TransformPiece piece;
  piece.view_box = Box::Full(transform.view_shape());
  piece.maps.assign(transform.maps().begin(), transform.maps().end());
  bool empty = false;
  for (int d = 0; d < cell.rank(); ++d) {
    const OutputMap& map = transform.maps()[static_cast<size_t>(d)];
    const int64_t low = cell.origin[d], high = cell.end(d) - 1;  // Both inside.
    piece.first.push_back(map.offset);
    if (map.view_dim < 0) {
      empty = empty || map.offset < low || map.offset > high;
      continue;
    }
    // How far the cell's near and far end lie from the first element, in the walk's direction.
    const int64_t step = std::abs(map.stride);
    const int64_t near = map.stride > 0 ? low - map.offset : map.offset - high;
    const int64_t far = map.stride > 0 ? high - map.offset : map.offset - low;
    const int64_t count = transform.view_shape()[map.view_dim];
    const int64_t begin = near <= 0 ? 0 : CeilDiv(near, step);
    const int64_t end = far < 0 ? 0 : std::min(count, far / step + 1);
    if (begin >= end) {
      empty = true;
      continue;
    }
    piece.view_box.origin[map.view_dim] = begin;
    piece.view_box.shape[map.view_dim] = end - begin;
    piece.first.begin()[d] += map.stride * begin;
  }
  if (empty) piece.view_box.shape = Shape::Filled(piece.view_box.rank(), 0);
  return piece;
}

}  // namespace coffer::inline v0
