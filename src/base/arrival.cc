#include "base/arrival.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace hadron::base {

void Arrival::Add(std::uint64_t begin, std::uint64_t end) {
  end = std::min(end, size_);
  if (begin >= end) return;
  const MutexLock lock(mutex_);
  auto at = there_.upper_bound(begin);
  if (at != there_.begin() && std::prev(at)->second >= begin) {
    --at;
    begin = at->first;
  }
  while (at != there_.end() && at->first <= end) {
    end = std::max(end, at->second);
    at = there_.erase(at);
  }
  there_[begin] = end;
  // Bytes come in small pieces: nobody is woken for one that is not the last that was missing.
  const bool enough = std::ranges::any_of(waiting_, [this](const Range& range) HADRON_NO_ANALYSIS {
    return !FindMissing(range.begin, range.end);
  });
  if (enough) changed_.NotifyAll();
}

std::optional<Arrival::Range> Arrival::FindMissing(std::uint64_t begin, std::uint64_t end) const {
  auto at = there_.upper_bound(begin);
  if (at != there_.begin()) begin = std::max(begin, std::prev(at)->second);
  if (begin >= end) return std::nullopt;
  return Range{begin, at == there_.end() ? end : std::min(end, at->first)};
}

std::optional<Arrival::Range> Arrival::Missing(std::uint64_t begin, std::uint64_t end) const {
  const MutexLock lock(mutex_);
  return FindMissing(begin, end);
}

void Arrival::End(Status status) {
  const MutexLock lock(mutex_);
  if (end_) return;
  end_ = std::move(status);
  changed_.NotifyAll();
}

bool Arrival::ended() const {
  const MutexLock lock(mutex_);
  return end_.has_value();
}

Status Arrival::WaitFor(std::uint64_t offset, std::uint64_t count) {
  if (offset > size_ || count > size_ - offset) {
    return InvalidArgument(
        fmt::format("bytes {} to {}+{} lie beyond the end of the file ({} bytes)", offset, offset,
                    count, size_));
  }
  const MutexLock lock(mutex_);
  const Range range{offset, offset + count};
  auto missing = FindMissing(range.begin, range.end);
  if (missing && !end_) {
    wanted_ = missing;
    waiting_.push_back(range);
    while (!end_ && FindMissing(range.begin, range.end)) changed_.Wait(mutex_);
    waiting_.erase(std::ranges::find_if(waiting_, [&](const Range& one) {
      return one.begin == range.begin && one.end == range.end;
    }));
    missing = FindMissing(range.begin, range.end);
  }
  if (end_ && !end_->ok()) return end_->Clone();
  if (missing) return Internal("a download has ended without all of its bytes");
  given_ = true;
  return {};
}

bool Arrival::Restart() {
  const MutexLock lock(mutex_);
  if (!given_) there_.clear();
  return !given_;
}

Status Arrival::WaitForEnd() const {
  const MutexLock lock(mutex_);
  while (!end_) changed_.Wait(mutex_);
  return end_->Clone();
}

std::optional<Arrival::Range> Arrival::TakeWanted() {
  const MutexLock lock(mutex_);
  return std::exchange(wanted_, std::nullopt);
}

}  // namespace hadron::base
