// How many boxes are read at once:
//
//  1. Boxes are ordered by their first cell. The cells of all of them are walked together in
//     storage order: a heap holds, of each box that has begun and not ended, its next cell. Each
//     cell is handed out once, with the numbers of the boxes that want it.
//  2. Within a shard the same is done for its inner chunks, dimension by dimension: between two
//     ends of boxes the same boxes are concerned. What is held grows with the boxes, not with boxes
//     times chunks.
//  3. A chunk that one box wants is decoded straight into its destination where it can be; one that
//     several want into scratch, from which each copies.
#include <algorithm>
#include <numeric>
#include <queue>
#include <utility>

#include "coffer/array/chunks.h"
#include "src/array/read.h"
#include "src/codec/chain.h"
#include "src/nd/grid.h"

namespace coffer::inline v0 {
namespace {

using BoxReads = std::shared_ptr<const std::vector<BoxRead>>;

int Compare(const Index& a, const Index& b) {
  for (int d = 0; d < a.rank(); ++d) {
    if (a[d] != b[d]) return a[d] < b[d] ? -1 : 1;
  }
  return 0;
}

/// The cell of a grid that an element is in.
Index CellAt(const Index& element, const Shape& cell_shape) {
  Index cell = element;
  for (int d = 0; d < cell.rank(); ++d) cell[d] /= cell_shape[d];
  return cell;
}

/// The last cell of a grid that a box touches.
Index LastCell(const Box& box, const Shape& cell_shape) {
  Index last = box.origin;
  for (int d = 0; d < box.rank(); ++d) last[d] += box.shape[d] - 1;
  return CellAt(last, cell_shape);
}

/// Cells of a grid that a box touches, in C order.
class BoxWalk {
 public:
  BoxWalk(const Box& box, const Shape& cell_shape)
      : first_(CellAt(box.origin, cell_shape)), last_(LastCell(box, cell_shape)), at_(first_) {}
  const Index& at() const { return at_; }
  bool Next() {
    for (int d = at_.rank() - 1; d >= 0; --d) {
      if (++at_[d] <= last_[d]) return true;
      at_[d] = first_[d];
    }
    return false;
  }

 private:
  Index first_, last_, at_;
};

/// The cells of many boxes, each once.
class ManyCells {
 public:
  ManyCells(BoxReads reads, Shape cell_shape)
      : reads_(std::move(reads)), cell_shape_(cell_shape), order_(reads_->size()) {
    std::iota(order_.begin(), order_.end(), 0u);
    std::erase_if(order_, [&](uint32_t n) { return (*reads_)[n].box.empty(); });
    std::stable_sort(order_.begin(), order_.end(), [&](uint32_t a, uint32_t b) {
      return Compare(FirstCell(a), FirstCell(b)) < 0;
    });
  }

  std::optional<WantedCell> operator()() {
    if (active_.empty() && next_ == order_.size()) return std::nullopt;
    if (active_.empty()) Begin();
    // Boxes that begin before, or at, what is next of those that have begun.
    while (next_ < order_.size() &&
           Compare(FirstCell(order_[next_]), active_.front().walk.at()) <= 0) {
      Begin();
    }
    const Index cell = active_.front().walk.at();
    std::vector<uint32_t> takers;
    while (!active_.empty() && Compare(active_.front().walk.at(), cell) == 0) {
      std::pop_heap(active_.begin(), active_.end(), Later());
      takers.push_back(active_.back().number);
      if (active_.back().walk.Next()) {
        std::push_heap(active_.begin(), active_.end(), Later());
      } else {
        active_.pop_back();
      }
    }
    return WantedCell{cell, std::make_shared<const std::vector<uint32_t>>(std::move(takers))};
  }

 private:
  struct Active {
    BoxWalk walk;
    uint32_t number;
  };
  struct Later {
    bool operator()(const Active& a, const Active& b) const {
      const int order = Compare(a.walk.at(), b.walk.at());
      return order != 0 ? order > 0 : a.number > b.number;
    }
  };
  Index FirstCell(uint32_t number) const {
    return CellAt((*reads_)[number].box.origin, cell_shape_);
  }
  void Begin() {
    const uint32_t number = order_[next_++];
    active_.push_back({BoxWalk((*reads_)[number].box, cell_shape_), number});
    std::push_heap(active_.begin(), active_.end(), Later());
  }

