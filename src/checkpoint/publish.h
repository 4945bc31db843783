// Publication: how what is being written becomes the checkpoint at a place, in one step or not at
// all. Saves and copies share it.
//
//     COFFER_ASSIGN_OR_RETURN(Publication publication, Publication::Begin(place, ...));
//     Status status = WriteEverythingBelow(publication.DataPrefix());
//     return publication.Finish(std::move(status), digest_of_the_document);
#ifndef COFFER_SRC_CHECKPOINT_PUBLISH_H_
#define COFFER_SRC_CHECKPOINT_PUBLISH_H_

#include <optional>
#include <string>
#include <vector>

#include "coffer/async/context.h"
#include "coffer/base/result.h"
#include "src/checkpoint/document.h"
#include "src/checkpoint/place.h"

namespace coffer::inline v0 {

/// Belongs to one thread. `context` must outlive it.
class Publication {
 public:
  /// Finds what stands at the place and chooses where to write. Errors: InvalidArgument (a staging
  /// name), AlreadyExists, FailedPrecondition, the store's own.
  static Result<Publication> Begin(CheckpointPlace place, bool overwrite, const Context& context);

  const CheckpointPlace& place() const { return place_; }
  /// Where the document and the arrays are to be written. Nobody else writes there.
  std::string DataPrefix() const { return root_ + data_ + "/"; }

  /// If `written` is OK, publishes it: durable when this returns OK, where the store is. Deletes
  /// what is not published, and what was replaced. Errors: `written`, AlreadyExists or Aborted
  /// (another came first), Aborted (somebody deleted it), the store's own; with "debris stays at"
  /// where what is not published could not be deleted. To be called once.
  Status Finish(Status written, const Digest& document);

 private:
  Publication(CheckpointPlace place, bool overwrite, const Context& context);
  Status ChooseRoot();
  Result<std::optional<std::vector<ListEntry>>> ListBelow() const;
  Status CheckNothingElseIsThere(const std::vector<ListEntry>& below);
  Status CheckStillThere(const Marker& marker) const;
  Status PublishByRename(const Marker& marker);
  Status PublishByMarker(const Marker& marker);
  Result<std::optional<StoredMarker>> MarkerIfMine() const;
  Status LostToAnother() const;
  Status WhatIsInTheWay();
  std::string Discard(const std::string& prefix) const;

  CheckpointPlace place_;
  bool overwrite_;
  const Context* context_;
  std::string id_;
  std::string data_;  // "data-<id>".
  std::string root_;  // Where this one writes: the place, or the staging prefix.
  std::optional<StoredMarker> replaced_;
  bool debris_is_there_ = false;
  bool staged_ = false;
  bool mine_to_delete_ = true;
};

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_CHECKPOINT_PUBLISH_H_
