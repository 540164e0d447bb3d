#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "base/status.h"

namespace hadron::base {

/// MD5 of a stream of bytes, for sums that others have made: it finds damage, not forgery; our own
/// are SHA-256. Externally synchronised.
class Md5 {
 public:
  /// UNIMPLEMENTED where the machine's policy forbids MD5.
  static StatusOr<std::unique_ptr<Md5>> Create();
  ~Md5();
  Md5(const Md5&) = delete;
  Md5& operator=(const Md5&) = delete;

  void Update(std::span<const std::byte> bytes);
  /// 32 lower-case hexadecimal digits. Ends the stream; the object is not used afterwards.
  std::string FinishHex();

 private:
  struct Impl;
  explicit Md5(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace hadron::base