  const BoxReads reads_;
  const Shape cell_shape_;
  std::vector<uint32_t> order_;
  size_t next_ = 0;
  std::vector<Active> active_;  // A heap.
};

/// The cells of a grid that many boxes touch, in C order, each once with those who want it.
class InnerWalk {
 public:
  using See = std::function<void(const Index& cell, const Takers& takers)>;
  explicit InnerWalk(const See& see) : see_(see) {}

  void Add(uint32_t number, const Box& box, const Shape& cell_shape) {
    boxes_.push_back({number, CellAt(box.origin, cell_shape), LastCell(box, cell_shape)});
  }
  void Run() {
    std::vector<const Reach*> all;
    for (const Reach& reach : boxes_) all.push_back(&reach);
    if (all.empty()) return;
    at_ = all.front()->first;
    Walk(0, all);
  }

 private:
  struct Reach {
    uint32_t number;
    Index first, last;
  };
  using Reaches = std::vector<const Reach*>;

  /// `wanting` is in the order of the takers.
  void Walk(int d, const Reaches& wanting) {
    if (d == at_.rank()) return see_(at_, TakersOf(wanting));
    Reaches beginning = wanting;
    std::stable_sort(beginning.begin(), beginning.end(),
                     [d](const Reach* a, const Reach* b) { return a->first[d] < b->first[d]; });
    std::vector<int64_t> ends;  // Where a box begins, or another has ended.
    for (const Reach* reach : wanting) {
      ends.push_back(reach->first[d]);
      ends.push_back(reach->last[d] + 1);
    }
    std::sort(ends.begin(), ends.end());
    ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
    Reaches here;
    size_t begun = 0;
    for (size_t i = 0; i + 1 < ends.size(); ++i) {
      std::erase_if(here, [&](const Reach* reach) { return reach->last[d] < ends[i]; });
      for (; begun < beginning.size() && beginning[begun]->first[d] == ends[i]; ++begun) {
        here.insert(std::upper_bound(here.begin(), here.end(), beginning[begun]), beginning[begun]);
      }
      if (here.empty()) continue;
      for (at_[d] = ends[i]; at_[d] < ends[i + 1]; ++at_[d]) Walk(d + 1, here);
    }
  }
  /// Cells that the same boxes want share a list.
  const Takers& TakersOf(const Reaches& wanting) {
    if (takers_ == nullptr || wanting != taking_) {
      taking_ = wanting;
      std::vector<uint32_t> numbers;
      for (const Reach* reach : wanting) numbers.push_back(reach->number);
      takers_ = std::make_shared<const std::vector<uint32_t>>(std::move(numbers));
    }
    return takers_;
  }

  const See& see_;
  std::vector<Reach> boxes_;
  Index at_;
  Reaches taking_;
  Takers takers_;
};

class ManyPlan;

class ManyTaker final : public ChunkTaker {
 public:
  ManyTaker(const ManyPlan& plan, const Box& box, Takers takers, int64_t done_bytes)
      : ChunkTaker(done_bytes), plan_(plan), box_(box), takers_(std::move(takers)) {}

  Status TakeEncoded(const CodecChain& chain, std::span<const std::byte> encoded,
                     BufferPool& pool) override {
    COFFER_ASSIGN_OR_RETURN(const ScratchChunk scratch, MakeScratchChunk(chain.chunk(), pool));
    COFFER_RETURN_IF_ERROR(chain.Decode(encoded, scratch.view, CodecScratch{&pool}));
    return TakeDecoded(scratch.view, nullptr);
  }
  Status TakeDecoded(const ConstView& chunk, const std::shared_ptr<const Buffer>& owner) override;
  Status TakeMissing(const ChunkSpec& chunk) override;

 private:
  const ManyPlan& plan_;
  const Box box_;
  const Takers takers_;
};

class ManyPlan final : public ReadPlan {
 public:
  ManyPlan(StoredArrayPtr stored, BoxReads reads)
      : stored_(std::move(stored)), reads_(std::move(reads)) {}

