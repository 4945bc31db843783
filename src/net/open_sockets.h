// OpenSockets: the sockets that libcurl has open, found by their addresses. It tells which one a
// request goes out on by these only, as long as the request is under way.
//
// Thread safety: none; of one event thread.
#ifndef COFFER_SRC_NET_OPEN_SOCKETS_H_
#define COFFER_SRC_NET_OPEN_SOCKETS_H_

#include <map>
#include <set>
#include <string>

namespace coffer::inline v0 {

class OpenSockets {
 public:
  /// As socket(): -1 on failure.
  int Open(int family, int type, int protocol);
  void Close(int socket);
  /// The open one from this numeric address and port to that one; -1 if there is none.
  int Find(const char* from, int from_port, const char* to, int to_port);

 private:
  std::set<int> unnamed_;  // Not looked for since they were opened.
  std::map<std::string, int> named_;
};

/// What the peer has not acknowledged of what was sent on it; zero where the system does not tell.
int UnacknowledgedBytes(int socket);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_NET_OPEN_SOCKETS_H_
