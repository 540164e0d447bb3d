#include "device/memory_pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/strings.h"

namespace hadron::device {

Reservation::Reservation(Reservation&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)),
      owner_(std::move(other.owner_)),
      bytes_(std::exchange(other.bytes_, 0)) {}

Reservation& Reservation::operator=(Reservation&& other) noexcept {
  if (this != &other) {
    Release();
    pool_ = std::exchange(other.pool_, nullptr);
    owner_ = std::move(other.owner_);
    bytes_ = std::exchange(other.bytes_, 0);
  }
  return *this;
}

Reservation Reservation::Split(std::uint64_t bytes) {
  HADRON_CHECK(bytes <= bytes_);
  bytes_ -= bytes;
  return {pool_, owner_, bytes};
}

void Reservation::Release() {
  if (pool_ != nullptr) pool_->Return(owner_, bytes_);
  pool_ = nullptr;
  bytes_ = 0;
}

void Reservation::BookTo(const std::string& owner) {
  if (pool_ != nullptr && owner_ != owner) pool_->Rebook(owner_, owner, bytes_);
  owner_ = owner;
}

MemoryPool::~MemoryPool() { HADRON_DCHECK(reserved() == 0); }

base::StatusOr<Reservation> MemoryPool::Reserve(const std::string& owner, std::uint64_t bytes) {
  base::MutexLock lock(mutex_);
  if (bytes > budget_ - reserved_) {
    refusals_.fetch_add(1);
    return base::ResourceExhausted(
        fmt::format("{} needs {} of memory, {} of the budget of {} are taken ({})", owner,
                    base::HumanBytes(bytes), base::HumanBytes(reserved_), base::HumanBytes(budget_),
                    HoldersText()));
  }
  reserved_ += bytes;
  by_owner_[owner] += bytes;
  return Reservation(this, owner, bytes);
}

std::uint64_t MemoryPool::reserved() const {
  base::MutexLock lock(mutex_);
  return reserved_;
}

std::map<std::string, std::uint64_t> MemoryPool::ByOwner() const {
  base::MutexLock lock(mutex_);
  return by_owner_;
}

void MemoryPool::Return(const std::string& owner, std::uint64_t bytes) {
  if (bytes == 0) return;  // the owner may be gone: it holds nothing
  base::MutexLock lock(mutex_);
  reserved_ -= bytes;
  TakeFrom(owner, bytes);
}

void MemoryPool::Rebook(const std::string& from, const std::string& to, std::uint64_t bytes) {
  if (bytes == 0) return;
  base::MutexLock lock(mutex_);
  TakeFrom(from, bytes);
  by_owner_[to] += bytes;
}

void MemoryPool::TakeFrom(const std::string& owner, std::uint64_t bytes) {
  const auto it = by_owner_.find(owner);
  HADRON_CHECK(it != by_owner_.end() && it->second >= bytes);
  it->second -= bytes;
  if (it->second == 0) by_owner_.erase(it);
}

std::string MemoryPool::HoldersText() const {
  static constexpr std::size_t kNamed = 3;
  std::vector<std::pair<std::uint64_t, std::string>> holders;
  for (const auto& [owner, bytes] : by_owner_) holders.emplace_back(bytes, owner);
  std::ranges::sort(holders, std::greater<>());
  std::string text;
  for (std::size_t i = 0; i < std::min(kNamed, holders.size()); ++i) {
    text += fmt::format("{}{}: {}", i == 0 ? "" : ", ", holders[i].second,
                        base::HumanBytes(holders[i].first));
  }
  return text.empty() ? "nobody holds any" : text;
}

}  // namespace hadron::device
