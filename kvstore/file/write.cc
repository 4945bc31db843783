// A write, step by step:
//   1. Writers of one key in this context queue up (Engine::Enter); what follows is one at a time.
//   2. The key's directory is opened, or made with all that lies between.
//   3. The key's lock file is locked (root.h), and the condition checked under the lock.
//   4. The value is written INTO the lock file, and the kernel asked to begin writing it out. From
//      here on the caller's bytes are free.
//   5. A commit thread (or the caller, where all are busy) stamps and syncs the file, and renames
//      it over the key. The rename publishes the value and releases the lock at once: who waits for
//      the lock finds that the name leads elsewhere.
//   6. The directory is synced, together with other renames in it, and new directories above it.
//      Then the future resolves.
//
// A delete removes the key's file and then the lock, between 3 and 6.
//
// A streamed value is written into a file of its own (lock.cc), which its writer keeps locked as a
// sign of life; step 3 waits for Commit(), 4 is already done, and the lock file is
// removed after the rename. Commit() looks for the directory again: it may have been renamed. So a
// slow stream holds nobody up.
//
// A crash at any point leaves the old value, or the new one, and perhaps a file whose name ends in
// .__lock: hidden from lists and locked by nobody. The key's next writer reuses it, that of a
// stream its next stream; DeleteRange of its directory and ClearDebris remove it.
//
// Without locks (Locking::kNone) every value is written into a file of its own, and what a crash
// leaves of it stays. A value whose key must not exist is then published by a call that never
// replaces, so that of many writers one succeeds.
#include "kvstore/file/write.h"

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "coffer/kvstore/answer.h"
#include "kvstore/file/io.h"
#include "kvstore/file/stream.h"
#include "kvstore/file/tree.h"

namespace coffer::inline v0 {

namespace {

constexpr int kAttempts = 100;  // Against directories that are removed while we write into them.
constexpr int64_t kWritebackMin = KiB(256);  // Below, the call costs more than it hides.
constexpr int64_t kRoomMin = MiB(1);         // Smaller values gain nothing by asking for room.

/// One write or delete on its way through the steps.
class Operation : public std::enable_shared_from_this<Operation> {
 public:
  Operation(std::shared_ptr<const FileRoot> root, std::string key, WriteOptions options)
      : root_(std::move(root)),
        key_(std::move(key)),
        path_(root_->PathOf(key_)),
        options_(std::move(options)),
        promise_(root_->executor()) {}

  std::optional<BytesChain> value;  ///< nullopt: a delete, or what is in the streamed file.
  bool synced = true;               ///< False: somebody else syncs the directory.
  KeyPlace place;
  File streamed;  ///< The file of a streamed value, which stands at `place`.
  std::string streamed_name;

  Future<WriteResult> Start() {
    root_->engine().Enter(path_, [self = shared_from_this()] { self->Begin(); });
    return promise_.future();
  }

 private:
  using State = WriteResult::State;
  bool deletes() const { return !value && !streamed.valid(); }
  bool cancelled() const {
    return options_.cancel.cancelled() || promise_.cancel_token().cancelled();
  }
  bool locks() const { return root_->options().locking != FileStoreOptions::Locking::kNone; }

  void Begin();
  Status Prepare();
  Status PrepareStreamed();
  Result<bool> PrepareValue();
  Result<bool> LockIt();
  Status MeetCondition();
  Status WriteValue();
  Status Delete();
  void Commit();
  Status Publish();
  Status RenameOver(const std::string& name);
  Status MakeKey(const std::string& name);
  Status HasKeysBelow() const;
  void RemoveOurs(const File& file, const std::string& name);
  void NotMet();
  void RemoveLock();
  void RemoveStreamed();
  void Finish(const Status& status);

  const std::shared_ptr<const FileRoot> root_;
  const std::string key_;
  const std::string path_;  // What writers queue by.
  const WriteOptions options_;
  const Promise<WriteResult> promise_;

