#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "device/device.h"

namespace hadron::backend::opencl {

/// Writes a file that appears whole under its name or not at all: others may be reading it. What
/// cannot be written is left out.
void WriteAtomically(const std::string& path,
                     std::initializer_list<std::span<const std::byte>> parts);

/// Compiled programs on disk: one file a program, named after all that may change its bytes. A file
/// is magic, version, length, checksum, content; it appears whole or not at all. What is damaged is
/// removed; what cannot be read or written only costs time. Several processes may share a
/// directory. Thread-safe.
///
///     const ProgramCache cache("/var/cache/hadron");
///     const std::string key = ProgramCache::Key(device.info(), text, options);
///     if (const auto binary = cache.Load(key)) ...
class ProgramCache {
 public:
  static constexpr std::uint64_t kDefaultLimit = std::uint64_t{512} << 20;

  /// Files lie in `directory`/bin; empty = no cache. `limit_bytes` bounds their sum: the least
  /// recently used ones go.
  explicit ProgramCache(const std::string& directory, std::uint64_t limit_bytes = kDefaultLimit);

  static std::string Key(const device::DeviceInfo& device, std::string_view source,
                         std::string_view options);
  bool enabled() const { return !folder_.empty(); }
  std::optional<std::vector<std::byte>> Load(const std::string& key) const;
  void Store(const std::string& key, std::span<const std::byte> binary) const;
  void Drop(const std::string& key) const;

 private:
  std::string PathOf(const std::string& key) const { return folder_ + "/" + key + ".clbin"; }
  void Trim() const;

  std::string folder_;
  std::uint64_t limit_bytes_;
};

}  // namespace hadron::backend::opencl
