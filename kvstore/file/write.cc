// A write, step by step:
//   1. Writers of one key in this context queue up (Engine::Enter); what follows is one at a time.
//   2. The key's directory is opened, or made with all that lies between.
//   3. The key's lock file is locked (root.h), and the condition checked under the lock. Who does
//      not get the lock begins again at 2 a little later, until lock_timeout has passed since the
//      call.
//   4. The value is written INTO the lock file, and the kernel asked to begin writing it out. From
//      here on the caller's bytes are free.
//   5. A commit thread (or the caller, if it waits or all are busy) stamps and syncs the file,
//      looks whether the key's path still leads to this directory and the lock's name to this file,
//      and renames it over the key. The rename publishes the value and releases the lock at once:
//      who waits for the lock finds that the name leads elsewhere.
//   6. The directory is synced, together with other renames in it, and new directories above it.
//      Then the future resolves.
//
// If the directory was renamed by then, or the lock removed (TensorStore's DeleteRange removes
// those of living writers), publishing would give another key our value, or our key what another
// writer has half written. So all begins anew at 2; the bytes are copied from the old lock file.
// From the look to the rename no directory is renamed by this context. What other programs do in
// that time is not noticed (docs/guarantees.md).
//
// A delete removes the key's file and then the lock, between 3 and 6, after the same look. Where
// the key's directory is gone, the deepest one that is left is synced: whoever removed it may not
// have done so.
//
// A streamed value is written into a file of its own (lock.cc), which its writer keeps locked as a
// sign of life; step 3 waits for Commit(), 4 is already done, and the lock file is removed after
// the rename. Commit() looks for the directory again: it may have been renamed. So a slow stream
// holds nobody up. Only the lock can be taken anew: whose directory or file is gone is Aborted.
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
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "coffer/kvstore/answer.h"
#include "kvstore/file/io.h"
#include "kvstore/file/stream.h"
#include "kvstore/file/tree.h"

namespace coffer::inline v0 {

namespace {

constexpr int kAttempts = 100;  // Against directories that are removed or renamed meanwhile.
constexpr int kLostMax = 10;    // Against a program that removes locks which are held.
constexpr auto kPollMin = std::chrono::microseconds(50);
constexpr auto kPollMax = std::chrono::milliseconds(20);
constexpr auto kWaitMax = std::chrono::hours(24 * 365);  // So that no deadline overflows.
constexpr int64_t kWritebackMin = KiB(256);  // Below, the call costs more than it hides.
constexpr int64_t kRoomMin = MiB(1);         // Smaller values gain nothing by asking for room.

/// One write or delete on its way through the steps.
class Operation : public std::enable_shared_from_this<Operation> {
 public:
  enum class Kind { kValue, kStream, kDelete };

  Operation(Kind kind, std::shared_ptr<const FileRoot> root, std::string key, WriteOptions options)
      : kind_(kind),
        root_(std::move(root)),
        key_(std::move(key)),
        path_(root_->PathOf(key_)),
        options_(std::move(options)),
        deadline_(std::chrono::steady_clock::now() +
                  std::min<std::chrono::milliseconds>(root_->options().lock_timeout, kWaitMax)),
        promise_(root_->executor()) {}

  std::optional<BytesChain> value;  ///< Until it is written.
  bool synced = true;               ///< False: somebody else syncs the directory.
  KeyPlace place;
  File streamed;  ///< The file of a streamed value, which stands at `place`.
  std::string streamed_name;

  Future<WriteResult> Start() {
    const auto give_up = [self = shared_from_this()] { self->GiveUp(); };
    cancel_ids_ = {options_.cancel.OnCancel(give_up), promise_.cancel_token().OnCancel(give_up)};
    root_->engine().Enter(path_, [self = shared_from_this()] { self->TakeTurn(); });
    return promise_.future();
  }

 private:
  using State = WriteResult::State;
  /// How it goes on: at the next step, later once more, or at once from the beginning.
  enum class Next { kOn, kWait, kAnew };

  bool cancelled() const {
    return options_.cancel.cancelled() || promise_.cancel_token().cancelled();
  }
  bool locks() const {
    return root_->options().locking != FileStoreOptions::Locking::kNone &&
           FileRoot::CanLock(NameOf(key_));
  }

