#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>

#include "base/sha256.h"
#include "base/sync.h"
#include "device/device.h"

namespace hadron::plan {

/// Packed segments from this size on are worth sharing; smaller ones cost less than the look-up.
inline constexpr std::uint64_t kSharedSegmentBytes = 64 * 1024;

/// The packed segments that host memory holds, by content: equal ones of different models, versions
/// and loads are one range with several holders, so a family of fine-tuned models costs its
/// differences there, too. It keeps no range alive: one goes when its last image has gone.
///
/// Owner: whoever loads models. Thread-safe. Outlived by the ranges it has seen.
///
///     buffer = segments.Share(hash, std::move(buffer));  // mine, or the one there was before
class SharedSegments {
 public:
  SharedSegments() = default;
  SharedSegments(const SharedSegments&) = delete;
  SharedSegments& operator=(const SharedSegments&) = delete;

  /// The range with this content that is there already, or `mine`, which from now on others share.
  /// Nobody may write to it any more. What several hold is booked to kOwner.
  std::shared_ptr<device::DeviceBuffer> Share(const base::Sha256Digest& hash,
                                              std::shared_ptr<device::DeviceBuffer> mine);
  /// The range with this content that is there already; null: there is none.
  std::shared_ptr<device::DeviceBuffer> Find(const base::Sha256Digest& hash);
  /// Contents that are remembered, some of which may have gone.
  std::size_t size() const;

  /// In the memory's ledger: bytes that are of no model alone.
  static constexpr const char* kOwner = "weights that several models share";

 private:
  void Sweep() HADRON_REQUIRES(mutex_);

  mutable base::Mutex mutex_;
  std::map<base::Sha256Digest, std::weak_ptr<device::DeviceBuffer>> by_content_
      HADRON_GUARDED_BY(mutex_);
  std::size_t sweep_at_ HADRON_GUARDED_BY(mutex_) = 64;  ///< contents
};

}  // namespace hadron::plan
