// A coffer process among others that write the same key, or the same shards of an array.
//
//     mixed_writers_tool key STORE SLOT ROUNDS              adds 1 to a slot of a key
//     mixed_writers_tool value STORE SIZE                   writes one value, of the letter A
//     mixed_writers_tool array URL WRITER WRITERS ROUNDS    writes its rows (every WRITERS-th)
//
// The value of the key is numbers with spaces between. Of an array each row has one writer, who
// finds in it what he wrote last; anything else is a lost write, and exit status 1.
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include "coffer/array/array.h"
#include "coffer/kvstore/kvstore.h"

namespace coffer {
namespace {

int WriteKey(const std::string& spec, size_t slot, int rounds) {
  const KvStorePtr store = OpenKvStore(spec).OrDie();
  for (int round = 0; round < rounds;) {
    const ReadResult read = store->Read("d/slots").Get().OrDie();
    std::istringstream text{std::string(read.value.text())};
    std::vector<int64_t> slots;
    for (int64_t each = 0; text >> each;) slots.push_back(each);
    if (slots.at(slot) != round) {
      std::fprintf(stderr, "slot %zu holds %lld, not %d\n", slot,
                   static_cast<long long>(slots[slot]), round);
      return 1;
    }
    ++slots[slot];
    std::string next;
    for (const int64_t each : slots) next += std::to_string(each) + " ";
    const WriteResult written =
        store->Write("d/slots", Bytes::Copy(next), {.if_equal = read.generation}).Get().OrDie();
    if (written.state == WriteResult::State::kWritten) ++round;
  }
  return 0;
}

int WriteOne(const std::string& spec, size_t size) {
  const KvStorePtr store = OpenKvStore(spec).OrDie();
  store->Write("d/value", Bytes::Copy(std::string(size, 'A'))).Get().OrDie();
  return 0;
}

/// Reads one row and compares all its elements.
bool RowHolds(const Array& array, const Box& row, std::vector<uint32_t>& memory, uint32_t value) {
  array.Read(row, Ref(memory.data(), row.shape)).OrDie();
  for (const uint32_t each : memory) {
    if (each != value) {
      std::fprintf(stderr, "row %lld holds %u, not %u\n", static_cast<long long>(row.origin[0]),
                   each, value);
      return false;
    }
  }
  return true;
}

int WriteArray(const std::string& url, int64_t writer, int64_t writers, uint32_t rounds) {
  const Array array = Array::Open(url).OrDie();
  const int64_t rows = array.shape()[0];
  const int64_t columns = array.shape()[1];
  std::vector<uint32_t> memory(static_cast<size_t>(columns));
  for (uint32_t round = 0; round < rounds; ++round) {
    for (int64_t i = writer; i < rows; i += writers) {
      const Box row = Box::FromSize({i, 0}, {1, columns});
      if (!RowHolds(array, row, memory, round)) return 1;
      memory.assign(memory.size(), round + 1);
      for (;;) {
        const Status status = array.Write(row, Ref(memory.data(), row.shape));
        if (status.ok()) break;
        if (status.code() == StatusCode::kAborted) continue;  // Too many others: told, not lost.
        std::fprintf(stderr, "%s\n", status.ToString().c_str());
        return 1;
      }
    }
  }
  return 0;
}

}  // namespace
}  // namespace coffer

int main(int argc, char** argv) {
  const std::string work = argc > 1 ? argv[1] : "";
  if (work == "key" && argc == 5) {
    return coffer::WriteKey(argv[2], std::strtoul(argv[3], nullptr, 10), std::atoi(argv[4]));
  }
  if (work == "value" && argc == 4) {
    return coffer::WriteOne(argv[2], std::strtoul(argv[3], nullptr, 10));
  }
  if (work == "array" && argc == 6) {
    return coffer::WriteArray(argv[2], std::atoll(argv[3]), std::atoll(argv[4]),
                              static_cast<uint32_t>(std::atoi(argv[5])));
  }
  std::fprintf(stderr, "usage: mixed_writers_tool key|value|array ...\n");
  return 2;
}