  File lock_;              // Held from step 3 to 5.
  std::string lock_name_;  // Of lock_; or, without locks, of the file that the value is written to.
  int64_t previous_mtime_ns_ = 0;
  bool finished_ = false;  // Nothing to publish.
  WriteResult result_;
};

void Operation::Begin() {
  Status status;
  if (cancelled()) {
    status = CancelledError(root_->Describe(key_) + ": write");
  } else {
    status = deletes() ? Delete() : Prepare();
  }
  value.reset();
  if (!status.ok() || finished_) {
    RemoveLock();
    RemoveStreamed();
    root_->engine().Leave(path_);
    return Finish(status);
  }
  Task commit = [self = shared_from_this()] { self->Commit(); };
  if (!root_->options().sync || !synced || !root_->engine().TryPost(&commit)) commit();
}

Status Operation::Prepare() {
  if (streamed.valid()) return PrepareStreamed();
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    COFFER_ASSIGN_OR_RETURN(place, root_->MakePlace(key_));
    if (!place.directory->valid()) continue;
    COFFER_ASSIGN_OR_RETURN(const bool ready, PrepareValue());
    if (ready) return Status();
  }
  return AbortedError(root_->Describe(key_) + ": its directory was removed again and again");
}

/// False if the directory was removed meanwhile.
Result<bool> Operation::PrepareValue() {
  COFFER_ASSIGN_OR_RETURN(const bool locked, LockIt());
  if (!locked) return false;
  COFFER_RETURN_IF_ERROR(MeetCondition());
  if (!finished_) COFFER_RETURN_IF_ERROR(WriteValue());
  return true;
}

/// The directory may have been renamed while the value was streamed: what is renamed over the key's
/// name in it would be another key's value.
Status Operation::PrepareStreamed() {
  COFFER_ASSIGN_OR_RETURN(const std::optional<KeyPlace> now, root_->FindPlace(key_));
  COFFER_ASSIGN_OR_RETURN(const DirectoryId ours, root_->IdOf(*place.directory, key_));
  DirectoryId named;
  if (now) {
    COFFER_ASSIGN_OR_RETURN(named, root_->IdOf(*now->directory, key_));
  }
  if (named != ours) {
    return AbortedError(root_->Describe(key_) +
                        ": its directory was renamed while the value was written");
  }
  if (locks()) {
    COFFER_ASSIGN_OR_RETURN(const bool locked, LockIt());
    if (!locked) {
      return AbortedError(root_->Describe(key_) + ": its directory was removed");
    }
  }
  return MeetCondition();
}

Result<bool> Operation::LockIt() {
  if (locks()) {
    lock_name_ = FileRoot::LockName(place.name);
    COFFER_ASSIGN_OR_RETURN(lock_, root_->Lock(place, key_, [this] { return cancelled(); }));
  } else if (!deletes()) {
    COFFER_ASSIGN_OR_RETURN(lock_, root_->CreateTemporary(place, key_, &lock_name_));
  } else {
    return true;
  }
  return lock_.valid();
}

Status Operation::MeetCondition() {
  if (deletes() && !options_.if_equal.known()) return Status();  // Whatever it is.
  COFFER_ASSIGN_OR_RETURN(
      const Generation current,
      root_->CurrentGeneration(place, key_, options_.if_equal.known(), &previous_mtime_ns_));
  if (!MayWrite(options_, current)) NotMet();
  return Status();
}

Status Operation::WriteValue() {
  FileOps& ops = root_->ops();
  const auto size = static_cast<int64_t>(value->size());
  if (size >= kRoomMin) {
    const int error = ops.Preallocate(lock_.get(), 0, size);
    if (error == -ENOSPC || error == -EDQUOT) return root_->Error(error, key_, "making room");
  }
  if (const int error = WriteAll(ops, lock_.get(), value->pieces()); error != 0) {
    return root_->Error(error, key_, "writing");
  }
  if (root_->options().sync && size >= kWritebackMin) ops.StartWriteback(lock_.get(), 0, size);
  return Status();
}

Status Operation::Delete() {
  result_.generation = Generation::Missing();
  COFFER_ASSIGN_OR_RETURN(std::optional<KeyPlace> existing, root_->FindPlace(key_));
  FileStat stat;
  bool exists = existing.has_value();
  if (exists) {
    place = *std::move(existing);
    const int found = root_->ops().StatAt(place.directory->get(), place.name.c_str(), &stat);
    if (found != 0 && found != -ENOENT) return root_->Error(found, key_, "stat");
    exists = found == 0 && stat.kind != FileStat::Kind::kDirectory;
  }
  if (exists) {
    COFFER_ASSIGN_OR_RETURN(exists, LockIt());
  }
  if (!exists) {
    // Absent at the moment of the stat. If somebody else has just deleted it, the directory still
    // needs a sync before we may say so.
    finished_ = !place.directory;
    if (!MayWrite(options_, Generation::Missing())) NotMet();
    return Status();
  }
  COFFER_RETURN_IF_ERROR(MeetCondition());
  if (finished_) return Status();
  const int error = root_->ops().Remove(place.directory->get(), place.name.c_str());
  if (error != 0 && error != -ENOENT && error != -EISDIR) {
    return root_->Error(error, key_, "deleting");
  }
  RemoveLock();
  return Status();
}

void Operation::NotMet() {
  result_ = {State::kConditionNotMet, Generation::Unknown()};
  finished_ = true;
}

void Operation::RemoveStreamed() {
  if (!streamed.valid()) return;
  root_->ops().Remove(place.directory->get(), streamed_name.c_str());
  streamed = File();
}

void Operation::RemoveLock() {
  if (!lock_.valid()) return;
  // Under the lock, so that it is ours; if it fails it is debris that the next writer reuses.
  root_->ops().Remove(place.directory->get(), lock_name_.c_str());
  lock_ = File();
}

void Operation::Commit() {
  const bool published = lock_.valid() || streamed.valid();
  Status status = published ? Publish() : Status();
  root_->engine().Leave(path_);
  if (!status.ok() || !root_->options().sync || !synced) return Finish(status);
  std::vector<ChangedDirectory> changed = std::move(place.unsynced);
  changed.push_back({place.directory, "", {}});
  root_->engine().Sync(root_->ops(), std::move(changed), [self = shared_from_this()](int error) {
    self->Finish(error == 0 ? Status()
                            : self->root_->Error(error, self->key_, "syncing the directory"));
  });
}

Status Operation::Publish() {
  FileOps& ops = root_->ops();
  File& file = streamed.valid() ? streamed : lock_;
  const std::string& name = streamed.valid() ? streamed_name : lock_name_;
  const auto publish = [&]() -> Status {
    COFFER_ASSIGN_OR_RETURN(const FileStat stat, root_->Stamp(file, key_, previous_mtime_ns_));
    // Without sync, at least what close would tell: that a quota or a network file system refuses.
    const bool sync = root_->options().sync;
    if (const int error = sync ? ops.Sync(file.get()) : ops.Flush(file.get()); error != 0) {
      return root_->Error(error, key_, sync ? "syncing" : "closing");
    }
    const bool creates = !locks() && options_.if_equal.missing();
    COFFER_RETURN_IF_ERROR(creates ? MakeKey(name) : RenameOver(name));
    if (finished_) return Status();
    result_.generation = FileRoot::GenerationOf(stat);
    return Status();
  };
  const Status status = publish();
  if (!status.ok()) RemoveOurs(file, name);
  if (streamed.valid()) {
    RemoveLock();
  } else {
    lock_ = File();  // The name is the value's now, or gone.
  }
  streamed = File();
  return status;
}

Status Operation::RenameOver(const std::string& name) {
  FileOps& ops = root_->ops();
  const int directory = place.directory->get();
  int error = ops.Rename(directory, name.c_str(), directory, place.name.c_str());
  if (error == -EISDIR || error == -ENOTEMPTY || error == -EEXIST) {
    // Directories that deleted keys have left do not stand in the way.
    COFFER_RETURN_IF_ERROR(RemoveEmptyDirectories(*root_, key_));
    error = ops.Rename(directory, name.c_str(), directory, place.name.c_str());
  }
  if (error == -EISDIR || error == -ENOTEMPTY || error == -EEXIST) return HasKeysBelow();
  return error == 0 ? Status() : root_->Error(error, key_, "renaming");
}

/// Publishes without ever replacing a value, for a key that must not exist.
Status Operation::MakeKey(const std::string& name) {
  FileOps& ops = root_->ops();
  const int directory = place.directory->get();
  bool links = false;
  const auto publish = [&] {
    int error = ops.RenameNew(directory, name.c_str(), directory, place.name.c_str());
    links = error == -EINVAL;
    if (!links) return error;
    error = ops.Link(directory, name.c_str(), directory, place.name.c_str());
    if (error == 0) ops.Remove(directory, name.c_str());
    return error;
  };
  int error = publish();
  FileStat stat;
  if (error == -EEXIST && ops.StatAt(directory, place.name.c_str(), &stat) == 0 &&
      stat.kind == FileStat::Kind::kDirectory) {
    COFFER_RETURN_IF_ERROR(RemoveEmptyDirectories(*root_, key_));
    error = publish();
    if (error == -EEXIST) return HasKeysBelow();
  }
  if (error == -EEXIST) {
    NotMet();
    ops.Remove(directory, name.c_str());
    return Status();
  }
  if (links && (error == -EPERM || error == -EOPNOTSUPP || error == -ENOSYS)) {
    return FailedPreconditionError(root_->Describe(key_) +
                                   ": this file system can neither rename without replacing nor "
                                   "link, so that nothing can be created without locks");
  }
  return error == 0 ? Status() : root_->Error(error, key_, "creating");
}

/// After a failure: a rename that was reported as failed may have taken effect, and the name be
/// another writer's by now.
void Operation::RemoveOurs(const File& file, const std::string& name) {
  FileOps& ops = root_->ops();
  FileStat ours;
  FileStat named;
  if (ops.Stat(file.get(), &ours) != 0) return;
  if (ops.StatAt(place.directory->get(), name.c_str(), &named) != 0) return;
  if (ours.device != named.device || ours.inode != named.inode) return;
  ops.Remove(place.directory->get(), name.c_str());
}

Status Operation::HasKeysBelow() const {
  return FailedPreconditionError(root_->Describe(key_) + ": there are keys that start with \"" +
                                 key_ + "/\"; this store cannot hold a value beside them");
}

void Operation::Finish(const Status& status) {
  place = KeyPlace();
  if (!status.ok()) {
    promise_.Set(status);
  } else {
    promise_.Set(result_);
  }
}

}  // namespace

