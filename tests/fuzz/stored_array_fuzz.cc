// Goal: whatever lies in a store, opening the array there, reading, verifying and changing it gives
// an error or an answer, in bounded memory, and never anything else; what is written can be read.
// Method: the input is a store: two bytes that count, as many bytes of the document, then chunks:
// a byte that chooses the key, two that count, and as many. The array is opened, verified, read and
// overwritten in part, and read again.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "coffer/array/array.h"
#include "coffer/array/verify.h"
#include "coffer/kvstore/stores.h"

namespace {

constexpr int64_t kBytesMax = 1 << 16;  // Of what is read at once.

void Require(bool condition) {
  if (!condition) std::abort();
}

/// Errors that stored bytes may cause.
void RequireExpected(const coffer::Status& status) {
  using enum coffer::StatusCode;
  const coffer::StatusCode code = status.code();
  Require(code == kOk || code == kDataLoss || code == kInvalidArgument || code == kUnimplemented ||
          code == kNotFound || code == kFailedPrecondition || code == kResourceExhausted);
  if (!status.ok()) Require(status.message().find("memory://") != std::string_view::npos);
}

const coffer::Context& SmallContext() {
  static const auto* const context =
      new coffer::Context(coffer::Context::Create({.threads = 1, .budget_bytes = coffer::MiB(8)}));
  return *context;
}

coffer::KvStorePtr StoreOf(std::string_view input) {
  static constexpr std::string_view kKeys[] = {"a/c/0",   "a/c/1",     "a/c/0/0", "a/c/0/1",
                                               "a/c/1/0", "a/c/0/0/0", "a/c",     "a/c.0.0",
                                               "a/0.0",   "a/0",       "a/x"};
  const coffer::KvStorePtr store = coffer::MakeMemoryStore(SmallContext());
  const auto byte = [&input] {
    const auto first = input.empty() ? uint8_t{0} : static_cast<uint8_t>(input[0]);
    input.remove_prefix(input.empty() ? 0 : 1);
    return first;
  };
  std::string_view key = "a/zarr.json";
  do {
    const size_t low = byte();
    const std::string_view value = input.substr(0, low + 256 * size_t{byte()});
    store->Write(std::string(key), coffer::Bytes::Copy(value)).Get().OrDie();
    input.remove_prefix(value.size());
    key = kKeys[byte() % std::size(kKeys)];
  } while (!input.empty());
  return store;
}

/// A box at the start with few enough elements that its cells can be decoded quickly.
coffer::Box SmallBox(const coffer::Array& array) {
  coffer::Box box = coffer::Box::Full(array.shape());
  for (int64_t& extent : box.shape) extent = std::min<int64_t>(extent, 4);
  return box;
}

void CheckWritten(const coffer::Array& array, const coffer::Box& box) {
  const auto bytes = static_cast<size_t>(*coffer::NumElements(box.shape)) *
                     static_cast<size_t>(array.data_type().size());
  if (bytes == 0 || static_cast<int64_t>(bytes) > kBytesMax) return;
  std::vector<std::byte> source(bytes, std::byte{1});
  const coffer::Status written =
      array.Write(box, coffer::ConstView(source.data(), array.data_type(), box.shape));
  RequireExpected(written);
  if (!written.ok()) return;
  std::vector<std::byte> read(bytes);
  array.Read(box, coffer::View(read.data(), array.data_type(), box.shape)).OrDie();
  Require(read == source);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const coffer::KvStorePtr store = StoreOf({reinterpret_cast<const char*>(data), size});
  const auto opened = coffer::Array::Open(store, "a/", {.context = SmallContext()});
  RequireExpected(opened.status());
  if (!opened.ok()) return 0;
  const coffer::Array& array = *opened;
  // A document may say that a chunk has gigabytes, which is legal and slow.
  if (array.largest_task_bytes() > coffer::MiB(4)) return 0;
  const auto counted = array.CountStored();
  RequireExpected(counted.status());
  for (const bool deep : {false, true}) {
    const auto verified = coffer::VerifyArray(array, {.deep = deep});
    RequireExpected(verified.status());
    if (verified.ok()) {
      Require(verified->num_findings >= std::ssize(verified->findings));
      Require(verified->num_unsupported >= std::ssize(verified->unsupported));
    }
  }
  const coffer::Box box = SmallBox(array);
  const auto part = coffer::IndexTransform::FromBox(array.shape(), box).value();
  RequireExpected(array.ReadOwned(part).status());
  CheckWritten(array, box);
  return 0;
}
