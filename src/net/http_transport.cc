// One thread runs libcurl's multi interface. Other threads put transfers and timers into an inbox
// and wake it.
//
// The loop:
//   1. takes the inbox: a transfer begins, or waits behind others of its host;
//   2. lets libcurl work, and finishes what is done: the next of that host begins;
//   3. ends what was cancelled, and, a few times a second, what is past a limit of time;
//   4. runs the timers that are due, and sleeps until a socket, a timer or another thread calls.
// Futures resolve between these steps, never inside libcurl, so callbacks may send again.
//
// The thread shares ownership of the loop, so that the transport may be destroyed by a callback
// that runs on it. All signals are blocked there: a broken connection must not end the program.
#include "src/net/http_transport.h"

#include <curl/curl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <deque>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "src/base/mutex.h"
#include "src/base/openssl.h"
#include "src/net/transfer.h"

namespace coffer::inline v0 {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLookInterval{20};
constexpr std::chrono::milliseconds kLongestSleep{60'000};
constexpr long kConnectionsKept = 256;  // NOLINT: libcurl's type

/// Handles that no transfer uses, ready for the next.
class IdleHandles {
 public:
  ~IdleHandles() {
    for (CURL* easy : idle_) curl_easy_cleanup(easy);
  }
  CURL* Take() {
    if (idle_.empty()) return curl_easy_init();
    CURL* easy = idle_.back();
    idle_.pop_back();
    return easy;
  }
  void Give(CURL* easy) {
    curl_easy_reset(easy);
    idle_.push_back(easy);
  }

 private:
  std::vector<CURL*> idle_;
};

/// The transfers of one host.
struct HostQueue {
  int active = 0;
  std::deque<std::shared_ptr<Transfer>> waiting;
};

}  // namespace

class HttpTransport::Loop : public std::enable_shared_from_this<Loop> {
 public:
  Loop() {
    static std::once_flag once;
    std::call_once(once, [] {
      KeepOpenSsl();
      curl_global_init(CURL_GLOBAL_DEFAULT);
    });
    multi_ = curl_multi_init();
    if (multi_ != nullptr) curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, kConnectionsKept);
  }
  ~Loop() {
    if (multi_ != nullptr) curl_multi_cleanup(multi_);
  }

  Future<HttpResponse> Send(HttpRequest request, std::shared_ptr<Executor> executor);
  void After(Clock::duration delay, Task task, const CancelToken& cancel);
  void CancelAll();
  void Close();

 private:
  struct Timer {
    uint64_t id;
    Clock::time_point due;
    Task task;
    CancelToken cancel;
    uint64_t cancel_id;
  };

  bool StartLocked() COFFER_REQUIRES(mutex_);
  void Wake();
  void Run();
  bool TakeInbox();
  Status Begin(const std::shared_ptr<Transfer>& transfer);
  void Work();
  void EndCancelled(bool all);
  void EndOverdue();
  void Finish(CURL* easy, const std::shared_ptr<Transfer>& transfer, Result<HttpResponse> outcome);
  void BeginNext(const std::string& host);
  void RunTimers(bool all);
  Clock::duration SleepTime() const;

  CURLM* multi_ = nullptr;
  Mutex mutex_;
  std::vector<std::shared_ptr<Transfer>> inbox_ COFFER_GUARDED_BY(mutex_);
  std::vector<Timer> new_timers_ COFFER_GUARDED_BY(mutex_);
  std::vector<uint64_t> fired_ COFFER_GUARDED_BY(mutex_);  // Timers whose token has.
  uint64_t timer_count_ COFFER_GUARDED_BY(mutex_) = 0;
  bool closed_ COFFER_GUARDED_BY(mutex_) = false;
  bool ended_ COFFER_GUARDED_BY(mutex_) = false;  // Nobody looks into the inbox any more.
  std::thread thread_ COFFER_GUARDED_BY(mutex_);
  std::atomic<bool> look_for_cancelled_{false};
  std::atomic<bool> woken_{false};

  // Of the event thread.
  OpenSockets sockets_;
  IdleHandles handles_;
  std::unordered_map<CURL*, std::shared_ptr<Transfer>> active_;
  std::map<std::string, HostQueue> hosts_;
  std::vector<Timer> timers_;
  Clock::time_point last_look_;
};

Future<HttpResponse> HttpTransport::Loop::Send(HttpRequest request,
                                               std::shared_ptr<Executor> executor) {
  const auto transfer = std::make_shared<Transfer>(std::move(request), std::move(executor));
  Future<HttpResponse> future = transfer->future();
  if (const Status status = transfer->Check(); !status.ok()) {
    transfer->Finish(transfer->Named(status));
    return future;
  }
  // Before it is in the inbox: nothing can finish it and leave the callbacks behind.
  transfer->WatchCancel([weak = weak_from_this()] {
    if (const std::shared_ptr<Loop> loop = weak.lock()) {
      loop->look_for_cancelled_ = true;
      loop->Wake();
    }
  });
  Status refused;
  {
    MutexLock lock(mutex_);
    if (ended_) {
      refused = CancelledError("requests of this context were cancelled");
    } else if (StartLocked()) {
      inbox_.push_back(transfer);
    } else {
      refused = ResourceExhaustedError("no thread for the network could be started");
    }
  }
  if (refused.ok()) {
    Wake();
  } else {
    transfer->Finish(transfer->Named(refused));
  }
  return future;
}

