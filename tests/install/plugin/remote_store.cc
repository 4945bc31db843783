// A store that answers later, from its own thread, as one behind a network does: the methods put a
// request into a queue and return; the thread does one after the other and sets the promises.
#include <coffer/kvstore/answer.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "parts.h"

using coffer::Future, coffer::Generation, coffer::ListEntry, coffer::Promise, coffer::ReadResult,
    coffer::Result, coffer::WriteResult;

namespace {

/// Runs requests in order. When it is dropped, what waits is still done, so no promise is broken.
class Queue {
 public:
  Queue() : thread_([this] { Run(); }) {}
  ~Queue() {
    Push(nullptr);
    thread_.join();
  }
  void Push(std::function<void()> request) {
    std::lock_guard lock(mutex_);
    requests_.push_back(std::move(request));
    changed_.notify_one();
  }

 private:
  void Run() {
    while (true) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return !requests_.empty(); });
      const std::function<void()> request = std::move(requests_.front());
      requests_.pop_front();
      lock.unlock();
      if (!request) return;
      request();
    }
  }

  std::mutex mutex_;  // Guards `requests_`.
  std::condition_variable changed_;
  std::deque<std::function<void()>> requests_;
  std::thread thread_;
};

/// The other end: touched by the queue's thread alone.
struct Server {
  struct Value {
    coffer::Bytes bytes;
    Generation generation;
  };

  Result<ReadResult> Read(const std::string& key, const coffer::ReadOptions& options) const {
    if (options.cancel.cancelled()) return coffer::CancelledError("remote:" + key);
    const auto found = values.find(key);
    if (found == values.end()) return coffer::AnswerMissing(options);
    auto answer = coffer::AnswerValue(found->second.bytes, found->second.generation, options);
    if (answer.ok()) return answer;
    return answer.status().Annotate("remote:" + key);
  }

  Result<WriteResult> Write(const std::string& key, const std::optional<coffer::Bytes>& value,
                            const coffer::WriteOptions& options) {
    if (options.cancel.cancelled()) return coffer::CancelledError("remote:" + key);
    const auto found = values.find(key);
    const Generation now = found == values.end() ? Generation::Missing() : found->second.generation;
    if (!coffer::MayWrite(options, now)) {
      return WriteResult{WriteResult::State::kConditionNotMet, Generation::Unknown()};
    }
    if (!value) {
      values.erase(key);
      return WriteResult{WriteResult::State::kWritten, Generation::Missing()};
    }
    const Generation made{std::to_string(++writes)};
    values[key] = {*value, made};
    return WriteResult{WriteResult::State::kWritten, made};
  }

  std::vector<ListEntry> List(const coffer::KeyRange& range,
                              const std::optional<std::string>& after, size_t count) const {
    std::vector<ListEntry> page;
    for (auto it = after ? values.upper_bound(*after) : values.begin();
         it != values.end() && page.size() < count; ++it) {
      if (range.Contains(it->first)) {
        page.push_back({it->first, static_cast<int64_t>(it->second.bytes.size())});
      }
    }
    return page;
  }

  std::map<std::string, Value> values;
  int64_t writes = 0;
};

/// Lasts as long as the store or a listing needs it; the queue ends first.
struct Connection {
  Server server;
  Queue queue;
};

class RemoteListing final : public coffer::KvListing {
 public:
  RemoteListing(std::shared_ptr<Connection> connection, coffer::ListOptions options)
      : connection_(std::move(connection)), options_(std::move(options)) {}
  Future<std::vector<ListEntry>> Next() override {
    Promise<std::vector<ListEntry>> promise;
    Future<std::vector<ListEntry>> future = promise.future();
    connection_->queue.Push([this, promise] {
      std::vector<ListEntry> page =
          connection_->server.List(options_.range, last_, options_.page_size);
      if (!page.empty()) last_ = page.back().key;
      promise.Set(std::move(page));
    });
    future.Wait();  // The listing may be dropped after this, and the request refers to it.
    return future;
  }

 private:
  std::shared_ptr<Connection> connection_;
  coffer::ListOptions options_;
  std::optional<std::string> last_;  // The key that the last page ended with.
};

class RemoteStore final : public coffer::KvStore {
 public:
  Future<ReadResult> Read(std::string key, coffer::ReadOptions options) override {
    Promise<ReadResult> promise;
    Future<ReadResult> future = promise.future();
    connection_->queue.Push(
        [&server = connection_->server, promise, key = std::move(key),
         options = std::move(options)] { promise.Set(server.Read(key, options)); });
    return future;
  }

  Future<WriteResult> Write(std::string key, std::optional<coffer::BytesChain> value,
                            coffer::WriteOptions options) override {
    std::optional<coffer::Bytes> bytes;
    // The caller's memory is free when the future resolves; a copy is free of the caller at once.
    if (value) bytes = coffer::Bytes::Copy(value->Flatten().text());
    Promise<WriteResult> promise;
    Future<WriteResult> future = promise.future();
    connection_->queue.Push(
        [&server = connection_->server, promise, key = std::move(key), bytes = std::move(bytes),
         options = std::move(options)] { promise.Set(server.Write(key, bytes, options)); });
    return future;
  }

  Result<std::unique_ptr<coffer::KvListing>> List(coffer::ListOptions options) override {
    return std::unique_ptr<coffer::KvListing>(new RemoteListing(connection_, std::move(options)));
  }

  coffer::Capabilities capabilities() const override {
    return {.conditional_write = true, .conditional_delete = true, .request_concurrency = 8};
  }
  std::string Describe(std::string_view key) const override { return "remote:" + std::string(key); }

 private:
  std::shared_ptr<Connection> connection_ = std::make_shared<Connection>();
};

}  // namespace

coffer::KvStorePtr MakeRemoteStore() { return std::make_shared<RemoteStore>(); }
coffer::StoreDriver RemoteDriver() { return NamedStores("remote", MakeRemoteStore); }
