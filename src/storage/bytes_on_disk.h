#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

namespace hadron::storage {

/// How many bytes of some remote files this machine's disk holds, as it is now: the cache that
/// keeps and drops them sets it, whoever asks takes no lock. A file counts from when its copy is
/// whole. Thread-safe; outlives the cache.
class BytesOnDisk {
 public:
  using File = std::atomic<std::uint64_t>;

  BytesOnDisk() = default;
  explicit BytesOnDisk(std::vector<std::shared_ptr<const File>> files) : files_(std::move(files)) {}

  std::uint64_t value() const {
    return std::accumulate(files_.begin(), files_.end(), std::uint64_t{0},
                           [](std::uint64_t sum, const auto& file) { return sum + file->load(); });
  }

 private:
  std::vector<std::shared_ptr<const File>> files_;
};

}  // namespace hadron::storage