void HttpTransport::Loop::After(Clock::duration delay, Task task, const CancelToken& cancel) {
  bool now = false;
  uint64_t id = 0;
  {
    MutexLock lock(mutex_);
    now = ended_ || !StartLocked();
    id = ++timer_count_;
  }
  if (now) return task();
  const uint64_t cancel_id = cancel.OnCancel([weak = weak_from_this(), id] {
    if (const std::shared_ptr<Loop> loop = weak.lock()) {
      {
        MutexLock lock(loop->mutex_);
        loop->fired_.push_back(id);
      }
      loop->Wake();
    }
  });
  {
    MutexLock lock(mutex_);
    now = ended_;
    // A token that fired by now may have been noted, and seen, before the timer is there.
    const Clock::duration wait = cancel.cancelled() ? Clock::duration::zero() : delay;
    if (!now) new_timers_.push_back({id, Clock::now() + wait, task, cancel, cancel_id});
  }
  if (!now) return Wake();
  cancel.RemoveCallback(cancel_id);
  task();
}

bool HttpTransport::Loop::StartLocked() {
  if (thread_.joinable()) return true;
  if (multi_ == nullptr || closed_) return false;
  try {
    thread_ = std::thread([self = shared_from_this()] { self->Run(); });
  } catch (const std::system_error&) {
    return false;
  }
  return true;
}

void HttpTransport::Loop::Wake() {
  if (!woken_.exchange(true)) curl_multi_wakeup(multi_);
}

void HttpTransport::Loop::CancelAll() {
  {
    MutexLock lock(mutex_);
    closed_ = true;
    if (!thread_.joinable()) ended_ = true;
  }
  Wake();
}

void HttpTransport::Loop::Close() {
  CancelAll();
  std::thread thread;
  {
    MutexLock lock(mutex_);
    thread = std::move(thread_);
  }
  if (!thread.joinable()) return;
  if (thread.get_id() == std::this_thread::get_id()) {
    thread.detach();
  } else {
    thread.join();
  }
}

void HttpTransport::Loop::Run() {
  sigset_t signals;
  sigfillset(&signals);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  while (TakeInbox()) {
    Work();
    if (look_for_cancelled_.exchange(false)) EndCancelled(false);
    EndOverdue();
    RunTimers(false);
    const auto sleep = std::chrono::ceil<std::chrono::milliseconds>(SleepTime());
    curl_multi_poll(multi_, nullptr, 0, static_cast<int>(sleep.count()), nullptr);
  }
  // Closed. What runs now may ask for more, which finds the loop ended.
  EndCancelled(true);
  RunTimers(true);
}

bool HttpTransport::Loop::TakeInbox() {
  woken_ = false;  // What is put in from here on wakes again.
  std::vector<std::shared_ptr<Transfer>> inbox;
  bool closed = false;
  std::vector<uint64_t> fired;
  {
    MutexLock lock(mutex_);
    inbox.swap(inbox_);
    for (Timer& timer : new_timers_) timers_.push_back(std::move(timer));
    new_timers_.clear();
    fired.swap(fired_);
    closed = ended_ = closed_;
  }
  for (Timer& timer : timers_) {
    if (std::find(fired.begin(), fired.end(), timer.id) != fired.end()) timer.due = {};
  }
  for (const std::shared_ptr<Transfer>& transfer : inbox) {
    if (transfer->cancelled()) {
      transfer->Finish(transfer->Named(CancelledError("cancelled before it was sent")));
      continue;
    }
    HostQueue& host = hosts_[transfer->host()];
    host.waiting.push_back(transfer);
    if (host.active < kRequestsPerHost) BeginNext(transfer->host());
  }
  return !closed;
}

void HttpTransport::Loop::BeginNext(const std::string& host_name) {
  HostQueue& host = hosts_[host_name];
  while (!host.waiting.empty()) {
    const std::shared_ptr<Transfer> transfer = std::move(host.waiting.front());
    host.waiting.pop_front();
    const Status status = Begin(transfer);
    if (status.ok()) {
      ++host.active;
      return;
    }
    transfer->Finish(transfer->Named(status));
  }
  if (host.active == 0) hosts_.erase(host_name);
}

