// A coffer process among others that write the same key, or the same shards of an array.
//
//     mixed_writers_tool key STORE SLOT ROUNDS              adds 1 to a slot of a key
//     mixed_writers_tool value STORE SIZE                   writes one value, of the letter A
//     mixed_writers_tool array URL WRITER WRITERS ROUNDS    writes its rows (every WRITERS-th)
//     mixed_writers_tool parts URL WRITER WRITERS ROUNDS OUT SEED
//                                                           writes random parts of its rows
//
// The value of the key is numbers with spaces between. Of an array each row has one writer, who
// finds in it what he wrote last; anything else is a lost write, and exit status 1. "parts" writes
// runs of a row, or all its rows, or every third element of these, in one call each, and ends with
// the raw elements that must be there (of others' rows 0) in the file OUT.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
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

/// Writes until it is done or failed for good: too many others are told, not lost.
template <class Where>
Status WriteAgain(const Array& array, const Where& where, const ConstView& source) {
  for (;;) {
    Status status = array.Write(where, source);
    if (status.code() != StatusCode::kAborted) return status;
  }
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
      const Status status = WriteAgain(array, row, Ref(memory.data(), row.shape));
      if (status.ok()) continue;
      std::fprintf(stderr, "%s\n", status.ToString().c_str());
      return 1;
    }
  }
  return 0;
}

class Parts {
 public:
  Parts(const Array& array, int64_t writer, int64_t writers, uint64_t seed)
      : array_(array),
        writer_(writer),
        writers_(writers),
        rows_(array.shape()[0]),
        columns_(array.shape()[1]),
        random_(seed),
        acknowledged_(static_cast<size_t>(rows_ * columns_)) {}

  Status Round(uint32_t value) {
    const int64_t row = writer_ + Below((rows_ - writer_ + writers_ - 1) / writers_) * writers_;
    const int64_t column = Below(columns_);
    const int64_t step = Below(2) == 0 ? 1 : 3;
    Selection rows{.dim = 0, .begin = row, .end = row + 1};
    Selection columns{.dim = 1, .begin = column, .end = column + 1 + Below(columns_ - column)};
    if (Below(3) == 0) rows = {.dim = 0, .begin = row, .step = writers_};
    if (Below(3) == 0) columns = {.dim = 1, .begin = column, .step = step};
    const Selection selections[] = {rows, columns};
    COFFER_ASSIGN_OR_RETURN(const IndexTransform transform,
                            IndexTransform::FromSelections(array_.shape(), selections));
    const Shape shape = transform.view_shape();
    std::vector<uint32_t> memory(static_cast<size_t>(*NumElements(shape)));
    COFFER_RETURN_IF_ERROR(array_.Read(transform, Ref(memory.data(), shape)));
    for (size_t k = 0; k < memory.size(); ++k) {
      const int64_t i = row + static_cast<int64_t>(k) / shape[1] * writers_;
      const int64_t j = column + static_cast<int64_t>(k) % shape[1] * columns.step;
      uint32_t& last = acknowledged_[static_cast<size_t>(i * columns_ + j)];
      if (memory[k] != last) {
        return InternalError("lost: (" + std::to_string(i) + ", " + std::to_string(j) + ") holds " +
                             std::to_string(memory[k]) + ", not " + std::to_string(last));
      }
      last = value;
    }
    memory.assign(memory.size(), value);
    return WriteAgain(array_, transform, Ref(memory.data(), shape));
  }
  const std::vector<uint32_t>& acknowledged() const { return acknowledged_; }

 private:
  int64_t Below(int64_t bound) {
    return std::uniform_int_distribution<int64_t>(0, bound - 1)(random_);
  }

  const Array& array_;
  const int64_t writer_;
  const int64_t writers_;
  const int64_t rows_;
  const int64_t columns_;
  std::mt19937_64 random_;
  std::vector<uint32_t> acknowledged_;
};

int WriteParts(const std::string& url, int64_t writer, int64_t writers, uint32_t rounds,
               const std::string& out, uint64_t seed) {
  const Array array = Array::Open(url).OrDie();
  Parts parts(array, writer, writers, seed);
  for (uint32_t round = 0; round < rounds; ++round) {
    const Status status = parts.Round(round + 1);
    if (status.ok()) continue;
    std::fprintf(stderr, "%s\n", status.ToString().c_str());
    return 1;
  }
  std::ofstream file(out, std::ios::binary);
  file.write(reinterpret_cast<const char*>(parts.acknowledged().data()),
             static_cast<std::streamsize>(parts.acknowledged().size() * sizeof(uint32_t)));
  return file.good() ? 0 : 1;
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
  if (work == "parts" && argc == 8) {
    return coffer::WriteParts(argv[2], std::atoll(argv[3]), std::atoll(argv[4]),
                              static_cast<uint32_t>(std::atoi(argv[5])), argv[6],
                              std::strtoull(argv[7], nullptr, 10));
  }
  std::fprintf(stderr, "usage: mixed_writers_tool key|value|array|parts ...\n");
  return 2;
}
