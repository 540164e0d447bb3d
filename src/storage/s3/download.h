#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "base/sha256.h"
#include "base/status.h"
#include "storage/object_store.h"
#include "storage/s3/client.h"

namespace hadron::storage::s3 {

/// Where an object's bytes go, in any order. One thread at a time.
class DownloadTarget {
 public:
  virtual ~DownloadTarget() = default;
  /// Makes room for an object of that size; again when the download starts over.
  virtual base::Status Begin(std::uint64_t size) = 0;
  virtual base::Status Write(std::uint64_t offset, std::span<const std::byte> bytes) = 0;
  /// Bytes that were written before.
  virtual base::Status Read(std::uint64_t offset, std::span<std::byte> to) = 0;
};

struct DownloadOptions {
  std::size_t parallel = 8;
  std::size_t part_bytes = std::size_t{8} << 20;
  bool verify_etag = false;
};

/// One object by parallel ranged GETs of one and the same ETag. A break resumes with the rest of
/// the range; an object that is replaced meanwhile, or whose bytes do not have the checksum that
/// the server names, starts over, a few times. With `fetch.expected_tag` it must be that very
/// object.
base::Status Download(Client& client, const std::string& key, const FetchOptions& fetch,
                      const DownloadOptions& options, DownloadTarget& target);

}  // namespace hadron::storage::s3
