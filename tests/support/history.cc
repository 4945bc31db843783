#include "tests/support/history.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstring>
#include <optional>
#include <thread>
#include <utility>

namespace coffer::inline v0::testing {
namespace {

using Kind = RegisterOperation::Kind;
using Outcome = RegisterOperation::Outcome;

constexpr int kClientsMax = 16;

/// A generation in memory that processes share.
struct StoredGeneration {
  size_t size;
  char bytes[240];

  void Set(const Generation& generation) {
    ASSERT_LE(generation.value.size(), sizeof(bytes));
    size = generation.value.size();
    std::memcpy(bytes, generation.value.data(), size);
  }
  Generation Get() const { return {std::string(bytes, size)}; }
};

/// A value is its number and letters: of many lengths, so that a mixture of two is none.
std::string TextOf(uint64_t value) {
  return std::to_string(value) + std::string(value * 7919 % 1500, 'x');
}

/// The number; ~0, which nobody writes, for anything that TextOf does not give.
uint64_t ValueOf(std::string_view text) {
  uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return text == TextOf(value) ? value : ~uint64_t{0};
}

}  // namespace

struct History::Record {
  int key;
  Kind kind;
  Outcome outcome;
  int64_t begin;
  std::atomic<int64_t> end;  // 0: not answered; the last member to be set.
  uint64_t value;
  StoredGeneration if_equal;
  StoredGeneration generation;
};

struct History::Header {
  std::atomic<int64_t> clock;
  std::atomic<int> met;
  std::atomic<int> called[kClientsMax];
};

History::History(int clients, int operations, const std::string& path)
    : clients_(clients), operations_(operations) {
  static_assert(std::atomic<int64_t>::is_always_lock_free);
  size_ = sizeof(Header) +
          static_cast<size_t>(clients) * static_cast<size_t>(operations) * sizeof(Record);
  int file = -1;
  if (!path.empty()) {
    file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    EXPECT_GE(file, 0) << path;
    EXPECT_EQ(ftruncate(file, static_cast<off_t>(size_)), 0);  // Zeros, where nothing was.
  }
  void* const memory = mmap(nullptr, size_, PROT_READ | PROT_WRITE,
                            MAP_SHARED | (file < 0 ? MAP_ANONYMOUS : 0), file, 0);
  if (file >= 0) close(file);
  if (memory == MAP_FAILED) std::abort();
  header_ = static_cast<Header*>(memory);
  records_ = reinterpret_cast<Record*>(header_ + 1);
}

History::~History() { munmap(header_, size_); }

History::Record& History::At(int client, int operation) const {
  return records_[client * operations_ + operation];
}

int64_t History::Tick() const { return header_->clock.fetch_add(1) + 1; }

int History::called(int client) const { return header_->called[client].load(); }

void History::Meet(int clients, int n) const {
  ++header_->met;
  while (header_->met < clients * n) std::this_thread::yield();
}

std::vector<RegisterOperation> History::OfKey(int key) const {
  std::vector<RegisterOperation> found;
  for (int client = 0; client < clients_; ++client) {
    for (int i = 0; i < called(client); ++i) {
      const Record& record = At(client, i);
      if (record.key != key) continue;
      RegisterOperation& operation = found.emplace_back();
      operation = {client, record.kind, Outcome::kUnknown, record.begin};
      operation.value = record.value;
      operation.if_equal = record.if_equal.Get();
      const int64_t end = record.end.load();
      if (end == 0) continue;
      operation.outcome = record.outcome;
      operation.end = end;
      operation.generation = record.generation.Get();
    }
  }
  return found;
}

RegisterClient::RegisterClient(History& history, int client, uint64_t seed, std::string prefix,
                               const Habits& habits)
    : history_(history),
      client_(client),
      prefix_(std::move(prefix)),
      habits_(habits),
      random_(seed * kClientsMax + static_cast<uint64_t>(client)),
      seen_(History::kKeys) {}

void RegisterClient::Choose() {
  now_ = {client_};
  key_ = static_cast<int>(random_() % History::kKeys);
  const Generation& seen = seen_[static_cast<size_t>(key_)];
  const uint64_t choice = random_() % 100;
  if (choice < 25) return;  // A read.
  const bool deletes = (choice >= 78 && choice < 90) || choice >= 97;
  now_.kind = deletes ? Kind::kDelete : Kind::kWrite;
  if (choice < 65) now_.if_equal = seen.known() ? seen : Generation::Missing();
  if (choice >= 65 && choice < 78) now_.if_equal = Generation::Missing();
  if (choice >= 78 && choice < 90) now_.if_equal = seen;  // Where it is unknown, no condition.
  if (deletes && (now_.if_equal.missing() || !habits_.conditional_deletes)) {
    now_.if_equal = Generation::Unknown();
  }
}

void RegisterClient::Call() {
  Choose();
  if (now_.kind == Kind::kWrite) {
    now_.value = (static_cast<uint64_t>(client_) + 1) << 32 | static_cast<uint64_t>(done_);
  }
  History::Record& record = history_.At(client_, done_);
  record.key = key_;
  record.kind = now_.kind;
  record.value = now_.value;
  record.if_equal.Set(now_.if_equal);
  record.begin = history_.Tick();
  ++history_.header_->called[client_];
}

Future<WriteResult> RegisterClient::Start(KvStore& store) const {
  std::optional<BytesChain> value;
  if (now_.kind == Kind::kWrite) value = Bytes::Copy(TextOf(now_.value));
  return store.Write(prefix_ + std::to_string(key_), std::move(value), {.if_equal = now_.if_equal});
}

void RegisterClient::Learn(const ReadResult& read) {
  now_.outcome = read.state == ReadResult::State::kValue ? Outcome::kDone : Outcome::kMissing;
  now_.generation = read.generation;
  if (now_.outcome == Outcome::kDone) now_.value = ValueOf(read.value.text());
  seen_[static_cast<size_t>(key_)] = read.generation;
}

void RegisterClient::Execute(KvStore& store) {
  now_.outcome = Outcome::kUnknown;
  if (now_.kind == Kind::kRead) {
    const Result<ReadResult> read = store.Read(prefix_ + std::to_string(key_)).Get();
    if (read.ok()) Learn(*read);
    return;
  }
  const Result<WriteResult> written = Start(store).Get();
  if (!written.ok()) return;
  now_.outcome = written->state == WriteResult::State::kWritten ? Outcome::kDone : Outcome::kNotMet;
  now_.generation = written->generation;
  if (now_.outcome == Outcome::kDone) seen_[static_cast<size_t>(key_)] = written->generation;
}

void RegisterClient::Answer() {
  History::Record& record = history_.At(client_, done_++);
  record.outcome = now_.outcome;
  record.value = now_.value;
  record.generation.Set(now_.generation);
  record.end = history_.Tick();
}

void RegisterClient::Run(KvStore& store) {
  while (Next()) {
    Call();
    Execute(store);
    Answer();
    // On a busy machine one client would else be done before another begins.
    std::this_thread::yield();
  }
}

void RegisterClient::ReadAll(KvStore& store) {
  for (key_ = 0; key_ < History::kKeys; ++key_) {
    now_ = {client_};
    History::Record& record = history_.At(client_, done_);
    record.key = key_;
    record.kind = Kind::kRead;
    record.begin = history_.Tick();
    ++history_.header_->called[client_];
    Execute(store);
    Answer();
  }
}

}  // namespace coffer::inline v0::testing
