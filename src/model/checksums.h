#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/byte_source.h"
#include "base/status.h"
#include "config/checksum.h"
#include "model/repository.h"

namespace hadron::model {

/// Compares the files of a model that its configuration has checksums of with them, before a
/// version is made of them: the version's own and those outside of all versions. Blocks; load
/// threads only.
struct ChecksumCheck {
  /// Opens a file of the model's directory by its path there.
  using Open =
      std::function<base::StatusOr<std::shared_ptr<const base::ByteSource>>(const std::string&)>;

  const ScannedModel& model;
  std::int64_t version = 0;
  const std::atomic<bool>& cancelled;

  /// INVALID_ARGUMENT names the first file that differs, with both digests; NOT_FOUND one that is
  /// not there. Files are read a piece at a time.
  base::Status Run(std::span<const config::Checksum> sums, const Open& open) const;
};

}  // namespace hadron::model
