#include "storage/local/open_beneath.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace hadron::storage::local {

Fd::Fd(Fd&& other) noexcept : fd_(other.Release()) {}

Fd& Fd::operator=(Fd&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Fd::~Fd() {
  if (fd_ >= 0) close(fd_);
}

int Fd::Release() { return std::exchange(fd_, -1); }

Fd OpenBeneath(const Fd& at, const std::string& name, int flags) {
  open_how how{};
  how.flags = static_cast<unsigned>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  Fd fd(static_cast<int>(syscall(SYS_openat2, at.get(), name.c_str(), &how, sizeof(how))));
  const bool unavailable = !fd.ok() && (errno == ENOSYS || errno == EPERM);
  if (!unavailable) return fd;
  return Fd(openat(at.get(), name.c_str(), flags | O_CLOEXEC | O_NOFOLLOW));
}

}  // namespace hadron::storage::local