  void GiveUp();
  void TakeTurn();
  void Begin();
  void BeginAt(Engine::TimePoint when);
  Result<Next> Prepare();
  Result<Next> PrepareValue();
  Result<Next> PrepareStreamed();
  Result<Next> LockIt();
  Status MeetCondition();
  Result<Next> Refuse();
  Status WriteValue();
  Result<Next> Delete();
  Result<Next> DeleteAbsent();
  void Commit();
  Result<Next> Publish();
  Result<Next> MayPublish();
  Result<Next> RenameOver(const File& file, const std::string& name);
  Result<Next> MakeKey(const File& file, const std::string& name);
  Result<Next> PublishedOrLost(const File& file);
  Result<Next> Lost();
  Result<Next> Moved() const;
  Status HasKeysBelow() const;
  void NotMet();
  void RemoveLock();
  void RemoveLockUnseen();
  void RemoveStreamed();
  void Finish(const Status& status);

  const Kind kind_;
  const std::shared_ptr<const FileRoot> root_;
  const std::string key_;
  const std::string path_;  // What writers queue by.
  const WriteOptions options_;
  const std::thread::id caller_ = std::this_thread::get_id();
  const Engine::TimePoint deadline_;  // Of waiting for the lock.
  const Promise<WriteResult> promise_;
  std::array<uint64_t, 2> cancel_ids_ = {};
  std::atomic<bool> taken_{false};  // By its turn, or by who cancelled it before.

