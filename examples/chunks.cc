// Chunk by chunk: the mean of an array larger than memory, many boxes in one read, and what of the
// array is stored.
//
//     chunks [PLACE]      a path or URL; else ./coffer-chunks, removed at the end
#include <coffer/coffer.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

using coffer::Array, coffer::Box, coffer::ChunkData, coffer::DataType, coffer::Ref;

int main(int argc, char** argv) {
  const std::string place = argc > 1 ? argv[1] : "coffer-chunks";
  // Decoded chunks are kept, up to 64 MiB; the default is to keep none.
  const coffer::Context context = coffer::Context::Create({.chunk_cache_bytes = coffer::MiB(64)});
  Array volume = Array::Create(place, {.shape = {256, 256, 256},
                                       .data_type = DataType::kUint16,
                                       .chunk_shape = {64, 64, 64},
                                       .format = {.delete_existing = true},
                                       .context = context})
                     .OrThrow();
  const std::vector<uint16_t> pixels(128 * 128 * 128, 3);
  volume.Write(Box::FromSize({0, 0, 0}, {128, 128, 128}), Ref(pixels.data(), {128, 128, 128}))
      .OrThrow();

  // Once for each chunk that is stored; several callbacks run at a time.
  std::atomic<int64_t> sum = 0;
  coffer::ForEachChunk(volume, [&](const ChunkData& chunk) {
    const auto* values = reinterpret_cast<const uint16_t*>(chunk.elements.data);
    int64_t part = 0;
    for (int64_t i = 0; i < *coffer::NumElements(chunk.elements.shape); ++i) part += values[i];
    sum += part;
    return coffer::Status();
  }).OrThrow();
  std::cout << "sum " << sum << "\n";

  // Each chunk is fetched and decoded once, however many boxes want a part of it.
  std::vector<uint16_t> a(16 * 16 * 16), b(100);
  coffer::ReadMany(volume, {{Box::FromSize({0, 0, 0}, {16, 16, 16}), Ref(a.data(), {16, 16, 16})},
                            {Box::FromSize({5, 5, 0}, {1, 1, 100}), Ref(b.data(), {1, 1, 100})}})
      .OrThrow();
  std::cout << "box " << a[0] << ", line " << b[99] << "\n";

  // Of 64 chunks 8 are stored; with find_fill, those of nothing but fill values are told apart.
  const coffer::CoverageCounts counts =
      coffer::CountCoverage(volume, {.find_fill = true}).OrThrow();
  std::cout << "present " << counts.write_chunks.present << ", never written "
            << counts.write_chunks.never_written << "\n";

  // An answer of the caches that is at most a minute old will do: nothing is asked of the store.
  const Array again =
      Array::Open(place, {.context = context, .max_staleness = std::chrono::minutes(1)}).OrThrow();
  again
      .Read(Box::FromSize({0, 0, 0}, {16, 16, 16}), Ref(a.data(), {16, 16, 16}),
            {.max_staleness = std::chrono::minutes(1)})
      .OrThrow();
  if (argc < 2) std::filesystem::remove_all(place);
  return 0;
}
