#include "protocol/rpc/listen_probe.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "base/strings.h"
#include "net/listen_error.h"

namespace hadron::protocol::rpc {
namespace {

using AddressList = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

std::string WithoutBrackets(const std::string& address) {
  const bool bracketed = address.starts_with('[') && address.ends_with(']');
  return bracketed ? address.substr(1, address.size() - 2) : address;
}

/// 0, or the errno of what failed.
int TryBind(const addrinfo& to, bool reuse_port) {
  const int socket_fd = socket(to.ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket_fd < 0) return errno;
  const int on = 1;
  setsockopt(socket_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (reuse_port) setsockopt(socket_fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
  const int error = bind(socket_fd, to.ai_addr, to.ai_addrlen) == 0 ? 0 : errno;
  close(socket_fd);
  return error;
}

}  // namespace

base::Status ProbeListen(const std::string& address, std::uint16_t port, bool reuse_port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failed =
      getaddrinfo(WithoutBrackets(address).c_str(), std::to_string(port).c_str(), &hints, &found);
  if (failed != 0) {
    return base::InvalidArgument(
        fmt::format("cannot listen on {}: '{}' is not an IP address; choose --grpc-address",
                    net::HostPort(address, port), base::EscapeControl(address)));
  }
  const AddressList list(found, freeaddrinfo);
  const int error = TryBind(*list, reuse_port);
  return error == 0 ? base::OkStatus() : net::ListenFailure(address, port, error, "--grpc");
}

}  // namespace hadron::protocol::rpc
