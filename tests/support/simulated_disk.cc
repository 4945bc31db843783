// How the disk keeps what is sure apart from what is not:
//
//  1. A node has two states: `now`, which calls see, and `sure`, on which its undecided changes are
//     kept in order. Directories have the same two; their undecided changes stand in one list for
//     the whole disk (names_), since a rename may concern two of them.
//  2. A sync marks the changes that it makes sure. When no change before them is undecided any more
//     they are applied to `sure` and forgotten. Until then order matters: a later sure write covers
//     an earlier undecided one.
//  3. A power cut walks from the root over what names come out, and decides each undecided change
//     by the luck of its seed.
#include "tests/support/simulated_disk.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstring>
#include <random>

namespace coffer::inline v0 {

namespace {

constexpr uint64_t kRoot = 1;
constexpr size_t kSector = 512;
constexpr int kFirstDescriptor = 100'000;  // No system call takes one of ours for its own.
constexpr size_t kNameMax = 255;

/// Keeps shells that nobody owns any more, so that late threads find something.
void KeepForEver(SimulatedDisk* disk) {
  static Mutex& mutex = *new Mutex();
  static auto& shells = *new std::vector<SimulatedDisk*>();
  const MutexLock lock(mutex);
  shells.push_back(disk);
}

struct Listing {
  std::vector<std::string> names;
  size_t next = 0;
  dirent entry = {};
};

}  // namespace

/// What becomes of undecided changes.
class SimulatedDisk::Luck {
 public:
  enum class Write { kLost, kKept, kTorn, kGarbage };

  explicit Luck(uint64_t seed) : seed_(seed), random_(seed) {
    // Some power cuts lose nearly all, some nearly nothing.
    percent_ = seed % 3 == 0 ? 20 : seed % 3 == 1 ? 50 : 80;
  }

  bool KeepsNames() {
    if (seed_ <= kDataOnly) return seed_ == kAllKept || seed_ == kNamesOnly;
    return Percent() < percent_;
  }
  Write OfData() {
    if (seed_ <= kDataOnly) {
      return seed_ == kAllKept || seed_ == kDataOnly ? Write::kKept : Write::kLost;
    }
    if (Percent() < 40) return Percent() < 50 ? Write::kTorn : Write::kGarbage;
    return Percent() < percent_ ? Write::kKept : Write::kLost;
  }
  bool Coin() { return Percent() < 50; }
  char Garbage() { return static_cast<char>(random_()); }

 private:
  uint64_t Percent() { return random_() % 100; }

