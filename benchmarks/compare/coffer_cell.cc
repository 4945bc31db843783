// The coffer side of benchmarks/compare: one process that holds a volume and does what it is told.
//
// Reads commands from standard input, one a line, and answers each with one line:
//   volume PATH                          load the raw 512^3 uint16 volume; "ok"
//   write LAYOUT CODEC CHECKSUM DIR      create and write all, durably; seconds
//   read DIR                             open and read all into new memory; seconds
//   check                                whether the last read equals the volume; "ok" or "differs"
//   memcpy-warm | memcpy-fresh           copy the volume; seconds
//   page-cache PATH                      pread the volume's file into new memory; seconds
//   fsync DIR FILES                      write the volume as FILES files, each fsynced; seconds
// LAYOUT: plain (128^3) or sharded (256^3 of 32^3). CODEC: none, zstd, blosc. CHECKSUM: 0, 1.
// Time is taken here, around the work alone.
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "coffer/array/array.h"
#include "coffer/array/group.h"

namespace {

constexpr int64_t kSide = 512;
constexpr size_t kBytes = static_cast<size_t>(kSide * kSide * kSide) * 2;

class Cell {
 public:
  std::string Run(const std::string& line) {
    std::istringstream words(line);
    std::string verb;
    words >> verb;
    if (verb == "volume") return Load(words);
    if (verb == "write") return Write(words);
    if (verb == "read") return Read(words);
    if (verb == "check") return Check();
    if (verb == "memcpy-warm") return MemcpyWarm();
    if (verb == "memcpy-fresh") return MemcpyFresh();
    if (verb == "page-cache") return PageCache(words);
    if (verb == "fsync") return Fsync(words);
    return "unknown command";
  }

 private:
  template <class Work>
  static std::string Timed(const Work& work) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    return std::to_string(seconds.count());
  }

  static coffer::OwnedArray NewMemory() {
    return coffer::OwnedArray::Allocate(coffer::DataType::kUint16, {kSide, kSide, kSide}).OrThrow();
  }

  /// Reads a file of kBytes, each half by one thread.
  static void ReadFile(const std::string& path, std::byte* target) {
    auto part = [&](size_t begin, size_t end) {
      const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
      while (begin < end) {
        const size_t piece = std::min<size_t>(end - begin, 4 << 20);
        const ssize_t got = pread(file, target + begin, piece, static_cast<off_t>(begin));
        if (got <= 0) throw std::runtime_error("cannot read " + path);
        begin += static_cast<size_t>(got);
      }
      close(file);
    };
    std::thread other([&] { part(kBytes / 2, kBytes); });
    part(0, kBytes / 2);
    other.join();
  }

  std::string Load(std::istream& words) {
    std::string path;
    words >> path;
    volume_ = NewMemory();
    ReadFile(path, volume_.bytes().data());
    return "ok";
  }

  std::string Write(std::istream& words) {
    std::string layout, codec, directory;
    bool checksum = true;
    words >> layout >> codec >> checksum >> directory;
    coffer::CreateOptions options{.shape = {kSide, kSide, kSide},
                                  .data_type = coffer::DataType::kUint16,
                                  .chunk_shape = {128, 128, 128}};
    if (layout == "sharded") {
      options.chunk_shape = {32, 32, 32};
      options.shard_shape = {256, 256, 256};
    }
    options.codec = codec == "zstd"    ? coffer::Zstd(1)
                    : codec == "blosc" ? coffer::Blosc("lz4", 5, "shuffle")
                                       : coffer::Uncompressed();
    options.format.checksum = checksum;
    return Timed([&] {
      const coffer::Array array = coffer::Array::Create(directory, options).OrThrow();
      array.Write(coffer::Box::Full(array.shape()), volume_.view()).OrThrow();
    });
  }

  std::string Read(std::istream& words) {
    std::string directory;
    words >> directory;
    result_ = coffer::OwnedArray();
    return Timed([&] {
      const coffer::Array array = coffer::Array::Open(directory).OrThrow();
      result_ = array.ReadOwned(coffer::IndexTransform::Identity(array.shape())).OrThrow();
    });
  }

  std::string Check() const {
    return std::memcmp(volume_.bytes().data(), result_.bytes().data(), kBytes) == 0 ? "ok"
                                                                                    : "differs";
  }

  std::string MemcpyWarm() {
    const coffer::OwnedArray target = NewMemory();
    std::memset(target.bytes().data(), 1, kBytes);
    return Timed([&] { CopyByTwo(target); });
  }
  std::string MemcpyFresh() {
    return Timed([&] { CopyByTwo(NewMemory()); });
  }
  void CopyByTwo(const coffer::OwnedArray& target) const {
    const std::byte* from = volume_.bytes().data();
    std::byte* to = target.bytes().data();
    std::thread other([&] { std::memcpy(to + kBytes / 2, from + kBytes / 2, kBytes / 2); });
    std::memcpy(to, from, kBytes / 2);
    other.join();
  }

  static std::string PageCache(std::istream& words) {
    std::string path;
    words >> path;
    return Timed([&] { ReadFile(path, NewMemory().bytes().data()); });
  }

  std::string Fsync(std::istream& words) const {
    std::string directory;
    size_t files = 0;
    words >> directory >> files;
    return Timed([&] {
      std::atomic<size_t> next = 0;
      auto work = [&] {
        for (size_t n = next++; n < files; n = next++) {
          const std::string path = directory + "/" + std::to_string(n);
          const int file = open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
          const size_t size = kBytes / files;
          if (write(file, volume_.bytes().data() + n * size, size) != static_cast<ssize_t>(size) ||
              fsync(file) != 0) {
            throw std::runtime_error("cannot write " + path);
          }
          close(file);
        }
      };
      std::vector<std::thread> threads;
      for (int i = 0; i < 4; ++i) threads.emplace_back(work);
      for (std::thread& thread : threads) thread.join();
    });
  }

  coffer::OwnedArray volume_;
  coffer::OwnedArray result_;
};

}  // namespace

int main() {
  Cell cell;
  std::string line;
  while (std::getline(std::cin, line)) {
    try {
      std::cout << cell.Run(line) << std::endl;
    } catch (const std::exception& error) {
      std::cout << "error: " << error.what() << std::endl;
    }
  }
  return 0;
}
