// A chunked, sharded, compressed array on disk that every Zarr v3 reader can open.
//
//     quickstart [PLACE]      a path or URL; else ./coffer-quickstart, removed at the end
#include <coffer/coffer.h>

#include <cstdint>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  using coffer::Array, coffer::Box, coffer::DataType;
  const std::string place = argc > 1 ? argv[1] : "coffer-quickstart";

  // 256 x 256 x 256 voxels in chunks of 64 x 64 x 64, eight of which share one file.
  Array volume = Array::Create(place, {.shape = {256, 256, 256},
                                       .data_type = DataType::kUint16,
                                       .chunk_shape = {64, 64, 64},
                                       .shard_shape = {128, 128, 128},
                                       .codec = coffer::Zstd(3),
                                       .format = {.delete_existing = true}})
                     .OrThrow();

  // Write a box from memory. It is durable when the call returns.
  std::vector<uint16_t> pixels(128 * 128 * 128);
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<uint16_t>(i % 1000);
  volume
      .Write(Box::FromSize({0, 0, 0}, {128, 128, 128}), coffer::Ref(pixels.data(), {128, 128, 128}))
      .OrThrow();

  // Read a slice: only the chunks that it cuts are fetched. What was never written is zero.
  const auto slice = volume.Read<uint16_t>({{.dim = 0, .at = 100}}).OrThrow();
  std::cout << "slice of shape " << slice.shape() << ", at its corner " << slice(0, 0) << "\n";

  // The same without waiting, into memory of one's own.
  std::vector<uint16_t> corner(2 * 2 * 2);
  const coffer::Future<void> reading = volume.ReadAsync(Box::FromSize({126, 126, 126}, {2, 2, 2}),
                                                        coffer::Ref(corner.data(), {2, 2, 2}));
  reading.Get().OrThrow();

  // Errors are values whose text says where and why.
  const auto missing = Array::Open(place + "-missing");
  std::cout << "opening another place gives: " << missing.status() << "\n";

  const bool right = slice(0, 0) == pixels[100 * 128 * 128] && slice(200, 0) == 0 &&
                     corner[0] == pixels[(126 * 128 + 126) * 128 + 126] &&
                     missing.status().code() == coffer::StatusCode::kNotFound;
  if (argc <= 1) std::filesystem::remove_all(place);
  std::cout << (right ? "as expected" : "NOT as expected") << "\n";
  return right ? 0 : 1;
}