  const uint64_t seed_;
  uint64_t percent_;
  std::mt19937_64 random_;
};

void SimulatedDisk::Unplug::operator()(SimulatedDisk* disk) const {
  const MutexLock lock(disk->mutex_);
  disk->off_ = true;
  disk->nodes_.clear();
  disk->names_.clear();
  KeepForEver(disk);
}

SimulatedDisk::Ptr SimulatedDisk::Make() {
  static std::atomic<uint64_t> devices{0};
  Ptr disk(new SimulatedDisk());
  const MutexLock lock(disk->mutex_);
  disk->device_ = ++devices;
  disk->NewNode(true);
  return disk;
}

SimulatedDisk::Ptr SimulatedDisk::Copy() const {
  Ptr copy(new SimulatedDisk());
  const MutexLock lock(mutex_);
  const MutexLock lock_copy(copy->mutex_);
  copy->device_ = device_;
  copy->now_ns_ = now_ns_;
  copy->last_inode_ = last_inode_;
  for (const auto& [inode, node] : nodes_) {
    Node& other = copy->nodes_[inode];
    other.directory = node.directory;
    other.linked = node.linked;
    other.now = other.sure = node.now;
    other.entries = other.sure_entries = node.entries;
  }
  return copy;
}

SimulatedDisk::Ptr SimulatedDisk::AfterPowerCut(uint64_t seed) const {
  Luck luck(seed);
  Ptr image(new SimulatedDisk());
  const MutexLock lock(mutex_);
  const MutexLock lock_image(image->mutex_);
  image->device_ = device_;
  image->now_ns_ = now_ns_;
  image->last_inode_ = last_inode_;
  std::map<Inode, Entries> names;
  for (const auto& [inode, node] : nodes_) {
    if (node.directory) names[inode] = node.sure_entries;
  }
  for (const NameChange& change : names_) {
    const bool sure = change.unsynced.empty() && !change.doomed;
    if (!sure && !luck.KeepsNames()) continue;
    for (const NameChange::Entry& entry : change.entries) {
      if (entry.target == 0) {
        names[entry.directory].erase(entry.name);
      } else {
        names[entry.directory].insert_or_assign(entry.name, entry.target);
      }
    }
  }
  std::vector<Inode> reached = {kRoot};
  for (size_t i = 0; i < reached.size(); ++i) {
    const Inode inode = reached[i];
    if (image->nodes_.contains(inode)) continue;
    const Node& node = nodes_.at(inode);
    Node& found = image->nodes_[inode];
    found.directory = node.directory;
    found.entries = found.sure_entries = names[inode];
    for (const auto& [name, target] : found.entries) reached.push_back(target);
    found.now = node.sure;
    for (const DataChange& change : node.changes) {
      if (change.sureness == Sureness::kSynced) {
        Apply(change, &found.now);
      } else {
        ApplyByLuck(change, luck, &found.now);
      }
    }
    found.sure = found.now;
  }
  return image;
}

void SimulatedDisk::Apply(const DataChange& change, Content* content) {
  switch (change.kind) {
    case DataChange::Kind::kWrite: {
      const auto at = static_cast<size_t>(change.at);
      if (content->bytes.size() < at + change.bytes.size()) {
        content->bytes.resize(at + change.bytes.size());
      }
      content->bytes.replace(at, change.bytes.size(), change.bytes);
      return;
    }
    case DataChange::Kind::kResize:
      content->bytes.resize(static_cast<size_t>(change.at));
      return;
    case DataChange::Kind::kMtime:
      content->mtime_ns = change.at;
  }
}

void SimulatedDisk::ApplyByLuck(const DataChange& change, Luck& luck, Content* content) {
  const Luck::Write outcome = luck.OfData();
  if (outcome == Luck::Write::kLost) return;
  if (outcome == Luck::Write::kKept || change.kind != DataChange::Kind::kWrite) {
    return Apply(change, content);
  }
  for (size_t done = 0; done < change.bytes.size();) {
    const size_t at = static_cast<size_t>(change.at) + done;
    const size_t size = std::min(kSector - at % kSector, change.bytes.size() - done);
    if (luck.Coin()) {
      DataChange sector = {DataChange::Kind::kWrite, static_cast<int64_t>(at),
                           change.bytes.substr(done, size), Sureness::kDirty};
      if (outcome == Luck::Write::kGarbage && luck.Coin()) {
        for (char& byte : sector.bytes) byte = luck.Garbage();
      }
      Apply(sector, content);
    }
    done += size;
  }
}

void SimulatedDisk::CutAt(int64_t n) {
  const MutexLock lock(mutex_);
  cut_at_ = changes_ + n;
}

void SimulatedDisk::OnlyTheProcessDied() {
  const MutexLock lock(mutex_);
  off_ = false;
  cut_at_ = -1;
  open_.clear();
  for (auto& [inode, node] : nodes_) node.lock = -1;
}

void SimulatedDisk::FailAt(int64_t n, int error, bool forever) {
  const MutexLock lock(mutex_);
  fail_at_ = n < 0 ? -1 : calls_ + n;
  fail_with_ = error;
  fail_forever_ = forever;
}

void SimulatedDisk::LimitDescriptors(size_t count) {
  const MutexLock lock(mutex_);
  descriptors_max_ = count;
}

int64_t SimulatedDisk::changes() const {
  const MutexLock lock(mutex_);
  return changes_;
}

int64_t SimulatedDisk::calls() const {
  const MutexLock lock(mutex_);
  return calls_;
}

size_t SimulatedDisk::open_descriptors() const {
  const MutexLock lock(mutex_);
  return open_.size();
}

size_t SimulatedDisk::undecided() const {
  const MutexLock lock(mutex_);
  size_t count = 0;
  for (const NameChange& change : names_) {
    if (!change.unsynced.empty() || change.doomed) ++count;
  }
  for (const auto& [inode, node] : nodes_) {
    for (const DataChange& change : node.changes) {
      if (change.sureness != Sureness::kSynced) ++count;
    }
  }
  return count;
}

/// What every call begins with: 0, or the error it must return.
int SimulatedDisk::Enter(bool change) {
  if (!off_ && change && changes_++ == cut_at_) off_ = true;
  if (off_) return -EIO;
  const int64_t call = calls_++;
  const bool due = fail_at_ >= 0 && (fail_forever_ ? call >= fail_at_ : call == fail_at_);
  return due ? fail_with_ : 0;
}

SimulatedDisk::Node* SimulatedDisk::Find(int file) {
  const auto descriptor = open_.find(file);
  return descriptor == open_.end() ? nullptr : &nodes_.at(descriptor->second.inode);
}

SimulatedDisk::Node* SimulatedDisk::FindDirectory(int file) {
  Node* const node = Find(file);
  return node != nullptr && node->directory ? node : nullptr;
}

/// 0, or the error of the first step that fails.
int SimulatedDisk::Walk(Inode from, std::string_view path, Inode* found) {
  Inode at = from;
  while (!path.empty()) {
    const size_t slash = std::min(path.find('/'), path.size());
    const std::string_view name = path.substr(0, slash);
    path.remove_prefix(std::min(slash + 1, path.size()));
    if (name == "..") return -EXDEV;
    if (name.size() > kNameMax) return -ENAMETOOLONG;
    const Node& node = nodes_.at(at);
    if (!node.directory) return -ENOTDIR;
    if (name.empty() || name == ".") continue;
    const auto entry = node.entries.find(name);
    if (entry == node.entries.end()) return -ENOENT;
    at = entry->second;
  }
  *found = at;
  return 0;
}

int SimulatedDisk::OpenInode(Inode inode, int flags) {
  const bool directory = nodes_.at(inode).directory;
  const bool writable = (flags & O_ACCMODE) != O_RDONLY;
  if (!directory && (flags & O_DIRECTORY) != 0) return -ENOTDIR;
  if (directory && writable) return -EISDIR;
  if (open_.size() >= descriptors_max_) return -EMFILE;
  int file = kFirstDescriptor;
  while (open_.contains(file)) ++file;
  open_[file] = {inode, 0, writable, false};
  return file;
}

SimulatedDisk::Inode SimulatedDisk::NewNode(bool directory) {
  Node& node = nodes_[++last_inode_];
  node.directory = directory;
  node.now.mtime_ns = ++now_ns_;
  return last_inode_;
}

void SimulatedDisk::FillStat(Inode inode, FileStat* stat) {
  const Node& node = nodes_.at(inode);
  *stat = {node.directory ? FileStat::Kind::kDirectory : FileStat::Kind::kRegular, device_, inode,
           static_cast<int64_t>(node.now.bytes.size()), node.now.mtime_ns};
}

void SimulatedDisk::ChangeNames(std::vector<NameChange::Entry> entries) {
  NameChange change;
  for (const NameChange::Entry& entry : entries) {
    Entries& names = nodes_.at(entry.directory).entries;
    if (entry.target == 0) {
      names.erase(entry.name);
    } else {
      names.insert_or_assign(entry.name, entry.target);
    }
    const bool known =
        std::count(change.unsynced.begin(), change.unsynced.end(), entry.directory) > 0;
    if (!known) change.unsynced.push_back(entry.directory);
  }
  change.entries = std::move(entries);
  names_.push_back(std::move(change));
}

void SimulatedDisk::ChangeData(Node& node, DataChange change) {
  Apply(change, &node.now);
  node.changes.push_back(std::move(change));
}

/// Forgets the changes that are sure and have nothing undecided before them.
void SimulatedDisk::SettleNames() {
  size_t settled = 0;
  for (; settled < names_.size(); ++settled) {
    const NameChange& change = names_[settled];
    if (!change.unsynced.empty() || change.doomed) break;
    for (const NameChange::Entry& entry : change.entries) {
      Entries& names = nodes_.at(entry.directory).sure_entries;
      if (entry.target == 0) {
        names.erase(entry.name);
      } else {
        names.insert_or_assign(entry.name, entry.target);
      }
    }
  }
  names_.erase(names_.begin(), names_.begin() + static_cast<ptrdiff_t>(settled));
}

int SimulatedDisk::OpenDirectory(const char* path) {
  const MutexLock lock(mutex_);
  if (const int error = Enter(false); error != 0) return error;
  Inode inode = 0;
  const int error = Walk(kRoot, path, &inode);
  return error != 0 ? error : OpenInode(inode, O_RDONLY | O_DIRECTORY);
}

int SimulatedDisk::OpenBeneath(int root, const char* path, int flags) {
  const MutexLock lock(mutex_);
  if (const int error = Enter(false); error != 0) return error;
  if (FindDirectory(root) == nullptr) return -EBADF;
  Inode inode = 0;
  const int error = Walk(open_.at(root).inode, path, &inode);
  return error != 0 ? error : OpenInode(inode, flags);
}

int SimulatedDisk::OpenAt(int directory, const char* name, int flags, mode_t) {
  const MutexLock lock(mutex_);
  const bool creates = (flags & O_CREAT) != 0;
  if (const int error = Enter(creates); error != 0) return error;
  const Node* const parent = FindDirectory(directory);
  if (parent == nullptr) return -EBADF;
  Inode inode = 0;
  const int error = Walk(open_.at(directory).inode, name, &inode);
  if (error == 0 && creates && (flags & O_EXCL) != 0) return -EEXIST;
  if (error == 0 && creates && nodes_.at(inode).directory) return -EISDIR;
  if (error != -ENOENT || !creates) return error != 0 ? error : OpenInode(inode, flags);
  if (!parent->linked) return -ENOENT;
  if (open_.size() >= descriptors_max_) return -EMFILE;
  inode = NewNode(false);
  ChangeNames({{open_.at(directory).inode, name, inode}});
  return OpenInode(inode, flags);
}

int SimulatedDisk::Close(int file) {
  const MutexLock lock(mutex_);
  const auto descriptor = open_.find(file);
  if (descriptor == open_.end()) return -EBADF;
  const auto node = nodes_.find(descriptor->second.inode);
  if (node != nodes_.end() && node->second.lock == file) node->second.lock = -1;
  open_.erase(descriptor);
  return 0;
}

int SimulatedDisk::Stat(int file, FileStat* stat) {
  const MutexLock lock(mutex_);
  if (const int error = Enter(false); error != 0) return error;
  if (Find(file) == nullptr) return -EBADF;
  FillStat(open_.at(file).inode, stat);
  return 0;
}

int SimulatedDisk::StatAt(int directory, const char* name, FileStat* stat) {
  const MutexLock lock(mutex_);
  if (const int error = Enter(false); error != 0) return error;
  if (FindDirectory(directory) == nullptr) return -EBADF;
  Inode inode = 0;
  const int error = Walk(open_.at(directory).inode, name, &inode);
  if (error == 0) FillStat(inode, stat);
  return error;
}

int SimulatedDisk::StatPath(const char* path, FileStat* stat) {
  const MutexLock lock(mutex_);
  if (const int error = Enter(false); error != 0) return error;
  Inode inode = 0;
  const int error = Walk(kRoot, path, &inode);
  if (error == 0) FillStat(inode, stat);
  return error;
}

ssize_t SimulatedDisk::ReadOpen(int file, std::span<std::byte> destination, int64_t offset) {
  const Node* const node = Find(file);
  if (node == nullptr) return -EBADF;
  if (node->directory) return -EISDIR;
  const std::string& bytes = node->now.bytes;
  const size_t at = std::min(static_cast<size_t>(offset), bytes.size());
  const size_t size = std::min(destination.size(), bytes.size() - at);
  if (size > 0) std::memcpy(destination.data(), bytes.data() + at, size);
  return static_cast<ssize_t>(size);
}

ssize_t SimulatedDisk::ReadAt(int file, std::span<std::byte> destination, int64_t offset) {
  const MutexLock lock(mutex_);
  const int error = Enter(false);
  return error != 0 ? error : ReadOpen(file, destination, offset);
}

ssize_t SimulatedDisk::ReadPiecesAt(int file, std::span<const iovec> pieces, int64_t offset) {
  const MutexLock lock(mutex_);
  if (const int error = Enter(false); error != 0) return error;
  ssize_t all = 0;
  for (const iovec& piece : pieces.first(std::min<size_t>(pieces.size(), IOV_MAX))) {
    const ssize_t got =
        ReadOpen(file, {static_cast<std::byte*>(piece.iov_base), piece.iov_len}, offset + all);
    if (got < 0) return got;
    all += got;
    if (static_cast<size_t>(got) < piece.iov_len) break;
  }
  return all;
}

DIR* SimulatedDisk::OpenListing(int directory, int* error) {
  const MutexLock lock(mutex_);
  *error = Enter(false);
  const Node* const node = *error == 0 ? FindDirectory(directory) : nullptr;
  if (*error == 0 && node == nullptr) *error = -ENOTDIR;
  if (*error == 0 && !node->linked) *error = -ENOENT;
  if (*error != 0) return nullptr;
  auto listing = std::make_unique<Listing>();
  listing->names = {".", ".."};
  for (const auto& [name, inode] : node->entries) listing->names.push_back(name);
  return reinterpret_cast<DIR*>(listing.release());
}

int SimulatedDisk::NextEntry(DIR* raw, const dirent** entry) {
  const MutexLock lock(mutex_);
  if (const int error = Enter(false); error != 0) return error;
  auto& listing = *reinterpret_cast<Listing*>(raw);
  if (listing.next == listing.names.size()) return 0;
  const std::string& name = listing.names[listing.next++];
  std::memcpy(listing.entry.d_name, name.c_str(), name.size() + 1);
  *entry = &listing.entry;
  return 1;
}

void SimulatedDisk::CloseListing(DIR* listing) { delete reinterpret_cast<Listing*>(listing); }

ssize_t SimulatedDisk::Write(int file, std::span<const iovec> pieces) {
  const MutexLock lock(mutex_);
  if (const int error = Enter(true); error != 0) return error;
  Node* const node = Find(file);
  if (node == nullptr || !open_.at(file).writable) return -EBADF;
  Descriptor& descriptor = open_.at(file);
  const auto aligned = [](uint64_t number) { return number % kDirectAlignment == 0; };
  if (descriptor.direct && !aligned(static_cast<uint64_t>(descriptor.position))) return -EINVAL;
  DataChange change;
  for (const iovec& piece : pieces.first(std::min<size_t>(pieces.size(), IOV_MAX))) {
    if (descriptor.direct &&
        (!aligned(reinterpret_cast<uintptr_t>(piece.iov_base)) || !aligned(piece.iov_len))) {
      return -EINVAL;
    }
    change.bytes.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
  }
  change.at = descriptor.position;
  const auto size = static_cast<ssize_t>(change.bytes.size());
  descriptor.position += size;
  if (size > 0) ChangeData(*node, std::move(change));
  return size;
}

int SimulatedDisk::Truncate(int file, int64_t size) {
  const MutexLock lock(mutex_);
  if (const int error = Enter(true); error != 0) return error;
  Node* const node = Find(file);
  if (node == nullptr || !open_.at(file).writable || size < 0) return -EINVAL;
  ChangeData(*node, {DataChange::Kind::kResize, size, "", Sureness::kDirty});
  return 0;
}

int SimulatedDisk::Preallocate(int file, int64_t, int64_t) {
  const MutexLock lock(mutex_);
  if (const int error = Enter(true); error != 0) return error;
  return Find(file) == nullptr || !open_.at(file).writable ? -EBADF : 0;
}

int SimulatedDisk::SetDirect(int file, bool direct) {
  const MutexLock lock(mutex_);
  if (const int error = Enter(false); error != 0) return error;
  if (Find(file) == nullptr) return -EBADF;
  open_.at(file).direct = direct;
  return 0;
}

int SimulatedDisk::SetMtime(int file, int64_t mtime_ns) {
  const MutexLock lock(mutex_);
  if (const int error = Enter(true); error != 0) return error;
  Node* const node = Find(file);
  if (node == nullptr) return -EBADF;
  ChangeData(*node, {DataChange::Kind::kMtime, mtime_ns, "", Sureness::kDirty});
  return 0;
}

int SimulatedDisk::MakeDirectoryIn(Inode parent, std::string_view name) {
  const Node& node = nodes_.at(parent);
  if (!node.directory) return -ENOTDIR;
  Inode existing = 0;
  const int error = Walk(parent, name, &existing);
  if (error == 0) return -EEXIST;
  if (error != -ENOENT || !node.linked) return error;
  ChangeNames({{parent, std::string(name), NewNode(true)}});
  return 0;
}

int SimulatedDisk::MakeDirectory(int directory, const char* name, mode_t) {
  const MutexLock lock(mutex_);
  if (const int error = Enter(true); error != 0) return error;
  if (FindDirectory(directory) == nullptr) return -EBADF;
  return MakeDirectoryIn(open_.at(directory).inode, name);
}

int SimulatedDisk::MakeDirectory(const char* path, mode_t) {
  const MutexLock lock(mutex_);
  if (const int error = Enter(true); error != 0) return error;
  const std::string_view all(path);
  const size_t slash = all.rfind('/');
  Inode parent = 0;
  const int error = Walk(kRoot, all.substr(0, slash), &parent);
  return error != 0 ? error : MakeDirectoryIn(parent, all.substr(slash + 1));
}

int SimulatedDisk::Remove(int directory, const char* name) {
  const MutexLock lock(mutex_);
  if (const int error = Enter(true); error != 0) return error;
  if (FindDirectory(directory) == nullptr) return -EBADF;
  const Inode parent = open_.at(directory).inode;
  Inode inode = 0;
  if (const int error = Walk(parent, name, &inode); error != 0) return error;
  if (nodes_.at(inode).directory) return -EISDIR;
  ChangeNames({{parent, name, 0}});
  return 0;
}

int SimulatedDisk::RemoveDirectory(int directory, const char* name) {
  const MutexLock lock(mutex_);
  if (const int error = Enter(true); error != 0) return error;
  if (FindDirectory(directory) == nullptr) return -EBADF;
  const Inode parent = open_.at(directory).inode;
  Inode inode = 0;
  if (const int error = Walk(parent, name, &inode); error != 0) return error;
  Node& node = nodes_.at(inode);
  if (!node.directory) return -ENOTDIR;
  if (!node.entries.empty()) return -ENOTEMPTY;
  node.linked = false;
  ChangeNames({{parent, name, 0}});
  return 0;
}

bool SimulatedDisk::IsBelow(Inode inode, Inode above) {
  if (inode == above) return true;
  for (const auto& [name, entry] : nodes_.at(above).entries) {
    if (IsBelow(inode, entry)) return true;
  }
  return false;
}

int SimulatedDisk::Move(int from_directory, std::string_view from, int to_directory,
                        std::string_view to, bool replace) {
  if (const int error = Enter(true); error != 0) return error;
  if (FindDirectory(from_directory) == nullptr || FindDirectory(to_directory) == nullptr) {
    return -EBADF;
  }
  const Inode old_parent = open_.at(from_directory).inode;
  const Inode new_parent = open_.at(to_directory).inode;
  Inode moved = 0;
  if (const int error = Walk(old_parent, from, &moved); error != 0) return error;
  Inode target = 0;
  const int found = Walk(new_parent, to, &target);
  if (found != 0 && (found != -ENOENT || !nodes_.at(new_parent).linked)) return found;
  if (found == 0 && !replace) return -EEXIST;
  const bool directory = nodes_.at(moved).directory;
  if (directory && IsBelow(new_parent, moved)) return -EINVAL;
  if (found == 0) {
    if (IsBelow(old_parent, target)) return -ENOTEMPTY;
    if (target == moved) return 0;
    Node& over = nodes_.at(target);
    if (directory && !over.directory) return -ENOTDIR;
    if (!directory && over.directory) return -EISDIR;
    if (!over.entries.empty()) return -ENOTEMPTY;
    over.linked = false;
  }
  ChangeNames({{old_parent, std::string(from), 0}, {new_parent, std::string(to), moved}});
  return 0;
}

int SimulatedDisk::Rename(int from_directory, const char* from, int to_directory, const char* to) {
  const MutexLock lock(mutex_);
  return Move(from_directory, from, to_directory, to, true);
}

int SimulatedDisk::RenameNew(int from_directory, const char* from, int to_directory,
                             const char* to) {
  const MutexLock lock(mutex_);
  return Move(from_directory, from, to_directory, to, false);
}

int SimulatedDisk::Link(int from_directory, const char* from, int to_directory, const char* to) {
  const MutexLock lock(mutex_);
  if (const int error = Enter(true); error != 0) return error;
  if (FindDirectory(from_directory) == nullptr || FindDirectory(to_directory) == nullptr) {
    return -EBADF;
  }
  const Inode parent = open_.at(to_directory).inode;
  Inode linked = 0;
  if (const int error = Walk(open_.at(from_directory).inode, from, &linked); error != 0) {
    return error;
  }
  Inode existing = 0;
  const int found = Walk(parent, to, &existing);
  if (found == 0) return -EEXIST;
  if (found != -ENOENT || !nodes_.at(parent).linked) return found;
  if (nodes_.at(linked).directory) return -EPERM;
  ChangeNames({{parent, to, linked}});
  return 0;
}

int SimulatedDisk::RenameDirectory(int from_directory, const char* from, int to_directory,
                                   const char* to) {
  const MutexLock lock(mutex_);
  return Move(from_directory, from, to_directory, to, false);
}

int SimulatedDisk::Sync(int file) {
  const MutexLock lock(mutex_);
  const int error = Enter(true);
  Node* const node = off_ ? nullptr : Find(file);
  if (node == nullptr) return error != 0 ? error : -EBADF;
  const Inode inode = open_.at(file).inode;
  for (DataChange& change : node->changes) {
    if (change.sureness != Sureness::kDirty) continue;
    change.sureness = error == 0 ? Sureness::kSynced : Sureness::kDoomed;
  }
  size_t settled = 0;
  while (settled < node->changes.size() && node->changes[settled].sureness == Sureness::kSynced) {
    Apply(node->changes[settled++], &node->sure);
  }
  node->changes.erase(node->changes.begin(),
                      node->changes.begin() + static_cast<ptrdiff_t>(settled));
  for (NameChange& change : names_) {
    if (std::erase(change.unsynced, inode) > 0 && error != 0) change.doomed = true;
  }
  SettleNames();
  return error;
}

int SimulatedDisk::Flush(int file) {
  const MutexLock lock(mutex_);
  if (const int error = Enter(false); error != 0) return error;
  return Find(file) == nullptr ? -EBADF : 0;
}

void SimulatedDisk::StartWriteback(int, int64_t, int64_t) {}

int SimulatedDisk::TryLock(int file) {
  const MutexLock lock(mutex_);
  if (const int error = Enter(false); error != 0) return error;
  Node* const node = Find(file);
  if (node == nullptr) return -EBADF;
  if (node->lock >= 0 && node->lock != file) return -EAGAIN;
  node->lock = file;
  return 0;
}

int64_t SimulatedDisk::NowNs() {
  const MutexLock lock(mutex_);
  return now_ns_ += 1000;
}

}  // namespace coffer::inline v0
