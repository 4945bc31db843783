// The way to a key. How it is locked is told in lock.cc.
//
// Directories. A new directory is durable once its parent was synced. Who finds a directory that it
// does not know to be durable syncs the parent, even if somebody else has made it a moment ago. The
// root and what lies above it is made step by step, each synced before the next, so that whatever
// exists there is durable, but perhaps the entry of the deepest part: a new root's is synced with
// the first value in it, another's by the first store of a context that writes there.
#include "kvstore/file/root.h"

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "src/base/mutex.h"
#include "src/kvstore/url.h"

namespace coffer::inline v0 {

namespace {

constexpr size_t kSegmentMax = 255;
constexpr size_t kKeyMax = 4000;         // The kernel's limit of a path is 4,095.
constexpr mode_t kDirectoryMode = 0775;  // Never writable for everybody, whatever the umask.

std::string Quoted(std::string_view key) {
  constexpr size_t kShown = 100;
  std::string text = EncodeUrlPath(key.substr(0, kShown));
  if (key.size() > kShown) text += "...";
  return "key \"" + text + "\"";
}

}  // namespace

bool IsHiddenName(std::string_view name) { return name.ends_with(kLockSuffix); }

std::string_view ParentOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

std::string_view NameOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

FileRoot::FileRoot(std::string path, FileStoreOptions options, FileOps& ops,
                   std::shared_ptr<Engine> engine, std::shared_ptr<Executor> executor)
    : path_(std::move(path)),
      options_(options),
      ops_(ops),
      engine_(std::move(engine)),
      executor_(std::move(executor)) {}

std::string FileRoot::Describe(std::string_view key) const {
  return "file://" + EncodeUrlPath(path_) + "/" + EncodeUrlPath(key);
}

Status FileRoot::Error(int error, std::string_view key, std::string_view doing) const {
  return ErrnoError(-error, Describe(key) + ": " + std::string(doing));
}

Status FileRoot::ErrorBeneath(int error, std::string_view key, std::string_view doing) const {
  if (error == -EXDEV || error == -ELOOP) {
    return FailedPreconditionError(Describe(key) + ": " + std::string(doing) +
                                   ": a symbolic link leads out of the store's root, or in a "
                                   "circle, or cannot be followed here");
  }
  return Error(error, key, doing);
}

Status FileRoot::CheckKey(std::string_view key) const {
  const auto refuse = [&](const std::string& rule) {
    return InvalidArgumentError(Describe("") + ": " + Quoted(key) + ": " + rule);
  };
  if (key.empty()) return refuse("a key has at least one byte");
  if (key.size() > kKeyMax) {
    return refuse("a key has at most " + std::to_string(kKeyMax) + " bytes, not " +
                  std::to_string(key.size()));
  }
  if (key.find('\0') != std::string_view::npos) return refuse("a key has no NUL byte");
  for (size_t begin = 0; begin <= key.size();) {
    const size_t end = std::min(key.find('/', begin), key.size());
    const std::string_view segment = key.substr(begin, end - begin);
    if (segment.empty()) return refuse("a segment between slashes has at least one byte");
    if (segment == "." || segment == "..") return refuse("no segment is \".\" or \"..\"");
    if (segment.size() > kSegmentMax) {
      return refuse("a segment has at most 255 bytes, not " + std::to_string(segment.size()));
    }
    if (IsHiddenName(segment)) return refuse("no segment ends with \".__lock\", the name of locks");
    begin = end + 1;
  }
  return Status();
}

Status FileRoot::CheckKeyToWrite(std::string_view key) const {
  COFFER_RETURN_IF_ERROR(CheckKey(key));
  if (!CanLock(NameOf(key))) {
    return InvalidArgumentError(Describe("") + ": " + Quoted(key) +
                                ": the last segment of a key to be written has at most " +
                                std::to_string(kSegmentMax - kLockSuffix.size()) +
                                " bytes: its lock adds \".__lock\"");
  }
  return Status();
}

bool FileRoot::CanLock(std::string_view name) {
  return name.size() + kLockSuffix.size() <= kSegmentMax;
}

Result<File> FileRoot::Open() const {
  const int file = ops_.OpenDirectory(path_.empty() ? "/" : path_.c_str());
  if (file >= 0) return File(ops_, file);
  if (file == -ENOENT) return File();
  return ErrnoError(-file, Describe("") + ": opening the root");
}

Result<File> FileRoot::OpenDirectory(const File& root, const std::string& path) const {
  const int file =
      ops_.OpenBeneath(root.get(), path.empty() ? "." : path.c_str(), O_RDONLY | O_DIRECTORY);
  if (file >= 0) return File(ops_, file);
  if (file == -ENOENT || file == -ENOTDIR) return File();
  return ErrorBeneath(file, path, "opening the directory");
}

/// In one call where no link stands in the whole path, since that cannot lead out of the root.
Result<int> FileRoot::OpenInRoot(const std::string& key, int flags) const {
  if (!links_seen_.load(std::memory_order_relaxed)) {
    const int file = ops_.OpenWithoutLinks(PathOf(key).c_str(), flags);
    if (file == -ELOOP || file == -ENOSYS) {
      links_seen_.store(true, std::memory_order_relaxed);
    } else if (file != -ENAMETOOLONG && file != -ENOTDIR) {  // Only the two parts are short enough;
      return file;                                           // the root itself may be a file.
    }
  }
  COFFER_ASSIGN_OR_RETURN(const File root, Open());
  return root.valid() ? ops_.OpenBeneath(root.get(), key.c_str(), flags) : -ENOENT;
}

Result<File> FileRoot::OpenValue(std::string_view key, FileStat* stat) const {
  // Not to hang on a FIFO without a writer: O_NONBLOCK, which regular files ignore.
  COFFER_ASSIGN_OR_RETURN(const int descriptor,
                          OpenInRoot(std::string(key), O_RDONLY | O_NONBLOCK | O_NOCTTY));
  if (descriptor == -ENOENT || descriptor == -ENOTDIR) return File();
  if (descriptor == -ENXIO) {
    return FailedPreconditionError(Describe(key) + ": opening: not a regular file");
  }
  if (descriptor < 0) return ErrorBeneath(descriptor, key, "opening");
  File file(ops_, descriptor);
  if (const int error = ops_.Stat(file.get(), stat); error != 0) {
    return Error(error, key, "stat");
  }
  if (stat->kind == FileStat::Kind::kDirectory) return File();  // Keys lie in it, but it is none.
  if (stat->kind != FileStat::Kind::kRegular) {
    return FailedPreconditionError(Describe(key) + ": opening: not a regular file");
  }
  return file;
}

Result<std::optional<KeyPlace>> FileRoot::FindPlace(std::string_view key) const {
  COFFER_ASSIGN_OR_RETURN(File root, Open());
  if (!root.valid()) return std::optional<KeyPlace>();
  KeyPlace place;
  place.name = NameOf(key);
  if (const std::string parent(ParentOf(key)); !parent.empty()) {
    COFFER_ASSIGN_OR_RETURN(root, OpenDirectory(root, parent));
    if (!root.valid()) return std::optional<KeyPlace>();
  }
  COFFER_ASSIGN_OR_RETURN(place.directory_id, IdOf(root, key));
  place.directory = std::make_shared<File>(std::move(root));
  return std::optional<KeyPlace>(std::move(place));
}

Result<KeyPlace> FileRoot::MakePlace(std::string_view key) const {
  KeyPlace place;
  place.name = NameOf(key);
  COFFER_ASSIGN_OR_RETURN(File root, Open());
  if (!root.valid() || !root_durable_.load()) {
    COFFER_ASSIGN_OR_RETURN(root, CreateRoot(&place));
  }
  const std::string parent(ParentOf(key));
  if (parent.empty()) {
    COFFER_ASSIGN_OR_RETURN(place.directory_id, IdOf(root, key));
    place.directory = std::make_shared<File>(std::move(root));
    return place;
  }
  const auto top = std::make_shared<File>(std::move(root));
  COFFER_ASSIGN_OR_RETURN(File directory, OpenDirectory(*top, parent));
  if (directory.valid()) {
    COFFER_ASSIGN_OR_RETURN(place.directory_id, IdOf(directory, key));
    if (options_.sync && !engine_->IsDurable(PathOf(parent), place.directory_id)) {
      directory = File();
    }
  }
  if (!directory.valid()) {
    COFFER_ASSIGN_OR_RETURN(directory, CreateDirectories(top, key, &place));
  }
  place.directory = std::make_shared<File>(std::move(directory));
  return place;
}

/// The deepest part of a root's path that exists may have been made just now, by a process that has
/// not yet synced its parent, or was killed before it could; all above it was synced before it was
/// made. A parent that we may not read is not ours to make.
Status FileRoot::SyncParentOf(const File& existing, const std::string& path) const {
  COFFER_ASSIGN_OR_RETURN(const DirectoryId id, IdOf(existing, ""));
  if (engine_->IsEntryDurable(path, id)) return Status();
  const size_t slash = path.rfind('/');
  const int parent = ops_.OpenDirectory(slash == 0 ? "/" : path.substr(0, slash).c_str());
  if (parent == -EACCES || parent == -EPERM) return Status();
  if (parent < 0) {
    return ErrnoError(-parent, Describe("") + ": opening the parent of \"" + path + "\"");
  }
  const File file(ops_, parent);
  if (const int error = ops_.Sync(parent); error != 0) {
    return ErrnoError(-error, Describe("") + ": syncing the parent of \"" + path + "\"");
  }
  engine_->SetEntryDurable(path, id);
  return Status();
}

/// The deepest part of the root's path that exists; `end` receives its length.
Result<File> FileRoot::OpenExisting(size_t* end) const {
  for (*end = path_.size();; *end = path_.rfind('/', *end - 1)) {
    const std::string part = *end == 0 ? "/" : path_.substr(0, *end);
    const int file = ops_.OpenDirectory(part.c_str());
    if (file >= 0) return File(ops_, file);
    if (file != -ENOENT || *end == 0) {
      return ErrnoError(-file, Describe("") + ": opening \"" + part + "\"");
    }
  }
}

Result<File> FileRoot::OpenDeepest(std::string* path) const {
  COFFER_ASSIGN_OR_RETURN(const File root, Open());
  while (root.valid()) {
    COFFER_ASSIGN_OR_RETURN(File directory, OpenDirectory(root, *path));
    if (directory.valid()) return directory;
    if (path->empty()) break;
    *path = ParentOf(*path);
  }
  path->clear();
  size_t end = 0;
  Result<File> above = OpenExisting(&end);
  // As in SyncParentOf(): it is not ours.
  if (above.status().code() == StatusCode::kPermissionDenied) return File();
  return above;
}

Status FileRoot::CheckNoLinks(const std::string& path, std::string_view prefix) const {
  COFFER_ASSIGN_OR_RETURN(File directory, Open());
  for (size_t begin = 0; directory.valid() && begin < path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string name = path.substr(begin, end - begin);
    const std::string so_far = path.substr(0, end);
    FileStat stat;
    const int found = ops_.StatAt(directory.get(), name.c_str(), &stat);
    if (found == -ENOENT) return Status();
    if (found != 0) return Error(found, so_far, "stat");
    if (stat.kind == FileStat::Kind::kSymlink) {
      return FailedPreconditionError(
          Describe(prefix) + ": \"" + so_far +
          "\" is a symbolic link; a prefix is neither deleted nor renamed through one");
    }
    if (stat.kind != FileStat::Kind::kDirectory) return Status();
    const int next = ops_.OpenAt(directory.get(), name.c_str(), O_RDONLY | O_DIRECTORY, 0);
    if (next == -ENOENT) return Status();
    if (next < 0) return Error(next, so_far, "opening the directory");
    directory = File(ops_, next);
    begin = end + 1;
  }
  return Status();
}

Result<File> FileRoot::CreateRoot(KeyPlace* place) const {
  MutexLock lock(engine_->creating_roots());
  size_t end = 0;
  COFFER_ASSIGN_OR_RETURN(File existing, OpenExisting(&end));
  if (options_.sync && end > 0) {
    COFFER_RETURN_IF_ERROR(SyncParentOf(existing, path_.substr(0, end)));
  }
  while (end < path_.size()) {
    end = std::min(path_.find('/', end + 1), path_.size());
    const std::string part = path_.substr(0, end);
    engine_->Forget(part);  // As in MakeDirectoryBeneath().
    const auto failed = [&](int error) {
      return ErrnoError(-error, Describe("") + ": creating \"" + part + "\"");
    };
    const int error = ops_.MakeDirectory(part.c_str(), kDirectoryMode);
    if (error != 0 && error != -EEXIST) return failed(error);
    const int file = ops_.OpenDirectory(part.c_str());
    if (file < 0) return failed(file);
    File made(ops_, file);
    if (options_.sync) {
      // Asked before the sync, which says nothing of one that stands there after it.
      COFFER_ASSIGN_OR_RETURN(const DirectoryId id, IdOf(made, ""));
      if (end == path_.size()) {
        place->unsynced.push_back({std::make_shared<File>(std::move(existing)), path_, id});
        return made;
      }
      if (const int unsynced = ops_.Sync(existing.get()); unsynced != 0) return failed(unsynced);
      engine_->SetEntryDurable(part, id);
    }
    existing = std::move(made);
  }
  root_durable_ = true;
  return existing;
}

Result<DirectoryId> FileRoot::IdOf(const File& directory, std::string_view key) const {
  FileStat stat;
  const int error = ops_.Stat(directory.get(), &stat);
  if (error != 0) return Error(error, key, "stat of the directory");
  return DirectoryId(stat.device, stat.inode);
}

/// By one call, though that follows links also out of the root, which OpenBeneath() refuses. For
/// what it finds is the very directory that was opened beneath the root (an identity is not reused
/// while it is open). If only a link leads to it now, then because somebody has moved it since and
/// put the link in its place; what is published in it shares the way of all that it held before, as
/// if it had come just before the move.
Result<bool> FileRoot::IsPlaceOf(const KeyPlace& place, std::string_view key) const {
  FileStat named;
  const int error = ops_.StatPath(PathOf(ParentOf(key)).c_str(), &named);
  if (error == -ENAMETOOLONG) {  // Only the two parts are short enough.
    COFFER_ASSIGN_OR_RETURN(const std::optional<KeyPlace> now, FindPlace(key));
    return now && now->directory_id == place.directory_id;
  }
  if (error == -ENOENT || error == -ENOTDIR) return false;
  if (error != 0) return Error(error, key, "stat of the directory");
  return DirectoryId(named.device, named.inode) == place.directory_id;
}

Result<bool> FileRoot::Leads(const KeyPlace& place, const std::string& name, const File& file,
                             std::string_view key) const {
  FileStat ours;
  FileStat named;
  int error = ops_.Stat(file.get(), &ours);
  if (error == 0) error = ops_.StatAt(place.directory->get(), name.c_str(), &named);
  if (error == -ENOENT) return false;
  if (error != 0) return Error(error, key, "stat of \"" + name + "\"");
  return ours.IsSameFileAs(named);
}

void FileRoot::RemoveOurs(const KeyPlace& place, const std::string& name, const File& file) const {
  const Result<bool> ours = Leads(place, name, file, name);
  if (ours.ok() && *ours) ops_.Remove(place.directory->get(), name.c_str());
}

/// Opens the directory `path`, which lies in `above`, or makes it; an invalid File if it or what
/// lies above was removed meanwhile. `made` says whether `above` was made just now, so that there
/// is nothing in it; it receives the same of this one.
Result<File> FileRoot::MakeDirectoryBeneath(const File& root, const File& above,
                                            std::string_view key, const std::string& path,
                                            bool* made) const {
  int file = -ENOENT;
  if (!*made) file = ops_.OpenBeneath(root.get(), path.c_str(), O_RDONLY | O_DIRECTORY);
  *made = false;
  if (file == -ENOENT) {
    const std::string name(NameOf(path));
    // Before it is there: nobody may take it for the one that has gone, whose inode it may get.
    engine_->Forget(PathOf(path));
    const int error = ops_.MakeDirectory(above.get(), name.c_str(), kDirectoryMode);
    if (error != 0 && error != -EEXIST && error != -ENOENT) {
      return Error(error, key, "creating the directory \"" + path + "\"");
    }
    *made = error == 0;
    file = ops_.OpenBeneath(root.get(), path.c_str(), O_RDONLY | O_DIRECTORY);
    FileStat stat;
    if (file == -ENOENT && error == -EEXIST && ops_.StatAt(above.get(), name.c_str(), &stat) == 0 &&
        stat.kind == FileStat::Kind::kSymlink) {
      return FailedPreconditionError(Describe(key) + ": \"" + path +
                                     "\" is a symbolic link that leads nowhere");
    }
  }
  if (file == -ENOENT) return File();
  if (file == -ENOTDIR) {
    return FailedPreconditionError(Describe(key) + ": \"" + path +
                                   "\" is a key with a value; this store cannot hold keys beside "
                                   "it that start with \"" +
                                   path + "/\"");
  }
  if (file < 0) return ErrorBeneath(file, key, "opening the directory \"" + path + "\"");
  return File(ops_, file);
}

Result<File> FileRoot::CreateDirectories(const std::shared_ptr<File>& root, std::string_view key,
                                         KeyPlace* place) const {
  const std::string parent(ParentOf(key));
  std::shared_ptr<File> above = root;
  bool made = false;
  for (size_t begin = 0;;) {
    const size_t end = std::min(parent.find('/', begin), parent.size());
    const std::string path = parent.substr(0, end);
    COFFER_ASSIGN_OR_RETURN(File file, MakeDirectoryBeneath(*root, *above, key, path, &made));
    if (!file.valid()) return file;  // The caller starts anew.
    COFFER_ASSIGN_OR_RETURN(place->directory_id, IdOf(file, key));
    if (options_.sync && !engine_->IsDurable(PathOf(path), place->directory_id)) {
      place->unsynced.push_back({above, PathOf(path), place->directory_id});
    }
    if (end == parent.size()) return file;
    above = std::make_shared<File>(std::move(file));
    begin = end + 1;
  }
}

Generation FileRoot::GenerationOf(const FileStat& stat) {
  // The stamp makes it unique, the identity tells foreign writers' files apart, whose stamps are
  // as coarse as the kernel's clock.
  std::string text;
  for (const uint64_t part : {stat.device, stat.inode, static_cast<uint64_t>(stat.mtime_ns),
                              static_cast<uint64_t>(stat.size)}) {
    if (!text.empty()) text += '.';
    text += std::to_string(part);
  }
  return {text};
}

Result<FileStat> FileRoot::Stamp(const File& file, std::string_view key,
                                 int64_t previous_mtime_ns) const {
  // File systems round stamps: NFS to 100 ns or 1 us, old ones to 1 s, FAT to 2 s.
  constexpr int64_t kGranularities[] = {1, 100, 1'000, 1'000'000, 1'000'000'000, 2'000'000'000};
  // What pretends to be of a later time than this is not outdone: stamps would run out.
  constexpr int64_t kFuture = INT64_C(7'258'118'400'000'000'000);  // The year 2200.
  if (previous_mtime_ns >= kFuture) previous_mtime_ns = 0;
  FileStat stat;
  for (size_t i = granularity_.load(); i < std::size(kGranularities); ++i) {
    const int64_t stamp =
        Engine::UniqueStamp(std::max(ops_.NowNs(), previous_mtime_ns + 1), kGranularities[i]);
    int error = ops_.SetMtime(file.get(), stamp);
    if (error == 0) error = ops_.Stat(file.get(), &stat);
    if (error != 0) return Error(error, key, "stamping");
    if (stat.mtime_ns == stamp) return stat;
    granularity_ = std::min(i + 1, std::size(kGranularities) - 1);
  }
  return FailedPreconditionError(Describe(key) +
                                 ": this file system does not keep modification times");
}

Result<Generation> FileRoot::CurrentGeneration(const KeyPlace& place, std::string_view key,
                                               bool follow, int64_t* mtime_ns) const {
  *mtime_ns = 0;
  FileStat stat;
  const int error = ops_.StatAt(place.directory->get(), place.name.c_str(), &stat);
  if (error == -ENOENT) return Generation::Missing();
  if (error != 0) return Error(error, key, "stat");
  if (stat.kind == FileStat::Kind::kDirectory) return Generation::Missing();
  if (stat.kind == FileStat::Kind::kSymlink) {
    if (!follow) return Generation::Unknown();
    // Readers see where it leads, so the condition is about that, too.
    COFFER_ASSIGN_OR_RETURN(const File file, OpenValue(key, &stat));
    if (!file.valid()) return Generation::Missing();
  }
  if (stat.kind == FileStat::Kind::kOther) {
    return FailedPreconditionError(Describe(key) + ": not a regular file");
  }
  *mtime_ns = stat.mtime_ns;
  return GenerationOf(stat);
}

}  // namespace coffer::inline v0
