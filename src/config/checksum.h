#pragma once

#include <cstdint>
#include <string>

namespace hadron::config {

/// What a file of the model has to be, by the agent `checksum`.
struct Checksum {
  enum class Kind : std::uint8_t { kMd5, kSha256 };
  Kind kind = Kind::kSha256;
  std::string path;    ///< below the model's directory
  std::string digest;  ///< lower-case hexadecimal digits
};

}  // namespace hadron::config
