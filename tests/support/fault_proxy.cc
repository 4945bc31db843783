// One request:
// 1. Receive the head from the client; let the test choose.
// 2. To reply: receive the body and drop it, deliver the reply. Else:
// 3. Take the connection to the server; make a new one if there is none or the server has ended it.
// 4. Pass head and body as they come, while watching the server: 1xx passes at once; anything else
//    ends the request where it stands.
// 5. If the request was cut, or is to be followed by an end: break off both connections.
// 6. Pass the response head and body as they come, while watching the client: a server whose client
//    hung up is to notice. To lose a response is to drop it to its end first, watching nobody.
// 7. Keep the connections if both sides, the framing and the test let them.
#include "tests/support/fault_proxy.h"

#include <string_view>
#include <utility>

namespace coffer::inline v0::testing {

class FaultProxy::Session {
 public:
  Session(FaultProxy& proxy, TcpStream& client) : proxy_(proxy), client_(client) {}

  /// Whether another request may follow.
  bool ServeOne();

 private:
  enum class Passed { kWhole, kCut, kAnswered, kBroken };

  bool Reply(const HttpReply& reply);
  bool Forward(const std::string& head, const ProxyAction& action);
  bool EnsureUpstream();
  Passed PassRequest(const std::string& head, const Delivery& how);
  bool PassInterim();
  bool PassResponse(const Delivery& how);
  bool PassBody(HttpBody& body, Outlet& outlet, bool lose);
  bool FillFromServer(bool watch_client);
  bool EndAsTheyDid();
  bool BreakOff(Then then);

