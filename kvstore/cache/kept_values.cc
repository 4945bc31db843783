// Keys and their pieces, and who is at work on them, under one mutex.
//
//  1. A change drops what is kept of its keys when it begins and when it ends, and each time counts
//     one change of every key that somebody is at work on.
//  2. An answer is kept if no change of its key is under way, and none was counted since it was
//     asked for. So nothing that a change may have replaced is kept when that change has ended, and
//     nothing at all is kept of a key while it is being changed.
//  3. What a write wrote is kept by the same rule: only if it was alone.
//  4. Of two generations that readers were told, the one that was asked for later is kept: it was
//     the key's value after that moment, whoever else writes to the base.
//  5. Room is made before a piece is put in. Its copy is made beforehand, and what goes is freed
//     afterwards, without the mutex.
#include "kvstore/cache/kept_values.h"

#include <algorithm>

namespace coffer::inline v0 {

namespace {

/// Where a range lies; nullopt where it lies outside, or where that takes an unknown size.
std::optional<ByteRange> Place(const ByteRange& range, int64_t total_size) {
  if (total_size < 0) {
    const bool placed = range.begin >= 0 && range.end >= range.begin;
    return placed ? std::optional(range) : std::nullopt;
  }
  const Result<ByteRange> resolved = range.Resolve(total_size);
  return resolved.ok() ? std::optional(*resolved) : std::nullopt;
}

/// The piece that a place begins in; the end if there is none.
template <class Pieces>
auto PieceAt(Pieces& pieces, int64_t begin) {
  auto next = pieces.upper_bound(begin);
  if (next == pieces.begin()) return pieces.end();
  --next;
  return next;
}

constexpr std::chrono::milliseconds kForEver = std::chrono::hours(24 * 365 * 100);

CacheOptions Bounded(CacheOptions options) {
  options.fresh_for = std::min(options.fresh_for, kForEver);  // Nanoseconds of it are an int64_t.
  options.limit_bytes = std::max<int64_t>(options.limit_bytes, 0);
  return options;
}

}  // namespace

bool KeptValues::Found::holds_all() const {
  return generation.known() && !generation.missing() &&
         std::all_of(values.begin(), values.end(),
                     [](const auto& value) { return value.has_value(); });
}

int64_t KeptValues::Found::bytes() const {
  int64_t sum = 0;
  for (const std::optional<Bytes>& value : values) {
    sum += value ? static_cast<int64_t>(value->size()) : 0;
  }
  return sum;
}

KeptValues::KeptValues(const CacheOptions& options, const Context& context)
    : options_(Bounded(options)), context_(context), stats_(context_.Get<CacheStats>()) {}

KeptValues::~KeptValues() { stats_.held_bytes -= held_bytes_; }

KeptValues::Time KeptValues::Now() const {
  if (options_.fresh_for <= options_.fresh_for.zero()) return Time();  // Nobody looks at it.
  const auto& clock = context_.options().clock;
  return clock != nullptr ? clock() : std::chrono::steady_clock::now();
}

KeptValues::Found KeptValues::Find(const std::string& key, std::span<const ByteRange> ranges) {
  const Time now = Now();
  Found found;
  found.values.resize(ranges.size());
  MutexLock lock(mutex_);
  const auto at = keys_.find(key);
  if (at == keys_.end() || at->second.pieces.empty()) return found;
  auto& pieces = at->second.pieces;
  const Known& known = at->second.known;
  found.generation = known.generation;
  found.total_size = known.total_size;
  found.fresh = now - known.asked < options_.fresh_for;
  if (known.generation.missing()) used_.splice(used_.begin(), used_, pieces.begin()->second);
  for (size_t i = 0; i < ranges.size(); ++i) {
    const std::optional<ByteRange> place = Place(ranges[i], known.total_size);
    if (!place) continue;
    if (place->begin == place->end) {
      used_.splice(used_.begin(), used_, pieces.begin()->second);
      found.values[i].emplace();
      continue;
    }
    const auto piece = PieceAt(pieces, place->begin);
    if (piece == pieces.end() || piece->second->end() < place->end) continue;
    used_.splice(used_.begin(), used_, piece->second);
    found.values[i] =
        piece->second->bytes.Slice(static_cast<size_t>(place->begin - piece->second->begin),
                                   static_cast<size_t>(place->end - place->begin));
  }
  return found;
}

KeptValues::Ticket KeptValues::Begin(const std::string& key) {
  Ticket ticket;
  ticket.key = keys_.try_emplace(key).first;
  ticket.order = ++begun_;
  return ticket;
}

KeptValues::Ticket KeptValues::BeginRead(const std::string& key) {
  const Time now = Now();
  MutexLock lock(mutex_);
  Ticket ticket = Begin(key);
  ticket.asked = now;
  ticket.changes = ticket.key->second.changes;
  ++ticket.key->second.reads;
  return ticket;
}

void KeptValues::EndRead(const Ticket& ticket, const std::optional<Learned>& learned) {
  std::vector<std::optional<Bytes>> copies = Copies(learned);
  Pieces gone;  // Destroyed when the lock has been let go.
  MutexLock lock(mutex_);
  if (learned && MayKeep(ticket)) Learn(ticket, *learned, std::move(copies), gone);
  --ticket.key->second.reads;
  EraseIfIdle(ticket.key);
}

KeptValues::Ticket KeptValues::BeginWrite(const std::string& key) {
  const Time now = Now();
  Pieces gone;
  MutexLock lock(mutex_);
  Ticket ticket = Begin(key);
  ticket.asked = now;
  Drop(ticket.key, gone);
  ticket.changes = ++ticket.key->second.changes;
  ++ticket.key->second.writes;
  return ticket;
}

void KeptValues::EndWrite(const Ticket& ticket, const std::optional<Learned>& learned) {
  std::vector<std::optional<Bytes>> copies = Copies(learned);
  Pieces gone;
  MutexLock lock(mutex_);
  Key& key = ticket.key->second;
  --key.writes;
  const bool alone = MayKeep(ticket);
  ++key.changes;
  Drop(ticket.key, gone);
  if (learned && alone) Learn(ticket, *learned, std::move(copies), gone);
  EraseIfIdle(ticket.key);
}

KeptValues::Sweep KeptValues::BeginSweep(std::vector<KeyRange> ranges) {
  Pieces gone;
  MutexLock lock(mutex_);
  Spoil(ranges, gone);
  sweeps_.push_front(std::move(ranges));
  return sweeps_.begin();
}

void KeptValues::EndSweep(Sweep sweep) {
  Pieces gone;
  MutexLock lock(mutex_);
  Spoil(*sweep, gone);
  sweeps_.erase(sweep);
}

/// Of what may be kept.
std::vector<std::optional<Bytes>> KeptValues::Copies(const std::optional<Learned>& learned) const {
  std::vector<std::optional<Bytes>> copies;
  if (!learned || !learned->generation.known()) return copies;
  const int64_t most =
      std::min(options_.value_max_bytes, options_.limit_bytes - kKeyBytes - kPieceBytes);
  copies.resize(learned->parts.size());
  for (size_t i = 0; i < copies.size(); ++i) {
    const std::span<const std::byte> bytes = learned->parts[i].second;
    if (static_cast<int64_t>(bytes.size()) <= most) copies[i] = Bytes::Copy(bytes);
  }
  return copies;
}

bool KeptValues::MayKeep(const Ticket& ticket) const {
  const Key& key = ticket.key->second;
  if (key.writes > 0 || key.changes != ticket.changes) return false;
  for (const std::vector<KeyRange>& sweep : sweeps_) {
    for (const KeyRange& range : sweep) {
      if (range.Contains(ticket.key->first)) return false;
    }
  }
  return true;
}

void KeptValues::Learn(const Ticket& ticket, const Learned& learned,
                       std::vector<std::optional<Bytes>> copies, Pieces& gone) {
  Key& key = ticket.key->second;
  if (!key.pieces.empty() && key.known.generation != learned.generation) {
    if (ticket.order < key.known.order) return;
    Drop(ticket.key, gone);
  }
  if (!learned.generation.known()) return;
  if (learned.generation.missing() && options_.fresh_for <= options_.fresh_for.zero()) return;
  if (key.pieces.empty()) key.known = Known();
  Known& known = key.known;
  known.generation = learned.generation;
  known.total_size = std::max(known.total_size, learned.total_size);
  known.order = std::max(known.order, ticket.order);
  known.asked = std::max(known.asked, ticket.asked);
  for (size_t i = 0; i < copies.size(); ++i) {
    const std::optional<ByteRange> place = Place(learned.parts[i].first, known.total_size);
    if (!place || !copies[i]) continue;
    // A store that gives another number of bytes than was asked for is not believed.
    if (place->end - place->begin != static_cast<int64_t>(copies[i]->size())) continue;
    Keep(ticket.key, *place, *std::move(copies[i]), gone);
  }
}

void KeptValues::Keep(Keys::iterator key, const ByteRange& range, Bytes bytes, Pieces& gone) {
  auto& pieces = key->second.pieces;
  const size_t texts = key->first.size() + key->second.known.generation.value.size();
  const int64_t for_key = kKeyBytes + static_cast<int64_t>(texts);
  const int64_t charged = kPieceBytes + static_cast<int64_t>(bytes.size());
  if (charged > options_.limit_bytes - for_key) return;
  if (range.begin == range.end) {
    if (!pieces.empty()) return;
    bytes = Bytes();
  } else {
    auto piece = PieceAt(pieces, range.begin);
    if (piece != pieces.end() && piece->second->end() >= range.end) return;
    // What it overlaps, and an empty piece, goes.
    for (piece = PieceAt(pieces, range.end - 1); piece != pieces.end();
         piece = PieceAt(pieces, range.end - 1)) {
      if (piece->second->end() <= range.begin && !piece->second->bytes.empty()) break;
      Remove(piece->second, gone);
    }
  }
  const auto needed = [&] { return charged + (pieces.empty() ? for_key : 0); };
  while (held_bytes_ > options_.limit_bytes - needed()) {
    const Keys::iterator owner = used_.back().key;
    Remove(std::prev(used_.end()), gone);
    if (owner != key) EraseIfIdle(owner);
  }
  Charge(needed());
  if (pieces.empty()) key->second.charged = for_key;
  const int64_t begin = bytes.empty() ? 0 : range.begin;
  used_.push_front(Piece{key, begin, std::move(bytes), charged});
  pieces[begin] = used_.begin();
}

void KeptValues::Remove(Pieces::iterator piece, Pieces& gone) {
  Key& key = piece->key->second;
  key.pieces.erase(piece->begin);
  Charge(-piece->charged);
  if (key.pieces.empty()) Charge(-std::exchange(key.charged, 0));
  gone.splice(gone.begin(), used_, piece);
}

void KeptValues::Drop(Keys::iterator key, Pieces& gone) {
  auto& pieces = key->second.pieces;
  while (!pieces.empty()) Remove(pieces.begin()->second, gone);
}

void KeptValues::Spoil(const std::vector<KeyRange>& ranges, Pieces& gone) {
  for (const KeyRange& range : ranges) {
    auto key = keys_.lower_bound(range.begin);
    while (key != keys_.end() && range.Contains(key->first)) {
      ++key->second.changes;
      Drop(key, gone);
      key = EraseIfIdle(key);
    }
  }
}

/// The key behind it.
KeptValues::Keys::iterator KeptValues::EraseIfIdle(Keys::iterator key) {
  const Key& state = key->second;
  const bool idle = state.reads == 0 && state.writes == 0 && state.pieces.empty();
  return idle ? keys_.erase(key) : std::next(key);
}

void KeptValues::Charge(int64_t bytes) {
  held_bytes_ += bytes;
  stats_.held_bytes += bytes;
}

}  // namespace coffer::inline v0
