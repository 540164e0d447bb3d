#pragma once

#include <string>

namespace hadron::storage::local {

/// Owns a file descriptor; -1 = none.
class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& other) noexcept;
  Fd& operator=(Fd&& other) noexcept;
  ~Fd();
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }
  int Release();

 private:
  int fd_;
};

/// Opens `name`, one component, inside the directory `at`. A symbolic link is followed only where
/// it stays beneath that directory (a mounted ConfigMap links `config.pbtxt` to `..data/...`).
/// Without the system call for that, links are refused. errno is set on failure.
Fd OpenBeneath(const Fd& at, const std::string& name, int flags);

}  // namespace hadron::storage::local
