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

struct DownloadOptions {
  std::size_t parallel = 8;
  std::size_t part_bytes = std::size_t{8} << 20;
  bool verify_etag = false;
};

/// One object by parallel ranged GETs of one and the same ETag. A break resumes with the rest of
/// the range; an object that is replaced meanwhile, or whose bytes do not have the checksum that
/// the server names, starts over, a few times, if the target allows it. With `fetch.expected_tag`
/// it must be that very object. What the target wants first is asked for first where it lies far
/// from what comes anyway.
base::Status Download(Client& client, const std::string& key, const FetchOptions& fetch,
                      const DownloadOptions& options, FetchTarget& target);

}  // namespace hadron::storage::s3