  FaultProxy& proxy_;
  TcpStream& client_;
  std::unique_ptr<TcpStream> server_;
  HttpRequest request_;
  std::optional<std::string> response_;  // The head, once it came.
};

bool FaultProxy::Session::ServeOne() {
  const std::optional<std::string> head = ReceiveHead(client_);
  if (!head) return false;
  std::optional<HttpRequest> request = ParseRequestHead(*head);
  if (!request) return false;
  request_ = *std::move(request);
  response_.reset();
  const ProxyAction action = proxy_.ChooseFor(request_);
  return action.reply ? Reply(*action.reply) : Forward(*head, action);
}

bool FaultProxy::Session::Reply(const HttpReply& reply) {
  return ReceiveBody(client_, request_, nullptr) && SendReply(client_, reply, request_.method) &&
         KeepsAlive(request_.version, request_.headers);
}

bool FaultProxy::Session::Forward(const std::string& head, const ProxyAction& action) {
  if (!client_.stop().WaitUntil(std::chrono::steady_clock::now() + action.request.delay)) {
    return false;
  }
  if (!EnsureUpstream()) return false;
  const Passed passed = PassRequest(head, action.request);
  if (passed == Passed::kBroken) return EndAsTheyDid();
  if (passed == Passed::kCut) return BreakOff(action.request.then);
  if (action.request.then != Then::kKeepAlive) return BreakOff(action.request.then);
  const bool kept = PassResponse(action.response);
  if (passed == Passed::kWhole) return kept;
  server_->Close();
  client_.FinishSending();  // A close with bytes unread would be a reset, which may overtake it.
  while (client_.Fill()) client_.Consume(client_.buffered().size());
  return false;
}

bool FaultProxy::Session::EnsureUpstream() {
  if (!server_ || !server_->buffered().empty() || server_->HasInput()) {
    server_ = proxy_.ConnectUpstream(client_.stop());
  }
  return server_ != nullptr;
}

FaultProxy::Session::Passed FaultProxy::Session::PassRequest(const std::string& head,
                                                             const Delivery& how) {
  Delivery paced = how;
  paced.delay = std::chrono::microseconds(0);
  Outlet outlet(*server_, paced);
  HttpBody body = HttpBody::Of(request_);
  bool flowing = outlet.SendHead(head);
  while (flowing && !body.done()) {
    if (client_.buffered().empty()) {
      if (!TcpStream::WaitForEither(client_, *server_)) return Passed::kBroken;
      if (server_->HasInput()) {
        if (!PassInterim()) return Passed::kBroken;
        if (response_) return Passed::kAnswered;
        continue;
      }
      if (!client_.Fill()) return Passed::kBroken;
    }
    const size_t bytes = body.Take(client_.buffered());
    flowing = outlet.SendBody(client_.buffered().substr(0, bytes));
    client_.Consume(bytes);
    if (body.broken()) return Passed::kBroken;
  }
  if (outlet.cut()) return Passed::kCut;
  return flowing ? Passed::kWhole : Passed::kAnswered;  // It answered and closed, or closed.
}

/// Receives a head from the server: passes 1xx, keeps another for PassResponse.
bool FaultProxy::Session::PassInterim() {
  std::optional<std::string> head = ReceiveHead(*server_);
  if (!head) return false;
  const std::optional<HttpResponseHead> parsed = ParseResponseHead(*head);
  if (!parsed) return false;
  if (parsed->status >= 100 && parsed->status < 200) return client_.Send(*head);
  response_ = *std::move(head);
  return true;
}

bool FaultProxy::Session::PassResponse(const Delivery& how) {
  const bool lose = how.stop_after == 0;
  while (!response_) {
    if (server_->buffered().empty() && !FillFromServer(!lose)) return EndAsTheyDid();
    if (!PassInterim()) return EndAsTheyDid();
  }
  const std::optional<HttpResponseHead> head = ParseResponseHead(*response_);
  HttpBody body = HttpBody::Of(*head, request_.method);
  Outlet outlet(client_, how);
  outlet.SendHead(*response_);
  if (!PassBody(body, outlet, lose)) return EndAsTheyDid();
  const bool kept = body.done() && KeepsAlive(head->version, head->headers) &&
                    KeepsAlive(request_.version, request_.headers);
  return outlet.Finish() && kept;
}

/// False: the server broke off before the end. True also where the outlet stops.
bool FaultProxy::Session::PassBody(HttpBody& body, Outlet& outlet, bool lose) {
  bool flowing = !outlet.cut();
  while ((flowing || lose) && !body.done()) {
    if (server_->buffered().empty() && !FillFromServer(!lose)) {
      return body.until_close() && server_->end() == TcpStream::End::kClosed;
    }
    const size_t bytes = body.Take(server_->buffered());
    flowing = flowing && outlet.SendBody(server_->buffered().substr(0, bytes));
    server_->Consume(bytes);
    if (body.broken()) return false;
  }
  return true;
}

/// False: the server has ended; or the client has, and is watched.
bool FaultProxy::Session::FillFromServer(bool watch_client) {
  if (watch_client && !TcpStream::WaitForEither(*server_, client_, /*only_hangup=*/true)) {
    return false;
  }
  if (watch_client && !server_->HasInput()) return false;
  return server_->Fill();
}

bool FaultProxy::Session::EndAsTheyDid() {
  const bool reset =
      server_->end() == TcpStream::End::kFailed || client_.end() == TcpStream::End::kFailed;
  return BreakOff(reset ? Then::kReset : Then::kClose);
}

bool FaultProxy::Session::BreakOff(Then then) {
  if (then == Then::kStall) client_.WaitForHangup();
  if (then == Then::kReset) {
    server_->Reset();
    client_.Reset();
  }
  server_->Close();
  client_.Close();
  return false;
}

FaultProxy::FaultProxy(std::string host, int port, Choose choose)
    : host_(std::move(host)), port_(port), choose_(std::move(choose)) {
  auto serve = [this](std::unique_ptr<TcpStream> stream, int) {
    Session session(*this, *stream);
    while (session.ServeOne()) {
    }
  };
  listener_ = std::make_unique<TcpListener>(0, std::move(serve));
}

FaultProxy::~FaultProxy() { listener_->Stop(); }

std::map<std::string, int64_t> FaultProxy::requests() const {
  const MutexLock lock(mutex_);
  return requests_;
}

bool FaultProxy::WaitForRequests(int64_t count) const {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  const MutexLock lock(mutex_);
  while (chosen_count_ < count) {
    if (!chosen_.WaitUntil(mutex_, deadline)) return chosen_count_ >= count;
  }
  return true;
}

int64_t FaultProxy::upstream_connections() const {
  const MutexLock lock(mutex_);
  return upstream_connections_;
}

ProxyAction FaultProxy::ChooseFor(const HttpRequest& head) {
  const MutexLock choosing(choosing_);
  {
    const MutexLock lock(mutex_);
    ++requests_[head.method];
  }
  ProxyAction action = choose_(head, number_++);
  const MutexLock lock(mutex_);
  ++chosen_count_;
  chosen_.NotifyAll();
  return action;
}

std::unique_ptr<TcpStream> FaultProxy::ConnectUpstream(StopSignal& stop) {
  std::unique_ptr<TcpStream> stream = TcpStream::Connect(host_, port_, stop);
  if (stream) {
    const MutexLock lock(mutex_);
    ++upstream_connections_;
  }
  return stream;
}

}  // namespace coffer::inline v0::testing
