#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "base/status.h"
#include "base/sync.h"

namespace hadron::device {

class MemoryPool;

/// Bytes of a MemoryPool that somebody may use; gives them back when destroyed. Move-only.
class Reservation {
 public:
  Reservation() = default;
  Reservation(Reservation&& other) noexcept;
  Reservation& operator=(Reservation&& other) noexcept;
  ~Reservation() { Release(); }

  std::uint64_t bytes() const { return bytes_; }
  /// Splits off `bytes` (at most bytes()) into a reservation of its own.
  Reservation Split(std::uint64_t bytes);
  void Release();
  /// From now on they are somebody else's.
  void BookTo(const std::string& owner);

 private:
  friend class MemoryPool;
  Reservation(MemoryPool* pool, std::string owner, std::uint64_t bytes)
      : pool_(pool), owner_(std::move(owner)), bytes_(bytes) {}

  MemoryPool* pool_ = nullptr;
  std::string owner_;
  std::uint64_t bytes_ = 0;
};

/// Ledger of one memory's bytes (a device's, or the host's): who has reserved how many, against a
/// budget. It allocates nothing itself; the rule is that nothing is allocated without a
/// Reservation of at least its size, so the ledger and not the driver says what is free.
/// Outlives its reservations. Thread-safe.
class MemoryPool {
 public:
  explicit MemoryPool(std::uint64_t budget_bytes) : budget_(budget_bytes) {}
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;
  ~MemoryPool();

  /// RESOURCE_EXHAUSTED naming bytes wanted, budget and the largest holders when it does not fit.
  base::StatusOr<Reservation> Reserve(const std::string& owner, std::uint64_t bytes);

  std::uint64_t budget() const { return budget_; }
  std::uint64_t reserved() const;
  std::uint64_t free() const { return budget_ - reserved(); }
  /// How often Reserve has said no.
  std::uint64_t refusals() const { return refusals_.load(); }
  /// Bytes by owner, for accounts and metrics.
  std::map<std::string, std::uint64_t> ByOwner() const;

 private:
  friend class Reservation;
  void Return(const std::string& owner, std::uint64_t bytes);
  void TakeFrom(const std::string& owner, std::uint64_t bytes) HADRON_REQUIRES(mutex_);
  void Rebook(const std::string& from, const std::string& to, std::uint64_t bytes);
  std::string HoldersText() const HADRON_REQUIRES(mutex_);

  const std::uint64_t budget_;
  std::atomic<std::uint64_t> refusals_{0};
  mutable base::Mutex mutex_;
  std::uint64_t reserved_ HADRON_GUARDED_BY(mutex_) = 0;
  std::map<std::string, std::uint64_t> by_owner_ HADRON_GUARDED_BY(mutex_);
};

}  // namespace hadron::device
