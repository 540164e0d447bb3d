#include "plan/shared_segments.h"

#include <algorithm>
#include <utility>

namespace hadron::plan {

std::shared_ptr<device::DeviceBuffer> SharedSegments::Share(
    const base::Sha256Digest& hash, std::shared_ptr<device::DeviceBuffer> mine) {
  if (mine->bytes() < kSharedSegmentBytes) return mine;
  const base::MutexLock lock(mutex_);
  auto& known = by_content_[hash];
  if (auto there = known.lock(); there != nullptr) {
    // The model that has brought it may leave before the others do.
    there->BookTo(kOwner);
    return there;
  }
  known = mine;
  if (by_content_.size() >= sweep_at_) Sweep();
  return mine;
}

std::shared_ptr<device::DeviceBuffer> SharedSegments::Find(const base::Sha256Digest& hash) {
  const base::MutexLock lock(mutex_);
  const auto known = by_content_.find(hash);
  if (known == by_content_.end()) return nullptr;
  auto there = known->second.lock();
  if (there != nullptr) there->BookTo(kOwner);
  return there;
}

std::size_t SharedSegments::size() const {
  const base::MutexLock lock(mutex_);
  return by_content_.size();
}

/// Ranges do not say when they go. Each sweep halves the list or doubles the time to the next one.
void SharedSegments::Sweep() {
  std::erase_if(by_content_, [](const auto& entry) { return entry.second.expired(); });
  sweep_at_ = std::max<std::size_t>(64, 2 * by_content_.size());
}

}  // namespace hadron::plan
