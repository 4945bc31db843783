// A user's program: nothing but installed headers and the installed library. Makes a sharded array
// in the folder that it is given, reads a part of it back, and reports what it could not do.
#include <coffer/base/version.h>
#include <coffer/coffer.h>

#include <cstdint>
#include <iostream>
#include <numeric>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  if (argc != 2 || coffer::Version() != coffer::kVersion) return 2;
  const std::string place = "file://" + std::string(argv[1]);
  std::vector<uint16_t> numbers(64 * 64);
  std::iota(numbers.begin(), numbers.end(), uint16_t{0});
  coffer::Array array = coffer::Array::Create(place, {.shape = {64, 64},
                                                      .data_type = coffer::DataType::kUint16,
                                                      .chunk_shape = {8, 8},
                                                      .shard_shape = {32, 32},
                                                      .codec = coffer::Zstd(1)})
                            .OrThrow();
  array.Write(coffer::Box::FromSize({0, 0}, {64, 64}), coffer::Ref(numbers.data(), {64, 64}))
      .OrThrow();
  coffer::NdArray<uint16_t> row =
      coffer::Array::Open(place).OrThrow().Read<uint16_t>({{.dim = 0, .at = 40}}).OrThrow();
  for (int i = 0; i < 64; ++i) {
    if (row.data()[i] != 40 * 64 + i) return 1;
  }
  if (coffer::Array::Open(place + "/absent").ok()) return 1;
  std::cout << "coffer " << coffer::Version() << ": wrote and read " << array.url() << "\n";
  return 0;
}
