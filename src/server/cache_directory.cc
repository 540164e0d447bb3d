#include "server/cache_directory.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <vector>

#include "base/log.h"

namespace hadron::server {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kAlwaysFree = std::uint64_t{1} << 30U;

/// Makes it if need be.
bool CanWrite(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  return access(path.c_str(), W_OK | X_OK) == 0;
}

std::string FromEnvironment(const char* name, const char* below) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): at start
  return value == nullptr || *value == '\0' ? "" : std::string(value) + below;
}

std::string FirstOfUse() {
  const std::vector<std::string> places = {
      FromEnvironment("TRITON_AWS_MOUNT_DIRECTORY", ""), "/var/cache/hadron",
      FromEnvironment("XDG_CACHE_HOME", "/hadron"), FromEnvironment("HOME", "/.cache/hadron")};
  const auto found = std::ranges::find_if(
      places, [](const std::string& place) { return !place.empty() && CanWrite(place); });
  if (found != places.end()) return *found;
  base::LogWarning("no cache directory can be written, nothing is kept from one start to the next",
                   {{"remedy", "set --cache-dir"}});
  return "";
}

/// 80 % of what is free, and never the last GiB.
std::uint64_t Room(const std::string& path) {
  std::error_code error;
  const fs::space_info space = fs::space(path, error);
  if (error) return 0;
  const auto free = static_cast<std::uint64_t>(space.available);
  return std::min(free / 5 * 4, free - std::min(free, kAlwaysFree));
}

}  // namespace

CacheDirectory FindCacheDirectory(const std::string& wanted, std::uint64_t budget) {
  CacheDirectory cache{wanted.empty() ? FirstOfUse() : wanted, budget};
  if (cache.path.empty()) return cache;
  if (!wanted.empty() && !CanWrite(wanted)) {
    base::LogWarning("--cache-dir cannot be written, what it holds is used",
                     {{"directory", wanted}});
  }
  if (budget == 0) cache.bytes = Room(cache.path);
  return cache;
}

}  // namespace hadron::server
