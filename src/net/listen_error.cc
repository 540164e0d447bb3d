#include "net/listen_error.h"

#include <fmt/format.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <vector>

#include "base/strings.h"

namespace hadron::net {
namespace {

namespace fs = std::filesystem;

/// Inode of the socket that listens on `port`, from a table like /proc/net/tcp.
std::optional<std::string> ListenerInode(const char* table, std::uint16_t port) {
  constexpr std::string_view kListen = "0A";
  const std::string suffix = fmt::format(":{:04X}", port);
  std::ifstream file(table);
  std::string line;
  std::getline(file, line);  // the heading
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string slot, local, remote, state, queues, timer, retransmits, uid, timeout, inode;
    words >> slot >> local >> remote >> state >> queues >> timer >> retransmits >> uid >> timeout >>
        inode;
    if (state == kListen && local.ends_with(suffix) && !inode.empty()) return inode;
  }
  return std::nullopt;
}

bool HoldsSocket(const fs::path& process, std::string_view link) {
  std::error_code ec;
  for (fs::directory_iterator fd(process / "fd", ec), end; !ec && fd != end; fd.increment(ec)) {
    std::error_code unreadable;
    if (fs::read_symlink(fd->path(), unreadable).native() == link) return true;
  }
  return false;
}

std::optional<std::string> OwnerOfInode(const std::string& inode) {
  const std::string link = "socket:[" + inode + "]";
  std::error_code ec;
  for (fs::directory_iterator process("/proc", ec), end; !ec && process != end;
       process.increment(ec)) {
    const std::string pid = process->path().filename().native();
    if (!base::ParseUint64(pid) || !HoldsSocket(process->path(), link)) continue;
    std::ifstream comm(process->path() / "comm");
    std::string name;
    std::getline(comm, name);
    return fmt::format("pid {} ({})", pid, base::EscapeControl(name));
  }
  return std::nullopt;
}

}  // namespace

std::string HostPort(std::string_view address, std::uint16_t port) {
  const bool bare_v6 = address.find(':') != std::string_view::npos && !address.starts_with('[');
  return bare_v6 ? fmt::format("[{}]:{}", address, port) : fmt::format("{}:{}", address, port);
}

std::optional<std::string> PortOwner(std::uint16_t port) {
  for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    if (const auto inode = ListenerInode(table, port)) {
      if (auto owner = OwnerOfInode(*inode)) return owner;
    }
  }
  return std::nullopt;
}

base::Status ListenFailure(std::string_view address, std::uint16_t port, int error,
                           std::string_view option) {
  const std::string where = fmt::format("cannot listen on {}", HostPort(address, port));
  switch (error) {
    case EADDRINUSE:
      return base::Unavailable(fmt::format(
          "{}: address in use by {}; stop it or choose {}-port", where,
          PortOwner(port).value_or("another process (its owner or root can see which)"), option));
    case EACCES:
      return base::PermissionDenied(
          fmt::format("{}: permission denied; ports below 1024 need CAP_NET_BIND_SERVICE, give it "
                      "or choose {}-port",
                      where, option));
    case EADDRNOTAVAIL:
      return base::InvalidArgument(
          fmt::format("{}: not an address of this host; choose {}-address", where, option));
    default:
      return base::Unavailable(fmt::format("{}: {}; choose {}-address and {}-port", where,
                                           std::generic_category().message(error), option, option));
  }
}

}  // namespace hadron::net
