#include "tools/formats/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace coffer::inline v0::formats {
namespace {

constexpr int kGzipOnly = 15 + 16;  // The window's logarithm, and zlib's flag for the gzip format.

class Gunzip {
 public:
  explicit Gunzip(std::shared_ptr<const File> file) : file_(std::move(file)), input_(1 << 16) {}
  ~Gunzip() {
    if (ready_) inflateEnd(&stream_);
  }
  Gunzip(const Gunzip&) = delete;
  Gunzip& operator=(const Gunzip&) = delete;

  Status Init() {
    ready_ = inflateInit2(&stream_, kGzipOnly) == Z_OK;
    return ready_ ? Status() : ResourceExhaustedError("zlib cannot allocate its window");
  }

  Result<size_t> Read(std::span<std::byte> out) {
    auto room = static_cast<uInt>(std::min<size_t>(out.size(), size_t{1} << 30));
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = room;
    while (stream_.avail_out == room && !done_) {
      COFFER_RETURN_IF_ERROR(Refill());
      int code = inflate(&stream_, Z_NO_FLUSH);
      if (code == Z_STREAM_END) {
        COFFER_RETURN_IF_ERROR(Refill());
        done_ = stream_.avail_in == 0;
        if (!done_) inflateReset(&stream_);
      } else if (code == Z_BUF_ERROR || (code == Z_OK && stream_.avail_in == 0 &&
                                         at_ == file_->size() && stream_.avail_out == room)) {
        return DataLossError(file_->path() + ": the gzip stream ends too early");
      } else if (code != Z_OK) {
        return DataLossError(file_->path() + ": damaged gzip stream" +
                             (stream_.msg != nullptr ? std::string(": ") + stream_.msg : ""));
      }
    }
    return room - stream_.avail_out;
  }

 private:
  Status Refill() {
    if (stream_.avail_in > 0 || at_ == file_->size()) return Status();
    auto n = static_cast<size_t>(std::min<int64_t>(std::ssize(input_), file_->size() - at_));
    COFFER_RETURN_IF_ERROR(file_->ReadAt(at_, std::span(input_).first(n)));
    at_ += static_cast<int64_t>(n);
    stream_.next_in = reinterpret_cast<Bytef*>(input_.data());
    stream_.avail_in = static_cast<uInt>(n);
    return Status();
  }

  std::shared_ptr<const File> file_;
  std::vector<std::byte> input_;
  int64_t at_ = 0;
  z_stream stream_ = {};
  bool ready_ = false;
  bool done_ = false;
};

}  // namespace

Result<ByteReader> OpenGzip(std::shared_ptr<const File> file) {
  auto gunzip = std::make_shared<Gunzip>(std::move(file));
  COFFER_RETURN_IF_ERROR(gunzip->Init());
  return ByteReader([gunzip](std::span<std::byte> out) { return gunzip->Read(out); });
}

}  // namespace coffer::inline v0::formats