Status HttpTransport::Loop::Begin(const std::shared_ptr<Transfer>& transfer) {
  CURL* easy = handles_.Take();
  if (easy == nullptr) return ResourceExhaustedError("no memory for a handle of libcurl");
  Status status = transfer->Begin(easy, &sockets_);
  if (status.ok() && curl_multi_add_handle(multi_, easy) != CURLM_OK) {
    status = InternalError("libcurl did not take the request");
  }
  if (status.ok()) {
    active_[easy] = transfer;
  } else {
    handles_.Give(easy);
  }
  return status;
}

void HttpTransport::Loop::Finish(CURL* easy, const std::shared_ptr<Transfer>& transfer,
                                 Result<HttpResponse> outcome) {
  active_.erase(easy);
  curl_multi_remove_handle(multi_, easy);
  handles_.Give(easy);
  --hosts_[transfer->host()].active;
  BeginNext(transfer->host());
  transfer->Finish(std::move(outcome));
}

void HttpTransport::Loop::Work() {
  int running = 0;
  curl_multi_perform(multi_, &running);
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    CURL* easy = message->easy_handle;
    const CURLcode code = message->data.result;
    const std::shared_ptr<Transfer> transfer = active_.at(easy);
    Finish(easy, transfer, transfer->Outcome(code));
  }
}

void HttpTransport::Loop::EndCancelled(bool all) {
  std::vector<std::shared_ptr<Transfer>> waiting;
  for (auto& [name, host] : hosts_) {
    std::erase_if(host.waiting, [&](const std::shared_ptr<Transfer>& transfer) {
      const bool ends = all || transfer->cancelled();
      if (ends) waiting.push_back(transfer);
      return ends;
    });
  }
  for (const std::shared_ptr<Transfer>& transfer : waiting) {
    transfer->Finish(transfer->Named(CancelledError("cancelled before it was sent")));
  }
  std::vector<std::pair<CURL*, std::shared_ptr<Transfer>>> ending;
  for (const auto& [easy, transfer] : active_) {
    if (all || (transfer->cancelled() && !transfer->waits_for_answer())) {
      ending.emplace_back(easy, transfer);
    }
  }
  for (const auto& [easy, transfer] : ending) {
    Finish(easy, transfer, transfer->Named(CancelledError("cancelled")));
  }
}

void HttpTransport::Loop::EndOverdue() {
  const Clock::time_point now = Clock::now();
  if (now - last_look_ < kLookInterval) return;
  last_look_ = now;
  std::vector<std::pair<CURL*, Status>> ending;
  for (const auto& [easy, transfer] : active_) {
    if (Status overdue = transfer->Overdue(now); !overdue.ok()) ending.emplace_back(easy, overdue);
  }
  for (const auto& [easy, status] : ending) {
    const std::shared_ptr<Transfer> transfer = active_.at(easy);
    Finish(easy, transfer, transfer->Named(status));
  }
}

void HttpTransport::Loop::RunTimers(bool all) {
  const Clock::time_point now = Clock::now();
  const auto due = std::partition(timers_.begin(), timers_.end(),
                                  [&](const Timer& timer) { return !all && timer.due > now; });
  std::vector<Timer> ready(std::make_move_iterator(due), std::make_move_iterator(timers_.end()));
  timers_.erase(due, timers_.end());
  for (Timer& timer : ready) {
    timer.cancel.RemoveCallback(timer.cancel_id);
    timer.task();
  }
}

Clock::duration HttpTransport::Loop::SleepTime() const {
  Clock::duration sleep = active_.empty() ? kLongestSleep : kLookInterval;
  const Clock::time_point now = Clock::now();
  for (const Timer& timer : timers_) {
    sleep = std::min(sleep, std::max(timer.due - now, Clock::duration::zero()));
  }
  return sleep;
}

/// The loop of the process that made it. A forked child leaves it as it is: neither its thread nor
/// its connections are the child's.
struct HttpTransport::OfProcess {
  const pid_t process = getpid();
  const std::shared_ptr<Loop> loop = std::make_shared<Loop>();
};

HttpTransport::HttpTransport() : current_(new OfProcess()) {}

HttpTransport::~HttpTransport() {
  const OfProcess* current = current_;
  if (current->process != getpid()) return;
  current->loop->Close();
  delete current;
}

HttpTransport::Loop& HttpTransport::loop() {
  OfProcess* current = current_.load(std::memory_order_acquire);
  if (current->process != getpid()) {
    auto* mine = new OfProcess();
    if (current_.compare_exchange_strong(current, mine, std::memory_order_acq_rel)) {
      current = mine;
    } else {
      delete mine;
    }
  }
  return *current->loop;
}

Future<HttpResponse> HttpTransport::Send(HttpRequest request, std::shared_ptr<Executor> executor) {
  return loop().Send(std::move(request), std::move(executor));
}

void HttpTransport::After(std::chrono::milliseconds delay, Task task, const CancelToken& cancel) {
  loop().After(delay, std::move(task), cancel);
}

void HttpTransport::CancelAll() { loop().CancelAll(); }

}  // namespace coffer::inline v0
