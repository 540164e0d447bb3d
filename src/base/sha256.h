#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace hadron::base {

using Sha256Digest = std::array<std::byte, 32>;

/// SHA-256 of a stream of bytes: what equal content, cache keys and checksums are named by.
/// Externally synchronised.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Update(std::span<const std::byte> bytes);
  /// Ends the stream; the object is not used afterwards.
  Sha256Digest Finish();

  static Sha256Digest Of(std::span<const std::byte> bytes);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// 64 lower-case hexadecimal digits.
std::string ToHex(const Sha256Digest& digest);

}  // namespace hadron::base
