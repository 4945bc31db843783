// PossibleArray: what an array may hold, as far as its clients can know: of every write chunk (the
// unit in which writes are atomic) each content that it may have. An operation that failed may have
// happened in any of its chunks or not; of operations at the same time each order is possible. What
// is read narrows the possibilities, and must be one of them.
//
// Elements beyond the array's shape count: a resize that failed may have left them, and growing
// again shows them. A later write of their chunk, or of a part of it (an inner chunk), may keep
// them or clear them: they are loose, until they are read.
#ifndef COFFER_TESTS_MODEL_POSSIBLE_ARRAY_H_
#define COFFER_TESTS_MODEL_POSSIBLE_ARRAY_H_

#include <compare>
#include <cstring>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "coffer/nd/index_transform.h"
#include "tests/unit/array/model.h"

namespace coffer::inline v0::testing {

class PossibleArray {
 public:
  using Bytes = std::vector<std::byte>;
  /// A write of C-order bytes, and whether it was acknowledged.
  struct WriteDone {
    IndexTransform transform;
    Bytes bytes;
    bool ok = true;
  };

  /// All elements are `fill`.
  PossibleArray(Shape shape, Shape cell, Bytes fill)
      : shape_(shape), cell_(cell), fill_(std::move(fill)) {
    for (int64_t n = *NumElements(cell_); n > 0; --n) {
      empty_.insert(empty_.end(), fill_.begin(), fill_.end());
    }
  }

  const Shape& shape() const { return shape_; }

  /// Writes that ran at the same time, or one. With `running`, they may also not have happened yet.
  void Write(std::span<const WriteDone> writes, bool running = false) {
    std::map<Cell, std::vector<std::vector<Change>>> changes;
    std::vector<bool> needed;
    for (size_t w = 0; w < writes.size(); ++w) {
      needed.push_back(writes[w].ok && !running);
      size_t at = 0;
      ForEachElement(writes[w].transform, [&](const Index& index) {
        std::vector<std::vector<Change>>& of_cell = changes[CellOf(index)];
        of_cell.resize(writes.size());
        of_cell[w].push_back({OffsetOf(index), &writes[w].bytes[at]});
        at += fill_.size();
      });
    }
    for (const auto& [cell, of_cell] : changes) {
      std::set<Content> next;
      for (const Content& before : Of(cell)) Orders(cell, before, of_cell, needed, 0, &next);
      possible_[cell] = std::move(next);
    }
  }

  /// The shape is now another; if the resize was not acknowledged, it may have been done in part,
  /// and the caller says which shape was found.
  void Resize(const Shape& to, bool ok, const Shape& found) {
    const Shape from = shape_;
    if (!ok && found == from && from != to) return;  // The document comes first: nothing was done.
    for (auto& [cell, contents] : possible_) {
      std::set<Content> next;
      for (const Content& before : contents) {
        for (uint32_t dims = ok ? AllDims() : 0; dims <= AllDims(); ++dims) {
          next.insert(Cleared(cell, before, to, dims, from));
        }
      }
      contents = std::move(next);
    }
    shape_ = found;
  }

  /// Narrows what is possible to what was read. False if it was not possible.
  bool Observe(const IndexTransform& transform, std::span<const std::byte> bytes) {
    std::map<Cell, std::vector<Change>> seen;
    size_t at = 0;
    ForEachElement(transform, [&](const Index& index) {
      seen[CellOf(index)].push_back({OffsetOf(index), &bytes[at]});
      at += fill_.size();
    });
    for (const auto& [cell, elements] : seen) {
      std::set<Content> left;
      for (Content content : Of(cell)) {
        if (Matches(elements, &content)) left.insert(std::move(content));
      }
      if (left.empty()) return false;
      possible_[cell] = std::move(left);
    }
    return true;
  }

 private:
  using Cell = std::vector<int64_t>;
  struct Change {
    size_t offset;
    const std::byte* bytes;  // One element.
  };

