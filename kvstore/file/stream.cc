// A stream, step by step; how its file is published is told in write.cc:
//   1. Pieces are written as they come, and the kernel is asked to write them out early.
//   2. Before a stream passes a mebibyte, and then each time it reaches the end of its room, it
//      asks for more: as much again as it has, at most kRoomMax. What the disk refuses is only a
//      hint.
//   3. With direct_streams pieces gather in an aligned block first; full blocks are written past
//      the page cache. What is left at the end goes through it, since it has no whole pages. A
//      file system that refuses is written to as in 1 from there on.
//   4. Before it is published, room that was not used is given back.
// What was written short must never be published: the first error abandons the stream.
#include "kvstore/file/stream.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "kvstore/file/io.h"
#include "kvstore/file/write.h"
#include "src/base/platform_memory.h"

namespace coffer::inline v0 {

namespace {

constexpr int64_t kWritebackMin = MiB(1);  // Below, the call costs more than it hides.
constexpr int64_t kRoomMin = MiB(1);       // Smaller streams get none.
constexpr int64_t kRoomMax = MiB(64);
constexpr auto kBlock = static_cast<size_t>(kDirectStreamBytes);

/// Memory that whole pages may be written from past the page cache.
class Block {
 public:
  Block() : data_(platform::MapMemory(kBlock)) {}
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  ~Block() {
    if (data_ != nullptr) platform::UnmapMemory(data_, kBlock);
  }

  bool valid() const { return data_ != nullptr; }
  bool full() const { return used_ == kBlock; }
  Bytes used() const { return Bytes::Unowned({data_, used_}); }
  void Clear() { used_ = 0; }
  /// Takes what there is room for; returns the rest.
  std::span<const std::byte> Take(std::span<const std::byte> bytes) {
    const size_t size = std::min(bytes.size(), kBlock - used_);
    std::memcpy(data_ + used_, bytes.data(), size);
    used_ += size;
    return bytes.subspan(size);
  }

 private:
  std::byte* const data_;
  size_t used_ = 0;
};

class FileWriter final : public KvWriter {
 public:
  FileWriter(std::shared_ptr<const FileRoot> root, std::string key, WriteOptions options,
             KeyPlace place, File file, std::string name)
      : root_(std::move(root)),
        key_(std::move(key)),
        options_(std::move(options)),
        place_(std::move(place)),
        file_(std::move(file)),
        name_(std::move(name)) {}

  ~FileWriter() override { Abandon(); }

  Status Append(std::span<const std::byte> bytes) override {
    if (!file_.valid()) return UsedUp();
    if (options_.cancel.cancelled()) return CancelledError(root_->Describe(key_) + ": append");
    if (bytes.empty()) return Status();
    const int error = root_->options().direct_streams ? Gather(bytes) : WriteCached(bytes);
    if (error == 0) return Status();
    Abandon();
    return root_->Error(error, key_, "writing");
  }

  Future<WriteResult> Commit() override {
    if (!file_.valid()) return Future<WriteResult>::Ready(UsedUp());
    if (const int error = Flush(); error != 0) {
      Abandon();
      return Future<WriteResult>::Ready(root_->Error(error, key_, "writing"));
    }
    if (room_ > size_) root_->ops().Truncate(file_.get(), size_);
    return PublishFileStream(root_, key_, options_, std::move(place_), std::exchange(file_, File()),
                             name_);
  }

 private:
  Status UsedUp() const {
    return FailedPreconditionError(root_->Describe(key_) + ": the writer is used up");
  }

  void Abandon() {
    if (!file_.valid()) return;
    root_->RemoveOurs(place_, name_, file_);
    file_ = File();
  }

  void MakeRoom(int64_t end) {
    if (!asks_for_room_ || end <= std::max(room_, kRoomMin)) return;
    const int64_t more = std::max(std::min(size_, kRoomMax), end - size_);
    asks_for_room_ = root_->ops().Preallocate(file_.get(), size_, more) == 0;
    if (asks_for_room_) room_ = size_ + more;
  }

  int Write(const Bytes& bytes) {
    const auto size = static_cast<int64_t>(bytes.size());
    MakeRoom(size_ + size);
    if (const int error = WriteAll(root_->ops(), file_.get(), {&bytes, 1}); error != 0) {
      return error;
    }
    size_ += size;
    return 0;
  }

  int WriteCached(std::span<const std::byte> bytes) {
    if (const int error = Write(Bytes::Unowned(bytes)); error != 0) return error;
    if (root_->options().sync && size_ - started_ >= kWritebackMin) {
      root_->ops().StartWriteback(file_.get(), started_, size_ - started_);
      started_ = size_;
    }
    return 0;
  }

  int Gather(std::span<const std::byte> bytes) {
    if (block_ == nullptr) block_ = std::make_unique<Block>();
    if (!block_->valid()) return -ENOMEM;
    while (!bytes.empty()) {
      bytes = block_->Take(bytes);
      if (!block_->full()) continue;
      if (const int error = WriteBlock(); error != 0) return error;
    }
    return 0;
  }

  int WriteBlock() {
    if (may_be_direct_ && !direct_) {
      may_be_direct_ = direct_ = root_->ops().SetDirect(file_.get(), true) == 0;
    }
    if (!direct_) return Flush();
    const Bytes all = block_->used();
    MakeRoom(size_ + static_cast<int64_t>(all.size()));
    const iovec piece = {const_cast<std::byte*>(all.data()), all.size()};
    const ssize_t wrote = root_->ops().Write(file_.get(), {&piece, 1});
    if (wrote < 0 && wrote != -EINVAL && wrote != -EINTR && wrote != -EAGAIN) {
      return static_cast<int>(wrote);
    }
    may_be_direct_ = wrote != -EINVAL;
    const size_t done = wrote > 0 ? static_cast<size_t>(wrote) : 0;
    size_ += static_cast<int64_t>(done);
    if (done < all.size()) {  // The rest may begin amid a page, which only the page cache takes.
      if (const int error = StopDirect(); error != 0) return error;
      if (const int error = WriteCached(all.span().subspan(done)); error != 0) return error;
    }
    block_->Clear();
    return 0;
  }

  int StopDirect() {
    return std::exchange(direct_, false) ? root_->ops().SetDirect(file_.get(), false) : 0;
  }

  /// Writes what has been gathered, through the page cache.
  int Flush() {
    if (block_ == nullptr) return 0;
    if (const int error = StopDirect(); error != 0) return error;
    const Bytes rest = block_->used();
    const int error = rest.empty() ? 0 : WriteCached(rest.span());
    block_->Clear();
    return error;
  }

  const std::shared_ptr<const FileRoot> root_;
  const std::string key_;
  const WriteOptions options_;
  KeyPlace place_;
  File file_;
  const std::string name_;
  int64_t size_ = 0;
  int64_t started_ = 0;  // Bytes whose write-back was asked for.
  int64_t room_ = 0;     // Bytes that have room on the disk.
  bool asks_for_room_ = true;
  std::unique_ptr<Block> block_;  // What waits to be written past the page cache.
  bool may_be_direct_ = true;
  bool direct_ = false;
};

}  // namespace

std::unique_ptr<KvWriter> MakeFileWriter(std::shared_ptr<const FileRoot> root, std::string key,
                                         WriteOptions options, KeyPlace place, File file,
                                         std::string name) {
  return std::make_unique<FileWriter>(std::move(root), std::move(key), std::move(options),
                                      std::move(place), std::move(file), std::move(name));
}

}  // namespace coffer::inline v0