  std::unique_ptr<ChunkTaker> TakerOf(const Box& box, const Takers& takers) const override {
    if (takers->size() == 1) return TakerOf(box, takers->front());
    int64_t elements = 0;
    for (const uint32_t number : *takers) {
      elements += *NumElements((*reads_)[number].box.Intersect(box).shape);
    }
    return std::make_unique<ManyTaker>(*this, box, takers, elements * stored_->data_type().size());
  }
  std::unique_ptr<ChunkTaker> TakerOf(const Box& box, uint32_t number) const {
    const BoxRead& read = (*reads_)[number];
    // Boxes were checked when the operation began.
    return MakeViewTaker(*IndexTransform::FromBox(stored_->shape(), read.box), read.destination,
                         box);
  }

  Status WalkInner(const RegularGrid& inner_grid, const Box& box, const Takers& takers,
                   const std::function<void(const Index&, const Takers&)>& see) const override {
    InnerWalk walk(see);
    for (const uint32_t number : *takers) {
      walk.Add(number, (*reads_)[number].box.Intersect(box), inner_grid.cell_shape());
    }
    walk.Run();
    return Status();
  }

 private:
  const StoredArrayPtr stored_;
  const BoxReads reads_;
};

Status ManyTaker::TakeDecoded(const ConstView& chunk, const std::shared_ptr<const Buffer>& owner) {
  for (const uint32_t number : *takers_) {
    COFFER_RETURN_IF_ERROR(plan_.TakerOf(box_, number)->TakeDecoded(chunk, owner));
  }
  return Status();
}

Status ManyTaker::TakeMissing(const ChunkSpec& chunk) {
  for (const uint32_t number : *takers_) {
    COFFER_RETURN_IF_ERROR(plan_.TakerOf(box_, number)->TakeMissing(chunk));
  }
  return Status();
}

/// The bytes of all destinations.
Result<int64_t> CheckReads(const StoredArray& stored, const std::vector<BoxRead>& reads) {
  const std::string url = stored.Describe(stored.prefix);
  std::optional<int64_t> bytes = 0;
  if (reads.size() > UINT32_MAX) return InvalidArgumentError(url + ": more than 2^32 - 1 boxes");
  for (size_t n = 0; n < reads.size(); ++n) {
    const BoxRead& read = reads[n];
    const std::string which = url + ": box " + std::to_string(n) + " of the reads";
    const Status box = IndexTransform::FromBox(stored.shape(), read.box).status();
    if (!box.ok()) return box.Annotate(which);
    if (read.destination.data_type != stored.data_type()) {
      return InvalidArgumentError(which + ": the array has data type " + stored.data_type().name() +
                                  ", the memory given has " + read.destination.data_type.name());
    }
    if (read.destination.shape != read.box.shape) {
      return InvalidArgumentError(which + " has shape " + ToString(read.box.shape) +
                                  ", the memory given " + ToString(read.destination.shape));
    }
    bytes = CheckedAdd(*bytes, *NumElements(read.box.shape) * stored.data_type().size());
    if (!bytes) return InvalidArgumentError(which + ": 2^63 bytes or more together");
  }
  return *bytes;
}

Future<void> Start(const Array& array, std::vector<BoxRead> reads, const ArrayReadOptions& options,
                   StartOn start) {
  const StoredArrayPtr& stored = array.stored();
  const Result<int64_t> bytes = CheckReads(*stored, reads);
  if (!bytes.ok()) return Future<void>::Ready(bytes.status());
  if (*bytes == 0) return Future<void>::Ready(Status());
  auto shared = std::make_shared<const std::vector<BoxRead>>(std::move(reads));
  Crew::Options crew =
      CrewOptionsFor("array.read_many", *stored, *bytes, options, array.context(), INT64_MAX);
  return StartChunks({.stored = stored,
                      .plan = std::make_shared<const ManyPlan>(stored, shared),
                      .next = ManyCells(shared, stored->grid.cell_shape()),
                      .options = options},
                     std::move(crew), array.context(), start);
}

}  // namespace

Status ReadMany(const Array& array, std::vector<BoxRead> reads, const ArrayReadOptions& options) {
  return Start(array, std::move(reads), options, StartOn::kCaller).Get();
}

Future<void> ReadManyAsync(const Array& array, std::vector<BoxRead> reads,
                           const ArrayReadOptions& options) {
  return Start(array, std::move(reads), options, StartOn::kExecutor);
}

}  // namespace coffer::inline v0
