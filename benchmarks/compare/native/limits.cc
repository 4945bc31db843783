// What this machine can do at most: the parts that every array engine is made of, each alone.
//
//     bench_limits THREADS REPETITIONS COMMAND ARGUMENTS...
//
// Prints the seconds of each repetition, the first included. Commands:
//   copy warm|fresh|huge BYTES               memcpy; fresh: new 4 KiB pages, huge: new huge pages
//   strided new|warm DTYPE_BYTES SHAPE CHUNK chunks into their places in a new array of huge pages,
//                                            or each into the same memory
//   pread FOLDER PIECE                       all files of FOLDER, so many bytes at a time, each
//                                            piece into the same memory
//   write sync|nosync FOLDER FILES BYTES     as many files of so many bytes; sync: fsync each, and
//                                            write-back begins after each 256 KiB
//   codec encode|decode CODEC DTYPE_BYTES SHAPE CHUNK SOURCE
//                                            chunks of a raw array, each by itself, at most 64 MiB;
//                                            large ones in pieces if that is faster;
//                                            prints seconds scaled to the whole array
//   small_write sync|nosync FOLDER COUNT     a directory with a file of 1 KiB and one of 2 KiB in a
//                                            directory below it, each; sync: fsync all of that
//   small_read FOLDER COUNT                  such files, opened and read
//   list FOLDER                              the names in a directory
// SHAPE and CHUNK are numbers joined by commas.
#include <blosc.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

namespace fs = std::filesystem;
using Dims = std::vector<size_t>;

constexpr size_t kHuge = size_t{2} << 20;
constexpr size_t kPiece = size_t{4} << 20;
constexpr size_t kEarly = size_t{256} << 10;  // Sent to the disk before all is written.
constexpr size_t kCodecBytes = size_t{64} << 20;
constexpr size_t kWritten = size_t{128} << 20;

int threads = 1;
int repetitions = 1;

void Check(bool ok, const std::string& what) {
  if (!ok) throw std::runtime_error(what + ": " + std::strerror(errno));
}

