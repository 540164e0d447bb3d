#pragma once

#include <cstdint>
#include <string>

namespace hadron::server {

/// Where things are kept from one start to the next, and how much of them.
struct CacheDirectory {
  std::string path;  ///< "" = nowhere
  std::uint64_t bytes = 0;
};

/// The directory asked for; if `wanted` is empty, the first that can be written of
/// $TRITON_AWS_MOUNT_DIRECTORY, /var/cache/hadron, $XDG_CACHE_HOME/hadron and ~/.cache/hadron. One
/// that cannot be written may still be read; that, and having none, is a warning. `budget` of 0
/// stands for most of what is free there. Not thread-safe (reads the environment): for the start of
/// the process.
CacheDirectory FindCacheDirectory(const std::string& wanted, std::uint64_t budget);

}  // namespace hadron::server
