// How a checkpoint is published:
//
//  1. Find what stands at the place: a marker (to be replaced, if so asked), debris, or anything
//     else, which is refused. A listing that is empty tells all of that at once.
//
//  2. Take a fresh id. Where nothing is there and the store renames in one step, stage below
//     "<place>.coffer-tmp-<id>/"; else write where it will stay, which the id keeps apart from
//     everybody else's.
//
//  3. (The caller writes everything below "data-<id>/".)
//
//  4. Write the marker "commit", which names data-<id> and holds the document's digest, last.
//     Staged: then rename to the place, which fails if something is there. Else: the marker is
//     written under the condition that it is still what step 1 found. The one who loses gets
//     AlreadyExists (Aborted when overwriting). Directly before that step the document (staged:
//     and the marker) must still be there: somebody may have taken this saver for dead.
//
//  5. After overwriting, delete the old data. After an error, delete one's own.
//
// Killed before step 4 ends, it leaves debris: a staging directory, or a data directory that no
// marker names; killed in step 5, the old one is such. None is ever read as a checkpoint. Whoever
// deletes debris (repair.cc, if so asked) must know that no saver lives.
#include "src/checkpoint/publish.h"

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "coffer/kvstore/answer.h"
#include "src/array/array_caches.h"

namespace coffer::inline v0 {
namespace {

constexpr std::string_view kPerhapsNotDurable = "the checkpoint is there, but perhaps not durable";

/// Of writing the marker, which nobody cancels alone: requests that ended on their way. Cancelled
/// would say that nothing happened.
Status NotCancelled(const Status& status) {
  if (status.code() != StatusCode::kCancelled) return status;
  return UnavailableError("what became of its marker is not known: " +
                          std::string(status.message()));
}

}  // namespace

Publication::Publication(CheckpointPlace place, bool overwrite, const Context& context)
    : place_(std::move(place)),
      overwrite_(overwrite),
      context_(&context),
      id_(RandomId()),
      data_("data-" + id_) {}

Result<Publication> Publication::Begin(CheckpointPlace place, bool overwrite,
                                       const Context& context) {
  if (IsStagingPrefix(place.prefix)) {
    return InvalidArgumentError(place.Describe() + ": names like this are for unfinished saves");
  }
  if (!place.store->capabilities().writable) return ReadOnlyError(place.Describe());
  Publication publication(std::move(place), overwrite, context);
  COFFER_ASSIGN_OR_RETURN(const auto below, publication.ListBelow());
  if (!below || !below->empty()) {
    COFFER_ASSIGN_OR_RETURN(publication.replaced_, ReadMarker(publication.place_));
  }
  if (publication.replaced_ && !overwrite) {
    return AlreadyExistsError(publication.place_.Describe() + ": a checkpoint is there already");
  }
  if (!publication.replaced_) {
    COFFER_RETURN_IF_ERROR(
        publication.CheckNothingElseIsThere(below.value_or(std::vector<ListEntry>())));
  }
  COFFER_RETURN_IF_ERROR(publication.ChooseRoot());
  return publication;
}

/// The first page; nullopt where the store lists nothing.
Result<std::optional<std::vector<ListEntry>>> Publication::ListBelow() const {
  if (!place_.store->capabilities().listable) return std::optional<std::vector<ListEntry>>();
  COFFER_ASSIGN_OR_RETURN(std::unique_ptr<KvListing> listing,
                          place_.store->List({.range = KeyRange::Prefix(place_.prefix)}));
  COFFER_ASSIGN_OR_RETURN(std::vector<ListEntry> page, listing->Next().Get());
  return std::optional(std::move(page));
}

/// Data of savers that were killed is no obstacle: no marker names it.
Status Publication::CheckNothingElseIsThere(const std::vector<ListEntry>& below) {
  const std::string where = place_.Describe();
  if (!place_.prefix.empty()) {
    const std::string key = place_.prefix.substr(0, place_.prefix.size() - 1);
    COFFER_ASSIGN_OR_RETURN(const ReadResult read,
                            place_.store->Read(key, {.range = ByteRange::Stat()}).Get());
    if (read.state != ReadResult::State::kMissing) {
      return AlreadyExistsError(where + ": a value that is no checkpoint has this name");
    }
  }
  for (const ListEntry& entry : below) {
    const std::string_view name = std::string_view(entry.key).substr(place_.prefix.size());
    if (!IsDataName(name.substr(0, name.find('/')))) {
      return AlreadyExistsError(where + ": something that is no checkpoint is there already");
    }
  }
  debris_is_there_ = !below.empty();
  return Status();
}

Status Publication::ChooseRoot() {
  const Capabilities can = place_.store->capabilities();
  staged_ = can.atomic_rename && !place_.prefix.empty() && !replaced_ && !debris_is_there_;
  if (!staged_ && !can.conditional_write) {
    return FailedPreconditionError(place_.Describe() +
                                   (replaced_
                                        ? ": replacing a checkpoint needs conditional writes, "
                                        : ": a checkpoint needs renames or conditional writes, ") +
                                   "which this store lacks");
  }
  root_ = staged_ ? StagingPrefix(place_.prefix, id_) : place_.prefix;
  return Status();
}

Status Publication::Finish(Status written, const Digest& document) {
  Status status = std::move(written);
  if (status.ok()) {
    const Marker marker{data_, document};
    status = staged_ ? PublishByRename(marker) : PublishByMarker(marker);
  }
  context_->Get<ArrayCaches>().WroteEverywhere();
  if (!status.ok() && mine_to_delete_) {
    const std::string stays = Discard(staged_ ? root_ : DataPrefix());
    if (!stays.empty()) {
      status = Status(status.code(), std::string(status.message()) + "; " + stays);
    }
  }
  if (status.ok() && replaced_) Discard(place_.prefix + replaced_->marker.data + "/");
  return status;
}

/// Aborted unless everything by which a checkpoint is known is still where this one wrote it.
Status Publication::CheckStillThere(const Marker& marker) const {
  const CheckpointPlace root{place_.store, root_};
  Status there =
      ReadDigested(root, DataPrefix() + std::string(kDocumentName), marker.document).status();
  if (there.ok() && staged_) {
    const Result<std::optional<StoredMarker>> mine = ReadMarker(root);
    if (!mine.ok()) {
      there = mine.status();
    } else if (!*mine || (*mine)->marker != marker) {
      there = DataLossError(place_.store->Describe(root_ + std::string(kMarkerName)) +
                            ": the marker is gone");
    }
  }
  if (there.code() != StatusCode::kDataLoss) return there;
  return AbortedError(place_.Describe() + ": not published, for what was written is not there " +
                      "any more: " + std::string(there.message()));
}

Status Publication::PublishByRename(const Marker& marker) {
  const std::string key = root_ + std::string(kMarkerName);
  const BytesChain text(Bytes::Copy(marker.Dump()));
  COFFER_RETURN_IF_ERROR(place_.store->Write(key, text).Get().status());
  COFFER_RETURN_IF_ERROR(CheckStillThere(marker));
  Status renamed = place_.store->RenamePrefix(root_, place_.prefix).Get();
  if (renamed.ok()) return renamed;
  // It may have taken effect all the same, as where syncing the directory failed after it.
  const Result<std::optional<StoredMarker>> mine = MarkerIfMine();
  if (mine.ok() && *mine) return renamed.Annotate(kPerhapsNotDurable);
  return renamed.code() == StatusCode::kAlreadyExists ? WhatIsInTheWay() : renamed;
}

Status Publication::PublishByMarker(const Marker& marker) {
  COFFER_RETURN_IF_ERROR(CheckStillThere(marker));
  const std::string key = place_.prefix + std::string(kMarkerName);
  const BytesChain text(Bytes::Copy(marker.Dump()));
  const Generation before = replaced_ ? replaced_->generation : Generation::Missing();
  Result<WriteResult> written = place_.store->Write(key, text, {.if_equal = before}).Get();
  if (!written.ok()) {
    // It may have taken effect all the same. Then its data must stay, and writing it once more is
    // what tells whether it is durable.
    const Result<std::optional<StoredMarker>> mine = MarkerIfMine();
    const bool visible = mine.ok() && *mine;
    mine_to_delete_ = mine.ok() && !visible && place_.store->capabilities().local;
    if (!visible) return NotCancelled(written.status());
    written = place_.store->Write(key, text, {.if_equal = (*mine)->generation}).Get();
    if (!written.ok()) return NotCancelled(written.status()).Annotate(kPerhapsNotDurable);
  }
  if (written->state == WriteResult::State::kWritten) return Status();
  // Nothing that a marker names may be deleted, whatever a server has said of it.
  const Result<std::optional<StoredMarker>> mine = MarkerIfMine();
  mine_to_delete_ = mine.ok() && !*mine;
  if (!mine.ok()) return mine.status();
  return *mine ? Status() : LostToAnother();
}

/// The marker at the place, if it is the one that this publication wrote.
Result<std::optional<StoredMarker>> Publication::MarkerIfMine() const {
  Result<std::optional<StoredMarker>> there = ReadMarker(place_);
  const bool others = there.ok() && *there && (*there)->marker.data != data_;
  return others ? std::optional<StoredMarker>() : std::move(there);
}

Status Publication::LostToAnother() const {
  const std::string where = place_.Describe();
  if (overwrite_) return AbortedError(where + ": another save came first");
  return AlreadyExistsError(where + ": another save came first");
}

/// Why the place could not be renamed to, though nothing was there before.
Status Publication::WhatIsInTheWay() {
  const Result<std::optional<StoredMarker>> there = ReadMarker(place_);
  if (!there.ok() || *there) return LostToAnother();
  COFFER_ASSIGN_OR_RETURN(const auto below, ListBelow());
  Status other = CheckNothingElseIsThere(below.value_or(std::vector<ListEntry>()));
  if (other.code() == StatusCode::kAlreadyExists) return other;
  return AlreadyExistsError(place_.Describe() +
                            ": something without keys has this name, such as a link that leads "
                            "nowhere");
}

/// A failure leaves debris, which changes nothing about what was saved: it is logged and returned
/// as a text, which is empty if nothing stays.
std::string Publication::Discard(const std::string& prefix) const {
  const Status deleted = place_.store->DeleteRange(KeyRange::Prefix(prefix)).Get();
  if (deleted.ok()) return "";
  std::string stays =
      "debris stays at " + place_.store->Describe(prefix) + ": " + deleted.ToString();
  if (Observer* observer = context_->observer()) observer->OnLog(stays);
  return stays;
}

}  // namespace coffer::inline v0
