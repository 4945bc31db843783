#include "kvstore/file/io.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <thread>

namespace coffer::inline v0 {

namespace {

constexpr size_t kPiecesMax = 1024;  // The kernel's limit of a gather list.
constexpr size_t kCopyBlock = size_t{256} << 10;
constexpr int kRepeatsMax = 1000;  // Of a call that says "come again" and does nothing.

/// Calls again while it is put off. Regular files hardly ever do that; file systems in user space
/// may.
template <class Call>
ssize_t Persist(const Call& call) {
  for (int repeats = 0;; ++repeats) {
    const ssize_t result = call();
    if ((result != -EINTR && result != -EAGAIN) || repeats == kRepeatsMax) return result;
    std::this_thread::yield();
  }
}

/// What is left of a gather list.
class Pieces {
 public:
  explicit Pieces(std::vector<iovec> all) : all_(std::move(all)) { Pass(0); }

  bool empty() const { return next_ == all_.size(); }
  std::span<const iovec> left() const {
    return std::span(all_).subspan(next_, std::min(all_.size() - next_, kPiecesMax));
  }
  void Pass(size_t bytes) {
    while (next_ < all_.size() && bytes >= all_[next_].iov_len) bytes -= all_[next_++].iov_len;
    if (bytes == 0) return;
    all_[next_].iov_base = static_cast<std::byte*>(all_[next_].iov_base) + bytes;
    all_[next_].iov_len -= bytes;
  }

 private:
  std::vector<iovec> all_;
  size_t next_ = 0;
};

}  // namespace

int WriteAll(FileOps& ops, int file, std::span<const Bytes> pieces) {
  std::vector<iovec> all;
  all.reserve(pieces.size());
  for (const Bytes& piece : pieces) {
    all.push_back({const_cast<std::byte*>(piece.data()), piece.size()});
  }
  for (Pieces left(std::move(all)); !left.empty();) {
    const ssize_t wrote = Persist([&] { return ops.Write(file, left.left()); });
    if (wrote < 0) return static_cast<int>(wrote);
    if (wrote == 0) return -EIO;
    left.Pass(static_cast<size_t>(wrote));
  }
  return 0;
}

int CopyAll(FileOps& ops, int from, int64_t size, int to) {
  const auto block = std::make_unique<std::byte[]>(kCopyBlock);
  for (int64_t at = 0; at < size;) {
    const size_t wanted = std::min(kCopyBlock, static_cast<size_t>(size - at));
    const int64_t got = ReadAll(ops, from, {{block.get(), wanted}}, at);
    if (got < 0) return static_cast<int>(got);
    if (static_cast<size_t>(got) < wanted) return -EIO;
    const Bytes piece = Bytes::Unowned({block.get(), wanted});
    if (const int error = WriteAll(ops, to, {&piece, 1}); error != 0) return error;
    at += got;
  }
  return 0;
}

int64_t ReadAll(FileOps& ops, int file, std::vector<iovec> pieces, int64_t offset) {
  int64_t all = 0;
  for (Pieces left(std::move(pieces)); !left.empty();) {
    const std::span<const iovec> now = left.left();
    const ssize_t got = Persist([&] {
      if (now.size() > 1) return ops.ReadPiecesAt(file, now, offset + all);
      return ops.ReadAt(file, {static_cast<std::byte*>(now[0].iov_base), now[0].iov_len},
                        offset + all);
    });
    if (got < 0) return got;
    if (got == 0) break;
    left.Pass(static_cast<size_t>(got));
    all += got;
  }
  return all;
}

}  // namespace coffer::inline v0