Future<WriteResult> WriteFileValue(std::shared_ptr<const FileRoot> root, std::string key,
                                   std::optional<BytesChain> value, WriteOptions options) {
  const Status refused = value ? root->CheckKeyToWrite(key) : root->CheckKey(key);
  if (!refused.ok()) return Future<WriteResult>::Ready(refused);
  auto operation = std::make_shared<Operation>(std::move(root), std::move(key), std::move(options));
  operation->value = std::move(value);
  return operation->Start();
}

Future<WriteResult> PublishFileStream(std::shared_ptr<const FileRoot> root, std::string key,
                                      WriteOptions options, KeyPlace place, File file,
                                      std::string name) {
  auto operation = std::make_shared<Operation>(std::move(root), std::move(key), std::move(options));
  operation->place = std::move(place);
  operation->streamed = std::move(file);
  operation->streamed_name = std::move(name);
  return operation->Start();
}

Future<WriteResult> DeleteFileValueUnsynced(std::shared_ptr<const FileRoot> root, std::string key) {
  auto operation = std::make_shared<Operation>(std::move(root), std::move(key), WriteOptions());
  operation->synced = false;
  return operation->Start();
}

Result<std::unique_ptr<KvWriter>> OpenFileWriter(std::shared_ptr<const FileRoot> root,
                                                 std::string key, WriteOptions options) {
  COFFER_RETURN_IF_ERROR(root->CheckKeyToWrite(key));
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    COFFER_ASSIGN_OR_RETURN(KeyPlace place, root->MakePlace(key));
    if (!place.directory->valid()) continue;
    std::string name;
    COFFER_ASSIGN_OR_RETURN(File file, root->CreateTemporary(place, key, &name));
    if (!file.valid()) continue;
    return MakeFileWriter(std::move(root), std::move(key), std::move(options), std::move(place),
                          std::move(file), std::move(name));
  }
  return AbortedError(root->Describe(key) + ": its directory was removed again and again");
}

}  // namespace coffer::inline v0
