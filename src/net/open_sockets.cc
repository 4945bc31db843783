#include "src/net/open_sockets.h"

#include <netdb.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#ifdef __linux__
#include <linux/sockios.h>
#endif

namespace coffer::inline v0 {

namespace {

std::string NameOf(const char* from, const std::string& from_port, const char* to,
                   const std::string& to_port) {
  return std::string(from) + " " + from_port + " " + to + " " + to_port;
}

/// Empty if it is not connected.
std::string NameOf(int socket) {
  char host[2][NI_MAXHOST];
  char port[2][NI_MAXSERV];
  for (const int side : {0, 1}) {
    sockaddr_storage address;
    socklen_t size = sizeof(address);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    const int told = side == 0 ? getsockname(socket, generic, &size)  //
                               : getpeername(socket, generic, &size);
    if (told != 0 || getnameinfo(generic, size, host[side], sizeof(host[side]), port[side],
                                 sizeof(port[side]), NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
      return {};
    }
    host[side][std::strcspn(host[side], "%")] = '\0';  // libcurl shows no scope.
  }
  return NameOf(host[0], port[0], host[1], port[1]);
}

}  // namespace

int OpenSockets::Open(int family, int type, int protocol) {
  const int opened = socket(family, type | SOCK_CLOEXEC, protocol);
  if (opened >= 0) unnamed_.insert(opened);
  return opened;
}

void OpenSockets::Close(int socket) {
  unnamed_.erase(socket);
  std::erase_if(named_, [&](const auto& named) { return named.second == socket; });
  close(socket);
}

int OpenSockets::Find(const char* from, int from_port, const char* to, int to_port) {
  std::erase_if(unnamed_, [&](int socket) {
    const std::string name = NameOf(socket);
    if (!name.empty()) named_[name] = socket;
    return !name.empty();
  });
  const auto found =
      named_.find(NameOf(from, std::to_string(from_port), to, std::to_string(to_port)));
  return found == named_.end() ? -1 : found->second;
}

int UnacknowledgedBytes(int socket) {
#ifdef SIOCOUTQ
  int bytes = 0;
  if (socket >= 0 && ioctl(socket, SIOCOUTQ, &bytes) == 0) return bytes;
#else
  static_cast<void>(socket);
#endif
  return 0;
}

}  // namespace coffer::inline v0
