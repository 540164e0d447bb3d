#pragma once

#include <unistd.h>

namespace hadron::tenancy {

/// An open file that is closed with this object. Holds what open() returned, a failure too.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  const int fd_;
};

}  // namespace hadron::tenancy