/// Memory straight from the kernel, on huge pages or not.
class Memory {
 public:
  Memory(size_t size, bool huge) : size_(size + kHuge) {
    base_ = static_cast<char*>(
        mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    Check(base_ != MAP_FAILED, "mmap");
    data_ = base_ + (kHuge - reinterpret_cast<uintptr_t>(base_) % kHuge) % kHuge;
    madvise(base_, size_, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  }
  ~Memory() { munmap(base_, size_); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  char* data() const { return data_; }

 private:
  size_t size_;
  char* base_;
  char* data_;
};

/// Runs `work(i, thread)` for all i < count on the threads.
void InParallel(size_t count, const std::function<void(size_t, size_t)>& work) {
  std::atomic<size_t> next = 0;
  auto run = [&](size_t thread) {
    for (size_t i = next++; i < count; i = next++) work(i, thread);
  };
  std::vector<std::thread> pool;
  for (size_t t = 1; t < static_cast<size_t>(threads); ++t) pool.emplace_back(run, t);
  run(0);
  for (std::thread& thread : pool) thread.join();
}

/// Prints what `work` takes, times `scale`; `prepare` is off the clock.
void Time(
    const std::function<void()>& work, double scale = 1,
    const std::function<void()>& prepare = [] {}) {
  for (int r = 0; r < repetitions; ++r) {
    prepare();
    const auto begin = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
    std::cout << wall.count() * scale << '\n';
  }
}

Dims ParseDims(const std::string& text) {
  Dims dims;
  std::istringstream words(text);
  for (std::string word; std::getline(words, word, ',');) dims.push_back(std::stoul(word));
  return dims;
}

size_t Product(const Dims& dims) {
  size_t product = 1;
  for (const size_t n : dims) product *= n;
  return product;
}

void Copy(const std::string& kind, size_t bytes) {
  const Memory source(bytes, true);
  std::memset(source.data(), 1, bytes);
  std::unique_ptr<Memory> target;
  const size_t pieces = (bytes + kPiece - 1) / kPiece;
  const auto copy = [&] {
    if (kind != "warm") target = std::make_unique<Memory>(bytes, kind == "huge");
    InParallel(pieces, [&](size_t i, size_t) {
      const size_t at = i * kPiece;
      std::memcpy(target->data() + at, source.data() + at, std::min(kPiece, bytes - at));
    });
  };
  if (kind == "warm") {
    target = std::make_unique<Memory>(bytes, true);
    std::memset(target->data(), 1, bytes);
  }
  Time(copy, 1, [&] {
    if (kind != "warm") target.reset();
  });
}

/// The chunks of a grid over a C-order array: copies between a chunk's place and a packed buffer.
class Chunks {
 public:
  Chunks(const Dims& shape, const Dims& chunk, size_t element)
      : shape_(shape), chunk_(chunk), element_(element) {
    for (size_t d = 0; d < shape.size(); ++d) grid_.push_back((shape[d] + chunk[d] - 1) / chunk[d]);
  }
  size_t count() const { return Product(grid_); }
  size_t bytes() const { return Product(chunk_) * element_; }

  /// Calls `row(place, packed, bytes)` for each row of a chunk, as far as it lies in the array.
  template <class Row>
  void ForEachRow(size_t number, const Row& row) const {
    const size_t last = shape_.size() - 1;
    Dims stride(shape_.size(), element_), extent(shape_.size());
    for (size_t d = last; d-- > 0;) stride[d] = stride[d + 1] * shape_[d + 1];
    size_t place = 0;
    for (size_t d = shape_.size(); d-- > 0; number /= grid_[d]) {
      const size_t origin = number % grid_[d] * chunk_[d];
      extent[d] = std::min(chunk_[d], shape_[d] - origin);
      place += origin * stride[d];
    }
    Dims index(last);
    for (size_t packed = 0;;) {
      row(place, packed, extent[last] * element_);
      size_t d = last;
      for (size_t pitch = chunk_[last] * element_; d-- > 0; pitch *= chunk_[d]) {
        place += stride[d];
        packed += pitch;
        if (++index[d] < extent[d]) break;
        place -= stride[d] * extent[d];
        packed -= pitch * extent[d];
        index[d] = 0;
      }
      if (d == static_cast<size_t>(-1)) return;
    }
  }

 private:
  Dims shape_, chunk_, grid_;
  size_t element_;
};

void Strided(const std::string& kind, size_t element, const Dims& shape, const Dims& chunk) {
  const Chunks chunks(shape, chunk, element);
  const std::vector<char> packed(chunks.bytes(), 1);
  if (kind == "warm") {
    std::vector<std::vector<char>> targets(static_cast<size_t>(threads), packed);
    return Time([&] {
      InParallel(chunks.count(), [&](size_t, size_t thread) {
        std::memcpy(targets[thread].data(), packed.data(), packed.size());
      });
    });
  }
  std::unique_ptr<Memory> target;
  Time(
      [&] {
        target = std::make_unique<Memory>(Product(shape) * element, true);
        InParallel(chunks.count(), [&](size_t i, size_t) {
          chunks.ForEachRow(i, [&](size_t place, size_t at, size_t length) {
            std::memcpy(target->data() + place, packed.data() + at, length);
          });
        });
      },
      1, [&] { target.reset(); });
}

/// A part of a file.
struct Piece {
  std::string path;
  size_t offset;
  size_t size;
};

void Read(int file, const Piece& piece, char* target) {
  for (size_t done = 0; done < piece.size;) {
    const ssize_t got =
        pread(file, target + done, piece.size - done, static_cast<off_t>(piece.offset + done));
    Check(got > 0, piece.path);
    done += static_cast<size_t>(got);
  }
}

void ReadFile(const Piece& piece, char* target) {
  const int file = open(piece.path.c_str(), O_RDONLY | O_CLOEXEC);
  Check(file >= 0, piece.path);
  Read(file, piece, target);
  close(file);
}

void Pread(const std::string& folder, size_t piece_bytes) {
  struct Reader {
    std::string path;  // Of the file that it has open.
    int file = -1;
    std::vector<char> buffer;
  };
  std::vector<Piece> pieces;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    for (size_t size = entry.file_size(), offset = 0; offset < size; offset += piece_bytes) {
      pieces.push_back({entry.path(), offset, std::min(piece_bytes, size - offset)});
    }
  }
  std::vector<Reader> readers(static_cast<size_t>(threads));
  for (Reader& reader : readers) reader.buffer.resize(piece_bytes);
  Time([&] {
    InParallel(pieces.size(), [&](size_t i, size_t thread) {
      Reader& reader = readers[thread];
      if (reader.path != pieces[i].path) {
        if (reader.file >= 0) close(reader.file);
        reader.path = pieces[i].path;
        reader.file = open(reader.path.c_str(), O_RDONLY | O_CLOEXEC);
        Check(reader.file >= 0, reader.path);
      }
      Read(reader.file, pieces[i], reader.buffer.data());
    });
  });
}

void WriteFile(const std::string& path, const char* data, size_t bytes, bool sync) {
  const int file = open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
  Check(file >= 0, path);
  for (size_t done = 0; done < bytes;) {
    const ssize_t put = write(file, data + done, std::min(kEarly, bytes - done));
    Check(put > 0, path);
    if (sync && bytes > kEarly) {
      Check(sync_file_range(file, static_cast<off_t>(done), put, SYNC_FILE_RANGE_WRITE) == 0, path);
    }
    done += static_cast<size_t>(put);
  }
  if (sync) Check(fsync(file) == 0, path);
  close(file);
}

void SyncFolder(const std::string& path) {
  const int folder = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  Check(folder >= 0 && fsync(folder) == 0, path);
  close(folder);
}

/// An empty folder below this one. What earlier ones hold is removed if it is few files: ext4 looks
/// at every inode that was deleted in the last minutes when it makes a file.
std::string NewFolder(const std::string& below) {
  constexpr ptrdiff_t kRemovedMax = 1000;
  int number = 0;
  fs::create_directories(below);
  for (const fs::directory_entry& old : fs::directory_iterator(below)) {
    ++number;
    const fs::recursive_directory_iterator inside(old);
    if (std::distance(begin(inside), end(inside)) >= kRemovedMax) continue;
    for (const fs::directory_entry& file : fs::directory_iterator(old)) fs::remove_all(file);
  }
  const std::string folder = below + "/" + std::to_string(number);
  fs::create_directory(folder);
  ::sync();
  return folder;
}

void Write(bool sync, const std::string& below, size_t files, size_t bytes) {
  std::string folder;
  const size_t all = std::max(bytes, kWritten);  // More than a cache holds, as an array has.
  const Memory source(all, true);
  for (size_t i = 0; i < all; ++i) source.data()[i] = static_cast<char>(i * i >> 7);
  Time(
      [&] {
        InParallel(files, [&](size_t i, size_t) {
          const char* from = source.data() + i % (all / bytes) * bytes;
          WriteFile(folder + "/" + std::to_string(i), from, bytes, sync);
        });
        if (sync) SyncFolder(folder);
      },
      1, [&] { folder = NewFolder(below); });
}

/// A codec, with what a thread needs for it: made, and its memory touched, before the clock runs.
class Coder {
 public:
  Coder(const std::string& codec, size_t element, size_t bytes)
      : zstd_(codec == "zstd"),
        element_(element),
        buffer_(std::max(ZSTD_compressBound(bytes), bytes + BLOSC_MAX_OVERHEAD), 1) {}

  /// Valid until the next call.
  std::span<const char> Encode(std::span<const char> from) {
    if (zstd_) {
      return Made(ZSTD_compressCCtx(encoder_.get(), buffer_.data(), buffer_.size(), from.data(),
                                    from.size(), 1));
    }
    const int size = blosc_compress_ctx(5, BLOSC_SHUFFLE, element_, from.size(), from.data(),
                                        buffer_.data(), buffer_.size(), "lz4", 0, 1);
    Check(size > 0, "blosc");
    return Made(static_cast<size_t>(size));
  }

  /// As a whole, or (zstd) in pieces, into memory that a cache holds.
  void Decode(std::span<const char> from, size_t bytes, bool in_pieces) {
    if (!zstd_) {
      Check(blosc_decompress_ctx(from.data(), buffer_.data(), bytes, 1) == static_cast<int>(bytes),
            "blosc");
    } else if (!in_pieces) {
      Check(ZSTD_decompressDCtx(decoder_.get(), buffer_.data(), bytes, from.data(), from.size()) ==
                bytes,
            "zstd");
    } else {
      ZSTD_inBuffer in = {from.data(), from.size(), 0};
      for (size_t left = 1; left != 0;) {
        ZSTD_outBuffer out = {buffer_.data(), kDecodedPiece, 0};
        left = ZSTD_decompressStream(decoder_.get(), &out, &in);
        Check(!ZSTD_isError(left), "zstd");
      }
    }
  }

 private:
  static constexpr size_t kDecodedPiece = size_t{128} << 10;

  std::span<const char> Made(size_t size) const { return std::span(buffer_).first(size); }

  bool zstd_;
  size_t element_;
  std::unique_ptr<ZSTD_CCtx, size_t (*)(ZSTD_CCtx*)> encoder_{ZSTD_createCCtx(), ZSTD_freeCCtx};
  std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> decoder_{ZSTD_createDCtx(), ZSTD_freeDCtx};
  std::vector<char> buffer_;
};

bool PiecesAreFaster(Coder& coder, std::span<const char> from, size_t bytes) {
  const auto seconds = [&](bool in_pieces) {
    std::chrono::duration<double> least = std::chrono::hours(1);
    for (int r = 0; r < 3; ++r) {
      const auto begin = std::chrono::steady_clock::now();
      coder.Decode(from, bytes, in_pieces);
      least =
          std::min<std::chrono::duration<double>>(least, std::chrono::steady_clock::now() - begin);
    }
    return least;
  };
  return seconds(true) < seconds(false);
}

void Codec(const std::string& verb, const std::string& codec, const Chunks& chunks, size_t element,
           const std::string& source_path) {
  const size_t count = std::min(chunks.count(), std::max<size_t>(kCodecBytes / chunks.bytes(), 1));
  std::vector<std::vector<char>> packed(count, std::vector<char>(chunks.bytes()));
  std::vector<std::vector<char>> encoded(count);
  std::vector<Coder> coders;
  for (int t = 0; t < threads; ++t) coders.emplace_back(codec, element, chunks.bytes());
  const int file = open(source_path.c_str(), O_RDONLY | O_CLOEXEC);
  Check(file >= 0, source_path);
  for (size_t i = 0; i < count; ++i) {
    chunks.ForEachRow(i * chunks.count() / count, [&](size_t place, size_t at, size_t length) {
      const ssize_t got = pread(file, packed[i].data() + at, length, static_cast<off_t>(place));
      Check(got == static_cast<ssize_t>(length), source_path);
    });
    const std::span<const char> made = coders[0].Encode(packed[i]);
    encoded[i].assign(made.begin(), made.end());
  }
  close(file);
  const bool in_pieces = codec == "zstd" && verb == "decode" && chunks.bytes() > kPiece &&
                         PiecesAreFaster(coders[0], encoded[0], chunks.bytes());
  const double scale = static_cast<double>(chunks.count()) / static_cast<double>(count);
  Time(
      [&] {
        InParallel(count, [&](size_t i, size_t thread) {
          if (verb == "encode") {
            coders[thread].Encode(packed[i]);
          } else {
            coders[thread].Decode(encoded[i], packed[i].size(), in_pieces);
          }
        });
      },
      scale);
}

void WriteSmall(bool sync, const std::string& folder, size_t count) {
  const std::vector<char> data(2048, 'x');
  InParallel(count, [&](size_t i, size_t) {
    const std::string own = folder + "/" + std::to_string(i);
    Check(mkdir(own.c_str(), 0755) == 0 && mkdir((own + "/c").c_str(), 0755) == 0, own);
    WriteFile(own + "/zarr.json", data.data(), 1024, sync);
    WriteFile(own + "/c/0", data.data(), 2048, sync);
    if (sync) {
      SyncFolder(own);
      SyncFolder(own + "/c");
    }
  });
  if (sync) SyncFolder(folder);
}

void SmallWrite(bool sync, const std::string& below, size_t count) {
  std::string folder;
  Time([&] { WriteSmall(sync, folder, count); }, 1, [&] { folder = NewFolder(below); });
}

void SmallRead(const std::string& below, size_t count) {
  const std::string folder = NewFolder(below);
  WriteSmall(false, folder, count);
  Time([&] {
    InParallel(count, [&](size_t i, size_t) {
      char buffer[2048];
      const std::string own = folder + "/" + std::to_string(i);
      ReadFile({own + "/zarr.json", 0, 1024}, buffer);
      ReadFile({own + "/c/0", 0, 2048}, buffer);
    });
  });
}

void List(const std::string& folder) {
  Time([&] {
    size_t names = 0;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
      names += entry.path().native().empty() ? 0 : 1;
    }
    Check(names > 0, folder);
  });
}

void Run(const std::vector<std::string>& words) {
  const std::string& verb = words.at(0);
  auto number = [&](size_t i) { return std::stoul(words.at(i)); };
  if (verb == "copy") return Copy(words.at(1), number(2));
  if (verb == "strided") {
    return Strided(words.at(1), number(2), ParseDims(words.at(3)), ParseDims(words.at(4)));
  }
  if (verb == "pread") return Pread(words.at(1), number(2));
  if (verb == "write") return Write(words.at(1) == "sync", words.at(2), number(3), number(4));
  if (verb == "codec") {
    const Chunks chunks(ParseDims(words.at(4)), ParseDims(words.at(5)), number(3));
    return Codec(words.at(1), words.at(2), chunks, number(3), words.at(6));
  }
  if (verb == "small_write") return SmallWrite(words.at(1) == "sync", words.at(2), number(3));
  if (verb == "small_read") return SmallRead(words.at(1), number(2));
  if (verb == "list") return List(words.at(1));
  throw std::runtime_error("unknown command " + verb);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: bench_limits THREADS REPETITIONS COMMAND ARGUMENTS...\n";
    return 2;
  }
  try {
    threads = std::stoi(argv[1]);
    repetitions = std::stoi(argv[2]);
    Run({argv + 3, argv + argc});
  } catch (const std::exception& error) {
    std::cerr << "bench_limits: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
