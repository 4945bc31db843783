// A Reader holds marker and document as they were when it was opened. What it reads later stands in
// the data directory that this marker names, which no other checkpoint ever uses: replaced
// meanwhile, its keys are gone, and reading them fails.
#include <memory>
#include <string>
#include <utility>

#include "coffer/checkpoint/checkpoint.h"
#include "src/checkpoint/place.h"

namespace coffer::inline v0::checkpoint {

Result<Reader> Reader::OpenAt(const CheckpointPlace& place) {
  COFFER_ASSIGN_OR_RETURN(StoredCheckpoint stored, OpenCheckpoint(place));
  return Reader(std::make_shared<const StoredCheckpoint>(std::move(stored)));
}

Result<Reader> Reader::Open(std::string_view place, const Context& context) {
  COFFER_ASSIGN_OR_RETURN(const CheckpointPlace opened,
                          OpenCheckpointPlace(place, PlaceUse::kRead, context));
  return OpenAt(opened);
}

Result<Reader> Reader::Open(KvStorePtr store, std::string prefix) {
  COFFER_ASSIGN_OR_RETURN(const CheckpointPlace place,
                          MakeCheckpointPlace(std::move(store), std::move(prefix)));
  return OpenAt(place);
}

Result<Tree> Restore(std::string_view place, const RestoreOptions& options) {
  COFFER_ASSIGN_OR_RETURN(const Reader reader, Reader::Open(place, options.context));
  return reader.Restore(options);
}

Result<Tree> Restore(KvStorePtr store, std::string prefix, const RestoreOptions& options) {
  COFFER_ASSIGN_OR_RETURN(const Reader reader, Reader::Open(std::move(store), std::move(prefix)));
  return reader.Restore(options);
}

Result<CheckpointInfo> Info(std::string_view place, bool sizes, const Context& context) {
  COFFER_ASSIGN_OR_RETURN(const Reader reader, Reader::Open(place, context));
  return reader.Info(sizes);
}

Result<CheckpointInfo> Info(KvStorePtr store, std::string prefix, bool sizes) {
  COFFER_ASSIGN_OR_RETURN(const Reader reader, Reader::Open(std::move(store), std::move(prefix)));
  return reader.Info(sizes);
}

Result<bool> IsCheckpoint(std::string_view place, const Context& context) {
  COFFER_ASSIGN_OR_RETURN(const CheckpointPlace opened,
                          OpenCheckpointPlace(place, PlaceUse::kRead, context));
  return HasMarker(opened);
}

Result<bool> IsCheckpoint(KvStorePtr store, std::string prefix) {
  COFFER_ASSIGN_OR_RETURN(const CheckpointPlace place,
                          MakeCheckpointPlace(std::move(store), std::move(prefix)));
  return HasMarker(place);
}

}  // namespace coffer::inline v0::checkpoint