  int attempts_ = 0;
  int lost_ = 0;          // Locks.
  bool waiting_ = false;  // For the lock.
  std::chrono::microseconds pause_ = kPollMin;
  File lock_;              // Held from step 3 to 5.
  std::string lock_name_;  // Of lock_; or, without locks, of the file that the value is written to.
  File written_;           // The lock file of an earlier attempt, in which the value stands.
  int64_t previous_mtime_ns_ = 0;
  bool finished_ = false;  // Nothing to publish.
  WriteResult result_;
};

/// Cancelled while others of its key come first: the future need not wait for them.
void Operation::GiveUp() {
  if (taken_.exchange(true)) return;
  value.reset();
  promise_.Set(CancelledError(root_->Describe(key_) + ": write"));
}

void Operation::TakeTurn() {
  const bool given_up = taken_.exchange(true);
  options_.cancel.RemoveCallback(cancel_ids_[0]);
  promise_.cancel_token().RemoveCallback(cancel_ids_[1]);
  if (!given_up) return Begin();
  RemoveStreamed();
  place = KeyPlace();
  root_->engine().Leave(path_);
}

void Operation::Begin() {
  Result<Next> next = Next::kOn;
  if (cancelled()) {
    next =
        CancelledError(root_->Describe(key_) + (waiting_ ? ": waiting for the lock" : ": write"));
  } else {
    next = Prepare();
  }
  if (next.ok() && *next == Next::kWait) {
    if (kind_ != Kind::kStream) place = KeyPlace();  // Who waits holds no descriptor.
    BeginAt(std::min(std::chrono::steady_clock::now() + pause_, deadline_));
    return;
  }
  value.reset();
  written_ = File();
  if (!next.ok() || finished_) {
    RemoveLock();
    RemoveStreamed();
    root_->engine().Leave(path_);
    return Finish(next.status());
  }
  Task commit = [self = shared_from_this()] { self->Commit(); };
  const bool here = !root_->options().sync || !synced ||
                    (options_.caller_waits && std::this_thread::get_id() == caller_);
  if (here || !root_->engine().TryPost(&commit)) commit();
}

void Operation::BeginAt(Engine::TimePoint when) {
  root_->engine().RunAt(when, [self = shared_from_this()] { self->Begin(); });
}

Result<Operation::Next> Operation::Prepare() {
  for (; attempts_ < kAttempts; ++attempts_) {
    const Result<Next> next = kind_ == Kind::kValue    ? PrepareValue()
                              : kind_ == Kind::kStream ? PrepareStreamed()
                                                       : Delete();
    if (!next.ok() || *next != Next::kAnew) return next;
    RemoveLock();
  }
  return AbortedError(root_->Describe(key_) +
                      ": its directory was removed or renamed again and again");
}

Result<Operation::Next> Operation::PrepareValue() {
  COFFER_ASSIGN_OR_RETURN(place, root_->MakePlace(key_));
  if (!place.directory->valid()) return Next::kAnew;
  COFFER_ASSIGN_OR_RETURN(const Next next, LockIt());
  if (next != Next::kOn) return next;
  COFFER_RETURN_IF_ERROR(MeetCondition());
  if (finished_) return Refuse();
  COFFER_RETURN_IF_ERROR(WriteValue());
  return Next::kOn;
}

Result<Operation::Next> Operation::PrepareStreamed() {
  COFFER_ASSIGN_OR_RETURN(const bool in_place, root_->IsPlaceOf(place, key_));
  if (!in_place) return Moved();
  if (locks()) {
    COFFER_ASSIGN_OR_RETURN(const Next next, LockIt());
    if (next == Next::kAnew) {
      return AbortedError(root_->Describe(key_) + ": its directory was removed");
    }
    if (next == Next::kWait) return next;
  }
  COFFER_RETURN_IF_ERROR(MeetCondition());
  return finished_ ? Refuse() : Next::kOn;
}

Result<Operation::Next> Operation::LockIt() {
  using Taken = FileRoot::Taken;
  if (!locks()) {
    if (kind_ == Kind::kDelete) return Next::kOn;
    COFFER_ASSIGN_OR_RETURN(lock_, root_->CreateTemporary(place, key_, &lock_name_));
    return lock_.valid() ? Next::kOn : Next::kAnew;
  }
  lock_name_ = FileRoot::LockName(place.name);
  for (;;) {
    COFFER_ASSIGN_OR_RETURN(Taken taken, root_->TryTake(place, key_, lock_name_));
    if (taken.state == Taken::State::kNoDirectory) return Next::kAnew;
    if (taken.state == Taken::State::kOurs) {
      lock_ = std::move(taken.file);
      waiting_ = false;
      pause_ = kPollMin;
      return Next::kOn;
    }
    waiting_ = true;
    if (cancelled()) return CancelledError(root_->Describe(key_) + ": waiting for the lock");
    if (std::chrono::steady_clock::now() >= deadline_) return root_->LockTimedOut(place, key_);
    if (taken.state == Taken::State::kChangedHands) continue;
    pause_ = std::min<std::chrono::microseconds>(pause_ * 2, kPollMax);
    return Next::kWait;
  }
}

Status Operation::MeetCondition() {
  if (kind_ == Kind::kDelete && !options_.if_equal.known()) return Status();  // Whatever it is.
  COFFER_ASSIGN_OR_RETURN(
      const Generation current,
      root_->CurrentGeneration(place, key_, options_.if_equal.known(), &previous_mtime_ns_));
  if (!MayWrite(options_, current)) NotMet();
  return Status();
}

/// A condition that was not met is said only of the key that it was asked of: its directory may
/// have been renamed before we had the lock.
Result<Operation::Next> Operation::Refuse() {
  COFFER_ASSIGN_OR_RETURN(const bool in_place, root_->IsPlaceOf(place, key_));
  if (in_place) return Next::kOn;
  finished_ = false;
  result_ = WriteResult();
  return Next::kAnew;
}

Status Operation::WriteValue() {
  FileOps& ops = root_->ops();
  auto size = static_cast<int64_t>(value ? value->size() : 0);
  if (written_.valid()) {
    FileStat stat;
    if (const int error = ops.Stat(written_.get(), &stat); error != 0) {
      return root_->Error(error, key_, "stat of what was written");
    }
    size = stat.size;
  }
  if (size >= kRoomMin) {
    const int error = ops.Preallocate(lock_.get(), 0, size);
    if (error == -ENOSPC || error == -EDQUOT) return root_->Error(error, key_, "making room");
  }
  const int error = written_.valid() ? CopyAll(ops, written_.get(), size, lock_.get())
                                     : WriteAll(ops, lock_.get(), value->pieces());
  if (error != 0) return root_->Error(error, key_, "writing");
  if (root_->options().sync && size >= kWritebackMin) ops.StartWriteback(lock_.get(), 0, size);
  return Status();
}

Result<Operation::Next> Operation::Delete() {
  result_.generation = Generation::Missing();
  COFFER_ASSIGN_OR_RETURN(std::optional<KeyPlace> existing, root_->FindPlace(key_));
  place = existing ? *std::move(existing) : KeyPlace();
  if (!place.directory) return DeleteAbsent();
  FileStat stat;
  const int found = root_->ops().StatAt(place.directory->get(), place.name.c_str(), &stat);
  if (found != 0 && found != -ENOENT) return root_->Error(found, key_, "stat");
  if (found == -ENOENT || stat.kind == FileStat::Kind::kDirectory) return DeleteAbsent();
  COFFER_ASSIGN_OR_RETURN(Next next, LockIt());
  if (next != Next::kOn) return next;
  COFFER_RETURN_IF_ERROR(MeetCondition());
  if (finished_) return Refuse();
  {
    const SharedLock lock(root_->engine().renames());
    COFFER_ASSIGN_OR_RETURN(next, MayPublish());
    if (next != Next::kOn) return next;
    const int error = root_->ops().Remove(place.directory->get(), place.name.c_str());
    if (error != 0 && error != -ENOENT && error != -EISDIR) {
      return root_->Error(error, key_, "deleting");
    }
  }
  RemoveLockUnseen();
  return Next::kOn;
}

/// Absent at the moment of the look. If somebody else has just deleted it, or its directory, the
/// deepest directory that is left still needs a sync before we may say so.
Result<Operation::Next> Operation::DeleteAbsent() {
  if (!MayWrite(options_, Generation::Missing())) NotMet();
  if (finished_ || place.directory) return Next::kOn;
  finished_ = true;
  if (!root_->options().sync || !synced) return Next::kOn;
  std::string parent(ParentOf(key_));
  COFFER_ASSIGN_OR_RETURN(File deepest, root_->OpenDeepest(&parent));
  finished_ = !deepest.valid();
  place.directory = std::make_shared<File>(std::move(deepest));
  return Next::kOn;
}

void Operation::NotMet() {
  result_ = {State::kConditionNotMet, Generation::Unknown()};
  finished_ = true;
}

void Operation::RemoveStreamed() {
  if (!streamed.valid()) return;
  root_->RemoveOurs(place, streamed_name, streamed);
  streamed = File();
}

/// If it fails the lock is debris that the next writer reuses.
void Operation::RemoveLock() {
  if (!lock_.valid()) return;
  root_->RemoveOurs(place, lock_name_, lock_);
  lock_ = File();
}

/// The same for who has just seen that it is ours.
void Operation::RemoveLockUnseen() {
  if (!lock_.valid()) return;
  root_->ops().Remove(place.directory->get(), lock_name_.c_str());
  lock_ = File();
}

void Operation::Commit() {
  Result<Next> next = Next::kOn;
  if (kind_ != Kind::kDelete) next = Publish();
  if (next.ok() && *next == Next::kAnew) {
    ++attempts_;
    return BeginAt(Engine::TimePoint::min());  // Not here: it asks for the lock.
  }
  root_->engine().Leave(path_);
  if (!next.ok() || !root_->options().sync || !synced) return Finish(next.status());
  std::vector<ChangedDirectory> changed = std::move(place.unsynced);
  changed.push_back({place.directory, "", {}});
  root_->engine().Sync(root_->ops(), std::move(changed), [self = shared_from_this()](int error) {
    self->Finish(error == 0 ? Status()
                            : self->root_->Error(error, self->key_, "syncing the directory"));
  });
}

Result<Operation::Next> Operation::Publish() {
  FileOps& ops = root_->ops();
  const bool stream = kind_ == Kind::kStream;
  File& file = stream ? streamed : lock_;
  const std::string& name = stream ? streamed_name : lock_name_;
  const auto publish = [&]() -> Result<Next> {
    COFFER_ASSIGN_OR_RETURN(const FileStat stat, root_->Stamp(file, key_, previous_mtime_ns_));
    // Without sync, at least what close would tell: that a quota or a network file system refuses.
    const bool sync = root_->options().sync;
    if (const int error = sync ? ops.Sync(file.get()) : ops.Flush(file.get()); error != 0) {
      return root_->Error(error, key_, sync ? "syncing" : "closing");
    }
    const bool creates = !locks() && options_.if_equal.missing();
    const SharedLock lock(root_->engine().renames());
    COFFER_ASSIGN_OR_RETURN(Next next, MayPublish());
    if (next != Next::kOn) return next;
    COFFER_ASSIGN_OR_RETURN(next, creates ? MakeKey(file, name) : RenameOver(file, name));
    if (next == Next::kOn && !finished_) result_.generation = FileRoot::GenerationOf(stat);
    return next;
  };
  const Result<Next> next = publish();
  const bool anew = next.ok() && *next == Next::kAnew;
  if (!next.ok() || (anew && !stream)) root_->RemoveOurs(place, name, file);
  if (!stream) {
    if (anew) written_ = std::move(lock_);
    lock_ = File();  // The name is the value's now, or gone.
  } else if (next.ok() && !anew) {
    RemoveLockUnseen();
    streamed = File();
  } else {
    RemoveLock();
    if (!anew) streamed = File();
  }
  return next;
}

/// Directly before a value is published or removed: whether the key's path still leads to this
/// directory, and the names in it to our files.
Result<Operation::Next> Operation::MayPublish() {
  COFFER_ASSIGN_OR_RETURN(const bool in_place, root_->IsPlaceOf(place, key_));
  if (!in_place) return kind_ == Kind::kStream ? Moved() : Next::kAnew;
  if (streamed.valid()) {
    COFFER_ASSIGN_OR_RETURN(const bool ours, root_->Leads(place, streamed_name, streamed, key_));
    if (!ours) return PublishedOrLost(streamed);
  }
  if (lock_.valid()) {
    COFFER_ASSIGN_OR_RETURN(const bool ours, root_->Leads(place, lock_name_, lock_, key_));
    if (!ours) return Lost();
  }
  return Next::kOn;
}

Result<Operation::Next> Operation::RenameOver(const File& file, const std::string& name) {
  FileOps& ops = root_->ops();
  const int directory = place.directory->get();
  int error = ops.Rename(directory, name.c_str(), directory, place.name.c_str());
  if (error == -EISDIR || error == -ENOTEMPTY || error == -EEXIST) {
    // Directories that deleted keys have left do not stand in the way.
    COFFER_RETURN_IF_ERROR(RemoveEmptyDirectories(*root_, key_));
    COFFER_ASSIGN_OR_RETURN(const Next next, MayPublish());  // That may have taken a while.
    if (next != Next::kOn) return next;
    error = ops.Rename(directory, name.c_str(), directory, place.name.c_str());
  }
  if (error == -EISDIR || error == -ENOTEMPTY || error == -EEXIST) return HasKeysBelow();
  if (error == -ENOENT) return PublishedOrLost(file);
  if (error != 0) return root_->Error(error, key_, "renaming");
  return Next::kOn;
}

/// Publishes without ever replacing a value, for a key that must not exist.
Result<Operation::Next> Operation::MakeKey(const File& file, const std::string& name) {
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
    COFFER_ASSIGN_OR_RETURN(const Next next, MayPublish());
    if (next != Next::kOn) return next;
    error = publish();
    if (error == -EEXIST) return HasKeysBelow();
  }
  if (error == -ENOENT) return PublishedOrLost(file);
  if (error == -EEXIST) {
    // NFS: a call whose answer was lost is made again, and finds what it has done itself.
    COFFER_ASSIGN_OR_RETURN(const bool ours, root_->Leads(place, place.name, file, key_));
    if (!ours) NotMet();
    ops.Remove(directory, name.c_str());
    return Next::kOn;
  }
  if (links && (error == -EPERM || error == -EOPNOTSUPP || error == -ENOSYS)) {
    return FailedPreconditionError(root_->Describe(key_) +
                                   ": this file system can neither rename without replacing nor "
                                   "link, so that nothing can be created without locks");
  }
  if (error != 0) return root_->Error(error, key_, "creating");
  return Next::kOn;
}

/// The name of what was to be published is gone. Either an earlier attempt of the same call, whose
/// answer a network file system has lost, took effect; or somebody has removed it.
Result<Operation::Next> Operation::PublishedOrLost(const File& file) {
  COFFER_ASSIGN_OR_RETURN(const bool published, root_->Leads(place, place.name, file, key_));
  if (published) return Next::kOn;
  if (kind_ != Kind::kStream) return Lost();
  return AbortedError(root_->Describe(key_) + ": the file \"" + streamed_name +
                      "\" that the value was streamed into was removed by another program");
}

/// Another program has removed our lock: whoever took it next may be writing.
Result<Operation::Next> Operation::Lost() {
  if (++lost_ < kLostMax) return Next::kAnew;
  return AbortedError(root_->Describe(key_) + ": the lock \"" + lock_name_ + "\" was removed " +
                      std::to_string(kLostMax) +
                      " times while it was held: another program removes locks that are in use");
}

/// What is renamed over the key's name in a directory that was renamed would be another key's.
Result<Operation::Next> Operation::Moved() const {
  return AbortedError(root_->Describe(key_) +
                      ": its directory was renamed while the value was written");
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
  auto operation =
      std::make_shared<Operation>(value ? Operation::Kind::kValue : Operation::Kind::kDelete,
                                  std::move(root), std::move(key), std::move(options));
  operation->value = std::move(value);
  return operation->Start();
}

Future<WriteResult> PublishFileStream(std::shared_ptr<const FileRoot> root, std::string key,
                                      WriteOptions options, KeyPlace place, File file,
                                      std::string name) {
  auto operation = std::make_shared<Operation>(Operation::Kind::kStream, std::move(root),
                                               std::move(key), std::move(options));
  operation->place = std::move(place);
  operation->streamed = std::move(file);
  operation->streamed_name = std::move(name);
  return operation->Start();
}

Future<WriteResult> DeleteFileValueUnsynced(std::shared_ptr<const FileRoot> root, std::string key) {
  auto operation = std::make_shared<Operation>(Operation::Kind::kDelete, std::move(root),
                                               std::move(key), WriteOptions());
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