  struct Content {
    Bytes bytes;
    std::vector<bool> loose;  // Elements that may also be the fill value.
    friend auto operator<=>(const Content&, const Content&) = default;
  };

  uint32_t AllDims() const { return (1U << static_cast<uint32_t>(shape_.rank())) - 1; }

  std::set<Content> Of(const Cell& cell) const {
    const auto found = possible_.find(cell);
    if (found != possible_.end()) return found->second;
    return {Content{empty_, std::vector<bool>(empty_.size() / fill_.size())}};
  }

  void Set(Content* content, size_t offset, const std::byte* element) const {
    std::memcpy(&content->bytes[offset], element, fill_.size());
    content->loose[offset / fill_.size()] = false;
  }
  bool IsAt(const Content& content, size_t offset, const std::byte* element) const {
    return std::memcmp(&content.bytes[offset], element, fill_.size()) == 0;
  }
  /// Whether these elements may be what the content has there, which then is certain.
  bool Matches(const std::vector<Change>& elements, Content* content) const {
    for (const auto& [offset, element] : elements) {
      const bool loose = content->loose[offset / fill_.size()];
      if (!IsAt(*content, offset, element) &&
          !(loose && std::memcmp(element, fill_.data(), fill_.size()) == 0)) {
        return false;
      }
      Set(content, offset, element);
    }
    return true;
  }

  Cell CellOf(const Index& index) const {
    Cell cell;
    for (int d = 0; d < index.rank(); ++d) cell.push_back(index[d] / cell_[d]);
    return cell;
  }
  size_t OffsetOf(const Index& index) const {
    int64_t offset = 0;
    for (int d = 0; d < index.rank(); ++d) offset = offset * cell_[d] + index[d] % cell_[d];
    return static_cast<size_t>(offset) * fill_.size();
  }

  /// Every order of those of the changes that are needed and any of the others.
  void Orders(const Cell& cell, const Content& content,
              const std::vector<std::vector<Change>>& left, const std::vector<bool>& needed,
              uint32_t done, std::set<Content>* all) const {
    bool complete = true;
    for (size_t w = 0; w < left.size(); ++w) {
      if (left[w].empty() || ((done >> w) & 1U) != 0) continue;
      complete = complete && !needed[w];
      Content next = content;
      for (const Change& change : left[w]) Set(&next, change.offset, change.bytes);
      Orders(cell, next, left, needed, done | (1U << w), all);
    }
    if (!complete) return;
    all->insert(done == 0 ? content : Cleared(cell, content, shape_, 0, shape_));
  }

  /// The content with the fill value where one of `dims` lies beyond `edge`; what lies beyond
  /// `inside` is loose.
  Content Cleared(const Cell& cell, Content content, const Shape& edge, uint32_t dims,
                  const Shape& inside) const {
    size_t at = 0;
    ForEachElement(IndexTransform::Identity(cell_), [&](const Index& index) {
      bool clear = false;
      bool within = true;
      for (int d = 0; d < index.rank(); ++d) {
        const int64_t stored = cell[static_cast<size_t>(d)] * cell_[d] + index[d];
        clear = clear || (((dims >> static_cast<uint32_t>(d)) & 1U) != 0 && stored >= edge[d]);
        within = within && stored < inside[d];
      }
      if (clear && within) Set(&content, at, fill_.data());
      if (!within && !IsAt(content, at, fill_.data())) content.loose[at / fill_.size()] = true;
      at += fill_.size();
    });
    return content;
  }

  Shape shape_;
  Shape cell_;
  Bytes fill_;
  Bytes empty_;                                 // One cell of the fill value.
  std::map<Cell, std::set<Content>> possible_;  // Of cells that were touched.
};

}  // namespace coffer::inline v0::testing

#endif  // COFFER_TESTS_MODEL_POSSIBLE_ARRAY_H_
