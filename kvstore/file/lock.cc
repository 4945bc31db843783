// The lock of a key, by TensorStore's protocol, so that both may write into one directory:
//   1. Open (or create) <key>.__lock and lock the open file.
//   2. The file may have been renamed over the key, or removed, by the one who had the lock before:
//      only if the name still leads to the locked file is the lock ours. Else again from 1.
//   3. What it contains, and the room it has, is left by a writer that crashed: it is cut off.
// Who does not get it tries again later (write.cc). Whoever holds it looks once more whether it is
// his before he publishes: TensorStore's DeleteRange removes locks that are held.
//
// The temporary file of a streamed value is found by the same steps, under a name made from its
// key's (.coffer.<checksum>.<number>.__lock), with the first number that no living writer holds. So
// the temporary of a dead one is taken over by the next stream of its key.
//
// With Locking::kLockfile who creates the file has the lock, until he renames or removes it; a dead
// writer's file blocks its key until somebody removes it. There, and with kNone, temporaries have
// random names, since nobody can tell whether their writers live.
#include <cerrno>
#include <random>
#include <utility>

#include "kvstore/file/root.h"
#include "src/base/crc32c.h"

namespace coffer::inline v0 {

namespace {

using Locking = FileStoreOptions::Locking;

constexpr mode_t kFileMode = 0664;     // Never writable for everybody, whatever the umask.
constexpr int kTemporariesMax = 1000;  // Of one key at a time.

std::string Hex(uint64_t bits, int digits) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (int i = 0; i < digits; ++i, bits >>= 4) text.push_back(kDigits[bits & 15]);
  return text;
}

}  // namespace

Result<FileRoot::Taken> FileRoot::TryTake(const KeyPlace& place, std::string_view key,
                                          const std::string& name) const {
  using State = Taken::State;
  const bool exclusive = options_.locking != Locking::kOs;
  const int directory = place.directory->get();
  const int descriptor = ops_.OpenAt(
      directory, name.c_str(), O_RDWR | O_CREAT | (exclusive ? O_EXCL : O_NONBLOCK), kFileMode);
  if (descriptor == -ENOENT) return Taken{State::kNoDirectory, File()};
  if (descriptor == -EEXIST && exclusive) return Taken{State::kBusy, File()};
  if (descriptor < 0) return Error(descriptor, key, "opening the lock \"" + name + "\"");
  File file(ops_, descriptor);
  if (exclusive) return Taken{State::kOurs, std::move(file)};
  const int error = ops_.TryLock(descriptor);
  if (error == -EAGAIN) return Taken{State::kBusy, File()};
  if (error != 0) {
    return Error(error, key, "locking \"" + name + "\" (see file_io_locking)");
  }
  FileStat ours;
  FileStat named;
  const int status = ops_.Stat(descriptor, &ours);
  if (status != 0) return Error(status, key, "stat of the lock");
  const int found = ops_.StatAt(directory, name.c_str(), &named);
  if (found == -ENOENT) return Taken{State::kChangedHands, File()};
  if (found != 0) return Error(found, key, "stat of the lock");
  if (!ours.IsSameFileAs(named)) return Taken{State::kChangedHands, File()};
  if (ours.kind != FileStat::Kind::kRegular) {
    return FailedPreconditionError(Describe(key) + ": the lock \"" + name +
                                   "\" is not a regular file");
  }
  if (ours.size > 0 || ours.room > 0) {  // A dead writer's bytes, or the room it asked for.
    const int cut = ops_.Truncate(descriptor, 0);
    if (cut != 0) return Error(cut, key, "truncating the lock");
  }
  return Taken{State::kOurs, std::move(file)};
}

Status FileRoot::LockTimedOut(const KeyPlace& place, std::string_view key) const {
  const std::string lock = "the lock \"" + LockName(place.name) + "\"";
  const std::string waited = "waited " + std::to_string(options_.lock_timeout.count()) + " ms";
  if (options_.locking == Locking::kLockfile) {
    return DeadlineExceededError(Describe(key) + ": " + lock + " stands in the way, " + waited +
                                 ": another process has it, or one that died has left it");
  }
  return DeadlineExceededError(Describe(key) + ": another process holds " + lock + ", " + waited);
}

Result<File> FileRoot::CreateTemporary(const KeyPlace& place, std::string_view key,
                                       std::string* name) const {
  thread_local std::mt19937_64 random{std::random_device()()};
  const bool locks = options_.locking == Locking::kOs;
  const std::string begin =
      std::string(kTemporaryPrefix) +
      (locks ? Hex(Crc32c(std::as_bytes(std::span(place.name))), 8) + "." : std::string());
  uint64_t number = 0;
  for (int attempt = 0; attempt < kTemporariesMax; ++attempt) {
    *name = begin + (locks ? std::to_string(number) : Hex(random(), 16)) + std::string(kLockSuffix);
    COFFER_ASSIGN_OR_RETURN(Taken taken, TryTake(place, key, *name));
    if (taken.state == Taken::State::kOurs) return std::move(taken.file);
    if (taken.state == Taken::State::kNoDirectory) return File();
    if (taken.state == Taken::State::kBusy) ++number;
  }
  return UnavailableError(Describe(key) + ": a thousand temporary files of this key are in use");
}

}  // namespace coffer::inline v0
